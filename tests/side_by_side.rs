//! The embedded broker beside Apache Kafka: the same requests to both, and the same answers.
//!
//! What Kafka 4.4 said stands in `tests/side_by_side/kafka-4.4/`, so that the embedded broker is held to it everywhere; where
//! `WINDROW_TEST_KAFKA` names a Kafka distribution, that is asked too and must say the same. `WINDROW_BLESS=1` then renews
//! what it said. Where the embedded broker is meant to differ, `DIFFERENCES` has both lines and the reason.
#![cfg(feature = "embedded")]

#[path = "side_by_side/administration.rs"]
mod administration;
#[path = "side_by_side/client.rs"]
mod client;
#[path = "side_by_side/groups.rs"]
mod groups;
#[path = "support/kafka.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod kafka;
#[path = "side_by_side/messages.rs"]
mod messages;
#[path = "side_by_side/records.rs"]
mod records;
#[path = "support/windrow.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod windrow;

use std::fs;
use std::path::{Path, PathBuf};

use crate::client::{Client, Transcript};
use crate::kafka::{Kafka, kafka};
use crate::windrow::{Running, free_port};

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

/// What Kafka says, what the embedded broker says, and why that is meant.
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
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/side_by_side/kafka-4.4").join(format!("{name}.txt"))
}

/// What a broker says in a conversation.
fn talk(address: &str, conversation: Conversation) -> Vec<String> {
    let mut said = Transcript::default();
    conversation(&mut Client::new(address), &mut said);
    said.0
}

/// The lines in which two sides differ.
fn differing(left: &[String], right: &[String]) -> Vec<(String, String)> {
    let most = left.len().max(right.len());
    let line = |side: &[String], at: usize| side.get(at).cloned().unwrap_or_default();
    (0..most).map(|at| (line(left, at), line(right, at))).filter(|(left, right)| left != right).collect()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "as for every snapshot, one variable renews what was recorded")]
fn both_say_the_same() {
    let kafka = kafka().map(|folder| Kafka::start(&folder, 1));
    let blesses = std::env::var("WINDROW_BLESS").is_ok();
    let address = format!("127.0.0.1:{}", free_port());
    let broker = Running::start(&["broker", "--listen", &address]);
    broker.wait_for("broker: embedded");
    if let Some(kafka) = &kafka {
        groups::warm_up(&mut Client::new(&kafka.address));
    }
    let (mut faults, mut meant) = (Vec::new(), Vec::new());
    for (name, conversation) in CONVERSATIONS {
        let path = recorded(name);
        if let Some(kafka) = &kafka {
            let said = talk(&kafka.address, conversation);
            if blesses {
                fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
                fs::write(&path, said.join("\n") + "\n").expect("a file");
            }
            let before = fs::read_to_string(&path).unwrap_or_default();
            let before: Vec<String> = before.lines().map(str::to_owned).collect();
            for (recorded, now) in differing(&before, &said) {
                faults.push(format!("{name}: Kafka said '{recorded}' once, and says '{now}'"));
            }
        }
        let kafka_said = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let kafka_said: Vec<String> = kafka_said.lines().map(str::to_owned).collect();
        for (theirs, ours) in differing(&kafka_said, &talk(&address, conversation)) {
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
