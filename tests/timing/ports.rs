//! The port on which a server listens unless a user chooses another one.

use windrow_testing::{Running, fixture, text, windrow};

use crate::alone;

#[test]
fn a_port_that_nobody_chose_gives_way_and_one_that_was_chosen_does_not() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let workdir = folder.path().join("work").display().to_string();
    let sample = fixture("flights-sample.toml").display().to_string();
    // Fails if another process already listens on the port, which is enough for the test.
    let _taken = std::net::TcpListener::bind("127.0.0.1:8080");
    let serve = Running::start(&["serve", &sample, "--workdir", &workdir]);
    let said = serve.wait_for("API: http");
    assert!(said.contains("127.0.0.1:8080 is in use") && !said.contains("API: http://127.0.0.1:8080"), "{said}");
    let output = windrow(&["serve", &sample, "--workdir", &workdir, "--listen", "127.0.0.1:8080"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("choose another address with --listen"), "{}", text(&output.stderr));
}
