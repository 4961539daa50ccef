//! The account while it is drawn up, and what comes of it.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::audit::{Finding, Kind};
use crate::batch::{Manifest, SealReason, StreamEnd};
use crate::record::{Offset, Partition, RunId, WindowIndex};

/// What an audit has to say.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Whether the stream had ended.
    pub through: bool,
    /// All windows together.
    pub totals: Totals,
    /// Each window.
    pub windows: Vec<WindowAccount>,
    /// What was looked at.
    pub checks: Vec<Check>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// Rows by where they are.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Totals {
    /// Rows that the replay read from the dataset; `None` while the stream is not through, and for other producers.
    pub read: Option<u64>,
    /// Rows of the replay that the topic holds; `None` where it was not recounted.
    pub delivered: Option<u64>,
    /// Rows in batch files.
    pub stored: u64,
    /// Rows of the replay in quarantine.
    pub quarantined: u64,
    /// Messages in quarantine that are no rows of the replay.
    pub foreign: u64,
    /// Messages that brought a row again, and were not stored.
    pub repeated: u64,
}

/// One window.
#[derive(Debug, Serialize)]
pub(crate) struct WindowAccount {
    /// Which one.
    pub window: WindowIndex,
    /// Rows counted in the batch file.
    pub stored: u64,
    /// Messages counted in the quarantine file.
    pub quarantined: u64,
    /// Messages that brought a row again, as the manifest says.
    pub repeated: u64,
    /// Why it was sealed.
    pub sealed: SealReason,
    /// Whether nothing is wrong with its files.
    pub intact: bool,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    /// What.
    pub name: &'static str,
    /// Whether it is as it must be; `None` when it was not looked at.
    pub passed: Option<bool>,
    /// In words.
    pub text: String,
}

/// An account that is being drawn up.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) manifests: Vec<Manifest>,
    pub(crate) end: Option<StreamEnd>,
    /// The replay that the files hold; none for other producers.
    pub(crate) run: Option<RunId>,
    pub(crate) windows: Vec<WindowAccount>,
    pub(crate) totals: Totals,
    /// Row numbers in batch files and in quarantine.
    pub(crate) accounted: roaring::RoaringTreemap,
    /// Messages in quarantine that are no rows of the replay, whatever they say.
    pub(crate) unnumbered: BTreeSet<(Partition, Offset)>,
    checks: Vec<Check>,
    findings: Vec<Finding>,
}

impl Ledger {
    pub(crate) fn find(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Ends a check: it passed when nothing of its kind was found; the text says what then holds.
    pub(crate) fn check(&mut self, name: &'static str, kind: Kind, text: String) {
        let found = self.findings.iter().filter(|finding| finding.kind == kind).count();
        let text = match found {
            0 => text,
            1 => "1 fault".to_owned(),
            found => format!("{found} faults"),
        };
        self.checks.push(Check { name, passed: Some(found == 0), text });
    }

    pub(crate) fn skipped(&mut self, name: &'static str, text: &str) {
        self.checks.push(Check { name, passed: None, text: text.to_owned() });
    }

    pub(crate) fn close(self) -> Report {
        let Self { end, windows, totals, checks, findings, .. } = self;
        Report { through: end.is_some(), totals, windows, checks, findings }
    }
}
