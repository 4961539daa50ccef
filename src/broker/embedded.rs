//! A broker inside this process: tansu's protocol on a port of ours, its messages in memory.
//!
//! It has a thread and a runtime of its own, so that neither it nor the rest of the process waits for the other; it
//! prints nothing, takes no signals, and ends when it is dropped. What it holds ends with it.

mod log;
mod storage;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use rama::{Context, Service as _};
use tansu_broker::coordinator::group::administrator::Controller;
use tansu_broker::service::services;
use tansu_storage::StorageContainer;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::broker::BrokerError;
use crate::broker::choice::check_address;
use crate::broker::embedded::storage::Store;

const CLUSTER: &str = "windrow";
const NODE: i32 = 1;
/// Two: reading and writing clients are served at the same time.
const THREADS: usize = 2;
/// How long what is being answered may take at the end.
const FAREWELL: Duration = Duration::from_secs(1);

/// A running embedded broker.
#[derive(Debug)]
pub(crate) struct Embedded {
    bootstrap: String,
    stop: CancellationToken,
    ended: oneshot::Receiver<()>,
}

impl Embedded {
    /// Starts listening. `advertise` is the `HOST:PORT` that clients are told to come to: by default the address that it
    /// listens on, or 127.0.0.1 (for `[::]`: localhost) when that means every address of this machine.
    pub(crate) async fn start(listen: SocketAddr, advertise: Option<&str>) -> Result<Self, BrokerError> {
        let refused = |error: std::io::Error| BrokerError::Listen { address: listen, reason: error.to_string() };
        let listener = TcpListener::bind(listen).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let bound = listener.local_addr().map_err(refused)?;
        let bootstrap = reachable(bound);
        let advertised = advertise.unwrap_or(&bootstrap).to_owned();
        let url = check_address(&advertised)
            .and_then(|()| Url::parse(&format!("tcp://{advertised}")).map_err(|error| error.to_string()))
            .map_err(|reason| BrokerError::Advertise { given: advertised, reason })?;

        let stop = CancellationToken::new();
        let (ready, is_ready) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let stopped = stop.clone();
        std::thread::Builder::new()
            .name("windrow-broker".to_owned())
            .spawn(move || {
                run(listener, url, &stopped, ready);
                let _ = end.send(());
            })
            .map_err(|error| BrokerError::Embedded { reason: error.to_string() })?;
        let embedded = Self { bootstrap, stop, ended };
        match is_ready.await {
            Ok(Ok(())) => Ok(embedded),
            Ok(Err(reason)) => Err(BrokerError::Embedded { reason }),
            Err(_) => Err(BrokerError::Embedded { reason: "it ended while it started".to_owned() }),
        }
    }

    /// Where clients on this machine find it.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Ends it and waits until its port is free again.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(2 * FAREWELL, &mut self.ended).await.is_err() {
            tracing::warn!("the embedded broker is slow to end; leaving it to the end of the process");
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// An address to connect to, for one to listen on.
fn reachable(bound: SocketAddr) -> String {
    match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::from((Ipv4Addr::LOCALHOST, bound.port())).to_string(),
        IpAddr::V6(ip) if ip.is_unspecified() => format!("localhost:{}", bound.port()),
        _ => bound.to_string(),
    }
}

fn run(listener: TcpListener, advertised: Url, stop: &CancellationToken, ready: oneshot::Sender<Result<(), String>>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("windrow-broker")
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = ready.send(Err(error.to_string()));
            return;
        }
    };
    runtime.block_on(async {
        let prepared = async {
            let listener = tokio::net::TcpListener::from_std(listener).map_err(|error| error.to_string())?;
            let store = store(advertised).await?;
            let groups = Controller::with_storage(store.clone()).map_err(|error| error.to_string())?;
            Ok((listener, store, groups))
        };
        match prepared.await {
            Ok((listener, store, groups)) => {
                let _ = ready.send(Ok(()));
                serve(&listener, &store, &groups, stop).await;
            }
            Err(reason) => {
                let _ = ready.send(Err(reason));
            }
        }
    });
    runtime.shutdown_timeout(FAREWELL);
}

async fn store(advertised: Url) -> Result<Store, String> {
    let memory = Url::parse("memory://windrow/").map_err(|error| error.to_string())?;
    let inner = StorageContainer::builder()
        .cluster_id(CLUSTER)
        .node_id(NODE)
        .advertised_listener(advertised)
        .storage(memory)
        .silent(true)
        .build()
        .await
        .map_err(|error| error.to_string())?;
    Ok(Store::new(inner))
}

/// tansu's own listener prints, and ends for good when one connection fails at the wrong moment; hence this one.
async fn serve(
    listener: &tokio::net::TcpListener,
    store: &Store,
    groups: &Controller<Store>,
    stop: &CancellationToken,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection to the embedded broker failed");
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let _ = stream.set_nodelay(true);
                    match services(CLUSTER, groups.clone(), store.clone(), None) {
                        Ok(service) => {
                            connections.spawn(async move {
                                // Every connection ends with an error: that of reading on after the client has gone.
                                if let Err(error) = service.serve(Context::default(), stream).await {
                                    tracing::debug!(%error, %peer, "a connection to the embedded broker ended");
                                }
                            });
                        }
                        Err(error) => tracing::warn!(%error, "the embedded broker cannot serve a connection"),
                    }
                }
                Err(error) => {
                    // Out of file descriptors, most likely: they come back as connections end.
                    tracing::warn!(%error, "the embedded broker cannot take a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    connections.shutdown().await;
}
