//! The fits of models by a learner outside of this program, before the models are made of them.
//!
//! A task is prepared from the rows, one after another. The fits wait for the learner and need no rows, so those of
//! several models run at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

use crate::foreign::{FitResult, FolderModel, ForeignLearner, ReadyModel, RowsFile, in_parallel, remove};
use crate::{Learning, TrainError};
use windrow_learn::frames::Frames;
use windrow_learn::model::{Frame, FramePart, GivenModel, Inputs, Score, check_rows, given_scores, row_counts};
use windrow_record::{ModelId, WindowIndex};

/// A model to fit.
#[derive(Debug)]
pub(super) struct Task {
    id: ModelId,
    /// The files of the windows with labelled rows, oldest first.
    pub(super) files: Vec<Arc<RowsFile>>,
    pub(super) inputs: Inputs,
    pub(super) levels: BTreeMap<String, Vec<String>>,
    /// The number of rows in the last file.
    pub(super) newest_rows: usize,
    /// The newest window that has examples.
    pub(super) with_examples: Option<WindowIndex>,
    /// `true` if the rows have the labels that they had when their windows were sealed.
    has_first_labels: bool,
    /// The fit without the held-out rows, if there are such rows and enough others.
    first: Option<FirstFit>,
}

/// A fit without the held-out rows of the newest window.
#[derive(Debug)]
struct FirstFit {
    files: Vec<Arc<RowsFile>>,
    levels: BTreeMap<String, Vec<String>>,
    newest: Arc<Frame>,
    /// The share of positives among the rows of the fit.
    share: f64,
}

/// The results of a task.
#[derive(Debug)]
pub(super) struct Fits {
    pub(super) result: FitResult,
    /// The score of the first fit on the held-out rows.
    pub(super) score: Option<Score>,
    /// The wall-clock time, in seconds.
    pub(super) seconds: f64,
}

/// A model whose fits are made.
#[derive(Debug)]
pub(super) enum Begun {
    /// The reason why no model can be learned from the rows.
    Refused(String),
    /// The task and its results.
    Fitted(Box<(Task, Result<Fits, TrainError>)>),
}

/// The state of a model of a learner before it is made.
#[derive(Debug)]
pub(super) enum Start<'a> {
    /// The model has no fit that could be used.
    New,
    /// The learner has fitted the same model for the advice.
    Copy(&'a ReadyModel),
    /// The fits of the model are made.
    Begun(Begun),
}

impl Start<'_> {
    /// Makes the fits of a model, unless they are made.
    pub(super) fn begun(
        self,
        learning: &Learning,
        foreign: &ForeignLearner,
        id: ModelId,
        frames: &mut Frames,
    ) -> Result<Begun, TrainError> {
        let ready = match self {
            Self::Begun(begun) => return Ok(begun),
            Self::Copy(ready) => Some(ready),
            Self::New => None,
        };
        Ok(match Task::new(learning, foreign, id, frames)? {
            Ok(task) => {
                let fits = task.fit(learning, foreign, ready);
                Begun::Fitted(Box::new((task, fits)))
            }
            Err(reason) => Begun::Refused(reason),
        })
    }
}

impl Task {
    /// Prepares a model: writes its files, and collects what follows from the rows. The inner error is the reason why no
    /// model can be learned from them.
    fn new(
        learning: &Learning,
        foreign: &ForeignLearner,
        id: ModelId,
        frames: &mut Frames,
    ) -> Result<Result<Self, String>, TrainError> {
        let (first, last) = id.scheme.windows(id.window);
        let windows: Vec<WindowIndex> = frames.manifests(first, last).map(|manifest| manifest.window).collect();
        let files = foreign.window_files(frames, &windows)?;
        let used = frames.range(first, last)?;
        if let Err(why) = check_rows(&used, &learning.schema, false) {
            return Ok(Err(why.to_string()));
        }
        // A window without labelled rows adds nothing, and not every learner reads an empty file.
        let has_rows = |frame: &&Arc<Frame>| frame.labelled() > 0;
        let files: Vec<Arc<RowsFile>> =
            files.into_iter().zip(&used).filter(|(_, frame)| has_rows(frame)).map(|(file, _)| file).collect();
        let newest_rows = used.iter().rev().find(has_rows).map_or(0, |frame| frame.labelled());
        let first_fit = FirstFit::new(learning, foreign, id, &files, frames, &used)?;
        let inputs = Inputs::of_frames(&learning.schema.features, &used, false);
        let levels = foreign.levels(&inputs);
        let has_first_labels = {
            let mut labelled = frames.manifests(first, last).map(|manifest| manifest.rows.labelled).zip(&used);
            labelled.all(|(before, frame)| before == frame.labelled() as u64)
        };
        let with_examples = windows.iter().zip(&used).rev().find(|(_, frame)| !frame.examples().is_empty());
        let with_examples = with_examples.map(|(window, _)| *window);
        Ok(Ok(Self { id, files, inputs, levels, newest_rows, with_examples, has_first_labels, first: first_fit }))
    }

    /// Makes the fits. The first one gives the score. If the model was fitted before, its files are copied.
    fn fit(
        &self,
        learning: &Learning,
        foreign: &ForeignLearner,
        ready: Option<&ReadyModel>,
    ) -> Result<Fits, TrainError> {
        let began = Instant::now();
        let score = match self.first.as_ref().map(|first| first.score(learning, foreign, self.id)).transpose()? {
            Some(FirstScore::Stopped) => return Ok(Fits { result: FitResult::Stopped, score: None, seconds: 0.0 }),
            Some(FirstScore::Known(score)) => score,
            None => None,
        };
        // A model that was fitted before has not learned from labels that arrived since.
        let ready = ready.filter(|_| self.has_first_labels);
        let copied = ready.and_then(|ready| Some((foreign.copy(ready)?, ready.seconds)));
        let (result, before) = match copied {
            Some(copied) => copied,
            None => (foreign.fit(self.id, &self.files, &self.levels)?, 0.0),
        };
        Ok(Fits { result, score, seconds: before + began.elapsed().as_secs_f64() })
    }
}

/// Makes the fits of several models at once, as many as the learner has processes. Nothing is published. After a failure,
/// no further model is begun, so the fits of some may be missing.
pub(super) fn begin(
    learning: &Learning,
    foreign: &ForeignLearner,
    ids: &[ModelId],
    frames: &mut Frames,
) -> Result<BTreeMap<ModelId, Begun>, TrainError> {
    let (mut begun, mut tasks) = (BTreeMap::new(), Vec::with_capacity(ids.len()));
    for id in ids {
        match Task::new(learning, foreign, *id, frames)? {
            Ok(task) => tasks.push(task),
            Err(reason) => drop(begun.insert(*id, Begun::Refused(reason))),
        }
    }
    let is_failed = AtomicBool::new(false);
    let fits = in_parallel::<_, TrainError>(foreign.workers(), tasks.len(), |task| {
        if is_failed.load(Relaxed) {
            return Ok(None);
        }
        let fits = tasks[task].fit(learning, foreign, None);
        if fits.is_err() {
            is_failed.store(true, Relaxed);
        }
        Ok(Some(fits))
    })?;
    let fitted = tasks.into_iter().zip(fits).filter_map(|(task, fits)| Some((task, fits?)));
    begun.extend(fitted.map(|(task, fits)| (task.id, Begun::Fitted(Box::new((task, fits))))));
    Ok(begun)
}

/// The score of a first fit.
enum FirstScore {
    /// The score. `None` if nothing can be learned from the rows, or the held-out rows give none.
    Known(Option<Score>),
    /// The run was stopped.
    Stopped,
}

impl FirstFit {
    /// Prepares the fit. `files` and `used` are of the model. Returns `None` without held-out rows, or with too few others.
    fn new(
        learning: &Learning,
        foreign: &ForeignLearner,
        id: ModelId,
        files: &[Arc<RowsFile>],
        frames: &mut Frames,
        used: &[Arc<Frame>],
    ) -> Result<Option<Self>, TrainError> {
        let held_out = used.last().map_or(0, |frame| frame.held_out());
        let Some((_, earlier)) = files.split_last().filter(|_| held_out > 0) else { return Ok(None) };
        if check_rows(used, &learning.schema, true).is_err() {
            return Ok(None);
        }
        let newest = frames.frame(id.window)?;
        // Not every learner reads an empty file.
        let has_training = newest.part_len(FramePart::Training) > 0;
        let training = has_training.then(|| foreign.part_file(id.window, FramePart::Training, &newest)).transpose()?;
        let files: Vec<Arc<RowsFile>> = earlier.iter().cloned().chain(training).collect();
        let levels = foreign.levels(&Inputs::of_frames(&learning.schema.features, used, true));
        let (rows, positives) = row_counts(used, true);
        Ok(Some(Self { files, levels, newest, share: positives as f64 / rows as f64 }))
    }

    /// Fits a model and scores it on the held-out rows.
    fn score(&self, learning: &Learning, foreign: &ForeignLearner, id: ModelId) -> Result<FirstScore, TrainError> {
        let folder = match foreign.fit(id, &self.files, &self.levels)? {
            FitResult::Fitted(folder, _) => folder,
            FitResult::Refused(_) => return Ok(FirstScore::Known(None)),
            FitResult::Stopped => return Ok(FirstScore::Stopped),
        };
        let model = FolderModel::new(id, folder);
        let found = foreign.probabilities(&model, id.window, FramePart::HeldOut, &self.newest)?;
        remove(model.path());
        let Some(probabilities) = found else { return Ok(FirstScore::Stopped) };
        let threshold = learning.pipeline.train.threshold;
        let given = GivenModel { id, threshold, probabilities: &probabilities };
        let scores = given_scores(&self.newest, &[given], &[self.share]);
        let scores = scores.map_err(|source| TrainError::ReadRows { window: id.window, source })?;
        Ok(FirstScore::Known(scores.into_iter().next().flatten()))
    }
}
