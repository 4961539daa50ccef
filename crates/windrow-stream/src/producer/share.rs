//! A replay that several processes send together. Each sends the rows of its own partitions.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

/// The share of one process: number `index`, from 0, of `of` processes that take the partitions in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    index: usize,
    of: NonZeroUsize,
}

impl Default for Share {
    /// One process for all partitions.
    fn default() -> Self {
        Self { index: 0, of: NonZeroUsize::MIN }
    }
}

impl Share {
    /// Returns true if a partition belongs to this process.
    #[inline]
    pub(crate) fn has(self, slot: usize) -> bool {
        self.of == NonZeroUsize::MIN || slot % self.of == self.index
    }

    /// Returns the number of the process and the number of processes, as in `2-of-4`. `None` if there is only one
    /// process.
    pub fn name(self) -> Option<String> {
        (self.of.get() > 1).then(|| format!("{}-of-{}", self.index + 1, self.of))
    }

    /// Returns true if each of the processes has at least one partition.
    pub(crate) fn fits(self, partitions: usize) -> bool {
        self.of.get() <= partitions.max(1)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index + 1, self.of)
    }
}

impl FromStr for Share {
    type Err = &'static str;

    /// Parses the number of a process and the number of processes: `2/4` is the second of four.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match parsed {
            Some((number, of)) if (1..=NonZeroUsize::get(of)).contains(&number) => Ok(Self { index: number - 1, of }),
            _ => Err("expected NUMBER/PROCESSES, as in 2/4 for the second of four"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Share;

    #[test]
    fn each_partition_belongs_to_one_process() {
        let shares: Vec<Share> = ["1/3", "2/3", "3/3"].iter().map(|text| text.parse().expect("a share")).collect();
        for slot in 0..10 {
            assert_eq!(shares.iter().filter(|share| share.has(slot)).count(), 1, "{slot}");
        }
        assert!((0..10).all(|slot| Share::default().has(slot)));
        assert_eq!(shares[1].name().as_deref(), Some("2-of-3"));
        assert_eq!(Share::default().name(), None);
    }

    #[test]
    fn an_invalid_share_is_reported() {
        for text in ["", "1", "0/2", "3/2", "1/0", "-1/2", "a/b", "1/2/3"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }
}
