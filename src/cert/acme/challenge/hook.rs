//! A command in the form of certbot's manual hooks (certbot's manual, "Pre and Post Validation Hooks").
//!
//! It runs in a shell, with the question in its environment, and for a bounded
//! time. What it prints is handed to the cleanup command and, when it fails, to
//! the log.

use std::process::Stdio;
use std::time::Duration;

use thiserror::Error;
use tokio::io::AsyncReadExt;
use tokio::process::{ChildStderr, ChildStdout, Command};

/// Long enough for a script that waits until every server of a zone has the record.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Most that is kept of what a hook prints, in bytes.
const MAX_OUTPUT: u64 = 16 * 1024;

/// What a hook is told.
pub(super) struct Call<'a> {
    pub(super) domain: &'a str,
    pub(super) validation: &'a str,
    pub(super) token: &'a str,
    pub(super) remaining: usize,
    pub(super) all: &'a [String],
    /// What the first hook printed, for the one that cleans up.
    pub(super) auth_output: Option<&'a str>,
}

/// Why a hook did not do its work.
#[derive(Debug, Error)]
pub(super) enum HookError {
    #[error("cannot be started: {0}")]
    Start(#[source] std::io::Error),
    #[error("was not done after {} minutes", PATIENCE.as_secs() / 60)]
    Slow,
    #[error("ended with {0}: {1}")]
    Failed(std::process::ExitStatus, String),
}

/// Runs it; what it printed, without line breaks around it.
pub(super) async fn run(command: &str, call: &Call<'_>) -> Result<String, HookError> {
    let mut shell = Command::new("/bin/sh");
    shell
        .arg("-c")
        .arg(command)
        .env("CERTBOT_DOMAIN", call.domain)
        .env("CERTBOT_VALIDATION", call.validation)
        .env("CERTBOT_TOKEN", call.token)
        .env("CERTBOT_REMAINING_CHALLENGES", call.remaining.to_string())
        .env("CERTBOT_ALL_DOMAINS", call.all.join(","))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if let Some(said) = call.auth_output {
        shell.env("CERTBOT_AUTH_OUTPUT", said);
    }
    let mut child = shell.spawn().map_err(HookError::Start)?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let done = async { tokio::join!(stdout(out), stderr(err), child.wait()) };
    let (out, err, status) = tokio::time::timeout(PATIENCE, done).await.map_err(|_| HookError::Slow)?;
    let status = status.map_err(HookError::Start)?;
    if status.success() {
        return Ok(out.trim().to_owned());
    }
    let said: String = format!("{} {}", err.trim(), out.trim()).chars().take(400).collect();
    Err(HookError::Failed(status, said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()))
}

async fn stdout(pipe: Option<ChildStdout>) -> String {
    match pipe {
        Some(pipe) => gather(pipe).await,
        None => String::new(),
    }
}

async fn stderr(pipe: Option<ChildStderr>) -> String {
    match pipe {
        Some(pipe) => gather(pipe).await,
        None => String::new(),
    }
}

/// Reads to the end, lest the hook waits for a reader, and keeps the beginning.
async fn gather(mut pipe: impl tokio::io::AsyncRead + Unpin) -> String {
    let mut kept = Vec::new();
    let _ = (&mut pipe).take(MAX_OUTPUT).read_to_end(&mut kept).await;
    let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call<'a>(all: &'a [String], said: Option<&'a str>) -> Call<'a> {
        Call { domain: "site.com", validation: "value", token: "token", remaining: 2, all, auth_output: said }
    }

    #[tokio::test]
    async fn a_hook_is_told_what_certbot_tells() {
        let all = ["site.com".to_owned(), "*.site.com".to_owned()];
        let command = "echo $CERTBOT_DOMAIN $CERTBOT_VALIDATION $CERTBOT_TOKEN $CERTBOT_REMAINING_CHALLENGES $CERTBOT_ALL_DOMAINS ${CERTBOT_AUTH_OUTPUT-none}";
        let said = run(&format!("set -f; {command}"), &call(&all, None)).await.expect("done");
        assert_eq!(said, "site.com value token 2 site.com,*.site.com none");
        let said = run(&format!("set -f; {command}"), &call(&all, Some("id 7"))).await.expect("done");
        assert!(said.ends_with(" id 7"), "{said}");
    }

    #[tokio::test]
    async fn a_hook_that_fails_says_why() {
        let error = run("echo no such zone >&2; exit 3", &call(&[], None)).await.expect_err("failed");
        let text = error.to_string();
        assert!(text.contains("exit status: 3") && text.contains("no such zone"), "{text}");
        let error = run("/no/such/command", &call(&[], None)).await.expect_err("failed").to_string();
        assert!(error.contains("127"), "{error}");
    }

    #[tokio::test]
    async fn a_hook_that_prints_without_end_is_read_to_its_end() {
        let said = run("yes | head -c 1000000", &call(&[], None)).await.expect("done");
        assert!(said.len() <= 16 * 1024);
    }
}
