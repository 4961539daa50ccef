//! Where messages come in and sealed windows go out.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::batch::{Arrival, BatchWriter, EndMark, Manifest, Rejected, RowRange, Taken};
use crate::broker::{Delivery, Subscription};
use crate::consumer::ConsumerError;
use crate::consumer::garbage::Garbage;
use crate::consumer::intake::Intake;
use crate::record::{Envelope, Offset, Partition};
use crate::telemetry::{Event, Progress};

/// How long a poll waits before the consumer looks at its clock and whether it is to stop.
const POLL_WAIT: Duration = Duration::from_millis(50);
/// So many messages are taken between two looks at the clock, at the latest.
const MESSAGES_A_STEP: u32 = 64;
/// How often the number of unread messages is renewed.
const LAG_INTERVAL: Duration = Duration::from_millis(200);
/// How long the broker may take to answer the last commit; the manifests do not depend on it.
const COMMIT_PATIENCE: Duration = Duration::from_secs(1);
/// After so long a silence a stream that has ended in part is told.
const SILENCE: Duration = Duration::from_secs(5);

/// All that a consumer works with.
pub(crate) struct Desk {
    pub(crate) intake: Intake,
    pub(crate) writer: BatchWriter,
    pub(crate) subscription: Subscription,
    pub(crate) garbage: Garbage,
    pub(crate) progress: Progress,
    /// The positions that were committed last.
    pub(crate) last: Vec<(Partition, Offset)>,
}

impl Desk {
    pub(crate) fn work(
        mut self,
        end_after_idle: Option<Duration>,
        stop: &CancellationToken,
    ) -> Result<(), ConsumerError> {
        let (mut last_message, mut last_lag) = (Instant::now(), Instant::now());
        let mut is_told = false;
        while !stop.is_cancelled() {
            let now = self.step(&mut last_message)?;
            let silence = now - last_message;
            if self.writer.has_all_ends() || end_after_idle.is_some_and(|limit| silence > limit) {
                self.garbage.judge()?;
                self.writer.finish(now)?;
            } else if silence > SILENCE && !is_told {
                is_told = self.tell_who_is_waited_for();
            }
            for manifest in self.writer.sealed() {
                self.settle(&manifest);
            }
            if let Some(end) = self.writer.end() {
                self.commit_last();
                self.progress.counters().lag.set(0);
                self.progress.tell(Event::StreamEnded { windows: end.windows });
                return Ok(());
            }
            if now - last_lag > LAG_INTERVAL {
                last_lag = now;
                self.subscription.look_after()?;
                self.writer.tick(now)?;
                self.tell_filling();
                if let Some(lag) = self.subscription.lag() {
                    self.progress.counters().lag.set(lag);
                }
            }
        }
        Ok(())
    }

    /// Takes the messages that are there, at most so many that the clock need not be read for each; waits for the first.
    /// Gives the time.
    fn step(&mut self, last_message: &mut Instant) -> Result<Instant, ConsumerError> {
        let Self { intake, writer, subscription, garbage, progress, .. } = self;
        let mut now = *last_message;
        for place in 0..MESSAGES_A_STEP {
            let polled = subscription.poll(if place == 0 { POLL_WAIT } else { Duration::ZERO })?;
            if place == 0 {
                now = Instant::now();
            }
            let Some(delivery) = &polled else {
                if place == 0 {
                    writer.tick(now)?;
                }
                break;
            };
            Post { intake, writer, garbage, progress }.take(delivery, now)?;
            *last_message = now;
            if writer.has_all_ends() {
                break;
            }
        }
        Ok(now)
    }

    /// What was committed without waiting may still be on its way when the process ends.
    fn commit_last(&self) {
        if let Err(error) = self.subscription.commit_last(&self.last, COMMIT_PATIENCE) {
            tracing::warn!(%error, "offsets not committed");
        }
    }

    /// A stream with several partitions of which some have ended looks as if it stood still.
    fn tell_who_is_waited_for(&self) -> bool {
        let (unended, all) = (self.writer.unended(), self.writer.partitions());
        if unended.len() == all {
            return false;
        }
        let waited_for = unended.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        tracing::warn!(
            "{} of {all} partitions have ended; waiting for the end marker of {waited_for} (a message with the header \
             windrow-end on each; --end-after-idle takes a silence for it)",
            all - unended.len()
        );
        true
    }

    fn tell_filling(&self) {
        let (window, rows, expected) = self.writer.filling();
        let counters = self.progress.counters();
        counters.window.set(u64::from(window.get()));
        counters.window_rows.set(rows);
        counters.window_expected.set(expected.unwrap_or(0));
    }

    /// The manifest is in place, so the broker may know how far we are.
    fn settle(&mut self, manifest: &Manifest) {
        let positions: Vec<_> = manifest.resume.iter().map(|point| (point.partition, point.offset)).collect();
        if let Err(error) = self.subscription.commit(&positions) {
            tracing::warn!(%error, window = %manifest.window, "offsets not committed");
        }
        self.last = positions;
        self.progress.tell(told(manifest));
    }
}

/// A sealed window as an event.
pub(crate) fn told(manifest: &Manifest) -> Event {
    Event::WindowSealed {
        window: manifest.window.get(),
        rows: manifest.rows,
        unlabelled: manifest.rows - manifest.labelled,
        quarantined: manifest.quarantined,
        reason: manifest.sealed.to_string(),
    }
}

/// What a message passes through.
pub(crate) struct Post<'a> {
    pub(crate) intake: &'a mut Intake,
    pub(crate) writer: &'a mut BatchWriter,
    pub(crate) garbage: &'a mut Garbage,
    pub(crate) progress: &'a Progress,
}

impl Post<'_> {
    pub(crate) fn take(self, delivery: &Delivery<'_>, now: Instant) -> Result<(), ConsumerError> {
        let Self { intake, writer, garbage, progress } = self;
        let (partition, offset) = (delivery.partition(), delivery.offset());
        let value = delivery.value();
        let (row, run, refusal) = match delivery.envelope() {
            Ok(Envelope::End { run, first, rows }) => {
                let sent = rows.filter(|rows| *rows > 0);
                let sent = sent.map(|rows| RowRange { first: first.get(), last: first.get().saturating_add(rows - 1) });
                return Ok(writer.end_partition(EndMark { partition, offset, run, sent, now })?);
            }
            Ok(Envelope::Row { row, run }) => (Some(row), run, None),
            Ok(Envelope::Foreign) => (None, None, None),
            Err(text) => (None, None, Some(format!("its windrow-row header `{text}` is not a row number"))),
        };
        let accepted = match refusal {
            Some(refusal) => Err(refusal),
            None => intake.read(value, row.is_none()).map_err(|refusal| refusal.to_string()),
        };
        let taken = match accepted {
            Ok(accepted) => writer.take(Arrival {
                partition,
                offset,
                run,
                row,
                labelled: accepted.labelled,
                time: accepted.time.map(|time| time.seconds()),
                record: accepted.record,
                now,
            })?,
            Err(reason) => writer.quarantine(Rejected { partition, offset, run, row, reason, raw: value, now })?,
        };
        let counters = progress.counters();
        match taken {
            Taken::Known => return Ok(()),
            Taken::Stored { .. } => {
                counters.stored.add(1);
                garbage.stored();
            }
            Taken::Repeated => counters.repeated.add(1),
            Taken::Quarantined { reason } => {
                counters.quarantined.add(1);
                garbage.refused(partition, offset, &reason)?;
            }
        }
        counters.received.add(1);
        Ok(())
    }
}
