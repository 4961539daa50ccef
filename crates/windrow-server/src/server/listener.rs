//! The address on which the API listens.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};

use crate::server::tls::{Certificate, TlsError};
use windrow_base::runtime::resolve;
use windrow_config::{ListenAddress, Serve};

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
    pub instead_of: Option<ListenAddress>,
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

/// Resolves the configured address and binds it. If it is in use and the user did not choose it, binds a free port.
///
/// # Errors
/// Returns an error if the address cannot be resolved or bound, or if the certificate or the key cannot be used.
pub async fn bind(serve: &Serve) -> Result<Listener, BindError> {
    let failed = |source| BindError::Bind { address: serve.listen.clone(), source };
    let mut addresses = resolve(&serve.listen.host, serve.listen.port).await.map_err(failed)?;
    let (tcp, instead_of) = match listen_on_first(&addresses) {
        Err(error) if error.kind() == ErrorKind::AddrInUse && !serve.is_listen_chosen => {
            addresses.iter_mut().for_each(|address| address.set_port(0));
            (listen_on_first(&addresses).map_err(failed)?, Some(serve.listen.clone()))
        }
        tcp => (tcp.map_err(failed)?, None),
    };
    let address = tcp.local_addr().map_err(failed)?;
    let certificate = serve.tls.as_ref().map(Certificate::load).transpose()?.map(Arc::new);
    Ok(Listener { tcp, certificate, address, instead_of })
}

/// Listens on the first of these addresses that the machine has. A machine may lack one of the two families of addresses.
fn listen_on_first(addresses: &[SocketAddr]) -> io::Result<TcpListener> {
    let mut listening: io::Result<TcpListener> = Err(ErrorKind::AddrNotAvailable.into());
    for address in addresses {
        listening = listen(*address);
        let is_final = |error: &io::Error| [ErrorKind::AddrInUse, ErrorKind::PermissionDenied].contains(&error.kind());
        if listening.as_ref().err().is_none_or(is_final) {
            break;
        }
    }
    listening
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
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
    /// The address cannot be resolved or bound.
    #[error(
        "the API cannot listen on {address}: {}; choose another address with --listen, as in 127.0.0.1:0 for a free port",
        reason(source)
    )]
    Bind {
        /// The address that was to be bound.
        address: ListenAddress,
        /// The error of the resolver or of the operating system.
        source: io::Error,
    },
    /// The certificate or the key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

fn reason(source: &io::Error) -> String {
    match source.kind() {
        ErrorKind::AddrNotAvailable => "this machine does not have the address".to_owned(),
        _ => source.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serving(listen: &str, is_listen_chosen: bool) -> Serve {
        Serve { listen: listen.parse().expect("an address"), is_listen_chosen, ..Serve::default() }
    }

    #[tokio::test]
    async fn a_host_name_is_resolved_and_another_port_is_taken_only_if_none_was_chosen() {
        let first = bind(&serving("localhost:0", true)).await.expect("a free port");
        assert!(!first.is_open() && first.instead_of.is_none(), "{}", first.url());
        let taken = first.address.to_string();
        let second = bind(&serving(&taken, false)).await.expect("another port");
        assert_eq!(second.instead_of.as_ref().map(ToString::to_string), Some(taken.clone()));
        assert_ne!(second.url(), first.url());
        let refused = bind(&serving(&taken, true)).await.expect_err("it is in use").to_string();
        assert!(refused.starts_with(&format!("the API cannot listen on {taken}: ")), "{refused}");
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_refused_and_the_next_one_is_tried() {
        // The network of this address is reserved for documentation (RFC 5737).
        let elsewhere = "203.0.113.7:0";
        let refused = bind(&serving(elsewhere, true)).await.expect_err("not of this machine").to_string();
        assert!(refused.contains("this machine does not have the address"), "{refused}");
        let addresses: [SocketAddr; 2] = [elsewhere, "127.0.0.1:0"].map(|address| address.parse().expect("an address"));
        assert!(listen_on_first(&addresses).is_ok());
        assert!(listen_on_first(&[]).is_err());
    }
}
