//! The rejection threshold: the share of refused messages that ends a stream.

use std::path::PathBuf;

use crate::consumer::error::ConsumerError;
use windrow_windows::{MessageCounts, Rejection};

/// The number of messages from which the share is checked, because it means little before. The end of a stream is
/// always checked.
const MIN_MESSAGES: u64 = 1000;

/// Counts the stored and the refused messages of a stream.
pub(crate) struct Rejections {
    max_share: f64,
    folder: PathBuf,
    counts: MessageCounts,
}

impl Rejections {
    /// Continues from the counts of the sealed windows.
    pub(crate) fn new(max_share: f64, folder: PathBuf, counts: MessageCounts) -> Self {
        Self { max_share, folder, counts }
    }

    /// Adds messages and checks the share of the refused ones.
    pub(crate) fn add(&mut self, counts: MessageCounts, first: &[Rejection]) -> Result<(), ConsumerError> {
        self.counts += counts;
        if counts.quarantined == 0 || self.counts.stored + self.counts.quarantined < MIN_MESSAGES {
            return Ok(());
        }
        self.check(first)
    }

    /// Checks the share at the end of another replay, if nothing was stored so far. It is possible that no row of the
    /// expected replay follows, and then no later check would happen.
    pub(crate) fn check_at_other_end(&self, first: &[Rejection]) -> Result<(), ConsumerError> {
        if self.counts.stored == 0 { self.check(first) } else { Ok(()) }
    }

    /// Returns an error if the share of the refused messages is higher than `max_share`.
    pub(crate) fn check(&self, first: &[Rejection]) -> Result<(), ConsumerError> {
        let MessageCounts { stored, quarantined, .. } = self.counts;
        let seen = stored + quarantined;
        if quarantined as f64 <= self.max_share * seen as f64 {
            return Ok(());
        }
        let message = |Rejection { reason, partition, offset }: &Rejection| {
            format!("{reason} (partition {partition}, offset {offset})")
        };
        Err(ConsumerError::TooManyRejected {
            quarantined,
            seen,
            max_share: self.max_share,
            first: first.iter().map(message).collect(),
            folder: self.folder.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windrow_record::{Offset, Partition};

    fn first() -> Vec<Rejection> {
        let refusal = |(offset, reason): (i64, &str)| {
            let (reason, partition, offset) = (reason.to_owned(), Partition(0), Offset(offset));
            Rejection { reason, partition, offset }
        };
        (0..).zip(["odd", "strange"]).map(refusal).collect()
    }

    fn stored(stored: u64) -> MessageCounts {
        MessageCounts { stored, ..MessageCounts::default() }
    }

    fn refuse(rejections: &mut Rejections, quarantined: u64) -> Option<String> {
        let counts = MessageCounts { quarantined, ..MessageCounts::default() };
        rejections.add(counts, &first()).err().map(|error| error.to_string())
    }

    #[test]
    fn too_large_a_share_of_rejections_ends_the_stream() {
        let mut rejections = Rejections::new(0.01, PathBuf::from("quarantine"), stored(990));
        assert_eq!(refuse(&mut rejections, 10), None, "1% is allowed");
        let message = refuse(&mut rejections, 1).expect("11 of 1001 are more");
        let reasons = "odd (partition 0, offset 0); strange (partition 0, offset 1)";
        assert!(message.contains("11 of 1001") && message.contains(reasons), "{message}");
    }

    #[test]
    fn a_few_messages_are_judged_at_the_end_only() {
        let mut rejections = Rejections::new(0.5, PathBuf::from("quarantine"), stored(3));
        assert_eq!(refuse(&mut rejections, 900), None);
        assert!(rejections.check(&first()).is_err());
        assert!(Rejections::new(0.0, PathBuf::new(), stored(5)).check(&[]).is_ok());
    }
}
