//! The audit: recounts the dataset, the topic and the files, to find where every row went.
//!
//! It changes nothing and needs no lock. It trusts nothing that it can count itself: it compares each manifest with its
//! files, and the files with the dataset and the topic. It does not know about models.

mod dataset;
mod error;
mod extracts;
mod files;
mod finding;
mod report;
mod rows;
mod topic;

use std::sync::Arc;

use rayon::prelude::*;
use tokio_util::sync::CancellationToken;

use self::dataset::{DatasetHashes, Source};
use self::files::Checker;
use self::report::Ledger;
use crate::growth::Extract;
use windrow_base::runtime::blocking;
use windrow_config::{Cut, Schema};
use windrow_kafka::{Connection, topics};
use windrow_record::display::counted;
use windrow_record::{RowNumber, RunId, WindowIndex};
use windrow_windows::{BatchStore, Manifest, StreamEnd};

pub use self::error::AuditError;
pub(crate) use self::finding::{Finding, FindingKind};
pub use self::report::{Report, Totals, WindowAccount};

/// The inputs of an audit.
#[derive(Debug)]
pub struct Audit {
    /// The dataset, as the pipeline file describes it.
    pub dataset: windrow_config::Dataset,
    /// The columns that a batch file must have, and the target.
    pub schema: Arc<Schema>,
    /// The name that a replay of this dataset has.
    pub run: RunId,
    /// The files that the rows came from, oldest first. The dataset is the newest one.
    pub extracts: Vec<Extract>,
    /// True if the dataset is the newest of these files.
    pub is_newest: bool,
    /// The row number of the dataset's first row.
    pub begins: RowNumber,
    /// The rule that cut the stream into windows.
    pub cut: Cut,
    /// The store of the windows.
    pub store: BatchStore,
    /// The connection and the name of the topic, if it is to be recounted.
    pub topic: Option<(Connection, String)>,
}

impl Audit {
    /// Recounts everything. Returns `None` if `stop` is cancelled.
    ///
    /// # Errors
    /// There is nothing to audit, or the dataset or the topic cannot be read. A fault of a file is not an error but a
    /// finding.
    pub async fn run(self, stop: CancellationToken) -> Result<Option<Report>, AuditError> {
        let state = match &self.topic {
            Some((connection, topic)) => Some(topics::describe(connection, topic).await?),
            None => None,
        };
        let auditing = blocking(move || {
            let Some(mut ledger) = self.recount(&stop)? else { return Ok(None) };
            match (&self.topic, state) {
                (Some((connection, topic)), Some(state)) => {
                    if !topic::recount(&mut ledger, connection, topic, &state, &stop)? {
                        return Ok(None);
                    }
                }
                _ => ledger.skipped("topic", "not recounted (--broker HOST:PORT recounts it)"),
            }
            Ok(Some(ledger.close()))
        });
        auditing.await
    }

    /// Recounts the dataset and the files.
    fn recount(&self, stop: &CancellationToken) -> Result<Option<Ledger>, AuditError> {
        let mut ledger = Ledger::default();
        let manifests = self.manifests(&mut ledger)?;
        if manifests.is_empty() && ledger.is_clean() {
            return Err(AuditError::Nothing { folder: self.store.folder().to_owned() });
        }
        ledger.manifests = manifests;
        ledger.run = ledger.manifests.iter().find_map(|manifest| manifest.run.clone());
        let Some(original) = self.original(&mut ledger, stop)? else { return Ok(None) };
        let Self { store, schema, cut, extracts, .. } = self;
        let checker = Checker { store, schema, policy: cut.policy, extracts, original: &original };
        let windows = ledger.manifests.par_iter().map(|manifest| checker.check(manifest)).collect();
        if stop.is_cancelled() {
            return Ok(None);
        }
        checker.account(&mut ledger, windows)?;
        rows::account(&mut ledger, &self.cut);
        extracts::account(&mut ledger, extracts);
        Ok(Some(ledger))
    }

    /// Reads all manifests. Adds a finding for each that is missing or cannot be read.
    fn manifests(&self, ledger: &mut Ledger) -> Result<Vec<Manifest>, AuditError> {
        let end = self.store.end().unwrap_or_else(|error| {
            ledger.find(Finding::of(FindingKind::Manifest, error.to_string()));
            None
        });
        let listed = self.store.windows_with("json")?;
        let promised = end.as_ref().and_then(|end: &StreamEnd| WindowIndex::new(end.windows));
        let last = listed.iter().copied().max().max(promised);
        ledger.end = end;
        let mut manifests = Vec::new();
        let mut next = WindowIndex::FIRST;
        while last.is_some_and(|last| next <= last) {
            let path = self.store.manifest_path(next);
            let found = |fault: String| Finding::of(FindingKind::Manifest, fault).of_window(next);
            match self.store.manifest(next) {
                Ok(Some(manifest)) if manifest.window == next => manifests.push(manifest),
                Ok(Some(manifest)) => {
                    let fault = format!("it belongs to window {}", manifest.window);
                    ledger.find(found(fault).in_file(&path));
                }
                Ok(None) => ledger.find(found("the manifest is missing".to_owned()).in_file(&path)),
                Err(error) => ledger.find(found(error.to_string())),
            }
            next = next.next();
        }
        let count = counted(manifests.len() as u64, "window", "windows");
        ledger.check("manifests", FindingKind::Manifest, format!("{count}, none missing"));
        Ok(manifests)
    }

    /// Reads the dataset's rows, if the files are a replay of it. Otherwise, the result is empty. Returns `None` if
    /// `stop` is cancelled.
    fn original(&self, ledger: &mut Ledger, stop: &CancellationToken) -> Result<Option<DatasetHashes>, AuditError> {
        match &ledger.run {
            None => {
                ledger.skipped("dataset", "not compared: the rows are from another producer");
                Ok(Some(DatasetHashes::default()))
            }
            Some(run) if *run != self.run || !self.is_newest => {
                let found = format!(
                    "the dataset {} is not the one that was replayed ({run}, now {}); its rows are not compared",
                    self.dataset.path.display(),
                    self.run
                );
                ledger.find(Finding::of(FindingKind::Dataset, found));
                Ok(Some(DatasetHashes::default()))
            }
            Some(_) => {
                let source = Source {
                    dataset: &self.dataset,
                    schema: &self.schema,
                    format: self.store.format(),
                    begins: self.begins,
                    // Another extract may write the same values in another way.
                    by_value: self.extracts.len() > 1,
                };
                Ok(DatasetHashes::read(&source, stop)?)
            }
        }
    }
}
