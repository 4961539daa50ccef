//! A single-node broker that speaks Kafka's protocol: connections, logs on disk, groups.
//!
//! Knows nothing of rows and windows,
//! and imports nothing else of this crate. It has a thread and a runtime of its own, so that neither it nor the rest of
//! the process waits for the other; it prints nothing and takes no signals. What it acknowledged survives SIGKILL, and with
//! [`Options::is_durable`] a power cut.

mod answers;
mod batch;
mod blocking;
mod broker;
mod budget;
mod catalog;
mod connection;
mod directory;
mod disk;
mod dispatch;
#[cfg(any(test, fuzzing))]
pub mod dry_run;
mod groups;
mod journal;
mod listener;
mod log;
mod refused;
#[cfg(test)]
mod tests;
mod wire;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::broker::Broker;
pub use crate::broker::Clock;
use crate::catalog::Catalog;
use crate::directory::Directory;
pub use crate::directory::DirectoryError;
use crate::disk::Disk;
use crate::groups::Coordinator;
use crate::journal::Journal;
pub use crate::journal::JournalError;
pub use crate::log::RecoveryError;

/// Two: reading and writing clients are served at the same time.
const THREADS: usize = 2;
/// How long what is being answered may take at the end.
const FAREWELL: Duration = Duration::from_secs(1);
/// How often old messages are deleted and full segments sealed.
const TIDY: Duration = Duration::from_secs(1);

/// Where the messages are kept.
#[derive(Debug, Clone)]
pub enum Storage {
    /// In this directory, which outlives the broker.
    Kept(PathBuf),
    /// In a directory within this one, which an orderly end removes, and after a kill the next start.
    Ephemeral(PathBuf),
}

/// How a broker is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Port 0 is any that is free.
    pub listen: SocketAddr,
    /// The host and the port that clients are given; by default where it listens, or 127.0.0.1 (for `[::]`:
    /// localhost) where that is every address of this machine.
    pub advertise: Option<(String, u16)>,
    /// Where the messages are kept.
    pub storage: Storage,
    /// Whether what is acknowledged must survive a power cut.
    pub is_durable: bool,
    /// For retention and the times of commits.
    pub clock: Clock,
}

/// Why a broker cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A partition's log cannot be used.
    #[error(transparent)]
    Log(#[from] RecoveryError),
    /// The system gives no thread.
    #[error("the system gives no thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// A running broker. It ends when this is dropped, and in better order by [`Embedded::stop`].
#[derive(Debug)]
pub struct Embedded {
    host: String,
    port: u16,
    log_id: Uuid,
    disk: Arc<Disk>,
    stop: CancellationToken,
    ended: oneshot::Receiver<()>,
}

impl Embedded {
    /// Opens the data, listens, and returns when clients are answered.
    ///
    /// # Errors
    /// The address is taken, or the directory cannot be used.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let address = options.listen;
        let refused = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let (host, port) = reachable(listener.local_addr().map_err(refused)?);
        let advertised = options.advertise.clone().unwrap_or_else(|| (host.clone(), port));
        let stop = CancellationToken::new();
        let disk = Arc::new(Disk::new(options.is_durable));
        let (ready, is_ready) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let (stopped, files) = (stop.clone(), Arc::clone(&disk));
        std::thread::Builder::new().name("broker".to_owned()).spawn(move || {
            run(listener, advertised, &options, files, &stopped, ready);
            // Nobody waits where the handle was dropped.
            let _ = end.send(());
        })?;
        let log_id = is_ready.await.unwrap_or_else(|_| Err(std::io::Error::other("it ended at once").into()))?;
        Ok(Self { host, port, log_id, disk, stop, ended })
    }

    /// Where clients on this machine find it: `HOST:PORT`.
    pub fn bootstrap(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Names the log. Offsets that were read under another id say nothing here.
    pub fn log_id(&self) -> Uuid {
        self.log_id
    }

    /// For how long it has not been able to write, and why; none where the last write went well. Clients are asked to try
    /// again meanwhile.
    #[must_use]
    pub fn trouble(&self) -> Option<(Duration, String)> {
        self.disk.trouble().map(|(since, reason)| (since.elapsed(), reason))
    }

    /// Ends it and waits until everything is on disk and its port is free again.
    pub async fn stop(mut self) {
        self.stop.cancel();
        // The thread that sends this may be gone already.
        let _ = (&mut self.ended).await;
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A host and a port to connect to, for an address to listen on.
fn reachable(bound: SocketAddr) -> (String, u16) {
    let host = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        IpAddr::V6(ip) if ip.is_unspecified() => "localhost".to_owned(),
        IpAddr::V6(ip) => format!("[{ip}]"),
        IpAddr::V4(ip) => ip.to_string(),
    };
    (host, bound.port())
}

type Ready = oneshot::Sender<Result<Uuid, StartError>>;

fn run(
    listener: TcpListener,
    advertised: (String, u16),
    options: &Options,
    disk: Arc<Disk>,
    stop: &CancellationToken,
    ready: Ready,
) {
    let opened = open(options, &disk).and_then(|opened| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(THREADS).thread_name("broker").enable_all();
        Ok((opened, builder.build()?))
    });
    let (Opened { directory, catalog, groups }, runtime) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            // Nobody waits where the start was given up.
            let _ = ready.send(Err(error));
            return;
        }
    };
    let folder = directory.path().display().to_string();
    let broker = Broker::new(
        advertised,
        directory.id().to_string(),
        folder,
        Arc::clone(&catalog),
        groups,
        options.clock.clone(),
    );
    let most = listener::connections();
    runtime.block_on(async {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => {
                let tidying = tokio::spawn(tidy(Arc::clone(&catalog), options.clock.clone(), stop.clone()));
                let _ = ready.send(Ok(directory.id()));
                let broker = Arc::new(broker);
                tokio::select! {
                    () = listener::listen(listener, Arc::clone(&broker), most, stop.clone()) => {}
                    () = broker.keep_time() => {}
                }
                if let Err(error) = tidying.await {
                    tracing::warn!(%error, "old messages were not deleted");
                }
            }
            Err(error) => {
                let _ = ready.send(Err(error.into()));
            }
        }
    });
    runtime.shutdown_timeout(FAREWELL);
    catalog.close();
    if let Err(error) = directory.end(&disk) {
        tracing::warn!(%error, "the next start looks at all data");
    }
}

struct Opened {
    directory: Directory,
    catalog: Arc<Catalog>,
    groups: Coordinator,
}

fn open(options: &Options, disk: &Arc<Disk>) -> Result<Opened, StartError> {
    let mut directory = match &options.storage {
        Storage::Kept(path) => Directory::open(path, disk)?,
        Storage::Ephemeral(parent) => Directory::ephemeral(parent, disk)?,
    };
    let (journal, found) = Journal::open(directory.path(), Arc::clone(disk))?;
    let journal = Arc::new(journal);
    let groups = Coordinator::new(Arc::clone(&journal), &found.entries);
    let lost_a_line = found.was_torn;
    let now = options.clock.now();
    let (catalog, lost_a_tail) = Catalog::open(directory.path(), Arc::clone(disk), journal, found, now)?;
    directory.begin(disk, lost_a_line || lost_a_tail)?;
    Ok(Opened { directory, catalog: Arc::new(catalog), groups })
}

async fn tidy(catalog: Arc<Catalog>, clock: Clock, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(TIDY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {
                let (catalog, now) = (Arc::clone(&catalog), clock.now());
                // A panic there ends one round and not the broker.
                let _ = tokio::task::spawn_blocking(move || catalog.tidy(now)).await;
            }
        }
    }
}
