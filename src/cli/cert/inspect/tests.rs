//! What one argument means.

use super::*;

#[test]
fn a_file_is_one_that_is_there_or_looks_like_one_and_all_else_is_a_server() {
    let server = |text: &str| match what(text).expect(text) {
        What::Server(authority) => authority.to_string(),
        What::File(path) => panic!("{text} is taken for the file {}", path.display()),
    };
    assert_eq!(server("chat.example"), "chat.example");
    assert_eq!(server("chat.example:8443"), "chat.example:8443");
    assert_eq!(server("LOCALHOST"), "localhost");
    assert_eq!(server("192.0.2.7"), "192.0.2.7");
    assert_eq!(server("2001:db8::7"), "[2001:db8::7]");
    assert_eq!(server("[2001:db8::7]:8443"), "[2001:db8::7]:8443");
    for file in ["fullchain.pem", "a/b", "./chat.example", "server.CRT", "x.p7b", "/etc/passwd"] {
        assert_eq!(what(file).expect(file), What::File(file.into()), "{file}");
    }
    // Tests run in the folder of the package.
    assert_eq!(what("Cargo.toml").expect("a file"), What::File("Cargo.toml".into()));
    assert_eq!(what("src").expect("a folder"), What::File("src".into()));
    for neither in ["", "no host", "chat.example:99999", "user@chat.example", "grüße.example"] {
        assert!(what(neither).is_err(), "{neither}");
    }
}
