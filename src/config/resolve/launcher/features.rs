//! `[launcher.NAME.features]`: who may switch on what in a meeting.

use serde_spanned::Spanned;

use crate::config::file::{self, OneOrMany};
use crate::config::resolve::{Gather, items};
use crate::config::shape;
use crate::jitsi::features::{Feature, FeatureSet, Features};

pub(super) fn resolve(file: &file::Launcher, gather: &mut Gather<'_>) -> Features {
    let Some(table) = &file.features else { return Features::default() };
    let provider = file.provider.as_ref().map(|provider| *provider.get_ref());
    let file::Features { moderators, members, guests } = table.get_ref();
    for (list, people) in [(members, "members"), (guests, "guests")] {
        for (place, feature) in known(list.as_ref()).filter(|(_, feature)| feature.is_costly()) {
            let name = feature.name();
            let what = match (provider, people) {
                (Some(file::Provider::Jaas), _) => format!(
                    "\"{name}\" is given to {people}: 8x8 demands a moderator for it, and bills it where it works"
                ),
                (Some(file::Provider::Jitsi), "guests") => {
                    format!("\"{name}\" is given to guests: whoever gets in could switch it on")
                }
                _ => continue,
            };
            gather.warning_mend(&place, what, "name it under `moderators` alone");
        }
    }
    Features {
        moderators: set(moderators.as_ref(), gather),
        members: set(members.as_ref(), gather),
        guests: set(guests.as_ref(), gather),
    }
}

fn known(list: Option<&Spanned<OneOrMany>>) -> impl Iterator<Item = (Spanned<&str>, Feature)> {
    items(list).into_iter().filter_map(|item| Feature::named(item.get_ref()).map(|feature| (item, feature)))
}

fn set(list: Option<&Spanned<OneOrMany>>, gather: &mut Gather<'_>) -> FeatureSet {
    for item in items(list) {
        if Feature::named(item.get_ref()).is_none() {
            gather.fatal_mend(
                &item,
                format!("there is no feature \"{}\"", item.get_ref().escape_debug()),
                shape::nearest_or_all(item.get_ref(), &Feature::ALL.map(Feature::name)),
            );
        }
    }
    known(list).map(|(_, feature)| feature).collect()
}
