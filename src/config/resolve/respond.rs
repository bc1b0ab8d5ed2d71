//! `respond`: a fixed text.

use http::{HeaderValue, StatusCode};
use serde_spanned::Spanned;

use crate::config::defaults;
use crate::config::file;
use crate::config::model::Respond;

use super::Gather;

pub(super) fn resolve(text: &Spanned<String>, file: &file::Route, gather: &mut Gather<'_>) -> Respond {
    let content_type = file.content_type.as_ref().and_then(|given| match HeaderValue::from_str(given.get_ref()) {
        Ok(value) if !value.is_empty() => Some(value),
        _ => {
            let what = format!("\"{}\" is not a content type", given.get_ref().escape_debug());
            gather.fatal_mend(given, what, format!("write it like \"{}\"", defaults::CONTENT_TYPE));
            None
        }
    });
    Respond {
        text: text.get_ref().clone(),
        status: file.status.as_ref().map_or(StatusCode::OK, |status| checked_status(status, text, gather)),
        content_type: content_type.unwrap_or_else(|| HeaderValue::from_static(defaults::CONTENT_TYPE)),
    }
}

fn checked_status(status: &Spanned<i64>, text: &Spanned<String>, gather: &mut Gather<'_>) -> StatusCode {
    let code = u16::try_from(*status.get_ref()).ok().and_then(|code| StatusCode::from_u16(code).ok());
    match code {
        Some(code) if code.is_redirection() => {
            gather.fatal_mend(status, format!("{} needs an address to lead to", code.as_u16()), "use `redirect`");
        }
        // RFC 9110 sections 15.3.5 and 15.3.6.
        Some(StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT) if !text.get_ref().is_empty() => {
            gather.fatal_mend(
                status,
                format!("an answer with the status {} has no body", status.get_ref()),
                "write respond = \"\" or another status",
            );
        }
        Some(code) if !code.is_informational() && code.as_u16() <= 599 => return code,
        _ => gather.fatal_mend(
            status,
            format!("{} is not the status of an answer", status.get_ref()),
            "write a number from 200 to 599",
        ),
    }
    StatusCode::OK
}
