use super::standin::Standin;
use super::*;

const SESSION: &str = "ybndrfg8ejkmcpqxot1uwisza3";

fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

fn found(lines: &[(&'static str, &'static str)]) -> Option<String> {
    session(&fields(lines)).map(|session| session.reveal().clone())
}

async fn asked(mattermost: &Standin) -> Result<Option<Person>, RequestError> {
    let authority = Authority::parse("chat.example:8443").expect("an authority");
    let front = Front { authority: &authority, scheme: &Scheme::HTTPS, client: IpAddr::from([203, 0, 113, 9]) };
    ask(&Secret::new(SESSION.into()), front, async |request| mattermost.ask(request).await).await
}

async fn person_of(user: &str) -> Person {
    asked(&Standin::json(200, user).await).await.expect("a clear answer").expect("a person")
}

#[test]
fn the_session_is_found_wherever_a_client_puts_it() {
    let cookie = "MMAUTHTOKEN=ybndrfg8ejkmcpqxot1uwisza3";
    for lines in [
        &[("cookie", cookie)][..],
        &[("cookie", "MMUSERID=u; MMAUTHTOKEN=ybndrfg8ejkmcpqxot1uwisza3; MMCSRF=c")],
        &[("cookie", "MMUSERID=u;MMAUTHTOKEN=ybndrfg8ejkmcpqxot1uwisza3")],
        // HTTP/2 sends crumbs.
        &[("cookie", "MMUSERID=u"), ("cookie", cookie), ("cookie", "MMCSRF=c")],
        &[("authorization", "Bearer ybndrfg8ejkmcpqxot1uwisza3")],
        &[("authorization", "BEARER  ybndrfg8ejkmcpqxot1uwisza3")],
        &[("authorization", "token ybndrfg8ejkmcpqxot1uwisza3")],
        // Mattermost takes the cookie first, and the first of two.
        &[("authorization", "Bearer other"), ("cookie", cookie)],
        &[("cookie", "MMAUTHTOKEN=ybndrfg8ejkmcpqxot1uwisza3; MMAUTHTOKEN=other")],
    ] {
        assert_eq!(found(lines).as_deref(), Some(SESSION), "{lines:?}");
    }
}

#[test]
fn what_is_no_session_is_none() {
    for lines in [
        &[][..],
        &[("cookie", "MMUSERID=ybndrfg8ejkmcpqxot1uwisza3")],
        &[("cookie", "XMMAUTHTOKEN=ybndrfg8ejkmcpqxot1uwisza3")],
        &[("cookie", "mmauthtoken=ybndrfg8ejkmcpqxot1uwisza3")],
        &[("cookie", "MMAUTHTOKEN=")],
        &[("cookie", "MMAUTHTOKEN")],
        &[("cookie", "MMAUTHTOKEN=a b")],
        &[("cookie", "MMAUTHTOKEN=a,Bearer")],
        &[("cookie", "MMAUTHTOKEN=123456789012345678901234567890123456789012345678901")],
        &[("authorization", "Basic ybndrfg8ejkmcpqxot1uwisza3")],
        &[("authorization", "ybndrfg8ejkmcpqxot1uwisza3")],
    ] {
        assert_eq!(found(lines), None, "{lines:?}");
    }
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
    assert_eq!(long.name.len(), LONGEST_NAME);
}

#[tokio::test]
async fn roles_and_address_come_from_mattermost() {
    let user = r#"{"id":"a1","username":"Alice","email":"alice@gatepost.test","delete_at":0,
        "roles":"system_user system_admin","props":null,"notify_props":{"email":"true"}}"#;
    let expected = Person {
        id: "a1".into(),
        name: "alice".into(),
        email: Some("alice@gatepost.test".into()),
        username: "alice".into(),
        guest: false,
        admin: true,
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
    assert_eq!(asked(&Standin::json(200, gone).await).await.expect("a clear answer"), None);
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
    let front = Front { authority: &authority, scheme: &Scheme::HTTPS, client: IpAddr::from([203, 0, 113, 9]) };
    let session = Secret::new(SESSION.to_owned());
    let limit = std::time::Duration::from_secs(5);
    let late = ask(&session, front, async |_| {
        Err(RequestError::Timeout { upstream: "http://127.0.0.1:8065".into(), what: "answer", limit })
    });
    assert!(matches!(late.await, Err(RequestError::Timeout { .. })));
    let large = ask(&session, front, async |_| Err(RequestError::BodyTooLarge(65536)));
    assert!(matches!(large.await, Err(RequestError::IdentityUnavailable(_))));
}
