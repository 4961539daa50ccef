//! Removes what was computed from windows that have other rows or labels now, so that trainer and advisor compute it
//! again.
//!
//! Models stay: the trainer makes a model again if its lineage is not that of its windows. Verdicts and aliases stay
//! too.

use std::collections::BTreeSet;
use std::path::Path;

use crate::error::RegistryError;
use crate::evidence::{EvidenceStore, LADDERS};
use crate::files;
use windrow_learn::model::WindowReport;
use windrow_record::{ModelId, WindowIndex};

/// The folders of losses and models that were computed from one window each.
const LOSSES: [&str; 2] = ["losses", "advice/losses"];
const REPORTS: &str = "windows";

/// The windows that have other rows or labels now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outdated {
    /// The first window that was opened again. All later ones were opened again too.
    pub reopened: Option<WindowIndex>,
    /// The windows for which labels have arrived.
    pub relabelled: BTreeSet<WindowIndex>,
}

impl Outdated {
    /// Removes reports, losses and models for the advice of windows that were opened again. Removes the losses of
    /// windows for which labels have arrived, and marks the reports as outdated from the first of them on, because each
    /// compares its window with earlier ones. If models of such a report were removed (`train.keep`), its losses cannot be counted
    /// again and stay.
    ///
    /// Does nothing that was done before. No process may learn in this work directory.
    ///
    /// # Errors
    /// Returns an error if a file cannot be read or removed.
    pub fn remove(&self, workdir: &Path) -> Result<(), RegistryError> {
        let folder = |name: &str| workdir.join(name);
        // The report is removed last: it is the sign that the losses are there.
        for name in [LOSSES[0], LOSSES[1], LADDERS, REPORTS] {
            for (window, _) in files::list_windows(&folder(name))? {
                if self.is_open(window) {
                    files::remove_window(&folder(name), window)?;
                }
            }
        }
        // The folders of models of a learner outside of this program.
        for name in files::names(&folder(LADDERS))? {
            if name.parse::<ModelId>().is_ok_and(|id| self.is_open(id.window)) {
                files::remove_folder(&folder(LADDERS).join(name))?;
            }
        }
        let relabelled = self.countable(workdir)?;
        for window in &relabelled {
            if self.relabelled.contains(window) {
                LOSSES.iter().try_for_each(|name| files::remove_window(&folder(name), *window))?;
            }
        }
        self.remove_sums(workdir, &relabelled)?;
        relabelled.iter().try_for_each(|window| outdate(&folder(REPORTS), *window))?;
        [LOSSES[0], LOSSES[1], LADDERS, REPORTS].iter().try_for_each(|name| files::sync(&folder(name)))
    }

    fn is_open(&self, window: WindowIndex) -> bool {
        self.reopened.is_some_and(|first| window >= first)
    }

    /// Returns the windows from the first one with new labels on whose models all exist.
    fn countable(&self, workdir: &Path) -> Result<BTreeSet<WindowIndex>, RegistryError> {
        let Some(first) = self.relabelled.first() else { return Ok(BTreeSet::new()) };
        let (reports, models) = (workdir.join(REPORTS), workdir.join("models"));
        let mut found = BTreeSet::new();
        for (window, _) in files::list_windows(&reports)? {
            if window < *first || self.is_open(window) {
                continue;
            }
            let report = match files::read_window(&reports, window) {
                // A damaged report is computed again.
                Err(RegistryError::Damaged { .. }) => None,
                report => Some(report?),
            };
            let has_model = |model: ModelId| files::exists(&models, model);
            if report.is_none_or(|report| report.scores.iter().all(|score| has_model(score.model))) {
                found.insert(window);
            } else {
                tracing::warn!(
                    %window,
                    "labels have arrived, but models that were scored on the window were removed (train.keep): its \
                     losses are not counted again"
                );
            }
        }
        Ok(found)
    }

    fn remove_sums(&self, workdir: &Path, relabelled: &BTreeSet<WindowIndex>) -> Result<(), RegistryError> {
        let store = EvidenceStore::new(workdir);
        let is_open = |window: u32| WindowIndex::new(window).is_some_and(|window| self.is_open(window));
        let is_outdated = |window: u32| {
            let changed = |window: WindowIndex| relabelled.contains(&window) && self.relabelled.contains(&window);
            is_open(window) || WindowIndex::new(window).is_some_and(changed)
        };
        for delay in store.recalibrated_delays()? {
            let mut sums = store.recalibrations(delay)?;
            sums.retain(|model, window| !is_open(model) && !is_outdated(window));
            store.put_recalibrations(&sums)?;
        }
        let before = store.model_aucs()?;
        let mut aucs = before.clone();
        aucs.retain(|window, model| !is_outdated(window) && !self.is_open(model.window));
        if aucs == before { Ok(()) } else { store.put_model_aucs(&aucs) }
    }
}

/// Marks a report as outdated: it is not of the rows of its window. The schemes that were trained when the window was new
/// cannot be computed again, so the report is kept until the trainer has replaced it.
fn outdate(folder: &Path, window: WindowIndex) -> Result<(), RegistryError> {
    match files::read_window(folder, window) {
        Ok(report) => files::write_window(folder, &WindowReport { sha256: String::new(), ..report }).map(drop),
        Err(RegistryError::Damaged { .. }) => files::remove_window(folder, window),
        Err(error) => Err(error),
    }
}
