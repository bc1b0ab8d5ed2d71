//! What the demo prints once it serves: the addresses, what to try, how to stop.
//!
//! Lines are short, and none is drawn: it looks the same on a phone's terminal
//! and in a file. Commands can be pasted as they stand.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

/// What it has to name.
#[derive(Debug)]
pub(super) struct Guide<'a> {
    /// Where everything is kept.
    pub(super) folder: &'a Path,
    /// The root certificate.
    pub(super) root: &'a Path,
    /// The configuration.
    pub(super) config: &'a Path,
    /// The https port.
    pub(super) https: u16,
    /// The http port.
    pub(super) http: u16,
}

impl fmt::Display for Guide<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (https, http) = (self.https, self.http);
        let (root, config, folder) = (word(self.root), word(self.config), word(self.folder));
        write!(
            f,
            "\
gatepost demo is serving. Ctrl-C stops it.

  website   https://www.localhost:{https}/
  listing   https://www.localhost:{https}/files/
  chat      https://chat.localhost:{https}/
  meetings  https://chat.localhost:{https}/jitsi/
  http      http://www.localhost:{http}/ leads to https

In a browser:
  1. Let it trust the demo's root certificate, or accept its warning
     for each of the names:
       {root}
     Firefox: Settings, Certificates, View, Authorities, Import.
     Chromium: Settings, Security, Manage certificates.
  2. Open the chat in two tabs, sign in, and write: each sees the other.
  3. Start a meeting there. The launcher asks the chat who you are and
     signs a token for that name; the stand-in meeting shows it.

On the command line:
  curl --cacert {root} \\
    https://www.localhost:{https}/files/
  curl --cacert {root} \\
    -d name=Ada -c cookies.txt https://chat.localhost:{https}/login
  curl --cacert {root} \\
    -b cookies.txt https://chat.localhost:{https}/jitsi/Tea
  curl -i http://www.localhost:{http}/files/?a=b

Where a program cannot find the names (Safari, older curl), add to
/etc/hosts:
  127.0.0.1 www.localhost chat.localhost meet.localhost

Everything is kept in {folder}.
The configuration is a whole one to learn from:
  gatepost explain -c {config} \\
    https://chat.localhost:{https}/jitsi/Tea

Requests follow here as they come.

"
        )
    }
}

/// A path as a word of the shell.
fn word(path: &Path) -> Cow<'_, str> {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_fits_a_narrow_terminal() {
        let folder = Path::new("certs/demo");
        let (root, config) = (folder.join("root.pem"), folder.join("demo.toml"));
        let guide = Guide { folder, root: &root, config: &config, https: 65535, http: 65535 }.to_string();
        for line in guide.lines() {
            assert!(line.chars().count() <= 72, "{line}");
        }
        assert!(guide.contains("curl --cacert certs/demo/root.pem"), "{guide}");
    }

    #[test]
    fn a_path_with_a_blank_can_still_be_pasted() {
        assert_eq!(word(Path::new("/home/ada's things/x")), r"'/home/ada'\''s things/x'");
        assert_eq!(word(Path::new("/home/ada/x-1.pem")), "/home/ada/x-1.pem");
    }
}
