//! The state from which operations answer: the models, which are swapped as a whole, and what stays the same while the
//! server runs.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::error::ApiError;
use crate::served::{ApiLearner, Fitted, Served, ServedWith};
use windrow_base::runtime::blocking;
use windrow_base::telemetry::{Counters, Progress};
use windrow_config::Pipeline;
use windrow_learn::model::{Learned, Outcome};
use windrow_record::ModelId;
use windrow_registry::monitor::Monitor;
use windrow_registry::{ADVISED, Model, Registry};

/// One of this many connections may be an event stream.
const CONNECTIONS_PER_STREAM: usize = 4;

#[derive(Debug)]
pub(crate) struct ApiState {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) progress: Progress,
    pub(crate) monitor: Arc<Monitor>,
    /// Cancelled when the server must stop.
    pub(crate) stop: CancellationToken,
    /// Returns the current time, RFC 3339.
    pub(crate) clock: fn() -> String,
    /// Permits for open event streams.
    pub(crate) streams: Arc<Semaphore>,
    /// The learner outside of this program, if one runs.
    pub(crate) learner: Option<Arc<ApiLearner>>,
    served: ArcSwap<Served>,
    /// Locked while the served models are renewed, so that an older state never replaces a newer one.
    renewing: tokio::sync::Mutex<()>,
}

impl ApiState {
    pub(crate) fn new(
        pipeline: Arc<Pipeline>,
        registry: Arc<Registry>,
        progress: Progress,
        monitor: Arc<Monitor>,
        stop: CancellationToken,
        clock: fn() -> String,
        learner: Option<ApiLearner>,
    ) -> Self {
        let streams = Arc::new(Semaphore::new(pipeline.serve.connections.div_ceil(CONNECTIONS_PER_STREAM)));
        let (served, renewing) = (ArcSwap::default(), tokio::sync::Mutex::default());
        let learner = learner.map(Arc::new);
        Self { pipeline, registry, progress, monitor, stop, clock, streams, learner, served, renewing }
    }

    /// Returns what is served now. The caller must drop the guard soon.
    pub(crate) fn served(&self) -> Guard<Arc<Served>> {
        self.served.load()
    }

    /// Returns what is served now, for work that takes longer.
    pub(crate) fn served_snapshot(&self) -> Arc<Served> {
        self.served.load_full()
    }

    /// Finds a model by its id or an alias.
    ///
    /// # Errors
    /// Returns an error if no model has the name. If there are no models yet, the error says what the server waits for.
    pub(crate) fn find<'a>(&self, served: &'a Served, name: &str) -> Result<&'a Arc<Model>, ApiError> {
        served.snapshot.resolve(name).map_err(|unknown| {
            let is_empty = served.snapshot.models().next().is_none();
            let could_be = unknown.given.parse::<ModelId>().is_ok() || matches!(name, "latest" | "champion" | ADVISED);
            if is_empty && could_be { ApiError::not_ready(self.progress_to_first_model()) } else { unknown.into() }
        })
    }

    pub(crate) fn fitted<'a>(&self, served: &'a Served, name: &str) -> Result<Fitted<'a>, ApiError> {
        served.fitted(self.find(served, name)?)
    }

    /// Finds a model that was learned, by its id or an alias. No prediction is asked of it.
    ///
    /// # Errors
    /// The same as for [`Self::find`]. Also, no model could be learned.
    pub(crate) fn learned<'a>(
        &self,
        served: &'a Served,
        name: &str,
    ) -> Result<(&'a Arc<Model>, &'a Learned), ApiError> {
        let model = self.find(served, name)?;
        match &model.artifact().outcome {
            Outcome::Learned(learned) => Ok((model, &**learned)),
            Outcome::Refused { reason } => Err(ApiError::not_learned(model.name(), reason)),
        }
    }

    /// Returns an error if there is no model yet, or if no part of this server can predict with the newest one.
    pub(crate) fn check_ready(&self) -> Result<(), ApiError> {
        let served = self.served();
        match served.snapshot.latest() {
            Some(latest) => served.fitted(latest)?.check_ready(),
            None => Err(ApiError::not_ready(self.progress_to_first_model())),
        }
    }

    pub(crate) fn progress_to_first_model(&self) -> String {
        let counters = self.progress.counters();
        let known = filling(counters).unwrap_or_else(|| match counters.stored.get() {
            0 => "waiting for the first window".to_owned(),
            stored => format!("{stored} rows are stored"),
        });
        format!("no model yet: {known}")
    }

    pub(crate) async fn renew(self: &Arc<Self>) {
        let _renewing = self.renewing.lock().await;
        let state = Arc::clone(self);
        blocking(move || {
            let (dataset, learner) = (&state.pipeline.dataset, state.learner.as_ref());
            let with = ServedWith { dataset, registry: &state.registry, learner };
            let next = state.served.load().renewed(state.registry.snapshot(), with);
            state.served.store(Arc::new(next));
        })
        .await;
    }

    /// Renews the served models at each change of the registry, until the server stops.
    pub(crate) async fn follow(self: Arc<Self>, mut changes: watch::Receiver<()>) {
        while let Some(Ok(())) = self.stop.run_until_cancelled(changes.changed()).await {
            self.renew().await;
        }
    }
}

/// Describes the progress of the first window, as in `41% of window 1`. Returns `None` if it has no rows yet.
fn filling(counters: &Counters) -> Option<String> {
    let (window, rows, expected) = (counters.window.get(), counters.window_rows.get(), counters.window_expected.get());
    if window == 0 || (rows == 0 && window == 1) {
        return None;
    }
    if window > 1 {
        return Some(format!("{} windows are sealed, and the first models are being made", window - 1));
    }
    Some(match expected {
        0 => format!("{rows} rows of window {window}"),
        expected => format!("{}% of window {window} ({rows} of {expected} rows)", 100 * rows / expected),
    })
}
