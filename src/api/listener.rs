//! The address that the API answers at: how many connections it takes, and TLS.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use poem::http::uri::Scheme;
use poem::listener::{
    Acceptor, AcceptorExt, BoxIo, IntoTlsConfigStream, Listener as _, RustlsCertificate, RustlsConfig, TcpListener,
    ToDynAcceptor,
};
use poem::web::{LocalAddr, RemoteAddr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::{Serve, Tls};

/// How a certificate in PEM form begins.
const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

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
    let inner: Box<dyn poem::listener::DynAcceptor> = match &serve.tls {
        None => Box::new(ToDynAcceptor(tcp)),
        Some(tls) => {
            let mut acceptor = tcp.rustls(futures_util::stream::iter([config(tls)?]));
            // It takes the certificate up when it is first asked, and drops who comes at that moment: that is now, when
            // nobody can have come.
            let _ = tokio::time::timeout(Duration::ZERO, acceptor.accept()).await;
            Box::new(ToDynAcceptor(acceptor))
        }
    };
    let connections = Arc::new(Semaphore::new(serve.connections.min(Semaphore::MAX_PERMITS)));
    let acceptor = Limited { inner, connections };
    Ok(Listener { acceptor, address: bound.unwrap_or(address), is_tls: serve.tls.is_some() })
}

fn config(tls: &Tls) -> Result<RustlsConfig, BindError> {
    let read = |path: &PathBuf| std::fs::read(path).map_err(|source| BindError::TlsFile { path: path.clone(), source });
    let (certificate, key) = (read(&tls.certificate)?, read(&tls.key)?);
    let unusable =
        |reason: String| BindError::Tls { certificate: tls.certificate.clone(), key: tls.key.clone(), reason };
    if !certificate.windows(BEGIN.len()).any(|window| window == BEGIN) {
        return Err(unusable("there is no certificate".to_owned()));
    }
    let config = || {
        let certificate = RustlsCertificate::new().cert(certificate.clone()).key(key.clone());
        RustlsConfig::new().fallback(certificate)
    };
    // Tried here, since the listener tries it with its first connection and then tells nobody.
    config().into_stream().map(drop).map_err(|error| unusable(error.to_string()))?;
    Ok(config())
}

/// Takes so many connections at once; who comes later waits in the system's queue.
pub(crate) struct Limited {
    inner: Box<dyn poem::listener::DynAcceptor>,
    connections: Arc<Semaphore>,
}

impl Acceptor for Limited {
    type Io = Counted;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.inner.local_addr()
    }

    async fn accept(&mut self) -> std::io::Result<(Counted, LocalAddr, RemoteAddr, Scheme)> {
        let permit = Arc::clone(&self.connections).acquire_owned().await.map_err(std::io::Error::other)?;
        match self.inner.accept().await {
            Ok((io, local, remote, scheme)) => Ok((Counted { io, _permit: permit }, local, remote, scheme)),
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
    io: BoxIo,
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
    /// A file of TLS cannot be read.
    #[error("cannot read {}, which serve.tls names: {source}", path.display())]
    TlsFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Certificate and key are none.
    #[error("serve.tls cannot be used: {reason}; {} must hold certificates and {} their private key, both in PEM form", certificate.display(), key.display())]
    Tls {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why.
        reason: String,
    },
}
