//! Rules for all operations: keys, limits, TLS, origins, request IDs and the request log, and the end of a server.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use windrow_testing::http::{HttpAnswer, JSON, ask};
use windrow_testing::served::{pipeline, row, serve, serve_by, server, server_with, with_table};
use windrow_testing::{Running, STEP_TIMEOUT, command, succeed, text, windrow};

use crate::exclusive;
use crate::https::{certify, https};

fn predict(url: &str, headers: &[(&str, &str)]) -> HttpAnswer {
    let headers = [&[JSON], headers].concat();
    ask("POST", &format!("{url}/v1/models/latest/predict"), &headers, row().to_string().as_bytes())
}

#[test]
fn requests_without_the_right_key_are_rejected_and_change_nothing() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let made = succeed(&["key", "ops", "--admin"]);
    let key = made.lines().nth(1).expect("a key").trim().to_owned();
    let entry = made.split_once("[[key]]").expect("an entry").1;
    std::fs::write(folder.path().join("keys.toml"), format!("[[key]]{entry}")).expect("a file");
    let (file, workdir) = (pipeline(folder.path()), folder.path().join("work").display().to_string());
    succeed(&["run", &file, "--once", "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    with_table(&file, "keys = \"keys.toml\"");
    let mut serve = command(&["serve", &file, "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let (_server, url) = serve_by(serve.env("WINDROW_API_KEYS", "app:read:a-secret"), &workdir);

    let bearer = format!("Bearer {key}");
    // The password is the key, with any user name.
    let basic = "Basic bm9ib2R5OmEtc2VjcmV0";
    for header in [("authorization", &*bearer), ("x-api-key", "a-secret"), ("authorization", basic)] {
        assert_eq!(predict(&url, &[header]).status, 200, "{header:?}");
    }
    for headers in [&[][..], &[("x-api-key", "a-secre")], &[("authorization", "Bearer ")], &[("authorization", "x")]] {
        let answer = predict(&url, headers);
        assert_eq!((answer.status, answer.header("content-type")), (401, "application/problem+json"), "{headers:?}");
        assert!(answer.headers.contains_key("www-authenticate"));
    }
    for path in [
        "/",
        "/stream",
        "/assets/windrow.js",
        "/docs",
        "/openapi.json",
        "/metrics",
        "/v1/models",
        "/v1/events",
        "/nowhere",
        "/v2/models/latest",
    ] {
        assert_eq!(ask("GET", &format!("{url}{path}"), &[], b"").status, 401, "{path}");
    }
    for path in ["/health/live", "/health/ready", "/v2/health/live"] {
        assert_eq!(ask("GET", &format!("{url}{path}"), &[], b"").status, 200, "{path}");
    }
    let promote = |key: &str| {
        let body = json!({"model": "window-1", "why": "a try"}).to_string();
        ask("PUT", &format!("{url}/v1/aliases/prod"), &[JSON, ("x-api-key", key)], body.as_bytes())
    };
    let refused = promote("a-secret");
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("the key `app` has the scope read"), "{}", refused.body);
    assert_eq!(promote(&key).json()["by"], "ops", "who did it is known by the key's name");
    let document = ask("GET", &format!("{url}/openapi.json"), &[("x-api-key", "a-secret")], b"").json();
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    assert_eq!(document["paths"]["/v1/aliases/{alias}"]["put"]["x-scope"], "admin");
    assert!(!document.to_string().contains(&key));
}

/// Sends a request whose body stops in the middle; the connection stays open.
fn partial_request(url: &str) -> TcpStream {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(STEP_TIMEOUT)).expect("a limit");
    let length = row().to_string().len();
    write!(
        stream,
        "POST /v1/models/latest/predict HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{{"
    )
    .expect("it reads");
    stream.flush().expect("it reads");
    stream
}

fn request_remainder(mut stream: TcpStream) -> String {
    stream.write_all(&row().to_string().as_bytes()[1..]).expect("it reads");
    answered(stream)
}

fn answered(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn excess_requests_are_told_to_retry_later() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server_with(folder.path(), "concurrency = 1");
    // A client that sends slowly does not use a place.
    let slow = partial_request(&url);
    assert_eq!(predict(&url, &[]).status, 200);
    let batch = Value::from(vec![row(); 50_000]).to_string();
    // The batches are sent one after the other. Each of them may itself be refused because the place is used.
    let is_over = Arc::new(AtomicBool::new(false));
    let working = std::thread::spawn({
        let (url, is_over) = (format!("{url}/v1/models/latest/predict/batch"), Arc::clone(&is_over));
        move || {
            while !is_over.load(Relaxed) {
                let status = ask("POST", &url, &[JSON], batch.as_bytes()).status;
                assert!(matches!(status, 200 | 503), "{status}");
            }
        }
    });
    let deadline = Instant::now() + STEP_TIMEOUT;
    let refused = loop {
        let answer = predict(&url, &[]);
        if answer.status != 200 {
            break answer;
        }
        assert!(Instant::now() < deadline, "the batch is not under way");
    };
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"), "{}", refused.body);
    assert!(refused.body.contains("1 requests are being answered already"), "{}", refused.body);
    assert_eq!(ask("GET", &format!("{url}/health/live"), &[], b"").status, 200, "a busy server lives");
    is_over.store(true, Relaxed);
    working.join().expect("answers");
    assert!(request_remainder(slow).starts_with("HTTP/1.1 200 "));
    assert_eq!(predict(&url, &[]).status, 200);
}

#[test]
fn excess_connections_wait() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server_with(folder.path(), "connections = 1");
    let held = partial_request(&url);
    let waiting = std::thread::spawn({
        let url = url.clone();
        move || predict(&url, &[]).status
    });
    assert!(request_remainder(held).starts_with("HTTP/1.1 200 "));
    assert_eq!(waiting.join().expect("an answer"), 200);
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server_with(folder.path(), "timeout = \"300ms\"");
    let answer = answered(partial_request(&url));
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("the body did not arrive within 300ms"), "{answer}");
}

#[test]
fn requests_in_flight_are_finished_at_shutdown() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (mut server, url) = server(folder.path());
    let held = partial_request(&url);
    // An open stream of events does not delay the end.
    let address = url.trim_start_matches("http://").to_owned();
    let mut events = TcpStream::connect(&address).expect("it listens");
    write!(events, "GET /v1/events HTTP/1.1\r\nhost: {address}\r\n\r\n").expect("it reads");
    let mut first = [0; 12];
    events.read_exact(&mut first).expect("an answer");
    server.signal("INT");
    std::thread::park_timeout(Duration::from_millis(200));
    assert!(server.ended().is_none(), "it waits for the request");
    let began = Instant::now();
    assert!(request_remainder(held).starts_with("HTTP/1.1 200 "));
    assert!(server.end().success());
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[test]
fn requests_are_answered_over_tls_and_an_invalid_certificate_is_reported() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    certify(&certificate, &key);
    let (file, workdir) = (pipeline(folder.path()), folder.path().join("work").display().to_string());
    succeed(&["run", &file, "--once", "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let plain = std::fs::read_to_string(&file).expect("a file");
    let tls = |certificate: &Path, key: &Path| {
        std::fs::write(&file, &plain).expect("a file");
        let (certificate, key) = (certificate.display(), key.display());
        with_table(&file, &format!("tls = {{ certificate = \"{certificate}\", key = \"{key}\" }}"));
    };
    let cases = [
        (&key, &key, "there is no certificate"),
        (&certificate, &certificate, "there is no private key"),
        (&certificate, &folder.path().join("none.pem"), "which serve.tls names"),
    ];
    for (certificate, key, expected) in cases {
        tls(certificate, key);
        let output = windrow(&["serve", &file, "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
        assert!(
            !output.status.success() && text(&output.stderr).contains(expected),
            "{expected}: {}",
            text(&output.stderr)
        );
    }
    tls(&certificate, &key);
    let server = Running::start(&["serve", &file, "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let url = server.wait_for("API: https").split_whitespace().nth(1).expect("an address").to_owned();
    let answer = https(&url, &certificate, "POST /v1/models/latest/predict", &row().to_string()).expect("an answer");
    assert!(answer.contains("\"probability\"") && answer.contains("strict-transport-security: "), "{answer}");
    // A client without TLS gets no answer, and does not affect others.
    let mut stream = TcpStream::connect(url.trim_start_matches("https://")).expect("it listens");
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("it reads");
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(!rest.starts_with(b"HTTP"));
}

#[test]
fn cors_headers_are_sent_only_to_listed_origins() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (file, workdir) = (pipeline(folder.path()), folder.path().join("work").display().to_string());
    succeed(&["run", &file, "--once", "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let preflight = |url: &str, origin: &str| {
        let headers = [("origin", origin), ("access-control-request-method", "POST")];
        ask("OPTIONS", &format!("{url}/v1/models/latest/predict"), &headers, b"")
    };
    let listed = "https://example.org";
    {
        let (_server, url) = serve(&file, &workdir);
        for answer in [preflight(&url, listed), predict(&url, &[("origin", listed)])] {
            assert!(!answer.headers.keys().any(|name| name.starts_with("access-control")), "{:?}", answer.headers);
        }
    }
    with_table(&file, &format!("cors = [\"{listed}\"]"));
    let (_server, url) = serve(&file, &workdir);
    let allowed = preflight(&url, listed);
    assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (204, listed));
    assert!(allowed.header("access-control-allow-headers").contains("content-type"));
    let answer = predict(&url, &[("origin", listed)]);
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, listed));
    // The server's own pages are not another origin. Requests from other origins are answered, but the browser does not
    // show them the answer.
    for other in [&*url, "https://example.org.evil.net"] {
        assert_eq!(predict(&url, &[("origin", other)]).status, 200);
        assert_eq!(predict(&url, &[("origin", other)]).header("access-control-allow-origin"), "");
        assert_eq!(preflight(&url, other).header("access-control-allow-methods"), "");
    }
}

#[test]
fn every_request_has_a_name_in_its_answer_and_in_the_log() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (file, workdir) = (pipeline(folder.path()), folder.path().join("work").display().to_string());
    succeed(&["run", &file, "--once", "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    with_table(&file, "access_log = true");
    let mut serve = command(&["serve", &file, "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let (server, url) = serve_by(serve.env("WINDROW_LOG_FORMAT", "json"), &workdir);
    let named = predict(&url, &[("x-request-id", "from.me-1")]);
    assert_eq!(named.header("x-request-id"), "from.me-1");
    let line: Value = serde_json::from_str(&server.wait_for("from.me-1")).expect("JSON");
    assert_eq!((line["path"].as_str(), line["status"].as_u64()), (Some("/v1/models/latest/predict"), Some(200)));
    assert_eq!((line["operation"].as_str(), line["model"].as_str()), (Some("predict"), Some("cumulative-3")));
    // An invalid request ID is replaced.
    for wrong in ["", "a b", &"x".repeat(65)] {
        let given = predict(&url, &[("x-request-id", wrong)]).header("x-request-id").to_owned();
        assert!(!given.is_empty() && given != *wrong, "{given}");
    }
    let other = ask("GET", &format!("{url}/nowhere"), &[], b"");
    assert!(!other.header("x-request-id").is_empty());
    let headers = [
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ];
    for (name, value) in headers {
        assert_eq!(other.header(name), value);
    }
    assert!(!other.headers.contains_key("server"));
}

#[test]
fn an_unsupported_method_is_answered_with_the_allowed_ones() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    let cases = [
        ("DELETE", "/v1/models/latest", "GET"),
        ("GET", "/v1/models/latest/predict", "POST"),
        ("GET", "/v1/models/cumulative-2/predict/batch", "POST"),
        ("PATCH", "/v1/models/a/diff/b", "GET, POST"),
        ("POST", "/v1/aliases/prod", "DELETE, GET, PUT"),
        ("POST", "/metrics", "GET"),
        ("TRACE", "/openapi.json", "GET"),
    ];
    for (method, path, allowed) in cases {
        let answer = ask(method, &format!("{url}{path}"), &[], b"");
        assert_eq!((answer.status, answer.header("allow")), (405, allowed), "{method} {path}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
}
