//! Finds out what listens at an address where a plain Kafka client gets no answer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tokio_rustls::rustls::RootCertStore;

use crate::certificate::{self, connect};
use crate::{BrokerError, Connection, ListenerKind};

/// The time limit of each step.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
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
    let mut addresses = address.split(',').map(str::trim);
    let found = addresses.find_map(|one| Some((one.to_owned(), detect_listener(one)?)));
    match found {
        // The client already uses what this listener requires, so the kind of the listener is not the fault.
        Some((address, listener @ (ListenerKind::Tls | ListenerKind::Login | ListenerKind::Broker)))
            if connection.has_tls() == (listener == ListenerKind::Tls) && connection.is_secured() =>
        {
            let reason =
                format!("it has not answered (waited {} s) and has given no reason; check its log", waited.as_secs());
            BrokerError::Refused { address, reason }
        }
        Some((address, listener)) => BrokerError::NotPlaintext { address, listener, waited },
        None => BrokerError::Unreachable { address: address.to_owned(), waited },
    }
}

/// Returns what listens at an address, or `None` if nothing does.
fn detect_listener(address: &str) -> Option<ListenerKind> {
    let mut stream = connect(address, PROBE_TIMEOUT)?;
    match ask(&mut stream, &API_VERSIONS) {
        Some(answer) if is_answer(&answer, 7) => {}
        Some(answer) if answer.first().is_some_and(|first| TLS.contains(first)) => return Some(ListenerKind::Tls),
        _ => {
            let is_tls = connect(address, PROBE_TIMEOUT).and_then(|mut stream| ask(&mut stream, &client_hello()?));
            let is_tls = is_tls.and_then(|answer| answer.first().copied()).is_some_and(|first| TLS.contains(&first));
            return Some(if is_tls { ListenerKind::Tls } else { ListenerKind::Other });
        }
    }
    let is_open = connect(address, PROBE_TIMEOUT).and_then(|mut stream| ask(&mut stream, &METADATA));
    Some(if is_open.is_some_and(|answer| is_answer(&answer, 8)) { ListenerKind::Broker } else { ListenerKind::Login })
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
    fn the_kind_of_listener_is_recognised() {
        let cases: [(&[u8], ListenerKind); 4] = [
            (&[0, 0, 0, 20, 0, 0, 0, 7], ListenerKind::Login),
            (&[0x15, 3, 3, 0, 2, 2, 40], ListenerKind::Tls),
            (b"HTTP/1.1 400 Bad Request", ListenerKind::Other),
            (&[], ListenerKind::Other),
        ];
        for (answer, expected) in cases {
            assert_eq!(detect_listener(&listen(answer)), Some(expected), "{answer:?}");
        }
        let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        assert_eq!(detect_listener(&free.to_string()), None);
    }
}
