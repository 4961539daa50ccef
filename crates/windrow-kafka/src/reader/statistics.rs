//! The part of librdkafka's statistics that the readers use.

use std::collections::BTreeMap;

use serde::Deserialize;

use windrow_record::{Offset, Partition};

/// The time in microseconds after which a broker that owes a response counts as not answering. A broker responds to a
/// fetch within half a second, even if it has no messages.
const RESPONSE_TIMEOUT_MICROS: i64 = 3_000_000;

/// The known state of the partitions of one topic.
#[derive(Debug, Default)]
pub(super) struct Statistics(BTreeMap<Partition, KnownState>);

#[derive(Debug, Clone, Copy)]
pub(super) struct KnownState {
    /// The offset that the next message of the partition will have.
    pub(super) high: Option<Offset>,
    /// The end of the partition, as the broker last reported it.
    pub(super) end: Option<Offset>,
    is_reachable: bool,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    brokers: BTreeMap<String, Broker>,
    #[serde(default)]
    topics: BTreeMap<String, Topic>,
}

#[derive(Deserialize)]
struct Broker {
    nodeid: i32,
    state: String,
    #[serde(default)]
    waitresp_cnt: i64,
    /// The time since the last response, in microseconds.
    #[serde(default)]
    rxidle: i64,
}

#[derive(Deserialize)]
struct Topic {
    #[serde(default)]
    partitions: BTreeMap<String, PartitionStatistics>,
}

#[derive(Deserialize)]
struct PartitionStatistics {
    partition: i32,
    leader: i32,
    hi_offset: i64,
    eof_offset: i64,
}

impl Statistics {
    pub(super) fn parse(json: &[u8], topic: &str) -> Result<Self, serde_json::Error> {
        let raw: Raw = serde_json::from_slice(json)?;
        let is_prompt = |broker: &Broker| broker.waitresp_cnt == 0 || broker.rxidle < RESPONSE_TIMEOUT_MICROS;
        let answers = |leader: i32| {
            let leads = raw.brokers.values().find(|broker| broker.nodeid == leader);
            leads.is_some_and(|broker| broker.state == "UP" && is_prompt(broker))
        };
        let partitions = raw.topics.get(topic).into_iter().flat_map(|topic| topic.partitions.values());
        // Negative numbers are the library's codes for 'not known'.
        let offset = |offset: i64| (offset >= 0).then_some(Offset(offset));
        let known = partitions.filter(|one| one.partition >= 0).map(|one| {
            let (high, end) = (offset(one.hi_offset), offset(one.eof_offset));
            let is_reachable = one.leader >= 0 && answers(one.leader);
            (Partition(one.partition), KnownState { high, end, is_reachable })
        });
        Ok(Self(known.collect()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the known state of a partition, if its leader answers.
    pub(super) fn reachable(&self, partition: Partition) -> Option<KnownState> {
        self.0.get(&partition).copied().filter(|known| known.is_reachable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_in_reach_when_its_leader_answers() {
        let json = r#"{
            "brokers": {
                "a": {"nodeid": 1, "state": "UP", "waitresp_cnt": 1, "rxidle": 400000},
                "b": {"nodeid": 2, "state": "TRY_CONNECT"},
                "c": {"nodeid": 3, "state": "UP", "waitresp_cnt": 1, "rxidle": 9000000},
                "d": {"nodeid": 4, "state": "UP", "waitresp_cnt": 0, "rxidle": 9000000}
            },
            "topics": {"t": {"partitions": {
                "0": {"partition": 0, "leader": 1, "hi_offset": 7, "eof_offset": 7},
                "1": {"partition": 1, "leader": 2, "hi_offset": 7, "eof_offset": -1001},
                "2": {"partition": 2, "leader": 3, "hi_offset": 7, "eof_offset": 7},
                "3": {"partition": 3, "leader": 4, "hi_offset": -1001, "eof_offset": 7},
                "4": {"partition": 4, "leader": -1, "hi_offset": 7, "eof_offset": 7},
                "-1": {"partition": -1, "leader": -1, "hi_offset": -1001, "eof_offset": -1001}
            }}}
        }"#;
        let statistics = Statistics::parse(json.as_bytes(), "t").expect("statistics");
        let reachable: Vec<i32> =
            statistics.0.keys().filter(|one| statistics.reachable(**one).is_some()).map(|one| one.0).collect();
        assert_eq!(reachable, [0, 3]);
        let known = statistics.reachable(Partition(3)).expect("in reach");
        assert_eq!((known.high, known.end), (None, Some(Offset(7))));
        assert!(Statistics::parse(json.as_bytes(), "u").expect("statistics").is_empty());
    }
}
