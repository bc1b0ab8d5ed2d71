//! The configuration's text as it may be shown: what is secret in it is written over.
//!
//! Findings show lines of the file, on terminals and in a service's log. This
//! looks at the text alone, since a file that does not parse may hold a secret,
//! too. It may write over too much, never too little.

/// The text, byte for byte as long as before, with `*` in place of secrets.
pub(super) fn masked(text: &str) -> String {
    let (mut in_pem, mut in_users) = (false, false);
    let mut shown = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let begins = line.find("-----BEGIN ");
        if line.trim_start().starts_with('[') {
            in_users = is_users_heading(line);
        }
        if in_pem || begins.is_some() {
            let from = if in_pem { 0 } else { begins.unwrap_or(0) };
            in_pem = !line[from..].contains("-----END ");
            shown.push_str(&line[..from]);
            write_over(&line[from..], &mut shown);
        } else if let Some(from) = secret_value(line).or_else(|| hash_value(line, in_users)) {
            shown.push_str(&line[..from]);
            write_over(&line[from..], &mut shown);
        } else {
            without_userinfo(line, &mut shown);
        }
    }
    shown
}

/// No path of a key file is as long in practice; a pasted key without its BEGIN line is longer.
const LONGEST_KEY_PATH: usize = 200;

/// Where the value of a secret key begins in a line. `{ file = … }` and `{ env = … }` only name a place and are shown.
fn secret_value(line: &str) -> Option<usize> {
    // A header table may carry credentials under any name that a server thought of; these are the usual ones.
    const KEYS: [&str; 8] =
        ["hmac_key", "secret", "password", "passcode", "token", "authorization", "api-key", "cookie"];
    let lower = line.to_ascii_lowercase();
    if lower.trim_start().starts_with("private_key") && line.len() > LONGEST_KEY_PATH {
        return line.find('=').map(|at| at + 1);
    }
    let after_key = KEYS.iter().filter_map(|key| Some(lower.find(key)? + key.len())).min()?;
    let after_equals = after_key + line[after_key..].find('=')? + 1;
    let value = line[after_equals..].trim_start();
    let value_at = line.len() - value.len();
    let inner = value.strip_prefix('{').map(str::trim_start);
    let names_a_place = inner.is_some_and(|inner| inner.starts_with("file") || inner.starts_with("env"));
    (!names_a_place && !lower.trim_start().starts_with("token_lifetime")).then_some(value_at)
}

/// `[auth.staff.users]`: what stands below are hashes of passwords, or passwords by mistake.
fn is_users_heading(line: &str) -> bool {
    let heading: String = line.chars().filter(|c| !c.is_whitespace()).collect();
    heading.starts_with("[auth.") && heading.contains("users]")
}

/// Where hashes of passwords begin in a line, of that table or of `users = { … }`.
fn hash_value(line: &str, in_users: bool) -> Option<usize> {
    let key = line.trim_start();
    let holds = in_users || key.starts_with("users") || key.starts_with("auth.");
    line.find('=').filter(|_| holds).map(|at| at + 1)
}

/// `http://anna:password@host`: what stands before the `@` is written over.
fn without_userinfo(line: &str, shown: &mut String) {
    let mut rest = line;
    while let Some(scheme_end) = rest.find("://").map(|at| at + 3) {
        let (before, after) = rest.split_at(scheme_end);
        shown.push_str(before);
        let authority = after.find(['"', '\'', '/', '#', ' ']).unwrap_or(after.len());
        let userinfo = after[..authority].rfind('@').unwrap_or(0);
        write_over(&after[..userinfo], shown);
        rest = &after[userinfo..];
    }
    shown.push_str(rest);
}

fn write_over(text: &str, shown: &mut String) {
    for byte in text.bytes() {
        shown.push(if matches!(byte, b'\n' | b'\r') { byte as char } else { '*' });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_written_over_and_places_stay() {
        let text = "a = 1\n  plugin_secret = \"größe\" # x\r\nsecret = { env = \"S\" }\ntoken_lifetime = \"1h\"\n";
        let shown = masked(text);
        assert_eq!(shown.len(), text.len());
        assert_eq!(
            shown,
            "a = 1\n  plugin_secret = *************\r\nsecret = { env = \"S\" }\ntoken_lifetime = \"1h\"\n"
        );
        let mistyped = masked("secret = { value = \"s3cr3t\" }\n");
        assert!(!mistyped.contains("s3cr3t"), "{mistyped}");
        let headers = masked("request_headers = { Authorization = \"Basic eA==\", X-A = \"1\" }\n");
        assert!(!headers.contains("eA=="), "{headers}");
        let proxies = masked("proxy = [\"http://anna:pw@a.example\", \"http://b.example\"] # a@b\n");
        assert_eq!(proxies, "proxy = [\"http://*******@a.example\", \"http://b.example\"] # a@b\n");
    }

    #[test]
    fn passwords_of_users_are_written_over_in_every_form_of_their_table() {
        let text =
            "[auth.a]\nusers = { anna = \"sesame\" }\nfile = \"f\"\n[auth.a.users]\nbert = \"sesame\"\n[x]\ny = 1\n";
        let shown = masked(text);
        assert!(!shown.contains("sesame") && shown.contains("file = \"f\"") && shown.contains("y = 1"), "{shown}");
        assert!(!masked("auth.a.users.anna = \"sesame\"\n").contains("sesame"));
    }

    #[test]
    fn a_key_pasted_into_the_file_is_not_shown_even_if_unclosed() {
        let shown = masked(
            "private_key = \"\"\"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\"\"\"\nx = 1\n",
        );
        assert!(shown.ends_with("\nx = 1\n"), "{shown}");
        assert!(!shown.contains("MIIE"));
        assert!(!masked("private_key = '''-----BEGIN X-----\nMIIE").contains("MIIE"));
        let without_begin = format!("private_key = \"{}\"\n", "MIIE".repeat(400));
        assert!(!masked(&without_begin).contains("MIIE"));
        assert!(masked("private_key = \"/etc/gatepost/MIIE.pk\"\n").contains("MIIE"));
    }
}
