//! The progress of the stages: counters that grow with every row, and events worth a line of output.
//!
//! Any number of listeners may be connected, or none; reporting never waits. This module knows no other module, so
//! events carry plain numbers and texts.

mod counters;
mod number;
mod partitions;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::broadcast;

pub use self::counters::{Counters, Counts, Metric};
pub use self::number::{Countdown, Counter, Gauge};
pub use self::partitions::{LISTED_PARTITIONS, PartitionCounters, PartitionCounts};

/// The number of unread events after which a slow listener misses the oldest.
const EVENT_BACKLOG: usize = 1024;

/// The place where all stages of a process report. Clones report to the same place.
#[derive(Debug, Clone)]
pub struct Progress {
    counters: Arc<Counters>,
    events: broadcast::Sender<Event>,
}

impl Default for Progress {
    fn default() -> Self {
        Self { counters: Arc::default(), events: broadcast::Sender::new(EVENT_BACKLOG) }
    }
}

impl Progress {
    /// Returns the counters, to read or to change.
    #[inline]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Sends an event to all listeners.
    pub fn report(&self, event: Event) {
        tracing::debug!(?event, "progress");
        // Sending fails only without a listener. That is not an error.
        let _ = self.events.send(event);
    }

    /// Returns a receiver of all events from now on.
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }
}

/// The score of a model on the window after its newest one, which it has not learned from.
#[derive(Debug, Clone, Serialize)]
pub struct ForwardScore {
    /// The id of the model.
    pub model: String,
    /// The log-loss of the model on the window.
    pub log_loss: f64,
    /// The log-loss of always predicting the share of positives in the model's training rows.
    pub baseline_log_loss: f64,
    /// The AUC on the window; `None` if it contains only one class.
    pub auc: Option<f64>,
}

/// An event worth a line of output.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A container image is being pulled.
    ImagePulling {
        /// The name of the image.
        image: String,
        /// The time that the pull has taken so far.
        took: Duration,
    },
    /// A broker is ready for clients.
    BrokerReady {
        /// The kind of the broker: `embedded`, `redpanda` or `external`.
        kind: &'static str,
        /// The bootstrap address of the broker.
        address: String,
        /// The reason why this broker was chosen.
        reason: String,
    },
    /// The API is ready for clients.
    ApiReady {
        /// The URL of the API, as in `http://127.0.0.1:8080`.
        url: String,
        /// The configured address, if another program uses it.
        #[serde(skip_serializing_if = "Option::is_none")]
        instead_of: Option<String>,
    },
    /// A run that started earlier continues.
    RunResumed {
        /// The number of sealed windows.
        windows: usize,
        /// The number of rows in the sealed windows.
        rows: u64,
        /// The number of the first row that is not sealed; `None` if the stream has ended.
        next: Option<u64>,
    },
    /// The dataset is a newer extract of the one that was replayed, and the run goes on with it.
    DatasetGrew {
        /// The number of the last row that was read before.
        known: u64,
        /// The number of new rows.
        new: u64,
        /// The row number of the file's first row: the rows before it are not in the file any more.
        begins: u64,
        /// The number of labels that have arrived for sealed windows.
        labels: u64,
        /// The windows that are opened again, because only the end of the stream had sealed them.
        reopened: Vec<u32>,
    },
    /// Settings of models and advice differ from those of the last process that learned.
    SettingsChanged {
        /// The keys, as in `train.keep: not set before, now 8`.
        changes: Vec<String>,
    },
    /// All rows of the dataset are in the topic.
    ProducerDone {
        /// The number of rows that this process sent.
        rows: u64,
        /// The number of rows that were in the topic before.
        before: u64,
        /// The time that sending took.
        took: Duration,
    },
    /// The file and the manifest of a window are written.
    WindowSealed {
        /// The index of the window, from 1.
        window: u32,
        /// The name of the window's period, as in `week of 2013-04-01`, if it has one.
        #[serde(skip_serializing_if = "Option::is_none")]
        period: Option<String>,
        /// The number of rows in the window.
        rows: u64,
        /// The number of these rows whose target is missing.
        unlabelled: u64,
        /// The number of the window's rows that were put into quarantine.
        quarantined: u64,
        /// The reason why the window was sealed.
        reason: String,
    },
    /// The last window of the stream is sealed.
    StreamEnded {
        /// The number of windows in the stream.
        windows: u32,
    },
    /// A model is ready for predictions.
    ModelPublished {
        /// The id of the model.
        id: String,
        /// The number of rows that the model was fitted to.
        rows: u64,
        /// The AUC on the model's holdout; `None` if the holdout contains only one class.
        auc: Option<f64>,
        /// The log-loss on the model's holdout; `None` if the holdout is empty.
        log_loss: Option<f64>,
        /// True if the solver reached the optimum.
        converged: bool,
        /// The number of passes of the solver over the rows; 0 if the solver does not report it.
        passes: u64,
        /// The reason why no alias may point to the model; `None` if aliases may.
        rejected: Option<String>,
        /// The time that the fit took.
        took: Duration,
    },
    /// No model can be fitted to a window.
    ModelRefused {
        /// The id that the model would have had.
        id: String,
        /// The reason why the window gives no model.
        reason: String,
    },
    /// All existing models have been scored on a window.
    WindowScored {
        /// The index of the window, from 1.
        window: u32,
        /// The number of models.
        models: usize,
        /// The scores of the models of the window before. Empty if the window repeats earlier rows.
        forward: Vec<ForwardScore>,
    },
    /// A model that another process fitted is ready for predictions.
    ModelAppeared {
        /// The id of the model.
        id: String,
    },
    /// An alias points to another model.
    AliasChanged {
        /// The name of the alias.
        alias: String,
        /// The model that the alias pointed to; `None` if the alias is new.
        from: Option<String>,
        /// The model that the alias points to; `None` if the alias was removed.
        to: Option<String>,
        /// The author of the change.
        by: String,
    },
    /// Old models were removed, as the pipeline file requires.
    ModelsRetired {
        /// The ids of the removed models.
        ids: Vec<String>,
    },
    /// New advice was computed after a window.
    Advised {
        /// The name of the window, as in `window 28 (week of 2013-07-08)`.
        window: String,
        /// The advice in one sentence.
        answer: String,
    },
    /// The command of the pipeline file is about to be started.
    LearnerStarts {
        /// The command, as it would be written in a shell.
        command: String,
        /// The number of processes at most.
        workers: usize,
    },
    /// Two equal fits of a learner outside of this program gave different probabilities.
    LearnerVaries {
        /// The largest difference. It is infinite if only one of them gave a model.
        apart: f64,
    },
    /// A learner outside of this program begins to fit the models that only the advice needs.
    LadderBegins {
        /// The number of fits.
        fits: usize,
        /// The estimated time until all are fitted; `None` if it is not known.
        #[serde(skip_serializing_if = "Option::is_none")]
        left: Option<Duration>,
    },
    /// The models of a window that only the advice needs were fitted.
    LadderFitted {
        /// The number of windows that are done.
        done: u32,
        /// The number of windows in all, as far as it is known.
        of: u32,
        /// The estimated time until the models of all these windows are fitted; `None` if it is not known, or if they
        /// are.
        #[serde(skip_serializing_if = "Option::is_none")]
        left: Option<Duration>,
    },
    /// All models of the stream are fitted.
    TrainerDone,
}
