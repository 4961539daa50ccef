//! Finds the fault of a broker's certificate. The client library reports only that it could not be verified.

use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{CertificateError, ClientConfig, ClientConnection, Error, RootCertStore};

/// The time limit of each step. The broker is known to answer: the client library has already reported a fault.
const TLS_TIMEOUT: Duration = Duration::from_secs(8);

/// Verifies the certificate of `HOST:PORT` against the authorities in a file. Returns its fault, as the end of a
/// sentence that starts with 'its certificate'. `None` if it has no fault, or if the fault is not known. Blocks.
pub(super) fn fault(address: &str, authorities: &Path) -> Option<String> {
    let mut roots = RootCertStore::empty();
    let given = CertificateDer::pem_file_iter(authorities).ok()?.flatten();
    roots.add_parsable_certificates(given);
    let (host, _) = address.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let mut tls = client(roots, &host)?;
    let mut stream = connect(address, TLS_TIMEOUT)?;
    while tls.is_handshaking() {
        if let Err(error) = tls.complete_io(&mut stream) {
            let Error::InvalidCertificate(fault) = error.get_ref()?.downcast_ref::<Error>()? else { return None };
            return describe_fault(fault, &host, authorities);
        }
    }
    None
}

/// A TLS client that has not sent anything yet.
pub(super) fn client(roots: RootCertStore, host: &str) -> Option<ClientConnection> {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().ok()?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    ClientConnection::new(Arc::new(config), ServerName::try_from(host.to_owned()).ok()?).ok()
}

/// Connects to an address. `timeout` limits the connection, each read and each write.
pub(super) fn connect(address: &str, timeout: Duration) -> Option<TcpStream> {
    let stream = address.to_socket_addrs().ok()?.find_map(|at| TcpStream::connect_timeout(&at, timeout).ok())?;
    stream.set_read_timeout(Some(timeout)).and_then(|()| stream.set_write_timeout(Some(timeout))).ok()?;
    Some(stream)
}

fn describe_fault(fault: &CertificateError, host: &str, authorities: &Path) -> Option<String> {
    use CertificateError as Fault;
    let authorities = authorities.display();
    Some(match fault {
        Fault::Expired | Fault::ExpiredContext { .. } => "has expired; renew it on the broker".to_owned(),
        Fault::NotValidYet | Fault::NotValidYetContext { .. } => {
            "is not valid yet; check the clocks of both machines".to_owned()
        }
        Fault::UnknownIssuer | Fault::BadSignature => format!(
            "was not issued by an authority in {authorities}; set ssl.ca.location in [kafka] to the file of its \
             authority"
        ),
        Fault::NotValidForName | Fault::NotValidForNameContext { .. } => {
            format!("is not valid for `{host}`; give --broker a name for which it is valid")
        }
        _ => return None,
    })
}
