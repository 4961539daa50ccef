//! Which log of a topic the offsets of a window belong to, where the log ends with a broker that Windrow started.
//!
//! It stands beside the manifests and not in them: the same stream has the same manifests, and each such broker another log.

use serde::{Deserialize, Serialize};

use crate::manifest::{FORMAT, Manifest};
use windrow_record::WindowIndex;

/// The logs in the order in which they were read (`batches/logs.json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logs {
    /// The version of the form: [`FORMAT`].
    format: u32,
    logs: Vec<Log>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Log {
    name: String,
    /// The first window that was sealed from it.
    from: WindowIndex,
}

impl Default for Logs {
    fn default() -> Self {
        Self { format: FORMAT, logs: Vec::new() }
    }
}

impl Logs {
    /// The log that a window's offsets belong to; `None` for a cluster that was there already, and where it is not known.
    #[must_use]
    pub fn of(&self, manifest: &Manifest) -> Option<&str> {
        let log = self.logs.iter().rfind(|log| manifest.own_log && log.from <= manifest.window);
        log.map(|log| log.name.as_str())
    }

    /// Whether a window's offsets belong to the log that is read now: one of this name, or that of a cluster.
    pub(crate) fn is_of(&self, manifest: &Manifest, log: Option<&str>) -> bool {
        manifest.own_log == log.is_some() && self.of(manifest) == log
    }

    /// From this window on, offsets are of this log; whether that is new.
    pub(crate) fn begin(&mut self, name: &str, from: WindowIndex) -> bool {
        if self.logs.last().is_some_and(|last| last.name == name) {
            return false;
        }
        // Those of which no window was sealed.
        self.logs.retain(|log| log.from < from);
        self.logs.push(Log { name: name.to_owned(), from });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_was_read_and_sealed_nothing_is_forgotten() {
        let mut logs = Logs::default();
        let window = |index| WindowIndex::new(index).expect("from 1");
        assert!(logs.begin("a", window(1)));
        assert!(!logs.begin("a", window(2)));
        assert!(logs.begin("b", window(3)));
        assert!(logs.begin("c", window(3)));
        let names: Vec<_> = logs.logs.iter().map(|log| (log.name.as_str(), log.from.get())).collect();
        assert_eq!(names, [("a", 1), ("c", 3)]);
    }
}
