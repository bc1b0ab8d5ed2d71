//! One process follows another: nobody who comes at that moment is turned away, and who was there before stays.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::support::client::tcp;
use crate::support::gate::{CHAT, Gate, gate, proxying};
use crate::support::load::{Load, echoes, upstream, websocket};
use crate::support::soon;

const GET: &str = "GET / HTTP/1.1\nHost: chat.example";

const RESPOND: &str = "[[site]]\nhosts = [\"chat.example\"]\nredirect_http = false\n[[site.route]]\npath = \"/\"\n\
    respond = \"here\"\n";

/// A process that no test waits for; ends on drop.
struct Successor(Pid);

impl Successor {
    fn of(number: &serde_json::Value) -> Self {
        let number = number.as_i64().and_then(|number| i32::try_from(number).ok()).expect("a process");
        Self(Pid::from_raw(number).expect("a process"))
    }

    async fn stop(self) {
        kill_process(self.0, Signal::TERM).expect("it runs");
        soon("the end of the successor", async {
            while test_kill_process(self.0).is_ok() && !self.is_unwaited() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }

    /// Ended, and nobody has taken note of it: its parent has gone, and not every container has an init.
    fn is_unwaited(&self) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/stat", self.0.as_raw_nonzero())).unwrap_or_default();
        status.rsplit(") ").next().is_none_or(|rest| rest.starts_with('Z'))
    }
}

impl Drop for Successor {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::KILL);
    }
}

async fn upgrades(gate: &Gate) -> Successor {
    let outcome = gate.command("upgrade", &["--json"]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}\n{}", gate.process.stderr());
    let json: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    Successor::of(&json["pid"])
}

#[tokio::test]
async fn a_process_is_replaced_under_load_and_nobody_is_refused() {
    let upstream = upstream().await;
    let mut gate = proxying(&upstream, "")
        .replacing("hosts", "redirect_http = false\nhosts")
        .server("workers = 3\ndrain = \"600s\"")
        .run()
        .await;
    let http = gate.http[0];
    let mut tunnels = Vec::new();
    for _ in 0..10 {
        tunnels.push(websocket(http, "/ws").await);
    }
    let (keeping, coming) = (Load::on(http, "/", 20, 100_000), Load::on(http, "/", 20, 1));
    coming.goes_on(100).await;
    // Fewer workers than sockets, then more, by command and by signal.
    gate.rewrite("workers = 3\n", "workers = 1\n");
    let second = upgrades(&gate).await;
    for load in [&keeping, &coming] {
        load.goes_on(300).await;
    }
    for tunnel in &mut tunnels {
        echoes(tunnel, "the old one lives on for it").await;
    }
    assert!(gate.process.runs(), "it drains");
    let mut new_tunnel = websocket(http, "/ws").await;

    gate.rewrite("workers = 1\n", "workers = 4\n");
    let third = upgrades(&gate).await;
    assert_ne!(second.0, third.0);
    for load in [&keeping, &coming] {
        load.goes_on(300).await;
    }
    for tunnel in tunnels.iter_mut().chain([&mut new_tunnel]) {
        echoes(tunnel, "and on").await;
    }
    // With its last WebSocket the first one ends by itself.
    drop(tunnels);
    assert_eq!(gate.process.exited().await, Some(0));
    coming.goes_on(100).await;
    echoes(&mut new_tunnel, "of the second").await;
    for load in [keeping, coming] {
        assert!(load.end().await >= 600);
    }
    drop(new_tunnel);
    third.stop().await;
}

#[tokio::test]
async fn a_new_process_that_cannot_start_changes_nothing_and_says_why() {
    let gate = gate(RESPOND).run().await;
    let mut open = gate.plain().await;
    gate.rewrite("respond = \"here\"", "respnd = \"here\"");
    let outcome = gate.command("upgrade", &[]).await;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stdout.contains("respnd") && outcome.stdout.contains("not handed over"), "{outcome:?}");
    assert_eq!(open.ask(GET).await.status(), 200);
    assert_eq!(gate.plain().await.ask(GET).await.status(), 200);

    // A port that is taken is found when all else is ready.
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    gate.rewrite("respnd = \"here\"", "respond = \"there\"");
    gate.rewrite("http = [\"127.0.0.1:0\"]", &format!("http = [\"127.0.0.1:0\", \"{address}\"]"));
    let outcome = gate.command("upgrade", &[]).await;
    assert!(outcome.code == Some(1) && outcome.stdout.contains(&address), "{outcome:?}");
    assert_eq!(gate.plain().await.ask(GET).await.text(), "here");

    // And when all is well again it works.
    gate.rewrite(&format!("\"127.0.0.1:0\", \"{address}\""), "\"127.0.0.1:0\"");
    let successor = upgrades(&gate).await;
    assert_eq!(gate.plain().await.ask(GET).await.text(), "there");
    successor.stop().await;
}

#[tokio::test]
async fn the_status_page_and_the_control_socket_follow_the_process_that_serves() {
    let mut gate = gate(format!("[admin]\nlisten = \"127.0.0.1:0\"\n{RESPOND}"))
        .server("drain = \"1s\"")
        .log("access = \"access.log\"")
        .run()
        .await;
    let log = gate.process.stderr();
    let line = log.lines().find(|line| line.contains("scheme=admin")).expect("a status page");
    let admin: SocketAddr = line
        .split_whitespace()
        .find_map(|word| word.strip_prefix("address="))
        .expect("an address")
        .parse()
        .expect("one");
    gate.process.user2();
    gate.process.says("handed over").await;
    assert_eq!(gate.process.exited().await, Some(0));
    assert_eq!(tcp(admin).await.ask("GET /healthz HTTP/1.1\nHost: localhost").await.text(), "ok\n");
    assert_eq!(gate.plain().await.ask("GET /after HTTP/1.1\nHost: chat.example").await.status(), 200);
    let outcome = gate.command("reload", &["--json"]).await;
    let json: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!(json["done"], true, "{json}");
    assert_ne!(json["pid"], gate.process.id());
    let access = gate.folder().join("access.log");
    soon("the line of the new one", async {
        while !std::fs::read_to_string(&access).unwrap_or_default().contains("/after") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    Successor::of(&json["pid"]).stop().await;
    assert!(!gate.folder().join("control.sock").exists());
}

/// Runs gatepost as systemd does, with this listening socket as descriptor 3; the shell numbers it.
fn as_systemd_does(listener: TcpListener) -> Command {
    let mut command = Command::new("sh");
    let line = "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" run -c gatepost.toml";
    command.args(["-c", line, env!("CARGO_BIN_EXE_gatepost")]).stdin(Stdio::from(std::os::fd::OwnedFd::from(listener)));
    command
}

#[tokio::test]
async fn a_socket_of_systemds_is_shared_by_all_workers_and_handed_on() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address");
    let held = socket.try_clone().expect("systemd's own");
    let keys = format!("http = [\"{address}\"]\nhttps = []\nworkers = 3\ndrain = \"1s\"\n");
    let mut gate = gate(RESPOND).listening_as_told().server(&keys).run_by(as_systemd_does(socket)).await;
    let load = Load::on(address, "/", 12, 3);
    load.goes_on(200).await;
    let successor = upgrades(&gate).await;
    load.goes_on(200).await;
    load.end().await;
    assert_eq!(gate.process.exited().await, Some(0));
    successor.stop().await;
    // Between a stop and a start, systemd's copy keeps who comes.
    let mut waiting = tcp(address).await;
    waiting.send_head(GET).await;
    let gate = gate_again(&gate, held).await;
    assert_eq!(waiting.answer().await.text(), "here");
    assert_eq!(gate.stop().await.code, Some(0));
}

async fn gate_again(before: &Gate, socket: TcpListener) -> Gate {
    let text = std::fs::read_to_string(before.folder().join("gatepost.toml")).expect("the configuration");
    let keys: String = text
        .lines()
        .filter(|line| line.starts_with("http") || line.starts_with("workers"))
        .fold(String::new(), |all, line| all + line + "\n");
    gate(RESPOND).listening_as_told().server(&keys).run_by(as_systemd_does(socket)).await
}

#[tokio::test]
async fn systemd_hears_when_it_serves_reloads_hands_over_and_stops() {
    let builder = gate(RESPOND).server("drain = \"1s\"");
    let path = builder.folder().join("notify.sock");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("an option");
    let hear = || {
        let mut text = [0; 4096];
        let read = socket.recv(&mut text).expect("a word");
        String::from_utf8_lossy(&text[..read]).into_owned()
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    command.args(["run", "-c", "gatepost.toml"]).env("NOTIFY_SOCKET", &path).stdin(Stdio::null());
    let mut gate = builder.run_by(command).await;
    let main = |pid: &str| format!("MAINPID={pid}\n");
    let old = gate.process.id().to_string();
    let said = hear();
    assert!(said.contains("READY=1") && said.contains(&main(&old)), "{said}");

    assert_eq!(gate.command("reload", &[]).await.code, Some(0));
    let said = hear();
    assert!(said.contains("RELOADING=1") && said.contains("MONOTONIC_USEC="), "{said}");
    assert!(hear().contains("READY=1"));

    let successor = upgrades(&gate).await;
    let new = successor.0.as_raw_nonzero().to_string();
    let said = hear();
    assert!(said.contains(&main(&new)) && !said.contains("READY"), "the old one says who is to be watched: {said}");
    let said = hear();
    assert!(said.contains("READY=1") && said.contains(&main(&new)), "{said}");
    assert_eq!(gate.process.exited().await, Some(0));
    successor.stop().await;
    assert!(hear().contains("STOPPING=1"), "and the old one ended without a word");
}

#[tokio::test]
async fn a_stop_while_it_drains_after_a_hand_over_cuts_the_patience_and_a_second_one_the_rest() {
    let upstream = upstream().await;
    let mut gate = proxying(&upstream, "")
        .replacing("hosts", "redirect_http = false\nhosts")
        .server("drain = \"600s\"")
        .run()
        .await;
    let mut tunnel = websocket(gate.http[0], "/ws").await;
    let mut idle = gate.plain().await;
    assert_eq!(idle.ask(GET).await.status(), 200);
    let successor = upgrades(&gate).await;
    let answer = idle.ask(GET).await;
    assert_eq!(
        (answer.status(), answer.field("connection")),
        (200, Some("close")),
        "one more, and told that it is the last"
    );
    echoes(&mut tunnel, "on").await;
    gate.process.terminate();
    gate.process.says("draining").await;
    echoes(&mut tunnel, "and on").await;
    gate.process.terminate();
    assert_eq!(gate.process.exited().await, Some(0));
    tunnel.rest().await;
    assert_eq!(tcp(gate.http[0]).await.ask(&format!("GET / HTTP/1.1\nHost: {CHAT}")).await.status(), 200);
    successor.stop().await;
}
