//! Spans that reach an OpenTelemetry collector: a socket of the test that accepts posted spans.

#![cfg(feature = "otel")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;

use windrow_testing::{STEP_TIMEOUT, command, sample_with, text};

#[test]
fn spans_from_rows_to_models_are_exported() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (sender, taken) = mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut bytes = Vec::new();
            let mut some = [0; 65_536];
            while let Ok(count @ 1..) = stream.read(&mut some) {
                bytes.extend_from_slice(&some[..count]);
                if is_whole(&bytes) {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                    break;
                }
            }
            let _ = sender.send(bytes);
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    let (file, workdir) =
        (sample_with(folder.path(), "parts = 2", ""), folder.path().join("work").display().to_string());
    let arguments = ["run", &file, "--once", "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"];
    let endpoint = format!("http://{address}");
    let ran = command(&arguments).env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint).output().expect("the binary runs");
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    let mut all = String::new();
    while !["seal", "learn", "parse", "fit", "score"].iter().all(|name| all.contains(name)) {
        all.push_str(&text(&taken.recv_timeout(STEP_TIMEOUT).expect("spans come")));
    }
    assert!(all.starts_with("POST /v1/traces") && all.contains("cumulative-2"), "the spans have the names of models");
}

/// Returns `true` if a request has arrived with its whole body.
fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let body = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |end| bytes.len() - end - 4);
    length.is_none_or(|length: usize| body >= length)
}
