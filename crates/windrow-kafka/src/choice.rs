//! The choice of a broker on the command line.

use std::fmt;
use std::str::FromStr;

/// The broker to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The embedded broker, unless the machine already has a Redpanda image. In a build with one of the two, that one.
    Auto,
    /// The broker inside this process.
    Embedded,
    /// A Redpanda container that this process starts.
    Redpanda,
    /// A running cluster: `HOST:PORT[,HOST:PORT...]`.
    External(String),
}

/// The error for a text that does not name a broker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a broker: expected auto, embedded, redpanda or HOST:PORT[,HOST:PORT...] ({reason})")]
pub struct ChoiceError {
    /// The text that was given.
    pub given: String,
    /// The reason why it is not valid.
    pub reason: String,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Auto => "auto",
            Self::Embedded => "embedded",
            Self::Redpanda => "redpanda",
            Self::External(addresses) => addresses,
        })
    }
}

impl FromStr for Choice {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        match text {
            "auto" => return Ok(Self::Auto),
            "embedded" => return Ok(Self::Embedded),
            "redpanda" => return Ok(Self::Redpanda),
            _ => {}
        }
        for address in text.split(',') {
            split_address(address).map_err(|reason| ChoiceError { given: text.to_owned(), reason })?;
        }
        Ok(Self::External(text.to_owned()))
    }
}

/// Splits `HOST:PORT` into the host and the port. An IPv6 address is in brackets, as in `[::1]:9092`. Returns the reason
/// if the address is something else.
pub(crate) fn split_address(address: &str) -> Result<(&str, u16), String> {
    let Some((host, port)) = address.rsplit_once(':') else {
        return Err(format!("`{address}` has no port, as in localhost:9092"));
    };
    let number = port.parse::<u16>().ok().filter(|number| *number > 0 && !port.starts_with('+'));
    let Some(number) = number else { return Err(format!("`{port}` is not a port from 1 to 65535")) };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_in_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let valid = match bare {
        Some(bare) => bare.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(is_in_name),
    };
    if valid { Ok((host, number)) } else { Err(format!("`{host}` is not the name or the address of a host")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_reads_back_as_it_was_written() {
        for text in ["auto", "embedded", "redpanda", "localhost:9092", "10.0.0.1:1,kafka-2.example:65535", "[::1]:9092"]
        {
            assert_eq!(text.parse::<Choice>().map(|choice| choice.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn an_unknown_broker_is_rejected_with_the_allowed_values() {
        for text in [
            "",
            "kafka",
            "Embedded",
            "localhost:",
            "localhost:0",
            "localhost:+1",
            "localhost:65536",
            ":9092",
            "a:1,,b:2",
            "a:1, b:2",
            "::1:9092",
            "[::1:9092",
            "http://localhost:9092",
        ] {
            let error = text.parse::<Choice>().expect_err(text).to_string();
            assert!(error.contains("auto, embedded, redpanda or HOST:PORT"), "{error}");
        }
        insta::assert_snapshot!(
            "kafka".parse::<Choice>().expect_err("not a broker"),
            @"`kafka` is not a broker: expected auto, embedded, redpanda or HOST:PORT[,HOST:PORT...] (`kafka` has no port, as in localhost:9092)"
        );
    }
}
