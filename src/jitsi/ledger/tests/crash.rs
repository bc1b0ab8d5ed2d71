//! `kill -9` in the middle of writes: what was answered is there.
//!
//! The process that is killed is this test's own executable, told by a variable of its environment to count and to
//! print what it was answered.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::*;

const FOLDER: &str = "GATEPOST_TEST_LEDGER";
const ROUND: &str = "GATEPOST_TEST_ROUND";

/// Counts until it is killed; does nothing where it was not told to.
#[test]
fn counts_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let round = std::env::var(ROUND).expect("a round");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let ledger = Ledger::open(PathBuf::from(folder).join(FILE), key(), Clock::Fixed(NOW));
    // Bounded, should nobody kill it. Written past the test harness, which would keep it to itself.
    for n in 0..100_000 {
        let device = format!("{round}/{n}");
        runtime.block_on(ledger.admit(asks("ada", &device))).expect("admitted");
        writeln!(std::io::stdout(), "\nadmitted {device}").expect("the parent listens");
    }
}

#[tokio::test]
async fn what_was_answered_before_kill_9_is_counted_after_it() {
    let place = Place::new();
    let mut answered: Vec<String> = Vec::new();
    for round in 0..8_usize {
        let mut child = Command::new(std::env::current_exe().expect("this executable"))
            .args(["--exact", "jitsi::ledger::tests::crash::counts_until_it_is_killed", "--nocapture"])
            .env(FOLDER, place.folder.path())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut random = [0; 1];
        getrandom::fill(&mut random).expect("a random number");
        // It is killed right after an answer, while it writes the next one, or reads or has just written.
        let before = answered.len() + 1 + usize::from(random[0] % 64);
        for line in lines.by_ref() {
            let line = line.expect("a line");
            answered.extend(line.strip_prefix("admitted ").map(ToOwned::to_owned));
            if answered.len() == before {
                child.kill().expect("killed");
                break;
            }
        }
        // What it said before it died, and the other end did not hear yet. The last line may be cut off.
        let rest: Vec<String> = lines.map_while(Result::ok).collect();
        answered.extend(rest.iter().filter_map(|line| line.strip_prefix("admitted ")).map(ToOwned::to_owned));
        let status = child.wait().expect("ended");
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "it was killed and did not end");
        assert!(answered.len() >= before);
    }
    let ledger = place.ledger();
    for device in &answered {
        let known = ledger.admit(within(0, asks("ada", device))).await.expect("an answer");
        assert!(!known.new_device, "{device} was answered and is lost");
    }
    let devices = usize::try_from(counted(&ledger).await.devices).expect("a few");
    // Each child may have counted one more than it could say.
    assert!((answered.len()..=answered.len() + 8).contains(&devices), "{devices} for {}", answered.len());
    let checked: String = place.database().query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("checked");
    assert_eq!(checked, "ok");
}
