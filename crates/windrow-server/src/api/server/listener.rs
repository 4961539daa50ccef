//! The address that the API answers at.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};

use crate::api::server::tls::{Certificate, TlsError};
use windrow_config::Serve;

/// How many connections wait in the system to be accepted. Who waits behind more of them would wait for long.
const BACKLOG: u32 = 1024;
/// How many bytes of answers the system holds for each connection: a client that reads none costs no more.
const SEND_BUFFER: u32 = 256 * 1024;

/// An address that is ours.
#[derive(Debug)]
pub struct Listener {
    pub(crate) tcp: TcpListener,
    pub(crate) certificate: Option<Arc<Certificate>>,
    address: SocketAddr,
    /// The address that was taken, where this is another one.
    pub instead_of: Option<SocketAddr>,
}

impl Listener {
    /// Where it answers, as in `http://127.0.0.1:8080`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", if self.is_tls() { "https" } else { "http" }, self.address)
    }

    /// Whether others than this machine can reach it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.address.ip().is_loopback()
    }

    /// Whether it speaks HTTPS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.certificate.is_some()
    }
}

/// Takes the address; where that is taken and nobody chose it, a free port.
///
/// # Errors
/// It is taken and was chosen, or not ours to take; or certificate and key cannot be used.
pub fn bind(serve: &Serve) -> Result<Listener, BindError> {
    let failed = |source| BindError::Bind { address: serve.listen, source };
    let (tcp, instead_of) = match listen(serve.listen) {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && !serve.is_listen_chosen => {
            (listen(SocketAddr::new(serve.listen.ip(), 0)).map_err(failed)?, Some(serve.listen))
        }
        tcp => (tcp.map_err(failed)?, None),
    };
    let address = tcp.local_addr().map_err(failed)?;
    let certificate = serve.tls.as_ref().map(Certificate::load).transpose()?.map(Arc::new);
    Ok(Listener { tcp, certificate, address, instead_of })
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // As the standard library does: a server that is started again finds its port free.
    socket.set_reuseaddr(true)?;
    // Connections inherit it.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Why there is no address.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address cannot be had.
    #[error(
        "the API cannot listen on {address}: {source}; choose another address with --listen, as in 127.0.0.1:0 for a free port"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}
