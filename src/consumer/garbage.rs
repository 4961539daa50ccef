//! When a stream is mostly garbage.

use std::path::PathBuf;

use crate::consumer::ConsumerError;
use crate::record::{Offset, Partition};

/// Before so many messages a share says little; the end of the stream is judged whatever its length.
const JUDGED_FROM: u64 = 1000;
/// So many different reasons are told.
const TOLD: usize = 3;

/// Counts what is refused.
#[derive(Debug)]
pub(crate) struct Garbage {
    max_share: f64,
    folder: PathBuf,
    stored: u64,
    quarantined: u64,
    first: Vec<(String, Partition, Offset)>,
}

impl Garbage {
    /// Goes on from what sealed windows hold: rows stored and messages refused.
    pub(crate) fn new(max_share: f64, folder: PathBuf, (stored, quarantined): (u64, u64)) -> Self {
        Self { max_share, folder, stored, quarantined, first: Vec::new() }
    }

    pub(crate) fn stored(&mut self) {
        self.stored += 1;
    }

    /// # Errors
    /// The share is beyond what is allowed.
    pub(crate) fn refused(&mut self, partition: Partition, offset: Offset, reason: &str) -> Result<(), ConsumerError> {
        self.quarantined += 1;
        if self.first.len() < TOLD && self.first.iter().all(|(told, ..)| told != reason) {
            self.first.push((reason.to_owned(), partition, offset));
        }
        if self.stored + self.quarantined < JUDGED_FROM { Ok(()) } else { self.judge() }
    }

    /// # Errors
    /// The share is beyond what is allowed.
    pub(crate) fn judge(&self) -> Result<(), ConsumerError> {
        let seen = self.stored + self.quarantined;
        if self.quarantined as f64 <= self.max_share * seen as f64 {
            return Ok(());
        }
        let told = |(reason, partition, offset): &(String, Partition, Offset)| {
            format!("{reason} (partition {partition}, offset {offset})")
        };
        Err(ConsumerError::Garbage {
            quarantined: self.quarantined,
            seen,
            max_share: self.max_share,
            first: self.first.iter().map(told).collect(),
            folder: self.folder.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuse(garbage: &mut Garbage, times: u64) -> Option<String> {
        let mut refusals = (0..times).map(|offset| {
            garbage.refused(Partition(0), Offset(offset as i64), if offset % 2 == 0 { "odd" } else { "strange" })
        });
        refusals.find_map(|outcome| outcome.err().map(|error| error.to_string()))
    }

    #[test]
    fn a_share_beyond_what_is_allowed_ends_the_stream_with_the_first_reasons() {
        let mut garbage = Garbage::new(0.01, PathBuf::from("quarantine"), (990, 0));
        assert_eq!(refuse(&mut garbage, 10), None, "1% is allowed");
        let told = refuse(&mut garbage, 1).expect("11 of 1001 are more");
        assert!(told.contains("11 of 1001") && told.contains("odd (partition 0, offset 0); strange ("), "{told}");
    }

    #[test]
    fn a_few_messages_are_judged_at_the_end_only() {
        let mut garbage = Garbage::new(0.5, PathBuf::from("quarantine"), (3, 0));
        assert_eq!(refuse(&mut garbage, 900), None);
        assert!(garbage.judge().is_err());
        assert!(Garbage::new(0.0, PathBuf::new(), (5, 0)).judge().is_ok());
    }
}
