use super::*;
use crate::config::model::DisplayName;
use crate::jitsi::identity::standin::{Account, Standin};

const SESSION: &str = "ybndrfg8ejkmcpqxot1uwisza3";

async fn asked(mattermost: &Standin) -> Result<Option<Person>, RequestError> {
    asked_for(mattermost, &Asking::default()).await
}

async fn asked_for(mattermost: &Standin, asking: &Asking) -> Result<Option<Person>, RequestError> {
    let authority = Authority::parse("chat.example:8443").expect("an authority");
    let front =
        Front { below: "", authority: &authority, scheme: &Scheme::HTTPS, client: IpAddr::from([203, 0, 113, 9]) };
    ask(&Secret::new(SESSION.into()), front, asking, async |request| mattermost.ask(request).await).await
}

async fn person_of(user: &str) -> Person {
    asked(&Standin::json(200, user).await).await.expect("a clear answer").expect("a person")
}

#[tokio::test]
async fn mattermost_is_told_the_session_and_nothing_else_of_the_request() {
    let mattermost = Standin::json(200, r#"{"id":"a1","username":"alice"}"#).await;
    asked(&mattermost).await.expect("an answer");
    let (target, fields) = mattermost.only();
    assert_eq!(target, "GET /api/v4/users/me");
    let mut lines: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}: {}", value.to_str().expect("ASCII"))).collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            "accept: application/json",
            "authorization: Bearer ybndrfg8ejkmcpqxot1uwisza3",
            "host: chat.example:8443",
            "x-forwarded-for: 203.0.113.9",
            "x-forwarded-proto: https",
            "x-real-ip: 203.0.113.9",
        ]
    );
}

#[tokio::test]
async fn a_mattermost_that_lives_under_a_path_is_asked_there() {
    let account = Account { user: r#"{"id":"a1","username":"alice"}"#.into(), teams: "[]".into(), picture: Vec::new() };
    let mattermost = Standin::of_below("/chat", [(SESSION.to_owned(), account)]).await;
    let authority = Authority::parse("site.example").expect("an authority");
    let session = Secret::new(SESSION.to_owned());
    let asking = Asking { team_admins: true, ..Asking::default() };
    let client = IpAddr::from([203, 0, 113, 9]);
    let asked = async |below| {
        let front = Front { below, authority: &authority, scheme: &Scheme::HTTPS, client };
        ask(&session, front, &asking, async |request| mattermost.ask(request).await).await
    };
    assert_eq!(asked("/chat").await.expect("a clear answer").expect("a person").id, "a1");
    assert_eq!(mattermost.targets(), ["GET /chat/api/v4/users/me", "GET /chat/api/v4/users/me/teams/members"]);
    let error = asked("").await.expect_err("it leads into its path, and no redirect is followed");
    assert!(error.to_string().contains("GET /api/v4/users/me was answered with 302"), "{error}");
}

#[tokio::test]
async fn a_person_is_called_by_nickname_else_by_names_else_by_user_name() {
    for (names, shown) in [
        (r#""nickname":"Al","first_name":"Alice","last_name":"Smith""#, "Al"),
        (r#""nickname":" ","first_name":"Alice","last_name":"Smith""#, "Alice Smith"),
        (r#""nickname":"","first_name":"Alice","last_name":"""#, "Alice"),
        (r#""nickname":"","first_name":"","last_name":"Smith""#, "Smith"),
        (r#""nickname":null,"first_name":null"#, "alice"),
        (r#""first_name":"A\u0007l\r\nice""#, "Alice"),
    ] {
        let person = person_of(&format!(r#"{{"id":"a1","username":"alice",{names}}}"#)).await;
        assert_eq!(person.name, shown, "{names}");
    }
    let long = person_of(&format!(r#"{{"id":"a1","username":"alice","nickname":"{}"}}"#, "n".repeat(9999))).await;
    assert_eq!(long.name.len(), name::LONGEST);
}

#[tokio::test]
async fn roles_and_address_come_from_mattermost() {
    let user = r#"{"id":"a1","username":"Alice","email":"alice@gatepost.test","delete_at":0,
        "last_picture_update":1700000000000,"roles":"system_user system_admin","props":null,"notify_props":{"email":"true"}}"#;
    let expected = Person {
        id: "a1".into(),
        name: "alice".into(),
        email: Some("alice@gatepost.test".into()),
        username: Some("alice".into()),
        guest: false,
        admin: true,
        picture: Some(1_700_000_000_000),
    };
    assert_eq!(person_of(user).await, expected);
    let guest = person_of(r#"{"id":"g1","username":"guest","email":"","roles":"system_guest"}"#).await;
    assert!(guest.guest && !guest.admin && guest.email.is_none());
    let named_so = person_of(r#"{"id":"x1","username":"system_admin","roles":"custom_system_admin"}"#).await;
    assert!(!named_so.admin);
}

#[tokio::test]
async fn a_clear_no_is_nobody() {
    let expired =
        r#"{"id":"api.context.session_expired.app_error","message":"Invalid or expired session","status_code":401}"#;
    for (status, body) in [(401, expired), (403, "{}"), (401, "<html>")] {
        assert_eq!(asked(&Standin::json(status, body).await).await.expect("a clear answer"), None, "{status}");
    }
    let gone = r#"{"id":"a1","username":"alice","delete_at":1700000000000}"#;
    let bot = r#"{"id":"b1","username":"alertbot","is_bot":true,"roles":"system_user system_admin"}"#;
    for user in [gone, bot] {
        assert_eq!(asked(&Standin::json(200, user).await).await.expect("a clear answer"), None, "{user}");
    }
}

#[tokio::test]
async fn an_unclear_answer_is_mattermosts_fault_and_never_a_person() {
    let html = [("content-type", "text/html")];
    let away = [("location", "/login")];
    let user = r#"{"id":"a1","username":"alice"}"#;
    for mattermost in [
        Standin::answering(200, &html, "<!doctype html><title>Mattermost</title>").await,
        Standin::answering(302, &away, user).await,
        Standin::answering(500, &html, user).await,
        Standin::json(503, user).await,
        Standin::json(429, user).await,
        Standin::json(404, user).await,
        Standin::json(204, "").await,
        Standin::json(206, user).await,
        Standin::json(200, "").await,
        Standin::json(200, "null").await,
        Standin::json(200, "[]").await,
        Standin::json(200, r#"{"id":1,"username":"alice"}"#).await,
        Standin::json(200, r#"{"id":"","username":"alice"}"#).await,
        Standin::json(200, r#"{"id":"../a","username":"alice"}"#).await,
        Standin::json(200, r#"{"id":"a1","username":" "}"#).await,
        Standin::json(200, r#"{"id":"a1","username":"alice","delete_at":"0"}"#).await,
        Standin::json(200, r#"{"id":"a1","username":"alice","delete_at":null}"#).await,
        Standin::json(200, r#"{"id":"a1","username":"alice","roles":["system_admin"]}"#).await,
        Standin::json(200, r#"{"id":"a1","username":"alice","is_bot":"no"}"#).await,
        Standin::json(200, r#"{"id":"a1","id":"b2","username":"alice"}"#).await,
        Standin::json(200, r#"{"username":"alice"}"#).await,
        Standin::json(200, &user[..20]).await,
    ] {
        let error = asked(&mattermost).await.expect_err("no clear answer");
        assert!(matches!(error, RequestError::IdentityUnavailable(_)), "{error}");
        assert!(!error.to_string().contains(SESSION), "{error}");
    }
}

#[tokio::test]
async fn an_unreachable_mattermost_keeps_its_own_words_and_no_answer_is_blamed_on_the_client() {
    let authority = Authority::parse("chat.example").expect("an authority");
    let front =
        Front { below: "", authority: &authority, scheme: &Scheme::HTTPS, client: IpAddr::from([203, 0, 113, 9]) };
    let session = Secret::new(SESSION.to_owned());
    let limit = std::time::Duration::from_secs(5);
    let asking = Asking::default();
    let late = ask(&session, front, &asking, async |_| {
        Err(RequestError::Timeout { upstream: "http://127.0.0.1:8065".into(), what: "answer", limit })
    });
    assert!(matches!(late.await, Err(RequestError::Timeout { .. })));
    let large = ask(&session, front, &asking, async |_| Err(RequestError::BodyTooLarge(65536)));
    assert!(matches!(large.await, Err(RequestError::IdentityUnavailable(_))));
}

#[tokio::test]
async fn the_launchers_order_of_names_counts_and_an_address_is_given_only_where_it_is_wanted() {
    let user = r#"{"id":"a1","username":"alice","nickname":"Al","first_name":"Alice","last_name":"Smith",
        "email":"alice@gatepost.test"}"#;
    let mattermost = Standin::json(200, user).await;
    for (order, email, shown) in [
        (&[DisplayName::FullName, DisplayName::Nickname][..], true, "Alice Smith"),
        (&[DisplayName::Nickname], false, "Al"),
        (&[DisplayName::Username], true, "alice"),
    ] {
        let asking = Asking { names: NameOrder::of(order), email, team_admins: false };
        let person = asked_for(&mattermost, &asking).await.expect("a clear answer").expect("a person");
        assert_eq!(person.name, shown);
        assert_eq!(person.email.is_some(), email);
    }
}

const MEMBER: &str = r#"{"id":"a1","username":"alice","roles":"system_user"}"#;
const TEAMS: Asking = Asking { names: NameOrder::PLUGINS, email: false, team_admins: true };

/// A Mattermost that knows one person, by this user and these memberships.
async fn with_teams(user: &str, teams: &str) -> Standin {
    let account = Account { user: user.into(), teams: teams.into(), ..Account::default() };
    Standin::of([(SESSION.to_owned(), account)]).await
}

#[tokio::test]
async fn who_administers_a_team_is_an_administrator_where_that_counts() {
    let membership = |rest: &str| format!(r#"{{"team_id":"t1","user_id":"a1",{rest}}}"#);
    let plain = membership(r#""roles":"team_user","delete_at":0,"scheme_user":true,"scheme_admin":false"#);
    let by_scheme = membership(r#""roles":"x8f3k","delete_at":0,"scheme_admin":true"#);
    let by_role = membership(r#""roles":"team_user team_admin","delete_at":0"#);
    let left = membership(r#""roles":"team_user team_admin","delete_at":1700000000000,"scheme_admin":true"#);
    let named_so = membership(r#""roles":"not_team_admin","delete_at":0"#);
    for (teams, admin) in [
        (format!("[{plain}]"), false),
        (format!("[{plain},{by_scheme}]"), true),
        (format!("[{by_role}]"), true),
        (format!("[{left}]"), false),
        (format!("[{left},{plain},{named_so}]"), false),
        ("[]".into(), false),
        ("null".into(), false),
    ] {
        let person = asked_for(&with_teams(MEMBER, &teams).await, &TEAMS).await;
        assert_eq!(person.expect("a clear answer").expect("a person").admin, admin, "{teams}");
    }
    let teams = format!("[{by_role}]");
    let person = asked_for(&with_teams(MEMBER, &teams).await, &Asking::default()).await;
    assert!(!person.expect("a clear answer").expect("a person").admin, "where it does not count");
}

#[tokio::test]
async fn teams_are_asked_about_only_where_the_answer_can_change_something() {
    let admin = r#"{"id":"a1","username":"root","roles":"system_user system_admin"}"#;
    let guest = r#"{"id":"a1","username":"gus","roles":"system_guest"}"#;
    let (me, teams) = ("GET /api/v4/users/me", "GET /api/v4/users/me/teams/members");
    for (user, asking, questions) in [
        (MEMBER, TEAMS, &[me, teams][..]),
        (MEMBER, Asking::default(), &[me]),
        (admin, TEAMS, &[me]),
        (guest, TEAMS, &[me]),
        (r#"{"id":"a1","username":"alice","delete_at":1}"#, TEAMS, &[me]),
    ] {
        let mattermost = with_teams(user, "[]").await;
        asked_for(&mattermost, &asking).await.expect("a clear answer");
        assert_eq!(mattermost.targets(), questions, "{user}");
    }
}

#[tokio::test]
async fn what_goes_wrong_with_the_second_question_is_never_taken_for_no_administrator() {
    let other = r#"[{"user_id":"b2","roles":"team_admin","delete_at":0,"scheme_admin":true}]"#;
    for teams in [
        "",
        "{}",
        "<!doctype html>",
        r#"[{"roles":"team_admin"}]"#,
        r#"[{"user_id":"a1","roles":"team_admin"}]"#,
        r#"[{"user_id":"a1","delete_at":0,"scheme_admin":"true"}]"#,
        r#"[{"user_id":"a1","roles":7,"delete_at":0}]"#,
        other,
    ] {
        let error = asked_for(&with_teams(MEMBER, teams).await, &TEAMS).await.expect_err("no clear answer");
        assert!(matches!(error, RequestError::IdentityUnavailable(_)), "{teams}: {error}");
        assert!(error.to_string().contains("/teams/members"), "says which question: {error}");
    }
    let authority = Authority::parse("chat.example").expect("an authority");
    let front =
        Front { below: "", authority: &authority, scheme: &Scheme::HTTPS, client: IpAddr::from([203, 0, 113, 9]) };
    let session = Secret::new(SESSION.to_owned());
    for (status, nobody) in [(401, true), (403, false), (404, false), (429, false), (500, false), (302, false)] {
        let outcome = ask(&session, front, &TEAMS, async |request| {
            let first = request.uri().path() == WHO_AM_I;
            let (status, body) = if first { (200, MEMBER) } else { (status, "[]") };
            Ok(Response::builder().status(status).body(Bytes::from(body)).expect("an answer"))
        });
        match outcome.await {
            // Signed out between the two.
            Ok(None) => assert!(nobody, "{status}"),
            Ok(Some(person)) => panic!("{status}: {person:?}"),
            Err(error) => {
                assert!(!nobody && matches!(error, RequestError::IdentityUnavailable(_)), "{status}: {error}");
            }
        }
    }
}
