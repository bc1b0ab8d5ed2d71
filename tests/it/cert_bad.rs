//! `gatepost cert inspect` on what is no certificate and no server: a clear error each, exit status 2, and never a hang.

use std::future::Future;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::chains::{HOST, authority, issue, leaf, pem, root, set};
use crate::support::process::{Outcome, gatepost};

async fn inspect(folder: &std::path::Path, what: &str) -> Outcome {
    gatepost(folder, &["cert", "inspect", what]).await
}

#[tokio::test]
async fn files_that_are_no_chain_are_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let top = root("Root");
    let good = pem(&issue(&leaf(), &top).der);
    let key = issue(&leaf(), &top).key.serialize_pem();
    let write = |name: &str, content: &[u8]| std::fs::write(path.join(name), content).expect("a file");
    write("empty.pem", b"");
    write("garbage.pem", b"hello\nthere\n");
    write("truncated.pem", &good.as_bytes()[..good.len() / 2]);
    write("broken.pem", b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n");
    write("binary.pem", &[0x30, 0x82, 0x01, 0x00, 0xff, 0xfe, 0, 0, 7]);
    write("noise.der", &[0xff; 4096]);
    write("huge.pem", &vec![b'x'; 1024 * 1024 + 1]);
    write("key.pem", key.as_bytes());
    let many: String = (0..201).map(|number| root(&format!("Root {number}")).pem()).collect();
    write("roots.pem", many.as_bytes());
    std::fs::create_dir(path.join("folder")).expect("a folder");
    mknodat(CWD, path.join("pipe"), FileType::Fifo, Mode::RUSR, 0).expect("a FIFO");
    for (name, why) in [
        ("missing.pem", "there is no such file"),
        ("empty.pem", "is empty"),
        ("garbage.pem", "no PEM block of use"),
        ("truncated.pem", "line 1: the CERTIFICATE block that begins here has no END line"),
        ("broken.pem", "certificate 1 is no X.509 certificate"),
        ("binary.pem", "binary.pem: is DER"),
        ("noise.der", "no PEM block of use"),
        ("huge.pem", "larger than 1 MiB"),
        ("key.pem", "holds a private key, where a certificate belongs"),
        ("roots.pem", "there are 201 certificates"),
        ("./folder", "is a folder"),
        ("./pipe", "is not a regular file"),
    ] {
        let outcome = inspect(path, name).await;
        assert_eq!(outcome.code, Some(2), "{name}: {outcome:?}");
        assert!(outcome.stderr.starts_with("error: ") && outcome.stderr.contains(why), "{name}: {}", outcome.stderr);
        assert!(outcome.stdout.is_empty(), "{name}: {}", outcome.stdout);
    }
    let roots = gatepost(path, &["cert", "inspect", "key.pem", "--roots", "empty.pem"]).await;
    assert_eq!(roots.code, Some(2));
    assert!(roots.stderr.contains("--roots cannot be used"), "{}", roots.stderr);
}

#[tokio::test]
async fn a_file_with_many_certificates_of_one_name_is_judged_all_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let top = root("Root");
    // Each could be the issuer of each.
    let crowd: String = (0..120).map(|_| crate::support::chains::below(&top, authority("Root")).pem()).collect();
    std::fs::write(folder.path().join("crowd.pem"), pem(&issue(&leaf(), &top).der) + &crowd).expect("a file");
    std::fs::write(folder.path().join("root.pem"), top.pem()).expect("a file");
    let outcome = gatepost(folder.path(), &["cert", "inspect", "crowd.pem", "--roots", "root.pem"]).await;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stdout.contains("121 certificates in "), "{}", outcome.stdout);
}

#[tokio::test]
async fn a_key_in_the_file_is_judged_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let top = root("Root");
    let own = issue(&leaf(), &top);
    std::fs::write(folder.path().join("root.pem"), top.pem()).expect("a file");
    let case = |key: &str| std::fs::write(folder.path().join("both.pem"), pem(&own.der) + key).expect("a file");
    let ask = || gatepost(folder.path(), &["cert", "inspect", "both.pem", "--roots", "root.pem"]);
    case(&own.key.serialize_pem());
    let outcome = ask().await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stdout.contains("every user of this machine may read it"), "{}", outcome.stdout);
    let other = issue(&leaf(), &top).key.serialize_pem();
    case(&other);
    let outcome = ask().await;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stdout.contains("the private key in the file belongs to none of its certificates"));
    case(&(own.key.serialize_pem() + &other));
    let outcome = ask().await;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stdout.contains("two different private keys"), "{}", outcome.stdout);
    for text in [outcome.stdout, outcome.stderr] {
        assert!(!text.contains("PRIVATE KEY"));
    }
}

/// A server that does as told with each connection; its address.
async fn server<F, Fut>(behave: F) -> String
where
    F: Fn(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(behave(tcp));
        }
    });
    address
}

async fn assert_unseen(address: &str, why: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let outcome = inspect(folder.path(), address).await;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains(why), "{}", outcome.stderr);
    assert!(outcome.stdout.is_empty(), "{}", outcome.stdout);
}

#[tokio::test]
async fn servers_that_speak_no_tls_are_told_apart() {
    let closes = server(|tcp| async move { drop(tcp) }).await;
    assert_unseen(&closes, "closed the connection").await;
    let plain = server(|mut tcp| async move {
        let _ = tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let _ = tcp.read(&mut [0; 4096]).await;
    })
    .await;
    assert_unseen(&plain, "is no TLS: is this the port for https?").await;
    let noise = server(|mut tcp| async move {
        let _ = tcp.write_all(&[0xff; 4096]).await;
        let _ = tcp.read(&mut [0; 4096]).await;
    })
    .await;
    assert_unseen(&noise, "is no TLS").await;
    let alerts = server(|mut tcp| async move {
        let _ = tcp.read(&mut [0; 4096]).await;
        // unrecognized_name(112), fatal.
        let _ = tcp.write_all(&[21, 3, 3, 0, 2, 2, 112]).await;
    })
    .await;
    assert_unseen(&alerts, "it serves no such name").await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = nobody.local_addr().expect("an address").to_string();
    drop(nobody);
    assert_unseen(&address, "cannot connect to").await;
    assert_unseen("no-such-name.invalid", "cannot find the address of no-such-name.invalid").await;
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for_beyond_ten_seconds() {
    let silent = server(|mut tcp| async move {
        let mut sink = [0; 4096];
        while matches!(tcp.read(&mut sink).await, Ok(1..)) {}
    })
    .await;
    assert_unseen(&silent, "did not answer within 10 s").await;
}

#[tokio::test]
async fn a_server_of_yesterday_is_told_from_one_that_is_down() {
    let old = server(|mut tcp| async move {
        let mut hello = [0; 4096];
        let Ok(11..) = tcp.read(&mut hello).await else { return };
        // A ServerHello begins thus, where the client's version is 3.1; else protocol_version(70).
        let answer = match hello[9..11] {
            [3, 1] => vec![22, 3, 1, 0, 6, 2, 0, 0, 2, 3, 1],
            _ => vec![21, 3, 1, 0, 2, 2, 70],
        };
        let _ = tcp.write_all(&answer).await;
        let _ = tcp.read(&mut hello).await;
    })
    .await;
    assert_unseen(&old, "speaks TLS 1.1 or older alone").await;
}

#[tokio::test]
async fn ten_thousand_certificates_are_refused_as_a_message_that_no_client_takes() {
    let mut case = set().remove(0);
    let one = case.sent[1].clone();
    case.sent.extend(std::iter::repeat_n(one, 10_000));
    let port = case.serve().await;
    assert_unseen(&format!("127.0.0.1:{port}"), "more than 64 KiB").await;
}

#[tokio::test]
async fn a_word_that_is_neither_file_nor_host_is_a_usage_error_and_a_folder_named_like_a_host_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let odd = inspect(folder.path(), "what is this?").await;
    assert_eq!(odd.code, Some(2), "{odd:?}");
    assert!(odd.stderr.contains("is no file that is here, and no HOST or HOST:PORT"), "{}", odd.stderr);
    // As in certbot's live/.
    std::fs::create_dir(folder.path().join("no-such-name.invalid")).expect("a folder");
    let host = inspect(folder.path(), "no-such-name.invalid").await;
    assert!(host.stderr.contains("cannot find the address"), "{}", host.stderr);
}

#[tokio::test]
async fn an_ipv6_literal_is_a_host_with_brackets_and_without() {
    let folder = tempfile::tempdir().expect("a folder");
    let Ok(listener) = TcpListener::bind("[::1]:0").await else { return };
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let outcome = inspect(folder.path(), &format!("[::1]:{port}")).await;
    assert!(outcome.stderr.contains(&format!("cannot connect to [::1]:{port}")), "{}", outcome.stderr);
    let outcome = gatepost(folder.path(), &["cert", "inspect", "::1", "--name", HOST]).await;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("[::1]:443") || outcome.stderr.contains("connected"), "{}", outcome.stderr);
}
