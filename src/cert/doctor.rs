//! The chain doctor: what a chain is, what is wrong with it, and which clients will not take it.
//!
//! The way in is [`examine`]. It looks at what is presented exactly as it stands,
//! as a server would send it, and judges with `chain`, which
//! serving uses too; so what it calls good is served good. It opens no file and no
//! connection (`probe` does that for `gatepost cert inspect`) and mends nothing
//! (`bundle` does). It knows nothing of revocation, Certificate Transparency, or
//! the roots that some device really has.

mod facts;
pub mod family;
pub mod fault;
mod file;
mod find;
pub mod probe;
pub mod strength;

use std::path::Path;

use rustls::pki_types::CertificateDer;
use serde::Serialize;
use thiserror::Error;

use crate::route::host::Host;

pub use self::facts::{Facts, Role};
use self::family::{Family, Verdict};
use self::fault::Fault;
pub use self::file::Held;
use self::find::Finder;
use super::chain::{self, Chain};
use super::member::Member;
use super::pem::Placed;
pub use super::roots::{Roots, RootsError};
use crate::config::finding::Severity;

/// Most certificates that are looked at. Chains have two to four; a system's whole list of roots has about 140, and
/// is a mistake that deserves a look.
pub const MAX_CERTIFICATES: usize = 200;

/// By what a chain is judged.
#[derive(Debug)]
pub struct Question<'a> {
    /// The host that a client would ask for; `None` where names are not to be judged.
    pub name: Option<Host>,
    /// The roots that clients are taken to have.
    pub roots: &'a Roots,
    /// The file that they came from; `None` for Mozilla's of this build.
    pub roots_file: Option<&'a Path>,
    /// The second at which it is judged, since 1970.
    pub now: i64,
    /// What is known of the private key.
    pub proof: Proof,
    /// Where the chain came from.
    pub source: Source<'a>,
}

impl Question<'_> {
    /// What the roots are called in a sentence.
    pub fn roots_called(&self) -> String {
        match self.roots_file {
            None => "Mozilla's roots of this build".to_owned(),
            Some(path) => format!("the roots of {}", path.display()),
        }
    }
}

/// What is known of the private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// Nothing: a file without a key, or a handshake that broke off.
    Unknown,
    /// The public bits of the key that is in the file.
    Key(Vec<u8>),
    /// The handshake's signature fits the first certificate.
    Shown,
    /// It does not.
    Failed,
}

/// Where a chain came from; mends differ.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// A file.
    File(&'a Path),
    /// A server.
    Host,
}

/// What was found out about a chain.
#[derive(Debug, Serialize)]
pub struct Examination {
    /// What each family of clients makes of it.
    pub verdicts: Vec<Verdict>,
    /// All that is wrong or doubtful, the graver first.
    #[serde(rename = "findings")]
    pub faults: Vec<Fault>,
    /// The certificates as presented.
    #[serde(rename = "certificates")]
    pub facts: Vec<Facts>,
}

/// Why there is nothing to judge.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NoChain {
    /// No certificate at all.
    #[error("there is no certificate")]
    Empty,
    /// One that cannot be read.
    #[error("certificate {0} is no X.509 certificate, or a damaged one")]
    Damaged(usize),
    /// A file of issuers or roots.
    #[error("none of the {0} certificates is a server's own, all are CAs; name the file that has the server's, too")]
    NoLeaf(usize),
    /// More than anybody's chain has.
    #[error("there are {0} certificates, and a chain has two to four: this is a list of roots, or a mistake")]
    TooMany(usize),
}

/// Examines a chain as it is presented: the file in its order, or what a server sent.
///
/// # Errors
/// Where there is no chain to judge.
pub fn examine(presented: &[Placed<CertificateDer<'static>>], question: &Question<'_>) -> Result<Examination, NoChain> {
    if presented.is_empty() {
        return Err(NoChain::Empty);
    }
    if presented.len() > MAX_CERTIFICATES {
        return Err(NoChain::TooMany(presented.len()));
    }
    let mut members = Vec::with_capacity(presented.len());
    for (index, placed) in presented.iter().enumerate() {
        members.push(Member::read(placed, index + 1).ok_or(NoChain::Damaged(index + 1))?);
    }
    let leaf = leaf(&members, &question.proof, question.now);
    // What a server presents first is its own whatever it says; so is a CA's own certificate that bears names.
    let is_named = !members[leaf].names().0.is_empty();
    if matches!(question.source, Source::File(_))
        && question.proof == Proof::Unknown
        && members[leaf].is_ca()
        && !is_named
    {
        return Err(NoChain::NoLeaf(members.len()));
    }
    let chain = chain::arrange(&members, leaf, question.roots, question.now);
    let faults = Finder { members: &members, chain: &chain, question, faults: Vec::new() }.all();
    Ok(Examination { facts: facts(&members, &chain, question), ..Examination::of(faults) })
}

impl Examination {
    fn of(faults: Vec<Fault>) -> Self {
        let verdicts = Family::ALL.iter().map(|family| Verdict::of(*family, &faults)).collect();
        Self { verdicts, faults, facts: Vec::new() }
    }

    /// Adds what was found in another way, in a handshake say, and judges again.
    pub fn with(self, more: Vec<Fault>) -> Self {
        let mut faults = self.faults;
        faults.extend(more);
        faults.sort_by_key(|fault| std::cmp::Reverse(fault.severity()));
        Self { facts: self.facts, ..Self::of(faults) }
    }

    /// Whether nothing is wrong; what is merely doubtful does not count.
    pub fn is_good(&self) -> bool {
        self.faults.iter().all(|fault| fault.severity() == Severity::Warning)
    }

    /// The certificate that is the server's own.
    pub fn leaf(&self) -> Option<&Facts> {
        self.facts.iter().find(|facts| facts.role == Role::Leaf)
    }
}

/// The server's own certificate: by the key that the file holds, or the first that a handshake proved, else the first
/// that is no CA.
fn leaf(members: &[Member<'_>], proof: &Proof, now: i64) -> usize {
    match proof {
        Proof::Shown => Some(0),
        Proof::Key(bits) => chain::leaf(members, bits, now),
        Proof::Unknown | Proof::Failed => None,
    }
    .or_else(|| members.iter().position(|member| !member.is_ca()))
    .unwrap_or(0)
}

fn facts(members: &[Member<'_>], chain: &Chain, question: &Question<'_>) -> Vec<Facts> {
    (0..members.len()).map(|index| Facts::of(index, members, chain, question.roots, question.now)).collect()
}

#[cfg(test)]
mod tests;
