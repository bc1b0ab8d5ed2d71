//! Who may enter, under which name, and who is a moderator.

use serde_spanned::Spanned;

use crate::config::defaults;
use crate::config::file::{self, OneOrMany};
use crate::config::model::{Anonymous, Moderators};
use crate::config::resolve::{Gather, items};
use crate::config::shape;

/// Whether Mattermost is asked who is there; `None` where a finding says why this is not clear.
pub(super) fn asks(file: &file::Launcher, gather: &mut Gather<'_>) -> Option<bool> {
    const KNOWN: [&str; 3] = ["mattermost", "plugin", "none"];
    let Some(given) = &file.identity else { return Some(true) };
    let sources = items(Some(given));
    if sources.is_empty() {
        gather.fatal_mend(
            given,
            "`identity` is empty: nobody could enter",
            "write [\"mattermost\"], or [\"none\"] to let everybody in under one name",
        );
        return None;
    }
    let mut clear = true;
    for source in &sources {
        match *source.get_ref() {
            "mattermost" => {}
            "none" if sources.len() == 1 => {}
            "none" => {
                let what = "\"none\" lets everybody in, so nobody else would be asked";
                gather.fatal_mend(source, what, "write [\"none\"] alone, or remove it");
                clear = false;
            }
            "plugin" => {
                gather.not_built(source, "identity \"plugin\"");
                clear = false;
            }
            other => {
                gather.fatal_mend(
                    source,
                    format!("`identity` does not know \"{other}\""),
                    shape::nearest_or_all(other, &KNOWN),
                );
                clear = false;
            }
        }
    }
    clear.then(|| sources.iter().any(|source| *source.get_ref() == "mattermost"))
}

/// `asks`: whether anybody is known by a Mattermost account.
pub(super) fn moderators(file: &file::Launcher, asks: bool, gather: &mut Gather<'_>) -> Moderators {
    const KNOWN: [&str; 3] = ["everyone", "members", "admins"];
    let Some(given) = &file.moderators else {
        if !asks && let Some(identity) = &file.identity {
            gather.warning_mend(
                identity,
                "nobody will be a moderator: `moderators` is \"members\" unless told, and nobody is asked who they are",
                "add moderators = \"everyone\"",
            );
        }
        return Moderators::Members;
    };
    let moderators = match given.get_ref() {
        OneOrMany::One(word) => match word.as_str() {
            "everyone" => Moderators::Everyone,
            "members" => Moderators::Members,
            "admins" => Moderators::Admins,
            other => {
                let mend = match shape::nearest(other, &KNOWN) {
                    Some(nearest) => format!("did you mean \"{nearest}\"?"),
                    None => format!("write one of \"{}\", or a list: [\"{other}\"]", KNOWN.join("\", \"")),
                };
                gather.fatal_mend(given, format!("`moderators` does not know \"{other}\""), mend);
                Moderators::Members
            }
        },
        OneOrMany::Many(names) => {
            for name in names {
                if KNOWN.contains(&name.get_ref().as_str()) {
                    gather.warning_mend(
                        name,
                        format!("in a list \"{}\" is the name of a user", name.get_ref()),
                        format!("to mean the word, write moderators = \"{}\"", name.get_ref()),
                    );
                }
            }
            // People write names as they mention them.
            let plain = |name: &Spanned<String>| name.get_ref().trim_start_matches('@').to_lowercase();
            Moderators::Users(names.iter().map(plain).collect())
        }
    };
    if !asks && moderators != Moderators::Everyone {
        gather.warning_mend(
            given,
            "nobody will be a moderator: with identity = [\"none\"] nobody is known",
            "write moderators = \"everyone\", or identity = [\"mattermost\"]",
        );
    }
    moderators
}

pub(super) fn anonymous(file: &file::Launcher, asks: bool, gather: &mut Gather<'_>) -> Anonymous {
    // guests = "join" is not built yet, so with accounts asked for nobody is anonymous.
    if asks && file.guests.as_ref().is_none_or(|guests| *guests.get_ref() == file::Guests::Deny) {
        for (key, given) in [("name", &file.name), ("email", &file.email)] {
            if let Some(given) = given {
                gather.no_effect(given, key, "everybody who may enter has a Mattermost account with a name");
            }
        }
    }
    if let (false, Some(guests)) = (asks, &file.guests) {
        gather.no_effect(guests, "guests", "with identity = [\"none\"] everybody is let in alike");
    }
    let text = |given: &Option<Spanned<String>>| {
        given.as_ref().map(|given| given.get_ref().trim()).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    Anonymous { name: text(&file.name).unwrap_or_else(|| defaults::ANONYMOUS_NAME.into()), email: text(&file.email) }
}
