//! Fetches a missing issuer from the address that a certificate names (caIssuers, RFC 5280 section 4.2.2.1).
//!
//! Over http alone, as that section has it: the certificate that comes is checked
//! and not the road that it came by. It asks nobody whom the certificate does not
//! name, so it follows no redirect; it believes nothing that did not sign, and
//! takes at most [`MAX_BYTES`] within [`PATIENCE`].

use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, LOCATION, USER_AGENT};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::CertificateDer;
use thiserror::Error;
use tokio::net::TcpStream;

use super::container;
use super::member::Member;
use super::pem::{Pem, Placed};
use super::read::MAX_BYTES;

/// How long one address may take, from its name to the last byte.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Most addresses of one certificate that are tried: CAs name one.
const MAX_ADDRESSES: usize = 4;

/// Why an address did not give the issuer.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The certificate names none over http.
    #[error("it names no http address for its issuer")]
    NoAddress,
    /// It is no address that can be asked.
    #[error("{0} is no address that can be asked")]
    BadAddress(String),
    /// Nobody takes the connection.
    #[error("{address}: cannot connect")]
    Connect {
        /// Where.
        address: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// What came is no HTTP, or broke off.
    #[error("{address}: no whole answer")]
    Http {
        /// Where.
        address: String,
        /// What hyper said.
        #[source]
        source: hyper::Error,
    },
    /// It took too long.
    #[error("{address}: not within {} s", PATIENCE.as_secs())]
    Late {
        /// Where.
        address: String,
    },
    /// It sends more than any certificate has, or breaks off.
    #[error("{0}: the answer is larger than 1 MiB, or breaks off")]
    Body(String),
    /// It answers something else.
    #[error("{address}: answers {status}{}", .to.as_ref().map(|to| format!(" to {to:?}, and redirects are not followed")).unwrap_or_default())]
    Status {
        /// Where.
        address: String,
        /// What.
        status: StatusCode,
        /// Whither it redirects.
        to: Option<String>,
    },
    /// The answer holds no certificate.
    #[error("{0}: what it sends is no certificate (DER, PEM or PKCS#7)")]
    NoCertificate(String),
    /// It holds some, and none that signed.
    #[error("{0}: what it sends did not sign the certificate, or is no CA's, or is not valid now")]
    NotTheIssuer(String),
}

/// The issuer of this certificate and the address that gave it. Checked: it signed it, is a CA, and is valid at the
/// second `now`.
///
/// # Errors
/// Where no address gives it: what the last one said.
pub(super) async fn issuer_of(child: &Member<'_>, now: i64) -> Result<(CertificateDer<'static>, String), FetchError> {
    let addresses = child.issuer_addresses().filter(|address| address.starts_with("http://"));
    let mut last = FetchError::NoAddress;
    for address in addresses.take(MAX_ADDRESSES) {
        match tokio::time::timeout(PATIENCE, get(address)).await {
            Ok(Ok(body)) => match chosen(child, &body, now, address) {
                Ok(issuer) => return Ok((issuer, address.to_owned())),
                Err(error) => last = error,
            },
            Ok(Err(error)) => last = error,
            Err(_) => last = FetchError::Late { address: address.to_owned() },
        }
    }
    Err(last)
}

async fn get(address: &str) -> Result<Bytes, FetchError> {
    let owned = || address.to_owned();
    let uri: Uri = address.parse().map_err(|_| FetchError::BadAddress(owned()))?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
    let authority = authority.ok_or_else(|| FetchError::BadAddress(owned()))?;
    let host = authority.host().trim_matches(['[', ']']);
    let connect = |source| FetchError::Connect { address: owned(), source };
    let tcp = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await.map_err(connect)?;
    let broken = |source| FetchError::Http { address: owned(), source };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tcp)).await.map_err(broken)?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path)
        .header(HOST, authority.as_str())
        .header(USER_AGENT, concat!("gatepost/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(|_| FetchError::BadAddress(owned()))?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status();
        if status != StatusCode::OK {
            let to = response.headers().get(LOCATION).map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
            return Err(FetchError::Status { address: owned(), status, to });
        }
        let limit = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX);
        let body = Limited::new(response.into_body(), limit).collect().await.map_err(|_| FetchError::Body(owned()))?;
        Ok(body.to_bytes())
    };
    // The connection moves while the answer is waited for; its own errors reach the answer.
    let mut answer = std::pin::pin!(answer);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        outcome = &mut answer => outcome,
        _ = &mut connection => answer.await,
    }
}

/// The one certificate of an answer that is the issuer.
fn chosen(child: &Member<'_>, body: &[u8], now: i64, address: &str) -> Result<CertificateDer<'static>, FetchError> {
    let found = container::certificates(body).or_else(|| {
        let pem = Pem::parse(body, address).ok()?;
        Some(pem.certificates().ok()?.iter().map(|placed| placed.item.clone()).collect())
    });
    let found = found.ok_or_else(|| FetchError::NoCertificate(address.to_owned()))?;
    // A container may hold a whole chain; more than that is nobody's.
    for item in found.into_iter().take(super::doctor::MAX_CERTIFICATES) {
        let placed = Placed { item, line: 0 };
        let Some(issuer) = Member::read(&placed, 0) else { continue };
        if child.is_proven_by(&issuer) && issuer.is_ca() && issuer.is_valid_at(now) {
            return Ok(placed.item);
        }
    }
    Err(FetchError::NotTheIssuer(address.to_owned()))
}
