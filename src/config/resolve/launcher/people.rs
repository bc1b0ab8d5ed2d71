//! Who may enter, under which name, and who is a moderator.

use serde_spanned::Spanned;

use crate::config::defaults;
use crate::config::file::{self, OneOrMany};
use crate::config::finding::Place;
use crate::config::model::{Anonymous, DisplayName, Moderators, People, PluginSource, SecretFrom};
use crate::config::resolve::{Gather, items, secret};
use crate::config::shape;
use crate::jitsi::provider::LEAST_SECRET;

/// How it is found out who is asking, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    Mattermost,
    Plugin,
}

/// The ways of `identity`, none for "none"; `None` where a finding says why this is not clear.
pub(super) fn ways(file: &file::Launcher, gather: &mut Gather<'_>) -> Option<Vec<Asks>> {
    const KNOWN: [&str; 3] = ["mattermost", "plugin", "none"];
    let Some(given) = &file.identity else { return Some(vec![Asks::Mattermost]) };
    let sources = items(Some(given));
    if sources.is_empty() {
        gather.fatal_mend(
            given,
            "`identity` is empty: nobody could enter",
            "write [\"mattermost\"], or [\"none\"] to let everybody in under one name",
        );
        return None;
    }
    let (mut clear, mut ways) = (true, Vec::new());
    for source in &sources {
        let way = match *source.get_ref() {
            "mattermost" => Asks::Mattermost,
            "plugin" => Asks::Plugin,
            "none" if sources.len() == 1 => continue,
            "none" => {
                let what = "\"none\" lets everybody in, so nobody else would be asked";
                gather.fatal_mend(source, what, "write [\"none\"] alone, or remove it");
                clear = false;
                continue;
            }
            other => {
                gather.fatal_mend(
                    source,
                    format!("`identity` does not know \"{other}\""),
                    shape::nearest_or_all(other, &KNOWN),
                );
                clear = false;
                continue;
            }
        };
        if ways.contains(&way) {
            gather.warning_mend(source, format!("\"{}\" is named twice", source.get_ref()), "remove one");
        } else {
            ways.push(way);
        }
    }
    clear.then_some(ways)
}

/// What the plugin signs with; findings where `identity` names it and something is missing, or the other way round.
pub(super) fn plugin(table: &Spanned<file::Launcher>, named: bool, gather: &mut Gather<'_>) -> Option<PluginSource> {
    let file = table.get_ref();
    if !named {
        // Place and key alone: the secret itself is shown nowhere.
        for (key, place) in [
            ("plugin_app_id", file.plugin_app_id.as_ref().map(Place::from)),
            ("plugin_secret", file.plugin_secret.as_ref().map(Place::from)),
        ] {
            if let Some(place) = place {
                gather.no_effect(place, key, "`identity` does not name \"plugin\"");
            }
        }
        return None;
    }
    let app_id = file.plugin_app_id.as_ref().map(|given| given.get_ref().trim()).filter(|id| !id.is_empty());
    if app_id.is_none() {
        gather.missing(
            &table.span(),
            "identity \"plugin\" needs `plugin_app_id`",
            "copy \"App ID for JWT Authentication\" from the settings of Mattermost's Jitsi plugin",
        );
    }
    let secret = file.plugin_secret.as_ref();
    if secret.is_none() {
        gather.missing(
            &table.span(),
            "identity \"plugin\" needs `plugin_secret`",
            "copy \"App Secret for JWT Authentication\" from the settings of Mattermost's Jitsi plugin into a file of mode \
             0600 and write plugin_secret = { file = \"…\" }",
        );
    }
    let place = Place::from(secret?);
    let secret = secret::resolve(secret?, gather)?;
    if let SecretFrom::Text(text) = &secret
        && gather.surroundings.environment.is_some()
    {
        match text.reveal().len() {
            0 => {
                gather.fatal(Place::from(table), "`plugin_secret` is empty: anybody could sign with it");
                return None;
            }
            length if length < LEAST_SECRET => {
                let what = format!(
                    "`plugin_secret` has {length} bytes; HS256 wants {LEAST_SECRET} or more, or it can be guessed from any link"
                );
                gather.warning_mend(place.clone(), what, PluginSource::MAKE_SECRET);
            }
            _ => {}
        }
    }
    Some(PluginSource { app_id: app_id?.to_owned(), secret, place })
}

/// What a token says of people whom Mattermost knows. `ways` is empty where nobody is asked.
pub(super) fn people(file: &file::Launcher, ways: &[Asks], gather: &mut Gather<'_>) -> People {
    if ways.is_empty() {
        let why = "with identity = [\"none\"] nobody is known";
        for (key, place) in [
            ("display_name", file.display_name.as_ref().map(Place::from)),
            ("send_email", file.send_email.as_ref().map(Place::from)),
        ] {
            if let Some(place) = place {
                gather.no_effect(place, key, why);
            }
        }
    }
    let avatars = file.avatars.as_ref().is_some_and(|given| *given.get_ref());
    if let (Some(given), true, false) = (&file.avatars, avatars, ways.contains(&Asks::Mattermost)) {
        gather.no_effect(given, "avatars", "pictures come from Mattermost, which `identity` does not name");
    }
    People {
        names: names(file, gather),
        email: file.send_email.as_ref().is_none_or(|given| *given.get_ref()),
        avatars: avatars && ways.contains(&Asks::Mattermost),
    }
}

fn names(file: &file::Launcher, gather: &mut Gather<'_>) -> Vec<DisplayName> {
    const KNOWN: [&str; 3] = ["nickname", "full_name", "username"];
    let Some(given) = &file.display_name else { return defaults::DISPLAY_NAME.to_vec() };
    let mut names = Vec::new();
    for word in items(Some(given)) {
        match *word.get_ref() {
            "nickname" => names.push(DisplayName::Nickname),
            "full_name" => names.push(DisplayName::FullName),
            "username" => names.push(DisplayName::Username),
            other => gather.fatal_mend(
                &word,
                format!("`display_name` does not know \"{other}\""),
                shape::nearest_or_all(other, &KNOWN),
            ),
        }
    }
    names
}

/// `ways` is empty where nobody is asked who they are.
pub(super) fn moderators(file: &file::Launcher, ways: &[Asks], gather: &mut Gather<'_>) -> Moderators {
    let asks = !ways.is_empty();
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
    if let (Moderators::Admins | Moderators::Users(_), [Asks::Plugin]) = (&moderators, ways) {
        gather.warning_mend(
            given,
            "nobody will be a moderator: the plugin's token tells neither roles nor user names",
            "write moderators = \"members\", or identity = [\"plugin\", \"mattermost\"]",
        );
    }
    moderators
}

/// `asks`: whether anybody is asked who they are; `guests`: whether somebody unknown may enter all the same.
pub(super) fn anonymous(file: &file::Launcher, asks: bool, guests: bool, gather: &mut Gather<'_>) -> Anonymous {
    if asks && !guests {
        for (key, given) in [("name", &file.name), ("email", &file.email)] {
            if let Some(given) = given {
                gather.no_effect(given, key, "everybody who may enter has a Mattermost account with a name");
            }
        }
    }
    let text = |given: &Option<Spanned<String>>| {
        given.as_ref().map(|given| given.get_ref().trim()).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    Anonymous { name: text(&file.name), email: text(&file.email) }
}
