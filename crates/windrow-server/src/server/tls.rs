//! TLS for the API, by rustls with ring. The TLS of poem is not used, because its cryptography library takes a minute
//! to build.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use windrow_config::Tls;

/// The certificate of the server. It can be replaced while connections are open.
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
    pub(crate) fn load(files: &Tls) -> Result<Self, TlsError> {
        Ok(Self { files: files.clone(), acceptor: ArcSwap::from_pointee(acceptor(files)?) })
    }

    /// Reads the files again, for later connections.
    ///
    /// # Errors
    /// Returns an error if the files cannot be read or do not match. The previous certificate then stays in use.
    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        self.acceptor.store(Arc::new(acceptor(&self.files)?));
        Ok(())
    }

    pub(crate) async fn accept(&self, tcp: TcpStream) -> io::Result<Stream> {
        let handshake = self.acceptor.load().accept(tcp);
        Ok(Either::Right(Box::new(handshake.await?)))
    }

    pub(crate) fn files(&self) -> [&Path; 2] {
        [&self.files.certificate, &self.files.key]
    }
}

fn acceptor(tls: &Tls) -> Result<TlsAcceptor, TlsError> {
    let read = |path: &PathBuf| std::fs::read(path).map_err(|source| TlsError::File { path: path.clone(), source });
    let (certificate, key) = (read(&tls.certificate)?, read(&tls.key)?);
    let unusable =
        |reason: String| TlsError::Unusable { certificate: tls.certificate.clone(), key: tls.key.clone(), reason };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&certificate).collect();
    let chain = chain.map_err(|error| unusable(error.to_string()))?;
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

/// A connection with or without TLS.
pub(crate) type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// An error in the TLS configuration.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}, which serve.tls names: {source}", path.display())]
    File {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The files are not a usable certificate and key.
    #[error("serve.tls cannot be used: {reason}; {} must hold certificates and {} their private key, both in PEM form", certificate.display(), key.display())]
    Unusable {
        /// The path of the certificate.
        certificate: PathBuf,
        /// The path of the key.
        key: PathBuf,
        /// A description of the fault.
        reason: String,
    },
}
