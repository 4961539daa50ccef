//! What the stages report of their work: counters that grow with every row, and events worth a line.
//!
//! There may be any number of listeners, or none; reporting never waits. Knows no other module, so events carry
//! plain numbers and texts.

mod counters;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::broadcast;

pub use self::counters::{Counter, Counters, Counts, Gauge, Metric};

/// How many events a slow listener may lag behind before it misses the oldest.
const EVENT_BACKLOG: usize = 1024;

/// The one place where the stages of a process report; clones report to the same place.
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
    /// The counters, to read or to move.
    #[inline]
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Tells an event to those who listen.
    pub fn report(&self, event: Event) {
        tracing::debug!(?event, "progress");
        // Without a listener there is nobody to tell, and that is no fault.
        let _ = self.events.send(event);
    }

    /// Listens to the events from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }
}

/// Something worth a line.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The image of a container is on its way to this machine.
    ImagePulling {
        /// Its name.
        image: String,
        /// How long the pull has taken so far.
        took: Duration,
    },
    /// A broker answers.
    BrokerReady {
        /// What it is: embedded, redpanda or external.
        kind: &'static str,
        /// Where it is.
        address: String,
        /// Why this one was taken.
        reason: String,
    },
    /// The API answers.
    ApiReady {
        /// Its address, as in `http://127.0.0.1:8080`.
        url: String,
        /// The address that it would have, were it not taken.
        #[serde(skip_serializing_if = "Option::is_none")]
        instead_of: Option<String>,
    },
    /// A run that was begun earlier goes on.
    RunResumed {
        /// Windows that are sealed.
        windows: usize,
        /// Rows in them.
        rows: u64,
        /// The first row that is not; `None` when the stream is through.
        next: Option<u64>,
    },
    /// All rows of the dataset are in the topic.
    ProducerDone {
        /// How many were sent now.
        rows: u64,
        /// How many were there before.
        before: u64,
        /// How long that took.
        took: Duration,
    },
    /// A window's file and manifest are in place.
    WindowSealed {
        /// Its index, from 1.
        window: u32,
        /// What it is called beside that, as in `week of 2013-04-01`.
        #[serde(skip_serializing_if = "Option::is_none")]
        period: Option<String>,
        /// Its rows.
        rows: u64,
        /// Of these, rows whose target is missing.
        unlabelled: u64,
        /// Its rows that went to quarantine.
        quarantined: u64,
        /// Why it was sealed.
        reason: String,
    },
    /// The stream's last window is sealed.
    StreamEnded {
        /// How many windows there are.
        windows: u32,
    },
    /// A model can be asked.
    ModelPublished {
        /// Its id.
        id: String,
        /// Rows that it was fitted to.
        rows: u64,
        /// AUC on its holdout; `None` when that holds one class alone.
        auc: Option<f64>,
        /// Log-loss on its holdout; `None` without holdout rows.
        log_loss: Option<f64>,
        /// Whether its solver reached the optimum.
        converged: bool,
        /// How often the solver went through the rows; 0 where it does not tell.
        passes: u64,
        /// Why no alias may stand for it, where none may.
        rejected: Option<String>,
        /// How long the fit took.
        took: Duration,
    },
    /// A window gives no model.
    ModelRefused {
        /// The id that the model would have had.
        id: String,
        /// Why there is none.
        reason: String,
    },
    /// Every model that there is has been scored on a window.
    WindowScored {
        /// Which one.
        window: u32,
        /// How many models.
        models: usize,
    },
    /// A model that another process made can be asked.
    ModelAppeared {
        /// Its id.
        id: String,
    },
    /// A name of a model stands for another one.
    AliasChanged {
        /// The name.
        alias: String,
        /// What it stood for.
        from: Option<String>,
        /// What it stands for.
        to: Option<String>,
        /// Who did it.
        by: String,
    },
    /// Old models were removed, as the pipeline file asks.
    ModelsRetired {
        /// Their ids.
        ids: Vec<String>,
    },
    /// There is advice, as of a window.
    Advised {
        /// Which one, as in `window 28 (week of 2013-07-08)`.
        window: String,
        /// The answer in a sentence.
        answer: String,
    },
    /// A model that only the advice needs was fitted.
    LadderFitted {
        /// Windows that are done.
        done: u32,
        /// Windows in all, as far as is known.
        of: u32,
    },
    /// All models of the stream are there.
    TrainerDone,
}
