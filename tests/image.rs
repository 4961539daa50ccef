//! The Dockerfile and the compose file, built and run. Images that they begin with cannot be pulled everywhere: the base is made of
//! the libraries that the binary needs, and in Redpanda's place is Apache Kafka with this machine's Java, where
//! `WINDROW_TEST_KAFKA` names one.
//!
//! Without a Docker engine these tests say that they are skipped; with `WINDROW_TEST_DOCKER=required` they fail instead.

#![cfg(all(feature = "redpanda", feature = "embedded"))]

#[path = "image/compose.rs"]
mod compose;
#[path = "redpanda/docker.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod docker;
#[path = "redpanda/image.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod image;
#[path = "support/kafka.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod kafka;
#[path = "support/windrow.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod windrow;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::docker::docker;
use crate::image::{Image, Root};
use crate::windrow::{LIMIT, free_port, http};

/// Windrow's image, by the Dockerfile, from the binary under test.
struct Windrow {
    name: String,
    _base: Image,
}

impl Windrow {
    fn build(what: &str) -> Option<Self> {
        let root = Root::new()?;
        let binary = Path::new(env!("CARGO_BIN_EXE_windrow"));
        root.libraries_of(binary);
        let base = root.build(&format!("base-{what}"), "/bin/sh");
        let context = tempfile::tempdir().expect("a folder");
        let source = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        for file in ["LICENSE-APACHE", "LICENSE-MIT", "fixtures/flights.toml", "fixtures/flights.csv.zst"] {
            let to = context.path().join(file);
            fs::create_dir_all(to.parent().expect("a parent")).expect("a folder");
            fs::copy(source.join(file), to).expect("a file");
        }
        fs::copy(binary, context.path().join("windrow")).expect("a file");
        fs::write(context.path().join("authorities"), "").expect("a file");
        let dockerfile = fs::read_to_string(source.join("Dockerfile")).expect("a file");
        fs::write(context.path().join("Dockerfile"), with_binary(&dockerfile)).expect("a file");
        let name = format!("windrow-test:{what}-{}", std::process::id());
        let base_argument = format!("BASE={}", base.name());
        let context = context.path().display().to_string();
        docker(&["build", "--quiet", "--build-arg", &base_argument, "--tag", &name, &context])
            .expect("the image is built");
        Some(Self { name, _base: base })
    }
}

impl Drop for Windrow {
    fn drop(&mut self) {
        docker(&["image", "rm", "--force", &self.name]).expect("the image is removed");
    }
}

/// The same Dockerfile, but that the stage which compiles gives a binary that is there already.
fn with_binary(dockerfile: &str) -> String {
    let (before, rest) = dockerfile.split_once("FROM ${RUST} AS build\n").expect("a stage that compiles");
    let (compiling, after) = rest.split_once("\nFROM runtime\n").expect("a stage behind it");
    assert!(compiling.contains("cargo build --release --locked --features spark,tls"), "{compiling}");
    let stand_in = "FROM ${BASE} AS build\nCOPY windrow /src/target/release/windrow\nCOPY authorities /etc/ssl/certs/ca-certificates.crt\n";
    format!("{before}{stand_in}\nFROM runtime\n{after}")
}

/// A container that is gone with this.
struct Container(String);

impl Drop for Container {
    fn drop(&mut self) {
        // Already removed is as good.
        let _ = docker(&["rm", "--force", "--volumes", &self.0]);
    }
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not so after {} s", LIMIT.as_secs());
        std::thread::park_timeout(Duration::from_millis(200));
    }
}

#[test]
fn the_image_runs_the_demo_without_rights_and_says_how_it_is() {
    let _turn = docker::turn();
    let Some(image) = Windrow::build("demo") else { return };
    let port = free_port();
    let publish = format!("127.0.0.1:{port}:8080");
    let started = docker(&[
        "run",
        "--detach",
        "--publish",
        &publish,
        "--cap-drop",
        "ALL",
        "--read-only",
        "--volume",
        "/work",
        &image.name,
    ]);
    let container = Container(started.expect("a container"));
    let inspect = |what: &str| docker(&["inspect", "--format", what, &container.0]).expect("a container");
    assert_eq!(inspect("{{.Config.User}}"), "10001:10001");
    let url = format!("http://127.0.0.1:{port}");
    wait_until("it answers", || docker(&["exec", &container.0, "windrow", "health"]).is_ok());
    wait_until("a model is there", || docker(&["exec", &container.0, "windrow", "health", "--ready"]).is_ok());
    assert_eq!(http("GET", &format!("{url}/health/ready"), None).0, 200);
    wait_until("Docker knows that it is well", || inspect("{{.State.Health.Status}}") == "healthy");
    let version = docker(&["exec", &container.0, "windrow", "--version"]).expect("a version");
    assert!(version.contains("revision: ") && version.contains("features: "), "{version}");
    // It ends as it is told, and in time.
    let began = Instant::now();
    docker(&["stop", "--time", "30", &container.0]).expect("it stops");
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    assert_eq!(inspect("{{.State.ExitCode}}"), "0");
}

#[test]
fn health_is_told_with_a_code_and_a_sentence() {
    let address = format!("127.0.0.1:{}", free_port());
    let nothing = windrow::windrow(&["health", &address]);
    assert_eq!(nothing.status.code(), Some(1));
    let said = windrow::text(&nothing.stderr);
    assert!(said.contains(&format!("the server at {address} does not answer")), "{said}");
    // Something that takes the connection and is silent, and something that speaks another protocol.
    for answer in [&b""[..], b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n"] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            std::io::Write::write_all(&mut stream, answer).expect("it listens");
            std::thread::park_timeout(Duration::from_secs(30));
        });
        let began = Instant::now();
        let silent = windrow::windrow(&["health", &address]);
        assert_eq!(silent.status.code(), Some(1), "{}", windrow::text(&silent.stdout));
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}
