//! Finds out what listens at an address where a plain Kafka client gets no answer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tokio_rustls::rustls::RootCertStore;

use crate::certificate::{self, connect};
use crate::{BrokerError, Connection, Listener};

/// The time limit of each step.
const PATIENCE: Duration = Duration::from_secs(1);
/// An ApiVersions request, version 0, without a client name. Every Kafka broker answers it, even before a login.
const API_VERSIONS: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];
/// A Metadata request, version 0, with an empty list, which means all topics. A broker that requires a login closes the
/// connection.
const METADATA: [u8; 18] = [0, 0, 0, 14, 0, 3, 0, 0, 0, 0, 0, 8, 0xff, 0xff, 0, 0, 0, 0];
/// The possible first bytes of a TLS server's answer: a handshake, or an alert.
const TLS: [u8; 2] = [0x16, 0x15];

/// The error for a broker that did not answer in time. It names what listens at the address instead.
pub(super) fn unreachable(connection: &Connection, waited: Duration) -> BrokerError {
    let address = connection.address();
    let found = address.split(',').find_map(|one| look(one.trim()).map(|listener| (one.trim().to_owned(), listener)));
    match found {
        // The client already uses what this listener requires, so the kind of the listener is not the fault.
        Some((address, listener @ (Listener::Tls | Listener::Login | Listener::Broker)))
            if connection.has_tls() == (listener == Listener::Tls) && connection.is_secured() =>
        {
            let reason =
                format!("it has not answered (waited {} s) and has given no reason; check its log", waited.as_secs());
            BrokerError::Refused { address, reason }
        }
        Some((address, listener)) => BrokerError::NotPlain { address, listener, waited },
        None => BrokerError::Unreachable { address: address.to_owned(), waited },
    }
}

/// Returns what listens at an address, or `None` if nothing does.
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

/// Sends a request and returns up to 8 bytes of the response. `None` if none arrives.
fn ask(stream: &mut TcpStream, question: &[u8]) -> Option<Vec<u8>> {
    stream.write_all(question).ok()?;
    let mut answer = Vec::new();
    // The bytes that arrive before an error are the response.
    let _ = stream.take(8).read_to_end(&mut answer);
    (!answer.is_empty()).then_some(answer)
}

/// Returns true if `answer` starts with a length and the correlation ID of the request.
fn is_answer(answer: &[u8], number: u8) -> bool {
    matches!(answer, [0, _, _, _, 0, 0, 0, found] if *found == number)
}

/// The first message of a TLS connection.
fn client_hello() -> Option<Vec<u8>> {
    let mut hello = Vec::new();
    certificate::client(RootCertStore::empty(), "localhost")?.write_tls(&mut hello).ok()?;
    Some(hello)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A server that answers three connections with these bytes and closes them. Returns its address.
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
