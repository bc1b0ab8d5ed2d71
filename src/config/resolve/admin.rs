//! `[admin]`: where the status page, `/metrics` and `/healthz` are to be had.
//!
//! It has no password yet, so an address that others reach is a warning.

use std::net::SocketAddr;

use serde_spanned::Spanned;

use crate::config::file::Admin;

use super::{Gather, listen};

pub(super) fn resolve(admin: Option<Spanned<Admin>>, gather: &mut Gather<'_>) -> Option<SocketAddr> {
    let table = admin?;
    let place = table.span();
    let Some(listen) = table.into_inner().listen else {
        gather.no_effect(crate::config::finding::Place(place), "[admin]", "it has no `listen`");
        return None;
    };
    let Ok(address) = listen.get_ref().parse::<SocketAddr>() else {
        let what = format!("\"{}\" is not an address to listen on", listen.get_ref());
        gather.fatal_mend(&listen, what, listen::mend(listen.get_ref()));
        return None;
    };
    if !address.ip().is_loopback() {
        gather.warning_mend(
            &listen,
            format!("whoever reaches {address} reads the status page: it asks for no password"),
            format!("write \"127.0.0.1:{}\"", address.port()),
        );
    }
    Some(address)
}
