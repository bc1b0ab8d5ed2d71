//! An issuer that a chain lacks: where to get it.
//!
//! It fetches nothing. A certificate names the address of its issuer, but the
//! fault belongs mended in the file, for the clients that do not fetch either.

use std::path::{Path, PathBuf};

use super::member::{Member, Signed};
use super::pem::Pem;

/// How to get the missing issuer of `top`, the topmost certificate of the chain that begins with `leaf`.
pub(super) fn mend(chain: &Path, leaf: &Member<'_>, top: &Member<'_>) -> String {
    let shown = chain.display();
    if let Some((sibling, is_whole)) = sibling_with_issuer(chain, leaf, top) {
        // File names alone: the path that we know is not the one that the configuration has, where that is relative.
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (own, other, shown_sibling) = (name(chain), name(&sibling), sibling.display());
        return if is_whole {
            format!("{shown_sibling} beside it holds both: name {other} in place of {own} in `chain`")
        } else {
            let both = chain.with_file_name("combined.pem");
            format!(
                "{shown_sibling} beside it holds the issuer: cat {shown} {shown_sibling} > {}, and name combined.pem in place of {own} in `chain`",
                both.display()
            )
        };
    }
    match top.issuer_address() {
        Some(address) => {
            format!("add it below the others: (echo; curl -fsS '{address}' | openssl x509 -inform der) >> {shown}")
        }
        None => format!("add the issuer's certificate below the others in {shown}; the CA that issued it hands it out"),
    }
}

/// `; it can be had at http://…`, where the certificate says so.
pub(super) fn address_of(member: &Member<'_>) -> String {
    member.issuer_address().map(|address| format!("; it can be had at {address}")).unwrap_or_default()
}

/// A file beside the chain that really holds the missing issuer, and whether it holds the leaf too.
pub(super) fn sibling_with_issuer(chain: &Path, leaf: &Member<'_>, top: &Member<'_>) -> Option<(PathBuf, bool)> {
    siblings(chain).into_iter().find_map(|path| {
        let pem = Pem::read(&path).ok()?;
        let placed = pem.certificates().ok()?;
        let held: Vec<Member<'_>> = placed.iter().filter_map(|one| Member::read(one, 0)).collect();
        let issuer = held.iter().any(|one| top.signed_by(one) == Signed::Yes);
        let whole = held.iter().any(|one| one.der == leaf.der);
        issuer.then_some((path, whole))
    })
}

/// Files that certbot, acme.sh, lego and the sellers of certificates lay beside a leaf.
fn siblings(chain: &Path) -> Vec<PathBuf> {
    let stem = chain.file_stem().unwrap_or_default().to_string_lossy();
    // certbot's archive counts: cert3.pem, chain3.pem, fullchain3.pem.
    let count = stem.trim_start_matches(|c: char| !c.is_ascii_digit());
    let names = [
        format!("fullchain{count}.pem"),
        "fullchain.pem".to_owned(),
        "fullchain.cer".to_owned(),
        format!("chain{count}.pem"),
        "chain.pem".to_owned(),
        "ca.cer".to_owned(),
        format!("{stem}.issuer.crt"),
        format!("{stem}.ca-bundle"),
        "ca-bundle.crt".to_owned(),
        "ca_bundle.crt".to_owned(),
    ];
    names.iter().map(|name| chain.with_file_name(name)).filter(|path| path != chain && path.is_file()).collect()
}
