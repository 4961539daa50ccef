//! The port on which a server listens unless a user chooses another one.

use windrow_testing::{Running, fixture, text, windrow};

use crate::exclusive;

#[test]
fn only_a_taken_default_port_is_replaced() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let workdir = folder.path().join("work").display().to_string();
    let sample = fixture("flights-sample.toml").display().to_string();
    // Fails if another process already listens on the port, which is enough for the test.
    let _taken = std::net::TcpListener::bind("127.0.0.1:8080");
    let serve = Running::start(&["serve", &sample, "--workdir", &workdir]);
    let output_text = serve.wait_for("API: http");
    assert!(
        output_text.contains("127.0.0.1:8080 is in use") && !output_text.contains("API: http://127.0.0.1:8080"),
        "{output_text}"
    );
    let output = windrow(&["serve", &sample, "--workdir", &workdir, "--listen", "127.0.0.1:8080"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("choose another address with --listen"), "{}", text(&output.stderr));
}
