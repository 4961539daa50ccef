//! The address on which a server listens, in the forms that users write.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use windrow_record::display::excerpt;

/// The maximum number of characters of an invalid address that the error message repeats.
const MAX_EXCERPT: usize = 60;
/// The maximum length of a host name, in bytes (RFC 1035).
const MAX_HOST_LENGTH: usize = 253;

/// The address on which a server listens: a host and a port. A host name is resolved only when the server starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ListenAddress {
    /// A host name, or an IP address without brackets.
    pub host: String,
    /// The port. 0 means any free port.
    pub port: u16,
}

impl ListenAddress {
    /// Returns a port of 127.0.0.1, which only this machine can reach.
    pub fn local(port: u16) -> Self {
        Self { host: Ipv4Addr::LOCALHOST.to_string(), port }
    }
}

impl FromStr for ListenAddress {
    type Err = String;

    /// Parses `HOST:PORT` or `[IPV6]:PORT`. `:PORT` is the port of every IPv4 address of the machine, and `PORT` that of
    /// 127.0.0.1.
    fn from_str(text: &str) -> Result<Self, String> {
        let address = match text.rsplit_once(':') {
            None => parse_port(text).map(Self::local),
            Some((host, port)) => parse_host(host).zip(parse_port(port)).map(|(host, port)| Self { host, port }),
        };
        address.ok_or_else(|| {
            let given = excerpt(text, MAX_EXCERPT);
            format!("`{given}` is not an address and port, as in 127.0.0.1:8080 or localhost:8080")
        })
    }
}

/// Returns the port. Only digits are taken, although `u16` also parses a plus sign.
fn parse_port(text: &str) -> Option<u16> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Returns the host without brackets, or `None` if it is neither a name nor an address.
fn parse_host(text: &str) -> Option<String> {
    let is_plain = |text: &str| text.chars().all(|letter| letter.is_alphanumeric() || "-._".contains(letter));
    if text.is_empty() {
        return Some(Ipv4Addr::UNSPECIFIED.to_string());
    }
    let Some(inside) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
        return (text.len() <= MAX_HOST_LENGTH && is_plain(text)).then(|| text.to_owned());
    };
    // An address of one network has the name of its interface after a `%`.
    let (address, interface) = inside.split_once('%').unwrap_or((inside, ""));
    (address.parse::<Ipv6Addr>().is_ok() && is_plain(interface)).then(|| inside.to_owned())
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl TryFrom<String> for ListenAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ListenAddress> for String {
    fn from(address: ListenAddress) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_the_forms_that_users_write() {
        for (text, written) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("localhost:8080", "localhost:8080"),
            ("my_host.example.org:1", "my_host.example.org:1"),
            ("[::1]:8080", "[::1]:8080"),
            ("[fe80::1%eth0]:0", "[fe80::1%eth0]:0"),
            (":8080", "0.0.0.0:8080"),
            ("8080", "127.0.0.1:8080"),
        ] {
            let address: ListenAddress = text.parse().expect(text);
            assert_eq!(address.to_string(), written, "{text}");
            assert_eq!(written.parse::<ListenAddress>(), Ok(address), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused_with_a_short_sentence() {
        let long = format!("{}:80", "a".repeat(1 << 20));
        let texts = ": localhost localhost: 127.0.0.1 ::1:8080 ::1 [::1] [localhost]:80 []:80 http://localhost:8080 \
                     http://localhost localhost:99999 localhost:-1 localhost:+80 user@host:80 *:80 99999";
        let others = ["", "localhost: 80", "a b:80", "[::1%a b]:80", "\0:80", &long];
        for text in texts.split(' ').chain(others) {
            let refusal = text.parse::<ListenAddress>().expect_err(text);
            assert!(refusal.contains("is not an address and port") && refusal.len() < 400, "{refusal}");
        }
    }
}
