//! Serves the chain set for clients that are no Rust: `tests/e2e/verdicts.sh` asks them.

use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;

use crate::support::chains::set;

#[tokio::test]
#[ignore = "serves for tests/e2e/verdicts.sh, into the folder CHAIN_SET, until its standard input ends"]
async fn the_chain_set_is_served_for_other_judges() {
    let folder = std::env::var_os("CHAIN_SET").expect("a folder in CHAIN_SET");
    let folder = Path::new(&folder);
    let mut table = String::new();
    for case in set() {
        std::fs::write(folder.join(format!("{}.root.pem", case.name)), &case.root).expect("a root");
        let port = case.serve().await;
        let word = |takes| if takes { "TRUSTED" } else { "REFUSED" };
        let _ = writeln!(table, "{} {port} {} {} {}", case.name, case.verdicts, word(case.openssl), word(case.java));
    }
    // Whole or not at all: the script waits for the name.
    std::fs::write(folder.join("table.part"), table).expect("a table");
    std::fs::rename(folder.join("table.part"), folder.join("table")).expect("a table");
    let end = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    end.await.expect("no panic").expect("standard input");
}
