//! The addresses that servers listen on, as users write them: names, ports, and texts that are not addresses.

use std::fs;

use windrow_testing::served::{pipeline, with_table};
use windrow_testing::{Running, free_port, http, text, windrow};

/// Returns the URL that a server prints, after it has answered there.
fn url_of(server: &Running) -> String {
    let url = server.wait_for("API: http").split_whitespace().nth(1).expect("a URL").to_owned();
    assert_eq!(http("GET", &format!("{url}/health/live"), None).0, 200, "{url}");
    url
}

#[test]
fn a_server_listens_on_a_host_name_or_a_port() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, workdir) = (pipeline(folder.path()), folder.path().join("work").display().to_string());
    let port = free_port().to_string();
    for listen in ["localhost:0", &port, &format!(":{port}"), &format!("localhost:{port}")] {
        let mut server = Running::start(&["serve", &file, "--workdir", &workdir, "--listen", listen]);
        let url = url_of(&server);
        assert_eq!(url.ends_with(&format!(":{port}")), listen != "localhost:0", "{listen}: {url}");
        assert!(server.interrupt().0.success(), "{listen}: {}", server.output());
    }
    with_table(&file, "listen = \"localhost:0\"");
    url_of(&Running::start(&["serve", &file, "--workdir", &workdir]));
    let address = format!("localhost:{}", free_port());
    let broker = Running::start(&["broker", "--listen", &address]);
    broker.wait_for("broker: embedded at ");
}

#[test]
fn a_text_that_is_not_an_address_is_refused_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = pipeline(folder.path());
    let long = "x".repeat(100_000);
    let texts = ["", "localhost", "::1:8080", "http://localhost:8080", "localhost:99999", "a b:80", "[::1", &long];
    for listen in texts {
        for command in [&["serve", &file][..], &["run", &file], &["broker"]] {
            let output = windrow(&[command, &["--listen", listen]].concat());
            let printed = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{command:?}: {printed}");
            assert!(printed.contains("is not an address and port, as in 127.0.0.1:8080 or"), "{command:?}: {printed}");
        }
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2, "nothing is written");
}

#[test]
fn a_host_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = pipeline(folder.path());
    // The domain `invalid` has no names (RFC 2606), and the network of the address is reserved (RFC 5737).
    for (listen, expected) in [
        ("no-such-host.invalid:8080", "the host `no-such-host.invalid` cannot be resolved ("),
        ("203.0.113.7:8080", ""),
    ] {
        for command in [&["serve", &file][..], &["broker"]] {
            let output = windrow(&[command, &["--listen", listen]].concat());
            let printed = text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{command:?}: {printed}");
            assert!(printed.contains(&format!("cannot listen on {listen}: {expected}")), "{command:?}: {printed}");
            assert!(printed.contains("--listen"), "{command:?}: {printed}");
        }
    }
}
