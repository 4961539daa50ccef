//! The broker without sockets and threads, for tests and fuzzing. It takes a frame and returns the answer.

pub(super) mod requests;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::batch::Header;
pub use crate::batch::sealed as batch;
use crate::broker::Broker;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::disk::{self, Disk};
use crate::dispatch;
use crate::log::{PartitionLog, Retention, segment};
use crate::options::{Options, Storage};
use crate::server::{StartError, open};
use crate::wire::{Piece, TABLE};

/// The maximum time that an answer may wait for messages or for members of a group.
const MAX_WAIT: Duration = Duration::from_millis(5);
/// The time of the broker's clock, in milliseconds since 1970.
const NOW: i64 = 1_000;

/// A broker that answers in the thread of its caller.
#[derive(Debug)]
pub struct DryRun {
    broker: Broker,
    runtime: Runtime,
    // The lock of the directory is held as long as the broker exists.
    _directory: Directory,
}

impl DryRun {
    /// Creates a broker that keeps its data in `folder`.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be used.
    pub fn new(folder: &Path) -> Result<Self, StartError> {
        let options = Options {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            advertise: None,
            storage: Storage::Kept(folder.to_owned()),
            is_durable: false,
            clock: Clock::new(|| NOW),
        };
        let (broker, directory) = open(&options, &Arc::new(Disk::new(false)), ("localhost".to_owned(), 9092))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { broker, runtime, _directory: directory })
    }

    /// Sends a request that is made from the bytes in `chosen`. Returns true if an answer came within a few
    /// milliseconds.
    ///
    /// # Panics
    /// Panics if the answer cannot be decoded.
    pub fn ask(&self, key: ApiKey, version: i16, chosen: &[u8]) -> bool {
        let topic = self.broker.catalog.all().first().map_or(Uuid::nil(), |topic| topic.id);
        let Some(mut answer) = requests::frame(key, version, chosen, topic).and_then(|frame| self.answer(&frame))
        else {
            return false;
        };
        let fault = requests::fault(key, version, &mut answer);
        assert_eq!(fault, None, "the answer to {key:?} in version {version}");
        true
    }

    /// Returns the answer to a frame, both without their lengths. Returns `None` if the connection would end, or if no
    /// answer comes within a few milliseconds.
    pub fn answer(&self, frame: &[u8]) -> Option<Bytes> {
        let answered = async {
            let mut claim = self.broker.requests.claim();
            let answer = dispatch::answer(&self.broker, BytesMut::from(frame), "/127.0.0.1", &mut claim);
            tokio::select! {
                reply = answer => reply.ok().flatten(),
                () = self.broker.expire_sessions() => None,
                () = tokio::time::sleep(MAX_WAIT) => None,
            }
        };
        let mut bytes = BytesMut::new();
        for piece in self.runtime.block_on(answered)? {
            match piece {
                Piece::Bytes(more) => bytes.extend_from_slice(&more),
                Piece::File(range) => {
                    bytes.extend_from_slice(&disk::read(&range.file, range.position, range.length).ok()?);
                }
            }
        }
        Some(bytes.freeze())
    }
}

/// Returns the supported requests: each key with each of its versions.
pub fn kinds() -> impl Iterator<Item = (ApiKey, i16)> {
    TABLE.iter().flat_map(|(key, first, last)| (*first..=*last).map(|version| (*key, version)))
}

/// Opens a partition's log that consists of this one segment file. Returns its number of messages, or `None` if the log
/// is refused. Checks that reading the log and opening it again give the same messages.
///
/// # Errors
/// Returns an error if `folder` cannot be written.
///
/// # Panics
/// Panics if the log contradicts itself.
pub fn messages_in(folder: &Path, segment: &[u8]) -> std::io::Result<Option<i64>> {
    let retention = Retention { segment_bytes: 1 << 20, age: None, bytes: None };
    let disk = Arc::new(Disk::new(false));
    let path = folder.join("log");
    if path.exists() {
        fs::remove_dir_all(&path)?;
    }
    fs::create_dir(&path)?;
    fs::write(path.join(segment::name(0)), segment)?;
    let reopened = || PartitionLog::open(path.clone(), Arc::clone(&disk), retention, 0, NOW).ok().map(|(log, _)| log);
    let Some(log) = reopened() else { return Ok(None) };
    let bounds = log.bounds();
    let mut offset = bounds.start;
    while let Ok(Some(range)) = log.read(offset, 1) {
        let bytes = disk::read(&range.file, range.position, range.length)?;
        let header = Header::read(&bytes);
        let next = header.filter(|header| header.is_intact(&bytes)).map_or(offset, |header| header.next_offset());
        assert!(next > offset, "what is read at {offset} is a batch");
        offset = next;
    }
    assert_eq!(offset, bounds.end, "all messages can be read");
    for time in [None, Some(0), Some(NOW), Some(i64::MAX)] {
        if let Ok(Some(found)) = log.since(time) {
            assert!((bounds.start..bounds.end).contains(&found.offset), "{found:?} is not in {bounds:?}");
        }
    }
    assert!(log.close().is_ok());
    drop(log);
    let again = reopened().map(|log| log.bounds());
    assert_eq!(again, Some(bounds), "the same log when it is opened again");
    Ok(Some(bounds.end - bounds.start))
}
