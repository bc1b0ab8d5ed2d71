//! `[auth.NAME]`: who has a password. Its hashes and its file are looked at where they are used.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_spanned::Spanned;

use crate::config::file;
use crate::config::finding::Place;
use crate::config::model::{Auth, User};
use crate::config::resolve::Gather;
use crate::config::shape;
use crate::secret::Secret;

/// All tables by name.
pub(in crate::config::resolve) struct Auths(BTreeMap<String, Entry>);

struct Entry {
    place: Place,
    used: Cell<bool>,
    /// `None` where a finding says why.
    auth: Option<Arc<Auth>>,
}

pub(in crate::config::resolve) fn resolve(
    tables: BTreeMap<Spanned<String>, Spanned<file::Auth>>,
    gather: &mut Gather<'_>,
) -> Auths {
    let entry = |(name, table): (Spanned<String>, Spanned<file::Auth>)| {
        let (place, span) = (Place::from(&name), table.span());
        let auth = auth(name.get_ref(), place.clone(), table.into_inner(), &span, gather);
        (name.into_inner(), Entry { place, used: Cell::new(false), auth: auth.map(Arc::new) })
    };
    Auths(tables.into_iter().map(entry).collect())
}

fn auth(
    name: &str,
    place: Place,
    file: file::Auth,
    table: &std::ops::Range<usize>,
    gather: &mut Gather<'_>,
) -> Option<Auth> {
    let realm = realm(name, file.realm.as_ref(), &place, gather);
    let none = file.users.as_ref().is_none_or(|users| users.get_ref().is_empty());
    if file.file.is_none() && none {
        gather.missing(
            table,
            format!("[auth.{name}] has neither `file` nor `users`: nobody could come in"),
            "write file = \"users.htpasswd\", and add lines with `gatepost password NAME`",
        );
        return None;
    }
    let user = |(name, hash): (Spanned<String>, Spanned<file::Hidden>)| User {
        place: Place::from(&name),
        name: name.into_inner(),
        hash: Secret::new(hash.into_inner().0),
    };
    Some(Auth {
        name: name.into(),
        realm: realm?,
        users: file.users.map(Spanned::into_inner).into_iter().flatten().map(user).collect(),
        file: file.file.as_ref().map(|path| (gather.path(path), Place::from(path))),
        forward: file.forward.is_some_and(Spanned::into_inner),
        place,
    })
}

/// What stands in a quoted string without an escape (RFC 9110 section 5.6.4), and browsers show as it is.
fn realm(name: &str, given: Option<&Spanned<String>>, place: &Place, gather: &mut Gather<'_>) -> Option<String> {
    let (text, place) = given.map_or((name, place.clone()), |given| (given.get_ref().as_str(), Place::from(given)));
    let fits = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
    if text.is_empty() || !text.chars().all(fits) {
        gather.fatal_mend(
            place,
            format!("\"{}\" cannot be shown as a realm", text.escape_debug()),
            "write `realm` in ASCII without quotes and backslashes, like realm = \"Staff\"",
        );
        return None;
    }
    Some(text.into())
}

impl Auths {
    /// The table of this name; a finding where there is none.
    pub(super) fn use_by(&self, name: &str, place: Place, gather: &mut Gather<'_>) -> Option<Arc<Auth>> {
        if let Some(entry) = self.0.get(name) {
            entry.used.set(true);
            return entry.auth.clone();
        }
        // What was taken out of the file may have been this very table.
        if gather.whole(&shape::ROOT) {
            let known: Vec<_> = self.0.keys().map(String::as_str).collect();
            let mend = match known.is_empty() {
                true => format!("add [auth.{name}] with `file`, and a line for each user by `gatepost password NAME`"),
                false => shape::nearest_or_all(name, &known),
            };
            gather.fatal_mend(place, format!("there is no [auth.{name}]"), mend);
        }
        None
    }

    /// Warns of each that nothing uses.
    pub(in crate::config::resolve) fn report_unused(&self, gather: &mut Gather<'_>) {
        for (name, entry) in self.0.iter().filter(|(_, entry)| !entry.used.get()) {
            gather.warning_mend(
                entry.place.clone(),
                format!("no site and no route uses [auth.{name}]"),
                format!("write auth = \"{name}\" in a [[site]] or [[site.route]], or remove it"),
            );
        }
    }
}
