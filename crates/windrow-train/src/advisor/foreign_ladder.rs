//! The fits of the ladder by a learner outside of this program: a queue of window and history for all of its processes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::advisor::effort::{Effort, Work};
use crate::foreign::{FitResult, ForeignLearner, RowsFile, in_parallel};
use crate::{Learning, TrainError};
use windrow_base::telemetry::Event;
use windrow_learn::model::{Frame, Inputs, check_rows};
use windrow_record::{ModelId, Scheme, WindowIndex};
use windrow_registry::{Ladder, LadderFolder, LadderModel};
use windrow_windows::Manifest;

/// A history that ends with a window and has no model yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct MissingFit<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) history: Scheme,
}

/// The missing fits, with the files and the frames of their windows.
pub(super) struct LadderFits<'a> {
    pub(super) learning: &'a Learning,
    pub(super) foreign: &'a ForeignLearner,
    /// The window of the first file and frame. The others follow without gaps.
    pub(super) first: WindowIndex,
    pub(super) files: &'a [Arc<RowsFile>],
    pub(super) frames: &'a [Arc<Frame>],
    /// The fits, in the order of the windows.
    pub(super) fits: &'a [MissingFit<'a>],
    /// The number of windows in all, as far as it is known.
    pub(super) of: u32,
}

/// The result of one fit.
enum Outcome {
    /// The model; `None` if none can be learned.
    Done(Option<LadderModel>),
    /// The run was stopped.
    Stopped,
}

/// The parts that all threads change, one at a time.
struct Shared<'a> {
    ladders: &'a mut BTreeMap<WindowIndex, Ladder>,
    effort: &'a mut Effort,
    /// The number of fits that are left, by window.
    left: BTreeMap<WindowIndex, usize>,
    /// The end of the last fit.
    before: Instant,
}

impl LadderFits<'_> {
    /// Fits and stores all models. Ends early if `stop` is cancelled.
    pub(super) fn run(
        &self,
        ladders: &mut BTreeMap<WindowIndex, Ladder>,
        effort: &mut Effort,
        stop: &CancellationToken,
    ) -> Result<(), TrainError> {
        let rows: u64 = self.fits.iter().map(|fit| self.rows(*fit)).sum();
        let progress = &self.learning.progress;
        progress.report(Event::LadderBegins { fits: self.fits.len(), left: self.estimate(rows) });
        let mut left: BTreeMap<WindowIndex, usize> = BTreeMap::new();
        for fit in self.fits {
            *left.entry(fit.manifest.window).or_default() += 1;
        }
        let shared = Mutex::new(Shared { ladders, effort, left, before: Instant::now() });
        in_parallel(self.foreign.workers(), self.fits.len(), |task| {
            let fit = self.fits[task];
            if stop.is_cancelled() {
                return Ok(());
            }
            let Outcome::Done(model) = self.fit(fit)? else { return Ok(()) };
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            self.store(fit, model, &mut shared)
        })
        .map(drop)
    }

    /// Fits one model, and moves its folder to its place.
    fn fit(&self, fit: MissingFit<'_>) -> Result<Outcome, TrainError> {
        let id = ModelId::new(fit.manifest.window, fit.history);
        let (files, frames) = self.used(fit);
        if check_rows(frames, &self.learning.schema, false).is_err() {
            return Ok(Outcome::Done(None));
        }
        let inputs = Inputs::of_frames(&self.learning.schema.features, frames, false);
        let with_rows = files.iter().zip(frames).filter(|(_, frame)| frame.labelled() > 0);
        let files: Vec<Arc<RowsFile>> = with_rows.map(|(file, _)| Arc::clone(file)).collect();
        let began = Instant::now();
        match self.foreign.fit(id, &files, &self.foreign.levels(&inputs))? {
            FitResult::Fitted(folder, found) => {
                self.learning.registry.evidence().put_ladder_folder(id, &folder, &found.digest)?;
                let found = LadderFolder::new(found, began.elapsed().as_secs_f64());
                Ok(Outcome::Done(Some(LadderModel::Foreign(found))))
            }
            FitResult::Refused(_) => Ok(Outcome::Done(None)),
            FitResult::Stopped => Ok(Outcome::Stopped),
        }
    }

    /// Stores a model, and reports the progress.
    fn store(
        &self,
        fit: MissingFit<'_>,
        model: Option<LadderModel>,
        shared: &mut Shared<'_>,
    ) -> Result<(), TrainError> {
        let (window, sha256) = (fit.manifest.window, &fit.manifest.rows.file.sha256);
        let ladder = shared.ladders.entry(window).or_insert_with(|| Ladder::new(window, sha256));
        ladder.models.insert(fit.history, model);
        self.learning.registry.evidence().put_ladder(ladder)?;
        let now = Instant::now();
        // The processes work at once, so the time between two ends is that of one fit.
        shared.effort.add(Work::Fit, self.rows(fit), now.saturating_duration_since(shared.before));
        shared.before = now;
        if let Some(left) = shared.left.get_mut(&window) {
            *left -= 1;
        }
        shared.left.retain(|_, left| *left > 0);
        let done = self.of.saturating_sub(u32::try_from(shared.left.len()).unwrap_or(u32::MAX));
        let left = shared.effort.time_left().filter(|_| !shared.left.is_empty());
        self.learning.progress.counters().study_left.set(left);
        self.learning.progress.report(Event::LadderFitted { done, of: self.of, left });
        Ok(())
    }

    /// Returns the files and the frames of a history, oldest window first.
    fn used(&self, fit: MissingFit<'_>) -> (&[Arc<RowsFile>], &[Arc<Frame>]) {
        let index = |window: WindowIndex| (window.get() - self.first.get()) as usize;
        let (first, last) = fit.history.windows(fit.manifest.window);
        let range = index(first)..index(last) + 1;
        (&self.files[range.clone()], &self.frames[range])
    }

    fn rows(&self, fit: MissingFit<'_>) -> u64 {
        self.used(fit).1.iter().map(|frame| frame.labelled() as u64).sum()
    }

    /// Returns the time that fits of this number of rows take, from the fits of published models.
    fn estimate(&self, rows: u64) -> Option<Duration> {
        let snapshot = self.learning.registry.snapshot();
        let fitted = snapshot.models().filter(|model| !model.id().is_recalibrated());
        let fitted = fitted
            .filter_map(|model| Some((model.artifact().lineage.fit_rows as f64, model.artifact().foreign()?.seconds)));
        let (known_rows, seconds) =
            fitted.fold((0.0, 0.0), |(rows, all), (more, seconds)| (rows + more, all + seconds));
        let workers = self.foreign.workers() as f64;
        Duration::try_from_secs_f64(rows as f64 * seconds / known_rows / workers).ok()
    }
}
