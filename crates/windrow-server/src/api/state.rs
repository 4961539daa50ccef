//! The state from which operations answer: the models, which are swapped as a whole, and what stays the same while the
//! server runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use prometheus_client::metrics::histogram::Histogram;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::api::error::ApiError;
use crate::api::schema::InputSchema;
use windrow_base::runtime::blocking;
use windrow_base::telemetry::{Counters, Progress};
use windrow_config::{Dataset, Pipeline};
use windrow_learn::model::{Learned, Outcome, Predictor};
use windrow_record::{ModelId, Scheme};
use windrow_registry::monitor::Monitor;
use windrow_registry::{ADVISED, Model, Registry, Snapshot};

/// Upper bounds of the probability buckets.
const TENTHS: [f64; 10] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];
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
    served: ArcSwap<Served>,
    /// Locked while the served models are renewed, so that an older state never replaces a newer one.
    renewing: tokio::sync::Mutex<()>,
}

/// The models that answer requests. They are swapped as a whole, so that no answer mixes two states.
#[derive(Debug, Default)]
pub(crate) struct Served {
    pub(crate) snapshot: Arc<Snapshot>,
    models: BTreeMap<ModelId, Arc<ServedModel>>,
}

#[derive(Debug)]
pub(crate) struct ServedModel {
    pub(crate) model: Arc<Model>,
    pub(crate) schema: InputSchema,
    /// The histogram of the probabilities of single predictions.
    pub(crate) probabilities: Histogram,
}

/// A fitted model with all that a prediction needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fitted<'a> {
    pub(crate) served: &'a Arc<ServedModel>,
    pub(crate) model: &'a Arc<Model>,
    pub(crate) learned: &'a Learned,
    pub(crate) predictor: &'a Predictor,
    pub(crate) schema: &'a InputSchema,
}

impl ApiState {
    pub(crate) fn new(
        pipeline: Arc<Pipeline>,
        registry: Arc<Registry>,
        progress: Progress,
        monitor: Arc<Monitor>,
        stop: CancellationToken,
        clock: fn() -> String,
    ) -> Self {
        let streams = Arc::new(Semaphore::new(pipeline.serve.connections.div_ceil(CONNECTIONS_PER_STREAM)));
        let (served, renewing) = (ArcSwap::default(), tokio::sync::Mutex::default());
        Self { pipeline, registry, progress, monitor, stop, clock, streams, served, renewing }
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
            let next = state.served.load().renewed(state.registry.snapshot(), &state.pipeline.dataset);
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

impl Served {
    /// Returns the models of another snapshot. Unchanged models are reused. Texts in requests are read as
    /// those of the dataset.
    pub(crate) fn renewed(&self, snapshot: Arc<Snapshot>, dataset: &Dataset) -> Self {
        let learned = snapshot.models().filter_map(|model| Some((model, model.learned()?)));
        let served = |(model, learned): (&Arc<Model>, &Learned)| {
            let known = self.models.get(&model.id()).filter(|known| Arc::ptr_eq(&known.model, model));
            let served = known.cloned().unwrap_or_else(|| {
                let schema = InputSchema::new(&learned.inputs(), dataset);
                Arc::new(ServedModel { model: Arc::clone(model), schema, probabilities: Histogram::new(TENTHS) })
            });
            (model.id(), served)
        };
        let models = learned.map(served).collect();
        Self { snapshot, models }
    }

    /// Returns the fitted models, by window and then by scheme.
    pub(crate) fn models(&self) -> impl DoubleEndedIterator<Item = &Arc<ServedModel>> {
        self.models.values()
    }

    /// Returns the fitted models with an alias and the newest one of each scheme of the pipeline, by window and then by
    /// scheme.
    pub(crate) fn current_models(&self) -> impl Iterator<Item = &Arc<ServedModel>> {
        let named = self.snapshot.named().map(|(_, model)| model.id());
        let of_schemes = self.models.iter().filter(|(_, served)| !served.model.artifact().is_for_advice);
        // The models are sorted by window, so the newest one of each scheme comes last and stays in the map.
        let newest: BTreeMap<Scheme, ModelId> = of_schemes.map(|(id, _)| (id.scheme, *id)).collect();
        let current: BTreeSet<ModelId> = named.chain(newest.into_values()).collect();
        self.models.iter().filter(move |(id, _)| current.contains(*id)).map(|(_, model)| model)
    }

    pub(crate) fn fitted<'a>(&'a self, model: &'a Arc<Model>) -> Result<Fitted<'a>, ApiError> {
        match (&model.artifact().outcome, model.predictor(), self.models.get(&model.id())) {
            (Outcome::Learned(learned), Some(predictor), Some(served)) => {
                Ok(Fitted { served, model, learned, predictor, schema: &served.schema })
            }
            (Outcome::Learned(learned), None, _) if learned.foreign().is_some() => Err(ApiError::not_ready(format!(
                "the learner of the model {} does not run in this server",
                model.name()
            ))),
            (Outcome::Refused { reason }, ..) => Err(ApiError::not_learned(model.name(), reason)),
            // A learned model that is not served yet is being published at this moment.
            _ => Err(ApiError::not_ready(format!("the model {} is being published", model.name()))),
        }
    }
}
