//! `[[site.route]]`: which handler answers, and which keys belong to it.

use std::ops::Range;

use serde_spanned::Spanned;

use crate::config::file::{self, Owner};
use crate::config::finding::{Finding, Place};
use crate::config::model::{Answer, Proxy};
use crate::route::path::PathPrefix;

use super::launcher::Launchers;
use super::{Gather, proxy, redirect, respond, website};

/// A route whose launcher, if it is one, still waits for the site's Mattermost.
pub(super) struct Draft<'f> {
    pub(super) path: PathPrefix,
    pub(super) path_place: Place,
    pub(super) answer_place: Place,
    pub(super) answer: DraftAnswer<'f>,
    /// As the file has it.
    pub(super) file: &'f file::Route,
}

pub(super) enum DraftAnswer<'f> {
    Ready(Box<Answer>),
    /// The name as the route has it.
    Launcher(&'f Spanned<String>),
}

impl Draft<'_> {
    /// The upstream, where this is a proxy route.
    pub(super) fn proxy(&self) -> Option<&Proxy> {
        match &self.answer {
            DraftAnswer::Ready(answer) => match &**answer {
                Answer::Proxy(proxy) => Some(proxy),
                _ => None,
            },
            DraftAnswer::Launcher(_) => None,
        }
    }
}

pub(super) fn draft<'f>(
    table: &'f Spanned<file::Route>,
    launchers: &Launchers,
    gather: &mut Gather<'_>,
) -> Option<Draft<'f>> {
    let file = table.get_ref();
    let path = path(table, gather);
    let (owner, answer_place) = handler(file, &table.span(), gather)?;
    let mut answer = match owner {
        Owner::Website => Answer::Website(website::resolve(file.root.as_ref()?, file, gather)),
        Owner::Proxy => Answer::Proxy(Box::new(proxy::resolve(file.proxy.as_ref()?, file, gather))),
        Owner::Redirect => Answer::Redirect(redirect::resolve(file.redirect.as_ref()?, file, gather)?),
        Owner::Respond | Owner::RedirectOrRespond => {
            Answer::Respond(respond::resolve(file.respond.as_ref()?, file, gather))
        }
        Owner::Launcher => {
            let name = file.launcher.as_ref()?;
            launchers.use_by(name, gather);
            let (path, path_place) = path?;
            return Some(Draft { path, path_place, answer_place, answer: DraftAnswer::Launcher(name), file });
        }
    };
    let (path, path_place) = path?;
    if let (Answer::Proxy(proxy), None) = (&mut answer, &file.health) {
        proxy::check_below(proxy, &path);
    }
    if let (Some(strip), true) = (&file.strip_prefix, path.is_empty()) {
        gather.no_effect(strip, "strip_prefix", "the route's path is \"/\"");
    }
    Some(Draft { path, path_place, answer_place, answer: DraftAnswer::Ready(Box::new(answer)), file })
}

fn path(table: &Spanned<file::Route>, gather: &mut Gather<'_>) -> Option<(PathPrefix, Place)> {
    let Some(path) = &table.get_ref().path else {
        gather.missing(&table.span(), "this route has no `path`", "write path = \"/\" for everything");
        return None;
    };
    match PathPrefix::parse(path.get_ref()) {
        Ok(prefix) => Some((prefix, Place::from(path))),
        Err(error) => {
            let finding = Finding::fatal(path, format!("the path \"{}\" {error}", path.get_ref().escape_debug()));
            let mend = match path.get_ref() {
                text if text.contains(['*', '^', '$', '(']) => Some("write the prefix alone, like \"/app\"".to_owned()),
                text if !text.starts_with('/') && !text.contains("://") => Some(format!("write \"/{text}\"")),
                _ => None,
            };
            gather.findings.push(match mend {
                Some(mend) => finding.mend(mend),
                None => finding,
            });
            None
        }
    }
}

/// The one handler; rivals, foreign keys and a lack of any become findings.
fn handler(file: &file::Route, span: &Range<usize>, gather: &mut Gather<'_>) -> Option<(Owner, Place)> {
    let keys = file.keys();
    let mut handlers = keys.iter().filter(|(name, ..)| is_handler(name));
    let Some((name, place, owner)) = handlers.next() else {
        gather.missing(
            span,
            "nothing answers in this route",
            "add one of `root`, `proxy`, `launcher`, `redirect` or `respond`",
        );
        return None;
    };
    let rivals: Vec<_> = handlers.collect();
    if !rivals.is_empty() {
        let names: Vec<_> = [*name].into_iter().chain(rivals.iter().map(|(rival, ..)| *rival)).collect();
        let mut finding = Finding::fatal(
            Place(place.clone()),
            format!("only one can answer in a route, and this one has `{}`", names.join("`, `")),
        );
        for (rival, place, _) in rivals {
            finding = finding.also(Place(place.clone()), format!("`{rival}` is here"));
        }
        gather.findings.push(finding.mend("keep one of them, or give each a route of its own"));
        return None;
    }
    for (key, place, of) in &keys {
        let belongs =
            of == owner || (*of == Owner::RedirectOrRespond && matches!(owner, Owner::Redirect | Owner::Respond));
        if !belongs {
            let finding =
                Finding::fault(Place(place.clone()), format!("`{key}` has no effect in a route with `{name}`"));
            gather.findings.push(finding.mend(format!("remove it: it belongs to {}", home(*of))));
        }
    }
    Some((*owner, Place(place.clone())))
}

fn is_handler(key: &str) -> bool {
    matches!(key, "root" | "proxy" | "launcher" | "redirect" | "respond")
}

fn home(owner: Owner) -> &'static str {
    match owner {
        Owner::Website => "`root`",
        Owner::Proxy => "`proxy`",
        Owner::Launcher => "`launcher`",
        Owner::Redirect => "`redirect`",
        Owner::Respond => "`respond`",
        Owner::RedirectOrRespond => "`redirect` and `respond`",
    }
}
