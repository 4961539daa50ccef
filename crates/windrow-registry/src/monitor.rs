//! Reports the progress of the rows through the stages, from status files and from the other files on disk.
//!
//! Guarantees: progress is found in the same way for one process and for several. A running stage writes its counters
//! to `status/` once a second. Sealed windows, models and the end of the stream are read from their files. A stage that
//! stops writing is reported as silent, with the duration. The monitor never blocks a stage and changes no file.

mod flow;
mod recent;
mod sealed;
mod status;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::flow::{FlowInputs, TrainingProgress};
use self::recent::Recent;
use self::sealed::SealedReader;
use self::status::StatusReader;
use crate::registry::Registry;
use windrow_base::runtime::blocking;
use windrow_base::telemetry::Counts;
use windrow_record::Scheme;

pub use self::flow::{Flow, FlowStep, StageActivity};
pub use self::recent::{PartitionRate, RecentRate};
pub use self::sealed::{Reasons, SealedWindow};
pub use self::status::{Stage, StatusFile};

/// The interval between two looks at the files.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// A monitor of one work directory.
#[derive(Debug)]
pub struct Monitor {
    workdir: PathBuf,
    registry: Arc<Registry>,
    /// The schemes whose models are trained.
    schemes: Vec<Scheme>,
    /// Returns the current time in RFC 3339 format.
    clock: fn() -> String,
    seen: Mutex<MonitorState>,
    current: watch::Sender<Arc<Observed>>,
}

#[derive(Debug, Default)]
struct MonitorState {
    listener: StatusReader,
    reader: SealedReader,
    recent: Recent,
}

/// The state of a work directory at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// The progress of the rows through the stages.
    pub flow: Flow,
    /// The sealed windows, oldest first.
    pub windows: Arc<Vec<SealedWindow>>,
    /// The reasons of quarantined rows, with their counts.
    pub reasons: Reasons,
    /// The last reported counters. Those of sent and delivered rows and of the dataset are the producer's, the time left
    /// for the advice is the trainer's, and all others are the consumer's.
    pub counts: Counts,
}

impl Monitor {
    /// Creates a monitor of a work directory. `schemes` are those whose models are trained. `clock` returns the current
    /// time in RFC 3339 format.
    pub fn new(workdir: &Path, registry: Arc<Registry>, schemes: &[Scheme], clock: fn() -> String) -> Self {
        let (seen, current) = (Mutex::default(), watch::Sender::default());
        Self { workdir: workdir.to_owned(), registry, schemes: schemes.to_vec(), clock, seen, current }
    }

    /// Returns the state that was last observed.
    pub fn observed(&self) -> Arc<Observed> {
        Arc::clone(&self.current.borrow())
    }

    /// Returns the rows per second and the lag of the last minutes, oldest first. Empty before a few seconds have been
    /// observed.
    pub fn recent(&self) -> Vec<RecentRate> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.recent.rates(Instant::now())
    }

    /// Returns a receiver that is notified when the observed state changes.
    pub fn changes(&self) -> watch::Receiver<Arc<Observed>> {
        self.current.subscribe()
    }

    /// Observes the work directory at a fixed interval until `stop` is cancelled.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let monitor = Arc::clone(&self);
            blocking(move || monitor.refresh()).await;
            stop.run_until_cancelled(tokio::time::sleep(POLL_INTERVAL)).await;
        }
    }

    /// Observes the work directory once. Blocks on disk I/O.
    pub fn refresh(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let MonitorState { listener, reader, recent } = &mut *seen;
        let heard = listener.read_reports(&self.workdir, &(self.clock)());
        reader.read(&self.workdir);
        let snapshot = self.registry.snapshot();
        let newest = snapshot.models().next_back().map_or(0, |model| model.id().window.get());
        let trained = TrainingProgress {
            // If a scheme was added, its models are made from the first window on.
            window: snapshot.unmade(&self.schemes).map_or(newest, |(_, window)| window.get() - 1),
            models: snapshot.models().filter(|model| model.learned().is_some()).count(),
        };
        let flow = Flow::of(&FlowInputs { heard: &heard, windows: &reader.windows, end: reader.end.as_ref(), trained });
        let counts_of = |stage| heard.get(&stage).map(|heard| heard.counts).unwrap_or_default();
        let Counts { dataset, sent, delivered, .. } = counts_of(Stage::Producer);
        let at_work = heard.get(&Stage::Trainer).filter(|trainer| !trainer.is_over && trainer.silent_for.is_none());
        let study_left = at_work.and_then(|trainer| trainer.counts.study_left);
        let counts = Counts { dataset, sent, delivered, study_left, ..counts_of(Stage::Consumer) };
        recent.add(Instant::now(), &counts, &listener.partitions());
        let (windows, reasons) = (Arc::clone(&reader.windows), reader.reasons.clone());
        let observed = Observed { flow, windows, reasons, counts };
        self.current.send_if_modified(|current| {
            let is_new = **current != observed;
            if is_new {
                *current = Arc::new(observed);
            }
            is_new
        });
    }
}
