//! Fuzzers' doors to what comes from guests, browsers and 8x8: rooms, invitations, forms, webhooks.

use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};
use aws_lc_rs::hmac;

use super::form::{Mark, Setting, Typed};
use super::installation::Keys;
use super::invitation::{Invitation, InvitationError};
use super::room::{Asked, Room};
use super::webhook::{Event, LONGEST, What, signature};

static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::passing().expect("random numbers"));

/// Nothing is ever signed by these. (A fuzzer gathers what is compared, and would come with what was signed before.)
static IDLE: LazyLock<Keys> = LazyLock::new(|| Keys::passing().expect("random numbers"));

/// What follows a launcher's prefix.
///
/// A room is found again by its name and by its segment, and its claim is safe in a token and in an address.
pub fn room(data: &[u8]) {
    let Ok(rest) = std::str::from_utf8(data) else { return };
    let Ok(Asked::Room(room)) = Asked::of(rest) else { return };
    assert_eq!(Room::named(room.name()).as_ref(), Ok(&room));
    let segment = room.segment();
    assert_eq!(Asked::of(&format!("/{segment}")), Ok(Asked::Room(room.clone())), "{segment}");
    assert!(segment.parse::<http::uri::PathAndQuery>().is_ok() || format!("/{segment}").parse::<http::Uri>().is_ok());
    for text in [&segment, &room.claim()] {
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#\\\"<>*".contains(&byte)), "{text}");
        assert!(text != "." && text != ".." && !text.is_empty());
    }
    assert!(!room.name().contains(|c: char| c.is_control() || c == '/' || c == '\\'));
}

/// Something that is done to a link.
#[derive(Debug, Arbitrary)]
enum Edit {
    Put(u16, u8),
    Insert(u16, u8),
    Cut(u16),
    Take(u16),
}

impl Edit {
    /// Base64url of that, so that most edits leave something that can be decoded.
    fn apply(&self, text: &mut String) {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let letter = |byte: u8| match byte {
            // One in four is any ASCII.
            192.. => char::from(byte - 128),
            _ => char::from(LETTERS[usize::from(byte % 64)]),
        };
        let length = text.len();
        let at = |place: u16| usize::from(place) % length.max(1);
        match *self {
            Self::Insert(place, byte) => text.insert(usize::from(place) % (length + 1), letter(byte)),
            _ if length == 0 => {}
            Self::Put(place, byte) => text.replace_range(at(place)..=at(place), &letter(byte).to_string()),
            Self::Cut(place) => text.truncate(at(place)),
            Self::Take(place) => drop(text.remove(at(place))),
        }
    }
}

#[derive(Debug, Arbitrary)]
struct Link<'a> {
    room: &'a str,
    until: u64,
    now: u64,
    /// Whom it was made for, and who is asked to believe it.
    launchers: (&'a str, &'a str),
    edits: Vec<Edit>,
    text: &'a str,
}

/// An invitation, what was done to it, and any text.
///
/// None lets in but the very one that was signed, at the launcher that it was made for, until its time.
pub fn invitation(data: &[u8]) {
    let (key, idle) = (KEYS.invitations(), IDLE.invitations());
    if let Ok(text) = std::str::from_utf8(data) {
        assert_eq!(Invitation::open(text, &idle, "jaas", 0), Err(InvitationError::NotGenuine));
    }
    let Ok(link) = Link::arbitrary_take_rest(Unstructured::new(data)) else { return };
    assert_eq!(Invitation::open(link.text, &idle, link.launchers.1, link.now), Err(InvitationError::NotGenuine));
    let Ok(room) = Room::named(link.room) else { return };
    let made = Invitation::new(room, link.until).expect("random numbers");
    let sealed = made.seal(&key, link.launchers.0);
    let expected = if link.until <= link.now { Err(InvitationError::Over(link.until)) } else { Ok(made) };
    assert_eq!(Invitation::open(&sealed, &key, link.launchers.0, link.now), expected);
    let mut altered = sealed.clone();
    link.edits.iter().for_each(|edit| edit.apply(&mut altered));
    if altered != sealed || link.launchers.0 != link.launchers.1 {
        let opened = Invitation::open(&altered, &key, link.launchers.1, link.now);
        assert_eq!(opened, Err(InvitationError::NotGenuine), "{altered} of {sealed}");
    }
}

#[derive(Debug, Arbitrary)]
struct Sent<'a> {
    proved: bool,
    made: u32,
    later: u32,
    settings: [(&'a str, &'a str, &'a str); 2],
    edits: Vec<Edit>,
    body: &'a [u8],
}

/// A guest's form, the mark in it and what was done to it.
///
/// A mark is opened where it was made and as it was made; whatever was typed is read without blanks around it.
pub fn form(data: &[u8]) {
    let key = KEYS.forms();
    read(data);
    let Ok(sent) = Sent::arbitrary_take_rest(Unstructured::new(data)) else { return };
    read(sent.body);
    let [here, there] = sent.settings.map(|(launcher, device, what)| Setting { launcher, device, what });
    let now = u64::from(sent.made) + u64::from(sent.later);
    let sealed = Mark { proved: sent.proved }.seal(&key, here, sent.made.into());
    match Mark::open(&sealed, &key, here, now) {
        Ok(mark) => assert!(mark.proved == sent.proved && sent.later < 2 * 60 * 60),
        Err(error) => assert!(error == super::form::MarkError::TooOld && sent.later >= 2 * 60 * 60),
    }
    let mut altered = sealed.clone();
    sent.edits.iter().for_each(|edit| edit.apply(&mut altered));
    if altered != sealed || sent.settings[0] != sent.settings[1] {
        let opened = Mark::open(&altered, &key, there, now);
        assert_eq!(opened, Err(super::form::MarkError::Foreign), "{altered} of {sealed}");
    }
}

fn read(body: &[u8]) {
    let typed = Typed::read(body);
    for text in [&typed.mark, &typed.name] {
        assert_eq!(text.trim(), text);
    }
    let nowhere = Setting { launcher: "jaas", device: "d", what: "r" };
    assert!(Mark::open(&typed.mark, &IDLE.forms(), nowhere, 0).is_err());
}

/// A post: the first line its signature's field, the rest its body.
///
/// What it says is within bounds; it is signed by whoever has the secret and by nobody else.
pub fn webhook(data: &[u8]) {
    let (field, body) = match data.iter().position(|&byte| byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (&b""[..], data),
    };
    if let Ok(event) = Event::parse(body) {
        assert!(body.len() <= LONGEST);
        assert!(event.key.as_ref().is_none_or(|key| !key.is_empty() && key.len() <= 256));
        if let What::Usage(devices) = &event.what {
            assert!(devices.len() <= 1000);
            for used in devices {
                assert!((1..=256).contains(&used.device.len()));
                assert!(used.person.as_ref().is_none_or(|person| (1..=256).contains(&person.len())));
            }
        }
    }
    assert!(!signature::is_signed(field, body, &IDLE.ledger()));
    let secret = KEYS.ledger();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    let tag = hmac::sign(&key, &[b"1632490060.", body].concat());
    let signed = format!("t=1632490060,v1={}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, tag));
    assert!(signature::is_signed(signed.as_bytes(), body, &secret));
    assert!(!signature::is_signed(signed.as_bytes(), &[body, b" "].concat(), &secret));
}
