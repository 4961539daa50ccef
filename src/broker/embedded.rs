//! The broker in this program: tansu with its log in memory.
//!
//! It has threads of its own, so that neither it nor the stages starve the other.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tansu_broker::broker::Broker;
use tansu_broker::coordinator::group::administrator::Controller;
use tansu_storage::StorageContainer;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

use crate::broker::BrokerError;

const NODE_ID: i32 = 1;
const CLUSTER_ID: &str = "windrow";
const THREADS: usize = 2;
/// How long it may take to listen.
const START_LIMIT: Duration = Duration::from_secs(10);

/// A running broker.
#[derive(Debug)]
pub(crate) struct Embedded {
    pub(crate) address: String,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Embedded {
    /// Listens on `listen` (a free loopback port without it) and tells clients to come to `advertise`.
    pub(crate) async fn start(listen: Option<SocketAddr>, advertise: Option<String>) -> Result<Self, BrokerError> {
        let listen = free(listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))?;
        let address = advertise.unwrap_or_else(|| reachable(listen).to_string());
        let url = |address: &str| {
            Url::parse(&format!("tcp://{address}")).map_err(|_| BrokerError::Advertise { address: address.to_owned() })
        };
        let (listener, advertised) = (url(&listen.to_string())?, url(&address)?);
        let stop = CancellationToken::new();
        let (failed, mut failure) = tokio::sync::oneshot::channel();
        let thread = {
            let stop = stop.clone();
            std::thread::Builder::new().name("windrow-broker".to_owned()).spawn(move || {
                let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build();
                let result = runtime.map_err(|error| error.to_string()).and_then(|runtime| {
                    let result = runtime.block_on(serve(listener, advertised, stop));
                    runtime.shutdown_background();
                    result
                });
                // Nobody listens any more once it has started well.
                let _ = failed.send(result);
            })
        };
        let thread = thread.map_err(|source| BrokerError::EmbeddedFailed { reason: source.to_string() })?;
        let broker = Self { address, stop, thread: Some(thread) };
        let deadline = Instant::now() + START_LIMIT;
        while TcpStream::connect(reachable(listen)).await.is_err() {
            if let Ok(result) = failure.try_recv() {
                let reason = result.err().unwrap_or_else(|| "it ended at once".to_owned());
                return Err(BrokerError::EmbeddedFailed { reason });
            }
            if Instant::now() > deadline {
                return Err(BrokerError::EmbeddedFailed { reason: "it does not begin to listen".to_owned() });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(broker)
    }

    /// Ends it; what is in it is gone.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // A panic in the broker has been told already, by the panic itself.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn serve(listener: Url, advertised: Url, stop: CancellationToken) -> Result<(), String> {
    let storage = Url::parse("memory://windrow/").map_err(|error| error.to_string())?;
    let broker = Broker::<Controller<StorageContainer>, StorageContainer>::builder()
        .node_id(NODE_ID)
        .cluster_id(CLUSTER_ID)
        .incarnation_id(Uuid::new_v4())
        .listener(listener)
        .advertised_listener(advertised)
        .storage(storage)
        .silent(true)
        .build();
    let mut broker = broker.await.map_err(|error| error.to_string())?;
    tokio::select! {
        result = broker.serve(tokio::time::Instant::now()) => result.map_err(|error| error.to_string()),
        () = stop.cancelled() => Ok(()),
    }
}

/// The address itself, with a port that is free now where it has none.
fn free(listen: SocketAddr) -> Result<SocketAddr, BrokerError> {
    // Bound and let go again: the broker binds by itself, and would only log that it cannot.
    let bound = std::net::TcpListener::bind(listen).and_then(|listener| listener.local_addr());
    bound.map_err(|source| BrokerError::Listen { address: listen, source })
}

/// Where a client on this machine finds a broker that listens there.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
