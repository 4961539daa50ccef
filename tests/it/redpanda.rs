//! `--broker redpanda` and `--broker auto` without a container. With one, see `tests/external/redpanda.rs`.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use windrow_testing::{Running, command, fixture, text};

/// Returns the command that runs the sample with this broker and this `DOCKER_HOST`.
fn run(broker: &str, docker_host: &str, workdir: &tempfile::TempDir) -> Command {
    let (sample, workdir) =
        (fixture("flights-sample.toml").display().to_string(), workdir.path().display().to_string());
    let arguments = ["run", &sample, "--broker", broker, "--listen", "127.0.0.1:0", "--workdir", &workdir];
    let mut command = command(&arguments);
    command.env("DOCKER_HOST", docker_host);
    command
}

/// Returns the line that names the broker which `auto` has chosen.
#[cfg(feature = "embedded")]
fn auto_takes(docker_host: &str) -> String {
    let workdir = tempfile::tempdir().expect("a folder");
    let run = Running::spawn(&mut run("auto", docker_host, &workdir));
    run.wait_for("broker: ")
}

/// Starts a Docker engine that has no images or does not answer. Returns its address, and the first line of each
/// request.
fn engine(answers: bool) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("tcp://{}", listener.local_addr().expect("an address"));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let requests = Arc::clone(&asked);
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for mut client in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(client.try_clone().expect("a connection")).lines().map_while(Result::ok);
            let request = lines.next().unwrap_or_default();
            let status = if request.contains("/_ping") { "200 OK" } else { "404 Not Found" };
            requests.lock().expect("no panic").push(request);
            if answers {
                lines.find(String::is_empty);
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                client.write_all(head.as_bytes()).expect("an answer");
            } else {
                silent.push(client);
            }
        }
    });
    (address, asked)
}

#[test]
fn without_a_docker_engine_there_is_a_way_out() {
    for nowhere in ["unix:///nonexistent/docker.sock", "tcp://127.0.0.1:1", "https://127.0.0.1:1", "nonsense"] {
        let begun = Instant::now();
        let workdir = tempfile::tempdir().expect("a folder");
        let output = run("redpanda", nowhere, &workdir).output().expect("the binary runs");
        let output_text = text(&output.stderr);
        assert!(!output.status.success(), "{output_text}");
        assert!(output_text.contains("no Docker engine answers ("), "{output_text}");
        assert!(output_text.trim_end().ends_with("start Docker or use --broker embedded"), "{output_text}");
        #[cfg(feature = "embedded")]
        {
            let line = auto_takes(nowhere);
            assert!(line.starts_with("broker: embedded at 127.0.0.1:"), "{line}");
            let why = "(the embedded broker, because no Docker engine answers; for Redpanda, start Docker and give \
                       --broker redpanda)";
            assert!(line.ends_with(why), "{line}");
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "it took {:?}", begun.elapsed());
    }
}

#[test]
#[cfg(feature = "embedded")]
fn auto_pulls_nothing() {
    let (engine, asked) = engine(true);
    let line = auto_takes(&engine);
    assert!(line.starts_with("broker: embedded at 127.0.0.1:"), "{line}");
    let why =
        format!("because image {} is not on this machine; --broker redpanda pulls it)", windrow_kafka::REDPANDA_IMAGE);
    assert!(line.ends_with(&why), "{line}");
    let asked = asked.lock().expect("no panic");
    assert!(asked.iter().any(|request| request.contains("/images/")), "{asked:?}");
    assert!(asked.iter().all(|request| request.starts_with("GET ")), "nothing is changed: {asked:?}");
}

#[test]
fn an_engine_that_hangs_holds_up_no_start() {
    let (engine, _) = engine(false);
    let begun = Instant::now();
    #[cfg(feature = "embedded")]
    {
        let line = auto_takes(&engine);
        assert!(line.contains("the embedded broker, because no Docker engine answers;"), "{line}");
    }
    let workdir = tempfile::tempdir().expect("a folder");
    let output = run("redpanda", &engine, &workdir).output().expect("the binary runs");
    assert!(
        text(&output.stderr).contains("no Docker engine answers (it has not answered for 3 s)"),
        "{}",
        text(&output.stderr)
    );
    assert!(begun.elapsed() < Duration::from_secs(20), "it took {:?}", begun.elapsed());
}
