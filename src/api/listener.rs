//! The address that the API answers at: how many connections it takes, and TLS.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use poem::http::uri::Scheme;
use poem::listener::{Acceptor, Listener as _, TcpAcceptor, TcpListener};
use poem::web::{LocalAddr, RemoteAddr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

pub use crate::api::tls::TlsError;
use crate::api::tls::{self, Stream};
use crate::config::Serve;

/// An address that is ours.
pub struct Listener {
    pub(crate) acceptor: Limited,
    address: SocketAddr,
    is_tls: bool,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Listener").field(&self.address).finish()
    }
}

impl Listener {
    /// Where it answers, as in `http://127.0.0.1:8080`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", if self.is_tls { "https" } else { "http" }, self.address)
    }

    /// Whether others than this machine can reach it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.address.ip().is_loopback()
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.is_tls
    }
}

/// Takes the address.
///
/// # Errors
/// It is taken, or not ours to take; or certificate and key cannot be used.
pub async fn bind(serve: &Serve) -> Result<Listener, BindError> {
    let address = serve.listen;
    let tcp = TcpListener::bind(address).into_acceptor().await.map_err(|source| BindError::Bind { address, source })?;
    let bound = tcp.local_addr().into_iter().find_map(|address| address.as_socket_addr().copied());
    let tls = serve.tls.as_ref().map(tls::acceptor).transpose()?;
    let connections = Arc::new(Semaphore::new(serve.connections.min(Semaphore::MAX_PERMITS)));
    let acceptor = Limited { tcp, tls, connections };
    Ok(Listener { acceptor, address: bound.unwrap_or(address), is_tls: serve.tls.is_some() })
}

/// Takes so many connections at once; who comes later waits in the system's queue.
pub(crate) struct Limited {
    tcp: TcpAcceptor,
    tls: Option<TlsAcceptor>,
    connections: Arc<Semaphore>,
}

impl Acceptor for Limited {
    type Io = Counted;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.tcp.local_addr()
    }

    async fn accept(&mut self) -> std::io::Result<(Counted, LocalAddr, RemoteAddr, Scheme)> {
        let permit = Arc::clone(&self.connections).acquire_owned().await.map_err(std::io::Error::other)?;
        match self.tcp.accept().await {
            Ok((tcp, local, remote, _)) => {
                let scheme = if self.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
                let io = Stream::new(tcp, self.tls.as_ref());
                Ok((Counted { io, _permit: permit }, local, remote, scheme))
            }
            Err(error) => {
                // As when the process has no file handle left: at once again would be a busy loop.
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(error)
            }
        }
    }
}

/// A connection that counts until it is closed.
pub(crate) struct Counted {
    io: Stream,
    _permit: OwnedSemaphorePermit,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
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
