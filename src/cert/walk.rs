//! How OpenSSL walks from a leaf to a root: it takes the first issuer that fits and never comes back.
//!
//! webpki, Java and browsers try every issuer that was sent. OpenSSL looks in its
//! store, then among what was sent for the first certificate with the right name
//! and key identifier, preferring one whose time is now (X509_verify_cert(3),
//! `find_issuer` in `crypto/x509/x509_vfy.c`; seen with 3.0). Where that one leads
//! nowhere, the chain is refused, though another would have done. So the order of
//! two certificates for one issuer matters. It answers this one question.

use super::member::{Member, Signed};
use super::roots::Roots;

/// Whether that walk, over these members in this order with the leaf first, ends at one of the roots.
pub(super) fn reaches_root(members: &[Member<'_>], order: &[usize], roots: &Roots, time: i64) -> bool {
    let Some((leaf, sent)) = order.split_first() else { return false };
    let mut current = &members[*leaf];
    let mut left: Vec<&Member<'_>> = sent.iter().map(|index| &members[*index]).collect();
    while !roots.signed(current) {
        let fits = |issuer: &&Member<'_>| issuer.looks_like_issuer_of(current);
        let valid = left.iter().position(|issuer| fits(issuer) && issuer.is_valid_at(time));
        let found = valid.or_else(|| {
            let expired = left.iter().enumerate().filter(|(_, issuer)| fits(issuer));
            expired.max_by_key(|(_, issuer)| issuer.not_after()).map(|(index, _)| index)
        });
        let Some(found) = found else { return false };
        let issuer = left.remove(found);
        if current.signed_by(issuer) != Signed::Yes || !issuer.is_valid_at(time) {
            return false;
        }
        current = issuer;
    }
    true
}
