//! What runs out: descriptors, and the disk under the log.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use super::*;
use crate::support::raw::Wire;

const RESPOND: &str = "[admin]\nlisten = \"127.0.0.1:0\"\n[[site]]\nhosts = [\"chat.example\"]\nredirect_http = false\n\
    [[site.route]]\npath = \"/\"\nrespond = \"here\"\n";

#[tokio::test]
async fn without_descriptors_accepting_pauses_and_goes_on_by_itself() {
    let mut gate = gate(RESPOND).run().await;
    assert_eq!(gate.get("/").await.text(), "here");
    until_sample(&gate, "gatepost_connections", 0).await;
    let open = gate.process.descriptors();
    gate.process.limit_descriptors(open + 5);

    let mut held: Vec<Wire> = Vec::new();
    for _ in 0..20 {
        // The kernel takes them all; whether we do is another matter.
        held.push(gate.plain().await);
    }
    gate.process.says("cannot accept connections for the moment").await;
    // Long enough for a loop that does not wait to say it thousands of times.
    tokio::time::sleep(Duration::from_millis(700)).await;
    let said = gate.process.stderr();
    assert_eq!(said.matches("cannot accept").count(), 1, "{said}");
    assert!(said.contains("LimitNOFILE"), "{said}");

    drop(held);
    assert_eq!(gate.plain().await.ask(GET).await.text(), "here");
    assert_eq!(gate.get("/").await.text(), "here");
}

#[tokio::test]
async fn a_busy_house_without_descriptors_lets_idle_connections_go() {
    let gate = gate(RESPOND).run().await;
    assert_eq!(gate.get("/").await.text(), "here");
    until_sample(&gate, "gatepost_connections", 0).await;
    gate.process.limit_descriptors(gate.process.descriptors() + 5);
    let mut idle = Vec::new();
    for _ in 0..30 {
        // Each is kept by its client, and each new one is served all the same.
        let mut wire = gate.plain().await;
        assert_eq!(wire.ask(GET).await.text(), "here");
        idle.push(wire);
    }
}

#[tokio::test]
async fn the_soft_limit_of_descriptors_is_raised_at_the_start() {
    let builder = gate(RESPOND).soft_limit(256);
    let gate = builder.run().await;
    let mut held = Vec::new();
    for _ in 0..400 {
        held.push(gate.plain().await);
    }
    assert_eq!(held.last_mut().expect("many").ask(GET).await.text(), "here");
}

#[tokio::test]
async fn a_full_disk_costs_lines_of_the_log_and_nothing_else() {
    let builder = gate(RESPOND).log("access = \"access.log\"");
    let log = builder.folder().join("access.log");
    symlink("/dev/full", &log).expect("a link");
    let mut gate = builder.run().await;
    for _ in 0..20 {
        assert_eq!(gate.get("/lost").await.text(), "here");
    }
    let said = gate.process.says("cannot be written").await;
    assert!(said.contains("the disk is full"), "{said}");
    until_sample(&gate, "gatepost_access_log_lines_lost_total", 20).await;
    assert_eq!(gate.process.stderr().matches("cannot be written").count(), 1, "it is said once");

    fs::remove_file(&log).expect("removed");
    gate.process.user1();
    gate.process.says("opened the access log anew").await;
    assert_eq!(gate.get("/written").await.text(), "here");
    let said = gate.process.says("the access log is written again").await;
    assert!(said.contains("lines=20"), "{said}");
    assert!(fs::read_to_string(&log).expect("a new file").contains("/written"));
}

#[tokio::test]
async fn a_log_that_was_moved_away_is_let_go_of_on_sigusr1_and_on_reload() {
    let builder = gate(RESPOND).log("access = \"access.log\"");
    let folder = builder.folder().to_owned();
    let mut gate = builder.run().await;
    for (number, signal) in ["usr1", "hup"].into_iter().enumerate() {
        let (before, after) = (format!("/before-{signal}"), format!("/after-{signal}"));
        assert_eq!(gate.get(&before).await.text(), "here");
        let (log, moved) = (folder.join("access.log"), folder.join(format!("access.log.{number}")));
        soon("the line", async {
            while !fs::read_to_string(&log).is_ok_and(|text| text.contains(&before)) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        fs::rename(&log, &moved).expect("moved");
        if signal == "usr1" {
            gate.process.user1();
        } else {
            gate.process.hangup();
        }
        soon("the new file", async {
            while !log.exists() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        assert_eq!(gate.get(&after).await.text(), "here");
        soon("the line in the new file", async {
            while !fs::read_to_string(&log).is_ok_and(|text| text.contains(&after)) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        let moved = fs::read_to_string(&moved).expect("the old file");
        assert!(moved.contains(&before) && !moved.contains(&after), "{moved}");
    }
    gate.process.says("opened the access log anew").await;
}
