//! The address that the API answers at.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::api::server::tls::{Certificate, TlsError};
use crate::config::Serve;

/// An address that is ours.
#[derive(Debug)]
pub struct Listener {
    pub(crate) tcp: TcpListener,
    pub(crate) certificate: Option<Arc<Certificate>>,
    address: SocketAddr,
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

/// Takes the address.
///
/// # Errors
/// It is taken, or not ours to take; or certificate and key cannot be used.
pub async fn bind(serve: &Serve) -> Result<Listener, BindError> {
    let failed = |source| BindError::Bind { address: serve.listen, source };
    let tcp = TcpListener::bind(serve.listen).await.map_err(failed)?;
    let address = tcp.local_addr().map_err(failed)?;
    let certificate = serve.tls.as_ref().map(Certificate::load).transpose()?.map(Arc::new);
    Ok(Listener { tcp, certificate, address })
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
