//! HTTPS with certificates that only the test trusts.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rcgen::CertifiedKey;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, Stream};
use windrow_testing::STEP_TIMEOUT;

/// Writes a new self-signed certificate for 127.0.0.1, and its key.
pub(crate) fn certify(certificate: &Path, key: &Path) {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    fs::write(certificate, cert.pem()).expect("a file");
    fs::write(key, signing_key.serialize_pem()).expect("a file");
}

/// Sends a request over a new connection. Returns the answer with its head, or the error. `trusted` is the only
/// certificate that is accepted.
pub(crate) fn https(url: &str, trusted: &Path, request: &str, body: &str) -> Result<String, String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).expect("a certificate")).expect("a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().expect("versions").with_root_certificates(roots);
    let name = ServerName::try_from("127.0.0.1").expect("an address");
    let mut tls = ClientConnection::new(Arc::new(config.with_no_client_auth()), name).expect("a client");
    let mut stream = TcpStream::connect(url.trim_start_matches("https://")).expect("it listens");
    stream.set_read_timeout(Some(STEP_TIMEOUT)).expect("a limit");
    let mut stream = Stream::new(&mut tls, &mut stream);
    let head = format!("{request} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-length: {}", body.len());
    write!(stream, "{head}\r\ncontent-type: application/json\r\n\r\n{body}").map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        // A server may close the connection without a TLS close message.
        Err(error) if answer.is_empty() => Err(error.to_string()),
        _ => Ok(String::from_utf8_lossy(&answer).into_owned()),
    }
}
