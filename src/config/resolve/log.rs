//! `[log]`.

use serde_spanned::Spanned;
use tracing::Level;

use crate::config::file;
use crate::config::finding::Place;
use crate::config::model::{AccessLog, Log, LogFormat};

use super::Gather;

pub(super) fn resolve(table: Option<Spanned<file::Log>>, gather: &mut Gather<'_>) -> Log {
    let file = table.map(Spanned::into_inner).unwrap_or_default();
    let access = match &file.access {
        None => AccessLog::Stdout,
        Some(word) => match word.get_ref().as_str() {
            "stdout" => AccessLog::Stdout,
            "off" => AccessLog::Off,
            // Nobody means a file of such a name.
            "stderr" | "none" | "on" | "syslog" | "" => {
                gather.fatal_mend(
                    word,
                    format!("`access` does not know \"{}\"", word.get_ref()),
                    "write \"stdout\", \"off\" or the path of a file",
                );
                AccessLog::Off
            }
            _ => AccessLog::File(gather.path(word)),
        },
    };
    if let (AccessLog::Off, Some(format)) = (&access, &file.format) {
        gather.no_effect(format, "format", "the access log is off");
    }
    Log {
        access,
        access_place: file.access.as_ref().map(Place::from).unwrap_or_default(),
        format: file.format.map_or(LogFormat::Combined, Spanned::into_inner),
        level: match file.level.map(Spanned::into_inner) {
            Some(file::Level::Error) => Level::ERROR,
            Some(file::Level::Warn) => Level::WARN,
            None | Some(file::Level::Info) => Level::INFO,
            Some(file::Level::Debug) => Level::DEBUG,
            Some(file::Level::Trace) => Level::TRACE,
        },
    }
}
