//! The trainer: waits for sealed windows, makes every model that can be made from them, and scores all models on them.
//!
//! A window is parsed once for all models that learn from it or are scored on it. A stored model is not made again. If a
//! scheme was added to the pipeline, its models are made and scored from the first window on, and all others stay.
//! Encoded rows take at most the given amount of memory. Computations run off the runtime's threads. The trainer knows
//! nothing of brokers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::foreign::Stage;
use crate::foreign_fit::{self, Start};
use crate::scoring::{self, WindowScores};
use crate::{Learning, TrainError, acceptance, lineage, making};
use windrow_base::runtime::blocking;
use windrow_base::telemetry::{Event, ForwardScore};
use windrow_evaluation::is_kept;
use windrow_learn::frames::Frames;
use windrow_learn::model::{Acceptance, Artifact, Outcome, Score, WindowReport};
use windrow_record::{ModelId, Scheme, WindowIndex};
use windrow_registry::{AliasChange, Author, Model, Purpose, RegistryError};
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
        let Some(end) = store.end()?.filter(|end| end.windows < next.get()) else {
            return Ok((windows, NextWindow::NothingYet));
        };
        if let Some(last) = WindowIndex::new(end.windows) {
            let why = "its window was opened again for a newer extract of the dataset and does not exist any more";
            let changes = self.learning.registry.retire_after(last, &self.author(why))?;
            self.report_changes(changes);
        }
        Ok((windows, NextWindow::End))
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
        let (champion, champion_kept) = making::champion_before(&self.learning, newest);
        // The scores must not depend on when the advisor removes models.
        let (_, scored_kept) = registry.keep_found(|snapshot| {
            snapshot.models().map(|model| model.id()).filter(|id| is_kept(id.window, newest)).collect()
        });
        // A reported window had its models. Those that are missing now were retired.
        let reported = registry.snapshot().window(newest).filter(|_| pipeline.train.keep.is_some()).cloned();
        let was_retired = |id: ModelId| reported.as_ref().is_some_and(|report| report.has_models_of(id.scheme));
        let is_done = |id: ModelId, known: Option<&Arc<Model>>, windows: &Frames| match known {
            // A model is made again if a window that it is made from was opened again and has other rows now.
            Some(known) => lineage::is_of(known.artifact(), windows),
            None => was_retired(id) || !self.is_of_schemes(id),
        };
        let ids = self.models_of(newest);
        // The fits of a learner outside of this program are made at once. The models are published in their order.
        let mut begun = match self.learning.learner.as_deref().filter(|_| !stop.is_cancelled()) {
            Some(foreign) => {
                let snapshot = registry.snapshot();
                let is_fit = |id: &ModelId| !id.is_recalibrated() && !is_done(*id, snapshot.get(*id), &windows);
                let fits: Vec<ModelId> = ids.iter().copied().filter(is_fit).collect();
                foreign_fit::begin(&self.learning, foreign, &fits, &mut windows)?
            }
            None => BTreeMap::new(),
        };
        for id in ids {
            if stop.is_cancelled() {
                break;
            }
            let known = registry.snapshot().get(id).cloned();
            if is_done(id, known.as_ref(), &windows) {
                if let Some(known) = known {
                    self.adopt(known.artifact())?;
                }
                continue;
            }
            // A recalibrated model is made from its fit, which the advisor must not remove before it is published.
            let _kept = registry.keep(id.fit());
            let start = begun.remove(&id).map_or(Start::New, Start::Begun);
            let made = self.make(id, &mut windows, champion.as_deref(), start)?;
            let Some(mut artifact) = made else { continue };
            // If its scheme was removed, a model that is made again stays one of a scheme.
            artifact.is_for_advice &= known.is_none_or(|known| known.artifact().is_for_advice);
            registry.publish(&artifact)?;
            self.report(&artifact);
        }
        self.renew_aliases()?;
        // The report of a window that was opened again is of its earlier rows.
        let sha256 = &manifest.rows.file.sha256;
        let report = registry.snapshot().window(newest).filter(|report| report.sha256 == *sha256).cloned();
        let has_models = |report: &WindowReport| pipeline.train.schemes.iter().all(|one| report.has_models_of(*one));
        let is_scored = report.as_deref().is_some_and(has_models);
        let has_losses = registry.evidence().has_losses(newest) || !self.is_evidence(&manifest);
        let is_known = is_scored && has_losses;
        if !stop.is_cancelled() && !is_known {
            self.score(&mut windows, &manifest, report.as_deref())?;
        }
        drop((champion_kept, scored_kept));
        making::retire(&self.learning, newest)?;
        let first_needed = pipeline.train.schemes.iter().map(|scheme| scheme.windows(newest.next()).0).min();
        let first_needed = first_needed.unwrap_or(newest);
        windows.forget_before(first_needed);
        if let Some(foreign) = self.learning.learner.as_deref() {
            foreign.forget_before(Stage::Trainer, first_needed);
        }
        Ok(windows)
    }

    /// Returns the models whose newest window this is: those of the schemes, and those that were made for the advice.
    fn models_of(&self, window: WindowIndex) -> Vec<ModelId> {
        let schemes = &self.learning.pipeline.train.schemes;
        let snapshot = self.learning.registry.snapshot();
        let others = snapshot.models_of(window).map(|model| model.id()).filter(|id| !self.is_of_schemes(*id));
        schemes.iter().map(|scheme| ModelId::new(window, *scheme)).chain(others).collect()
    }

    fn is_of_schemes(&self, id: ModelId) -> bool {
        !id.is_recalibrated() && self.learning.pipeline.train.schemes.contains(&id.scheme)
    }

    /// Counts a model that only the advice needed among those of its scheme, if the scheme was added to the pipeline.
    fn adopt(&self, artifact: &Artifact) -> Result<(), TrainError> {
        if artifact.is_for_advice && self.is_of_schemes(artifact.id) {
            self.learning.registry.publish(&Artifact { is_for_advice: false, ..artifact.clone() })?;
        }
        Ok(())
    }

    /// Makes a model. A recalibrated one is made from its fit, which is made again if it was removed.
    fn make(
        &self,
        id: ModelId,
        windows: &mut Frames,
        champion: Option<&Model>,
        start: Start<'_>,
    ) -> Result<Option<Artifact>, TrainError> {
        if !id.is_recalibrated() {
            return making::make(&self.learning, id, windows, champion, start);
        }
        let snapshot = self.learning.registry.snapshot();
        if let Some(fitted) = snapshot.get(id.fit()) {
            return making::recalibrate(&self.learning, fitted.artifact(), id.window, windows);
        }
        let (champion, _kept) = making::champion_before(&self.learning, id.fit().window);
        match making::make(&self.learning, id.fit(), windows, champion.as_deref(), Start::New)? {
            Some(fitted) => making::recalibrate(&self.learning, &fitted, id.window, windows),
            None => Ok(None),
        }
    }

    /// Records which aliases point to models that were made again.
    fn renew_aliases(&self) -> Result<(), TrainError> {
        let why = "a window that the model learned from was opened again for a newer extract of the dataset";
        let renewed = self.learning.registry.renew_aliases(&self.author(why)).map_err(RegistryError::Aliases)?;
        self.report_changes(renewed);
        Ok(())
    }

    fn author(&self, why: &str) -> Author {
        Author { at: (self.learning.clock)(), by: making::AUTHOR.to_owned(), why: why.to_owned() }
    }

    fn report_changes(&self, changes: Vec<AliasChange>) {
        for change in changes {
            let [from, to] = [change.from, change.to].map(|id| id.map(|id| id.to_string()));
            let alias = change.alias.to_string();
            self.learning.progress.report(Event::AliasChanged { alias, from, to, by: change.by });
        }
    }

    /// Scores the models of earlier windows on this one. Losses are stored first, so that every reported window has
    /// them. If a scheme was added to the pipeline, there is a `stored` report. Then only the models that it lacks are
    /// scored: the others may have been retired.
    fn score(
        &self,
        windows: &mut Frames,
        manifest: &Manifest,
        stored: Option<&WindowReport>,
    ) -> Result<(), TrainError> {
        let Learning { pipeline, registry, progress, .. } = &self.learning;
        let window = manifest.window;
        let _span = tracing::info_span!("score", %window).entered();
        let frame = windows.frame(window)?;
        let snapshot = registry.snapshot();
        let is_evidence = self.is_evidence(manifest);
        let losses = match stored {
            Some(_) if is_evidence => {
                registry.evidence().losses(Purpose::Serving, window, &manifest.rows.file.sha256)?
            }
            _ => None,
        };
        let known = stored.map_or(&[][..], |stored| stored.scores.as_slice());
        let both = WindowScores { losses, scores: known.to_vec() };
        let completed = scoring::complete(both, &self.learning, manifest, is_evidence, &frame, &snapshot)?;
        let Some(WindowScores { losses, scores }) = completed else { return Ok(()) };
        if let Some(losses) = losses {
            registry.evidence().put_losses(Purpose::Serving, &losses)?;
        }
        let trained: BTreeSet<Scheme> = pipeline.train.schemes.iter().copied().collect();
        let report = match stored {
            Some(stored) => stored.with_added(&trained, scores),
            None => {
                let period = manifest.times.period(pipeline.window);
                let new = acceptance::report(manifest, period, is_evidence, &frame, &snapshot);
                // The schemes of a report that is outdated are those of the time when its window was new.
                match snapshot.window(window).filter(|outdated| outdated.sha256.is_empty()) {
                    Some(outdated) => {
                        let (schemes, added) = (outdated.schemes.clone(), outdated.added.clone());
                        WindowReport { schemes, added, ..new }.with_added(&trained, scores)
                    }
                    None => WindowReport { schemes: trained, scores, ..new },
                }
            }
        };
        registry.publish_window(&report)?;
        let is_new = |model: ModelId| known.iter().all(|score| score.model != model);
        let forward = report.age_one_scores().filter(|(model, _)| is_evidence && is_new(*model));
        let forward = forward.map(forward_score).collect();
        let models = report.scores.len() - known.len();
        progress.report(Event::WindowScored { window: window.get(), models, forward });
        Ok(())
    }

    /// Returns whether a window has only rows of the dataset's first round.
    fn is_evidence(&self, manifest: &Manifest) -> bool {
        let last = manifest.rows.numbers.iter().map(|range| range.last).max().unwrap_or_default();
        self.dataset_rows.is_none_or(|rows| last <= rows)
    }

    fn report(&self, artifact: &Artifact) {
        let id = artifact.id.to_string();
        self.learning.progress.report(match &artifact.outcome {
            Outcome::Learned(learned) => {
                let score = learned.scores.get("holdout");
                let (auc, log_loss) = (score.and_then(|score| score.auc), score.map(|score| score.log_loss));
                let (rows, converged) = (artifact.lineage.fit_rows, learned.is_converged());
                let passes = learned.logistic().map_or(0, |logistic| logistic.solver.passes);
                let took = Duration::from_secs_f64(learned.seconds());
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
