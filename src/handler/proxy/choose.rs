//! Which of several upstreams gets a request, and which is tried after it.
//!
//! Who is out comes last, and still comes: where all are out, one of them may well
//! be back, and an error for certain is worse than a try. What a worker balances
//! by is its own: its requests there, and when it chose each last.

use std::rc::Rc;

use crate::config::model::Balance;
use crate::outgoing::Upstream;

/// The upstreams of one request, as they are tried.
#[derive(Debug)]
pub(super) struct Choice<'u> {
    upstreams: &'u [Rc<Upstream>],
    balance: Balance,
    /// The number of the request on this worker, not 0.
    turn: u64,
    /// The one that the client's cookie names.
    stuck: Option<usize>,
    /// One bit each; a route has no more than 64.
    tried: u64,
}

impl<'u> Choice<'u> {
    pub(super) fn new(upstreams: &'u [Rc<Upstream>], balance: Balance, turn: u64, stuck: Option<usize>) -> Self {
        Self { upstreams, balance, turn: turn + 1, stuck, tried: 0 }
    }

    /// The next one to try.
    pub(super) fn next(&mut self) -> Option<&'u Rc<Upstream>> {
        if let [only] = self.upstreams {
            return (std::mem::replace(&mut self.tried, 1) == 0).then_some(only);
        }
        let stuck = self.stuck.take().filter(|&at| {
            let upstream = &self.upstreams[at];
            !upstream.standing().is_out() && !upstream.is_full()
        });
        let at = stuck.or_else(|| self.best())?;
        self.tried |= 1 << at;
        let upstream = &self.upstreams[at];
        upstream.chosen().set(self.turn);
        Some(upstream)
    }

    /// Whether there is one that was not tried.
    pub(super) fn is_left(&self) -> bool {
        (self.tried.count_ones() as usize) < self.upstreams.len()
    }

    fn best(&self) -> Option<usize> {
        let untried = (0..self.upstreams.len()).filter(|at| self.tried & (1 << at) == 0);
        untried.min_by_key(|&at| {
            let upstream = &self.upstreams[at];
            let load = match self.balance {
                Balance::RoundRobin => 0,
                Balance::LeastConnections => upstream.load(),
            };
            (upstream.standing().is_out(), upstream.is_full(), load, upstream.chosen().get())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::config::model::{Answer, Config, Ejection, Proxy};
    use crate::outgoing::{Standing, Trouble};

    fn proxy() -> Proxy {
        let text = "[server]\nhttps = []\n[[site]]\nhosts = [\"a.example\"]\nredirect_http = false\n[[site.route]]\n\
            path = \"/\"\nproxy = [\"http://10.0.0.1\", \"http://10.0.0.2\", \"http://10.0.0.3\"]\n";
        let config: Config =
            crate::config::parse(text, std::path::Path::new("gatepost.toml")).config.expect("a configuration");
        let Answer::Proxy(proxy) = config.sites[0].routes[0].answer.clone() else { panic!("a proxy") };
        *proxy
    }

    fn three() -> Vec<Rc<Upstream>> {
        let proxy = proxy();
        let upstream = |address: &crate::config::model::UpstreamAddress| {
            Upstream::new(address.clone(), None, Arc::new(Standing::new("", &address.origin)), &proxy)
        };
        proxy.upstreams.iter().map(upstream).collect()
    }

    fn eject(upstream: &Upstream) {
        let rule = Ejection { after: std::num::NonZeroU32::MIN, first: Duration::from_secs(60) };
        upstream.standing().failed(Trouble::Refused, Some(&rule));
    }

    /// The order in which a request tries them, by the last digit of their address.
    fn order(upstreams: &[Rc<Upstream>], balance: Balance, turn: u64, stuck: Option<usize>) -> String {
        let mut choice = Choice::new(upstreams, balance, turn, stuck);
        let mut order = String::new();
        while let Some(upstream) = choice.next() {
            order.extend(upstream.address().origin.chars().last());
        }
        assert!(!choice.is_left());
        order
    }

    fn first(upstreams: &[Rc<Upstream>], balance: Balance, turn: u64, stuck: Option<usize>) -> char {
        let mut choice = Choice::new(upstreams, balance, turn, stuck);
        choice.next().and_then(|upstream| upstream.address().origin.chars().last()).expect("one of them")
    }

    #[test]
    fn they_take_turns_whatever_other_routes_count_in_between() {
        let upstreams = three();
        let firsts: String = (0..6).map(|turn| first(&upstreams, Balance::RoundRobin, 2 * turn, None)).collect();
        assert_eq!(firsts, "123123");
    }

    #[test]
    fn who_has_least_is_first_and_tunnels_count() {
        let upstreams = three();
        let _two = (upstreams[0].count_tunnel(), upstreams[0].count_tunnel());
        let _one = upstreams[1].count_tunnel();
        assert_eq!(order(&upstreams, Balance::LeastConnections, 7, None), "321");
        let firsts: String = (8..10).map(|turn| first(&upstreams, Balance::LeastConnections, turn, None)).collect();
        assert_eq!(firsts, "33");
    }

    #[test]
    fn who_is_out_comes_last_and_where_all_are_out_all_come() {
        let upstreams = three();
        eject(&upstreams[0]);
        assert_eq!(order(&upstreams, Balance::RoundRobin, 1, None), "231");
        eject(&upstreams[1]);
        eject(&upstreams[2]);
        assert_eq!(order(&upstreams, Balance::RoundRobin, 2, None).len(), 3);
    }

    #[test]
    fn a_client_keeps_its_upstream_until_that_is_out() {
        let upstreams = three();
        for turn in 0..3 {
            assert_eq!(first(&upstreams, Balance::RoundRobin, turn, Some(1)), '2');
        }
        eject(&upstreams[1]);
        assert_ne!(first(&upstreams, Balance::RoundRobin, 4, Some(1)), '2');
    }

    #[test]
    fn one_alone_is_tried_once() {
        let upstreams = three();
        eject(&upstreams[0]);
        assert_eq!(order(&upstreams[..1], Balance::LeastConnections, 0, None), "1");
    }
}
