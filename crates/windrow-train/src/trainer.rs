//! The trainer: waits for sealed windows, makes every model that can be made from them, and scores all models on them.
//!
//! Promises: a window is parsed once, whatever the number of models that learn from it or are scored on it; a model that
//! is there already is not made again; encoded rows take no more memory than they may. Computes off the runtime's threads.
//! Knows nothing of brokers.

mod acceptance;
mod error;
mod lineage;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use windrow_base::runtime::blocking;
use windrow_base::telemetry::{Event, Progress};
use windrow_config::{Pipeline, Schema};
use windrow_evaluation::is_kept;
use windrow_learn::frames::Frames;
use windrow_learn::model::{
    Artifact, FORMAT, FitError, FitSettings, Outcome, Remote, RemoteError, RemoteSolver, ScoredModel, Verdict, fit,
    losses, versions, window_losses,
};
use windrow_record::{ModelId, WindowIndex};
use windrow_registry::{Model, Registry};
use windrow_windows::{BatchStore, Manifest};

pub use self::error::TrainerError;

/// How often the trainer looks for a new window.
const WINDOW_POLL: Duration = Duration::from_millis(100);

/// What a trainer needs.
#[derive(Debug)]
pub struct Trainer {
    /// What to learn, and how.
    pub pipeline: Arc<Pipeline>,
    /// The columns.
    pub schema: Arc<Schema>,
    /// Where the windows are.
    pub store: BatchStore,
    /// Where the models go.
    pub registry: Arc<Registry>,
    /// How many bytes of encoded rows may be held in memory.
    pub memory: usize,
    /// Where encoded rows beyond that are kept.
    pub folder: PathBuf,
    /// What fits, where that is not here.
    pub remote: Option<Arc<dyn RemoteSolver>>,
    /// How many rows the dataset has, where that is known: rows beyond are repeated, and windows of them no evidence.
    pub dataset_rows: Option<u64>,
    /// The time of day, RFC 3339.
    pub clock: fn() -> String,
    /// Where to tell of it.
    pub progress: Progress,
}

impl Trainer {
    /// Makes the models of every window until the stream is through.
    ///
    /// # Errors
    /// A batch file is not what its manifest says, or a model cannot be written. A stop is no error.
    pub async fn run(self, stop: CancellationToken) -> Result<(), TrainerError> {
        let trainer = Arc::new(self);
        let (store, schema) = (trainer.store.clone(), Arc::clone(&trainer.schema));
        let mut windows = Frames::new(store, schema, trainer.pipeline.train.holdout, &trainer.folder, trainer.memory);
        if trainer.remote.is_some() {
            windows = windows.learning_elsewhere();
        }
        let mut next = WindowIndex::FIRST;
        while !stop.is_cancelled() {
            let looking = {
                let trainer = Arc::clone(&trainer);
                blocking(move || trainer.look(next)).await?
            };
            match looking {
                Found::Window(manifest) => {
                    let trainer = Arc::clone(&trainer);
                    let stop = stop.clone();
                    windows = blocking(move || trainer.learn(windows, *manifest, &stop)).await?;
                    next = next.next();
                }
                Found::End => {
                    trainer.progress.report(Event::TrainerDone);
                    return Ok(());
                }
                Found::NothingYet => {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(WINDOW_POLL) => {}
                    }
                }
            }
        }
        Ok(())
    }

    fn look(&self, next: WindowIndex) -> Result<Found, TrainerError> {
        if let Some(manifest) = self.store.manifest(next)? {
            return Ok(Found::Window(Box::new(manifest)));
        }
        let through = self.store.end()?.is_some_and(|end| end.windows < next.get());
        Ok(if through { Found::End } else { Found::NothingYet })
    }

    /// Makes the models whose newest window this is, and scores all models on it.
    fn learn(&self, mut windows: Frames, manifest: Manifest, stop: &CancellationToken) -> Result<Frames, TrainerError> {
        let newest = manifest.window;
        let _span =
            tracing::info_span!("learn", window = %newest, rows = manifest.rows, sha256 = manifest.sha256).entered();
        windows.insert(manifest.clone());
        // As it was before this window: which scheme comes first must not matter, nor that a model is made again.
        let champion = self.registry.snapshot().champion_before(newest);
        // A window that has been reported had its models; those that are gone since were retired.
        let keep = self.pipeline.train.keep;
        let was_done = keep.is_some() && self.registry.snapshot().window(newest).is_some();
        for scheme in &self.pipeline.train.schemes {
            let id = ModelId { window: newest, scheme: *scheme };
            if was_done || stop.is_cancelled() || self.registry.snapshot().get(id).is_some() {
                continue;
            }
            let Some(artifact) = self.make(id, &mut windows, champion.as_deref())? else { continue };
            self.registry.publish(&artifact)?;
            self.report(&artifact);
        }
        let is_scored = self.registry.snapshot().window(newest).is_some();
        let has_losses = self.registry.evidence().has_losses(newest) || !self.is_evidence(&manifest);
        let is_known = is_scored && has_losses;
        if !stop.is_cancelled() && !is_known {
            self.score(&mut windows, &manifest)?;
        }
        if let Some(first) = keep.and_then(|keep| WindowIndex::new((newest.get() + 1).saturating_sub(keep.get()))) {
            let retired = self.registry.retire_before(first)?;
            if !retired.is_empty() {
                let ids = retired.iter().map(ToString::to_string).collect();
                self.progress.report(Event::ModelsRetired { ids });
            }
        }
        let first_needed = self.pipeline.train.schemes.iter().map(|scheme| scheme.windows(newest.next()).0).min();
        windows.forget_before(first_needed.unwrap_or(newest));
        Ok(windows)
    }

    /// Scores the models that came before a window on it: losses first, so that a window which is reported has them.
    fn score(&self, windows: &mut Frames, manifest: &Manifest) -> Result<(), TrainerError> {
        let window = manifest.window;
        let _span = tracing::info_span!("score", %window).entered();
        let keep = |source| TrainerError::Keep { window, source };
        let frame = windows.frame(window)?;
        let snapshot = self.registry.snapshot();
        let is_evidence = self.is_evidence(manifest);
        if is_evidence {
            let earlier = snapshot.models().filter(|model| is_kept(model.id().window, window));
            let earlier: Vec<ScoredModel<'_>> =
                earlier.filter_map(|model| Some(ScoredModel::of(model.id(), model.learned()?))).collect();
            let found =
                losses(&frame, &earlier).and_then(|found| window_losses(&frame, window, &manifest.sha256, found));
            self.registry.publish_losses(&found.map_err(keep)?)?;
        }
        let period = self.pipeline.window.period(manifest.span.map(|span| span.from));
        let report = acceptance::report(manifest, period, is_evidence, &frame, &snapshot).map_err(keep)?;
        self.registry.publish_window(&report)?;
        self.progress.report(Event::WindowScored { window: window.get(), models: report.scores.len() });
        Ok(())
    }

    /// Whether a window has rows of the dataset's first round alone.
    fn is_evidence(&self, manifest: &Manifest) -> bool {
        let last = manifest.row_numbers.iter().map(|range| range.last).max().unwrap_or_default();
        self.dataset_rows.is_none_or(|rows| last <= rows)
    }

    /// `None` where it was told to stop.
    fn make(
        &self,
        id: ModelId,
        windows: &mut Frames,
        champion: Option<&Model>,
    ) -> Result<Option<Artifact>, TrainerError> {
        let (first, last) = id.scheme.windows(id.window);
        let span =
            tracing::info_span!("fit", model = %id, lineage = tracing::field::Empty, passes = tracing::field::Empty);
        let _entered = span.enter();
        let used = windows.range(first, last)?;
        let began = Instant::now();
        let unreadable = |source| TrainerError::Keep { window: id.window, source };
        let learned_from: Vec<WindowIndex> = windows.manifests(first, last).map(|manifest| manifest.window).collect();
        let remote = self.remote.as_deref().map(|solver| Remote { solver, windows: &learned_from });
        let (outcome, verdict) = match fit(&used, &self.schema, &FitSettings::from(&*self.pipeline), remote.as_ref()) {
            Ok(mut learned) => {
                learned.solver.seconds = began.elapsed().as_secs_f64();
                let newest = windows.frame(id.window)?;
                let rules = &self.pipeline.train.accept;
                let verdict = acceptance::verdict(rules, &learned, champion, &newest).map_err(unreadable)?;
                (Outcome::Learned(Box::new(learned)), verdict)
            }
            Err(FitError::Unlearnable(reason)) => (Outcome::Refused { reason: reason.to_string() }, Verdict::Accepted),
            Err(FitError::Read(source)) => return Err(unreadable(source)),
            Err(FitError::Remote(RemoteError::Stopped)) => return Ok(None),
            Err(FitError::Remote(source)) => return Err(TrainerError::Remote { model: id, source }),
        };
        let lineage = lineage::lineage(windows.manifests(first, last), &used);
        span.record("lineage", lineage.id.as_str());
        if let Outcome::Learned(learned) = &outcome {
            span.record("passes", learned.solver.passes);
        }
        Ok(Some(Artifact {
            format: FORMAT,
            id,
            pipeline: self.pipeline.name.clone(),
            created: (self.clock)(),
            versions: versions(),
            lineage,
            verdict,
            outcome,
        }))
    }

    fn report(&self, artifact: &Artifact) {
        let id = artifact.id.to_string();
        self.progress.report(match &artifact.outcome {
            Outcome::Learned(learned) => {
                let score = learned.scores.get("holdout");
                Event::ModelPublished {
                    id,
                    rows: artifact.lineage.fit_rows,
                    auc: score.and_then(|score| score.auc),
                    log_loss: score.map(|score| score.log_loss),
                    converged: learned.solver.converged,
                    passes: learned.solver.passes,
                    rejected: match &artifact.verdict {
                        Verdict::Accepted => None,
                        Verdict::Rejected { reason } => Some(reason.clone()),
                    },
                    took: Duration::from_secs_f64(learned.solver.seconds),
                }
            }
            Outcome::Refused { reason } => Event::ModelRefused { id, reason: reason.clone() },
        });
    }
}

enum Found {
    Window(Box<Manifest>),
    End,
    NothingYet,
}
