//! No path leads around a wall: what a careless upstream would read as another route's path is refused.

use crate::support::gate::{CHAT, gate};
use crate::support::raw::ok;
use crate::support::upstream::Upstream;

use super::BEHIND_PROXY;

fn walled(upstream: &Upstream, wall: &str) -> String {
    format!(
        "[[site]]\nhosts = [\"chat.example\"]\n[[site.route]]\npath = \"/\"\nproxy = \"http://{upstream}\"\n\
         [[site.route]]\npath = \"/admin\"\n{wall}\nproxy = \"http://{upstream}\"\n"
    )
}

#[tokio::test]
async fn no_spelling_of_a_walled_path_reaches_the_upstream() {
    let upstream = Upstream::answering(|_| ok("in")).await;
    let gate = gate(walled(&upstream, "allow = [\"192.0.2.1\"]")).server(BEHIND_PROXY).run().await;
    for (path, status) in [
        ("/admin/users", 403),
        ("/admin%2Fusers", 400),
        ("/%61dmin/users", 403),
        ("/%61dmin%2fusers", 400),
        ("//admin/users", 400),
        ("/admin;x=1/users", 400),
        ("/Admin/users", 400),
        ("/x/../admin/users", 400),
        ("/x%2F..%2Fadmin/users", 400),
        ("/x/%2e%2e;/admin", 400),
        ("/admin%5Cusers", 400),
    ] {
        let answer =
            gate.tls(CHAT).await.ask(&format!("GET {path} HTTP/1.1\nHost: {CHAT}\nX-Forwarded-For: 1.2.3.4")).await;
        assert_eq!(answer.status(), status, "{path}");
    }
    assert!(upstream.lines().is_empty(), "{:?}", upstream.lines());
    for path in ["/a%2Fb//c;d?x=%2F", "/administration", "/x%2Fadmin", "/A/B"] {
        assert_eq!(gate.get(path).await.status(), 200, "{path}");
    }
    let with_right = format!("GET /admin%2Fusers HTTP/1.1\nHost: {CHAT}\nX-Forwarded-For: 192.0.2.1");
    assert_eq!(gate.tls(CHAT).await.ask(&with_right).await.status(), 400, "nobody needs such a path");
}

/// R72: where there is no wall, such paths go on byte for byte.
#[tokio::test]
async fn r72_without_a_wall_odd_paths_go_on_as_they_came() {
    let upstream = Upstream::answering(|request| ok(&request.line)).await;
    let gate = gate(walled(&upstream, "rate_limit = \"100/s\"")).run().await;
    for path in ["/admin%2Fusers", "//admin/users", "/Admin;x/users"] {
        assert_eq!(gate.get(path).await.text(), format!("GET {path} HTTP/1.1"));
    }
}
