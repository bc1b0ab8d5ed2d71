//! `provider = "public"`: a Jitsi that takes no token, such as meet.jit.si.
//!
//! Whatever a token would say means nothing there, and is reported as such: above all
//! who moderates, which that server decides by itself.

use serde_spanned::Spanned;

use crate::config::defaults;
use crate::config::file;
use crate::config::finding::Place;
use crate::config::model::Provider;
use crate::config::resolve::Gather;

use super::meeting_server;

pub(super) fn resolve(table: &Spanned<file::Launcher>, gather: &mut Gather<'_>) -> Option<Provider> {
    let file = table.get_ref();
    let tokenless = "public meetings take no token";
    let no_effect = [
        ("app_id", file.app_id.as_ref().map(Place::from), tokenless),
        ("key_id", file.key_id.as_ref().map(Place::from), tokenless),
        ("private_key", file.private_key.as_ref().map(Place::from), tokenless),
        ("secret", file.secret.as_ref().map(Place::from), tokenless),
        ("subject", file.subject.as_ref().map(Place::from), tokenless),
        ("audience", file.audience.as_ref().map(Place::from), tokenless),
        ("token_lifetime", file.token_lifetime.as_ref().map(Place::from), tokenless),
        ("rooms", file.rooms.as_ref().map(Place::from), tokenless),
        ("features", file.features.as_ref().map(Place::from), tokenless),
        ("send_email", file.send_email.as_ref().map(Place::from), "of a person only the name goes along"),
        ("avatars", file.avatars.as_ref().map(Place::from), "of a person only the name goes along"),
        ("moderators", file.moderators.as_ref().map(Place::from), "the public server itself decides who moderates"),
    ];
    for (key, place, why) in no_effect {
        if let Some(place) = place {
            gather.no_effect(place, key, why);
        }
    }
    let server = match &file.server {
        None => defaults::PUBLIC_SERVER.to_owned(),
        Some(given) => meeting_server::resolve(given, gather)?.origin,
    };
    Some(Provider::Public { server })
}
