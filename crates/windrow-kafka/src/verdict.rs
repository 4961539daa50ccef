//! Decides which errors of the client library end reading.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::{BrokerError, Connection};
use windrow_record::Partition;

/// The meaning of a client library error for a reader.
pub(super) enum Verdict {
    /// Waiting resolves the error.
    Passing,
    /// All messages of the partition were returned.
    AtEnd(Partition),
    /// An offset does not exist. The library does not report of which partition.
    OutOfRange,
    /// The error ends reading.
    Final(BrokerError),
}

/// Classifies an error of a client that reads `topic`.
pub(super) fn judge(error: &KafkaError, topic: &str, connection: &Connection) -> Verdict {
    use RDKafkaErrorCode as Code;
    let failed = || Verdict::Final(connection.failed("read", topic, error));
    let code = match error {
        KafkaError::PartitionEOF(partition) => return Verdict::AtEnd(Partition(*partition)),
        KafkaError::MessageConsumptionFatal(_) => return failed(),
        other => match other.rdkafka_error_code() {
            Some(code) => code,
            None => return Verdict::Passing,
        },
    };
    match code {
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
            Verdict::Final(connection.no_such_topic(topic))
        }
        Code::OffsetOutOfRange | Code::AutoOffsetReset => Verdict::OutOfRange,
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
        _ => Verdict::Passing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(error: &KafkaError) -> Verdict {
        judge(error, "t", &Connection::new("a:1"))
    }

    #[test]
    fn what_waiting_does_not_mend_is_final() {
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
            let verdict = judged(&KafkaError::MessageConsumption(code));
            assert!(matches!(verdict, Verdict::Final(_)), "{code:?}");
        }
        for code in
            [Code::BrokerTransportFailure, Code::AllBrokersDown, Code::LeaderNotAvailable, Code::RequestTimedOut]
        {
            assert!(matches!(judged(&KafkaError::MessageConsumption(code)), Verdict::Passing), "{code:?}");
        }
        let fatal = KafkaError::MessageConsumptionFatal(Code::FencedInstanceId);
        assert!(matches!(judged(&fatal), Verdict::Final(_)));
        assert!(matches!(judged(&KafkaError::PartitionEOF(3)), Verdict::AtEnd(Partition(3))));
    }
}
