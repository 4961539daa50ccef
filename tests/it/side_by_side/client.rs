//! A client that sends single requests in any version, and a record of the answers.

use std::fmt::Display;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, ResponseHeader, TopicName};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

/// The time limit of a conversation, longer than any of them takes.
const CONVERSATION_TIMEOUT: Duration = Duration::from_secs(30);

/// A client with one connection.
pub(crate) struct Client {
    address: String,
    stream: TcpStream,
    correlation: i32,
}

impl Client {
    pub(crate) fn new(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(CONVERSATION_TIMEOUT)).expect("a limit");
        stream.set_nodelay(true).expect("an option");
        Self { address: address.to_owned(), stream, correlation: 0 }
    }

    /// Opens another connection to the same broker.
    pub(crate) fn other(&self) -> Self {
        Self::new(&self.address)
    }

    pub(crate) fn send(&mut self, key: ApiKey, version: i16, request: &impl Encodable) {
        self.correlation += 1;
        let mut frame = BytesMut::new();
        let head = RequestHeader::default().with_request_api_key(key as i16).with_request_api_version(version);
        let head = head.with_correlation_id(self.correlation).with_client_id(Some(text("side")));
        head.encode(&mut frame, key.request_header_version(version)).expect("a header");
        request.encode(&mut frame, version).unwrap_or_else(|error| panic!("{key:?} {version}: {error}"));
        self.send_frame(&frame);
    }

    pub(crate) fn send_frame(&mut self, frame: &[u8]) {
        let mut whole = BytesMut::new();
        whole.put_u32(u32::try_from(frame.len()).expect("short"));
        whole.put_slice(frame);
        // A closed connection is noticed at the next read.
        let _ = self.stream.write_all(&whole);
    }

    /// Returns the next frame; `None` if the connection has ended.
    pub(crate) fn receive(&mut self) -> Option<Bytes> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).ok()?;
        let mut frame = vec![0; usize::try_from(u32::from_be_bytes(length)).expect("short")];
        self.stream.read_exact(&mut frame).expect("a whole frame");
        Some(Bytes::from(frame))
    }

    pub(crate) fn answer<T: Decodable>(&mut self, key: ApiKey, version: i16) -> Option<T> {
        let mut answer = self.receive()?;
        let head = ResponseHeader::decode(&mut answer, key.response_header_version(version)).expect("a header");
        assert_eq!(head.correlation_id, self.correlation);
        Some(T::decode(&mut answer, version).unwrap_or_else(|error| panic!("{key:?} {version}: {error}")))
    }

    /// Sends a request and waits for the answer; `None` if the connection ends instead.
    pub(crate) fn try_ask<T: Decodable>(&mut self, key: ApiKey, version: i16, request: &impl Encodable) -> Option<T> {
        self.send(key, version, request);
        self.answer(key, version)
    }

    pub(crate) fn ask<T: Decodable>(&mut self, key: ApiKey, version: i16, request: &impl Encodable) -> T {
        self.try_ask(key, version, request).unwrap_or_else(|| panic!("{key:?} {version} ended the connection"))
    }
}

/// The record of a conversation, with one line per answer.
#[derive(Default)]
pub(crate) struct Transcript(pub(crate) Vec<String>);

impl Transcript {
    pub(crate) fn record(&mut self, line: impl Display) {
        self.0.push(line.to_string());
    }
}

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(crate) fn topic(name: &str) -> TopicName {
    TopicName(text(name))
}
