//! What a page may run and load: a nonce for its own script and style, and the policy that lets nothing else in.
//!
//! It refuses frames around any page, plugins, other hosts' files, and a base address of a page's own.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Lets this one answer's own script and style run (CSP level 3, section 6.7.3.3), and is never used again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nonce(String);

/// What a page does beside showing itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    /// Nothing: links lead on from it.
    Plain,
    /// Its script asks the launcher whether somebody has signed in.
    Asks,
    /// It has a form that is sent to the launcher.
    Form {
        /// Origins that the form's answer redirects to, such as `https://8x8.vc`; none where it is a page.
        ///
        /// Chromium holds `form-action` against the redirects after a form too (CSP level 3, section 6.4.2.1 leaves
        /// it open): without them the meeting would not open.
        leads_to: &'a [&'a str],
    },
}

impl Nonce {
    /// A fresh one: 128 bits, as the specification asks for at least.
    ///
    /// # Errors
    /// Where the system has no random numbers to give.
    pub fn fresh() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(STANDARD_NO_PAD.encode(bytes)))
    }

    /// The value as the page's elements carry it.
    pub fn value(&self) -> &str {
        &self.0
    }

    /// The `Content-Security-Policy` for a page of this kind that carries this nonce, with a picture of the
    /// launcher's own or without.
    pub fn policy(&self, kind: Kind<'_>, logo: bool) -> String {
        let mut policy = String::from("default-src 'none'");
        for source in ["script-src", "style-src"] {
            write!(policy, "; {source} 'nonce-{}'", self.0).expect("writing to a String does not fail");
        }
        if logo {
            policy.push_str("; img-src 'self'");
        }
        if kind == Kind::Asks {
            policy.push_str("; connect-src 'self'");
        }
        policy.push_str("; base-uri 'none'; form-action ");
        match kind {
            Kind::Form { leads_to } => {
                policy.push_str("'self'");
                for origin in leads_to {
                    policy.push(' ');
                    policy.push_str(origin);
                }
            }
            Kind::Plain | Kind::Asks => policy.push_str("'none'"),
        }
        policy + "; frame-ancestors 'none'"
    }
}
