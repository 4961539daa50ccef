//! An embeddable Kafka broker: one node, messages on disk, consumer groups, without a JVM.
//!
//! The broker runs in a thread of this process, with a tokio runtime of its own. Clients connect over TCP, as to any
//! Kafka broker. It does not print and does not handle signals. It needs a Unix system.
//!
//! The broker has neither TLS nor authentication: listen on a loopback address unless the network is trusted. It has no
//! transactions, no compaction and no replicas.
//!
//! # Example
//!
//! ```
//! use windrow_kafka_broker::{Clock, Embedded, Options, Storage};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let broker = Embedded::start(Options {
//!     listen: ([127, 0, 0, 1], 0).into(), // any free port
//!     advertise: None,
//!     storage: Storage::Kept(folder.path().join("data")),
//!     is_durable: false,
//!     clock: Clock::system(),
//! })
//! .await?;
//! // The `bootstrap.servers` of a client, for instance "127.0.0.1:40123".
//! let bootstrap = broker.bootstrap();
//! # std::net::TcpStream::connect(&bootstrap)?;
//! broker.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//!
//! - An acknowledged message survives the end of this process, also by SIGKILL. With [`Options::is_durable`], it
//!   survives a power cut.
//! - A consumer never reads a message that a recovery could remove.
//! - Damaged data is refused at the start, with file and byte. The only exception is a torn tail, which was never
//!   acknowledged.
//! - The total memory of requests is bounded. A count or a length in a request reserves no more memory than bytes were
//!   sent. The numbers of connections, groups, members, committed offsets and partitions are bounded.
//!
//! # Parts
//!
//! The list goes from the top down: a part uses only parts that are listed after it.
//!
//! | part | purpose |
//! |---|---|
//! | `embedded`, `server`, `options` | the handle of a running broker, its thread, its options |
//! | `listener`, `connection` | accepts connections; reads frames and writes answers in order, at a bounded cost for each client |
//! | `dry_run` | requests answered without a network; for tests and fuzzing |
//! | `dispatch` | from a frame to the function that answers its request |
//! | `answers` | from a request to calls of catalog, logs and groups, and back to a response; no state |
//! | `broker` | the state that all connections share |
//! | `groups` | the group coordinator: classic and consumer groups as state machines without a clock, assignors, committed offsets |
//! | `wire` | the vocabulary of the protocol: versions, headers, replies, the codecs of produce and fetch, guarded decoding |
//! | `catalog` | topics and their settings, producer ids |
//! | `log` | one partition: segments, index, idempotent producers, recovery, readers that wait |
//! | `journal` | all data that is not messages, as lines with checksums: topics, settings, producer ids, committed offsets |
//! | `batch` | record batches as bytes; pure |
//! | `directory`, `disk` | the data directory, its one owner and its id; the only user of files |
//! | `budget`, `blocking`, `clock`, `refusal` | a limit on memory; work that waits for the disk; the time of day; errors that clients get |

mod answers;
mod batch;
mod blocking;
mod broker;
mod budget;
mod catalog;
mod clock;
mod connection;
mod directory;
mod disk;
mod dispatch;
#[cfg(any(test, fuzzing))]
pub mod dry_run;
mod embedded;
mod groups;
mod journal;
mod listener;
mod log;
mod options;
mod refusal;
mod server;
#[cfg(test)]
mod tests;
mod wire;

pub use crate::clock::Clock;
pub use crate::directory::{DirectoryError, is_in_use};
pub use crate::disk::RecoveryError;
pub use crate::embedded::Embedded;
pub use crate::options::{Options, Storage};
pub use crate::server::StartError;
