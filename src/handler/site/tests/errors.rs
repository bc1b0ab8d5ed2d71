//! What is answered where no file is.

use super::*;

#[tokio::test]
async fn only_get_and_head_are_taken() {
    let folder = Folder::with(&[("index.html", "home")]);
    for method in
        [Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::from_bytes(b"BREW").expect("a method")]
    {
        let answer = folder.ask(method, "/", &[]).await;
        assert_eq!((answer.code(), answer.field("allow")), (405, Some("GET, HEAD, OPTIONS")));
    }
    let answer = folder.ask(Method::OPTIONS, "/", &[]).await;
    assert_eq!((answer.code(), answer.field("allow")), (204, Some("GET, HEAD, OPTIONS")));
}

#[tokio::test]
async fn an_error_page_has_the_errors_status_and_its_own_type() {
    let mut folder = Folder::with(&[("errors/404.html", "<p>gone"), ("errors/405.txt", "no"), ("a/x", "")]);
    folder.website.error_pages = [
        (StatusCode::NOT_FOUND, "/errors/404.html".into()),
        (StatusCode::METHOD_NOT_ALLOWED, "errors/405.txt".into()),
        (StatusCode::BAD_REQUEST, "errors/405.txt".into()),
        (StatusCode::FORBIDDEN, "/errors/missing.html".into()),
    ]
    .into();
    let answer = folder.get_with("/no", &[("range", "bytes=0-1"), ("if-none-match", "*")]).await;
    assert_eq!((answer.code(), answer.text()), (404, "<p>gone"));
    assert_eq!(answer.field("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.field("etag"), None);
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    let head = folder.ask(Method::HEAD, "/no", &[]).await;
    assert_eq!((head.code(), head.field("content-length"), head.body.len()), (404, Some("7"), 0));
    let answer = folder.ask(Method::POST, "/", &[]).await;
    assert_eq!((answer.code(), answer.text(), answer.field("allow")), (405, "no", Some("GET, HEAD, OPTIONS")));
    let answer = folder.get("/50%").await;
    assert_eq!((answer.code(), answer.field("connection")), (400, Some("close")));
    assert!(matches!(folder.get("/a/").await.error, Some(RequestError::Forbidden)), "a page that is missing");
}

#[tokio::test]
async fn a_fallback_answers_what_is_no_file() {
    let mut folder = Folder::with(&[("app.html", "app"), ("a.txt", "a"), ("bare/x", "")]);
    folder.website.fallback = Some("/app.html".into());
    for target in ["/users/", "/users/a%2Fb", "/a.txt/b"] {
        assert_eq!(folder.get(target).await.text(), "app", "{target}");
    }
    let answer = folder.get("/users/7").await;
    assert_eq!((answer.code(), answer.text()), (200, "app"));
    assert_eq!(folder.get("/a.txt").await.text(), "a");
    let tag = answer.field("etag").expect("a tag");
    assert_eq!(folder.get_with("/users/8", &[("if-none-match", tag)]).await.code(), 304);
    assert_eq!(folder.get("/bare/").await.code(), 403);
    assert_eq!(folder.get("/../x").await.code(), 404);
}

#[tokio::test]
async fn what_may_not_be_read_is_forbidden_or_missing_but_no_fault_of_ours() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::with(&[("closed.txt", "x")]);
    fs::set_permissions(folder.path("closed.txt"), fs::Permissions::from_mode(0o000)).expect("closed");
    // Root reads everything, whatever the mode says.
    let readable = fs::read(folder.path("closed.txt")).is_ok();
    assert_eq!(folder.get("/closed.txt").await.code(), if readable { 200 } else { 403 });
}
