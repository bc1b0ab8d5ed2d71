use std::net::IpAddr;
use std::sync::Arc;

use http::uri::Scheme;

use super::*;
use crate::jitsi::identity::NameOrder;
use crate::jitsi::identity::standin::{Account, Standin};
use crate::route::host::Authority;

const ASKING: Asking = Asking { names: NameOrder::PLUGINS, email: true, team_admins: false };

fn account(number: usize) -> (String, Account) {
    let user = format!(r#"{{"id":"id{number}","username":"user{number}","nickname":"User {number}"}}"#);
    (session(number), Account { user, teams: "[]".into(), ..Account::default() })
}

fn session(number: usize) -> String {
    format!("session{number:019}")
}

async fn ask(known: &Known, mattermost: &Standin, number: usize) -> Option<String> {
    ask_for(known, mattermost, number, &ASKING).await.expect("a clear answer").map(|person| person.name)
}

async fn ask_for(
    known: &Known,
    mattermost: &Standin,
    number: usize,
    asking: &Asking,
) -> Result<Option<Person>, RequestError> {
    let authority = Authority::parse("chat.example").expect("an authority");
    let front =
        Front { below: "", authority: &authority, scheme: &Scheme::HTTPS, client: IpAddr::from([203, 0, 113, 9]) };
    known.ask(&Secret::new(session(number)), front, asking, async |request| mattermost.ask(request).await).await
}

/// Moves the clock. It stands still but for this, so that what the sockets take costs no time.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn mattermost_is_asked_once_within_the_time_that_an_answer_is_trusted() {
    let mattermost = Standin::of([account(1)]).await;
    let known = Known::default();
    for _ in 0..5 {
        assert_eq!(ask(&known, &mattermost, 1).await.as_deref(), Some("User 1"));
    }
    assert_eq!(mattermost.count(), 1);
    pass(TRUST).await;
    assert_eq!(ask(&known, &mattermost, 1).await.as_deref(), Some("User 1"));
    assert_eq!(mattermost.count(), 2);
}

#[tokio::test]
async fn a_sign_out_takes_effect_however_often_the_session_was_used_meanwhile() {
    let mattermost = Standin::of([account(1)]).await;
    let known = Known::default();
    assert!(ask(&known, &mattermost, 1).await.is_some());
    mattermost.sign_out(&session(1));
    for _ in 0..4 {
        pass(TRUST / 4).await;
        // Within the time, it may still be believed; its use does not make that longer.
        ask(&known, &mattermost, 1).await;
    }
    assert_eq!(ask(&known, &mattermost, 1).await, None);
    assert_eq!(TRUST, Duration::from_secs(20), "what the documentation says");
}

#[tokio::test]
async fn the_time_counts_from_the_question_and_not_from_a_late_answer() {
    let mattermost = Standin::of([account(1)]).await;
    let known = Known::default();
    let authority = Authority::parse("chat.example").expect("an authority");
    let front =
        Front { below: "", authority: &authority, scheme: &Scheme::HTTPS, client: IpAddr::from([203, 0, 113, 9]) };
    let secret = Secret::new(session(1));
    let late = known.ask(&secret, front, &ASKING, async |request| {
        let answer = mattermost.ask(request).await;
        mattermost.sign_out(&session(1));
        pass(TRUST).await;
        answer
    });
    assert!(late.await.expect("a clear answer").is_some());
    assert_eq!(ask(&known, &mattermost, 1).await, None);
}

#[tokio::test]
async fn nobody_and_errors_are_asked_about_each_time() {
    let mattermost = Standin::of([account(1)]).await;
    let known = Known::default();
    for n in 1..=3 {
        assert_eq!(ask(&known, &mattermost, 2).await, None);
        assert_eq!(mattermost.count(), n);
    }
    let broken = Standin::json(500, "").await;
    for n in 1..=3 {
        ask_for(&known, &broken, 1, &ASKING).await.expect_err("no clear answer");
        assert_eq!(broken.count(), n);
    }
    // Once it answers, it is believed at once.
    assert!(ask(&known, &mattermost, 1).await.is_some());
}

#[tokio::test]
async fn many_at_once_on_many_workers_are_never_mixed_up() {
    const SESSIONS: usize = 40;
    const WORKERS: usize = 4;
    let mattermost = Arc::new(Standin::of((0..SESSIONS).map(account)).await);
    let known = Arc::new(Known::default());
    let workers = (0..WORKERS).map(|worker| {
        let (known, mattermost) = (known.clone(), mattermost.clone());
        // As gatepost's own: a thread each, whose futures stay on it.
        tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                // A stride by which no two neighbours share a session; three of the numbers are nobody's.
                let numbers = (0..4 * SESSIONS).map(|n| (n + worker) * 7 % (SESSIONS + 3));
                let asked = numbers.map(|number| {
                    let (known, mattermost) = (&known, &mattermost);
                    async move { (number, ask(known, mattermost, number).await) }
                });
                for (number, name) in futures_util::future::join_all(asked).await {
                    assert_eq!(name, (number < SESSIONS).then(|| format!("User {number}")));
                }
            });
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.expect("no panic");
    }
}

#[tokio::test]
async fn launchers_that_ask_differently_do_not_share_an_answer() {
    let mattermost = Standin::of([account(1)]).await;
    let known = Known::default();
    let discreet = Asking { email: false, ..ASKING };
    for asking in [&ASKING, &discreet, &ASKING, &discreet] {
        ask_for(&known, &mattermost, 1, asking).await.expect("a clear answer");
    }
    assert_eq!(mattermost.count(), 2);
}

#[test]
fn it_stays_small_and_forgets_the_oldest_first() {
    let person = |number: usize| Person {
        id: format!("id{number}"),
        name: format!("User {number}"),
        email: None,
        username: None,
        guest: false,
        admin: false,
        picture: None,
    };
    let key = |number: usize| (fingerprint(&Secret::new(session(number))), ASKING);
    let now = Instant::now();
    let mut people = People::default();
    for number in 0..MOST + 10 {
        people.insert(key(number), person(number), now + TRUST, now);
        assert!(people.by_session.len() <= MOST && people.order.len() <= MOST);
    }
    assert_eq!(people.by_session.len(), MOST);
    assert_eq!(people.get(&key(9), now), None);
    assert_eq!(people.get(&key(10), now), Some(person(10)));
    // One session over and over takes no more room than many, and keeps its newest answer.
    for step in 1..=(2 * MOST as u64) {
        people.insert(key(10), person(10), now + TRUST + Duration::from_nanos(step), now);
    }
    assert!(people.order.len() <= MOST && people.by_session.len() <= MOST);
    assert_eq!(people.get(&key(10), now + TRUST), Some(person(10)));
    // All of them are past: the next one sweeps them out.
    let later = now + 2 * TRUST;
    people.insert(key(0), person(0), later + TRUST, later);
    assert_eq!((people.by_session.len(), people.order.len()), (1, 1));
}

#[test]
fn no_session_can_be_read_out_of_it() {
    let known = Known::default();
    let secret = Secret::new(session(1));
    let until = Instant::now() + TRUST;
    let person = Person {
        id: "a1".into(),
        name: "Alice".into(),
        email: None,
        username: None,
        guest: false,
        admin: false,
        picture: None,
    };
    known.lock().insert((fingerprint(&secret), ASKING), person, until, Instant::now());
    assert_eq!(format!("{known:?}"), "Known { people: 1 }");
}
