//! Host → site, path → route: the exact name wins over the wildcard, the longest prefix over all others.
//!
//! The order of the file plays no part. Generic over what a site and a route
//! are, so that serving, `check` and `explain` route by the same code.

use std::collections::HashMap;

use super::host::{Host, HostPattern};
use super::lax;
use super::path::{PathPrefix, resolve_dots};

/// Sites by host.
#[derive(Debug)]
pub struct Table<S> {
    exact: HashMap<Host, usize>,
    wildcard: HashMap<Host, usize>,
    default: Option<usize>,
    sites: Vec<S>,
}

/// How a host came to its site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The site has this very name.
    Name,
    /// The site has a wildcard that takes it.
    Wildcard,
    /// No site has it; the default site answers.
    Default,
}

impl<S> Table<S> {
    /// A table of sites with their patterns; the index of the default site, if any.
    ///
    /// Where two sites have one name, the first keeps it; configurations with such names are refused before.
    pub fn new(sites: impl IntoIterator<Item = (Vec<HostPattern>, S)>, default: Option<usize>) -> Self {
        let mut table = Self { exact: HashMap::new(), wildcard: HashMap::new(), default, sites: Vec::new() };
        for (index, (patterns, site)) in sites.into_iter().enumerate() {
            for pattern in patterns {
                match pattern {
                    HostPattern::Exact(host) => table.exact.entry(host).or_insert(index),
                    HostPattern::Wildcard(suffix) => table.wildcard.entry(suffix).or_insert(index),
                };
            }
            table.sites.push(site);
        }
        table
    }

    /// The site that answers for a host.
    pub fn find(&self, host: &Host) -> Option<(&S, By)> {
        let (index, by) = self.find_index(host)?;
        Some((&self.sites[index], by))
    }

    /// All sites, to be finished before they serve.
    pub fn sites_mut(&mut self) -> &mut [S] {
        &mut self.sites
    }

    /// All sites, in the order of the file.
    pub fn sites(&self) -> &[S] {
        &self.sites
    }

    fn find_index(&self, host: &Host) -> Option<(usize, By)> {
        if let Some(&index) = self.exact.get(host) {
            return Some((index, By::Name));
        }
        if !self.wildcard.is_empty()
            && !host.is_address()
            && let Some((_, suffix)) = host.as_str().split_once('.')
            && let Ok(suffix) = Host::parse(suffix)
            && let Some(&index) = self.wildcard.get(&suffix)
        {
            return Some((index, By::Wildcard));
        }
        self.default.map(|index| (index, By::Default))
    }
}

/// The routes of one site, longest prefix first.
#[derive(Debug)]
pub struct Routes<R>(Vec<(PathPrefix, R)>);

/// What a path was routed to.
#[derive(Debug)]
pub enum Routed<'t, 'p, R> {
    /// This route: its prefix, what follows it in the path, and what answers.
    To(&'t PathPrefix, &'p str, &'t R),
    /// No route has this path.
    Nowhere,
    /// Dot segments or backslashes would make another route out of it.
    Unclear,
}

impl<R> Routes<R> {
    /// Routes in any order.
    pub fn new(routes: impl IntoIterator<Item = (PathPrefix, R)>) -> Self {
        let mut routes: Vec<_> = routes.into_iter().collect();
        routes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Self(routes)
    }

    /// Routes a path whose unreserved characters have been decoded (`path::decode_unreserved`).
    pub fn find<'t, 'p>(&'t self, path: &'p str) -> Routed<'t, 'p, R> {
        let found = self.position(path);
        if let Some(resolved) = resolve_dots(path)
            && self.position(&resolved).map(|(index, _)| index) != found.map(|(index, _)| index)
        {
            return Routed::Unclear;
        }
        match found {
            Some((index, rest)) => {
                let (prefix, route) = &self.0[index];
                Routed::To(prefix, rest, route)
            }
            None => Routed::Nowhere,
        }
    }

    /// The route that a careless upstream would take a path to belong to, where it may read it in another way.
    pub fn find_lax(&self, path: &str) -> Option<&R> {
        let segments = lax::segments(path)?;
        self.0.iter().find(|(prefix, _)| lax::takes(prefix, &segments)).map(|(_, route)| route)
    }

    /// All routes, to be finished before they serve.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut R> {
        self.0.iter_mut().map(|(_, route)| route)
    }

    /// Longest prefix first.
    pub fn iter(&self) -> impl Iterator<Item = &(PathPrefix, R)> {
        self.0.iter()
    }

    fn position<'p>(&self, path: &'p str) -> Option<(usize, &'p str)> {
        self.0.iter().enumerate().find_map(|(index, (prefix, _))| Some((index, prefix.strip(path)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table<&'static str> {
        let patterns = |names: &[&str]| names.iter().map(|n| HostPattern::parse(n).expect("a pattern")).collect();
        Table::new([(patterns(&["*.site.example"]), "wild"), (patterns(&["chat.site.example", "[::1]"]), "chat")], None)
    }

    fn site(table: &Table<&'static str>, host: &str) -> Option<(&'static str, By)> {
        table.find(&Host::parse(host).expect(host)).map(|(site, by)| (*site, by))
    }

    #[test]
    fn the_exact_name_wins_over_the_wildcard_whatever_the_order() {
        let table = table();
        assert_eq!(site(&table, "CHAT.site.example."), Some(("chat", By::Name)));
        assert_eq!(site(&table, "www.site.example"), Some(("wild", By::Wildcard)));
        assert_eq!(site(&table, "a.b.site.example"), None);
        assert_eq!(site(&table, "[0:0::1]"), Some(("chat", By::Name)));
    }

    #[test]
    fn the_default_site_takes_what_no_site_has() {
        let mut table = table();
        table.default = Some(1);
        assert_eq!(site(&table, "else.example"), Some(("chat", By::Default)));
    }

    fn route(routes: &Routes<&'static str>, path: &str) -> String {
        match routes.find(path) {
            Routed::To(_, rest, route) => format!("{route}:{rest}"),
            Routed::Nowhere => "nowhere".into(),
            Routed::Unclear => "unclear".into(),
        }
    }

    #[test]
    fn the_longest_prefix_wins_whatever_the_order() {
        let prefix = |text| PathPrefix::parse(text).expect(text);
        let routes = Routes::new([(prefix("/"), "chat"), (prefix("/jitsi/"), "launcher"), (prefix("/jitsi/x"), "x")]);
        assert_eq!(route(&routes, "/jitsi"), "launcher:");
        assert_eq!(route(&routes, "/jitsi/Room Name"), "launcher:/Room Name");
        assert_eq!(route(&routes, "/jitsi/x/y"), "x:/y");
        assert_eq!(route(&routes, "/jitsix"), "chat:/jitsix");
    }

    #[test]
    fn only_what_would_change_the_route_is_unclear() {
        let prefix = |text| PathPrefix::parse(text).expect(text);
        let routes = Routes::new([(prefix("/"), "chat"), (prefix("/jitsi/"), "launcher")]);
        assert_eq!(route(&routes, "/jitsi/../api"), "unclear");
        assert_eq!(route(&routes, "/x/..%2fjitsi/room"), "unclear");
        assert_eq!(route(&routes, "/x\\..\\jitsi"), "unclear");
        assert_eq!(route(&routes, "/a/../b"), "chat:/a/../b");
        assert_eq!(route(&routes, "/a%2Fb//c;d"), "chat:/a%2Fb//c;d");
    }
}
