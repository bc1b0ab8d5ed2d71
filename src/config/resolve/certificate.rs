//! `[[certificate]]`: the names of its files. What is in them is `cert`'s part.

use serde_spanned::Spanned;

use crate::config::file;
use crate::config::finding::{Finding, Place};
use crate::config::model::{CertificateFiles, Server};

use super::Gather;

pub(super) fn resolve(
    tables: Vec<Spanned<file::Certificate>>,
    server: &Server,
    gather: &mut Gather<'_>,
) -> Vec<CertificateFiles> {
    let mut all: Vec<CertificateFiles> = Vec::new();
    for table in tables {
        let span = table.span();
        let file = table.into_inner();
        let Some(chain) = &file.chain else {
            gather.missing(
                &span,
                "this certificate has no `chain`",
                "name the PEM file that holds the leaf and its intermediates: chain = \"…/fullchain.pem\"",
            );
            continue;
        };
        let place = Place::from(chain);
        let path = gather.path(chain);
        if let Some(first) = all.iter().find(|other| other.chain == path) {
            let finding = Finding::warning(chain, format!("the chain \"{}\" is given twice", chain.get_ref()));
            gather.findings.push(finding.also(first.place.clone(), "first here").mend("remove one of the two"));
        }
        all.push(CertificateFiles {
            chain: path,
            key: file.key.as_ref().map(|key| gather.path(key)),
            trusted_roots: file.trusted_roots.as_ref().map(|roots| gather.path(roots)),
            allow_incomplete_chain: file.allow_incomplete_chain.is_some_and(Spanned::into_inner),
            strict_key_permissions: server.strict_key_permissions,
            key_place: file.key.as_ref().map_or_else(|| place.clone(), Place::from),
            roots_place: file.trusted_roots.as_ref().map_or_else(|| place.clone(), Place::from),
            place,
        });
    }
    all
}
