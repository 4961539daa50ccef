//! The account while it is drawn up, and what comes of it.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::audit::{Finding, Kind};
use windrow_config::WindowPolicy;
use windrow_record::{Offset, Partition, RunId, WindowIndex};
use windrow_windows::{Manifest, SealReason, StreamEnd};

/// What an audit has to say.
#[derive(Debug, Serialize)]
pub struct Report {
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
pub struct Totals {
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
pub struct WindowAccount {
    /// Which one.
    pub window: WindowIndex,
    /// What it is called beside that, as in `week of 2013-04-01`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
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
pub struct Check {
    /// What.
    pub name: &'static str,
    /// Whether it is as it must be; `None` when it was not looked at.
    pub passed: Option<bool>,
    /// In words.
    pub text: String,
}

/// An account that is being drawn up.
#[derive(Debug)]
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
    policy: WindowPolicy,
    checks: Vec<Check>,
    findings: Vec<Finding>,
}

impl Ledger {
    /// An empty account of a stream that is cut by `policy`.
    pub(crate) fn new(policy: WindowPolicy) -> Self {
        Self {
            manifests: Vec::new(),
            end: None,

            run: None,
            windows: Vec::new(),
            totals: Totals::default(),
            accounted: roaring::RoaringTreemap::new(),
            unnumbered: BTreeSet::new(),
            policy,
            checks: Vec::new(),
            findings: Vec::new(),
        }
    }

    pub(crate) fn find(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// What a window is called beside its number.
    pub(crate) fn period(&self, manifest: &Manifest) -> Option<String> {
        self.policy.period(manifest.times.start())
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
        let Self { end, windows, totals, checks, mut findings, .. } = self;
        for finding in &mut findings {
            let account = windows.iter().find(|account| Some(account.window) == finding.window);
            finding.period = account.and_then(|account| account.period.clone());
        }
        Report { through: end.is_some(), totals, windows, checks, findings }
    }
}
