//! The trainer: waits for sealed windows, makes every model that can be made from them, and scores all models on them.
//!
//! A window is parsed once for all models that learn from it or are scored on it. A stored model is not made again.
//! Encoded rows take at most the given amount of memory. Computations run off the runtime's threads. The trainer knows
//! nothing of brokers.

mod acceptance;
mod lineage;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::{Learning, TrainError};
use windrow_base::runtime::blocking;
use windrow_base::telemetry::{Event, ForwardScore};
use windrow_evaluation::is_kept;
use windrow_learn::frames::Frames;
use windrow_learn::model::{
    Acceptance, Artifact, FORMAT, FitError, FitSettings, Outcome, Remote, RemoteError, Score, ScoredModel, fit,
    versions, window_losses,
};
use windrow_record::{ModelId, WindowIndex};
use windrow_registry::{Model, Purpose};
use windrow_windows::Manifest;

/// The interval at which the trainer looks for a new window.
const WINDOW_POLL: Duration = Duration::from_millis(100);

/// A trainer, with its inputs.
#[derive(Debug)]
pub struct Trainer {
    /// The windows, the registry and the settings.
    pub learning: Learning,
    /// The number of rows in the dataset, if it is known. Later rows repeat earlier ones, so windows with such rows are
    /// not evidence.
    pub dataset_rows: Option<u64>,
    /// Returns the current time in RFC 3339.
    pub clock: fn() -> String,
}

impl Trainer {
    /// Makes the models of every window, until the stream ends.
    ///
    /// # Errors
    /// A batch file does not fit its manifest, files cannot be read or written, or the remote solver fails. A stop is
    /// not an error.
    pub async fn run(self, stop: CancellationToken) -> Result<(), TrainError> {
        let trainer = Arc::new(self);
        let mut windows = trainer.learning.frames();
        let mut next = WindowIndex::FIRST;
        while !stop.is_cancelled() {
            let (working, token) = (Arc::clone(&trainer), stop.clone());
            let (frames, found) = blocking(move || working.step(windows, next, &token)).await?;
            windows = frames;
            match found {
                NextWindow::Window => next = next.next(),
                NextWindow::End => {
                    trainer.learning.progress.report(Event::TrainerDone);
                    return Ok(());
                }
                NextWindow::NothingYet => {
                    stop.run_until_cancelled(tokio::time::sleep(WINDOW_POLL)).await;
                }
            }
        }
        Ok(())
    }

    /// Learns from the next window, if it is sealed.
    fn step(
        &self,
        windows: Frames,
        next: WindowIndex,
        stop: &CancellationToken,
    ) -> Result<(Frames, NextWindow), TrainError> {
        let store = &self.learning.store;
        if let Some(manifest) = store.manifest(next)? {
            return Ok((self.learn(windows, manifest, stop)?, NextWindow::Window));
        }
        let is_through = store.end()?.is_some_and(|end| end.windows < next.get());
        Ok((windows, if is_through { NextWindow::End } else { NextWindow::NothingYet }))
    }

    /// Makes the models whose newest window this is, and scores all models on it.
    fn learn(&self, mut windows: Frames, manifest: Manifest, stop: &CancellationToken) -> Result<Frames, TrainError> {
        let Learning { pipeline, registry, .. } = &self.learning;
        let newest = manifest.window;
        let _span =
            tracing::info_span!("learn", window = %newest, rows = manifest.rows.count, sha256 = manifest.rows.file.sha256).entered();
        windows.insert(manifest.clone());
        // The champion from before this window. The verdict must not depend on the order of schemes, or on a model
        // being made again.
        let champion = registry.snapshot().champion_before(newest);
        // A reported window had its models. Those that are missing now were retired.
        let keep = pipeline.train.keep;
        let was_done = keep.is_some() && registry.snapshot().window(newest).is_some();
        for scheme in &pipeline.train.schemes {
            let id = ModelId { window: newest, scheme: *scheme };
            if was_done || stop.is_cancelled() || registry.snapshot().get(id).is_some() {
                continue;
            }
            let Some(artifact) = self.make(id, &mut windows, champion.as_deref())? else { continue };
            registry.publish(&artifact)?;
            self.report(&artifact);
        }
        let is_scored = registry.snapshot().window(newest).is_some();
        let has_losses = registry.evidence().has_losses(newest) || !self.is_evidence(&manifest);
        let is_known = is_scored && has_losses;
        if !stop.is_cancelled() && !is_known {
            self.score(&mut windows, &manifest)?;
        }
        if let Some(first) = keep.and_then(|keep| WindowIndex::new((newest.get() + 1).saturating_sub(keep.get()))) {
            let retired = registry.retire_before(first)?;
            if !retired.is_empty() {
                let ids = retired.iter().map(ToString::to_string).collect();
                self.learning.progress.report(Event::ModelsRetired { ids });
            }
        }
        let first_needed = pipeline.train.schemes.iter().map(|scheme| scheme.windows(newest.next()).0).min();
        windows.forget_before(first_needed.unwrap_or(newest));
        Ok(windows)
    }

    /// Scores the models of earlier windows on this one. Losses are stored first, so that every reported window has
    /// them.
    fn score(&self, windows: &mut Frames, manifest: &Manifest) -> Result<(), TrainError> {
        let Learning { pipeline, registry, progress, .. } = &self.learning;
        let window = manifest.window;
        let _span = tracing::info_span!("score", %window).entered();
        let read_error = |source| TrainError::ReadRows { window, source };
        let frame = windows.frame(window)?;
        let snapshot = registry.snapshot();
        let is_evidence = self.is_evidence(manifest);
        if is_evidence {
            let earlier = snapshot.models().filter(|model| is_kept(model.id().window, window));
            let earlier: Vec<_> = earlier.filter_map(|one| Some(ScoredModel::of(one.id(), one.learned()?))).collect();
            let found = window_losses(&frame, window, &manifest.rows.file.sha256, &earlier).map_err(read_error)?;
            registry.evidence().put_losses(Purpose::Serving, &found)?;
        }
        let period = manifest.times.period(pipeline.window);
        let report = acceptance::report(manifest, period, is_evidence, &frame, &snapshot).map_err(read_error)?;
        registry.publish_window(&report)?;
        let forward = report.age_one_scores().filter(|_| is_evidence).map(forward_score).collect();
        progress.report(Event::WindowScored { window: window.get(), models: report.scores.len(), forward });
        Ok(())
    }

    /// Returns whether a window has only rows of the dataset's first round.
    fn is_evidence(&self, manifest: &Manifest) -> bool {
        let last = manifest.rows.numbers.iter().map(|range| range.last).max().unwrap_or_default();
        self.dataset_rows.is_none_or(|rows| last <= rows)
    }

    /// Makes one model, or records the reason why none can be learned. Returns `None` if the run was stopped.
    fn make(&self, id: ModelId, frames: &mut Frames, champion: Option<&Model>) -> Result<Option<Artifact>, TrainError> {
        let Learning { pipeline, schema, remote, .. } = &self.learning;
        let (first, last) = id.scheme.windows(id.window);
        let span =
            tracing::info_span!("fit", model = %id, lineage = tracing::field::Empty, passes = tracing::field::Empty);
        let _entered = span.enter();
        let used = frames.range(first, last)?;
        let began = Instant::now();
        let unreadable = |source| TrainError::ReadRows { window: id.window, source };
        let learned_from: Vec<WindowIndex> = frames.manifests(first, last).map(|manifest| manifest.window).collect();
        let remote = remote.as_deref().map(|solver| Remote { solver, windows: &learned_from });
        let (outcome, verdict) = match fit(&used, schema, &FitSettings::from(&**pipeline), remote.as_ref()) {
            Ok(mut learned) => {
                learned.solver.seconds = began.elapsed().as_secs_f64();
                let newest = frames.frame(id.window)?;
                let rules = &pipeline.train.accept;
                let verdict = acceptance::verdict(rules, &learned, champion, &newest).map_err(unreadable)?;
                (Outcome::Learned(Box::new(learned)), verdict)
            }
            Err(FitError::Unlearnable(why)) => (Outcome::Refused { reason: why.to_string() }, Acceptance::Accepted),
            Err(FitError::Read(source)) => return Err(unreadable(source)),
            Err(FitError::Remote(RemoteError::Stopped)) => return Ok(None),
            Err(FitError::Remote(source)) => return Err(TrainError::Remote { model: id.to_string(), source }),
        };
        let lineage = lineage::lineage(frames.manifests(first, last), &used);
        span.record("lineage", lineage.id.as_str());
        if let Outcome::Learned(learned) = &outcome {
            span.record("passes", learned.solver.passes);
        }
        let (pipeline, created, versions) = (pipeline.name.clone(), (self.clock)(), versions());
        Ok(Some(Artifact { format: FORMAT, id, pipeline, created, versions, lineage, verdict, outcome }))
    }

    fn report(&self, artifact: &Artifact) {
        let id = artifact.id.to_string();
        self.learning.progress.report(match &artifact.outcome {
            Outcome::Learned(learned) => {
                let score = learned.scores.get("holdout");
                let (auc, log_loss) = (score.and_then(|score| score.auc), score.map(|score| score.log_loss));
                let (rows, solver) = (artifact.lineage.fit_rows, &learned.solver);
                let (converged, passes) = (solver.converged, solver.passes);
                let took = Duration::from_secs_f64(solver.seconds);
                let rejected = match &artifact.verdict {
                    Acceptance::Accepted => None,
                    Acceptance::Rejected { reason } => Some(reason.clone()),
                };
                Event::ModelPublished { id, rows, auc, log_loss, converged, passes, rejected, took }
            }
            Outcome::Refused { reason } => Event::ModelRefused { id, reason: reason.clone() },
        });
    }
}

fn forward_score((model, score): (ModelId, &Score)) -> ForwardScore {
    let Score { log_loss, baseline_log_loss, auc, .. } = *score;
    ForwardScore { model: model.to_string(), log_loss, baseline_log_loss, auc }
}

enum NextWindow {
    Window,
    End,
    NothingYet,
}
