//! What to send of a chain file, and in which order: the leaf first, then each issuer after what it signed.
//!
//! Who issued whom is settled by signatures, not by names or by the order of the
//! file. Left out are doubles, roots (who trusts them has them), what signs
//! nothing here, and expired cross-signs that no client needs. It says what it
//! did and leaves the words to `judge`.

use rustls::pki_types::CertificateDer;

use super::member::{Member, Signed};
use super::roots::Roots;
use super::walk;

/// A chain put right. Numbers are indices of the members.
#[derive(Debug)]
pub(super) struct Chain {
    /// What to send, the leaf first.
    pub(super) served: Vec<usize>,
    /// From the leaf to the topmost issuer that is sent; cross-signs beside it are not in it.
    pub(super) path: Vec<usize>,
    /// What is left out, and why.
    pub(super) dropped: Vec<(usize, Dropped)>,
    /// Whether the order of the file was wrong.
    pub(super) was_disordered: bool,
    /// Whether its order was right by the rules, and led OpenSSL astray all the same (`walk`).
    pub(super) was_astray: bool,
    /// Whether a strict client reaches a known root, at [`Self::time`].
    pub(super) strict: Result<(), webpki::Error>,
    /// The second at which the chain above the leaf is judged: now, or the end of the leaf's validity next to
    /// now, so that an expired leaf is one fault and not two.
    pub(super) time: i64,
}

/// Why a certificate is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dropped {
    /// It is there already.
    Double,
    /// Self-signed: whoever trusts it has it.
    Root,
    /// A cross-sign whose time is over, while the chain does without it.
    Expired,
    /// It has the name of an issuer in the chain, yet another key.
    NameAlone,
    /// Another certificate of the same key, an older issue say.
    SameKey,
    /// It signs nothing in this chain.
    Unconnected,
}

/// The leaf: the member whose public key this is. Where several are (an old issue beside the new one), the one
/// that is no CA, is not self-signed, is valid now, and ends last.
///
/// `None` where no member has the key, or only a CA has it that is there beside a leaf.
pub(super) fn leaf(members: &[Member<'_>], key: &[u8], now: i64) -> Option<usize> {
    let rank =
        |member: &Member<'_>| (!member.is_ca(), !member.is_self_signed(), member.is_valid_at(now), member.not_after());
    // `max_by_key` takes the last of equals; the first of doubles is meant.
    let candidates = members.iter().enumerate().rev().filter(|(_, member)| member.public_key() == key);
    let (index, found) = candidates.max_by_key(|(_, member)| rank(member))?;
    let beside_a_leaf = found.is_ca() && members.iter().any(|member| !member.is_ca());
    (!beside_a_leaf).then_some(index)
}

/// Puts the chain of a leaf right, at the second `now`.
pub(super) fn arrange(members: &[Member<'_>], leaf: usize, roots: &Roots, now: i64) -> Chain {
    let time = now.max(members[leaf].not_before()).min(members[leaf].not_after());
    let mut dropped = Vec::new();
    let mut others = Vec::new();
    for (index, member) in members.iter().enumerate() {
        if members[..index].iter().any(|earlier| earlier.der == member.der) {
            dropped.push((index, Dropped::Double));
        } else if index == leaf {
        } else if member.is_self_signed() {
            dropped.push((index, Dropped::Root));
        } else {
            others.push(index);
        }
    }

    let offered: Vec<CertificateDer<'_>> = others.iter().map(|other| members[*other].der.clone()).collect();
    let reached = roots.reached(members[leaf].der, &offered, u64::try_from(time).unwrap_or(0));
    let path = match &reached {
        Ok(intermediates) => {
            let index = |der: &CertificateDer<'_>| others.iter().copied().find(|other| members[*other].der == der);
            std::iter::once(leaf).chain(intermediates.iter().filter_map(index)).collect()
        }
        Err(_) => climb(members, leaf, &others, time),
    };

    let mut served = path.clone();
    others.retain(|other| !served.contains(other));
    // Cross-signs: other issuers of what is sent. `served` grows while it is walked.
    let mut next = 0;
    while let Some(child) = served.get(next).map(|index| &members[*index]) {
        others.retain(|other| {
            let issuer = &members[*other];
            if child.signed_by(issuer) != Signed::Yes {
                return true;
            }
            if issuer.not_after() < time {
                dropped.push((*other, Dropped::Expired));
            } else {
                served.push(*other);
            }
            false
        });
        next += 1;
    }

    for other in others {
        let named = served.iter().any(|index| members[*index].signed_by(&members[other]) == Signed::NameAlone);
        let why = if named {
            Dropped::NameAlone
        } else if members[other].public_key() == members[leaf].public_key() {
            Dropped::SameKey
        } else {
            Dropped::Unconnected
        };
        dropped.push((other, why));
    }

    let mut as_in_file = served.clone();
    as_in_file.sort_unstable();
    let was_disordered = !is_in_order(members, leaf, &as_in_file);
    let is_astray = |order: &[usize]| reached.is_ok() && !walk::reaches_root(members, order, roots, time);
    let was_astray = !was_disordered && is_astray(&as_in_file);
    if !was_disordered && !was_astray {
        served = as_in_file;
    }
    Chain { was_astray, served, path, dropped, was_disordered, strict: reached.map(|_| ()), time }
}

/// From issuer to issuer as far as the file leads, over valid ones where there is a choice.
fn climb(members: &[Member<'_>], leaf: usize, others: &[usize], time: i64) -> Vec<usize> {
    let mut path = vec![leaf];
    let mut top = leaf;
    loop {
        let issuers = others
            .iter()
            .copied()
            .filter(|other| !path.contains(other) && members[top].signed_by(&members[*other]) == Signed::Yes);
        let Some(issuer) = issuers.min_by_key(|issuer| !members[*issuer].is_valid_at(time)) else { return path };
        path.push(issuer);
        top = issuer;
    }
}

/// Whether the leaf comes first and everything else after something that it signed.
fn is_in_order(members: &[Member<'_>], leaf: usize, order: &[usize]) -> bool {
    order.first() == Some(&leaf)
        && order.iter().enumerate().skip(1).all(|(position, issuer)| {
            order[..position].iter().any(|child| members[*child].signed_by(&members[*issuer]) == Signed::Yes)
        })
}
