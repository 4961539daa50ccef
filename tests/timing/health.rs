//! `windrow health` ends in time, whatever the server answers.

use std::io::Write as _;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use windrow_testing::{free_port, text, windrow};

use crate::exclusive;

#[test]
fn health_is_reported_with_a_code_and_a_sentence() {
    let _exclusive = exclusive();
    let address = format!("127.0.0.1:{}", free_port());
    let nothing = windrow(&["health", &address]);
    assert_eq!(nothing.status.code(), Some(1));
    let output = text(&nothing.stderr);
    assert!(output.contains(&format!("the server at {address} does not answer")), "{output}");
    // A server that accepts the connection and sends nothing, and servers with another protocol or an incomplete body.
    for answer in [&b""[..], b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n"] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            stream.write_all(answer).expect("it listens");
            std::thread::park_timeout(Duration::from_secs(30));
        });
        let began = Instant::now();
        let silent = windrow(&["health", &address]);
        assert_eq!(silent.status.code(), Some(1), "{}", text(&silent.stdout));
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}
