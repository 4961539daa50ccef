//! TLS of the API's connections, by rustls with ring: poem's own brings a cryptography library that takes a minute to build.

use std::future::Future as _;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arc_swap::ArcSwap;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::{Accept, TlsAcceptor, server};

use windrow_config::Tls;

/// The certificate that connections are served with, which may be replaced while they are.
pub(crate) struct Certificate {
    files: Tls,
    acceptor: ArcSwap<TlsAcceptor>,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Certificate").field(&self.files).finish()
    }
}

impl Certificate {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// They cannot be read, or do not fit.
    pub(crate) fn load(files: &Tls) -> Result<Self, TlsError> {
        Ok(Self { files: files.clone(), acceptor: ArcSwap::from_pointee(acceptor(files)?) })
    }

    /// Reads them again, for connections from now on.
    ///
    /// # Errors
    /// They cannot be read, or do not fit; then those before stay.
    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        self.acceptor.store(Arc::new(acceptor(&self.files)?));
        Ok(())
    }

    /// Where they were read from.
    pub(crate) fn files(&self) -> [&Path; 2] {
        [&self.files.certificate, &self.files.key]
    }
}

fn acceptor(tls: &Tls) -> Result<TlsAcceptor, TlsError> {
    let read = |path: &PathBuf| std::fs::read(path).map_err(|source| TlsError::File { path: path.clone(), source });
    let (certificate, key) = (read(&tls.certificate)?, read(&tls.key)?);
    let unusable =
        |reason: String| TlsError::Unusable { certificate: tls.certificate.clone(), key: tls.key.clone(), reason };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&certificate)
        .collect::<Result<_, _>>()
        .map_err(|error| unusable(error.to_string()))?;
    if chain.is_empty() {
        return Err(unusable("there is no certificate".to_owned()));
    }
    let key =
        PrivateKeyDer::from_pem_slice(&key).map_err(|error| unusable(format!("there is no private key ({error})")))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config.map_err(|error| unusable(error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A connection, in the clear or by TLS. Its handshake is part of its first reading or writing, so that one which is slow
/// at it holds up nobody else.
pub(crate) enum Stream {
    Plain(TcpStream),
    Handshake(Box<Accept<TcpStream>>),
    Tls(Box<server::TlsStream<TcpStream>>),
}

impl Stream {
    pub(crate) fn new(tcp: TcpStream, certificate: Option<&Certificate>) -> Self {
        match certificate {
            None => Self::Plain(tcp),
            Some(certificate) => Self::Handshake(Box::new(certificate.acceptor.load().accept(tcp))),
        }
    }

    pub(crate) fn is_tls(&self) -> bool {
        !matches!(self, Self::Plain(_))
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Self::Handshake(handshake) = self {
            let stream = ready!(Pin::new(handshake.as_mut()).poll(cx))?;
            *self = Self::Tls(Box::new(stream));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_handshake(cx))?;
        match &mut *self {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
            Self::Handshake(_) => Poll::Pending,
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_handshake(cx))?;
        match &mut *self {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
            Self::Handshake(_) => Poll::Pending,
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_handshake(cx))?;
        match &mut *self {
            Self::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, slices),
            Self::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, slices),
            Self::Handshake(_) => Poll::Pending,
        }
    }

    fn is_write_vectored(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
            // Nothing was written yet.
            Self::Handshake(_) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
            // Closed when this is dropped.
            Self::Handshake(_) => Poll::Ready(Ok(())),
        }
    }
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}, which serve.tls names: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Certificate and key are none.
    #[error("serve.tls cannot be used: {reason}; {} must hold certificates and {} their private key, both in PEM form", certificate.display(), key.display())]
    Unusable {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why.
        reason: String,
    },
}
