//! `gatepost cert bundle`: from files in any order and shape to the right combined PEM, and nothing else.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use rustls::pki_types::{CertificateDer, pem::PemObject};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::chains::{Ca, Own, authority, below, issue, issuer_at, leaf, pem, root};
use crate::support::process::{Outcome, gatepost};

/// A root, an intermediate, one below it, and a leaf; the files of each in a folder.
struct Pki {
    folder: tempfile::TempDir,
    root: Ca,
    middle: Ca,
    low: Ca,
    own: Own,
}

impl Pki {
    fn new() -> Self {
        let top = root("Root");
        let middle = below(&top, authority("Middle"));
        let low = below(&middle, authority("Low"));
        let own = issue(&leaf(), &low);
        Self::of(top, middle, low, own)
    }

    /// With addresses for what may be missing, all at this port of this machine.
    fn at(port: u16) -> Self {
        let address = |name: &str| format!("http://127.0.0.1:{port}/{name}");
        let top = root("Root");
        let middle = below(&top, authority("Middle"));
        let low = below(&middle, issuer_at(authority("Low"), &address("middle")));
        let own = issue(&issuer_at(leaf(), &address("low")), &low);
        Self::of(top, middle, low, own)
    }

    fn of(top: Ca, middle: Ca, low: Ca, own: Own) -> Self {
        let pki = Self { folder: tempfile::tempdir().expect("a folder"), root: top, middle, low, own };
        pki.write("leaf.pem", pem(&pki.own.der));
        pki.write("low.pem", pki.low.pem());
        pki.write("middle.pem", pki.middle.pem());
        pki.write("root.pem", pki.root.pem());
        pki.write("key.pem", pki.own.key.serialize_pem());
        pki
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(name), content).expect("a file");
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).expect("a text")
    }

    fn mode(&self, name: &str) -> u32 {
        self.path().join(name).metadata().expect("a file").permissions().mode() & 0o777
    }

    fn whole(&self) -> String {
        pem(&self.own.der) + &self.low.pem() + &self.middle.pem()
    }

    /// Runs `gatepost cert bundle` with these words, roots set.
    async fn bundle(&self, words: &str) -> Outcome {
        let arguments: Vec<&str> =
            ["cert", "bundle", "--roots", "root.pem"].into_iter().chain(words.split_whitespace()).collect();
        gatepost(self.path(), &arguments).await
    }

    /// Runs it, and expects that it refuses, says all of this and writes nothing.
    async fn refused(&self, words: &str, parts: &[&str]) {
        let outcome = self.bundle(words).await;
        assert_eq!(outcome.code, Some(1), "{words}: {outcome:?}");
        for part in parts {
            assert!(outcome.stderr.contains(part), "{words}: no {part:?} in {}", outcome.stderr);
        }
        assert!(!self.path().join("out.pem").exists(), "{words}: written all the same");
        assert!(outcome.stderr.lines().count() == 1, "{}", outcome.stderr);
    }
}

fn certificates(text: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(text.as_bytes()).map(|one| one.expect("a certificate")).collect()
}

#[tokio::test]
async fn files_in_any_order_and_shape_give_the_leaf_then_each_issuer_and_no_root() {
    let pki = Pki::new();
    let (own, low, middle, top) = (pem(&pki.own.der), pki.low.pem(), pki.middle.pem(), pki.root.pem());
    pki.write("mixed.pem", [top.as_str(), &middle, &pki.own.key.serialize_pem(), &own, &low].concat());
    pki.write("joined.pem", format!("{}{}", middle.trim_end(), low.trim_end()));
    pki.write("low.der", pki.low.der());
    for words in [
        "out.pem --cert leaf.pem --chain low.pem middle.pem",
        "out.pem --cert leaf.pem --chain root.pem middle.pem low.pem",
        "out.pem --chain leaf.pem --cert middle.pem --cert low.pem",
        "out.pem --cert mixed.pem",
        "out.pem --cert leaf.pem mixed.pem leaf.pem",
        "out.pem --cert leaf.pem --chain joined.pem",
        "out.pem --cert leaf.pem --chain middle.pem low.der",
        "out.pem --cert mixed.pem --key key.pem",
    ] {
        let outcome = pki.bundle(words).await;
        assert_eq!(outcome.code, Some(0), "{words}: {outcome:?}");
        assert_eq!(pki.text("out.pem"), pki.whole(), "{words}");
        assert_eq!(pki.mode("out.pem"), 0o644, "{words}");
        assert!(outcome.stdout.starts_with("out.pem: 3 certificates\n"), "{words}: {}", outcome.stdout);
    }
    let said = pki.bundle("out.pem --cert mixed.pem").await.stdout;
    assert!(said.contains("note: left out: \"Root\" (mixed.pem): a root"), "{said}");
    let left: Vec<_> = std::fs::read_dir(pki.path()).expect("a folder").flatten().map(|one| one.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{left:?}");
}

#[tokio::test]
async fn the_key_goes_in_only_when_asked_for_and_then_for_its_owner_alone() {
    let pki = Pki::new();
    let words = "out.pem --cert leaf.pem --chain low.pem middle.pem --key key.pem";
    assert_eq!(pki.bundle(words).await.code, Some(0));
    assert!(!pki.text("out.pem").contains("PRIVATE"));
    // Others could read the old file; the new one is another.
    assert_eq!(pki.bundle(&format!("{words} --with-key")).await.code, Some(0));
    assert_eq!(pki.text("out.pem"), pki.whole() + &pki.own.key.serialize_pem().replace("\r\n", "\n"));
    assert_eq!(pki.mode("out.pem"), 0o600);
    // It is a bundle that inspect calls good, key and all.
    let inspected = gatepost(pki.path(), &["cert", "inspect", "./out.pem", "--roots", "root.pem"]).await;
    assert_eq!(inspected.code, Some(0), "{inspected:?}");
    // To write it again without the key would lose the key.
    let outcome = pki.bundle("out.pem --cert out.pem").await;
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("holds a private key, which would be lost"), "{}", outcome.stderr);
    assert!(pki.text("out.pem").contains("PRIVATE"));
    std::fs::remove_file(pki.path().join("out.pem")).expect("removed");
    pki.refused("out.pem --cert leaf.pem --chain low.pem middle.pem --with-key", &["no private key in the files"])
        .await;
}

#[tokio::test]
async fn what_would_lock_people_out_is_refused_and_nothing_is_written() {
    let pki = Pki::new();
    let other = issue(&leaf(), &pki.low);
    pki.write("other.pem", pem(&other.der));
    pki.write("other-key.pem", other.key.serialize_pem());
    pki.write("low-key.pem", pki.low.key().serialize_pem());
    pki.write("keys.pem", pki.own.key.serialize_pem() + &other.key.serialize_pem());
    let chain = "--chain low.pem middle.pem";
    for (words, parts) in [
        (format!("--cert leaf.pem {chain} --key other-key.pem"), &["other-key.pem belongs to none"][..]),
        (format!("--cert leaf.pem {chain} --key low-key.pem"), &["low-key.pem is that of \"Low\", a CA"]),
        (format!("--cert leaf.pem other-key.pem {chain}"), &["other-key.pem belongs to none"]),
        (format!("--cert leaf.pem keys.pem {chain}"), &["two different private keys"]),
        (format!("--cert leaf.pem key.pem other-key.pem {chain}"), &["key.pem and other-key.pem hold two"]),
        (format!("--cert leaf.pem other.pem {chain}"), &["several keys", "leaf.pem", "other.pem", "--key"]),
        ("--cert low.pem middle.pem".to_owned(), &["all of them are CAs"]),
        ("--cert leaf.pem".to_owned(), &["certificate of \"Low\" is missing", "--chain", "--fetch"]),
        (
            "--cert leaf.pem --chain low.pem".to_owned(),
            &["certificate of \"Middle\" is missing, the issuer of \"Low\""],
        ),
        ("--cert leaf.pem --chain middle.pem root.pem".to_owned(), &["certificate of \"Low\" is missing"]),
        ("--cert key.pem".to_owned(), &["the files hold no certificate"]),
        ("--cert missing.pem".to_owned(), &["missing.pem: there is no such file"]),
    ] {
        pki.refused(&format!("out.pem {words}"), parts).await;
    }
    // The key finds the right one of two.
    let outcome = pki.bundle(&format!("out.pem --cert leaf.pem other.pem {chain} --key other-key.pem")).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(certificates(&pki.text("out.pem"))[0], other.der);
}

#[tokio::test]
async fn the_way_to_a_known_root_comes_before_other_certificates_of_the_same_issuer() {
    let pki = Pki::new();
    let stranger = root("Stranger");
    let key = rcgen::KeyPair::try_from(pki.low.key().serialize_der()).expect("the same key");
    let twin = rcgen::CertifiedIssuer::signed_by(authority("Low"), key, &stranger).expect("a twin");
    pki.write("twin.pem", twin.pem());
    let outcome = pki.bundle("out.pem --cert leaf.pem --chain twin.pem low.pem middle.pem").await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(pki.text("out.pem"), pki.whole() + &twin.pem().replace("\r\n", "\n"));
}

#[tokio::test]
async fn a_private_root_among_the_files_makes_the_chain_whole_and_is_said_to_be_unknown() {
    let pki = Pki::new();
    pki.write("elsewhere.pem", root("Elsewhere").pem());
    let words = "out.pem --cert leaf.pem --chain low.pem middle.pem root.pem --roots elsewhere.pem";
    let arguments: Vec<&str> = ["cert", "bundle"].into_iter().chain(words.split(' ')).collect();
    let outcome = gatepost(pki.path(), &arguments).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stdout.contains("ends in \"Root\", which is not among the roots asked"), "{}", outcome.stdout);
    assert_eq!(pki.text("out.pem"), pki.whole());
}

#[tokio::test]
async fn nothing_but_a_certificate_file_is_written_over_and_a_link_stays_one() {
    let pki = Pki::new();
    let words = "--cert leaf.pem --chain low.pem middle.pem";
    pki.write("gatepost.toml", "[server]\n");
    std::fs::create_dir(pki.path().join("folder")).expect("a folder");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        pki.path().join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .expect("a FIFO");
    for (out, why) in [
        ("gatepost.toml", "is no certificate file"),
        ("folder", "is a folder"),
        ("pipe", "no regular file"),
        ("..", "names no file"),
        ("no-folder/out.pem", "cannot write"),
    ] {
        let outcome = pki.bundle(&format!("{out} {words}")).await;
        assert_eq!(outcome.code, Some(1), "{out}: {outcome:?}");
        assert!(outcome.stderr.contains(why), "{out}: {}", outcome.stderr);
    }
    assert_eq!(pki.text("gatepost.toml"), "[server]\n");
    pki.write("real.pem", pem(&pki.own.der));
    symlink("real.pem", pki.path().join("link.pem")).expect("a link");
    assert_eq!(pki.bundle(&format!("link.pem {words}")).await.code, Some(0));
    assert!(pki.path().join("link.pem").is_symlink());
    assert_eq!(pki.text("real.pem"), pki.whole());
}

/// A CA's web server: answers each path with what `body` gives, as status line and bytes.
async fn web(listener: TcpListener, answer: impl Fn(&str) -> Option<Vec<u8>> + Send + 'static) {
    while let Ok((mut tcp, _)) = listener.accept().await {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && matches!(tcp.read(&mut byte).await, Ok(1)) {
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let path = head.split(' ').nth(1).unwrap_or_default();
        if let Some(answer) = answer(path) {
            let _ = tcp.write_all(&answer).await;
        } else {
            // Says nothing, and keeps the connection.
            std::mem::forget(tcp);
        }
    }
}

fn ok(body: &[u8]) -> Option<Vec<u8>> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    Some([head.as_bytes(), body].concat())
}

/// A PKCS#7 container of these, as CAs hand them out (RFC 5652).
fn pkcs7(certificates: &[&[u8]]) -> Vec<u8> {
    let wrap = |tag: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).expect("short");
        [&[tag, 0x82][..], &length.to_be_bytes(), content].concat()
    };
    let signed_data = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
    let data = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
    let set = wrap(0xa0, &certificates.concat());
    let inner = [&[0x02, 0x01, 0x01][..], &wrap(0x31, &[]), &wrap(0x30, &data), &set, &wrap(0x31, &[])].concat();
    wrap(0x30, &[&signed_data[..], &wrap(0xa0, &wrap(0x30, &inner))].concat())
}

async fn port() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

#[tokio::test]
async fn missing_intermediates_are_fetched_one_after_the_other_in_every_form_that_cas_use() {
    let (listener, port) = port().await;
    let pki = Pki::at(port);
    let stranger = root("Stranger").der().to_vec();
    let low = pkcs7(&[&stranger, pki.low.der()]);
    let middle = pki.middle.pem();
    tokio::spawn(web(listener, move |path| match path {
        "/low" => ok(&low),
        "/middle" => ok(middle.as_bytes()),
        _ => ok(b"?"),
    }));
    let outcome = pki.bundle("out.pem --cert leaf.pem --fetch").await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(pki.text("out.pem"), pki.whole());
    assert!(outcome.stdout.contains(&format!("from http://127.0.0.1:{port}/low\n")), "{}", outcome.stdout);
    // Nothing is fetched that nobody asked for.
    std::fs::remove_file(pki.path().join("out.pem")).expect("removed");
    pki.refused("out.pem --cert leaf.pem", &["is missing", &format!("http://127.0.0.1:{port}/low")]).await;
}

#[tokio::test]
async fn what_is_fetched_is_believed_only_if_it_signed_and_is_a_ca_and_bounds_hold() {
    let namesake = below(&root("Root"), authority("Low"));
    let bare_redirect = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 0\r\n\r\n".to_vec();
    let huge = [b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n".to_vec(), vec![b'x'; 2 * 1024 * 1024]].concat();
    let answers: [(&str, Option<Vec<u8>>, &str); 7] = [
        ("garbage", ok(b"no certificate at all"), "no certificate (DER, PEM or PKCS#7)"),
        ("nothing", ok(b""), "no certificate (DER, PEM or PKCS#7)"),
        ("a namesake with another key", ok(namesake.der()), "did not sign the certificate"),
        ("a redirect", Some(bare_redirect), "redirects are not followed"),
        ("no such page", Some(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec()), "404"),
        ("no HTTP", Some(b"SSH-2.0-OpenSSH\r\n".to_vec()), "no whole answer"),
        ("more than 1 MiB", Some(huge), "larger than 1 MiB, or breaks off"),
    ];
    for (what, answer, why) in answers {
        let (listener, port) = port().await;
        let pki = Pki::at(port);
        tokio::spawn(web(listener, move |_| answer.clone()));
        let outcome = pki.bundle("out.pem --cert leaf.pem --fetch").await;
        assert_eq!(outcome.code, Some(1), "{what}: {outcome:?}");
        assert!(
            outcome.stderr.contains(why) && outcome.stderr.contains("\"Low\" is missing"),
            "{what}: {}",
            outcome.stderr
        );
        assert!(!pki.path().join("out.pem").exists(), "{what}");
    }
}

#[tokio::test]
async fn an_issuer_that_says_nothing_is_not_waited_for_beyond_ten_seconds() {
    let (listener, port) = port().await;
    let pki = Pki::at(port);
    tokio::spawn(web(listener, |_| None));
    pki.refused("out.pem --cert leaf.pem --fetch", &["not within 10 s"]).await;
}
