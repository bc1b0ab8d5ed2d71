use std::cell::Cell;
use std::fs;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::uri::Scheme;
use http_body_util::{BodyExt, Full};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use super::*;
use crate::config::finding::Place;
use crate::config::model::{
    Anonymous, Budget, DisplayName, MattermostSource, PemSource, People, Provider, Proxy, UpstreamHost, UpstreamVerify,
};
use crate::handler::RequestId;
use crate::jitsi::features::Features;
use crate::jitsi::identity::standin::{Account, Standin};
use crate::route::host::Authority;
use crate::route::path::{PathPrefix, decode_unreserved};

const APP_ID: &str = "vpaas-magic-cookie-123456";
const COOKIE: &str = "MMAUTHTOKEN=ybndrfg8ejkmcpqxot1uwisza3";
const ALICE: &str =
    r#"{"id":"a1","username":"alice","nickname":"Alice","email":"alice@gatepost.test","roles":"system_user"}"#;

/// A launcher with a key made for it, and the key that proves its tokens.
struct Bench {
    launcher: Launcher,
    public: DecodingKey,
}

/// What an answer says.
struct Answer {
    status: StatusCode,
    fields: http::HeaderMap,
    body: String,
}

fn model(pem: PemSource) -> model::Launcher {
    model::Launcher {
        name: "jaas".into(),
        provider: Provider::Jaas {
            app_id: APP_ID.into(),
            key_id: format!("{APP_ID}/aabbcc"),
            private_key: pem,
            server: "https://8x8.vc".into(),
        },
        mode: LaunchMode::Page,
        identity: vec![model::Way::Mattermost(Box::new(MattermostSource {
            proxy: unused_proxy(),
            path: String::new(),
        }))],
        people: People { names: vec![DisplayName::Nickname], email: true, avatars: false },
        login: Some(String::new()),
        guests: model::Guests::NONE,
        near_misses: true,
        budget: Budget::UNLIMITED,
        webhook_secret: None,
        page: model::Page::default(),
        anonymous: Anonymous { name: None, email: None },
        moderators: Moderators::Members,
        token_lifetime: Duration::from_secs(3600),
        rooms: Rooms::This,
        features: Features::default(),
        key_place: Place::default(),
    }
}

/// The launcher reaches Mattermost by the closure that it is given; this only says that there is one.
fn unused_proxy() -> Proxy {
    Proxy {
        upstreams: vec![],
        verify: UpstreamVerify { on: true, roots: None, name: None, place: Place::default() },
        mattermost: true,
        max_body: 0,
        connect_timeout: Duration::ZERO,
        read_timeout: Duration::ZERO,
        send_timeout: Duration::ZERO,
        upgrade_idle_timeout: Duration::ZERO,
        pool_idle_timeout: Duration::ZERO,
        max_connections: NonZeroUsize::MIN,
        max_waiting: 0,
        balance: model::Balance::RoundRobin,
        sticky: None,
        ejection: None,
        health: None,
        upgrades: vec![],
        host: UpstreamHost::Preserve,
        strip_prefix: false,
        request_headers: vec![],
        response_headers: vec![],
    }
}

fn try_with(pem: PemSource) -> Result<Launcher, LauncherError> {
    Launcher::new(&model(pem), "/jitsi", &Arc::new(Installation::passing()))
}

/// A launcher as `change` leaves the default one.
fn bench(change: impl FnOnce(&mut model::Launcher)) -> Bench {
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
    let private: Pkcs8V1Der<'_> = pair.as_der().expect("PKCS#8");
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("SPKI");
    let pem = |label, der| format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der));
    let mut model = model(PemSource::Text(Secret::new(pem("PRIVATE KEY", private.as_ref()))));
    change(&mut model);
    Bench {
        launcher: Launcher::new(&model, "/jitsi", &Arc::new(Installation::passing())).expect("a launcher"),
        public: DecodingKey::from_rsa_pem(pem("PUBLIC KEY", public.as_ref()).as_bytes()).expect("a public key"),
    }
}

/// Everyone comes in unasked.
fn open_to_all(model: &mut model::Launcher) {
    model.identity.clear();
}

impl Bench {
    async fn try_get(
        &self,
        path: &str,
        cookie: Option<&str>,
        mattermost: Option<&Standin>,
    ) -> Result<Answer, RequestError> {
        let mut request = Request::get("/unused");
        if let Some(cookie) = cookie {
            request = request.header(header::COOKIE, cookie);
        }
        self.answer(request.body(Full::default()).expect("a request"), path, mattermost).await
    }

    async fn answer(
        &self,
        request: Request<Full<Bytes>>,
        path: &str,
        mattermost: Option<&Standin>,
    ) -> Result<Answer, RequestError> {
        let authority = Authority::parse("mattermost.site.com").expect("an authority");
        let prefix = PathPrefix::parse("/jitsi/").expect("a prefix");
        let path = decode_unreserved(path.split('?').next().expect("a path"));
        let context = Context {
            id: RequestId(1),
            scheme: Scheme::HTTPS,
            authority: &authority,
            local_port: 443,
            peer: IpAddr::from([203, 0, 113, 9]),
            client: IpAddr::from([203, 0, 113, 9]),
            peer_trusted: false,
            prefix: &prefix,
            path: &path,
            rest: prefix.strip(&path).expect("below the prefix"),
            upstream_time: &Cell::new(None),
        };
        let ask = async |question: Question| {
            let mattermost = mattermost.expect("nobody is asked in this test");
            mattermost.ask(question.request).await
        };
        let response = self.launcher.reply(request, &context, ask).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|e| RequestError::Internal(e.to_string()))?.to_bytes();
        let body = String::from_utf8(body.to_vec()).expect("UTF-8");
        Ok(Answer { status: head.status, fields: head.headers, body })
    }

    /// As everyone, nobody being asked.
    async fn get(&self, path: &str) -> Answer {
        self.try_get(path, None, None).await.expect("an answer")
    }

    /// As whom Mattermost knows by this JSON.
    async fn get_as(&self, path: &str, user: &str) -> Answer {
        let account = Account { user: user.into(), teams: "[]".into(), ..Account::default() };
        let session = COOKIE.split_once('=').expect("a pair").1.to_owned();
        let mattermost = Standin::of([(session, account)]).await;
        self.try_get(path, Some(COOKIE), Some(&mattermost)).await.expect("an answer")
    }

    /// The payload of the token in a meeting's address, once its signature is proved.
    fn claims(&self, meeting: &str) -> Value {
        let (_, token) = meeting.split_once("?jwt=").expect("a token in the address");
        let mut demand = Validation::new(Algorithm::RS256);
        demand.set_audience(&["jitsi"]);
        demand.set_issuer(&["chat"]);
        demand.validate_nbf = true;
        jsonwebtoken::decode::<Value>(token, &self.public, &demand).expect("the token holds").claims
    }
}

impl Answer {
    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// The address that the page's button leads to.
    fn meeting(&self) -> &str {
        let button = self.body.split("<a id=\"open\"").nth(1).expect("the button");
        button.split("href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("its address")
    }
}

#[tokio::test]
async fn who_is_signed_in_gets_the_page_and_a_token_for_this_room() {
    let bench = bench(|_| {});
    let answer = bench.get_as("/jitsi/Room%20Name/", ALICE).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.field("content-type"), "text/html; charset=utf-8");
    assert!(answer.meeting().starts_with(&format!("https://8x8.vc/{APP_ID}/Room%20Name?jwt=")), "{}", answer.meeting());
    assert!(answer.meeting().len() < 8192, "longer ones the desktop app calls invalid");
    assert!(answer.body.contains("<bdi>Room Name</bdi>"));
    let claims = bench.claims(answer.meeting());
    assert_eq!(claims["room"], "Room%20Name");
    let user = serde_json::json!({"id": "a1", "name": "Alice", "email": "alice@gatepost.test", "moderator": "true"});
    assert_eq!(claims["context"]["user"], user);
}

#[tokio::test]
async fn r110_nobody_signed_in_is_led_to_the_login_and_gets_no_token() {
    let bench = bench(|_| {});
    let expired = Standin::json(401, r#"{"id":"api.context.session_expired.app_error"}"#).await;
    for (cookie, mattermost) in [(None, None), (Some("MMUSERID=a1"), None), (Some(COOKIE), Some(&expired))] {
        for path in ["/jitsi/room1", "/jitsi/room1/", "/jitsi//room1", "/jitsi/room1?redirect_to=//evil.example"] {
            let answer = bench.try_get(path, cookie, mattermost).await.expect("an answer");
            assert_eq!(answer.status, StatusCode::FOUND);
            assert_eq!(answer.field("location"), "/login?redirect_to=%2Fjitsi%2Froom1");
            assert!(answer.body.contains("href=\"/login\""));
            assert!(answer.body.contains("href=\"/jitsi/room1\""));
            assert!(!answer.body.contains("jwt") && !answer.body.contains("8x8.vc"));
            assert_eq!(answer.field("set-cookie"), "", "Mattermost's cookies stay with Mattermost");
        }
    }
    for (path, back) in [
        ("/jitsi//evil.example", "%2Fjitsi%2Fevil.example"),
        ("/jitsi/%2F%2Fevil.example", "%2Fjitsi%2Fevil.example"),
        ("/jitsi/a%20b%26c", "%2Fjitsi%2Fa%2520bc"),
    ] {
        let answer = bench.get(path).await;
        assert_eq!(answer.field("location"), format!("/login?redirect_to={back}"), "{path}");
    }
}

#[tokio::test]
async fn r110_moderator_is_by_rule_alone() {
    let member = ALICE;
    let guest = r#"{"id":"g1","username":"gus","roles":"system_guest"}"#;
    let admin = r#"{"id":"r1","username":"root","roles":"system_user system_admin"}"#;
    for (rule, expected) in [
        (Moderators::Everyone, ["true", "true", "true"]),
        (Moderators::Members, ["true", "false", "true"]),
        (Moderators::Admins, ["false", "false", "true"]),
        (Moderators::Users(vec!["gus".into(), "alice".into()]), ["true", "true", "false"]),
        (Moderators::Users(vec![]), ["false", "false", "false"]),
    ] {
        for (user, moderator) in [member, guest, admin].into_iter().zip(expected) {
            let bench = bench(|model| model.moderators = rule.clone());
            let answer = bench.get_as("/jitsi/room1", user).await;
            assert_eq!(bench.claims(answer.meeting())["context"]["user"]["moderator"], moderator, "{rule:?} {user}");
        }
    }
}

#[tokio::test]
async fn where_nobody_is_asked_everyone_goes_by_the_launchers_name() {
    for (rule, moderator) in [(Moderators::Everyone, "true"), (Moderators::Members, "false")] {
        let bench = bench(|model| {
            open_to_all(model);
            model.rooms = Rooms::Any;
            model.moderators = rule;
        });
        let answer = bench.get("/jitsi/room1").await;
        let claims = bench.claims(answer.meeting());
        assert_eq!(claims["room"], "*");
        assert_eq!(claims["context"]["user"], serde_json::json!({"name": "Type Your Name", "moderator": moderator}));
    }
}

#[tokio::test]
async fn without_a_room_the_page_says_that_the_bridge_waits() {
    let bench = bench(|_| {});
    for path in ["/jitsi", "/jitsi/", "/jitsi//"] {
        let answer = bench.get(path).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.body.contains("bridge is active") && answer.body.contains("aiting for a room name"));
    }
}

#[tokio::test]
async fn redirect_mode_leads_straight_to_the_meeting_and_without_a_room_to_a_random_one() {
    let bench = bench(|model| model.mode = LaunchMode::Redirect);
    let answer = bench.get_as("/jitsi/room1", ALICE).await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::FOUND, ""));
    assert!(answer.field("location").starts_with(&format!("https://8x8.vc/{APP_ID}/room1?jwt=")));
    assert!(answer.fields["location"].is_sensitive(), "kept out of HPACK's tables and of logs");

    let (one, two) = (bench.get_as("/jitsi/", ALICE).await, bench.get_as("/jitsi", ALICE).await);
    let room = bench.claims(one.field("location"))["room"].as_str().expect("a string").to_owned();
    assert!(room.len() >= 24 && room.bytes().all(|b| b.is_ascii_alphanumeric()), "{room}");
    assert!(one.field("location").starts_with(&format!("https://8x8.vc/{APP_ID}/{room}?jwt=")));
    assert_ne!(one.field("location").split('?').next(), two.field("location").split('?').next());

    let nobody = bench.get("/jitsi/").await;
    assert_eq!(nobody.field("location"), "/login?redirect_to=%2Fjitsi%2F");
}

#[tokio::test]
async fn jitsis_library_is_an_empty_script_and_nobody_is_asked() {
    let bench = bench(|_| {});
    let mattermost = Standin::json(200, ALICE).await;
    for path in
        ["/jitsi/external_api.js", "/jitsi//external_api.js", "/jitsi/external_api.js?v=1", "/jitsi/external_api.js/"]
    {
        let answer = bench.try_get(path, Some(COOKIE), Some(&mattermost)).await.expect("an answer");
        assert_eq!((answer.status, &*answer.body), (StatusCode::OK, ""), "{path}");
        assert_eq!(answer.field("content-type"), "application/javascript");
    }
    assert_eq!(mattermost.count(), 0);
}

#[tokio::test]
async fn script_in_a_rooms_name_comes_out_inert() {
    let bench = bench(open_to_all);
    let refused = bench.try_get("/jitsi/%22%3E%3Cscript%3Ealert(1)%3C/script%3E", None, None).await;
    assert!(matches!(refused, Err(RequestError::NotFound)), "two segments");
    for path in [
        "/jitsi/x%22);alert(1);//",
        "/jitsi/%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/jitsi/%EF%BC%9Cscript%EF%BC%9Ealert(1)",
        "/jitsi/%26quot;%26gt;%26lt;script",
        "/jitsi/%7B%7B7*7%7D%7D",
        "/jitsi/javascript%3Aalert(1)",
    ] {
        let answer = bench.get(path).await;
        assert_eq!(answer.body.matches("<script").count(), 1, "{path}");
        assert!(!answer.body.contains("alert(1)"), "{path}");
        let meeting = answer.meeting();
        assert!(meeting.starts_with(&format!("https://8x8.vc/{APP_ID}/")), "{meeting}");
        let room = meeting.rsplit('/').next().and_then(|last| last.split('?').next()).expect("a room");
        assert!(room.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~%".contains(&b)), "{room}");
        assert_eq!(bench.claims(meeting)["room"], room);
    }
}

#[tokio::test]
async fn every_answer_is_kept_nowhere_and_framed_by_nobody() {
    let bench = bench(|_| {});
    let signed_in = bench.get_as("/jitsi/room1", ALICE).await;
    let answers = [
        signed_in,
        bench.get("/jitsi/room1").await,
        bench.get("/jitsi/").await,
        bench.get("/jitsi/external_api.js").await,
    ];
    for answer in answers {
        assert_eq!(answer.field("cache-control"), "no-store");
        assert_eq!(answer.field("referrer-policy"), "no-referrer");
        assert_eq!(answer.field("x-content-type-options"), "nosniff");
        let policy = answer.field("content-security-policy");
        assert!(policy.starts_with("default-src 'none';") && policy.ends_with("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        for tag in ["<script nonce=\"", "<style nonce=\""] {
            for nonce in answer.body.split(tag).skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(policy.contains(&format!("'nonce-{nonce}'")), "{policy}");
            }
        }
    }
}

#[tokio::test]
async fn only_get_and_head_are_answered_and_head_without_body() {
    let bench = bench(open_to_all);
    let head = Request::head("/unused").body(Full::default()).expect("a request");
    let answer = bench.answer(head, "/jitsi/room1", None).await.expect("an answer");
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, ""));
    assert_eq!(answer.field("content-type"), "text/html; charset=utf-8");
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let request = Request::builder().method(method).body(Full::default()).expect("a request");
        let refused = bench.answer(request, "/jitsi/room1", None).await;
        assert!(matches!(refused, Err(RequestError::MethodNotAllowed("GET, HEAD"))), "{method}");
    }
}

#[tokio::test]
async fn what_is_no_room_is_not_found_and_asks_nobody() {
    let bench = bench(|_| {});
    for path in ["/jitsi/-/", "/jitsi/-/guest", "/jitsi/-", "/jitsi/a/b", "/jitsi/favicon.ico"] {
        let refused = bench.try_get(path, Some(COOKIE), None).await;
        assert!(matches!(refused, Err(RequestError::NotFound)), "{path}");
    }
    for path in ["/jitsi/%00", "/jitsi/%FF", "/jitsi/%3F"] {
        let refused = bench.try_get(path, Some(COOKIE), None).await;
        assert!(matches!(refused, Err(RequestError::Bad(_))), "{path}");
    }
}

#[tokio::test]
async fn where_mattermost_gives_no_clear_answer_there_is_no_token_and_no_login() {
    let bench = bench(|_| {});
    let mattermost = Standin::answering(200, &[("content-type", "text/html")], "<!doctype html>").await;
    let refused = bench.try_get("/jitsi/room1", Some(COOKIE), Some(&mattermost)).await;
    let Err(RequestError::Paged(paged)) = refused else { panic!("no error with a page") };
    assert!(matches!(paged.0, RequestError::IdentityUnavailable(_)));
    assert_eq!(paged.1.status(), StatusCode::BAD_GATEWAY);
    assert!(!format!("{paged:?}").contains("jwt"));
}

#[test]
fn a_key_that_cannot_be_used_stops_the_start_with_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("private.pk");
    let error = try_with(PemSource::File(missing.clone())).expect_err("no file");
    assert!(error.to_string().contains(&missing.display().to_string()), "{error}");
    assert!(try_with(PemSource::File(folder.path().into())).is_err_and(|error| error.mend().contains("file in it")));
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).expect("a FIFO");
    let error = try_with(PemSource::File(pipe)).expect_err("which would never end");
    assert!(error.to_string().ends_with("is not a regular file"), "{error}");
    fs::write(&missing, "ssh-rsa AAAA someone").expect("written");
    let error = try_with(PemSource::File(missing)).expect_err("a public key");
    assert!(error.to_string().ends_with("private.pk holds a public key; signing takes the private one"), "{error}");
    assert!(error.mend().contains("private half"));
}

#[test]
fn a_secret_that_is_none_or_could_be_guessed_stops_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("webhook.secret");
    let try_with = |from: SecretFrom| webhook_secret(&from).map(|secret| secret.reveal().clone());
    fs::write(&path, "\n").expect("written");
    let empty = try_with(SecretFrom::File(path.clone())).expect_err("nothing in it");
    assert!(empty.to_string().ends_with("webhook.secret is empty"), "{empty}");
    fs::write(&path, "too short\n").expect("written");
    for short in [SecretFrom::File(path.clone()), SecretFrom::Text(Secret::new("too short".into()))] {
        assert!(matches!(try_with(short), Err(LauncherError::ShortSecret)));
    }
    assert!(matches!(try_with(SecretFrom::Text(Secret::new(" ".into()))), Err(LauncherError::Secret(_))));
    fs::write(&path, "a secret of twenty-six chars\r\n").expect("written");
    assert_eq!(try_with(SecretFrom::File(path)).expect("a secret"), "a secret of twenty-six chars");
}
