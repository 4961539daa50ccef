//! Goes on with a run whose dataset has grown: compares the newer extract with the rows that were read, and prepares
//! the work directory, so that the stages go on as after a kill.
//!
//! First a file with all that is to be done is written (`growth.json`). Each step can be repeated, so a preparation
//! that is killed is finished by the next start. After the last step the file is removed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::app::clock::timestamp;
use crate::app::context::App;
use crate::app::emptying::refuse_half_empty;
use crate::app::error::AppError;
use crate::app::inputs::RunInputs;
use crate::app::run_file::RunFile;
use crate::app::workdir::{self, BROKER_FOLDER, INTENT_FILE};
use crate::app::workdir_error::WorkdirError;
use windrow_base::telemetry::Event;
use windrow_base::{files, versioned};
use windrow_config::{Cut, Placement, Solver, WindowPolicy};
use windrow_kafka::is_log_in_use;
use windrow_record::display::thousands;
use windrow_record::{RowNumber, WindowIndex};
use windrow_registry::Outdated;
use windrow_stream::growth::{Comparison, Extract, Growth, GrowthError, RefusedLabel};
use windrow_windows::{BatchStore, Label, Manifest, StreamEnd};

/// The version of `growth.json`. Files with another version are refused.
const FORMAT: u32 = 1;

/// Labels that have arrived, by the window of their rows.
type WindowLabels = BTreeMap<WindowIndex, Vec<Label>>;

/// The content of `growth.json`: what is to be done for a newer extract.
#[derive(Debug, Serialize, Deserialize)]
struct Intent {
    format: u32,
    extract: Extract,
    /// True if rows are to be sent: the stream has no end then, and the broker begins a new log.
    continues: bool,
    /// The first window to open again. All later ones are opened too.
    reopened: Option<WindowIndex>,
    /// The labels that have arrived. Those of windows that are opened again, or that later rows make, are listed only
    /// if a topic still has their rows without them.
    labels: Vec<(WindowIndex, Vec<Label>)>,
}

/// The earlier run of a work directory.
struct EarlierRun {
    store: BatchStore,
    manifests: Vec<Manifest>,
    end: Option<StreamEnd>,
}

impl EarlierRun {
    /// Returns the first row of the replay. A consumer does not know with which row a producer began, so the first row
    /// that was read takes its place.
    fn first_row(&self, inputs: &RunInputs) -> RowNumber {
        if inputs.is_run {
            return inputs.replay.from;
        }
        let sent = self.end.as_ref().and_then(|end| end.sent).map(|sent| sent.first);
        let ranges = self.manifests.iter().flat_map(Manifest::row_ranges);
        let first = sent.or_else(|| ranges.map(|range| range.first).min());
        first.and_then(RowNumber::new).unwrap_or(RowNumber::FIRST)
    }

    /// Returns true if the topic outlives the processes of the run. It still has all rows as they were sent. Another log
    /// is emptied, and its rows are sent again.
    fn keeps_topic(&self) -> bool {
        self.manifests.last().is_none_or(|manifest| manifest.messages.log.is_none())
    }
}

impl App {
    /// Finishes an interrupted preparation. Then prepares the work directory for the dataset, if that is a newer
    /// extract of the one that was replayed. Does nothing if other inputs have changed: that is reported elsewhere.
    ///
    /// Returns true if a consumer must first read the rows of the earlier extract to their end. Before that, it does not
    /// know which rows the topic has, and which of them lack a label.
    pub(super) fn go_on(&self, inputs: &RunInputs, stop: &CancellationToken) -> Result<bool, AppError> {
        refuse_half_empty(&self.workdir)?;
        self.finish_preparation()?;
        let Some(held) = RunFile::read(&self.workdir)? else { return Ok(false) };
        let is_new = held.newest().zip(inputs.digest.as_deref()).is_some_and(|(held, now)| held.sha256 != now);
        let origin = inputs.origin().without_dataset();
        let has_other_changes =
            workdir::changes(&held, &self.pipeline, Some(&origin)).map_or(true, |all| !all.is_empty());
        if !is_new || has_other_changes {
            return Ok(false);
        }
        workdir::compare_sharing(&self.workdir, false)?;
        if self.pipeline.batch.url.is_some() {
            return Err(self.refused("files in an object store are never replaced (batch.url)"));
        }
        if inputs.replay.again {
            return Err(self.refused("a replay in rounds cannot grow (--loop): its row numbers would change"));
        }
        let store = self.store(&inputs.schema)?;
        let _lock = store.lock()?;
        // Another process may have prepared the directory since.
        if RunFile::read(&self.workdir)?.is_none_or(|now| now.newest() != held.newest()) {
            return Ok(false);
        }
        let earlier = EarlierRun { manifests: store.manifests()?, end: store.end()?, store };
        let name = held.name();
        // A window before the first row belongs to no replay yet.
        let is_ours = |manifest: &Manifest| manifest.run == name || manifest.run.is_none() && manifest.rows.count == 0;
        if !earlier.manifests.iter().all(is_ours) {
            return Ok(false);
        }
        if !inputs.is_run && earlier.end.is_none() && earlier.keeps_topic() {
            return Ok(true);
        }
        self.check_order()?;
        let EarlierRun { store, manifests, .. } = &earlier;
        let comparison = Comparison {
            dataset: &self.pipeline.dataset,
            schema: &inputs.schema,
            store,
            manifests,
            from: earlier.first_row(inputs),
        };
        let compared = comparison.run(stop).map_err(|error| match error {
            GrowthError::Dataset(error) => AppError::from(error),
            GrowthError::Batch(error) => AppError::from(error),
            GrowthError::Broker(error) => AppError::from(error),
            other => self.refused(&other.to_string()),
        });
        let growth = compared?.ok_or(AppError::Stopped)?;
        let extracts = u32::try_from(held.extracts.len()).unwrap_or(u32::MAX);
        let intent = self.intent(inputs, &earlier, growth, extracts.saturating_add(1))?;
        self.write_intent(&intent)?;
        self.prepare_for(&intent)?;
        Ok(false)
    }

    /// Decides what is to be done for a newer extract, the `number`th.
    fn intent(
        &self,
        inputs: &RunInputs,
        earlier: &EarlierRun,
        growth: Growth,
        number: u32,
    ) -> Result<Intent, AppError> {
        let EarlierRun { manifests, end, .. } = earlier;
        let replay = &inputs.replay;
        let limit = replay.limit.map_or(u64::MAX, |limit| (replay.from.get() - 1).saturating_add(limit));
        let last = growth.last().min(limit);
        let numbers = manifests.iter().flat_map(Manifest::row_ranges).map(|range| range.last);
        let known = end.as_ref().and_then(|end| end.sent).map(|sent| sent.last).or_else(|| numbers.max()).unwrap_or(0);
        if let WindowPolicy::Parts(parts) = self.pipeline.window {
            let before = end.as_ref().and_then(|end| end.sent).and_then(|sent| sent.count());
            if growth.begins != RowNumber::FIRST || before.is_none() || known != last {
                return Err(self.refused(&parts_cannot_grow(parts.get(), before)));
            }
        }
        let continues = end.is_none() || last > known;
        if continues || !growth.labels.is_empty() {
            self.refuse_serving()?;
        }
        let reopened = if continues { BatchStore::first_unproven(manifests, self.pipeline.window) } else { None };
        let stays = |window: WindowIndex| reopened.is_none_or(|first| window < first);
        let sealed: Vec<Manifest> = manifests.iter().filter(|manifest| stays(manifest.window)).cloned().collect();
        let needed = BatchStore::first_missing(&sealed, earlier.first_row(inputs));
        let keeps_topic = earlier.keeps_topic();
        if continues && !keeps_topic && growth.begins > needed && needed.get() <= known {
            return Err(self.refused(&format!(
                "the dataset begins with row {}, but row {} must be sent again, because its window is not complete",
                thousands(growth.begins.get()),
                thousands(needed.get())
            )));
        }
        let label = |(row, cell): (RowNumber, String)| Label { row, cell, extract: number };
        let arrived = growth.labels.iter().map(|(window, rows)| {
            let labels: Vec<Label> = rows.iter().cloned().map(label).collect();
            (*window, labels)
        });
        let (mut labels, mut of_reopened): (WindowLabels, WindowLabels) =
            arrived.partition(|(window, _)| stays(*window));
        let sealed_labels: u64 = labels.values().map(|labels| labels.len() as u64).sum();
        let reopened_windows: Vec<WindowIndex> =
            manifests.iter().map(|manifest| manifest.window).filter(|window| !stays(*window)).collect();
        // Rows that are sent again have their labels.
        if keeps_topic {
            for window in &reopened_windows {
                let mut all = earlier.store.labels(*window)?.into_vec();
                all.extend(of_reopened.remove(window).unwrap_or_default());
                if !all.is_empty() {
                    labels.insert(*window, all);
                }
            }
            for refused in growth.refused.iter().filter(|refused| !stays(refused.window)) {
                if let Some(window) = window_if_confirmed(refused, manifests, inputs.cut) {
                    labels.entry(window).or_default().push(label((refused.row, refused.cell.clone())));
                }
            }
        }
        if !labels.is_empty() && self.pipeline.train.solver == Solver::Spark {
            return Err(self.refused(
                "labels have arrived for rows that were read, and Spark reads the batch files, which do not change \
                 (train.solver)",
            ));
        }
        let extract = Extract {
            sha256: inputs.digest.clone().unwrap_or_default(),
            at: timestamp(),
            begins: growth.begins,
            known,
            last: Some(last),
            reopened: reopened_windows,
            labels: sealed_labels,
        };
        self.progress.report(Event::DatasetGrew {
            known,
            new: last.saturating_sub(known),
            begins: growth.begins.get(),
            labels: extract.labels,
            reopened: extract.reopened.iter().map(|window| window.get()).collect(),
        });
        Ok(Intent { format: FORMAT, extract, continues, reopened, labels: labels.into_iter().collect() })
    }

    /// Does what a file of an interrupted preparation says, if there is one.
    fn finish_preparation(&self) -> Result<(), AppError> {
        let path = self.intent_path();
        if !path.exists() {
            return Ok(());
        }
        // Before the file is read: another process may be about to finish the preparation.
        let _lock = BatchStore::open(&self.workdir)?.lock()?;
        let unreadable = |reason: String| AppError::from(WorkdirError::Read { path: self.intent_path(), reason });
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unreadable(error.to_string())),
            Ok(text) => text,
        };
        let damaged = |error: serde_json::Error| WorkdirError::Read { path: path.clone(), reason: error.to_string() };
        let intent: Intent = versioned::parse(&text, FORMAT, path.display(), damaged)?;
        self.prepare_for(&intent)
    }

    fn write_intent(&self, intent: &Intent) -> Result<(), AppError> {
        let text = serde_json::to_vec(intent).map_err(|error| self.unwritten(INTENT_FILE)(error.into()))?;
        files::write_durable(&self.intent_path(), &text).map_err(self.unwritten(INTENT_FILE))?;
        Ok(())
    }

    /// Prepares the work directory. The caller holds the lock of the batch files.
    fn prepare_for(&self, intent: &Intent) -> Result<(), AppError> {
        let Intent { extract, continues, reopened, labels, .. } = intent;
        let store = BatchStore::open(&self.workdir)?;
        if *continues || !labels.is_empty() {
            self.refuse_serving()?;
        }
        if *continues {
            // The log has the end of the stream. The rows of sealed windows are not sent again.
            match fs::remove_dir_all(self.workdir.join(BROKER_FOLDER)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(self.unwritten(BROKER_FOLDER)(error));
                }
                _ => {}
            }
            store.reopen(*reopened)?;
        }
        for (window, labels) in labels {
            store.add_labels(*window, labels)?;
        }
        let relabelled: BTreeSet<WindowIndex> = labels.iter().map(|(window, _)| *window).collect();
        Outdated { reopened: *reopened, relabelled }.remove(&self.workdir)?;
        RunFile::update(&self.workdir, |run| {
            let is_new = run.newest() != Some(extract);
            is_new.then(|| run.extracts.push(extract.clone()))
        })?;
        fs::remove_file(self.intent_path()).map_err(self.unwritten(INTENT_FILE))?;
        files::sync_folder(&self.workdir).map_err(self.unwritten(INTENT_FILE))
    }

    /// Fails if a run that still serves uses the log in the work directory, which must be removed. Its trainer and its
    /// advisor may also still compute losses that do not have the new labels.
    fn refuse_serving(&self) -> Result<(), AppError> {
        match is_log_in_use(&self.workdir.join(BROKER_FOLDER)) {
            true => Err(WorkdirError::Serving { path: self.workdir.clone() }.into()),
            false => Ok(()),
        }
    }

    fn intent_path(&self) -> PathBuf {
        self.workdir.join(INTENT_FILE)
    }

    fn refused(&self, reason: &str) -> AppError {
        WorkdirError::OtherRows { path: self.workdir.clone(), reason: reason.to_owned() }.into()
    }

    fn unwritten(&self, name: &str) -> impl FnOnce(io::Error) -> AppError {
        let path = self.workdir.join(name);
        move |source| WorkdirError::Write { path, source }.into()
    }
}

/// Returns the window of a row that was the last one of its partition and too far ahead to be believed, if later rows
/// confirm its time. It comes after all windows so far. `None` if the row stays in quarantine.
fn window_if_confirmed(refused: &RefusedLabel, manifests: &[Manifest], cut: Cut) -> Option<WindowIndex> {
    let last = manifests.last().filter(|_| cut.span().is_some())?;
    let mut placement = Placement::new(cut, 1);
    placement.continue_after(last.window, last.times.start());
    placement.place(None, refused.row, Some(refused.time)).ok().map(|placed| placed.window)
}

/// Says that parts cannot grow, and which windows have the same rows. `rows` is the number of rows that were cut.
fn parts_cannot_grow(parts: u32, rows: Option<u64>) -> String {
    let begin = "window.parts cuts all rows into equal parts, so every part would change";
    let Some(rows) = rows else { return begin.to_owned() };
    let size = rows.div_ceil(u64::from(parts)).max(1);
    // The larger parts come first.
    let same = match rows % u64::from(parts) {
        0 => u64::from(parts),
        larger => larger,
    };
    let kept = match same == u64::from(parts) {
        true => "keeps this cut".to_owned(),
        false => format!("keeps the first {same} of {parts} windows"),
    };
    format!(
        "{begin}: `rows = {size}` in place of `parts = {parts}` {kept} and lets the dataset grow, in another --workdir"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_that_keeps_the_cut_is_named() {
        let sentence = |parts, rows| parts_cannot_grow(parts, Some(rows));
        assert!(sentence(4, 2000).contains("`rows = 500` in place of `parts = 4` keeps this cut"));
        assert!(sentence(3, 11).contains("`rows = 4` in place of `parts = 3` keeps the first 2 of 3 windows"));
        assert!(!parts_cannot_grow(3, None).contains("rows ="));
    }
}
