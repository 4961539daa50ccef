//! Builds and runs the Dockerfile and the compose file by the commands of docs/deployment.md. Their base images cannot be pulled everywhere. So the base is
//! built from the libraries that the binary needs. Apache Kafka with this machine's Java replaces Redpanda, if
//! `WINDROW_TEST_KAFKA` names a distribution.
//!
//! Without a Docker engine these tests are skipped with a message; with `WINDROW_TEST_DOCKER=required` they fail.

mod compose;

use std::fs;
use std::time::{Duration, Instant};

use windrow_testing::documents::block;
use windrow_testing::{free_port, http, program, root, wait_until};

use crate::container_image::{Image, Root};
use crate::docker::{self, docker};

/// Windrow's image, built by the Dockerfile from the binary under test.
struct Windrow {
    name: String,
    _base: Image,
}

impl Windrow {
    fn build(what: &str) -> Option<Self> {
        let files = Root::new()?;
        let binary = program();
        files.libraries_of(&binary);
        let base = files.build(&format!("base-{what}"), "/bin/sh");
        let context = tempfile::tempdir().expect("a folder");
        for file in ["LICENSE-APACHE", "LICENSE-MIT", "fixtures/flights.toml", "fixtures/flights.csv.zst"] {
            let to = context.path().join(file);
            fs::create_dir_all(to.parent().expect("a parent")).expect("a folder");
            fs::copy(root().join(file), to).expect("a file");
        }
        fs::copy(&binary, context.path().join("windrow")).expect("a file");
        fs::write(context.path().join("authorities"), "").expect("a file");
        let dockerfile = fs::read_to_string(root().join("Dockerfile")).expect("a file");
        fs::write(context.path().join("Dockerfile"), with_binary(&dockerfile)).expect("a file");
        let name = format!("windrow-test:{what}-{}", std::process::id());
        let arguments = format!("--quiet --build-arg BASE={} -t {name} {}", base.name(), context.path().display());
        let build = documented("docker build", ("-t windrow .", &arguments));
        docker(&words(&build)).expect("the image is built");
        Some(Self { name, _base: base })
    }
}

impl Drop for Windrow {
    fn drop(&mut self) {
        docker(&["image", "rm", "--force", &self.name]).expect("the image is removed");
    }
}

/// Returns the command of docs/deployment.md that begins with these words, after a substitution.
fn documented(begins: &str, substitution: (&str, &str)) -> String {
    let commands = block("docs/deployment.md", "docker compose up", &[substitution]);
    let commands = commands.lines().flat_map(|line| line.split(" # ").next().unwrap_or_default().split(" && "));
    commands.map(str::trim).find(|command| command.starts_with(begins)).expect("a command").to_owned()
}

/// Returns the arguments of a command of `docker`.
fn words(command: &str) -> Vec<&str> {
    command.split_whitespace().skip(1).collect()
}

/// Returns the Dockerfile with another compile stage, which copies the existing binary.
fn with_binary(dockerfile: &str) -> String {
    let (before, rest) = dockerfile.split_once("FROM ${RUST} AS build\n").expect("a stage that compiles");
    let (compiling, after) = rest.split_once("\nFROM runtime\n").expect("a stage after it");
    assert!(compiling.contains("cargo build --release --locked --features spark,tls"), "{compiling}");
    let stand_in = "FROM ${BASE} AS build\nCOPY windrow /src/target/release/windrow\nCOPY authorities /etc/ssl/certs/ca-certificates.crt\n";
    format!("{before}{stand_in}\nFROM runtime\n{after}")
}

/// A container. A drop removes it.
struct Container(String);

impl Drop for Container {
    fn drop(&mut self) {
        // Fails if the container has already been removed.
        let _ = docker(&["rm", "--force", "--volumes", &self.0]);
    }
}

#[test]
#[ignore = "needs Docker and a static busybox"]
fn the_image_runs_the_demo_without_rights_and_reports_its_health() {
    let _exclusive = docker::exclusive();
    let Some(image) = Windrow::build("demo") else { return };
    let port = free_port();
    // Without --rm, the exit code can be read after the end.
    let rights = "--cap-drop ALL --read-only --volume /work";
    let arguments = format!("--detach -p 127.0.0.1:{port}:8080 {rights} {}", image.name);
    let run = documented("docker run", ("--rm -p 8080:8080 windrow", &arguments));
    let container = Container(docker(&words(&run)).expect("a container"));
    let inspect = |what: &str| docker(&["inspect", "--format", what, &container.0]).expect("a container");
    assert_eq!(inspect("{{.Config.User}}"), "10001:10001");
    let url = format!("http://127.0.0.1:{port}");
    wait_until("it answers", || docker(&["exec", &container.0, "windrow", "health"]).is_ok());
    wait_until("a model is there", || docker(&["exec", &container.0, "windrow", "health", "--ready"]).is_ok());
    assert_eq!(http("GET", &format!("{url}/health/ready"), None).0, 200);
    wait_until("Docker knows that it is well", || inspect("{{.State.Health.Status}}") == "healthy");
    let version = docker(&["exec", &container.0, "windrow", "--version"]).expect("a version");
    assert!(version.contains("revision: ") && version.contains("features: "), "{version}");
    // `docker stop` ends it cleanly and in time.
    let began = Instant::now();
    docker(&["stop", "--time", "30", &container.0]).expect("it stops");
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    assert_eq!(inspect("{{.State.ExitCode}}"), "0");
}
