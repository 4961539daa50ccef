//! The handle of a running broker.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::disk::Disk;
use crate::options::Options;
use crate::server::{StartError, run};

/// The handle of a running broker. The broker stops when the handle is dropped. [`Embedded::stop`] also waits for its
/// end.
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
    /// Starts a broker: opens its data, and returns as soon as it answers clients.
    ///
    /// # Errors
    /// Returns an error if the address is in use, or if the directory cannot be used.
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
            // If the handle was dropped, no task waits.
            let _ = end.send(());
        })?;
        let log_id = is_ready.await.unwrap_or_else(|_| Err(std::io::Error::other("it ended too early").into()))?;
        Ok(Self { host, port, log_id, disk, stop, ended })
    }

    /// Returns the address for clients on this machine, as `HOST:PORT`.
    pub fn bootstrap(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Returns the id of the log. It changes if messages may have been lost: offsets from another id have no meaning
    /// here.
    pub fn log_id(&self) -> Uuid {
        self.log_id
    }

    /// Returns the time since the first failed write, and its error; `None` if the last write succeeded. While writes
    /// fail, clients get errors that let them try again.
    #[must_use]
    pub fn write_failure(&self) -> Option<(Duration, String)> {
        self.disk.write_failure().map(|(since, reason)| (since.elapsed(), reason))
    }

    /// Stops the broker, and returns after everything is on disk and the port is free.
    pub async fn stop(mut self) {
        self.stop.cancel();
        // The thread that sends this may have ended already.
        let _ = (&mut self.ended).await;
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Returns the host and the port that reach a listener on this machine.
fn reachable(bound: SocketAddr) -> (String, u16) {
    let host = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        IpAddr::V6(ip) if ip.is_unspecified() => "localhost".to_owned(),
        IpAddr::V6(ip) => format!("[{ip}]"),
        IpAddr::V4(ip) => ip.to_string(),
    };
    (host, bound.port())
}
