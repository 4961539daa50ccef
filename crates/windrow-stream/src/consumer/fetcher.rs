//! Reads the topic on its own thread and passes on many messages at once, so that their processing does not delay the
//! next read.

use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError};
use std::time::{Duration, Instant};

use crate::consumer::reporting::report_lags;
use windrow_base::telemetry::Progress;
use windrow_kafka::{BrokerError, Deleted, Delivery, PollEvent, Subscription, TopicState};
use windrow_record::{Envelope, Offset, Partition, RowNumber};

/// The time that a poll waits before the fetcher checks for requests.
const POLL_TIMEOUT: Duration = Duration::from_millis(50);
/// The number of messages that are passed on at once.
const BATCH_MESSAGES: usize = 1024;
/// The number of bytes that are passed on at once, unless one message is larger.
const BATCH_BYTES: usize = 256 * 1024;
/// The interval between two updates of the lag and two checks for an outage.
const CHECK_INTERVAL: Duration = Duration::from_millis(200);
/// The time limit for the answer to the last commit. The manifests do not depend on it.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(1);

/// Messages in the order of their arrival.
#[derive(Default)]
pub(crate) struct Messages {
    bytes: Vec<u8>,
    /// The names of the replays that the messages belong to.
    runs: Vec<String>,
    all: Vec<Message>,
}

struct Message {
    partition: Partition,
    offset: Offset,
    kind: MessageKind,
    /// The end of the value in `bytes`. It begins at the end of the previous message's value.
    end: usize,
}

enum MessageKind {
    Row { row: RowNumber, run: Option<usize> },
    Foreign,
    End { run: Option<usize>, first: RowNumber, rows: Option<u64> },
    Unreadable { reason: String },
}

/// A message as it is handed to the writer.
pub(crate) struct Incoming<'a> {
    pub(crate) partition: Partition,
    pub(crate) offset: Offset,
    /// The content of its headers, or the reason why they cannot be read.
    pub(crate) envelope: Result<Envelope<'a>, String>,
    pub(crate) value: &'a [u8],
}

impl<'a> Incoming<'a> {
    pub(crate) fn of(delivery: &'a Delivery<'_>) -> Self {
        let (partition, offset) = (delivery.partition(), delivery.offset());
        Self { partition, offset, envelope: delivery.envelope(), value: delivery.value() }
    }
}

impl Messages {
    fn push(&mut self, delivery: &Delivery<'_>) {
        let kind = match delivery.envelope() {
            Ok(Envelope::Row { row, run }) => MessageKind::Row { row, run: run.map(|run| self.run(run)) },
            Ok(Envelope::Foreign) => MessageKind::Foreign,
            Ok(Envelope::End { run, first, rows }) => {
                MessageKind::End { run: run.map(|run| self.run(run)), first, rows }
            }
            Err(reason) => MessageKind::Unreadable { reason },
        };
        self.bytes.extend_from_slice(delivery.value());
        let (partition, offset, end) = (delivery.partition(), delivery.offset(), self.bytes.len());
        self.all.push(Message { partition, offset, kind, end });
    }

    /// Returns the index of a replay's name in `runs`, and adds the name if necessary. It is usually the last one.
    fn run(&mut self, run: &str) -> usize {
        self.runs.iter().rposition(|known| known == run).unwrap_or_else(|| {
            self.runs.push(run.to_owned());
            self.runs.len() - 1
        })
    }

    fn is_full(&self) -> bool {
        self.all.len() >= BATCH_MESSAGES || self.bytes.len() >= BATCH_BYTES
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Incoming<'_>> {
        let mut begin = 0;
        self.all.iter().map(move |message| {
            let run = |run: &Option<usize>| run.and_then(|run| self.runs.get(run)).map(String::as_str);
            let envelope = match &message.kind {
                MessageKind::Row { row, run: of } => Ok(Envelope::Row { row: *row, run: run(of) }),
                MessageKind::Foreign => Ok(Envelope::Foreign),
                MessageKind::End { run: of, first, rows } => {
                    Ok(Envelope::End { run: run(of), first: *first, rows: *rows })
                }
                MessageKind::Unreadable { reason } => Err(reason.clone()),
            };
            let value = &self.bytes[begin..message.end];
            begin = message.end;
            Incoming { partition: message.partition, offset: message.offset, envelope, value }
        })
    }

    fn clear(&mut self) {
        // The memory of a single large message is not kept.
        if self.bytes.capacity() > 4 * BATCH_BYTES {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
        self.runs.clear();
        self.all.clear();
    }
}

/// A report of the fetcher. Reports are in order of occurrence.
pub(crate) enum Fetched {
    Messages(Messages),
    /// The broker has no more messages of this partition than were passed on.
    AtEnd(Partition),
    /// Messages that the broker has deleted. Reading continues after them.
    Deleted(Deleted),
    Topic(TopicState),
    /// All partitions have been read to their ends, and the broker has confirmed this.
    ReachedEnd,
    Failed(BrokerError),
}

pub(crate) enum Request {
    /// Commit these positions to the broker.
    Commit(Vec<(Partition, Offset)>),
    /// Commit these positions, wait for the answer, and end.
    CommitLast(Vec<(Partition, Offset)>),
    /// Read another partition, from this offset.
    Add(Partition, Offset),
    /// Report when everything has been read to its end.
    ReportEnd,
    /// Reuse this memory for more messages.
    Reuse(Messages),
}

/// A fetcher at work. It ends when the other side of a channel is dropped, after the last commit, or after an error.
pub(crate) struct Fetcher {
    pub(crate) subscription: Subscription,
    pub(crate) progress: Progress,
    pub(crate) fetched: SyncSender<Fetched>,
    pub(crate) requests: Receiver<Request>,
}

/// The signal that the fetcher ends: no further report is expected.
struct ReceiverGone;

impl Fetcher {
    pub(crate) fn work(mut self) {
        // The consumer knows the reason.
        let _ = self.fetch();
    }

    fn fetch(&mut self) -> Result<(), ReceiverGone> {
        let mut free: Vec<Messages> = Vec::new();
        let mut is_end_wanted = false;
        let mut last_check = Instant::now();
        loop {
            loop {
                match self.requests.try_recv() {
                    Ok(Request::Reuse(messages)) => free.push(messages),
                    Ok(Request::ReportEnd) => is_end_wanted = true,
                    Ok(Request::Add(partition, from)) => {
                        let added = self.subscription.add(partition, from);
                        self.checked(added)?;
                    }
                    Ok(Request::Commit(positions)) => tell_failure(self.subscription.commit(&positions)),
                    Ok(Request::CommitLast(positions)) => {
                        tell_failure(self.subscription.commit_last(&positions, COMMIT_TIMEOUT));
                        return Ok(());
                    }
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Ok(()),
                }
            }
            let mut messages = free.pop().unwrap_or_default();
            messages.clear();
            let event = self.fill(&mut messages)?;
            if messages.is_empty() {
                free.push(messages);
            } else {
                self.send(Fetched::Messages(messages))?;
            }
            if let Some(deleted) = event {
                self.send(Fetched::Deleted(deleted))?;
            }
            for partition in self.subscription.take_ends() {
                // A message may have arrived after that end.
                if self.subscription.is_at_end(partition) {
                    self.send(Fetched::AtEnd(partition))?;
                }
            }
            if last_check.elapsed() > CHECK_INTERVAL {
                last_check = Instant::now();
                report_lags(self.progress.counters(), &self.subscription.lags());
                let outcome = if is_end_wanted {
                    self.subscription.has_reached_end().map(|is_through| is_through.then_some(Fetched::ReachedEnd))
                } else {
                    self.subscription.check_topic().map(|topic| topic.map(Fetched::Topic))
                };
                if let Some(fetched) = self.checked(outcome)? {
                    is_end_wanted &= !matches!(fetched, Fetched::ReachedEnd);
                    self.send(fetched)?;
                }
            }
        }
    }

    /// Waits for a message, and takes those that are available.
    fn fill(&mut self, messages: &mut Messages) -> Result<Option<Deleted>, ReceiverGone> {
        while !messages.is_full() {
            let wait = if messages.is_empty() { POLL_TIMEOUT } else { Duration::ZERO };
            let event = match self.subscription.poll(wait) {
                Ok(event) => event,
                Err(error) => {
                    // The messages before the error are reported before it.
                    let before = std::mem::take(messages);
                    self.send(Fetched::Messages(before))?;
                    return self.checked(Err(error));
                }
            };
            match event {
                Some(PollEvent::Message(delivery)) => messages.push(&delivery),
                Some(PollEvent::Deleted(deleted)) => return Ok(Some(deleted)),
                Some(PollEvent::Assigned(_) | PollEvent::Revoked(_)) | None => break,
            }
        }
        Ok(None)
    }

    fn send(&self, fetched: Fetched) -> Result<(), ReceiverGone> {
        self.fetched.send(fetched).map_err(|_| ReceiverGone)
    }

    fn checked<T>(&self, outcome: Result<T, BrokerError>) -> Result<T, ReceiverGone> {
        outcome.map_err(|error| {
            let _ = self.fetched.send(Fetched::Failed(error));
            ReceiverGone
        })
    }
}

fn tell_failure(committed: Result<(), BrokerError>) {
    if let Err(error) = committed {
        tracing::warn!(%error, "offsets not committed");
    }
}

/// The consumer's ends of the channels.
pub(crate) struct Fetching {
    pub(crate) fetched: Receiver<Fetched>,
    pub(crate) requests: Sender<Request>,
}

impl Fetching {
    /// Sends a request to the fetcher. A fetcher that has ended has given the reason in its last report.
    pub(crate) fn ask(&self, request: Request) {
        let _ = self.requests.send(request);
    }
}
