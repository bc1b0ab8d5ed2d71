//! Which files a configuration names that are read whole: at the start, on reload, when they change.

use std::path::Path;

use crate::config::finding::Place;

use super::{Answer, Config, JitsiKey, Launcher, PemSource, Provider, SecretFrom, Way};

/// A file that holds a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretFile<'c> {
    /// Which.
    pub path: &'c Path,
    /// Where the configuration names it, or what it is for.
    pub place: &'c Place,
    /// What it holds, for people.
    pub what: &'static str,
}

impl Config {
    /// Files that hold secrets, but for the keys of `[[certificate]]`. One may come twice.
    pub fn secret_files(&self) -> Vec<SecretFile<'_>> {
        let account = self.acme.iter().filter_map(|acme| {
            let account = acme.external_account.as_ref()?;
            of_secret(&account.hmac_key, &acme.place, "eab_hmac_key")
        });
        let passwords = self.sites.iter().flat_map(|site| &site.routes).filter_map(|route| {
            let (path, place) = route.access.auth.as_ref()?.file.as_ref()?;
            Some(SecretFile { path, place, what: "file of passwords" })
        });
        account.chain(passwords).chain(self.launchers().into_iter().flat_map(of_launcher)).collect()
    }

    /// All files that are read whole, those with secrets among them. One may come twice.
    pub fn files_read(&self) -> Vec<&Path> {
        let mut files: Vec<&Path> = self.secret_files().into_iter().map(|file| file.path).collect();
        for certificate in &self.certificates {
            files.push(&certificate.chain);
            files.extend(certificate.key.as_deref());
            files.extend(certificate.trusted_roots.as_deref());
        }
        if let Some(acme) = &self.acme {
            files.extend(acme.directory_roots.as_deref());
            files.extend(acme.trusted_roots.as_deref());
        }
        for route in self.sites.iter().flat_map(|site| &site.routes) {
            if let Answer::Proxy(proxy) = &route.answer {
                files.extend(proxy.verify.roots.as_deref());
            }
        }
        for launcher in self.launchers() {
            files.extend(launcher.page.logo.as_deref());
            files.extend(launcher.page.phrases.as_deref());
            files.extend(launcher.mattermost().and_then(|source| source.proxy.verify.roots.as_deref()));
        }
        files
    }
}

fn of_secret<'c>(from: &'c SecretFrom, place: &'c Place, what: &'static str) -> Option<SecretFile<'c>> {
    match from {
        SecretFrom::File(path) => Some(SecretFile { path, place, what }),
        SecretFrom::Text(_) => None,
    }
}

fn of_pem<'c>(from: &'c PemSource, place: &'c Place) -> Option<SecretFile<'c>> {
    match from {
        PemSource::File(path) => Some(SecretFile { path, place, what: "private_key" }),
        PemSource::Text(_) => None,
    }
}

fn of_launcher(launcher: &Launcher) -> Vec<SecretFile<'_>> {
    let place = &launcher.key_place;
    let mut files: Vec<SecretFile<'_>> = Vec::new();
    match &launcher.provider {
        Provider::Jaas { private_key, .. } => files.extend(of_pem(private_key, place)),
        Provider::Jitsi { key: JitsiKey::Rsa { private_key, .. }, .. } => files.extend(of_pem(private_key, place)),
        Provider::Jitsi { key: JitsiKey::Secret(secret), .. } => files.extend(of_secret(secret, place, "secret")),
        Provider::Public { .. } => {}
    }
    for way in &launcher.identity {
        if let Way::Plugin(plugin) = way {
            files.extend(of_secret(&plugin.secret, &plugin.place, "plugin_secret"));
        }
    }
    let passcode = launcher.guests.passcode.as_ref();
    files.extend(passcode.and_then(|secret| of_secret(secret, place, "guest_passcode")));
    let webhook = launcher.webhook_secret.as_ref();
    files.extend(webhook.and_then(|secret| of_secret(secret, place, "webhook_secret")));
    files
}
