//! Folders and files that the configuration names: there, of the right kind, readable for who runs `check`.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::cert::pem;
use crate::config::finding::{Finding, Place};
use crate::config::model::{AccessLog, Answer, Config, Proxy, Website};

/// Every folder and file beside certificates and keys.
pub(super) fn check(config: &Config) -> Vec<Finding> {
    let mut findings = served(config);
    findings.extend(state(&config.server.state, &config.server.state_place));
    if let AccessLog::File(path) = &config.log.access {
        // Where gatepost becomes another user, the folder is made and given.
        findings.extend(access_log(path, &config.log.access_place, config.server.user.is_some()));
    }
    findings
}

/// The folders that requests are answered from: without them serving starts, and says so.
pub(in crate::cli) fn served(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(webroot) = &config.server.acme_webroot {
        let mend = "make it, or name the folder that certbot's --webroot-path has";
        findings.extend(folder("acme_webroot", webroot, &config.server.acme_webroot_place, mend));
    }
    for route in config.sites.iter().flat_map(|site| &site.routes) {
        match &route.answer {
            Answer::Website(website) => findings.extend(of_website(website, &route.place)),
            Answer::Proxy(proxy) => findings.extend(of_proxy(proxy, &route.place)),
            _ => {}
        }
    }
    findings
}

fn of_website(website: &Website, place: &Place) -> Vec<Finding> {
    let root = &website.root;
    if let Some(finding) = folder("root", root, place, "make it, or name the folder that holds the website") {
        return vec![finding];
    }
    let pages =
        website.error_pages.iter().map(|(status, page)| (format!("the error page for {}", status.as_u16()), page));
    let fallback = website.fallback.iter().map(|page| ("`fallback`".to_owned(), page));
    let missing = |(what, page): (String, &String)| {
        let path = root.join(page);
        let error = readable(&path).err()?;
        Some(Finding::fault(place.clone(), format!("{what} {}: {error}", path.display())))
    };
    pages.chain(fallback).filter_map(missing).collect()
}

/// Can be opened, and is a file.
fn readable(path: &Path) -> io::Result<()> {
    match File::open(path)?.metadata()?.is_file() {
        true => Ok(()),
        false => Err(io::Error::other("not a file")),
    }
}

fn of_proxy(proxy: &Proxy, place: &Place) -> Option<Finding> {
    let error = pem::certificates(proxy.verify.roots.as_ref()?).err()?;
    let finding = Finding::fatal(place.clone(), format!("`upstream_roots`: {error}"));
    Some(match error.mend() {
        Some(mend) => finding.mend(mend),
        None => finding,
    })
}

/// A folder that must be there and be listed by who serves it.
fn folder(key: &str, path: &Path, place: &Place, mend: &str) -> Option<Finding> {
    let error = match fs::read_dir(path) {
        Ok(_) => return None,
        Err(error) => error,
    };
    let shown = path.display();
    let finding = match error.kind() {
        io::ErrorKind::NotFound => Finding::fault(place.clone(), format!("`{key}` {shown} is not there")).mend(mend),
        io::ErrorKind::NotADirectory => {
            Finding::fault(place.clone(), format!("`{key}` {shown} is not a folder")).mend(mend)
        }
        io::ErrorKind::PermissionDenied => {
            Finding::fault(place.clone(), format!("`{key}` {shown} may not be read by the user that runs this check"))
                .mend("run the check as the user that gatepost runs as, or let that user read the folder")
        }
        _ => Finding::fault(place.clone(), format!("cannot read `{key}` {shown}: {error}")),
    };
    Some(finding)
}

/// It need not be there: it is made when first needed. What is there must be a folder, and nobody else's to read.
fn state(path: &Path, place: &Place) -> Option<Finding> {
    let metadata = fs::metadata(path).ok()?;
    let shown = path.display();
    if !metadata.is_dir() {
        let finding = Finding::fault(place.clone(), format!("`state` {shown} is not a folder"));
        return Some(finding.mend("name a folder, or leave `state` out"));
    }
    let mode = metadata.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then(|| {
        Finding::warning(
            place.clone(),
            format!("`state` {shown} is open to other users (mode {mode:04o}), and keys are kept there"),
        )
        .mend(format!("chmod 0700 {shown}"))
    })
}

fn access_log(path: &Path, place: &Place, is_made: bool) -> Option<Finding> {
    if path.is_dir() {
        let what = format!("the access log {} is a folder", path.display());
        return Some(Finding::fatal(place.clone(), what).mend("name a file in it"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty())?;
    (!is_made && !folder.is_dir()).then(|| {
        Finding::fatal(place.clone(), format!("the folder of the access log {} is not there", path.display()))
            .mend(format!("mkdir -p {}", folder.display()))
    })
}
