//! Default values, each with its reason; `docs` and `resolve` have no others.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use super::model::{Balance, DisplayName, Ejection};

const fn wildcard(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)
}

/// An IPv6 wildcard takes IPv4 too, so one address serves everybody. The
/// listener falls back to `0.0.0.0` where the kernel has no IPv6.
pub(super) const HTTP: SocketAddr = wildcard(80);
/// As [`HTTP`].
pub(super) const HTTPS: SocketAddr = wildcard(443);
/// A container's stop signal is followed by a kill after 10 s (Docker) to 90 s
/// (systemd); most open requests are done well within half a minute.
pub(super) const DRAIN: Duration = Duration::from_secs(30);

/// Apache's and nginx's, too.
pub(super) const INDEX: &str = "index.html";

/// What a proxy route has where the file says nothing.
pub(super) struct ProxyDefaults {
    pub(super) max_body: u64,
    pub(super) connect_timeout: Duration,
    pub(super) read_timeout: Duration,
    pub(super) send_timeout: Duration,
    pub(super) upgrade_idle_timeout: Duration,
    pub(super) pool_idle_timeout: Duration,
    /// What an upstream is asked to see whether it is well; empty: nothing.
    pub(super) health: &'static str,
}

/// Without a preset.
pub(super) const PROXY: ProxyDefaults = ProxyDefaults {
    // A form with a photograph; nginx's 1 MiB surprises people daily.
    max_body: 10 << 20,
    // A host in the same building answers in milliseconds; one SYN retry is 1 s, two are 3 s.
    connect_timeout: Duration::from_secs(5),
    read_timeout: Duration::from_secs(60),
    send_timeout: Duration::from_secs(60),
    // Heartbeats of common servers come every 25 to 60 s (R88): ten minutes miss none.
    upgrade_idle_timeout: Duration::from_secs(600),
    // Below the 5 s after which Node and Apache close an idle connection (R74).
    pool_idle_timeout: Duration::from_secs(4),
    // Every server has another path for it, and many have none.
    health: "",
};

/// `preset = "mattermost"`.
pub(super) const MATTERMOST: ProxyDefaults = ProxyDefaults {
    // Above Mattermost's own FileSettings.MaxFileSize of 100 MiB, form overhead included, so that its
    // own answer in words reaches the client (R78).
    max_body: 128 << 20,
    connect_timeout: Duration::from_secs(5),
    // What the original's nginx had: exports and imports are silent for minutes.
    read_timeout: Duration::from_secs(600),
    send_timeout: Duration::from_secs(600),
    upgrade_idle_timeout: Duration::from_secs(600),
    // Mattermost closes an idle connection after 300 s (ServiceSettings.IdleTimeout).
    pool_idle_timeout: Duration::from_secs(60),
    // Answers without a session, and without asking the database.
    health: "/api/v4/system/ping",
};

/// Requests at one moment, not people: a busy Mattermost of 5,000 people has a few hundred. Each takes a descriptor
/// here and one there.
pub(super) const MAX_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(1024).expect("1024 is not 0");
/// As many again: those that come later would hardly have their turn within `connect_timeout`.
pub(super) const MAX_WAITING: usize = 1024;
/// More connections from one address to another than there are ports for.
pub(super) const MOST_CONNECTIONS: usize = 65_535;
/// More waiting requests than anybody's memory is for.
pub(super) const MOST_WAITING: usize = 1_000_000;
/// Tried in one request's time at most; as many fit into the set of those that were tried.
pub(super) const MOST_UPSTREAMS: usize = 64;

/// What is fair where requests are alike.
pub(super) const BALANCE: Balance = Balance::RoundRobin;
/// One failure may be the request's own; five in a row on all workers are not. Ten seconds is the time of a restart.
pub(super) const EJECTION: Ejection =
    Ejection { after: NonZeroU32::new(5).expect("5 is not 0"), first: Duration::from_secs(10) };
/// With three failures it takes half a minute until an upstream that hangs is out; one that refuses is passed over at once.
pub(super) const HEALTH_INTERVAL: Duration = Duration::from_secs(10);
/// Whoever takes longer to say that it is well is not.
pub(super) const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);
/// HAProxy's `fall`.
pub(super) const UNHEALTHY_AFTER: NonZeroU32 = NonZeroU32::new(3).expect("3 is not 0");
/// HAProxy's `rise`.
pub(super) const HEALTHY_AFTER: NonZeroU32 = NonZeroU32::new(2).expect("2 is not 0");
/// More would never come about.
pub(super) const MOST_IN_A_ROW: usize = 1000;

/// Mattermost pings a WebSocket every 60 s and waits 100 s for an answer
/// (`web_conn.go`): a shorter limit cuts sockets that are well.
pub(super) const MATTERMOST_LEAST_UPGRADE_IDLE: Duration = Duration::from_secs(100);
/// `FileSettings.MaxFileSize` as Mattermost is delivered.
pub(super) const MATTERMOST_OWN_MAX_FILE: u64 = 100 << 20;
/// `ServiceSettings.IdleTimeout` as Mattermost is delivered.
pub(super) const MATTERMOST_OWN_IDLE: Duration = Duration::from_secs(300);

/// Only WebSocket is understood on both ends; `h2c` would tunnel past every rule (R69).
pub(super) const UPGRADE: &str = "websocket";

/// The method is kept, unlike by 301 and 302, which turn POST into GET.
pub(super) const REDIRECT_STATUS: u16 = 308;
/// For `respond`.
pub(super) const CONTENT_TYPE: &str = "text/plain; charset=utf-8";

/// Where JaaS meets.
pub(super) const JAAS_SERVER: &str = "https://8x8.vc";
/// Where everybody may meet.
pub(super) const PUBLIC_SERVER: &str = "https://meet.jit.si";
/// What a Jitsi of one's own is told that a token is for, as JaaS is.
pub(super) const JITSI_AUDIENCE: &str = "jitsi";
/// As Mattermost's Jitsi plugin chooses.
pub(super) const DISPLAY_NAME: [DisplayName; 3] = [DisplayName::Nickname, DisplayName::FullName, DisplayName::Username];
/// A class behind one address comes in within a few minutes; a passcode of six letters holds out for years.
pub(super) const GUEST_TRIES: NonZeroU32 = NonZeroU32::new(20).expect("20 is not 0");
/// Ten a second are no person.
pub(super) const MOST_GUEST_TRIES: u32 = 600;
/// 64 bits in base64 or hexadecimal, and then some.
pub(crate) const LEAST_WEBHOOK_SECRET: usize = 16;
/// Long enough to come back after a lost connection in a usual meeting: a token
/// is asked for on entering alone, also on entering again.
pub(super) const TOKEN_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// From the click to the meeting's own check, on a slow phone, with a pre-join page between.
pub(super) const LEAST_TOKEN_LIFETIME: Duration = Duration::from_secs(60);
/// A token opens the room for whoever holds the link and cannot be called back: a day at most.
pub(super) const MOST_TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// More threads than any machine has cores: a slip of the finger, not a wish.
pub(super) const MOST_WORKERS: usize = 1024;

/// What stays free beside clients and upstreams: listeners, logs, files being sent, idle connections to upstreams.
const OTHER_DESCRIPTORS: usize = 128;
/// More clients at once than a house or a company has.
const MOST_CLIENTS: usize = 20_000;
/// What a connection holds at most when somebody tries (docs/limits.md); one that is used as meant has some 50 KiB.
const MOST_HELD: u64 = 384 << 10;

/// `[limits] connections` where this many files and sockets may be open, and this many bytes of memory filled.
///
/// Half of the clients may need a connection to an upstream, too: a WebSocket does for as long as it lives. And half of the
/// memory is enough for those who mean harm.
pub(super) fn connections(descriptors: usize, memory: u64) -> usize {
    let by_descriptors = (descriptors.saturating_sub(OTHER_DESCRIPTORS) / 3).saturating_mul(2);
    let by_memory = usize::try_from(memory / 2 / MOST_HELD).unwrap_or(usize::MAX);
    by_descriptors.min(by_memory).clamp(64, MOST_CLIENTS)
}

/// A hundred people behind one address with a browser and an app each have some four hundred.
pub(super) const CONNECTIONS_PER_ADDRESS: usize = 512;
/// One or two for each of the same people.
pub(super) const TUNNELS_PER_ADDRESS: usize = 256;
/// Phones on bad networks need several round trips of a second.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);
/// A head is a packet or two; a phone that loses some sends them again for several seconds. Apache's limit is 20 s for
/// the first byte and 40 s for the last.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest that clients send are cookies, which browsers cap at 4 KiB each.
pub(super) const HEAD_SIZE: u64 = 64 << 10;
/// A browser sends some twenty, one for each cookie more over HTTP/2.
pub(super) const HEAD_FIELDS: usize = 100;
/// From click to click; nginx's is 75 s, Apache's 5 s.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// One connection is all that a browser has, and a new handshake costs more than the wait; nginx's was 3 min.
pub(super) const HTTP2_IDLE_TIMEOUT: Duration = Duration::from_secs(180);
/// No browser gets there in a day. What lives for weeks (a proxy in front, a bot) is dealt out anew now and then.
pub(super) const REQUESTS_PER_CONNECTION: usize = 100_000;
/// A phone in a tunnel comes back within it.
pub(super) const SEND_TIMEOUT: Duration = Duration::from_secs(60);
/// RFC 9113 section 6.5.2 advises no less than 100; it is nginx's number, too.
pub(super) const HTTP2_STREAMS: u32 = 128;
/// A browser that leaves a page resets what is open: [`HTTP2_STREAMS`] at most; several pages in a row a few times that.
pub(super) const HTTP2_RESETS: u32 = 500;
/// A hundred times what the busiest browser sends in a second; some microseconds of ours each.
pub(super) const HTTP2_FRAMES: u32 = 10_000;
/// A quarter of the memory of the smallest machine that one would put this on.
pub(super) const BODY_MEMORY: u64 = 256 << 20;
/// What gatepost counts requests by is a tenth of it.
pub(super) const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);
/// A burst that takes longer than that to come back is no rate any more.
pub(super) const LONGEST_BURST: Duration = Duration::from_secs(24 * 60 * 60);
/// Of logins to Mattermost from one address. Signing in takes two or three requests, with a second factor one more; who
/// tries out passwords gets through 14,000 a day, at ten of which Mattermost locks an account.
pub(super) const LOGIN_RATE: &str = "10/m";
/// An office of twenty behind one address, on a Monday morning.
pub(super) const LOGIN_BURST: NonZeroU32 = NonZeroU32::new(60).expect("60 is not 0");

/// As browsers do it by themselves, said for those that do not.
pub(super) const REFERRER_POLICY: &str = "strict-origin-when-cross-origin";
/// What neither a website, nor Mattermost, nor a meeting asks for. Camera, microphone, screen, clipboard and full screen
/// are not in it: Mattermost's Calls and its Jitsi plugin use them, and a policy takes them away for good.
pub(super) const PERMISSIONS_POLICY: &str = "geolocation=(), hid=(), midi=(), payment=(), serial=(), usb=()";
