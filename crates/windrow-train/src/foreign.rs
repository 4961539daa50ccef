//! A learner outside of this program at work.
//!
//! - `files`: the Parquet files that it reads, and folders for new models. `queue`: blocking work on threads of its own.
//! - `fitting`: one fit, from the files to a checked folder. `scoring`: the probabilities of models on a window.
//! - `reason`: the learner's reason why nothing can be learned, as plain text.
//! - `held`: published models that the learner reads, which may be removed at the same time. `starting`: the lock of a
//!   process that begins.
//!
//! The learner runs in processes, so calls to it wait, and never on the threads that compute.

mod files;
mod fitting;
mod held;
mod queue;
mod reason;
mod scoring;
mod starting;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use self::files::LearnerFiles;
use self::starting::StartLock;
use crate::error::TrainError;
use windrow_learn::frames::Frames;
use windrow_learn::learner::{Learner, LearnerIdentity, LearnerSchema};
use windrow_learn::model::{Frame, FramePart, Inputs};
use windrow_record::WindowIndex;
use windrow_registry::remove_unpublished;

pub(crate) use self::files::RowsFile;
pub(crate) use self::fitting::{FitResult, ReadyModel, remove};
pub(crate) use self::queue::in_parallel;
pub(crate) use self::scoring::FolderModel;

/// The folder in the work directory for the files that a learner reads.
pub const LEARNER_FOLDER: &str = "learner";

/// The file in the work directory that a process locks while it begins to make models of a learner.
pub const LEARNER_LOCK: &str = "learner.lock";

/// Takes the largest difference between the probabilities of two equal fits. It is infinite if only one gave a model.
pub type RepeatReport = Box<dyn Fn(f64) + Send + Sync>;

/// A learner outside of this program, with the files that it reads.
pub struct ForeignLearner {
    learner: Arc<dyn Learner>,
    identity: LearnerIdentity,
    schema: LearnerSchema,
    /// The name of the pipeline, of which the seeds are made.
    pipeline: String,
    /// The number of processes that work at once.
    workers: usize,
    files: LearnerFiles,
    /// The first window that each stage needs. A stage that is not there has needed no file yet.
    needed: Mutex<BTreeMap<Stage, WindowIndex>>,
    /// The first fit is repeated, and the difference reported here. `None` after that.
    repeat: Mutex<Option<RepeatReport>>,
}

/// A stage that uses the learner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Trainer,
    Advisor,
}

/// The settings of a learner at work.
pub struct ForeignSettings<'a> {
    /// The work directory, in which the files get a folder.
    pub workdir: &'a Path,
    /// The name of the pipeline.
    pub pipeline: &'a str,
    /// The number of processes that work at once.
    pub workers: usize,
    /// Takes the difference of two equal fits; `None` if it is known already.
    pub repeat: Option<RepeatReport>,
    /// Ends the wait for another process that begins.
    pub stop: &'a CancellationToken,
}

impl fmt::Debug for ForeignSettings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForeignSettings").field("workdir", &self.workdir).finish_non_exhaustive()
    }
}

impl ForeignLearner {
    /// Creates a folder in the work directory for the files of this process. It is removed with the value. Also removes
    /// the files of models that a killed process has not published. Waits for another process that begins, and returns
    /// `None` if the run was stopped. Blocks on disk I/O, which may take long.
    ///
    /// # Errors
    /// Returns an error if the folder or the file of the lock cannot be created.
    pub fn new(
        learner: Arc<dyn Learner>,
        identity: LearnerIdentity,
        schema: LearnerSchema,
        settings: ForeignSettings<'_>,
    ) -> io::Result<Option<Self>> {
        let folder = settings.workdir.join(LEARNER_FOLDER);
        fs::create_dir_all(&folder)?;
        // Each process that makes models of a learner has the lock while it begins, and a scratch folder until it ends.
        // So no model is being made if this process has the lock and is alone.
        let lock = starting::lock(&settings.workdir.join(LEARNER_LOCK), settings.stop)?;
        if matches!(lock, StartLock::Stopped) {
            return Ok(None);
        }
        let files = LearnerFiles::new(&folder, &schema)?;
        if matches!(lock, StartLock::Held { .. }) && files.is_alone()? {
            // What cannot be removed costs only space.
            if let Err(error) = remove_unpublished(settings.workdir) {
                tracing::warn!(%error, "files of models that were not published are not removed");
            }
        }
        drop(lock);
        let (pipeline, workers) = (settings.pipeline.to_owned(), settings.workers.max(1));
        let (needed, repeat) = (Mutex::default(), Mutex::new(settings.repeat));
        Ok(Some(Self { learner, identity, schema, pipeline, workers, files, needed, repeat }))
    }

    /// Returns the learner's own description of itself.
    pub(crate) fn identity(&self) -> &LearnerIdentity {
        &self.identity
    }

    /// Returns the columns that the learner reads.
    pub(crate) fn schema(&self) -> &LearnerSchema {
        &self.schema
    }

    /// Returns the number of processes that work at once.
    pub(crate) fn workers(&self) -> usize {
        self.workers
    }

    /// Returns the levels of the categories, by the names of the learner's columns.
    pub(crate) fn levels(&self, inputs: &Inputs) -> BTreeMap<String, Vec<String>> {
        inputs.levels(self.schema.features.iter().map(|feature| feature.name.as_str()))
    }

    /// Writes the files of the windows that have none yet, and returns all, in the order of the windows.
    pub(crate) fn window_files(
        &self,
        frames: &mut Frames,
        windows: &[WindowIndex],
    ) -> Result<Vec<Arc<RowsFile>>, TrainError> {
        let mut files = Vec::with_capacity(windows.len());
        for window in windows {
            files.push(match self.files.known(*window, FramePart::Whole) {
                Some(file) => file,
                None => {
                    let frame = frames.frame(*window)?;
                    self.files.write(*window, FramePart::Whole, &frame)?
                }
            });
        }
        Ok(files)
    }

    /// Writes the file of a part of a window, unless it exists, and returns it. `frame` has the rows.
    pub(crate) fn part_file(
        &self,
        window: WindowIndex,
        part: FramePart,
        frame: &Frame,
    ) -> Result<Arc<RowsFile>, TrainError> {
        self.files.write(window, part, frame)
    }

    /// Removes the files of the windows that no stage needs any more. `stage` needs those from `first` on. A file that is
    /// in use is removed afterwards, and one that is needed again is written again.
    pub(crate) fn forget_before(&self, stage: Stage, first: WindowIndex) {
        let mut needed = self.needed.lock().unwrap_or_else(PoisonError::into_inner);
        needed.insert(stage, first);
        if let Some(first) = needed.values().min() {
            self.files.forget_before(*first);
        }
    }
}

impl fmt::Debug for ForeignLearner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForeignLearner").field("identity", &self.identity).finish_non_exhaustive()
    }
}
