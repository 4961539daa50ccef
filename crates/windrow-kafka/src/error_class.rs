//! Decides which errors of the client library end reading.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::{BrokerError, Connection};
use windrow_record::Partition;

/// The meaning of a client library error for a reader.
pub(super) enum ErrorClass {
    /// Waiting resolves the error.
    Transient,
    /// All messages of the partition were returned.
    AtEnd(Partition),
    /// An offset does not exist. The library does not report of which partition.
    OutOfRange,
    /// The error ends reading.
    Fatal(BrokerError),
}

pub(super) fn classify(error: &KafkaError, topic: &str, connection: &Connection) -> ErrorClass {
    use RDKafkaErrorCode as Code;
    let failed = || ErrorClass::Fatal(connection.failed("read", topic, error));
    let code = match error {
        KafkaError::PartitionEOF(partition) => return ErrorClass::AtEnd(Partition(*partition)),
        KafkaError::MessageConsumptionFatal(_) => return failed(),
        other => match other.rdkafka_error_code() {
            Some(code) => code,
            None => return ErrorClass::Transient,
        },
    };
    match code {
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
            ErrorClass::Fatal(connection.no_such_topic(topic))
        }
        Code::OffsetOutOfRange | Code::AutoOffsetReset => ErrorClass::OutOfRange,
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::SaslAuthenticationFailed
        | Code::Authentication
        | Code::FencedInstanceId
        | Code::Fenced
        | Code::InconsistentGroupProtocol
        | Code::InvalidGroupId
        | Code::InvalidSessionTimeout
        | Code::GroupMaxSizeReached
        | Code::InvalidTopic
        | Code::UnsupportedFeature => failed(),
        _ => ErrorClass::Transient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classified(error: &KafkaError) -> ErrorClass {
        classify(error, "t", &Connection::new("a:1"))
    }

    #[test]
    fn errors_that_waiting_does_not_resolve_are_fatal() {
        use RDKafkaErrorCode as Code;
        let final_ones = [
            Code::TopicAuthorizationFailed,
            Code::SaslAuthenticationFailed,
            Code::Authentication,
            Code::FencedInstanceId,
            Code::InvalidGroupId,
            Code::UnknownTopicOrPartition,
        ];
        for code in final_ones {
            let verdict = classified(&KafkaError::MessageConsumption(code));
            assert!(matches!(verdict, ErrorClass::Fatal(_)), "{code:?}");
        }
        for code in
            [Code::BrokerTransportFailure, Code::AllBrokersDown, Code::LeaderNotAvailable, Code::RequestTimedOut]
        {
            assert!(matches!(classified(&KafkaError::MessageConsumption(code)), ErrorClass::Transient), "{code:?}");
        }
        let fatal = KafkaError::MessageConsumptionFatal(Code::FencedInstanceId);
        assert!(matches!(classified(&fatal), ErrorClass::Fatal(_)));
        assert!(matches!(classified(&KafkaError::PartitionEOF(3)), ErrorClass::AtEnd(Partition(3))));
    }
}
