//! Runs a broker in a thread of its own: opens the data directory, serves clients, and closes the data at the end.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::broker::Broker;
use crate::catalog::Catalog;
use crate::directory::{Directory, DirectoryError};
use crate::disk::{Disk, RecoveryError};
use crate::groups::Coordinator;
use crate::journal::Journal;
use crate::listener;
use crate::options::{Options, Storage};

/// The threads of the runtime. With two, a client that reads does not wait for one that writes.
const THREADS: usize = 2;
/// The time limit for the last answers after the broker is stopped.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);
/// The time between two rounds in which old messages are deleted and full segments are sealed.
const CLEANUP_INTERVAL: Duration = Duration::from_secs(1);

/// The reason why a broker cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is in use, or does not belong to this machine.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address to listen on.
        address: SocketAddr,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The journal or a partition's log cannot be used.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// The system cannot start a thread.
    #[error("cannot start the threads of the broker: {0}")]
    Thread(#[from] std::io::Error),
}

/// The channel for the result of the start: the id of the log as soon as clients are answered, or an error.
type Ready = oneshot::Sender<Result<Uuid, StartError>>;

/// Serves clients in this thread until `stop` is cancelled.
pub(crate) fn run(
    listener: TcpListener,
    advertised: (String, u16),
    options: &Options,
    disk: Arc<Disk>,
    stop: &CancellationToken,
    ready: Ready,
) {
    // The data is opened last: if another step fails, nothing has to be closed.
    let started = start_runtime(listener)
        .and_then(|(runtime, listener)| Ok((runtime, listener, open(options, &disk, advertised)?)));
    let (runtime, listener, (broker, directory)) = match started {
        Ok(started) => started,
        Err(error) => {
            // The receiver is gone if the caller stopped waiting for the start.
            let _ = ready.send(Err(error));
            return;
        }
    };
    let broker = Arc::new(broker);
    let _ = ready.send(Ok(directory.id()));
    runtime.block_on(async {
        let tidying = tokio::spawn(clean_up(Arc::clone(&broker), stop.clone()));
        tokio::select! {
            () = listener::listen(listener, Arc::clone(&broker), stop.clone()) => {}
            () = broker.expire_sessions() => {}
        }
        if let Err(error) = tidying.await {
            tracing::warn!(%error, "old messages were not deleted");
        }
    });
    runtime.shutdown_timeout(SHUTDOWN_GRACE);
    broker.catalog.close();
    if let Err(error) = directory.end(&disk) {
        tracing::warn!(%error, "the data directory was not closed; the next start checks all data");
    }
}

/// Starts the threads of the runtime, and registers the listener with them.
fn start_runtime(listener: TcpListener) -> Result<(Runtime, tokio::net::TcpListener), StartError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(THREADS).thread_name("broker").enable_all();
    let runtime = builder.build()?;
    let listener = runtime.block_on(async { tokio::net::TcpListener::from_std(listener) })?;
    Ok((runtime, listener))
}

/// Opens the data directory, recovers its contents, and creates the broker that has them.
pub(crate) fn open(
    options: &Options,
    disk: &Arc<Disk>,
    advertised: (String, u16),
) -> Result<(Broker, Directory), StartError> {
    let mut directory = match &options.storage {
        Storage::Kept(path) => Directory::open(path, disk)?,
        Storage::Ephemeral(parent) => Directory::ephemeral(parent, disk)?,
    };
    let (journal, found) = Journal::open(directory.path(), Arc::clone(disk))?;
    let journal = Arc::new(journal);
    let groups = Coordinator::new(Arc::clone(&journal), &found.entries);
    let lost_entries = found.was_torn;
    let now = options.clock.now();
    let (catalog, lost_messages) = Catalog::open(directory.path(), Arc::clone(disk), journal, found, now)?;
    directory.begin(disk, lost_entries || lost_messages)?;
    Ok((Broker::new(advertised, &directory, catalog, groups, options.clock.clone()), directory))
}

/// Deletes old messages and seals full segments, until `stop` is cancelled.
async fn clean_up(broker: Arc<Broker>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(CLEANUP_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {
                let broker = Arc::clone(&broker);
                // A panic in a round ends only that round.
                let _ = tokio::task::spawn_blocking(move || broker.catalog.clean_up(broker.clock.now())).await;
            }
        }
    }
}
