//! Which broker a person asks for.

use std::fmt;
use std::str::FromStr;

/// The ways to come by a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Redpanda where there is a Docker engine with the image, else the embedded one.
    Auto,
    /// The one in this program.
    Embedded,
    /// Redpanda in a container.
    Redpanda,
    /// A cluster that is there already.
    External(String),
}

impl FromStr for Choice {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        match text {
            "auto" => Ok(Self::Auto),
            "embedded" => Ok(Self::Embedded),
            "redpanda" => Ok(Self::Redpanda),
            addresses if addresses.split(',').all(is_address) => Ok(Self::External(addresses.to_owned())),
            _ => Err(ChoiceError { given: text.to_owned() }),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Embedded => "embedded",
            Self::Redpanda => "redpanda",
            Self::External(addresses) => addresses,
        })
    }
}

fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.trim().rsplit_once(':') else { return false };
    !host.is_empty() && !host.contains(char::is_whitespace) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// A broker that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` names no broker: expected auto, embedded, redpanda or HOST:PORT[,HOST:PORT...]")]
pub struct ChoiceError {
    given: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_reads_back_as_it_was_written() {
        for text in ["auto", "embedded", "redpanda", "localhost:9092", "a:1,b:2", "[::1]:9092"] {
            assert_eq!(text.parse::<Choice>().map(|choice| choice.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_names_no_broker_is_refused() {
        for text in ["", "kafka", "localhost", ":9092", "localhost:", "localhost:0", "localhost:99999", "a:1,", "a b:1"]
        {
            assert!(text.parse::<Choice>().is_err(), "{text} was taken");
        }
    }
}
