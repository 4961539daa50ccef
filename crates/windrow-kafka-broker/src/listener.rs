//! Accepts connections up to a limit, and ends them together.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;
use crate::connection;

/// The maximum number of connections. Each costs a file descriptor and a few kilobytes.
const MAX_CONNECTIONS: usize = 20_000;
/// The number of file descriptors that are reserved for files.
const RESERVED_FILES: u64 = 1_200;

/// Raises the limit of open files to the maximum, and returns the number of connections that it allows.
fn connections() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "the limit of open files could not be raised");
    }
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    // The minimum is 100, because a broker without connections is useless.
    usize::try_from(files.saturating_sub(RESERVED_FILES)).unwrap_or(MAX_CONNECTIONS).clamp(100, MAX_CONNECTIONS)
}

/// Accepts connections until `stop` is cancelled.
pub(super) async fn listen(listener: TcpListener, broker: Arc<Broker>, stop: CancellationToken) {
    let most = connections();
    let writers = Arc::new(Semaphore::new(connection::MAX_WRITERS));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            // A connection logs its own end.
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) if connections.len() < most => {
                    // Clients wait for answers, which are small.
                    let _ = stream.set_nodelay(true);
                    connections.spawn(connection::serve(stream, peer, Arc::clone(&broker), Arc::clone(&writers)));
                }
                Ok((_, peer)) => tracing::warn!(%peer, most, "too many connections: a connection was refused"),
                Err(error) => {
                    // The most likely reason is that no file descriptor is free. Connections that end release theirs.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    connections.shutdown().await;
}
