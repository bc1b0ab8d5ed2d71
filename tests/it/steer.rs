//! A configuration that changes while gatepost serves: what asked for it hears of it, what is open goes on.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;

use crate::support::client::tcp;
use crate::support::gate::{CHAT, Gate, gate, proxying};
use crate::support::load::{Load, echoes, upstream, websocket};
use crate::support::soon;

const GET: &str = "GET / HTTP/1.1\nHost: chat.example";

const RESPOND: &str = "[[site]]\nhosts = [\"chat.example\"]\nredirect_http = false\n[[site.route]]\npath = \"/\"\n\
    respond = \"here\"\n";

/// The address that the log named last with this scheme.
fn last_address(gate: &Gate, scheme: &str) -> SocketAddr {
    let log = gate.process.stderr();
    let line = log.lines().rfind(|line| line.contains(" listening ") && line.contains(&format!("scheme={scheme} ")));
    let line = line.unwrap_or_else(|| panic!("no address in {log}"));
    let address = line.split_whitespace().find_map(|word| word.strip_prefix("address=")).expect("an address");
    address.parse().expect("an address with its port")
}

async fn reloads(gate: &Gate) {
    let outcome = gate.command("reload", &[]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stdout.contains("gatepost.toml: reloaded"), "{outcome:?}");
}

#[tokio::test]
async fn a_reload_that_was_asked_for_is_answered_once_it_has_taken_hold() {
    let gate = gate(RESPOND).run().await;
    gate.rewrite("respond = \"here\"", "respond = \"there\"");
    reloads(&gate).await;
    assert_eq!(gate.get("/").await.text(), "there");

    let outcome = gate.command("reload", &["--json"]).await;
    let json: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!((&json["done"], &json["pid"]), (&true.into(), &gate.process.id().into()), "{json}");
}

#[tokio::test]
async fn another_user_takes_a_new_start_and_the_answer_says_so() {
    let gate = gate(RESPOND).run().await;
    gate.rewrite("[server]\n", "[server]\nuser = \"nobody\"\n");
    gate.rewrite("respond = \"here\"", "respond = \"there\"");
    let outcome = gate.command("reload", &[]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(
        outcome.stdout.contains("note: `user` and `group` stay as they were until gatepost is started anew"),
        "{outcome:?}"
    );
    assert_eq!(gate.get("/").await.text(), "there");
}

#[tokio::test]
async fn a_configuration_with_faults_is_told_as_check_tells_it_and_the_old_one_goes_on() {
    let gate = gate(RESPOND).run().await;
    gate.rewrite("respond = \"here\"", "respnd = \"there\"\nstatus = \"many\"");
    let (checked, reloaded) = (gate.command("check", &[]).await, gate.command("reload", &[]).await);
    assert_eq!((checked.code, reloaded.code), (Some(1), Some(1)), "{reloaded:?}");
    let findings = |printed: &str| printed.lines().filter(|it| it.contains(": error: ")).count();
    assert!(findings(&checked.stdout) >= 2, "{checked:?}");
    for line in checked.stdout.lines().filter(|line| line.contains(": error: ")) {
        assert!(reloaded.stdout.contains(line), "{line} is not in {reloaded:?}");
    }
    assert!(reloaded.stdout.contains("not reloaded; what was served goes on"), "{reloaded:?}");
    assert_eq!(gate.get("/").await.text(), "here");

    let json = gate.command("reload", &["--json"]).await;
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(json["done"], false);
    assert_eq!(json["findings"][0]["severity"], "error", "{json}");

    // What is named counts, too: here a port that is taken, below.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    gate.rewrite("respnd = \"there\"\nstatus = \"many\"", "respond = \"there\"");
    gate.rewrite("http = [\"127.0.0.1:0\"]", &format!("http = [\"127.0.0.1:0\", \"{address}\"]"));
    let reloaded = gate.command("reload", &[]).await;
    assert_eq!(reloaded.code, Some(1), "{reloaded:?}");
    assert!(reloaded.stdout.contains(&address.to_string()), "{reloaded:?}");
    assert_eq!(gate.get("/").await.text(), "here", "nothing of it has taken hold");
}

#[tokio::test]
async fn the_control_socket_is_its_owners_alone_and_goes_with_its_gatepost() {
    let gate = gate(RESPOND).run().await;
    let socket = gate.folder().join("control.sock");
    assert_eq!(fs::metadata(&socket).expect("there").permissions().mode() & 0o777, 0o600);
    fs::copy(gate.folder().join("gatepost.toml"), gate.folder().join("other.toml")).expect("copied");
    let other = crate::support::process::gatepost(gate.folder(), &["reload", "-c", "other.toml"]).await;
    assert_eq!(other.code, Some(1));
    assert!(other.stdout.contains("serves gatepost.toml, and not "), "{other:?}");

    let folder = gate.stop_keeping_folder().await;
    assert!(!socket.exists());
    let nobody = crate::support::process::gatepost(folder.path(), &["reload", "-c", "gatepost.toml"]).await;
    assert_eq!(nobody.code, Some(1));
    assert!(nobody.stderr.contains("no gatepost answers at") && nobody.stderr.contains("control.sock"), "{nobody:?}");
}

#[tokio::test]
async fn a_socket_that_a_crash_left_behind_is_replaced_and_one_that_answers_is_not() {
    let first = gate(RESPOND).run().await;
    let shared = format!("control = \"{}\"\n", first.folder().join("control.sock").display());
    let mut first = first.killed_and_started_again().await;
    reloads(&first).await;
    let builder = gate(RESPOND).write();
    let file = builder.folder().join("gatepost.toml");
    let text = fs::read_to_string(&file).expect("the configuration");
    let text: Vec<&str> = text.lines().filter(|line| !line.starts_with("control")).collect();
    fs::write(&file, text.join("\n").replace("[server]\n", &format!("[server]\n{shared}"))).expect("written");
    let mut second = crate::support::process::Process::gatepost(builder.folder(), &["run", "-c", "gatepost.toml"]);
    let log = second.says("serving").await;
    assert!(log.contains("another gatepost answers at"), "{log}");
    second.terminate();
    second.exited().await;
    reloads(&first).await;
    first.process.says("reloaded").await;
}

#[tokio::test]
async fn addresses_come_and_go_and_what_is_open_on_them_stays() {
    let gate = gate(RESPOND).run().await;
    let first = gate.http[0];
    let mut old = tcp(first).await;
    assert_eq!(old.ask(GET).await.status(), 200);
    let next = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");

    gate.rewrite("http = [\"127.0.0.1:0\"]", &format!("http = [\"127.0.0.1:0\", \"{next}\"]"));
    reloads(&gate).await;
    for address in [first, next] {
        assert_eq!(tcp(address).await.ask(GET).await.status(), 200);
    }
    gate.rewrite(&format!("http = [\"127.0.0.1:0\", \"{next}\"]"), &format!("http = [\"{next}\"]"));
    reloads(&gate).await;
    assert_eq!(old.ask(GET).await.status(), 200, "an open connection on an address that is gone");
    soon("an address that is gone to be refused", async {
        while tokio::net::TcpStream::connect(first).await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!(tcp(next).await.ask(GET).await.status(), 200);
    // Back again: what was given up is no hindrance.
    gate.rewrite(&format!("http = [\"{next}\"]"), &format!("http = [\"{next}\", \"{first}\"]"));
    reloads(&gate).await;
    assert_eq!(tcp(first).await.ask(GET).await.status(), 200);
}

#[tokio::test]
async fn an_address_may_change_what_is_spoken_on_it() {
    let gate = gate(RESPOND).run().await;
    let (http, https) = (gate.http[0], gate.https[0]);
    gate.rewrite("http = [\"127.0.0.1:0\"]", &format!("http = [\"{https}\"]"));
    gate.rewrite("https = [\"127.0.0.1:0\"]", &format!("https = [\"{http}\"]"));
    reloads(&gate).await;
    assert_eq!(tcp(https).await.ask(GET).await.status(), 200);
    let tls = crate::support::client::Tls::new().connect(http, CHAT).await.expect("a handshake");
    assert_eq!(tls.wire().ask(GET).await.status(), 200);
}

#[tokio::test]
async fn workers_come_and_go_under_load_and_nothing_is_lost() {
    let upstream = upstream().await;
    let gate =
        proxying(&upstream, "").replacing("hosts", "redirect_http = false\nhosts").server("workers = 2").run().await;
    let mut tunnels = Vec::new();
    for _ in 0..8 {
        tunnels.push(websocket(gate.http[0], "/ws").await);
    }
    let load = Load::on(gate.http[0], "/", 24, 7);
    let mut before = 2;
    for workers in [1, 4, 3, 1, 2, 5, 1, 2] {
        gate.rewrite(&format!("workers = {before}\n"), &format!("workers = {workers}\n"));
        before = workers;
        reloads(&gate).await;
        load.goes_on(200).await;
    }
    for tunnel in &mut tunnels {
        echoes(tunnel, "still here").await;
    }
    assert!(load.end().await >= 1600);
    let log = gate.process.stderr();
    assert!(!log.contains("ERROR") && !log.contains("a worker ended"), "{log}");
}

#[tokio::test]
async fn reloads_by_signal_and_by_command_under_load_lose_no_request_and_end_no_websocket() {
    let upstream = upstream().await;
    let keys = "pool_idle_timeout = \"60s\"";
    let gate =
        proxying(&upstream, keys).replacing("hosts", "redirect_http = false\nhosts").server("workers = 2").run().await;
    let mut tunnels = Vec::new();
    for _ in 0..20 {
        tunnels.push(websocket(gate.http[0], "/ws").await);
    }
    let load = Load::on(gate.http[0], "/", 60, 50);
    for number in 0..20 {
        let route = format!("[[site.route]]\npath = \"/n{number}\"\nrespond = \"{number}\"\n");
        let file = gate.folder().join("gatepost.toml");
        let text = fs::read_to_string(&file).expect("the configuration");
        fs::write(&file, text + &route).expect("written");
        match number % 2 {
            0 => reloads(&gate).await,
            _ => {
                gate.process.hangup();
                soon("the reload", async {
                    while gate.get(&format!("/n{number}")).await.text() != number.to_string() {}
                })
                .await;
            }
        }
        load.goes_on(50).await;
    }
    for tunnel in &mut tunnels {
        echoes(tunnel, "still here").await;
    }
    assert!(load.end().await >= 1000);
}

#[tokio::test]
async fn connections_to_an_upstream_survive_a_reload_that_does_not_touch_it() {
    let upstream = upstream().await;
    let gate = proxying(&upstream, "pool_idle_timeout = \"600s\"").run().await;
    assert_eq!(gate.get("/").await.text(), "0");
    gate.rewrite("path = \"/\"", "path = \"/\"\nmax_body = \"1MiB\"\nsend_timeout = \"50s\"");
    reloads(&gate).await;
    assert_eq!(gate.get("/").await.text(), "0", "the same connection");
    gate.rewrite("pool_idle_timeout = \"600s\"", "pool_idle_timeout = \"599s\"");
    reloads(&gate).await;
    assert_eq!(gate.get("/").await.text(), "1", "another way of speaking to it");
}

#[tokio::test]
async fn a_websocket_ends_with_its_route_and_not_before() {
    let upstream = upstream().await;
    let file = format!(
        "[[site]]\nhosts = [\"{CHAT}\"]\nredirect_http = false\n[[site.route]]\npath = \"/kept\"\nproxy = \"http://{upstream}\"\n\
         [[site.route]]\npath = \"/gone\"\nproxy = \"http://{upstream}\"\n"
    );
    let mut gate = gate(file).run().await;
    let (mut kept, mut gone) = (websocket(gate.http[0], "/kept/ws").await, websocket(gate.http[0], "/gone/ws").await);
    // Where another route leads to the same upstream, it is still there to be had.
    gate.rewrite("path = \"/kept\"", "path = \"/\"");
    reloads(&gate).await;
    for tunnel in [&mut kept, &mut gone] {
        echoes(tunnel, "first").await;
    }
    gate.rewrite("path = \"/gone\"\nproxy = ", "path = \"/gone\"\nrespond = ");
    reloads(&gate).await;
    gone.closes().await;
    echoes(&mut kept, "second").await;
    gate.process.says("ending tunnels whose route is gone tunnels=1").await;
}

#[tokio::test]
async fn the_status_page_the_access_log_and_its_form_change_while_it_serves() {
    let file = format!("[admin]\nlisten = \"127.0.0.1:0\"\n{RESPOND}");
    let mut gate = gate(file).log("access = \"first.log\"\nlevel = \"debug\"").run().await;
    let admin = last_address(&gate, "admin");
    let lines = |name: &str| fs::read_to_string(gate.folder().join(name)).unwrap_or_default();
    let until = async |name: &str, text: &str| {
        soon("a line in the log", async {
            while !lines(name).contains(text) {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        })
        .await;
    };
    let mut open = gate.plain().await;
    open.ask("GET /one HTTP/1.1\nHost: chat.example").await;
    until("first.log", "\"GET /one HTTP/1.1\"").await;

    let next = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    gate.rewrite("listen = \"127.0.0.1:0\"", &format!("listen = \"{next}\""));
    gate.rewrite(
        "access = \"first.log\"\nlevel = \"debug\"",
        "access = \"second.log\"\nformat = \"json\"\nlevel = \"warn\"",
    );
    reloads(&gate).await;
    open.ask("GET /two HTTP/1.1\nHost: chat.example").await;
    until("second.log", "\"/two\"").await;
    assert_eq!(tcp(next).await.ask("GET /healthz HTTP/1.1\nHost: localhost").await.text(), "ok\n");
    soon("the old page to be gone", async { while tokio::net::TcpStream::connect(admin).await.is_ok() {} }).await;

    // Somebody moves the file away and says so.
    fs::rename(gate.folder().join("second.log"), gate.folder().join("second.log.1")).expect("moved");
    gate.process.user1();
    soon("the file to be there again", async { while !gate.folder().join("second.log").exists() {} }).await;
    open.ask("GET /three HTTP/1.1\nHost: chat.example").await;
    until("second.log", "\"/three\"").await;
    assert!(!lines("second.log.1").contains("/three"));

    gate.rewrite("access = \"second.log\"\nformat = \"json\"", "access = \"off\"");
    reloads(&gate).await;
    open.ask("GET /four HTTP/1.1\nHost: chat.example").await;
    gate.rewrite("access = \"off\"", "access = \"second.log\"");
    reloads(&gate).await;
    open.ask("GET /five HTTP/1.1\nHost: chat.example").await;
    until("second.log", "\"GET /five HTTP/1.1\"").await;
    assert!(!lines("second.log").contains("/four"));
    assert!(!gate.process.stderr().contains("reloaded\n") || !gate.process.stderr().ends_with("INFO reloaded\n"));
    gate.process.terminate();
    assert_eq!(gate.process.exited().await, Some(0));
}
