use super::*;

#[test]
fn whatever_a_room_is_called_it_stays_text() {
    let nonce = Nonce::fresh().expect("random numbers");
    let room = "</h1><script>alert(1)</script>\"'&";
    let page = Launch { nonce: &nonce, room, meeting: "https://8x8.vc/app/r?jwt=\"><script>" };
    let page = page.render().expect("a page");
    assert_eq!(page.matches("<script").count(), 1, "our own alone");
    assert!(!page.contains("alert(1)</script>"));
    assert!(page.contains("alert(1)"), "shown as text");
}

#[test]
fn r108_the_page_works_by_its_link_alone_and_frames_nothing() {
    let nonce = Nonce::fresh().expect("random numbers");
    let meeting = "https://8x8.vc/app/r?jwt=a.b.c";
    let page = Launch { nonce: &nonce, room: "r", meeting }.render().expect("a page");
    let anchor = page.split("<a ").nth(1).and_then(|rest| rest.split('>').next()).expect("a link");
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
fn no_page_loads_anything_or_handles_events_in_markup() {
    let nonce = Nonce::fresh().expect("random numbers");
    for page in [
        Launch { nonce: &nonce, room: "r", meeting: "https://8x8.vc/app/r" }.render(),
        Waiting { nonce: &nonce }.render(),
        SignIn { nonce: &nonce, login: "/login?redirect_to=%2Fjitsi%2Fr", again: "/jitsi/r" }.render(),
    ] {
        let page = page.expect("a page");
        for load in [" src=", "<link", "@import", "url(", " style=", " onclick", " onload", "<meta http-equiv"] {
            assert!(!page.contains(load), "{load} in\n{page}");
        }
        let nonces = page.matches(&format!("nonce=\"{}\"", nonce.0)).count();
        assert_eq!(nonces, page.matches("<style").count() + page.matches("<script").count());
    }
}

#[test]
fn a_nonce_is_used_once() {
    let (one, two) = (Nonce::fresh().expect("random numbers"), Nonce::fresh().expect("random numbers"));
    assert_ne!(one, two);
    assert_eq!(
        one.policy(),
        format!(
            "default-src 'none'; script-src 'nonce-{0}'; style-src 'nonce-{0}'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
            one.0
        )
    );
}
