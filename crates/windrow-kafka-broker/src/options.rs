//! The options of a broker.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::clock::Clock;

/// The place where messages are stored.
#[derive(Debug, Clone)]
pub enum Storage {
    /// A directory. A later broker continues with its data.
    Kept(PathBuf),
    /// A new directory inside this one. The broker removes it when it stops; after a kill, the next broker does.
    Ephemeral(PathBuf),
}

/// The options of a broker.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address to listen on. Port 0 chooses a free port.
    pub listen: SocketAddr,
    /// The host and the port to which the broker sends clients. The default is the address to listen on; if that is
    /// `0.0.0.0`, it is 127.0.0.1, and if it is `[::]`, localhost.
    pub advertise: Option<(String, u16)>,
    /// The place where messages are stored.
    pub storage: Storage,
    /// Sync the disk before a message is acknowledged, so that it survives a power cut.
    pub is_durable: bool,
    /// The clock for retention and for the times of commits.
    pub clock: Clock,
}
