use time::macros::{date, datetime};

use super::*;

/// Markup, quotes of both kinds, an entity: nothing of it may come through.
const HOSTILE: &str = "</h1></script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;";

fn nonce() -> Nonce {
    Nonce::fresh().expect("random numbers")
}

/// One page of each kind, with `text` wherever a text from outside goes; each with its policy.
fn pages(look: &Look, text: &str) -> Vec<(String, String)> {
    let nonce = &nonce();
    let until = datetime!(2026-11-25 14:30 UTC);
    let mut pages = Vec::new();
    let mut add = |page: Result<String, askama::Error>, policy| pages.push((page.expect("a page"), policy));
    macro_rules! add {
        ($page:expr) => {{
            let page = $page;
            add(page.render(), page.policy());
        }};
    }
    let apps = [None, App::of("Android", text, text)];
    let notices = [
        None,
        Some(Notice::Elsewhere { limit: 25, instead: text }),
        Some(Notice::Near { used: 23, limit: 25 }),
        Some(Notice::Over { used: 26, limit: 25 }),
        Some(Notice::Uncounted),
    ];
    for app in apps {
        for notice in notices {
            add!(Launch { look, nonce, room: text, meeting: text, app, notice });
        }
    }
    add!(Waiting { look, nonce });
    for login in [None, Some(text)] {
        for guest in [None, Some(text)] {
            add!(SignIn {
                look,
                nonce,
                login,
                again: text,
                session: text,
                guest,
                old_link: guest.map(|_| OldLink::SignIn)
            });
        }
    }
    let faults = [
        None,
        Some(GuestFault::NameMissing),
        Some(GuestFault::NameTooLong { most: 64 }),
        Some(GuestFault::NameRefused),
        Some(GuestFault::Passcode),
        Some(GuestFault::TooOld),
        Some(GuestFault::TooManyTries { seconds: 30 }),
        Some(GuestFault::NoCookies),
    ];
    for fault in faults {
        for (passcode, invited) in [(false, None), (true, None), (false, Some(until))] {
            let (action, csrf, room, name, leads_to) = (text, text, text, text, &[][..]);
            add!(Guest { look, nonce, action, csrf, room, name, passcode, fault, invited, leads_to });
        }
    }
    for why in [Unusable::Expired { until }, Unusable::Used, Unusable::Forged] {
        add!(InvitationFault { look, nonce, why });
    }
    add!(Full { look, nonce, limit: 25, until: date!(2026 - 12 - 01) });
    add!(Unreachable { look, nonce, again: text });
    add!(LedgerDown { look, nonce, again: text });
    add!(Meant { look, nonce, meant: text, host_path: text });
    pages
}

/// The tags of `element` in `page`, each with its attributes.
fn tags<'p>(page: &'p str, element: &str) -> Vec<&'p str> {
    let open = format!("<{element}");
    let rests = page.match_indices(&open).map(|(at, _)| &page[at..]);
    rests.filter_map(|rest| rest.split_once('>').map(|(tag, _)| tag)).collect()
}

/// The one tag that has `part`.
fn tag<'p>(page: &'p str, element: &str, part: &str) -> &'p str {
    let tags: Vec<_> = tags(page, element).into_iter().filter(|tag| tag.contains(part)).collect();
    assert_eq!(tags.len(), 1, "<{element} … {part}> in\n{page}");
    tags[0]
}

#[test]
fn whatever_comes_from_outside_stays_text_on_every_page() {
    let look = Look { title: Some(HOSTILE.into()), logo: Some(HOSTILE.into()), ..Look::default() };
    for (page, _) in pages(&look, HOSTILE) {
        assert!(!page.contains("alert(1)</script>") && !page.contains("<img src=x"), "{page}");
        assert!(!page.contains("\"'&amp;\""), "out of an attribute: {page}");
        assert!(page.contains("alert(1)"), "shown as text");
        assert!(tags(&page, "script").iter().all(|tag| tag.contains("nonce=")), "our own alone: {page}");
        assert_eq!(tags(&page, "img").len(), 1, "the logo alone: {page}");
    }
}

#[test]
fn every_page_loads_nothing_but_the_logo_and_handles_no_events_in_markup() {
    let look = Look { logo: Some("/jitsi/-/logo".into()), ..Look::default() };
    for (page, _) in pages(&look, "/jitsi/room") {
        for load in
            ["<link", "@import", "url(", " style=", " onclick", " onload", "<meta http-equiv", "<iframe", "<base"]
        {
            assert!(!page.contains(load), "{load} in\n{page}");
        }
        assert_eq!(page.matches(" src=").count(), 1, "{page}");
        let nonces = page.matches(" nonce=\"").count();
        assert_eq!(nonces, page.matches("<style").count() + page.matches("<script").count());
    }
}

#[test]
fn every_page_has_one_heading_a_title_and_its_language() {
    for (page, _) in pages(&Look::default(), "room") {
        assert_eq!(page.matches("<h1").count(), 1, "{page}");
        assert_eq!(page.matches("<main>").count(), 1, "{page}");
        assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\" dir=\"ltr\">"), "{page}");
        let title = page.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next()).expect("a title");
        assert!(title.ends_with(" · Meeting launcher") && title.trim() == title && title.len() > 20, "{title:?}");
        assert!(!page.contains("<header>"), "nothing stands in it: {page}");
    }
}

#[test]
fn r108_the_page_works_by_its_link_alone_and_frames_nothing() {
    let (look, nonce) = (&Look::default(), &nonce());
    let meeting = "https://8x8.vc/app/r?jwt=a.b.c";
    let page = Launch { look, nonce, room: "r", meeting, app: None, notice: None }.render().expect("a page");
    let anchor = tag(&page, "a ", "id=\"open\"");
    for part in [r#"href="https://8x8.vc/app/r?jwt=a.b.c""#, r#"target="_blank""#, r#"rel="noopener noreferrer""#] {
        assert!(anchor.contains(part), "{anchor}");
    }
    assert!(!anchor.contains("hidden"), "{anchor}");
    assert_eq!(page.matches(meeting).count(), 1, "no address inside the script");
    assert!(!page.contains("<iframe") && !page.contains("about:blank"));
    // What shows before any script runs: one heading, and the button by its first name.
    assert!(page.contains(r#"<span data-when="ready">Your meeting is ready</span>"#));
    assert!(page.contains(r#"<span data-when="ready opening blocked">OPEN MEETING MANUALLY</span>"#));
    assert!(page.contains(r#"<span data-when="launched" hidden>RE-OPEN MEETING MANUALLY</span>"#));
}

#[test]
fn a_phone_is_offered_the_app_first_and_then_the_browser() {
    let (look, nonce) = (&Look::default(), &nonce());
    let (ios, android) = ("org.jitsi.meet://8x8.vc/app/r?jwt=a", "intent://8x8.vc/app/r?jwt=a#Intent;end");
    let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148";
    let pixel = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36";
    for (user_agent, address) in [(iphone, ios), (pixel, android)] {
        let app = App::of(user_agent, ios, android);
        assert!(app.is_some(), "{user_agent}");
        let page = Launch { look, nonce, room: "r", meeting: "https://8x8.vc/app/r", app, notice: None };
        let page = page.render().expect("a page");
        let links = tags(&page, "a ");
        assert!(links[0].contains(&format!("href=\"{address}\"")), "{links:?}");
        assert!(links[1].contains("href=\"https://8x8.vc/app/r\"") && links.len() == 2, "{links:?}");
    }
    for user_agent in [
        "",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0.0.0 Electron/38.0.0 Safari/537.36 Mattermost/6.3.0",
        "Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) like iPhone OS 7_0_3",
    ] {
        assert_eq!(App::of(user_agent, ios, android), None, "{user_agent}");
    }
}

#[test]
fn the_login_opens_beside_the_page_and_its_addresses_stand_outside_the_script() {
    let (look, nonce) = (&Look::default(), &nonce());
    let (again, session) = ("/jitsi/room", "/jitsi/-/session");
    let page =
        SignIn { look, nonce, login: Some("/login"), again, session, guest: Some("/jitsi/-/guest"), old_link: None };
    let html = page.render().expect("a page");
    let login = tag(&html, "a ", "href=\"/login\"");
    assert!(login.contains("target=\"_blank\"") && login.contains("rel=\"noopener\""), "{login}");
    assert!(!tag(&html, "a ", "href=\"/jitsi/room\"").contains("target"), "works without a script");
    assert!(tag(&html, "p ", "data-session").contains("data-session=\"/jitsi/-/session\" data-again=\"/jitsi/room\""));
    assert!(html.contains("No account? Join as a guest") && !html.contains("older than its time"));
    assert!(page.policy().contains("; connect-src 'self';"), "{}", page.policy());

    let html = SignIn { old_link: Some(OldLink::SignIn), ..page }.render().expect("a page");
    assert!(html.contains("older than its time: sign in"));
    let page = SignIn { login: None, guest: None, old_link: None, ..page };
    let html = page.render().expect("a page");
    assert!(html.contains("from within Mattermost") && !html.contains("older than its time"));
    assert!(!html.contains("<script") && !page.policy().contains("connect-src"), "it has nobody to ask");
    let html = SignIn { old_link: Some(OldLink::Dead), ..page }.render().expect("a page");
    assert!(html.contains("a new meeting must be started") && !html.contains("from within Mattermost"));
}

#[test]
fn a_fault_of_the_form_is_tied_to_its_field_and_the_field_has_the_focus() {
    let (look, nonce) = (&Look::default(), &nonce());
    let page = |fault| {
        let (action, csrf, leads_to) = ("/jitsi/-/guest", "c", &[][..]);
        let page =
            Guest {
                look, nonce, action, csrf, room: "r", name: "Zoë", passcode: true, fault, invited: None, leads_to
            };
        page.render().expect("a page")
    };
    let html = page(None);
    assert!(tag(&html, "input ", "id=\"name\"").ends_with("aria-describedby=\"name-hint\" autofocus"));
    assert!(!html.contains("aria-invalid=") && !html.contains("role=\"alert\""));
    for fault in [GuestFault::NameMissing, GuestFault::NameTooLong { most: 64 }, GuestFault::NameRefused] {
        let html = page(Some(fault));
        let name = tag(&html, "input ", "id=\"name\"");
        assert!(name.ends_with("aria-invalid=\"true\" aria-describedby=\"fault name-hint\" autofocus"), "{name}");
        assert_eq!(html.matches("autofocus").count(), 1);
        assert_eq!(html.matches("aria-invalid=\"true\"").count(), 1);
    }
    let html = page(Some(GuestFault::Passcode));
    let passcode = tag(&html, "input ", "id=\"passcode\"");
    assert!(
        passcode.ends_with("aria-invalid=\"true\" aria-describedby=\"fault passcode-hint\" autofocus"),
        "{passcode}"
    );
    assert!(!passcode.contains("value="), "never shown again");
    assert!(tag(&html, "input ", "id=\"name\"").contains("value=\"Zoë\""), "what was typed stays");
    assert_eq!(html.matches("autofocus").count(), 1);
    // A fault of no field leaves the focus at the first.
    let html = page(Some(GuestFault::TooManyTries { seconds: 30 }));
    assert!(tag(&html, "p ", "role=\"alert\"").contains("id=\"fault\""));
    assert!(html.contains("Wait <bdi>30</bdi> s") && !html.contains("aria-invalid=\"true\""));
}

#[test]
fn policies_let_in_what_a_page_does_and_nothing_else() {
    let nonce = nonce();
    let common = format!("default-src 'none'; script-src 'nonce-{0}'; style-src 'nonce-{0}'", nonce.value());
    let end = "; frame-ancestors 'none'";
    let policy = |kind, logo, between: &str| {
        assert_eq!(nonce.policy(kind, logo), format!("{common}{between}{end}"));
    };
    policy(Kind::Plain, false, "; base-uri 'none'; form-action 'none'");
    policy(Kind::Plain, true, "; img-src 'self'; base-uri 'none'; form-action 'none'");
    policy(Kind::Asks, false, "; connect-src 'self'; base-uri 'none'; form-action 'none'");
    policy(Kind::Form { leads_to: &[] }, false, "; base-uri 'none'; form-action 'self'");
    let leads_to = &["https://8x8.vc", "https://meet.jit.si"][..];
    let between = "; img-src 'self'; base-uri 'none'; form-action 'self' https://8x8.vc https://meet.jit.si";
    policy(Kind::Form { leads_to }, true, between);
}

#[test]
fn every_policy_is_the_pages_own() {
    let logo = Look { logo: Some("/jitsi/-/logo".into()), ..Look::default() };
    for look in [Look::default(), logo] {
        for (page, policy) in pages(&look, "room") {
            assert!(policy.ends_with("; frame-ancestors 'none'"), "{policy}");
            assert!(policy.contains(tags(&page, "style")[0].split('"').nth(1).expect("a nonce")), "{policy}");
            assert_eq!(policy.contains("img-src 'self'"), page.contains("<img"), "{policy}");
            assert_eq!(policy.contains("form-action 'self'"), page.contains("<form"), "{policy}");
            assert_eq!(policy.contains("connect-src 'self'"), page.contains("fetch("), "{policy}");
        }
    }
}

#[test]
fn a_nonce_is_used_once() {
    assert_ne!(nonce(), nonce());
}

#[test]
fn title_logo_and_colours_are_the_launchers_own() {
    let colour = |text: &str| text.parse().expect("a colour");
    let look = Look {
        title: Some("Example Ltd".into()),
        logo: Some("/jitsi/-/logo".into()),
        colours: colour::Colours::new(Some(colour("#a00020")), Some(colour("#ffc0cb"))),
        words: phrases::Phrases::english(),
    };
    let page = Waiting { look: &look, nonce: &nonce() }.render().expect("a page");
    assert!(page.contains("<title>The Jitsi bridge is active · Example Ltd</title>"), "{page}");
    assert!(page.contains("<img class=\"logo\" src=\"/jitsi/-/logo\" alt=\"\">"), "{page}");
    assert!(page.contains("<p><bdi>Example Ltd</bdi></p>"), "{page}");
    assert!(page.contains("--act: #a00020; --on-act: #ffffff; --edge: #a00020;"), "{page}");
    assert!(page.contains("--act: #ffc0cb; --on-act: #000000; --edge: #ffc0cb;"), "{page}");
}

#[test]
fn a_room_from_right_to_left_turns_nothing_else_around() {
    let (look, nonce) = (&Look::default(), &nonce());
    let page = Launch { look, nonce, room: "פגישה", meeting: "m", app: None, notice: None }.render().expect("a page");
    assert!(page.contains("<p>Room <bdi>פגישה</bdi></p>"), "{page}");
}

#[test]
fn times_are_written_out_and_left_to_the_browser_to_translate() {
    let (look, nonce) = (&Look::default(), &nonce());
    let until = datetime!(2026-11-25 23:30 -02:00);
    let page = InvitationFault { look, nonce, why: Unusable::Expired { until } }.render().expect("a page");
    let wanted = "<time datetime=\"2026-11-26T01:30Z\" data-local>26 November 2026, 01:30 UTC</time>";
    assert!(page.contains(wanted), "{page}");
    let page = Full { look, nonce, limit: 25, until: date!(2026 - 12 - 01) }.render().expect("a page");
    assert!(page.contains("<time datetime=\"2026-12-01\">1 December 2026</time>"), "{page}");
    assert!(!page.contains("<script"), "a day is the same everywhere");
}
