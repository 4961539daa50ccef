//! The embedded broker compared with Apache Kafka: the same requests to both must give the same answers.
//!
//! The answers of Kafka 4.4 are recorded in `tests/it/side_by_side/kafka-4.4/`, so that the embedded broker is compared
//! with it on every machine. A second test, which is ignored by default, compares the record with Kafka itself; with
//! `WINDROW_BLESS=1` it updates the record. `DIFFERENCES` lists the intended differences with their reasons.

mod administration;
mod client;
mod groups;
mod messages;
mod records;

use std::fs;
use std::path::PathBuf;

use windrow_testing::kafka::{Kafka, kafka};
use windrow_testing::{broker, root};

use crate::side_by_side::client::{Client, Transcript};

type Conversation = fn(&mut Client, &mut Transcript);

const CONVERSATIONS: [(&str, Conversation); 14] = [
    ("versions", administration::versions_are_agreed_on),
    ("create-topics", administration::topics_are_made),
    ("metadata", administration::topics_are_described),
    ("grow-and-delete", administration::topics_grow_and_go),
    ("settings", administration::settings_are_read_and_changed),
    ("cluster", administration::the_cluster_is_described),
    ("produce", messages::batches_are_taken_or_refused),
    ("sequences", messages::sequences_are_kept),
    ("fetch", messages::messages_are_fetched),
    ("offsets", messages::offsets_are_found),
    ("delete-records", messages::records_are_deleted),
    ("classic-group", groups::members_share_and_leave),
    ("static-members", groups::static_members_come_back),
    ("consumer-group", groups::the_broker_assigns),
];

/// The intended differences: the conversation, Kafka's line, the embedded broker's line, and the reason.
const DIFFERENCES: &[(&str, &str, &str, &str)] = &[
    (
        "settings",
        "min.insync.replicas: ok min.insync.replicas=1 from 3 of type 3",
        "min.insync.replicas: ok min.insync.replicas=1 from 5 of type 3",
        "Kafka sets it for the cluster as it starts; here it is the default",
    ),
    (
        "settings",
        "set back: ok, then ok retention.ms=604800000 from 5 of type 5",
        "set back: ok, then ok retention.ms=-1 from 5 of type 5",
        "replays bear old times, and nothing is deleted that nobody asked to delete",
    ),
    (
        "cluster",
        "coordinator of kind 1 in version 6: ok at 1, ok at 1",
        "coordinator of kind 1 in version 6: TransactionalIdAuthorizationFailed at -1, TransactionalIdAuthorizationFailed at -1",
        "no transactions",
    ),
    ("cluster", "a transaction: ok", "a transaction: TransactionalIdAuthorizationFailed", "no transactions"),
    (
        "sequences",
        "an unknown producer from 5: ok at 24",
        "an unknown producer from 5: OutOfOrderSequenceNumber at -1",
        "a first batch that failed must not be followed by the second",
    ),
    (
        "fetch",
        "up to 110 bytes: ok, end 20, stable 20, start 0, 110 bytes from Some(0)",
        "up to 110 bytes: ok, end 20, stable 20, start 0, 101 bytes from Some(0)",
        "whole batches, where Kafka cuts the last one off",
    ),
    (
        "fetch",
        "up to 250 bytes: ok, end 20, stable 20, start 0, 250 bytes from Some(0)",
        "up to 250 bytes: ok, end 20, stable 20, start 0, 202 bytes from Some(0)",
        "whole batches, where Kafka cuts the last one off",
    ),
    (
        "static-members",
        "described: ok, Empty, protocol '', 0 members",
        "described: ok, Dead, protocol '', 0 members",
        "a group without members and without offsets is forgotten at once",
    ),
    (
        "consumer-group",
        "a commit of the epoch before: ok",
        "a commit of the epoch before: StaleMemberEpoch",
        "Kafka 4.4 takes it for a partition that was kept; here a member commits in its own epoch",
    ),
];

fn recorded(name: &str) -> PathBuf {
    root().join("tests/it/side_by_side/kafka-4.4").join(format!("{name}.txt"))
}

/// Returns the lines that a conversation with a broker gives.
fn run_conversation(address: &str, conversation: Conversation) -> Vec<String> {
    let mut transcript = Transcript::default();
    conversation(&mut Client::new(address), &mut transcript);
    transcript.0
}

/// Returns the lines in which two sides differ.
fn differing(left: &[String], right: &[String]) -> Vec<(String, String)> {
    let most = left.len().max(right.len());
    let line = |side: &[String], at: usize| side.get(at).cloned().unwrap_or_default();
    (0..most).map(|at| (line(left, at), line(right, at))).filter(|(left, right)| left != right).collect()
}

/// Returns the recorded answers of Apache Kafka.
fn recorded_answers(name: &str) -> Vec<String> {
    let path = recorded(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_embedded_broker_answers_as_kafka_did() {
    let (_broker, address) = broker();
    let (mut faults, mut meant) = (Vec::new(), Vec::new());
    for (name, conversation) in CONVERSATIONS {
        for (theirs, ours) in differing(&recorded_answers(name), &run_conversation(&address, conversation)) {
            match DIFFERENCES
                .iter()
                .find(|(at, kafka, embedded, _)| *at == name && *kafka == theirs && *embedded == ours)
            {
                Some(difference) => meant.push(difference),
                None => faults.push(format!(
                    "{name}: Kafka says '{theirs}'\n{:width$}  ours '{ours}'",
                    "",
                    width = name.len() + 6
                )),
            }
        }
    }
    for difference in DIFFERENCES.iter().filter(|difference| !meant.contains(difference)) {
        faults.push(format!("no longer differs: {difference:?}"));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
#[ignore = "needs a Kafka distribution and Java"]
fn kafka_answers_as_recorded() {
    let Some(distribution) = kafka() else { return };
    let kafka = Kafka::start(&distribution, 1);
    groups::warm_up(&mut Client::new(&kafka.address));
    let mut faults = Vec::new();
    for (name, conversation) in CONVERSATIONS {
        let transcript = run_conversation(&kafka.address, conversation);
        if std::env::var_os("WINDROW_BLESS").is_some() {
            fs::write(recorded(name), transcript.join("\n") + "\n").expect("a file");
        }
        for (recorded, now) in differing(&recorded_answers(name), &transcript) {
            faults.push(format!("{name}: Kafka said '{recorded}' once, and says '{now}'"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
