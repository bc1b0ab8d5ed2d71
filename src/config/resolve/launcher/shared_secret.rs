//! One secret for two purposes: `plugin_secret`, which says who somebody is, and a launcher's `secret`, which signs
//! meeting tokens.
//!
//! A guest's meeting token, given back as a link, could pass for the plugin's word. Verifying tells the two apart by
//! more than the secret; that somebody shares it is still worth stopping for, since prosody's administrators could
//! sign people in. Compared is what the file says; what lies in two files is not looked at.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde_spanned::Spanned;

use crate::config::file::{self, SecretSource};
use crate::config::resolve::{Gather, items};

type Tables = BTreeMap<Spanned<String>, Spanned<file::Launcher>>;

/// A finding for each `plugin_secret` that signs meeting tokens, too.
pub(super) fn report(tables: &Tables, gather: &mut Gather<'_>) {
    for (name, table) in tables {
        let Some(plugin) = &table.get_ref().plugin_secret else { continue };
        // A key without effect has a finding of its own.
        if !items(table.get_ref().identity.as_ref()).iter().any(|way| *way.get_ref() == "plugin") {
            continue;
        }
        let same = tables
            .iter()
            .find(|(_, other)| meeting_secret(other.get_ref()).is_some_and(|it| is_same(plugin.get_ref(), it, gather)));
        if let Some((other, _)) = same {
            gather.fatal_mend(
                plugin,
                format!(
                    "`plugin_secret` of [launcher.{}] is also the `secret` of [launcher.{}]: a meeting's token could \
                     pass for the plugin's word on who somebody is",
                    name.get_ref(),
                    other.get_ref()
                ),
                "give the plugin a secret of its own: `openssl rand -hex 32`, here and in the plugin's settings",
            );
        }
    }
}

fn meeting_secret(launcher: &file::Launcher) -> Option<&SecretSource> {
    let provider = launcher.provider.as_ref()?;
    let secret = launcher.secret.as_ref()?;
    (*provider.get_ref() == file::Provider::Jitsi).then_some(secret.get_ref())
}

fn is_same(one: &SecretSource, other: &SecretSource, gather: &Gather<'_>) -> bool {
    match (one, other) {
        (SecretSource::File(one), SecretSource::File(other)) => plain(one).eq(plain(other)),
        (SecretSource::File(_), _) | (_, SecretSource::File(_)) => false,
        // The same variable is the same secret, whatever it holds and whether it may be looked at.
        (one, other) => one == other || in_words(one, gather).is_some_and(|it| Some(it) == in_words(other, gather)),
    }
}

/// `./s` is `s`.
fn plain(path: &str) -> impl Iterator<Item = Component<'_>> {
    Path::new(path).components().filter(|part| *part != Component::CurDir)
}

/// What stands there, or in the variable; `None` where that is not known or nothing.
fn in_words(source: &SecretSource, gather: &Gather<'_>) -> Option<String> {
    let text = match source {
        SecretSource::Text(text) => text.clone(),
        SecretSource::Env(name) => gather.surroundings.environment.as_ref()?(name)?,
        SecretSource::File(_) => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}
