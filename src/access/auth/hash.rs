//! A password's hash as it stands in the configuration or in a file: Argon2 or bcrypt.
//!
//! It refuses hashes that protect nothing (MD5, SHA-1, crypt, plain text), and such as would take gatepost's memory or
//! seconds of its time to look at: whoever may write a file of hashes may not stop it by one.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use bcrypt::HashParts;
use thiserror::Error;

use crate::secret::Secret;

/// KiB of memory that one look may take: thirteen times what OWASP advises.
const MOST_MEMORY: u32 = 256 * 1024;
/// Memory times passes of one look: a second or so.
const MOST_WORK: u64 = 1024 * 1024;
/// A second or so; each step doubles it.
const MOST_COST: u32 = 15;
/// Below it bcrypt is tried out in bulk; `htpasswd -B` writes 5 unless told.
const LEAST_COST: u32 = 10;
/// As OWASP's password storage cheat sheet has its weakest choice for Argon2id: 7 MiB, 5 passes.
const LEAST_WORK: u64 = 7 * 1024 * 5;

/// What bcrypt looks at of a password: whatever is beyond makes no difference to it.
const BCRYPT_BYTES: usize = 72;

/// A hash that can be looked at.
#[derive(Clone, PartialEq, Eq)]
pub struct Hash {
    kind: Kind,
    /// How long a look takes, in about nanoseconds: which of a table's is the costliest.
    cost: u64,
}

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Argon2(Box<Secret<PasswordHash>>),
    Bcrypt(Secret<String>),
}

/// Why a text is no hash that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HashError {
    /// Nothing there.
    #[error("is empty")]
    Empty,
    /// Apache's MD5.
    #[error("is an MD5 hash, which a graphics card tries out by the billion")]
    Md5,
    /// `{SHA}`.
    #[error("is a SHA-1 hash without salt, which is as good as the password itself")]
    Sha1,
    /// crypt(3) of another kind.
    #[error("is a hash of a kind that is not taken here")]
    Other,
    /// A password, by the looks of it.
    #[error("is no hash of a password")]
    None,
    /// One of ours, damaged.
    #[error("is damaged")]
    Damaged,
    /// It would take too much to look at.
    #[error("costs more than a server can spend on each try")]
    TooCostly,
}

impl Hash {
    /// Reads a hash: `$argon2id$…`, `$argon2i$…`, `$argon2d$…`, or bcrypt's `$2a$…`, `$2b$…`, `$2y$…`.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn parse(text: &str) -> Result<Self, HashError> {
        let kind = text.strip_prefix('$').and_then(|rest| rest.split('$').next());
        match kind {
            Some("argon2id" | "argon2i" | "argon2d") => argon2(text),
            Some("2a" | "2b" | "2y") => bcrypt_of(text),
            Some("apr1" | "1") => Err(HashError::Md5),
            Some(_) => Err(HashError::Other),
            None if text.is_empty() => Err(HashError::Empty),
            None if text.starts_with("{SHA}") => Err(HashError::Sha1),
            None => Err(HashError::None),
        }
    }

    /// Whether this is the password's hash. Takes tens of milliseconds: never on a worker's thread.
    pub fn is_of(&self, password: &[u8]) -> bool {
        match &self.kind {
            Kind::Argon2(hash) => Argon2::default().verify_password(password, hash.reveal()).is_ok(),
            Kind::Bcrypt(hash) => bcrypt::verify(password, hash.reveal()).unwrap_or(false),
        }
    }

    /// How long a look takes, beside others.
    pub fn cost(&self) -> u64 {
        self.cost
    }

    /// Whether it is so quick that passwords can be tried out in bulk by whoever gets hold of it.
    pub fn is_weak(&self) -> bool {
        match self.kind {
            Kind::Argon2(_) => self.cost < LEAST_WORK * PER_KIB_PASS,
            Kind::Bcrypt(_) => self.cost < PER_BCRYPT << LEAST_COST,
        }
    }
}

/// Nanoseconds for one KiB and pass of Argon2, and for one step of bcrypt: only their proportion matters.
const PER_KIB_PASS: u64 = 600;
const PER_BCRYPT: u64 = 50_000;

fn argon2(text: &str) -> Result<Hash, HashError> {
    let hash = PasswordHash::new(text).map_err(|_| HashError::Damaged)?;
    let params = Params::try_from(&hash).map_err(|_| HashError::Damaged)?;
    // Without either, nothing would ever be of it.
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err(HashError::Damaged);
    }
    let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
    if params.m_cost() > MOST_MEMORY || work > MOST_WORK {
        return Err(HashError::TooCostly);
    }
    Ok(Hash { kind: Kind::Argon2(Box::new(Secret::new(hash))), cost: work * PER_KIB_PASS })
}

fn bcrypt_of(text: &str) -> Result<Hash, HashError> {
    let parts: HashParts = text.parse().map_err(|_| HashError::Damaged)?;
    match parts.get_cost() {
        cost @ 4..=MOST_COST => Ok(Hash { kind: Kind::Bcrypt(Secret::new(text.into())), cost: PER_BCRYPT << cost }),
        0..4 => Err(HashError::Damaged),
        _ => Err(HashError::TooCostly),
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Why no hash was made.
#[derive(Debug, Error)]
pub enum MakeError {
    /// bcrypt would not look at all of it.
    #[error("bcrypt looks at the first 72 bytes of a password alone, and this one is longer")]
    TooLong,
    /// No random numbers, or no memory.
    #[error("no hash can be made: {0}")]
    Failed(String),
}

/// Makes an Argon2id hash of a password: 19 MiB and 2 passes, as OWASP advises.
///
/// # Errors
/// Where the system gives no random numbers.
pub fn argon2id(password: &[u8]) -> Result<String, MakeError> {
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT);
    let hash = hasher.hash_password(password).map_err(|error| MakeError::Failed(error.to_string()))?;
    Ok(hash.to_string())
}

/// Makes a bcrypt hash of cost 12, for files that another server reads, too.
///
/// # Errors
/// Where the password is longer than bcrypt looks at, or the system gives no random numbers.
pub fn bcrypt(password: &[u8]) -> Result<String, MakeError> {
    if password.len() > BCRYPT_BYTES {
        return Err(MakeError::TooLong);
    }
    bcrypt::hash(password, bcrypt::DEFAULT_COST).map_err(|error| MakeError::Failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_its_password_alone() {
        for made in [argon2id("größe 1".as_bytes()), bcrypt("größe 1".as_bytes())] {
            let made = made.expect("a hash");
            let hash = Hash::parse(&made).expect(&made);
            assert!(hash.is_of("größe 1".as_bytes()) && !hash.is_of(b"gr") && !hash.is_of(b""), "{made}");
            assert!(!hash.is_weak(), "{made}");
            assert_eq!(format!("{hash:?}"), "***");
        }
        assert!(matches!(bcrypt(&[b'a'; 73]), Err(MakeError::TooLong)));
        assert!(Hash::parse(&argon2id(&[b'a'; 500]).expect("a hash")).expect("parsed").is_of(&[b'a'; 500]));
    }

    /// Vectors of the reference programs: crypt_blowfish's own test and that of `argon2`, version 1.3.
    #[test]
    fn hashes_of_other_programs_are_taken() {
        for kind in ["2a", "2b", "2y"] {
            let text = format!("${kind}$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW");
            let hash = Hash::parse(&text).expect("bcrypt");
            assert!(hash.is_weak() && hash.is_of(b"U*U") && !hash.is_of(b"U*U*"), "{kind}");
        }
        let text = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let hash = Hash::parse(text).expect("Argon2");
        assert!(!hash.is_weak() && hash.is_of(b"password") && !hash.is_of(b"Password"));
    }

    #[test]
    fn what_protects_nothing_or_costs_too_much_is_refused() {
        let salt_and_hash = "$c29tZXNhbHRzb21lc2FsdA$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE";
        for (text, why) in [
            (String::new(), HashError::Empty),
            ("secret".into(), HashError::None),
            ("$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00".into(), HashError::Md5),
            ("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=".into(), HashError::Sha1),
            ("$6$rounds=5000$abc$def".into(), HashError::Other),
            ("$2y$12$tooshort".into(), HashError::Damaged),
            ("$2y$16$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW".into(), HashError::TooCostly),
            (format!("$argon2id$v=19$m=1048576,t=1,p=1{salt_and_hash}"), HashError::TooCostly),
            (format!("$argon2id$v=19$m=65536,t=100,p=1{salt_and_hash}"), HashError::TooCostly),
            ("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ".into(), HashError::Damaged),
            (format!("$argon2id$v=19$m=19456,t=0,p=1{salt_and_hash}"), HashError::Damaged),
        ] {
            assert_eq!(Hash::parse(&text).map(|_| ()), Err(why), "{text}");
        }
        let weak = Hash::parse(&format!("$argon2id$v=19$m=1024,t=1,p=1{salt_and_hash}")).expect("taken");
        assert!(weak.is_weak());
    }
}
