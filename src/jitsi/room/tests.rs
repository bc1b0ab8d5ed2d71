use super::*;

fn room(rest: &str) -> Room {
    match Asked::of(rest) {
        Ok(Asked::Room(room)) => room,
        other => panic!("{rest} is {other:?}, not a room"),
    }
}

#[test]
fn each_name_becomes_what_jitsi_makes_of_it() {
    // what follows the prefix, the name for people, the segment, the token's `room`
    let table = [
        ("/room1", "room1", "room1", "room1"),
        ("/room1/", "room1", "room1", "room1"),
        ("/room1//", "room1", "room1", "room1"),
        ("//room1", "room1", "room1", "room1"),
        ("/Room%20Name/", "Room Name", "Room%20Name", "Room%20Name"),
        ("/%20Room%20", "Room", "Room", "Room"),
        ("/HappyCatsDanceWildly", "HappyCatsDanceWildly", "HappyCatsDanceWildly", "HappyCatsDanceWildly"),
        (
            "/team-town-square-abcdefghij",
            "team-town-square-abcdefghij",
            "team-town-square-abcdefghij",
            "team-town-square-abcdefghij",
        ),
        ("/jo.e_x~", "jo.e_x~", "jo.e_x~", "jo.e_x~"),
        ("/a:b@c!d$e&f'g(h)i*j+k,l;m=n", "abcdefghijklmn", "abcdefghijklmn", "abcdefghijklmn"),
        ("/%22%3E%3Cb%3E%3F%23%5B%5D%2F", "b", "b", "b"),
        ("/50%25", "50%", "50%25", "50%25"),
        ("/50%", "50%", "50%25", "50%25"),
        ("/a%2541", "a%41", "a%2541", "a%2541"),
        ("/T%C3%84st", "TÄst", "T%C3%84st", "t%C3%A4st"),
        // Decomposed, as macOS writes file names: the same room.
        ("/TA%CC%88st", "TÄst", "T%C3%84st", "t%C3%A4st"),
        ("/e(%CC%81", "é", "%C3%A9", "%C3%A9"),
        // Full-width: NFKC makes ASCII of it, and ASCII that Jitsi drops is dropped.
        ("/%EF%BC%9Cb%EF%BC%9E", "b", "b", "b"),
        ("/a%C2%A0b", "a b", "a%20b", "a%20b"),
        ("/%E6%97%A5%E6%9C%AC", "日本", "%E6%97%A5%E6%9C%AC", "%E6%97%A5%E6%9C%AC"),
        ("/-a", "-a", "-a", "-a"),
        ("/jitsi", "jitsi", "jitsi", "jitsi"),
    ];
    for (rest, name, segment, claim) in table {
        let room = room(rest);
        assert_eq!((room.name(), &*room.segment(), &*room.claim()), (name, segment, claim), "{rest}");
        // What is normal stays as it is.
        assert_eq!(Asked::of(&format!("/{segment}")), Ok(Asked::Room(room)), "{rest}");
    }
}

#[test]
fn what_jitsi_could_not_open_is_refused() {
    for (rest, why) in [
        ("/a/b", RoomError::Nested),
        ("/a//b", RoomError::Nested),
        ("/a%5Cb", RoomError::Nested),
        ("/%22%3E%3Cscript%3Ealert(1)%3C/script%3E", RoomError::Nested),
        ("/-", RoomError::Reserved),
        ("/-/", RoomError::Reserved),
        ("/-/guest", RoomError::Reserved),
        ("/(-)", RoomError::Reserved),
        ("/%2D%22", RoomError::Reserved),
        ("/external_api.js%3F", RoomError::Reserved),
        ("/EXTERNAL_API.JS", RoomError::Reserved),
        ("/favicon.ico", RoomError::Reserved),
        ("/apple-touch-icon.png", RoomError::Reserved),
        ("/apple-touch-icon-120x120-precomposed.png", RoomError::Reserved),
        ("/.", RoomError::Empty),
        ("/%2E.", RoomError::Empty),
        ("/(.)", RoomError::Empty),
        ("/%20", RoomError::Empty),
        ("/%2F", RoomError::Empty),
        ("/%3F%23", RoomError::Empty),
        ("/a%00b", RoomError::Control),
        ("/a%0D%0ASet-Cookie:x", RoomError::Control),
        ("/a%0A", RoomError::Control),
        ("/a%C2%85b", RoomError::Control),
        ("/a%E2%80%A8b", RoomError::Control),
        ("/a%E2%80%AEb", RoomError::Control),
        ("/%FF", RoomError::NotText),
        ("/%C3%28", RoomError::NotText),
        ("/%ED%A0%80", RoomError::NotText),
    ] {
        assert_eq!(Asked::of(rest), Err(why), "{rest}");
    }
}

#[test]
fn the_length_is_bounded_in_characters_and_in_bytes() {
    assert_eq!(room(&format!("/{}", "a".repeat(MAX_CHARS))).name().len(), MAX_CHARS);
    assert_eq!(Asked::of(&format!("/{}", "a".repeat(MAX_CHARS + 1))), Err(RoomError::TooLong));
    let wide = MAX_ENCODED / "%E6%97%A5".len();
    assert!(room(&format!("/{}", "日".repeat(wide))).segment().len() <= MAX_ENCODED);
    assert_eq!(Asked::of(&format!("/{}", "日".repeat(wide + 1))), Err(RoomError::TooLong));
    // One character that NFKC makes eighteen of counts as eighteen.
    assert_eq!(Asked::of(&format!("/{}", "\u{FDFA}".repeat(12))), Err(RoomError::TooLong));
}

#[test]
fn no_room_and_jitsis_library_are_told_apart_from_rooms() {
    for nothing in ["", "/", "//"] {
        assert_eq!(Asked::of(nothing), Ok(Asked::Nothing), "{nothing:?}");
    }
    for library in ["/external_api.js", "//external_api.js", "/external%5Fapi.js"] {
        assert_eq!(Asked::of(library), Ok(Asked::ExternalApi), "{library}");
    }
}

#[test]
fn a_random_room_is_long_plain_and_never_the_same() {
    let rooms: Vec<Room> = (0..100).map(|_| Room::random().expect("random numbers")).collect();
    for (at, room) in rooms.iter().enumerate() {
        assert_eq!(room.name().len(), RANDOM_LENGTH);
        assert!(room.name().bytes().all(|b| ALPHABET.contains(&b)), "{room}");
        assert!(!rooms[..at].contains(room), "{room} came twice");
        assert_eq!(Asked::of(&format!("/{}", room.segment())).as_ref(), Ok(&Asked::Room(room.clone())));
    }
}
