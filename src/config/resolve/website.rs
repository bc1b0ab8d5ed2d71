//! `root`: a static website.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_spanned::Spanned;

use crate::config::defaults;
use crate::config::file;
use crate::config::model::{Symlinks, Website};

use super::{Gather, items};

pub(super) fn resolve(root: &Spanned<String>, file: &file::Route, gather: &mut Gather<'_>) -> Website {
    let index = match &file.index {
        None => vec![defaults::INDEX.into()],
        Some(_) => items(file.index.as_ref()).iter().filter_map(|name| index_name(name, gather)).collect(),
    };
    let mut error_pages = BTreeMap::new();
    for (status, page) in file.error_pages.as_ref().map(Spanned::get_ref).into_iter().flatten() {
        let code = status.get_ref().parse::<u16>().ok().and_then(|code| StatusCode::from_u16(code).ok());
        match code.filter(|code| code.is_client_error() || code.is_server_error()) {
            Some(code) => {
                if let Some(page) = below_root("error_pages", page, gather) {
                    error_pages.insert(code, page);
                }
            }
            None => gather.fatal_mend(
                status,
                format!("`{}` is not the status of an error", status.get_ref()),
                "write a number from 400 to 599, like 404",
            ),
        }
    }
    Website {
        root: gather.path(root),
        index,
        listing: file.listing.as_ref().is_some_and(|listing| *listing.get_ref()),
        symlinks: file.symlinks.as_ref().map_or(Symlinks::Inside, |symlinks| *symlinks.get_ref()),
        fallback: file.fallback.as_ref().and_then(|fallback| below_root("fallback", fallback, gather)),
        error_pages,
    }
}

fn index_name(name: &Spanned<&str>, gather: &mut Gather<'_>) -> Option<String> {
    let text = *name.get_ref();
    if text.is_empty() || text.contains(['/', '\0']) || text.starts_with('.') {
        gather.fatal_mend(
            name,
            format!("\"{text}\" cannot be an index: it is not the name of a file in the folder"),
            "write a file name without a slash, like \"index.html\"",
        );
        return None;
    }
    Some(text.into())
}

/// A path below the website's root, without its first slash.
fn below_root(key: &str, path: &Spanned<String>, gather: &mut Gather<'_>) -> Option<String> {
    let text = path.get_ref().trim_start_matches('/');
    if text.is_empty() || text.contains('\0') || text.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        gather.fatal_mend(
            path,
            format!("`{key}` names \"{}\", which is not a file below `root`", path.get_ref()),
            "write a path below `root`, like \"errors/404.html\"",
        );
        return None;
    }
    Some(text.into())
}
