//! The ladder: models of the last 1, 2, 4, 8, ... windows and of all windows, with their losses. It omits models that
//! the trainer makes anyway. The losses that the policies need are computed in one pass over each window; `reading`
//! computes those that turn out to be needed besides.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;
use tokio_util::sync::CancellationToken;

use crate::advisor::effort::{Effort, Rows, Work};
use crate::advisor::foreign_ladder::{LadderFits, MissingFit};
use crate::foreign::{FolderModel, ForeignLearner, ReadyModel, Stage};
use crate::foreign_fit::Start;
use crate::{Learning, TrainError, making, scoring};
use windrow_base::telemetry::Event;
use windrow_evaluation::{Evidence, NeededPairs, WindowLosses, histories, needed_pairs};
use windrow_learn::frames::Frames;
use windrow_learn::model::{
    Artifact, FitError, FitSettings, Frame, LinearModel, Remote, RemoteError, ScoredModel, fit_from, window_losses,
};
use windrow_record::{ModelId, Scheme, WindowIndex};
use windrow_registry::{EvidenceStore, Ladder, LadderModel, Purpose};
use windrow_windows::Manifest;

/// The models fitted so far, and all losses.
pub(super) struct LadderWork {
    pub(super) frames: Frames,
    ladders: BTreeMap<WindowIndex, Ladder>,
    /// The pairs of model and window that the policies need.
    pub(super) needed: NeededPairs,
    /// The models of the ladder whose losses are stored, by the window of the losses.
    pub(super) scored: BTreeMap<WindowIndex, HashSet<ModelId>>,
    pub(super) evidence: Evidence,
    effort: Effort,
}

impl LadderWork {
    pub(super) fn new(frames: Frames) -> Self {
        let (ladders, needed, scored) = (BTreeMap::new(), NeededPairs::default(), BTreeMap::new());
        Self { frames, ladders, needed, scored, evidence: Evidence::default(), effort: Effort::default() }
    }

    /// Does the missing work for the advice after the last window: fits models, and computes the losses on later windows
    /// that the policies need. `delay` is the label delay in windows.
    pub(super) fn fill(
        &mut self,
        learning: &Learning,
        manifests: &[Manifest],
        delay: u32,
        stop: &CancellationToken,
    ) -> Result<(), TrainError> {
        for manifest in &manifests[self.evidence.last() as usize..] {
            self.frames.insert(manifest.clone());
            self.read_stored(learning, manifest)?;
        }
        let of = manifests.len() as u32;
        let compared = learning.pipeline.advise.histories.as_deref();
        self.needed = needed_pairs(of, compared, delay);
        let wanted = histories(of, compared);
        let wanted: Vec<Scheme> = wanted.into_iter().filter(|history| is_compared(learning, *history)).collect();
        let plan = self.plan(learning, manifests, &wanted);
        let add = |sum: Rows, work: &Rows| -> Rows { std::array::from_fn(|kind| sum[kind].saturating_add(work[kind])) };
        self.effort.plan(plan.iter().fold([0; 3], add));
        if let Some(foreign) = learning.learner.as_deref() {
            self.fit_by_learner(learning, foreign, manifests, &wanted, stop)?;
        }
        for ((manifest, [read, scored, fitted]), done) in manifests.iter().zip(plan).zip(1..) {
            if stop.is_cancelled() {
                break;
            }
            if read > 0 {
                let began = Instant::now();
                self.frames.frame(manifest.window)?;
                self.effort.add(Work::Read, read, began.elapsed());
            }
            let began = Instant::now();
            self.score(learning, manifest.window, &wanted)?;
            self.effort.add(Work::Score, scored, began.elapsed());
            let began = Instant::now();
            let is_fitted = learning.learner.is_none() && self.fit(learning, manifest, &wanted)?;
            if learning.learner.is_none() {
                self.effort.add(Work::Fit, fitted, began.elapsed());
            }
            if is_fitted || scored > 0 {
                let left = self.effort.time_left().filter(|_| done < of);
                // A learner outside of this program has fitted all models before the first of them is scored.
                let done = if learning.learner.is_some() { of } else { done };
                learning.progress.counters().study_left.set(left);
                learning.progress.report(Event::LadderFitted { done, of, left });
            }
            // Windows are processed in order, and no later fit needs rows from before its longest history.
            let longest = wanted.iter().map(|history| history.windows(manifest.window.next()).0).min();
            let first_needed = longest.unwrap_or(manifest.window);
            self.frames.forget_before(first_needed);
            if let Some(foreign) = learning.learner.as_deref() {
                foreign.forget_before(Stage::Advisor, first_needed);
            }
        }
        learning.progress.counters().study_left.set(None);
        let wanted = wanted.as_slice();
        let models = self.ladders.iter().flat_map(move |(window, ladder)| {
            let models =
                ladder.models.iter().filter(move |(history, model)| model.is_some() && wanted.contains(history));
            models.map(move |(history, _)| ModelId::new(*window, *history))
        });
        self.evidence.set_on_demand(self.needed.clone(), models);
        Ok(())
    }

    /// Returns the missing work of each window. The manifests are those of all windows, from the first one on.
    fn plan(&self, learning: &Learning, manifests: &[Manifest], wanted: &[Scheme]) -> Vec<Rows> {
        let mut rows_before: Vec<u64> = vec![0];
        for (index, manifest) in manifests.iter().enumerate() {
            rows_before.push(rows_before[index] + manifest.rows.labelled);
        }
        let missing = manifests.iter().map(|manifest| self.missing(learning, manifest.window, wanted));
        let missing: Vec<Vec<Scheme>> = missing.collect();
        let work = |(index, manifest): (usize, &Manifest)| {
            let (window, rows) = (manifest.window, manifest.rows.labelled);
            let earlier = manifests[..index].iter().zip(&missing);
            let earlier = earlier.filter(|(model, _)| self.needed.has(model.window, window));
            let models = earlier.map(|(model, missing)| missing.len() + self.unscored(model.window, window, wanted));
            let models = models.sum::<usize>() as u64;
            // The window of a number is at the index before it.
            let fitted = |history: &Scheme| {
                let first = history.windows(window).0.get() as usize - 1;
                rows_before[index + 1] - rows_before[first]
            };
            let read = if models > 0 { rows } else { 0 };
            [read, rows.saturating_mul(models), missing[index].iter().map(fitted).sum()]
        };
        manifests.iter().enumerate().map(work).collect()
    }

    /// Returns the number of models of a window whose losses on a later one are not stored.
    fn unscored(&self, of: WindowIndex, window: WindowIndex, wanted: &[Scheme]) -> usize {
        let is_scored = |id: ModelId| self.scored.get(&window).is_some_and(|scored| scored.contains(&id));
        let models = wanted.iter().map(|history| ModelId::new(of, *history));
        models.filter(|id| self.model(*id).is_some() && !is_scored(*id)).count()
    }

    fn read_stored(&mut self, learning: &Learning, manifest: &Manifest) -> Result<(), TrainError> {
        let (store, window) = (learning.registry.evidence(), manifest.window);
        self.ladders.insert(window, store.ladder(window, &manifest.rows.file.sha256)?);
        let published = store.losses(Purpose::Serving, window, &manifest.rows.file.sha256)?;
        let mut of_ladder = store.losses(Purpose::Advice, window, &manifest.rows.file.sha256)?;
        let scored = of_ladder.iter().flat_map(|losses| losses.models.iter().map(|losses| losses.model));
        self.scored.insert(window, scored.collect());
        // The numbers of rows and classes must be known, even if a user has removed the file of losses.
        if published.is_none() && of_ladder.is_none() {
            let none = self.losses(manifest, &[])?;
            self.evidence.insert(none);
        }
        // Losses that were stored for other settings are not part of this advice.
        if let Some(losses) = &mut of_ladder {
            losses.models.retain(|losses| is_compared(learning, losses.model.scheme));
        }
        // If a model is in both, the losses of the published model count.
        for losses in of_ladder.into_iter().chain(published) {
            self.evidence.insert(losses);
        }
        Ok(())
    }

    fn losses(&mut self, manifest: &Manifest, models: &[ScoredModel<'_>]) -> Result<WindowLosses, TrainError> {
        let window = manifest.window;
        let frame = self.frames.frame(window)?;
        let found = window_losses(&frame, window, &manifest.rows.file.sha256, models);
        found.map_err(|source| TrainError::ReadRows { window, source })
    }

    /// Computes the losses on a window that the policies need of the models of earlier windows.
    fn score(&mut self, learning: &Learning, window: WindowIndex, wanted: &[Scheme]) -> Result<(), TrainError> {
        let stored = self.scored.get(&window);
        let earlier = self.ladders.range(..window).map(|(model, _)| *model);
        let needed = earlier.filter(|model| self.needed.has(*model, window));
        let models = needed.flat_map(|model| wanted.iter().map(move |history| ModelId::new(model, *history)));
        let models = models.filter(|id| stored.is_none_or(|stored| !stored.contains(id)));
        let models: Vec<ModelId> = models.collect();
        self.score_models(learning, window, &models)?;
        Ok(())
    }

    /// Computes the losses of models on a window, and stores them. Returns `false` if the run was stopped. A model that
    /// does not exist is left out.
    pub(super) fn score_models(
        &mut self,
        learning: &Learning,
        window: WindowIndex,
        models: &[ModelId],
    ) -> Result<bool, TrainError> {
        let store = learning.registry.evidence();
        let found = models.iter().filter_map(|id| Some((*id, self.model(*id)?.clone())));
        let missing: Vec<(ModelId, LadderModel)> = found.collect();
        let manifest = self.frames.manifests(window, window).next().cloned();
        let Some(manifest) = manifest.filter(|_| !missing.is_empty()) else { return Ok(true) };
        let new = match learning.learner.as_deref() {
            Some(foreign) => {
                let folders: Vec<FolderModel> = folder_models(store, &missing).collect();
                let frame = self.frames.frame(window)?;
                let found = scoring::losses_by_learner(learning, foreign, &manifest, &frame, &folders)?;
                let Some(new) = found else { return Ok(false) };
                new
            }
            None => {
                let threshold = learning.pipeline.train.threshold;
                let logistic = missing.iter().filter_map(|(id, model)| Some((*id, model.logistic()?)));
                let models: Vec<_> = logistic.map(|(id, one)| ScoredModel::from_linear(id, one, threshold)).collect();
                self.losses(&manifest, &models)?
            }
        };
        let mut all = store.losses(Purpose::Advice, window, &manifest.rows.file.sha256)?.unwrap_or_else(|| new.clone());
        all.merge(new.clone());
        store.put_losses(Purpose::Advice, &all)?;
        self.scored.entry(window).or_default().extend(missing.iter().map(|(id, _)| *id));
        self.evidence.insert(new);
        Ok(true)
    }

    /// Returns the histories that end with a window and have no model yet.
    fn missing(&self, learning: &Learning, window: WindowIndex, wanted: &[Scheme]) -> Vec<Scheme> {
        let has_all = wanted.iter().chain(&learning.pipeline.train.schemes).any(|one| *one == Scheme::Cumulative);
        let ladder = self.ladders.get(&window);
        // A history of all windows up to this one is the same as the cumulative one.
        let is_twice = |history: &Scheme| {
            has_all && *history != Scheme::Cumulative && history.windows(window).0 == WindowIndex::FIRST
        };
        let is_new = |history: &Scheme| ladder.is_none_or(|ladder| !ladder.models.contains_key(history));
        wanted.iter().copied().filter(|one| !is_twice(one) && is_new(one)).collect()
    }

    /// Fits the missing histories that end with a window. Returns whether there were any.
    fn fit(&mut self, learning: &Learning, manifest: &Manifest, wanted: &[Scheme]) -> Result<bool, TrainError> {
        let window = manifest.window;
        let missing = self.missing(learning, window, wanted);
        let Some(first) = missing.iter().map(|history| history.windows(window).0).min() else { return Ok(false) };
        let frames = self.frames.range(first, window)?;
        let before = WindowIndex::new(window.get() - 1).and_then(|before| self.ladders.get(&before));
        let settings = FitSettings::from(&*learning.pipeline);
        let windows: Vec<WindowIndex> = self.frames.manifests(first, window).map(|manifest| manifest.window).collect();
        let remote = learning.remote.as_deref();
        let fit = |history: &Scheme| {
            // The frames begin with window `first`, and the history is the newest of them.
            let used = &frames[(history.windows(window).0.get() - first.get()) as usize..];
            let remote = remote.map(|solver| Remote { solver, windows: &windows[windows.len() - used.len()..] });
            let start = before.and_then(|ladder| ladder.models.get(history)?.as_ref()?.logistic());
            match fit_from(used, &learning.schema, &settings, remote.as_ref(), start) {
                Ok(model) => Ok(Some((*history, model))),
                Err(FitError::Unlearnable(_)) => Ok(Some((*history, None))),
                Err(FitError::Read(source)) => Err(TrainError::ReadRows { window, source }),
                Err(FitError::Remote(RemoteError::Stopped)) => Ok(None),
                Err(FitError::Remote(source)) => {
                    Err(TrainError::Remote { model: format!("a model of window {window} for the advice"), source })
                }
            }
        };
        // Computing threads must not wait for a cluster.
        let fitted: Vec<Option<(Scheme, Option<LinearModel>)>> = match remote {
            Some(_) => missing.iter().map(fit).collect::<Result<_, _>>()?,
            None => missing.par_iter().map(fit).collect::<Result<_, _>>()?,
        };
        let ladder = self.ladders.entry(window).or_insert_with(|| Ladder::new(window, &manifest.rows.file.sha256));
        let models = fitted.into_iter().flatten();
        ladder.models.extend(models.map(|(history, model)| (history, model.map(LadderModel::Logistic))));
        learning.registry.evidence().put_ladder(ladder)?;
        Ok(true)
    }

    /// Fits all missing histories by a learner outside of this program: a queue for all of its processes. Each model is
    /// stored when it is fitted, so a run that is stopped continues with the next one.
    fn fit_by_learner(
        &mut self,
        learning: &Learning,
        foreign: &ForeignLearner,
        manifests: &[Manifest],
        wanted: &[Scheme],
        stop: &CancellationToken,
    ) -> Result<(), TrainError> {
        let fits = manifests.iter().flat_map(|manifest| {
            let histories = self.missing(learning, manifest.window, wanted);
            histories.into_iter().map(move |history| MissingFit { manifest, history })
        });
        let fits: Vec<MissingFit<'_>> = fits.collect();
        let first = fits.iter().map(|fit| fit.history.windows(fit.manifest.window).0).min();
        let (Some(first), Some(last)) = (first, fits.last().map(|fit| fit.manifest.window)) else { return Ok(()) };
        let windows: Vec<WindowIndex> = self.frames.manifests(first, last).map(|manifest| manifest.window).collect();
        let files = foreign.window_files(&mut self.frames, &windows)?;
        let frames = self.frames.range(first, last)?;
        let of = manifests.len() as u32;
        let work = LadderFits { learning, foreign, first, files: &files, frames: &frames, fits: &fits, of };
        work.run(&mut self.ladders, &mut self.effort, stop)
    }

    /// Makes a model for the registry. The ladder's own logistic regression is not used: it is fitted from another start,
    /// so it may differ in the last digits. A recalibrated model is made from its fit, which is made again if it was removed.
    pub(super) fn make(&mut self, learning: &Learning, id: ModelId) -> Result<Option<Artifact>, TrainError> {
        let snapshot = learning.registry.snapshot();
        let fit = id.fit();
        if id.is_recalibrated()
            && let Some(known) = snapshot.get(fit)
        {
            let made = making::recalibrate(learning, known.artifact(), id.window, &mut self.frames)?;
            // `train.keep` may have removed the fit in the meantime. Then it is made again.
            if !scoring::has_lost_files(learning, known.artifact()) {
                return Ok(made);
            }
        }
        let (champion, _kept) = making::champion_before(learning, fit.window);
        let ready = self.ready(learning, fit);
        let start = ready.as_ref().map_or(Start::New, Start::Copy);
        match making::make(learning, fit, &mut self.frames, champion.as_deref(), start)? {
            Some(fitted) if id.is_recalibrated() => making::recalibrate(learning, &fitted, id.window, &mut self.frames),
            made => Ok(made),
        }
    }

    /// Returns the ladder's own model, if a learner outside of this program has fitted it: a fit with the same seed would
    /// give the same.
    fn ready(&self, learning: &Learning, id: ModelId) -> Option<ReadyModel> {
        let LadderModel::Foreign(found) = self.model(id)? else { return None };
        let folder = learning.registry.evidence().ladder_folder(id, &found.digest);
        Some(ReadyModel { folder, digest: found.digest.clone(), seconds: found.seconds })
    }

    pub(super) fn frame(&mut self, window: WindowIndex) -> Result<Arc<Frame>, TrainError> {
        Ok(self.frames.frame(window)?)
    }

    pub(super) fn model(&self, id: ModelId) -> Option<&LadderModel> {
        self.ladders.get(&id.window)?.models.get(&id.scheme)?.as_ref()
    }
}

/// Returns `true` if the advice compares a history, and the trainer makes no models of it.
pub(super) fn is_compared(learning: &Learning, history: Scheme) -> bool {
    let pipeline = &learning.pipeline;
    let is_asked = pipeline.advise.histories.as_ref().is_none_or(|wanted| wanted.contains(&history));
    is_asked && !pipeline.train.schemes.contains(&history)
}

/// Returns the folders of models of a learner outside of this program.
pub(super) fn folder_models<'a>(
    store: &'a EvidenceStore,
    models: &'a [(ModelId, LadderModel)],
) -> impl Iterator<Item = FolderModel> + 'a {
    models.iter().filter_map(|(id, model)| {
        let LadderModel::Foreign(found) = model else { return None };
        Some(FolderModel::new(*id, store.ladder_folder(*id, &found.digest)))
    })
}
