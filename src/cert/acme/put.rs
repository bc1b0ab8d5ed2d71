//! From what a CA issued to what is served: judged first, then put in place in one step.
//!
//! What the judge refuses stays out, is kept beside, and is judged again later:
//! a root that was not known may be known by then, and no order is lost. The
//! certificate that was there before stays until every host on it has a newer one.

use std::fs;
use std::path::{Path, PathBuf};

use crate::clock::Clock;
use crate::config::finding::{Finding, Severity};
use crate::config::model::Acme;
use crate::route::host::HostPattern;

use super::failure::Failure;
use super::order::Issued;
use super::plan::newest;
use super::storage::{Draft, Storage, StorageError, folder_name, move_folder, remove_folder};
use super::stored::{self, CHAIN, KEY, RECORD, Record, Stored};
use super::wanted::{Wanted, bears};

/// Why a refused certificate was, for a person who looks into its folder.
const WHY: &str = "why.txt";

/// Judges what was issued for these names, and puts it in place.
pub(super) fn put(
    wanted: &Wanted,
    storage: &Storage,
    names: &[HostPattern],
    issued: &Issued,
    clock: Clock,
) -> Result<Stored, Failure> {
    let acme = &wanted.acme;
    let name = folder_name(&names[0]);
    let draft = Draft::new(&storage.certificates())?;
    draft.write(CHAIN, issued.chain.as_bytes())?;
    draft.write(KEY, issued.key.reveal().as_bytes())?;
    let record = Record {
        directory: acme.directory.url().to_owned(),
        profile: acme.profile.clone(),
        names: names.iter().map(ToString::to_string).collect(),
        issued: i64::try_from(clock.unix_seconds()).unwrap_or(i64::MAX),
        order: issued.order.clone(),
        renewal: None,
    };
    let text = serde_json::to_vec_pretty(&record).unwrap_or_default();
    draft.write(RECORD, &text)?;
    match judge(draft.path(), acme, names, clock) {
        Ok(()) => {
            let place = storage.certificates().join(&name);
            make_room(wanted, storage, &place, names, clock)?;
            draft.replace(&place)?;
            settle(wanted, storage, &place, clock)
        }
        Err(refused) => {
            let place = storage.refused().join(&name);
            draft.write(WHY, refused.why.as_bytes())?;
            draft.replace(&place)?;
            let why = format!("{} (kept in {})", refused.why, place.display());
            Err(Failure::Chain { why, mend: refused.mend })
        }
    }
}

/// Judges again what was refused before; the folders that are in place now.
pub(super) fn reconsider(wanted: &Wanted, storage: &Storage, clock: Clock) -> Vec<PathBuf> {
    let mut placed = Vec::new();
    for folder in Storage::folders(&storage.refused()) {
        let (stored, _) = Stored::read(&folder, &wanted.acme, clock);
        let Some(stored) = stored else { continue };
        if stored.record.directory != wanted.acme.directory.url() || stored.loaded.not_after <= now(clock) {
            continue;
        }
        let names: Vec<HostPattern> =
            stored.record.names.iter().filter_map(|name| HostPattern::parse(name).ok()).collect();
        let (there, _) = stored::all(&storage.certificates(), &wanted.acme, clock);
        let is_newer = |host: &HostPattern| {
            newest(&there, host).is_none_or(|old| old.loaded.not_before < stored.loaded.not_before)
        };
        let needed = wanted.hosts().any(|host| bears(&stored.loaded.names, host) && is_newer(host));
        if names.is_empty() || !needed || judge(&folder, &wanted.acme, &names, clock).is_err() {
            continue;
        }
        let place = storage.certificates().join(folder_name(&names[0]));
        let moved = make_room(wanted, storage, &place, &names, clock)
            .and_then(|()| move_folder(&folder, &place))
            .map_err(Failure::from)
            .and_then(|()| settle(wanted, storage, &place, clock));
        match moved {
            Ok(_) => {
                let _ = fs::remove_file(place.join(WHY));
                tracing::info!(certificate = %place.display(), "a certificate that was refused before is put in place");
                placed.push(place);
            }
            Err(error) => tracing::error!("{error}"),
        }
    }
    placed
}

/// Why a certificate is not served.
struct Refused {
    why: String,
    mend: Option<String>,
}

/// What would be a fault in a file that a person named is a reason here not to touch what is served.
fn judge(folder: &Path, acme: &Acme, names: &[HostPattern], clock: Clock) -> Result<(), Refused> {
    let (loaded, findings) = crate::cert::load(&stored::files(folder, acme), clock, Severity::Fatal);
    let tolerated = match &acme.directory {
        // Its root is in nobody's list, on purpose; what else could be wrong with it is found all the same.
        crate::config::model::AcmeDirectory::LetsEncryptStaging => Severity::Fault,
        _ => Severity::Warning,
    };
    if let Some(worst) = findings.iter().filter(|finding| finding.severity > tolerated).max_by_key(|f| f.severity) {
        return Err(Refused { why: worst.what.clone(), mend: mend(worst, acme) });
    }
    let Ok(loaded) = loaded else {
        return Err(Refused { why: "it cannot be read".to_owned(), mend: None });
    };
    match names.iter().find(|name| !bears(&loaded.names, name)) {
        None => Ok(()),
        Some(missing) => {
            let borne: Vec<String> = loaded.names.iter().map(ToString::to_string).collect();
            let why = format!("it was ordered for {missing}, and bears {}", borne.join(", "));
            Err(Refused { why, mend: Some("tell the CA: this is its fault".to_owned()) })
        }
    }
}

fn mend(finding: &Finding, acme: &Acme) -> Option<String> {
    let unknown_root = finding.what.contains("reaches none of");
    match (unknown_root, &acme.trusted_roots) {
        (true, None) => Some(
            "for a private CA, name its root in trusted_roots of [acme]; if a public CA has a new root, a newer gatepost knows it"
                .to_owned(),
        ),
        (true, Some(roots)) => Some(format!("is {} still the root of this CA?", roots.display())),
        _ => finding.mend.clone(),
    }
}

fn now(clock: Clock) -> i64 {
    i64::try_from(clock.unix_seconds()).unwrap_or(i64::MAX)
}

/// Where a certificate lies in the place of the new one that some host still needs, it moves to a place of its own.
fn make_room(
    wanted: &Wanted,
    storage: &Storage,
    place: &Path,
    names: &[HostPattern],
    clock: Clock,
) -> Result<(), StorageError> {
    let (there, _) = stored::all(&storage.certificates(), &wanted.acme, clock);
    let Some(old) = there.iter().find(|stored| stored.folder == place) else { return Ok(()) };
    let needs = |host: &&HostPattern| !bears(names, host) && newest(&there, host).is_some_and(|n| n.folder == place);
    let Some(host) = wanted.hosts().find(needs) else { return Ok(()) };
    let of_its_own = storage.certificates().join(folder_name(host));
    let taken = there.iter().any(|other| {
        other.folder == of_its_own && wanted.hosts().any(|h| newest(&there, h).is_some_and(|n| n.folder == of_its_own))
    });
    let to = match taken {
        false => of_its_own,
        true => storage.certificates().join(format!("{}-until-{}", folder_name(host), old.loaded.not_after)),
    };
    move_folder(place, &to)
}

/// The certificate in its place. What no host needs beside it goes.
fn settle(wanted: &Wanted, storage: &Storage, place: &Path, clock: Clock) -> Result<Stored, Failure> {
    let (there, _) = stored::all(&storage.certificates(), &wanted.acme, clock);
    for old in there.iter().filter(|old| old.folder != place) {
        let mut hosts = wanted.hosts().filter(|host| bears(&old.loaded.names, host)).peekable();
        // One that bears no wanted host at all is another configuration's: not ours to remove.
        if hosts.peek().is_some() && hosts.all(|host| newest(&there, host).is_some_and(|n| n.folder != old.folder)) {
            remove_folder(&old.folder)?;
        }
    }
    there.into_iter().find(|stored| stored.folder == place).ok_or_else(|| Failure::Chain {
        why: format!("it is in {} and cannot be read from there", place.display()),
        mend: None,
    })
}

/// Takes a certificate away for good, as one that is revoked.
pub(super) fn discard(stored: &Stored) -> Result<(), StorageError> {
    remove_folder(&stored.folder)
}
