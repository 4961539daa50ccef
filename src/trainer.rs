//! The trainer: waits for sealed windows and makes every model that can be made from them.
//!
//! Promises: a window is parsed once, whatever the number of models that learn from it; a model that is there already
//! is not made again. Computes off the runtime's threads. Knows nothing of brokers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::batch::{BatchError, BatchStore, Manifest};
use crate::config::{Pipeline, RowFault, Schema};
use crate::model::{
    Artifact, FORMAT, FitSettings, Frame, FrameBuilder, Lineage, OffsetRange, Outcome, WindowLineage, fit,
};
use crate::record::{CsvError, ModelId, ReadError, RecordParser, Scheme, WindowIndex};
use crate::registry::{Registry, RegistryError};
use crate::telemetry::{Event, Progress};

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
        let mut frames = Frames::default();
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
                    frames = blocking(move || trainer.learn(frames, *manifest, &stop)).await?;
                    next = next.next();
                }
                Found::End => {
                    trainer.progress.tell(Event::TrainerDone);
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

    /// Makes the models whose newest window this is.
    fn learn(&self, mut frames: Frames, manifest: Manifest, stop: &CancellationToken) -> Result<Frames, TrainerError> {
        let newest = manifest.window;
        frames.manifests.insert(newest, manifest);
        for scheme in &self.pipeline.train.schemes {
            let id = ModelId { window: newest, scheme: *scheme };
            if stop.is_cancelled() || self.registry.snapshot().get(id).is_some() {
                continue;
            }
            let (first, last) = scheme.windows(newest);
            let used = frames.range(self, first, last)?;
            let artifact = self.make(id, &used, &frames);
            self.registry.publish(&artifact)?;
            self.tell(&artifact);
        }
        if !self.pipeline.train.schemes.contains(&Scheme::Cumulative) {
            frames.parsed.clear();
        }
        Ok(frames)
    }

    fn make(&self, id: ModelId, used: &[Arc<Frame>], frames: &Frames) -> Artifact {
        let train = &self.pipeline.train;
        let settings = FitSettings::from(&*self.pipeline);
        let began = Instant::now();
        let fitted = fit(used, &self.schema, &settings);
        let (fit_rows, fit_positives, holdout_rows) = used.iter().fold((0, 0, 0), |(rows, positives, held), frame| {
            let part = frame.fit_len(train.holdout);
            (rows + part, positives + frame.fit_positives(train.holdout), held + frame.labelled() - part)
        });
        let (first, last) = id.scheme.windows(id.window);
        let windows: Vec<WindowLineage> =
            frames.manifests.range(first..=last).map(|(_, manifest)| of(manifest)).collect();
        Artifact {
            format: FORMAT,
            id,
            pipeline: self.pipeline.name.clone(),
            created: (self.clock)(),
            lineage: Lineage {
                id: lineage_id(&windows),
                windows,
                fit_rows: fit_rows as u64,
                fit_positives: fit_positives as u64,
                holdout_rows: holdout_rows as u64,
            },
            outcome: match fitted {
                Ok(mut learned) => {
                    learned.solver.seconds = began.elapsed().as_secs_f64();
                    Outcome::Learned(Box::new(learned))
                }
                Err(reason) => Outcome::Refused { reason: reason.to_string() },
            },
        }
    }

    fn tell(&self, artifact: &Artifact) {
        let id = artifact.id.to_string();
        self.progress.tell(match &artifact.outcome {
            Outcome::Learned(learned) => {
                let score = learned.scores.get("newest_holdout");
                Event::ModelPublished {
                    id,
                    rows: artifact.lineage.fit_rows,
                    auc: score.and_then(|score| score.auc),
                    log_loss: score.map(|score| score.log_loss),
                    converged: learned.solver.converged,
                    took: Duration::from_secs_f64(learned.solver.seconds),
                }
            }
            Outcome::Refused { reason } => Event::ModelRefused { id, reason: reason.clone() },
        });
    }

    fn parse(&self, manifest: &Manifest) -> Result<Frame, TrainerError> {
        let window = manifest.window;
        let mut records = self.store.rows(window, self.schema.delimiter)?;
        let mut parser = RecordParser::new(self.schema.delimiter);
        let mut frame = FrameBuilder::new(&self.schema);
        let mut rows = 0;
        while let Some(record) = records.next_record().map_err(|source| TrainerError::Read { window, source })? {
            rows += 1;
            let fields = parser.parse(record.bytes).map_err(|source| TrainerError::Record {
                window,
                line: record.line,
                source,
            })?;
            frame.push(&fields).map_err(|source| TrainerError::Row { window, line: record.line, source })?;
        }
        if rows != manifest.rows {
            return Err(TrainerError::RowCount { window, rows, promised: manifest.rows });
        }
        Ok(frame.finish())
    }
}

enum Found {
    Window(Box<Manifest>),
    End,
    NothingYet,
}

/// The windows seen so far; parsed when a model first needs them, and then kept.
#[derive(Debug, Default)]
struct Frames {
    manifests: BTreeMap<WindowIndex, Manifest>,
    parsed: BTreeMap<WindowIndex, Arc<Frame>>,
}

impl Frames {
    fn range(
        &mut self,
        trainer: &Trainer,
        first: WindowIndex,
        last: WindowIndex,
    ) -> Result<Vec<Arc<Frame>>, TrainerError> {
        for (window, manifest) in self.manifests.range(first..=last) {
            if !self.parsed.contains_key(window) {
                self.parsed.insert(*window, Arc::new(trainer.parse(manifest)?));
            }
        }
        Ok(self.parsed.range(first..=last).map(|(_, frame)| Arc::clone(frame)).collect())
    }
}

fn of(manifest: &Manifest) -> WindowLineage {
    let offsets = manifest.offsets.iter();
    WindowLineage {
        window: manifest.window,
        rows: manifest.rows,
        labelled: manifest.labelled,
        sha256: manifest.sha256.clone(),
        offsets: offsets
            .map(|range| OffsetRange { partition: range.partition, first: range.first, last: range.last })
            .collect(),
    }
}

/// The first 12 hexadecimal digits of the sha256 over the windows' own.
fn lineage_id(windows: &[WindowLineage]) -> String {
    let mut digest = Sha256::new();
    for window in windows {
        digest.update(&window.sha256);
    }
    digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// Why no more models can be made.
#[derive(Debug, thiserror::Error)]
pub enum TrainerError {
    /// The windows cannot be listed.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A model cannot be written.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A batch file cannot be read.
    #[error("cannot read the batch file of window {window}: {source}")]
    Read {
        /// Which one.
        window: WindowIndex,
        /// Why.
        source: ReadError,
    },
    /// A batch file holds what is no record.
    #[error("line {line} of the batch file of window {window} is no record: {source}")]
    Record {
        /// Which window.
        window: WindowIndex,
        /// Which line, the header line not counted.
        line: u64,
        /// Why.
        source: CsvError,
    },
    /// A batch file holds a row that does not fit the pipeline.
    #[error(
        "line {line} of the batch file of window {window} does not fit the pipeline file: {source}; was that changed since?"
    )]
    Row {
        /// Which window.
        window: WindowIndex,
        /// Which line, the header line not counted.
        line: u64,
        /// Why.
        source: RowFault,
    },
    /// A batch file that is shorter or longer than its manifest says.
    #[error(
        "the batch file of window {window} has {rows} rows where its manifest says {promised}: it was changed after it was sealed"
    )]
    RowCount {
        /// Which window.
        window: WindowIndex,
        /// Its rows.
        rows: u64,
        /// The manifest's.
        promised: u64,
    },
}
