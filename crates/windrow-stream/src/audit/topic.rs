//! Compares the topic, from its first record to its last, with the messages that the manifests account for.

use std::collections::{BTreeMap, BTreeSet};

use roaring::RoaringTreemap;
use tokio_util::sync::CancellationToken;

use crate::audit::error::AuditError;
use crate::audit::report::Ledger;
use crate::audit::{Finding, FindingKind};
use windrow_kafka::{BrokerError, Connection, Delivery, PartitionState, ScanRange, TopicState, scan};
use windrow_record::display::counted;
use windrow_record::{Envelope, Offset, Partition};

/// The maximum number of messages without a window that are listed.
const MAX_LISTED_MESSAGES: usize = 10;

/// The messages of the topic, counted by what became of them.
#[derive(Debug, Default)]
struct MessageTally {
    messages: u64,
    /// The row numbers of the replay.
    delivered: RoaringTreemap,
    /// Messages after the last position that a manifest accounts for.
    unsealed: u64,
    /// Messages after the end of the stream.
    behind_end: u64,
    /// Messages that no window accounts for.
    lost: Vec<(Partition, Offset)>,
    /// The partitions whose end marker was read.
    ended: BTreeSet<Partition>,
}

/// Recounts the topic. Returns false if `stop` is cancelled.
pub(crate) fn recount(
    ledger: &mut Ledger,
    connection: &Connection,
    topic: &str,
    state: &TopicState,
    stop: &CancellationToken,
) -> Result<bool, AuditError> {
    if ledger.manifests.iter().any(|manifest| manifest.messages.log.is_some()) {
        ledger.skipped("topic", "not recounted: some windows came from a broker that ended with its run");
        return Ok(true);
    }
    let books = AccountedOffsets::of(ledger);
    let mut count = MessageTally::default();
    let stretch = |state: &PartitionState| ScanRange { partition: state.partition, from: state.low, until: state.high };
    let stretches: Vec<ScanRange> = state.partitions.iter().map(stretch).collect();
    let is_read = scan::<BrokerError>(connection, topic, &stretches, &|| stop.is_cancelled(), |delivery| {
        count.classify(&books, delivery);
        Ok(())
    })?;
    if !is_read {
        return Ok(false);
    }
    let deleted: i64 = state.partitions.iter().map(|state| state.low.0).sum();
    close(ledger, count, deleted);
    Ok(true)
}

/// The messages of each partition that the manifests account for.
struct AccountedOffsets<'a> {
    run: Option<&'a str>,
    through: bool,
    accounted: BTreeMap<Partition, RoaringTreemap>,
    /// The position in each partition at which reading would continue.
    resume: BTreeMap<Partition, Offset>,
    unnumbered: &'a BTreeSet<(Partition, Offset)>,
}

impl<'a> AccountedOffsets<'a> {
    fn of(ledger: &'a Ledger) -> Self {
        let mut accounted: BTreeMap<Partition, RoaringTreemap> = BTreeMap::new();
        let windows = ledger.manifests.iter().flat_map(|one| one.messages.all());
        for range in windows.chain(ledger.end.iter().flat_map(|end| &end.repeated_offsets)) {
            range.insert_into(accounted.entry(range.partition).or_default());
        }
        let resume = ledger.manifests.last().map(|manifest| &manifest.messages.resume);
        let resume = resume.into_iter().flatten().map(|point| (point.partition, point.offset)).collect();
        let run = ledger.run.as_ref().map(|run| run.as_str());
        Self { run, through: ledger.end.is_some(), accounted, resume, unnumbered: &ledger.unnumbered }
    }
}

impl MessageTally {
    fn classify(&mut self, books: &AccountedOffsets<'_>, delivery: &Delivery<'_>) {
        let (partition, offset) = (delivery.partition(), delivery.offset());
        self.messages += 1;
        match delivery.envelope() {
            Ok(Envelope::End { run, .. }) => {
                // An end marker of another replay does not end the partition.
                if run.is_none() || books.run.is_none() || run == books.run {
                    self.ended.insert(partition);
                }
                return;
            }
            Ok(Envelope::Row { row, run }) if run == books.run && !books.unnumbered.contains(&(partition, offset)) => {
                self.delivered.insert(row.get());
            }
            _ => {}
        }
        if books.accounted.get(&partition).is_some_and(|accounted| accounted.contains(offset.bits())) {
            return;
        }
        let is_behind = books.resume.get(&partition).is_none_or(|resume| offset >= *resume);
        if books.through && self.ended.contains(&partition) {
            self.behind_end += 1;
        } else if is_behind && !books.through {
            self.unsealed += 1;
        } else {
            self.lost.push((partition, offset));
        }
    }
}

fn close(ledger: &mut Ledger, count: MessageTally, deleted: i64) {
    let MessageTally { messages, delivered, unsealed, behind_end, lost, .. } = count;
    for (partition, offset) in lost.iter().take(MAX_LISTED_MESSAGES) {
        let fault = "no window accounts for this message".to_owned();
        ledger.find(Finding::of(FindingKind::Topic, fault).at(*partition, *offset));
    }
    if lost.len() > MAX_LISTED_MESSAGES {
        let more = counted((lost.len() - MAX_LISTED_MESSAGES) as u64, "more message", "more messages");
        let fault = format!("{more} that no window accounts for");
        ledger.find(Finding::of(FindingKind::Topic, fault));
    }
    if ledger.run.is_some() {
        ledger.totals.delivered = Some(delivered.len());
        if ledger.end.is_some() {
            let unstored = &delivered - &ledger.accounted;
            ledger.find_rows(FindingKind::Topic, &unstored, "in the topic, but neither in a window nor in quarantine");
            if deleted == 0 {
                let unsent = &ledger.accounted - &delivered;
                ledger.find_rows(FindingKind::Topic, &unsent, "in a file or in quarantine, but not in the topic");
            }
        }
    }
    let mut text = format!("{}, each accounted for", counted(messages, "message", "messages"));
    if unsealed > 0 {
        text.push_str(&format!(" or not sealed yet ({unsealed})"));
    }
    if behind_end > 0 {
        text.push_str(&format!("; {behind_end} after the end of the stream, which are not read"));
    }
    if deleted > 0 {
        text.push_str(&format!("; the broker has deleted {deleted} earlier messages, which are not recounted"));
    }
    ledger.check("topic", FindingKind::Topic, text);
}
