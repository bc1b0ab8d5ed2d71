//! Who may enter without an account: by a form, by an invitation.

use std::num::NonZeroU32;

use crate::config::defaults;
use crate::config::file;
use crate::config::finding::Place;
use crate::config::model::Guests;
use crate::config::resolve::{Gather, secret};

/// `asks`: whether anybody is asked who they are.
pub(super) fn resolve(file: &file::Launcher, asks: bool, gather: &mut Gather<'_>) -> Guests {
    let join = file.guests.as_ref().is_some_and(|guests| *guests.get_ref() == file::Guests::Join);
    let invitations = file.invitations.as_ref().is_some_and(|given| *given.get_ref());
    if !asks {
        let why = "with identity = [\"none\"] everybody is let in alike";
        for (key, place) in [
            ("guests", file.guests.as_ref().map(Place::from)),
            ("invitations", file.invitations.as_ref().map(Place::from)),
        ] {
            if let Some(place) = place {
                gather.no_effect(place, key, why);
            }
        }
    }
    if !join && let Some(passcode) = &file.guest_passcode {
        gather.no_effect(Place::from(passcode), "guest_passcode", "nobody is asked for it without guests = \"join\"");
    }
    if !join
        && !invitations
        && let Some(tries) = &file.guest_tries
    {
        gather.no_effect(tries, "guest_tries", "guests are not let in");
    }
    Guests {
        join: join && asks,
        passcode: file.guest_passcode.as_ref().and_then(|given| secret::resolve(given, gather)),
        tries: tries(file, gather),
        invitations: invitations && asks,
        everybody: !asks,
    }
}

fn tries(file: &file::Launcher, gather: &mut Gather<'_>) -> NonZeroU32 {
    let Some(given) = &file.guest_tries else { return defaults::GUEST_TRIES };
    let tries = u32::try_from(*given.get_ref()).ok().and_then(NonZeroU32::new);
    tries.filter(|tries| tries.get() <= defaults::MOST_GUEST_TRIES).unwrap_or_else(|| {
        let what =
            format!("`guest_tries` is how often one address may try in a minute, 1 to {}", defaults::MOST_GUEST_TRIES);
        gather.fatal_mend(given, what, format!("write {}, the default, or leave it out", defaults::GUEST_TRIES));
        defaults::GUEST_TRIES
    })
}
