//! How far the rows have come, from what each stage tells and from what is on the disk.
//!
//! Promises: one process or five, it is found out in the same way: a stage at work tells its counters in `status/` once a
//! second, and sealed windows, models and the end are read from their files. A stage that tells nothing is known to be
//! silent, and for how long. Looking never blocks a stage, and changes nothing.

mod flow;
mod sealed;
mod status;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::flow::{Parts, Trained};
use self::sealed::Reader;
use self::status::Listener;
use crate::registry::Registry;
use windrow_base::runtime::blocking;
use windrow_base::telemetry::Counts;

pub(crate) use self::flow::Flow;
pub use self::sealed::{Reasons, SealedWindow};
pub use self::status::{Stage, StatusFile};

/// How often the files are looked at.
const POLL: Duration = Duration::from_millis(500);

/// Looks at one work directory.
#[derive(Debug)]
pub struct Monitor {
    workdir: PathBuf,
    registry: Arc<Registry>,
    /// The time of day, RFC 3339.
    clock: fn() -> String,
    seen: Mutex<Seen>,
    current: watch::Sender<Arc<Observed>>,
}

#[derive(Debug, Default)]
struct Seen {
    listener: Listener,
    reader: Reader,
}

/// What was found at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// How far the rows have come.
    pub flow: Flow,
    /// The sealed windows, oldest first.
    pub windows: Arc<Vec<SealedWindow>>,
    /// Why rows are in quarantine.
    pub reasons: Reasons,
    /// What the stages told last: of the producer what it sends, of the consumer the rest.
    pub counts: Counts,
}

impl Monitor {
    /// A monitor of a work directory; `clock` gives the time of day as RFC 3339.
    pub fn new(workdir: &Path, registry: Arc<Registry>, clock: fn() -> String) -> Self {
        let (seen, current) = (Mutex::default(), watch::Sender::default());
        Self { workdir: workdir.to_owned(), registry, clock, seen, current }
    }

    /// What was found last.
    pub fn observed(&self) -> Arc<Observed> {
        Arc::clone(&self.current.borrow())
    }

    /// Wakes those who wait for a change.
    pub fn changes(&self) -> watch::Receiver<Arc<Observed>> {
        self.current.subscribe()
    }

    /// Looks until told to stop.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let monitor = Arc::clone(&self);
            blocking(move || monitor.look()).await;
            stop.run_until_cancelled(tokio::time::sleep(POLL)).await;
        }
    }

    /// Looks once. Blocks on the disk.
    pub fn look(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Seen { listener, reader } = &mut *seen;
        let heard = listener.listen(&self.workdir, &(self.clock)());
        reader.read(&self.workdir);
        let snapshot = self.registry.snapshot();
        let trained = Trained {
            window: snapshot.models().next_back().map_or(0, |model| model.id().window.get()),
            models: snapshot.models().filter(|model| model.learned().is_some()).count(),
        };
        let flow = Flow::of(&Parts { heard: &heard, windows: &reader.windows, end: reader.end.as_ref(), trained });
        let told = |stage| heard.get(&stage).map(|heard| heard.counts).unwrap_or_default();
        let Counts { dataset, sent, delivered, .. } = told(Stage::Producer);
        let counts = Counts { dataset, sent, delivered, ..told(Stage::Consumer) };
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
