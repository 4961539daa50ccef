//! What operations answer from: the models, swapped as a whole, and what does not change while the server runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use prometheus_client::metrics::histogram::Histogram;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::api::error::ApiError;
use crate::api::schema::InputSchema;
use windrow_base::runtime::blocking;
use windrow_base::telemetry::{Counters, Progress};
use windrow_config::Pipeline;
use windrow_learn::model::{Learned, Outcome, Predictor};
use windrow_record::ModelId;
use windrow_registry::monitor::Monitor;
use windrow_registry::{Model, Registry, Snapshot};

/// Upper ends of the bins of probabilities.
const TENTHS: [f64; 10] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];
/// Of the connections, one in so many may be a stream of events.
const CONNECTIONS_PER_STREAM: usize = 4;

/// What every operation has at hand.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) progress: Progress,
    pub(crate) monitor: Arc<Monitor>,
    /// Ended when the server is to end.
    pub(crate) stop: CancellationToken,
    /// The time of day, RFC 3339.
    pub(crate) clock: fn() -> String,
    /// How many streams of events may be open.
    pub(crate) streams: Arc<Semaphore>,
    served: ArcSwap<Served>,
    /// Locked while what is served is made, so that none that is older is put in place of it.
    renewing: tokio::sync::Mutex<()>,
}

/// All that requests are answered from; swapped as a whole, so that no answer mixes two states.
#[derive(Debug, Default)]
pub(crate) struct Served {
    pub(crate) snapshot: Arc<Snapshot>,
    models: BTreeMap<ModelId, Arc<ServedModel>>,
}

/// A fitted model and what its requests must have.
#[derive(Debug)]
pub(crate) struct ServedModel {
    pub(crate) model: Arc<Model>,
    pub(crate) schema: InputSchema,
    /// The probabilities that single predictions answered.
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

impl State {
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

    /// What is served at this moment; to be dropped soon.
    pub(crate) fn served(&self) -> Guard<Arc<Served>> {
        self.served.load()
    }

    /// The same, to be kept for as long as work takes.
    pub(crate) fn served_to_keep(&self) -> Arc<Served> {
        self.served.load_full()
    }

    /// A model by its id or an alias.
    ///
    /// # Errors
    /// There is none of that name; where there is none yet at all, the error says what is waited for.
    pub(crate) fn find<'a>(&self, served: &'a Served, name: &str) -> Result<&'a Arc<Model>, ApiError> {
        served.snapshot.resolve(name).map_err(|unknown| {
            let is_empty = served.snapshot.models().next().is_none();
            let could_be = unknown.given.parse::<ModelId>().is_ok() || matches!(name, "latest" | "champion");
            if is_empty && could_be { ApiError::not_ready(self.awaited()) } else { unknown.into() }
        })
    }

    /// A fitted model by its id or an alias.
    pub(crate) fn fitted<'a>(&self, served: &'a Served, name: &str) -> Result<Fitted<'a>, ApiError> {
        served.fitted(self.find(served, name)?)
    }

    /// What stands between now and the first model.
    pub(crate) fn awaited(&self) -> String {
        let counters = self.progress.counters();
        let known = filling(counters).unwrap_or_else(|| match counters.stored.get() {
            0 => "waiting for the first window".to_owned(),
            stored => format!("{stored} rows are stored"),
        });
        format!("no model yet: {known}")
    }

    /// Serves what the registry holds now.
    pub(crate) async fn renew(self: &Arc<Self>) {
        let _renewing = self.renewing.lock().await;
        let state = Arc::clone(self);
        blocking(move || {
            let next = state.served.load().renewed(state.registry.snapshot(), &state.pipeline.dataset.null);
            state.served.store(Arc::new(next));
        })
        .await;
    }

    /// Serves each change of the registry, until told to stop.
    pub(crate) async fn follow(self: Arc<Self>, mut changes: watch::Receiver<()>) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                changed = changes.changed() => if changed.is_err() { return },
            }
            self.renew().await;
        }
    }
}

/// How far the window that is being filled has come, as in `41% of window 1`.
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
    /// The models of another snapshot: new ones are made, the same ones are kept. `nulls` are the texts that mean 'missing' in
    /// tables and tensors, which have no null.
    pub(crate) fn renewed(&self, snapshot: Arc<Snapshot>, nulls: &[String]) -> Self {
        let learned = snapshot.models().filter_map(|model| Some((model, model.learned()?)));
        let served = |(model, learned): (&Arc<Model>, &Learned)| {
            let known = self.models.get(&model.id()).filter(|known| Arc::ptr_eq(&known.model, model));
            let served = known.cloned().unwrap_or_else(|| {
                let schema = InputSchema::new(&learned.encoder, nulls);
                Arc::new(ServedModel { model: Arc::clone(model), schema, probabilities: Histogram::new(TENTHS) })
            });
            (model.id(), served)
        };
        let models = learned.map(served).collect();
        Self { snapshot, models }
    }

    /// The fitted models, by window and then by scheme.
    pub(crate) fn models(&self) -> impl DoubleEndedIterator<Item = &Arc<ServedModel>> {
        self.models.values()
    }

    /// A model with all that a prediction needs.
    pub(crate) fn fitted<'a>(&'a self, model: &'a Arc<Model>) -> Result<Fitted<'a>, ApiError> {
        match (&model.artifact().outcome, model.predictor(), self.models.get(&model.id())) {
            (Outcome::Learned(learned), Some(predictor), Some(served)) => {
                Ok(Fitted { served, model, learned, predictor, schema: &served.schema })
            }
            (Outcome::Refused { reason }, ..) => Err(ApiError::not_learned(model.name(), reason)),
            // A model that is not served yet is one that is just being published.
            _ => Err(ApiError::not_ready(format!("the model {} is being published", model.name()))),
        }
    }
}
