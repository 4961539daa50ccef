//! The ledger of an audit, and the report that it becomes.

use std::collections::BTreeSet;

use roaring::RoaringTreemap;
use serde::Serialize;

use crate::audit::{Finding, FindingKind};
use crate::growth::Extract;
use windrow_record::{Offset, Partition, RunId, WindowIndex};
use windrow_windows::{Manifest, RowRange, SealReason, StreamEnd};

/// The result of an audit.
#[derive(Debug, Serialize)]
pub struct Report {
    /// True if the stream has ended.
    pub through: bool,
    /// The numbers of rows over all windows.
    pub totals: Totals,
    /// The account of each window.
    pub windows: Vec<WindowAccount>,
    /// The files that the rows came from, oldest first, if there is more than one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extracts: Vec<Extract>,
    /// The checks that were made or skipped.
    pub checks: Vec<Check>,
    /// The faults that were found.
    pub findings: Vec<Finding>,
}

/// The numbers of rows that were read, delivered, stored and quarantined.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Totals {
    /// Rows that the replay read from the dataset. `None` if the stream has not ended, and for other producers.
    pub read: Option<u64>,
    /// Rows of the replay that the topic holds. `None` if the topic was not recounted, and for other producers.
    pub delivered: Option<u64>,
    /// Rows in batch files.
    pub stored: u64,
    /// Rows of the replay in quarantine.
    pub quarantined: u64,
    /// Messages in quarantine that are not rows of the replay.
    pub foreign: u64,
    /// Messages that repeated a row and were not stored.
    pub repeated: u64,
}

/// The account of one window.
#[derive(Debug, Serialize)]
pub struct WindowAccount {
    /// The number of the window.
    pub window: WindowIndex,
    /// The period of the window, for example `week of 2013-04-01`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    /// Rows counted in the batch file.
    pub stored: u64,
    /// Messages counted in the quarantine file.
    pub quarantined: u64,
    /// Messages that repeated a row, as the manifest counts them.
    pub repeated: u64,
    /// The reason why the window was sealed.
    pub sealed: SealReason,
    /// The times at which the window was opened again, because only the end of the stream had sealed it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reopened: Vec<String>,
    /// True if its files have no fault.
    pub intact: bool,
}

/// The result of one check.
#[derive(Debug, Serialize)]
pub struct Check {
    /// The name of the check.
    pub name: &'static str,
    /// True if the check found no fault. `None` if it was skipped.
    pub passed: Option<bool>,
    /// The result of the check as text.
    pub text: String,
}

/// The account during an audit.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) manifests: Vec<Manifest>,
    pub(crate) end: Option<StreamEnd>,
    /// The replay that the files hold. `None` for other producers.
    pub(crate) run: Option<RunId>,
    pub(crate) windows: Vec<WindowAccount>,
    pub(crate) totals: Totals,
    /// The row numbers in batch files and in quarantine.
    pub(crate) accounted: RoaringTreemap,
    /// Messages in quarantine that are not rows of the replay, whatever their headers say.
    pub(crate) unnumbered: BTreeSet<(Partition, Offset)>,
    /// The files that the rows came from, if there is more than one.
    pub(crate) extracts: Vec<Extract>,
    checks: Vec<Check>,
    findings: Vec<Finding>,
}

impl Ledger {
    pub(crate) fn find(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Adds a fault of these rows, if there are any.
    pub(crate) fn find_rows(&mut self, kind: FindingKind, rows: &RoaringTreemap, fault: &str) {
        if !rows.is_empty() {
            self.find(Finding::of(kind, fault.to_owned()).of_rows(RowRange::of_set(rows, 1)));
        }
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Ends a check. Without findings of its kind, it passes with `text`. Otherwise, its text counts them.
    pub(crate) fn check(&mut self, name: &'static str, kind: FindingKind, text: String) {
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
        let Self { end, windows, totals, extracts, checks, mut findings, .. } = self;
        for finding in &mut findings {
            let account = windows.iter().find(|account| Some(account.window) == finding.window);
            finding.period = account.and_then(|account| account.period.clone());
        }
        Report { through: end.is_some(), totals, windows, extracts, checks, findings }
    }
}
