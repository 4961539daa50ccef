//! Limits on the cost of one client: time, memory, connections and concurrent requests.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use windrow_testing::http::{HttpAnswer, JSON, ask};
use windrow_testing::served::{pipeline, row, serve, serve_by, server, server_with, with_table};
use windrow_testing::{Running, STEP_TIMEOUT, command, succeed, text, wait_until};

use crate::exclusive;
use crate::https::{certify, https};

fn get(url: &str) -> HttpAnswer {
    ask("GET", url, &[], b"")
}

fn connect(url: &str) -> TcpStream {
    let stream = TcpStream::connect(url.trim_start_matches("http://")).expect("it listens");
    stream.set_read_timeout(Some(STEP_TIMEOUT)).expect("a limit");
    stream
}

/// Reads until the server closes or resets the connection. Returns the number of bytes.
fn until_closed(stream: &mut TcpStream) -> usize {
    let (mut length, mut bytes) = (0, [0; 1 << 16]);
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return length,
            Ok(read) => length += read,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return length,
            Err(error) => panic!("the connection stays open: {error}"),
        }
    }
}

#[test]
fn connections_that_wait_for_their_clients_do_not_block_others() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server_with(folder.path(), "connections = 8\nhead_timeout = \"1h\"");
    let begin = |request: &[u8]| {
        let mut stream = connect(&url);
        stream.write_all(request).expect("it reads");
        stream
    };
    let body = b"POST /v1/models/latest/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    for request in [&b"GET / HTTP/1.1\r\nA"[..], b"", body] {
        let held: Vec<TcpStream> = (0..20).map(|_| begin(request)).collect();
        for _ in 0..3 {
            assert_eq!(get(&format!("{url}/health/live")).status, 200);
        }
        drop(held);
    }
    let metrics = get(&format!("{url}/metrics")).body;
    assert!(metrics.contains("windrow_http_connections_closed_total{reason=\"crowded\"}"), "{metrics}");
}

#[test]
fn connections_without_a_head_idle_or_not_reading_are_closed() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let table = "head_timeout = \"400ms\"\nidle_timeout = \"900ms\"\nsend_timeout = \"500ms\"";
    let (_server, url) = server_with(folder.path(), table);
    let mut slow_head = connect(&url);
    slow_head.write_all(b"GET / HTTP/1.1\r\nA").expect("it reads");
    let mut silent = connect(&url);
    for stream in [&mut slow_head, &mut silent] {
        assert_eq!(until_closed(stream), 0);
    }
    // A head that arrives byte by byte does not extend the time limit.
    let mut trickle = connect(&url);
    let began = Instant::now();
    while trickle.write_all(b"G").is_ok() {
        assert!(began.elapsed() < STEP_TIMEOUT, "it stays open");
        std::thread::park_timeout(Duration::from_millis(50));
    }
    let mut idle = connect(&url);
    idle.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").expect("it reads");
    let began = Instant::now();
    assert!(until_closed(&mut idle) > 0, "an answer");
    assert!(began.elapsed() > Duration::from_millis(700), "it may stay open between two requests");
    let mut reads_nothing = connect(&url);
    reads_nothing.write_all("GET /docs HTTP/1.1\r\nhost: x\r\n\r\n".repeat(50).as_bytes()).expect("it reads");
    let reason = |reason: &str| format!("windrow_http_connections_closed_total{{reason=\"{reason}\"}}");
    for why in ["slow_head", "idle", "slow_reader"] {
        wait_until(why, || get(&format!("{url}/metrics")).body.contains(&reason(why)));
    }
    assert!(until_closed(&mut reads_nothing) > 0);
}

#[test]
fn a_stream_of_events_is_one_of_a_quarter_of_the_connections() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server_with(folder.path(), "connections = 8");
    let follow = || {
        let mut stream = connect(&url);
        stream.write_all(b"GET /v1/events HTTP/1.1\r\nhost: x\r\n\r\n").expect("it reads");
        let mut head = [0; 12];
        stream.read_exact(&mut head).expect("an answer");
        (stream, text(&head))
    };
    let open: Vec<_> = (0..2).map(|_| follow()).collect();
    assert!(open.iter().all(|(_, head)| head.ends_with(" 200")));
    assert!(follow().1.ends_with(" 503"));
    drop(open);
    wait_until("a stream that ends gives up its place", || follow().1.ends_with(" 200"));
}

#[test]
fn an_answer_comes_also_to_a_client_that_has_ended_its_half() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    let mut stream = connect(&url);
    stream.write_all(b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("it reads");
    stream.shutdown(Shutdown::Write).expect("a socket");
    assert!(until_closed(&mut stream) > 100);
}

/// Requests that took gigabytes of memory, or would. A request above a limit is refused while it is read.
#[test]
fn no_request_takes_more_than_four_times_its_size() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (server, url) = server(folder.path());
    let mib = |bytes: usize| bytes >> 20;
    let tensor = |data: String| {
        let fields = "\"name\":\"miles\",\"shape\":[1],\"datatype\":\"FP64\"";
        format!("{{\"inputs\":[{{{fields},\"data\":{data}}}]}}")
    };
    let cells = |cell: &str, bytes: usize| format!("[{}0]", cell.repeat(bytes / cell.len()));
    let size = 12 << 20;
    // Each row has two numbers outside the range of the training rows. The model ignores the column `x`.
    let rows = 100_000;
    let outside = format!("{},999,99,,\n", "x".repeat(64 - ",999,99,,\n".len())).repeat(rows);
    let (batch, infer) = ("/v1/models/latest/predict/batch", "/v2/models/latest/infer");
    let cases = [
        (infer, "application/json", tensor(cells("0,", size)), 422),
        (infer, "application/json", tensor(cells("[0],", size)), 422),
        (infer, "application/json", tensor("[".repeat(size)), 400),
        (infer, "application/json", format!("{{\"inputs\":[{}{{}}]}}", "{},".repeat(size / 3)), 400),
        (
            infer,
            "application/json",
            format!("{{\"inputs\":[],\"outputs\":[{}{{}}]}}", "{\"name\":\"\"},".repeat(size / 12)),
            400,
        ),
        (batch, "application/json", format!("[{{{}\"a\":0}}]", "\"a\":0,".repeat(size / 6)), 422),
        (batch, "application/json", format!("[{}0]", "0,".repeat(size / 2)), 422),
        (batch, "application/json", format!("[{{\"{}\":0}}]", "a".repeat(size)), 422),
        (batch, "application/json", format!("[{{\"miles\":\"{}\"}}]", "\\n".repeat(size / 2)), 422),
        (batch, "application/json", "[".repeat(size), 400),
        (batch, "application/x-ndjson", "{\"a\":".repeat(size / 5), 400),
        (batch, "application/x-ndjson", "0\n".repeat(size / 2), 422),
        (batch, "text/csv", ",".repeat(size), 400),
        (batch, "text/csv", format!("miles,fare,carrier,at\n{}", ",\n".repeat(size / 2)), 422),
        (batch, "text/csv", format!("x,miles,fare,carrier,at\n{outside}"), 200),
    ];
    let (most, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let watching = std::thread::spawn({
        let (most, is_over, process) = (Arc::clone(&most), Arc::clone(&is_over), server.id());
        move || {
            while !is_over.load(Relaxed) {
                most.fetch_max(resident(process), Relaxed);
                std::thread::park_timeout(Duration::from_millis(5));
            }
        }
    });
    for (path, kind, body, status) in &cases {
        // Memory that the allocator keeps from earlier requests is not counted.
        let before = resident(server.id());
        most.store(before, Relaxed);
        let is_answered = *status == 200;
        let accept = if is_answered { "application/x-ndjson" } else { "*/*" };
        let headers = [("content-type", *kind), ("accept", accept)];
        let answer = ask("POST", &format!("{url}{path}"), &headers, body.as_bytes());
        let begin = &body[..60.min(body.len())];
        assert_eq!(answer.status, *status, "{path} {begin}: {}", answer.body.chars().take(300).collect::<String>());
        let longest = if is_answered { 4 * body.len() } else { 40_000 };
        assert!(answer.body.len() < longest, "{begin}: an answer of {} bytes", answer.body.len());
        let lists = answer.body.matches("\"outside\":[\"miles\",\"fare\"]").count();
        assert_eq!(lists, if is_answered { rows } else { 0 }, "{begin}");
        let added = most.load(Relaxed).saturating_sub(before) as usize;
        assert!(added < 4 * body.len(), "{path} {begin}: {} MiB for {} MiB", mib(added), mib(body.len()));
    }
    is_over.store(true, Relaxed);
    watching.join().expect("it ends");
}

/// Returns the resident memory of a process in bytes.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() * 1024
}

#[test]
fn a_long_unknown_level_is_not_compared_with_known_levels() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    let mut long = row();
    long["carrier"] = json!("U".repeat(60_000));
    let result = ask("POST", &format!("{url}/v1/models/latest/predict"), &[JSON], long.to_string().as_bytes()).json();
    assert_eq!(
        result["unknown"],
        json!([{"field": "carrier", "given": format!("{}...", "U".repeat(60))}]),
        "no nearest one"
    );
}

#[test]
fn timed_out_requests_change_nothing_and_hold_their_slot_until_they_end() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server_with(folder.path(), "timeout = \"300ms\"\nconcurrency = 1");
    // The test holds the lock of the journal, as another process would.
    let journal = folder.path().join("work/aliases.jsonl");
    let held = std::fs::OpenOptions::new().create(true).append(true).open(&journal).expect("a file");
    held.lock().expect("a lock");
    let body = json!({"model": "window-1"}).to_string();
    let put = || ask("PUT", &format!("{url}/v1/aliases/prod"), &[JSON], body.as_bytes());
    let late = put();
    assert_eq!((late.status, late.header("retry-after")), (503, "1"), "{}", late.body);
    assert!(late.body.contains("longer than 300ms (serve.timeout); nothing was changed"), "{}", late.body);
    // The work of the first request still waits for the journal, and keeps its place.
    let next = put();
    assert!(next.status == 503 && next.body.contains("1 requests are being answered already"), "{}", next.body);
    held.unlock().expect("a lock");
    wait_until("the place is given back", || put().status == 200);
    let history = get(&format!("{url}/v1/aliases/prod/history")).json();
    assert_eq!(history["history"].as_array().map(Vec::len), Some(1), "{history}");
}

#[test]
fn a_disconnected_client_is_counted() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    let mut stream = connect(&url);
    let body = "POST /v1/models/latest/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    stream.write_all(body.as_bytes()).expect("it reads");
    wait_until("the request is under way", || {
        get(&format!("{url}/metrics")).body.contains("windrow_http_requests_under_way 2\n")
    });
    drop(stream);
    wait_until("it is counted", || get(&format!("{url}/metrics")).body.contains("windrow_http_disconnects_total 1\n"));
}

#[test]
fn a_page_of_another_site_changes_nothing_without_keys() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (file, workdir) = (pipeline(folder.path()), folder.path().join("work").display().to_string());
    succeed(&["run", &file, "--once", "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    with_table(&file, "cors = [\"https://listed.example\"]");
    let (_server, url) = serve(&file, &workdir);
    let own = url.trim_start_matches("http://").to_owned();
    let put = |host: &str, origin: Option<&str>| {
        let body = json!({"model": "window-1"}).to_string();
        let origin = origin.map(|origin| format!("origin: {origin}\r\n")).unwrap_or_default();
        let mut stream = connect(&url);
        let head = "PUT /v1/aliases/prod HTTP/1.1\r\nconnection: close\r\ncontent-type: application/json\r\n";
        write!(stream, "{head}host: {host}\r\n{origin}content-length: {}\r\n\r\n{body}", body.len()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer[9..12].to_owned()
    };
    assert_eq!(put(&own, None), "200");
    assert_eq!(put(&own, Some(&url)), "200");
    assert_eq!(put("localhost:8080", Some("http://localhost:8080")), "200");
    assert_eq!(put(&own, Some("https://listed.example")), "200");
    assert_eq!(put(&own, Some("https://evil.example")), "403");
    assert_eq!(put(&own, Some("null")), "403");
    assert_eq!(put("evil.example", Some("http://evil.example")), "403", "a name that was made to point here");
    assert_eq!(put("evil.example", None), "403");
}

#[test]
fn a_rate_limited_key_is_told_to_retry_later() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (file, workdir) = (pipeline(folder.path()), folder.path().join("work").display().to_string());
    succeed(&["run", &file, "--once", "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    with_table(&file, "requests_per_second = 2");
    let mut serve = command(&["serve", &file, "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let (_server, url) = serve_by(serve.env("WINDROW_API_KEYS", "a:read:one,b:read:two"), &workdir);
    let asked = |key: &str| ask("GET", &format!("{url}/v1/aliases"), &[("x-api-key", key)], b"");
    let refused = (0..50).map(|_| asked("one")).find(|answer| answer.status != 200).expect("a limit");
    assert_eq!((refused.status, refused.header("retry-after")), (429, "1"), "{}", refused.body);
    assert!(refused.body.contains("the key `a` sends too many requests"), "{}", refused.body);
    assert_eq!(asked("two").status, 200, "each key has its own limit");
}

#[test]
fn a_variable_of_keys_without_a_name_starts_no_server() {
    let _exclusive = exclusive();
    use std::os::unix::ffi::OsStrExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let file = pipeline(folder.path());
    for keys in [&b""[..], b" ", b",", b"ops:admin:k\xff"] {
        let mut serve = command(&["serve", &file, "--listen", "127.0.0.1:0"]);
        let output = serve.env("WINDROW_API_KEYS", std::ffi::OsStr::from_bytes(keys)).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{keys:?}");
        let result = text(&output.stderr);
        assert!(result.contains("WINDROW_API_KEYS is not of the form NAME:SCOPE:KEY"), "{result}");
    }
}

#[test]
fn keys_and_certificates_are_read_again_when_their_files_change() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (file, workdir) = (pipeline(folder.path()), folder.path().join("work").display().to_string());
    succeed(&["run", &file, "--once", "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let made = || {
        let made = succeed(&["key", "ops"]);
        let key = made.lines().nth(1).expect("a key").trim().to_owned();
        (key, format!("[[key]]{}", made.split_once("[[key]]").expect("an entry").1))
    };
    let keys = folder.path().join("keys.toml");
    let ((first, entry), (second, other)) = (made(), made());
    std::fs::write(&keys, entry).expect("a file");
    with_table(&file, "keys = \"keys.toml\"");
    let (server, url) = serve(&file, &workdir);
    let status = |key: &str| ask("GET", &format!("{url}/v1/models"), &[("x-api-key", key)], b"").status;
    assert_eq!((status(&first), status(&second)), (200, 401));
    std::fs::write(&keys, other).expect("a file");
    wait_until("the new key is known", || status(&second) == 200);
    assert_eq!(status(&first), 401);
    // An invalid file of keys does not remove any key.
    std::fs::write(&keys, "no keys").expect("a file");
    server.wait_for("cannot read the API keys again");
    assert_eq!(status(&second), 200);
}

#[test]
fn a_certificate_is_read_again_when_its_files_change() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let (certificate, key, trusted) = (at("certificate.pem"), at("key.pem"), at("trusted.pem"));
    let renew = || {
        certify(&certificate, &key);
        std::fs::copy(&certificate, &trusted).expect("a file");
    };
    renew();
    let file = pipeline(folder.path());
    with_table(&file, "tls = { certificate = \"certificate.pem\", key = \"key.pem\" }");
    let server =
        Running::spawn(command(&["serve", &file, "--listen", "127.0.0.1:0"]).env("WINDROW_LOG", "windrow=info"));
    let url = server.wait_for("API: https").split_whitespace().nth(1).expect("an address").to_owned();
    let is_answered =
        || https(&url, &trusted, "GET /health/live", "").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "));
    assert!(is_answered());
    std::fs::write(&certificate, "no certificate").expect("a file");
    server.wait_for("cannot read the certificate again");
    assert!(is_answered(), "with the certificate from before");
    renew();
    server.wait_for("the certificate was read again");
    assert!(is_answered(), "with the new certificate");
}

#[test]
fn keys_over_plain_http_cause_a_warning() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let file = pipeline(folder.path());
    let mut serve = command(&["serve", &file, "--listen", "0.0.0.0:0"]);
    let server = Running::spawn(serve.env("WINDROW_API_KEYS", "a:read:b"));
    server.wait_for("accepts API keys over plain HTTP, where others can read them");
}

#[test]
fn old_windows_without_an_alias_have_no_metrics() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (file, workdir) = (pipeline(folder.path()), folder.path().join("work").display().to_string());
    let many = std::fs::read_to_string(&file).expect("a file").replace("rows = 100", "rows = 20");
    std::fs::write(&file, many).expect("a file");
    succeed(&["run", &file, "--once", "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let (_server, url) = serve(&file, &workdir);
    let body = json!({"model": "window-2"}).to_string();
    assert_eq!(ask("PUT", &format!("{url}/v1/aliases/prod"), &[JSON], body.as_bytes()).status, 200);
    let metrics = get(&format!("{url}/metrics")).body;
    let fits: Vec<&str> = metrics.lines().filter(|line| line.starts_with("windrow_model_fit_rows{")).collect();
    let windows: Vec<&str> = metrics.lines().filter(|line| line.starts_with("windrow_model_auc{")).collect();
    assert!(metrics.lines().any(|line| line.starts_with("windrow_models ") && line > "windrow_models 12"), "{metrics}");
    assert!(fits.iter().any(|line| line.contains("\"window-2\"")), "it has a name");
    assert!(fits.len() <= 3 * 2 + 3 && !fits.iter().any(|line| line.contains("\"window-3\"")), "{fits:?}");
    assert!(!windows.iter().any(|line| line.contains("window=\"1\"")), "{windows:?}");
}

#[test]
fn lists_are_paginated_with_links() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    let whole = |path: &str, list: &str| get(&format!("{url}{path}")).json()[list].as_array().expect("a list").clone();
    for (path, list, all) in [("/v1/models", "models", 6), ("/v1/windows", "windows", 3), ("/v1/scores", "scores", 11)]
    {
        let expected = whole(path, list);
        assert_eq!(expected.len(), all, "{path}");
        let (mut found, mut next) = (Vec::new(), format!("{path}?limit=2"));
        loop {
            let page = get(&format!("{url}{next}")).json();
            found.extend(page[list].as_array().expect("a list").clone());
            match page["next"].as_str() {
                Some(link) => next = link.to_owned(),
                None => break,
            }
        }
        assert_eq!(found, expected, "{path}");
        for wrong in ["limit=0", "limit=1001", "after=x"] {
            let answer = get(&format!("{url}{path}?{wrong}"));
            assert!(matches!(answer.status, 400 | 422), "{path}?{wrong}: {}", answer.body);
        }
    }
    let ids = |models: Vec<Value>| models.iter().map(|model| model["id"].to_string()).collect::<Vec<_>>();
    assert_eq!(ids(whole("/v1/models?scheme=window", "models")), ["\"window-1\"", "\"window-2\"", "\"window-3\""]);
    assert_eq!(ids(whole("/v1/models?window=2", "models")), ["\"cumulative-2\"", "\"window-2\""]);
    let of_one = whole("/v1/scores?model=window-1&window=2", "scores");
    assert!(of_one.len() == 1 && of_one.iter().all(|score| score["window"] == 2 && score["model"] == "window-1"));
}
