//! What listens at an address where no plain Kafka client gets an answer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tokio_rustls::rustls::RootCertStore;

use crate::certificate::{self, connect};
use crate::{BrokerError, Connection, Listener};

const PATIENCE: Duration = Duration::from_secs(1);
/// ApiVersions, version 0, from a client without a name: every Kafka broker answers that, also before a login.
const API_VERSIONS: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];
/// Metadata, version 0, for no topic: a broker that asks for a login closes the connection.
const METADATA: [u8; 18] = [0, 0, 0, 14, 0, 3, 0, 0, 0, 0, 0, 8, 0xff, 0xff, 0, 0, 0, 0];
/// The first byte of what a TLS server sends: a handshake, or an alert.
const TLS: [u8; 2] = [0x16, 0x15];

/// The error for a broker that did not answer in time, with what is there instead.
pub(super) fn unreachable(connection: &Connection, waited: Duration) -> BrokerError {
    let address = connection.address();
    let found = address.split(',').find_map(|one| look(one.trim()).map(|listener| (one.trim().to_owned(), listener)));
    match found {
        // Who speaks TLS, or gives a login, knows what listens there.
        Some((address, listener @ (Listener::Tls | Listener::Login | Listener::Broker)))
            if connection.has_tls() == (listener == Listener::Tls) && connection.is_secured() =>
        {
            let reason =
                format!("it has not answered (waited {} s), and has not said why; see its log", waited.as_secs());
            BrokerError::Refused { address, reason }
        }
        Some((address, listener)) => BrokerError::NotPlain { address, listener, waited },
        None => BrokerError::Unreachable { address: address.to_owned(), waited },
    }
}

/// `None` when nothing listens there.
fn look(address: &str) -> Option<Listener> {
    let mut stream = connect(address, PATIENCE)?;
    match ask(&mut stream, &API_VERSIONS) {
        Some(answer) if is_answer(&answer, 7) => {}
        Some(answer) if answer.first().is_some_and(|first| TLS.contains(first)) => return Some(Listener::Tls),
        _ => {
            let is_tls = connect(address, PATIENCE).and_then(|mut stream| ask(&mut stream, &client_hello()?));
            let is_tls = is_tls.and_then(|answer| answer.first().copied()).is_some_and(|first| TLS.contains(&first));
            return Some(if is_tls { Listener::Tls } else { Listener::Other });
        }
    }
    let is_open = connect(address, PATIENCE).and_then(|mut stream| ask(&mut stream, &METADATA));
    Some(if is_open.is_some_and(|answer| is_answer(&answer, 8)) { Listener::Broker } else { Listener::Login })
}

/// The first bytes of the answer; `None` when there is none.
fn ask(stream: &mut TcpStream, question: &[u8]) -> Option<Vec<u8>> {
    stream.write_all(question).ok()?;
    let mut answer = [0; 8];
    let mut read = 0;
    while read < answer.len() {
        match stream.read(&mut answer[read..]) {
            Ok(more) if more > 0 => read += more,
            _ => break,
        }
    }
    (read > 0).then(|| answer[..read].to_vec())
}

/// A length, then the number that the question had.
fn is_answer(answer: &[u8], number: u8) -> bool {
    matches!(answer, [0, _, _, _, 0, 0, 0, found] if *found == number)
}

/// The beginning of a TLS connection.
fn client_hello() -> Option<Vec<u8>> {
    let mut hello = Vec::new();
    certificate::client(RootCertStore::empty(), "localhost")?.write_tls(&mut hello).ok()?;
    Some(hello)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Something that answers every connection with these bytes and closes it.
    fn listen(answer: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        std::thread::spawn(move || {
            for stream in listener.incoming().take(3) {
                let mut stream = stream.expect("a connection");
                let _ = stream.read(&mut [0; 256]);
                let _ = stream.write_all(answer);
            }
        });
        address
    }

    #[test]
    fn what_listens_is_told_apart() {
        let cases: [(&[u8], Listener); 4] = [
            (&[0, 0, 0, 20, 0, 0, 0, 7], Listener::Login),
            (&[0x15, 3, 3, 0, 2, 2, 40], Listener::Tls),
            (b"HTTP/1.1 400 Bad Request", Listener::Other),
            (&[], Listener::Other),
        ];
        for (answer, expected) in cases {
            assert_eq!(look(&listen(answer)), Some(expected), "{answer:?}");
        }
        let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        assert_eq!(look(&free.to_string()), None);
    }
}
