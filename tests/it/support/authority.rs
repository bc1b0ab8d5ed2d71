//! A certificate authority that speaks ACME (RFC 8555, RFC 9773) as far as a client can tell, and misbehaves as told.
//!
//! It checks no signature and keeps no rule that a test does not need; pebble and
//! caddy, real ones, have their say in `tests/e2e/acme.sh`. What it validates it
//! really asks gatepost for, over HTTP or TLS.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use rcgen::{CertificateSigningRequestParams, SanType};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use tokio::sync::watch;

use super::ca::{Ca, ca};
use super::client::{Tls, tcp};
use super::raw::Message;
use super::upstream::{Connection, Upstream};

/// What a test wants of it; changed at any time.
#[derive(Clone)]
pub(crate) struct Manners {
    /// Names whose validation fails, with the kind of problem.
    pub(crate) refuses: BTreeMap<String, &'static str>,
    /// Whether it really asks gatepost, once it is told where that is.
    pub(crate) validates: bool,
    /// What it issues.
    pub(crate) issues: Issues,
    /// What it answers to every order: status, kind of problem, `Retry-After`.
    pub(crate) declines: Option<(u16, &'static str, Option<u32>)>,
    /// The window of renewal information, in seconds from now; `None` where it has none.
    pub(crate) window: Option<(i64, i64)>,
    /// From now to the end of what it issues.
    pub(crate) lifetime: Duration,
    /// The token of every challenge.
    pub(crate) token: String,
    /// The name that it asks about, in place of the one ordered.
    pub(crate) asks_about: Option<String>,
    /// Never answers.
    pub(crate) stalls: bool,
    /// Wants external account binding.
    pub(crate) wants_binding: bool,
}

/// What it issues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Issues {
    /// A chain as asked for.
    Good,
    /// The leaf alone.
    BareLeaf,
    /// A leaf for a key of its own.
    AnotherKey,
    /// A leaf for other names.
    OtherNames,
    /// A chain to a root that nobody knows.
    UnknownRoot,
    /// A leaf whose time is over.
    Expired,
    /// No PEM at all.
    Garbage,
    /// More than anybody wants.
    Flood,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            refuses: BTreeMap::new(),
            validates: true,
            issues: Issues::Good,
            declines: None,
            window: None,
            lifetime: Duration::days(90),
            token: "token-of-the-stand-in".into(),
            asks_about: None,
            stalls: false,
            wants_binding: false,
        }
    }
}

/// What it was asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// `POST /order` and the like.
    pub(crate) requests: Vec<String>,
    /// Payloads of new accounts.
    pub(crate) accounts: Vec<Value>,
    /// Payloads of new orders.
    pub(crate) orders: Vec<Value>,
    /// Payloads of revocations.
    pub(crate) revocations: Vec<Value>,
}

impl Asked {
    /// The names of each order.
    pub(crate) fn names(&self) -> Vec<Vec<&str>> {
        self.orders.iter().map(|order| names(order)).collect()
    }
}

fn names(order: &Value) -> Vec<&str> {
    order["identifiers"]
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .filter_map(|id| id["value"].as_str())
        .collect()
}

/// Where gatepost is, for validation.
#[derive(Clone, Copy)]
struct Gate {
    http: SocketAddr,
    https: SocketAddr,
}

/// A running one.
pub(crate) struct Authority {
    upstream: Upstream,
    shared: Arc<Shared>,
}

struct Shared {
    manners: Mutex<Manners>,
    asked: watch::Sender<Asked>,
    gate: watch::Sender<Option<Gate>>,
    orders: Mutex<Vec<Order>>,
    /// The thumbprint of the account's key (RFC 7638); none once it has forgotten the account.
    account: Mutex<Option<String>>,
}

struct Order {
    names: Vec<String>,
    replaces: Option<Value>,
    /// One a name.
    verdicts: Vec<Verdict>,
    chain: Option<String>,
}

#[derive(Clone)]
enum Verdict {
    Pending,
    Valid,
    Invalid(&'static str),
}

/// Status, fields, body.
struct Answer(u16, Vec<(&'static str, String)>, String);

impl Authority {
    /// Starts one on a free port; its https is signed by the test's CA.
    pub(crate) async fn start(manners: Manners) -> Self {
        let identity = ca().leaf(&["localhost"]);
        let chain = CertificateDer::pem_slice_iter(identity.chain.as_bytes()).map(|der| der.expect("a certificate"));
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let config = rustls::ServerConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain.collect(), key)
            .expect("a pair");
        let shared = Arc::new(Shared {
            manners: manners.into(),
            asked: watch::Sender::default(),
            gate: watch::Sender::default(),
            orders: Mutex::default(),
            account: Mutex::default(),
        });
        let its = shared.clone();
        let upstream = Upstream::scripted_tls(Arc::new(config), move |connection| serve(its.clone(), connection)).await;
        Self { upstream, shared }
    }

    /// The address of its directory.
    pub(crate) fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.upstream.port())
    }

    /// `[acme]` of a gatepost that has its certificates from here, with more keys.
    pub(crate) fn table(&self, keys: &str) -> String {
        format!(
            "[acme]\ndirectory = \"{}\"\ndirectory_roots = \"root.pem\"\ntrusted_roots = \"root.pem\"\n{keys}\n",
            self.directory()
        )
    }

    /// Tells where gatepost is: until then it waits with what it validates.
    pub(crate) fn meets(&self, http: SocketAddr, https: SocketAddr) {
        self.shared.gate.send_replace(Some(Gate { http, https }));
    }

    /// Changes its manners.
    pub(crate) fn behave(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.shared.manners.lock().expect("manners"));
    }

    /// Forgets every account, as pebble does when it is started anew.
    pub(crate) fn forget_accounts(&self) {
        *self.shared.account.lock().expect("accounts") = None;
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Asked {
        self.shared.asked.borrow().clone()
    }

    /// Waits until what it was asked passes the test.
    pub(crate) async fn until(&self, what: &str, test: impl FnMut(&Asked) -> bool) {
        let mut asked = self.shared.asked.subscribe();
        super::soon(what, asked.wait_for(test)).await.expect("it runs");
    }
}

async fn serve(shared: Arc<Shared>, mut connection: Connection) {
    while let Some(request) = connection.request().await {
        let line = request.line.trim_end_matches(" HTTP/1.1").to_owned();
        shared.asked.send_modify(|asked| asked.requests.push(line.clone()));
        if shared.manners().stalls {
            std::future::pending::<()>().await;
        }
        let base = format!("https://{}", request.field("host").unwrap_or("localhost"));
        let Answer(status, fields, body) = shared.answer(&line, &request, &base).await;
        let mut text = format!("HTTP/1.1 {status} X\r\nReplay-Nonce: {}\r\n", nonce());
        for (name, value) in fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        if !line.starts_with("HEAD ") {
            text.push_str(&body);
        }
        connection.wire.send(text).await;
    }
}

fn nonce() -> String {
    format!("{:016x}", getrandom::u64().expect("chance"))
}

fn problem(status: u16, kind: &str, detail: &str) -> Answer {
    let body = json!({ "type": format!("urn:ietf:params:acme:error:{kind}"), "detail": detail, "status": status });
    Answer(status, vec![("Content-Type", "application/problem+json".into())], body.to_string())
}

fn part(body: &Value, name: &str) -> Value {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(body[name].as_str().unwrap_or_default()).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or(Value::Null)
}

impl Shared {
    fn manners(&self) -> Manners {
        self.manners.lock().expect("manners").clone()
    }

    async fn answer(&self, line: &str, request: &Message, base: &str) -> Answer {
        let manners = self.manners();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let (protected, payload) = (part(&body, "protected"), part(&body, "payload"));
        if protected["kid"].is_string() && self.account.lock().expect("accounts").is_none() {
            return problem(400, "accountDoesNotExist", "no such account");
        }
        let (method, path) = line.split_once(' ').unwrap_or_default();
        let mut segments = path.trim_start_matches('/').split('/');
        let (what, id) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
        let number: usize = id.parse().unwrap_or(usize::MAX);
        let name_at: usize = segments.next().and_then(|text| text.parse().ok()).unwrap_or(0);
        let kind = segments.next().unwrap_or_default();
        match (method, what) {
            ("GET", "dir") => directory(base, &manners),
            (_, "nonce") => Answer(200, vec![], String::new()),
            ("POST", "account") if id.is_empty() => self.register(&protected, payload, base, &manners),
            ("POST", "account") => Answer(200, vec![], json!({ "status": "valid" }).to_string()),
            ("POST", "order") if id.is_empty() => self.order(payload, base, &manners),
            ("POST", "order") => self.state(200, number, base),
            ("POST", "authz") => self.authorization(number, name_at, base, &manners),
            ("POST", "challenge") => self.challenge(number, name_at, kind, base, &manners).await,
            ("POST", "finalize") => self.finalize(number, &payload, base, &manners),
            ("POST", "cert") => self.certificate(number),
            ("POST", "revoke") => {
                self.asked.send_modify(|asked| asked.revocations.push(payload));
                Answer(200, vec![], String::new())
            }
            ("GET", "renewal") => renewal(&manners),
            _ => problem(404, "malformed", line),
        }
    }

    fn register(&self, protected: &Value, payload: Value, base: &str, manners: &Manners) -> Answer {
        let bound = payload["externalAccountBinding"].is_object();
        self.asked.send_modify(|asked| asked.accounts.push(payload));
        if manners.wants_binding && !bound {
            return problem(403, "externalAccountRequired", "bind it");
        }
        let key = &protected["jwk"];
        // RFC 7638 section 3.2: these members, in this order.
        let text = format!(r#"{{"crv":{},"kty":{},"x":{},"y":{}}}"#, key["crv"], key["kty"], key["x"], key["y"]);
        let thumb = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()));
        *self.account.lock().expect("accounts") = Some(thumb);
        Answer(201, vec![("Location", format!("{base}/account/1"))], json!({ "status": "valid" }).to_string())
    }

    fn order(&self, payload: Value, base: &str, manners: &Manners) -> Answer {
        let ordered = names(&payload).iter().map(ToString::to_string).collect::<Vec<_>>();
        let replaces = payload.get("replaces").cloned();
        self.asked.send_modify(|asked| asked.orders.push(payload));
        if let Some((status, kind, retry_after)) = manners.declines {
            let mut answer = problem(status, kind, "not now");
            answer.1.extend(retry_after.map(|seconds| ("Retry-After", seconds.to_string())));
            return answer;
        }
        let mut orders = self.orders.lock().expect("orders");
        let verdicts = vec![Verdict::Pending; ordered.len()];
        orders.push(Order { names: ordered, replaces, verdicts, chain: None });
        let number = orders.len() - 1;
        drop(orders);
        self.state(201, number, base)
    }

    fn state(&self, status: u16, number: usize, base: &str) -> Answer {
        let orders = self.orders.lock().expect("orders");
        let Some(order) = orders.get(number) else { return problem(404, "malformed", "no such order") };
        let any = |test: fn(&Verdict) -> bool| order.verdicts.iter().any(test);
        let word = match &order.chain {
            Some(_) => "valid",
            None if any(|verdict| matches!(verdict, Verdict::Invalid(_))) => "invalid",
            None if any(|verdict| matches!(verdict, Verdict::Pending)) => "pending",
            None => "ready",
        };
        let authorizations: Vec<String> =
            (0..order.names.len()).map(|name| format!("{base}/authz/{number}/{name}")).collect();
        let identifiers: Vec<Value> = order.names.iter().map(|name| json!({ "type": "dns", "value": name })).collect();
        let mut body = json!({
            "status": word,
            "identifiers": identifiers,
            "authorizations": authorizations,
            "finalize": format!("{base}/finalize/{number}"),
        });
        if order.chain.is_some() {
            body["certificate"] = format!("{base}/cert/{number}").into();
        }
        if let Some(replaces) = &order.replaces {
            body["replaces"] = replaces.clone();
        }
        Answer(status, vec![("Location", format!("{base}/order/{number}"))], body.to_string())
    }

    fn authorization(&self, number: usize, at: usize, base: &str, manners: &Manners) -> Answer {
        let orders = self.orders.lock().expect("orders");
        let Some(order) = orders.get(number) else { return problem(404, "malformed", "no such order") };
        let name = manners.asks_about.as_ref().unwrap_or(&order.names[at]);
        let (bare, wildcard) = match name.strip_prefix("*.") {
            Some(bare) => (bare, true),
            None => (name.as_str(), false),
        };
        let (word, error) = match &order.verdicts[at] {
            Verdict::Pending => ("pending", None),
            Verdict::Valid => ("valid", None),
            Verdict::Invalid(kind) => ("invalid", Some(*kind)),
        };
        let challenge = |kind: &str| {
            let mut challenge = json!({
                "type": kind, "url": format!("{base}/challenge/{number}/{at}/{kind}"), "status": word, "token": manners.token,
            });
            if let Some(kind) = error {
                challenge["error"] = json!({
                    "type": format!("urn:ietf:params:acme:error:{kind}"), "detail": format!("{name} is out of reach"),
                });
            }
            challenge
        };
        let body = json!({
            "status": word,
            "identifier": { "type": "dns", "value": bare },
            "wildcard": wildcard,
            "challenges": [challenge("dns-01"), challenge("http-01"), challenge("tls-alpn-01")],
        });
        Answer(200, vec![], body.to_string())
    }

    async fn challenge(&self, number: usize, at: usize, kind: &str, base: &str, manners: &Manners) -> Answer {
        let name = match self.orders.lock().expect("orders").get(number) {
            Some(order) => order.names[at].clone(),
            None => return problem(404, "malformed", "no such order"),
        };
        let verdict = match manners.refuses.get(&name) {
            Some(kind) => Verdict::Invalid(kind),
            None if manners.validates && !self.is_shown(kind, &name, manners).await => Verdict::Invalid("unauthorized"),
            None => Verdict::Valid,
        };
        self.orders.lock().expect("orders")[number].verdicts[at] = verdict;
        let url = format!("{base}/challenge/{number}/{at}/{kind}");
        let body = json!({ "type": kind, "url": url, "status": "processing", "token": manners.token });
        Answer(200, vec![], body.to_string())
    }

    /// Asks gatepost.
    async fn is_shown(&self, kind: &str, name: &str, manners: &Manners) -> bool {
        let mut gate = self.gate.subscribe();
        let Ok(Some(gate)) = gate.wait_for(Option::is_some).await.map(|gate| *gate) else { return false };
        let thumb = self.account.lock().expect("accounts").clone().unwrap_or_default();
        let expected = format!("{}.{thumb}", manners.token);
        match kind {
            "http-01" => {
                let path = format!("/.well-known/acme-challenge/{}", manners.token);
                let answer = tcp(gate.http).await.ask(&format!("GET {path} HTTP/1.1\nHost: {name}")).await;
                answer.status() == 200 && answer.text() == expected
            }
            "tls-alpn-01" => {
                let validator = Tls::new().taking_any().offering(&["acme-tls/1"]);
                let Ok(shown) = validator.connect(gate.https, name).await else { return false };
                let leaf = shown.presented().swap_remove(0);
                // The extension's value, critical: an OCTET STRING in an OCTET STRING (RFC 8737 section 3).
                let expected = [&[0x04, 0x22, 0x04, 0x20][..], digest(&SHA256, expected.as_bytes()).as_ref()].concat();
                shown.protocol().as_deref() == Some("acme-tls/1")
                    && leaf.windows(expected.len()).any(|window| window == expected)
            }
            _ => true,
        }
    }

    fn finalize(&self, number: usize, payload: &Value, base: &str, manners: &Manners) -> Answer {
        let csr = BASE64_URL_SAFE_NO_PAD.decode(payload["csr"].as_str().unwrap_or_default()).unwrap_or_default();
        let mut orders = self.orders.lock().expect("orders");
        let Some(order) = orders.get_mut(number) else { return problem(404, "malformed", "no such order") };
        let names: Vec<&str> = order.names.iter().map(String::as_str).collect();
        order.chain = Some(issue(&csr, &names, manners));
        drop(orders);
        self.state(200, number, base)
    }

    fn certificate(&self, number: usize) -> Answer {
        let orders = self.orders.lock().expect("orders");
        match orders.get(number).and_then(|order| order.chain.clone()) {
            Some(chain) => Answer(200, vec![("Content-Type", "application/pem-certificate-chain".into())], chain),
            None => problem(404, "malformed", "no such certificate"),
        }
    }
}

fn directory(base: &str, manners: &Manners) -> Answer {
    let mut body = json!({
        "newNonce": format!("{base}/nonce"),
        "newAccount": format!("{base}/account"),
        "newOrder": format!("{base}/order"),
        "revokeCert": format!("{base}/revoke"),
        "meta": { "profiles": { "shortlived": "six days" } },
    });
    if manners.window.is_some() {
        body["renewalInfo"] = format!("{base}/renewal").into();
    }
    Answer(200, vec![], body.to_string())
}

fn renewal(manners: &Manners) -> Answer {
    let Some((start, end)) = manners.window else { return problem(404, "malformed", "no window") };
    let at = |seconds: i64| (OffsetDateTime::now_utc() + Duration::seconds(seconds)).format(&Rfc3339).expect("a time");
    let body = json!({
        "suggestedWindow": { "start": at(start), "end": at(end) },
        "explanationURL": "https://ca.example/why",
    });
    Answer(200, vec![("Retry-After", "21600".into())], body.to_string())
}

fn issue(csr: &[u8], names: &[&str], manners: &Manners) -> String {
    let now = OffsetDateTime::now_utc();
    let good = |ca: &Ca| ca.sign(csr, now, now + manners.lifetime);
    match manners.issues {
        Issues::Good => good(ca()),
        Issues::BareLeaf => {
            let chain = good(ca());
            let end = chain.find("-----END CERTIFICATE-----").expect("a certificate");
            chain[..end].to_owned() + "-----END CERTIFICATE-----\n"
        }
        Issues::AnotherKey => ca().leaf(names).chain,
        Issues::OtherNames => {
            let mut request = CertificateSigningRequestParams::from_der(&csr.to_vec().into()).expect("a request");
            request.params.subject_alt_names = vec![SanType::DnsName("other.example".try_into().expect("a name"))];
            ca().sign_request(request, now, now + manners.lifetime)
        }
        Issues::UnknownRoot => good(&Ca::new()),
        Issues::Expired => ca().sign(csr, now - Duration::days(90), now - Duration::days(1)),
        Issues::Garbage => "<html>Congratulations!</html>".to_owned(),
        Issues::Flood => "-----BEGIN CERTIFICATE-----\n".repeat(200_000),
    }
}
