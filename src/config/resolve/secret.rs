//! A secret as the file gives it: in words, in a file of its own, in the environment.

use serde_spanned::Spanned;

use crate::config::file::SecretSource;
use crate::config::finding::Place;
use crate::config::model::SecretFrom;
use crate::secret::Secret;

use super::Gather;

/// Where a secret comes from; a finding where it comes from nowhere.
pub(super) fn resolve(given: &Spanned<SecretSource>, gather: &mut Gather<'_>) -> Option<SecretFrom> {
    let place = Place::from(given);
    Some(match given.get_ref() {
        SecretSource::Text(text) => SecretFrom::Text(Secret::new(text.clone())),
        SecretSource::File(path) => SecretFrom::File(gather.path_at(path, place)),
        SecretSource::Env(name) => SecretFrom::Text(variable(name, place, gather)?),
    })
}

/// A variable's value; an empty one where the surroundings have no environment to look at.
pub(super) fn variable(name: &str, place: Place, gather: &mut Gather<'_>) -> Option<Secret<String>> {
    let Some(environment) = &gather.surroundings.environment else { return Some(Secret::new(String::new())) };
    let value = environment(name).filter(|value| !value.is_empty());
    if value.is_none() {
        gather.fatal_mend(
            place,
            format!("the environment has no variable {name}"),
            "set it for the service that runs gatepost (systemd: LoadCredential= with { file = … } is safer)",
        );
    }
    value.map(Secret::new)
}
