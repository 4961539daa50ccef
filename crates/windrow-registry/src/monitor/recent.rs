//! The counters of the last minutes, for the lines of the stream's page.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use windrow_base::telemetry::{Counts, PartitionCounts};

/// The time that is remembered.
const SPAN: Duration = Duration::from_secs(5 * 60);
/// The minimum time between two samples. The stages report once a second.
const INTERVAL: Duration = Duration::from_secs(1);
/// A rate is the mean over this many samples, because the reports of a stage and the samples do not keep step.
const SAMPLES_PER_RATE: usize = 4;

/// The counters at one moment.
#[derive(Debug, Clone)]
struct Sample {
    at: Instant,
    sent: u64,
    read: u64,
    lag: Option<u64>,
    partitions: Vec<PartitionCounts>,
}

/// The samples of the last minutes, oldest first.
#[derive(Debug, Default)]
pub(super) struct Recent {
    samples: VecDeque<Sample>,
}

/// The rates and the lag at one moment of the last minutes.
#[derive(Debug, Clone, PartialEq)]
pub struct RecentRate {
    /// The number of seconds since that moment.
    pub seconds_ago: f64,
    /// The rows per second that the producer sent.
    pub sent: f64,
    /// The rows per second that the consumer read.
    pub read: f64,
    /// The number of messages that were not read yet; `None` if it was not known.
    pub lag: Option<u64>,
    /// The same by partition of the topic, from partition 0. The last one can be the sum of all that are not listed.
    pub partitions: Vec<PartitionRate>,
}

/// The rate and the lag of a partition at one moment of the last minutes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PartitionRate {
    /// The rows per second that the consumer read; `None` if it was not known.
    pub read: Option<f64>,
    /// The number of messages that were not read yet; `None` if it was not known.
    pub lag: Option<u64>,
}

impl Recent {
    /// Remembers the counters, if the last ones are old enough, and forgets those from before the last minutes.
    pub(super) fn add(&mut self, now: Instant, counts: &Counts, partitions: &[PartitionCounts]) {
        if self.samples.back().is_some_and(|last| now.duration_since(last.at) < INTERVAL) {
            return;
        }
        let read = counts.stored.saturating_add(counts.quarantined).saturating_add(counts.repeated);
        // Counters that went back are those of another process, whose rates begin again.
        if self.samples.back().is_some_and(|last| read < last.read || counts.sent < last.sent) {
            self.samples.clear();
        }
        let (sent, lag, partitions) = (counts.sent, counts.lag, partitions.to_vec());
        self.samples.push_back(Sample { at: now, sent, read, lag, partitions });
        while self.samples.front().is_some_and(|first| now.duration_since(first.at) > SPAN) {
            self.samples.pop_front();
        }
    }

    /// Returns the rates up to `now`, oldest first.
    pub(super) fn rates(&self, now: Instant) -> Vec<RecentRate> {
        let pairs = self.samples.iter().zip(self.samples.iter().skip(SAMPLES_PER_RATE));
        let rate = |(first, last): (&Sample, &Sample)| {
            let seconds = last.at.duration_since(first.at).as_secs_f64();
            RecentRate {
                seconds_ago: now.duration_since(last.at).as_secs_f64(),
                sent: (last.sent - first.sent) as f64 / seconds,
                read: (last.read - first.read) as f64 / seconds,
                lag: last.lag,
                partitions: partition_rates(&first.partitions, &last.partitions, seconds),
            }
        };
        pairs.map(rate).collect()
    }
}

/// Returns the rates by partition between two samples. A partition that another member has taken over begins again.
fn partition_rates(first: &[PartitionCounts], last: &[PartitionCounts], seconds: f64) -> Vec<PartitionRate> {
    let rate = |(partition, last): (usize, &PartitionCounts)| {
        let rows = first.get(partition).and_then(|first| last.read.checked_sub(first.read));
        PartitionRate { read: rows.map(|rows| rows as f64 / seconds), lag: last.lag }
    };
    last.iter().enumerate().map(rate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(sent: u64, stored: u64) -> Counts {
        Counts { sent, stored, lag: Some(sent - stored), ..Counts::default() }
    }

    #[test]
    fn rates_are_those_of_the_last_minutes() {
        let (begin, mut recent) = (Instant::now(), Recent::default());
        let at = |second: u64| begin + Duration::from_secs(second);
        for second in 0..400 {
            recent.add(at(second), &counts(1000 * second, 900 * second), &[]);
            // A second look within the same second adds nothing.
            recent.add(at(second) + Duration::from_millis(500), &counts(1000 * second, 900 * second), &[]);
        }
        let rates = recent.rates(at(400));
        assert_eq!(rates.len(), 301 - SAMPLES_PER_RATE);
        let (lag, partitions) = (Some(39_900), Vec::new());
        let last = RecentRate { seconds_ago: 1.0, sent: 1000.0, read: 900.0, lag, partitions };
        assert_eq!(rates.last(), Some(&last));
        assert!(rates.is_sorted_by(|one, other| one.seconds_ago > other.seconds_ago), "oldest first");
    }

    #[test]
    fn another_process_begins_anew() {
        let (begin, mut recent) = (Instant::now(), Recent::default());
        for second in 0..10 {
            recent.add(begin + Duration::from_secs(second), &counts(500 * second, 500 * second), &[]);
        }
        recent.add(begin + Duration::from_secs(10), &counts(3, 3), &[]);
        assert!(recent.rates(begin + Duration::from_secs(11)).is_empty());
    }

    #[test]
    fn partitions_have_rates_of_their_own() {
        let (begin, mut recent) = (Instant::now(), Recent::default());
        let count = |read, lag| PartitionCounts { read, lag };
        for second in 0..10_u64 {
            // The topic gets a partition, and another member takes over the first one.
            let first = if second < 8 { 100 * second } else { 3 };
            let all = [count(first, None), count(40 * second, Some(second)), count(5, None)];
            let partitions = if second < 6 { &all[..2] } else { &all[..] };
            recent.add(begin + Duration::from_secs(second), &counts(500 * second, 500 * second), partitions);
        }
        let rates = recent.rates(begin + Duration::from_secs(10));
        let at = |index: usize, partition: usize| rates[index].partitions.get(partition).copied();
        assert_eq!(at(0, 0), Some(PartitionRate { read: Some(100.0), lag: None }));
        assert_eq!(at(0, 1), Some(PartitionRate { read: Some(40.0), lag: Some(4) }));
        assert_eq!((at(0, 2), at(2, 2)), (None, Some(PartitionRate { read: None, lag: None })));
        assert_eq!(at(5, 0), Some(PartitionRate { read: None, lag: None }), "it begins again");
    }
}
