//! The address on which the API listens.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};

use crate::api::server::tls::{Certificate, TlsError};
use windrow_config::Serve;

/// Maximum number of connections that wait in the system to be accepted. After more of them, a client would wait too
/// long.
const BACKLOG: u32 = 1024;
/// Size of the system's send buffer per connection, in bytes. It limits the cost of a client that does not read.
const SEND_BUFFER: u32 = 256 * 1024;

/// A socket that is bound to its address.
#[derive(Debug)]
pub struct Listener {
    pub(crate) tcp: TcpListener,
    pub(crate) certificate: Option<Arc<Certificate>>,
    address: SocketAddr,
    /// The configured address, if it was in use and another one was bound.
    pub instead_of: Option<SocketAddr>,
}

impl Listener {
    /// Returns the URL of the API, as in `http://127.0.0.1:8080`.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.is_tls() { "https" } else { "http" }, self.address)
    }

    /// Returns true if other machines can reach the address.
    pub fn is_open(&self) -> bool {
        !self.address.ip().is_loopback()
    }

    /// Returns true if the API uses HTTPS.
    pub fn is_tls(&self) -> bool {
        self.certificate.is_some()
    }
}

/// Binds the configured address. If it is in use and the user did not choose it, binds a free port.
///
/// # Errors
/// Returns an error if the address cannot be bound, or if the certificate or the key cannot be used.
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
    // The standard library does the same: a restarted server finds its port free.
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit the size.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// An error of [`bind`].
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address cannot be bound.
    #[error(
        "the API cannot listen on {address}: {source}; choose another address with --listen, as in 127.0.0.1:0 for a free port"
    )]
    Bind {
        /// The address that was to be bound.
        address: SocketAddr,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The certificate or the key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}
