//! Who may ask, how often, with which password; what browsers are told. In the order in which a request meets it.

mod address;
mod around;
mod headers;
mod password;
mod rate;
mod told;

use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::client::tcp;
use crate::support::gate::{CHAT, Gate};
use crate::support::raw::Message;
use crate::support::soon;

/// Trusts the tests' own address, so that each says itself where it comes from.
const BEHIND_PROXY: &str = "trusted_proxies = [\"127.0.0.1\"]";

/// A request over TLS, on a connection of its own, from this address.
async fn from(gate: &Gate, address: &str, lines: &str) -> Message {
    let (first, rest) =
        lines.split_once('\n').map_or((lines, String::new()), |(first, rest)| (first, format!("\n{rest}")));
    let lines = format!("{first} HTTP/1.1\nHost: {CHAT}\nX-Forwarded-For: {address}{rest}");
    gate.tls(CHAT).await.ask(&lines).await
}

/// What `gatepost password` makes of a password that is piped in.
fn hash(password: &str, arguments: &[&str]) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gatepost"))
        .arg("password")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("gatepost");
    child.stdin.take().expect("its input").write_all(format!("{password}\n").as_bytes()).expect("written");
    let output = child.wait_with_output().expect("its end");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
}

/// A route by whose answer a test sees that a reload has reached the worker.
const VERSION: &str = "[[site.route]]\npath = \"/version\"\nauth = false\nrespond = \"one\"\n";

/// Changes the file, has it reloaded and waits until the worker serves it; the file has [`VERSION`].
async fn reload(gate: &Gate, change: impl FnOnce(String) -> String) {
    let path = gate.folder().join("gatepost.toml");
    let text = std::fs::read_to_string(&path).expect("the file");
    std::fs::write(&path, change(text).replace("\"one\"", "\"two\"")).expect("written");
    gate.process.hangup();
    soon("the reload", async {
        while gate.get("/version").await.text() != "two" {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// A sample of `/metrics`; the file has `[admin]` on port 0.
async fn refused(gate: &Gate, reason: &str) -> u64 {
    let log = gate.process.stderr();
    let line = log.lines().find(|line| line.contains("scheme=admin")).expect("a line on the admin listener");
    let address = line.split_whitespace().find_map(|word| word.strip_prefix("address=")).expect("an address");
    let mut wire = tcp(address.parse().expect("an address")).await;
    let text = wire.ask("GET /metrics HTTP/1.1\nHost: 127.0.0.1").await.text();
    let name = format!("gatepost_requests_refused_total{{reason=\"{reason}\"}} ");
    let value = text.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or_else(|| panic!("no {name} in {text}"));
    value.parse().expect("a number")
}
