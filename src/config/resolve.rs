//! As written → as meant: defaults, presets, exactly one handler a route.
//!
//! Each part adds its findings and goes on with what makes sense, so that all
//! come at once; a configuration with a fatal one is thrown away in the end. It
//! looks at no file and no host.

mod access;
mod acme;
mod address;
mod admin;
mod certificate;
mod fields;
mod launcher;
mod limits;
mod listen;
mod log;
mod loops;
mod proxy;
mod redirect;
mod respond;
mod route;
mod secret;
mod server;
mod site;
mod upstreams;
mod website;

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_spanned::Spanned;

use super::file::OneOrMany;
use super::finding::{Finding, Place};
use super::model::Config;
use super::shape::{ROOT, Shaped};
use super::surroundings::Surroundings;

/// What was found so far, and what all parts need to know.
struct Gather<'s> {
    findings: Vec<Finding>,
    damaged: Vec<Range<usize>>,
    folder: &'s Path,
    surroundings: &'s Surroundings,
}

/// Resolves a file; the configuration is to be used only where no finding is fatal.
pub(super) fn resolve(shaped: Shaped, folder: &Path, surroundings: &Surroundings) -> (Option<Config>, Vec<Finding>) {
    let mut gather = Gather { findings: shaped.findings, damaged: shaped.damaged, folder, surroundings };
    let file = shaped.file;
    if let Some(table) = &file.shared {
        gather.not_built(table, "[shared]");
    }
    let server = server::resolve(file.server, &mut gather);
    let admin = admin::resolve(file.admin, &mut gather);
    let log = log::resolve(file.log, &mut gather);
    let limits = limits::resolve(file.limits, &mut gather);
    let certificates = certificate::resolve(file.certificate.unwrap_or_default(), &server, &mut gather);
    let launchers = launcher::resolve(file.launcher.unwrap_or_default(), &mut gather);
    let auths = access::resolve_auths(file.auth.unwrap_or_default(), &mut gather);
    let known = site::Known { launchers: &launchers, auths: &auths, server: &server };
    let sites = site::resolve(file.site.as_deref().unwrap_or_default(), &known, &mut gather);
    launchers.report_unused(&mut gather);
    auths.report_unused(&mut gather);
    let has_acme = file.acme.is_some();
    let acme = acme::resolve(file.acme, &server, &sites, !certificates.is_empty(), &mut gather);
    if !server.https.is_empty() && certificates.is_empty() && !has_acme && !sites.is_empty() && gather.whole(&ROOT) {
        gather.findings.push(
            Finding::fatal(Place::default(), "no [[certificate]] is given, and https is on").mend(
                "add [[certificate]] with `chain` and `key`, or [acme] to have them issued, or set `https = []` in [server]",
            ),
        );
    }
    let mut config = Config { server, admin, log, limits, certificates, acme, sites };
    launcher::fill_in_logins(&mut config);
    loops::report(&config, &mut gather);
    access::report(&config, &mut gather);
    (Some(config), gather.findings)
}

impl Gather<'_> {
    /// A finding without a mend that stops the start.
    fn fatal(&mut self, place: impl Into<Place>, what: impl Into<String>) {
        self.findings.push(Finding::fatal(place, what));
    }

    /// A finding with a mend that stops the start.
    fn fatal_mend(&mut self, place: impl Into<Place>, what: impl Into<String>, mend: impl Into<String>) {
        self.findings.push(Finding::fatal(place, what).mend(mend));
    }

    fn warning_mend(&mut self, place: impl Into<Place>, what: impl Into<String>, mend: impl Into<String>) {
        self.findings.push(Finding::warning(place, what).mend(mend));
    }

    /// Something that a table must have and has not: said only where nothing was taken out of that table.
    fn missing(&mut self, table: &Range<usize>, what: impl Into<String>, mend: impl Into<String>) {
        if self.whole(table) {
            self.fatal_mend(Place(table.clone()), what, mend);
        }
    }

    /// Whether a table still has all that was written into it.
    fn whole(&self, table: &Range<usize>) -> bool {
        !self.damaged.contains(table)
    }

    /// What the contract has and this version has not.
    fn not_built(&mut self, place: impl Into<Place>, what: &str) {
        self.fatal_mend(place, format!("{what} is not built yet"), "remove it");
    }

    /// A key that is well formed and changes nothing where it stands.
    fn no_effect(&mut self, place: impl Into<Place>, key: &str, why: &str) {
        self.warning_mend(place, format!("`{key}` has no effect: {why}"), "remove it");
    }

    /// A path of the file; relative ones start from the file's folder.
    fn path(&mut self, path: &Spanned<String>) -> PathBuf {
        self.path_at(path.get_ref(), path)
    }

    fn path_at(&mut self, path: &str, place: impl Into<Place>) -> PathBuf {
        if path.is_empty() {
            self.fatal(place, "the path is empty");
        } else if path.contains('\0') {
            self.fatal(place, "the path has a NUL character, which no path can have");
        } else if path.starts_with("~/") {
            self.fatal_mend(
                place,
                format!("\"{path}\" starts with ~, which only a shell knows"),
                "write the whole path",
            );
        }
        self.folder.join(path)
    }
}

/// The items of a value that may be a string or a list; none where it is left out.
fn items(value: Option<&Spanned<OneOrMany>>) -> Vec<Spanned<&str>> {
    value.map(OneOrMany::items).unwrap_or_default()
}
