//! An S3-compatible server (moto, from the tests' Python), and a proxy with an unreliable connection to it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use windrow_testing::{Running, STEP_TIMEOUT, free_port};

/// The secret key of the S3 client.
pub(crate) const SECRET: &str = "a-secret-that-nobody-may-see";

/// The authorization header of the test's own requests. moto only checks that it is present.
const OWNER: &str = "AWS key:signature";

/// A server with one bucket, named `bucket`. A drop ends it.
pub(crate) struct Store {
    _process: Running,
    port: u16,
}

impl Store {
    pub(crate) fn start(python: &str) -> Self {
        let port = free_port();
        let mut command = Command::new(python);
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
        let process = Running::spawn(&mut command);
        let began = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(began.elapsed() < STEP_TIMEOUT, "{}", process.output());
            std::thread::sleep(Duration::from_millis(50));
        }
        let store = Self { _process: process, port };
        store.put("", b"");
        store
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn url(&self, name: &str) -> String {
        format!("{}/bucket{}{name}", self.endpoint(), if name.is_empty() { "" } else { "/" })
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        ureq::put(self.url(name)).header("authorization", OWNER).send(bytes).expect("it is taken");
    }

    pub(crate) fn delete(&self, name: &str) {
        ureq::delete(self.url(name)).header("authorization", OWNER).call().expect("it is removed");
    }

    pub(crate) fn get(&self, name: &str) -> Vec<u8> {
        let answer = ureq::get(self.url(name)).header("authorization", OWNER).call();
        answer.expect("an object").body_mut().read_to_vec().expect("its bytes")
    }

    /// Returns the names of all objects, from one listing.
    pub(crate) fn names(&self) -> Vec<String> {
        let listing = ureq::get(self.url(""))
            .header("authorization", OWNER)
            .call()
            .expect("a listing")
            .body_mut()
            .read_to_string()
            .expect("text");
        let keys = listing.split("<Key>").skip(1);
        keys.filter_map(|key| Some(key.split_once("</Key>")?.0.to_owned())).collect()
    }
}

/// Adds the settings of the S3 client to a command.
pub(crate) fn with_store<'a>(command: &'a mut Command, endpoint: &str) -> &'a mut Command {
    let access = [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", SECRET), ("AWS_ENDPOINT_URL", endpoint)];
    command.envs(access)
}

/// A proxy on which connections fail in three ways by turns. The first gets an error response, the second loses the
/// response to its request, and the third is cut in the middle of a response.
pub(crate) struct BadLine {
    port: u16,
    is_down: Arc<AtomicBool>,
    pub(crate) faults: Arc<AtomicUsize>,
}

impl BadLine {
    pub(crate) fn to(store: &Store, one_in: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let (is_down, faults) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (down, count, to) = (Arc::clone(&is_down), Arc::clone(&faults), store.port);
        std::thread::spawn(move || {
            for (index, client) in listener.incoming().flatten().enumerate() {
                let is_faulty = index % one_in == one_in - 1;
                let fault = is_faulty.then(|| count.fetch_add(1, Ordering::Relaxed) % 3);
                if !down.load(Ordering::Relaxed) {
                    let down = Arc::clone(&down);
                    std::thread::spawn(move || forward(client, to, fault, &down));
                }
            }
        });
        Self { port, is_down, faults }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends the open connections and every new one at once, or accepts them again.
    pub(crate) fn down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::Relaxed);
    }
}

/// Forwards one connection, which ends after its first responses, so that there are many connections.
fn forward(mut client: TcpStream, to: u16, fault: Option<usize>, down: &AtomicBool) {
    if fault == Some(0) {
        let mut head = [0; 65_536];
        let _ = client.read(&mut head);
        let body = "<Error><Code>SlowDown</Code></Error>";
        let _ = write!(client, "HTTP/1.1 503 Slow Down\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        return;
    }
    let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, to)) else { return };
    let (Ok(mut asking), Ok(mut asked)) = (client.try_clone(), server.try_clone()) else { return };
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut asking, &mut asked);
        let _ = asked.shutdown(Shutdown::Write);
    });
    let _ = server.set_read_timeout(Some(Duration::from_millis(300)));
    let (mut buffer, mut answered) = (vec![0; 65_536], 0);
    loop {
        let read = match server.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            // The server has sent everything, or nothing yet.
            Err(_) if answered == 0 && !down.load(Ordering::Relaxed) => continue,
            Err(_) => break,
        };
        answered += read;
        // The server has executed the request, but the client does not get the whole response.
        let passed = match fault {
            Some(1) => 0,
            Some(_) => read / 2,
            None => read,
        };
        if down.load(Ordering::Relaxed) || client.write_all(&buffer[..passed]).is_err() || fault.is_some() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}
