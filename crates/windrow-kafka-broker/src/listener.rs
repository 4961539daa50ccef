//! Connections taken, up to a number, and ended together.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;
use crate::connection;

/// Connections at once; each costs a file descriptor and a few kilobytes.
const CONNECTIONS: usize = 20_000;
/// Descriptors that are left for files.
const FILES: u64 = 1_200;

/// Raises the number of files that the process may have open, and says how many connections that leaves.
pub(super) fn connections() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "the number of open files stays as it is");
    }
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    // Never none: a broker without connections helps nobody.
    usize::try_from(files.saturating_sub(FILES)).unwrap_or(CONNECTIONS).clamp(100, CONNECTIONS)
}

/// Takes connections until it is told to stop.
pub(super) async fn listen(listener: TcpListener, broker: Arc<Broker>, most: usize, stop: CancellationToken) {
    let writers = Arc::new(Semaphore::new(connection::WRITERS));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            // A connection logs its own end.
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) if connections.len() < most => {
                    // Answers are small and waited for.
                    let _ = stream.set_nodelay(true);
                    connections.spawn(connection::serve(stream, peer, Arc::clone(&broker), Arc::clone(&writers)));
                }
                Ok((_, peer)) => tracing::warn!(%peer, most, "too many connections: one is refused"),
                Err(error) => {
                    // Out of file descriptors, most likely: they come back as connections end.
                    tracing::warn!(%error, "no connection can be taken");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    connections.shutdown().await;
}
