//! What operations answer from: one value that is swapped as a whole, and what does not change while the server runs.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, Guard};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::api::document::{Paths, expand};
use crate::api::problem::Refusal;
use crate::api::row::Form;
use crate::config::Pipeline;
use crate::model::{Learned, Outcome, Predictor};
use crate::record::ModelId;
use crate::registry::{Model, Registry, Snapshot};
use crate::telemetry::{Counters, Progress};

/// Bounds of one request, where its body is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// In bytes.
    pub(crate) max_body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_body: crate::api::payload::LARGEST_ROW }
    }
}

/// What every operation has at hand.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) progress: Progress,
    /// Whether an API key is asked for.
    has_keys: bool,
    /// Ended when the server is to end.
    pub(crate) stop: CancellationToken,
    /// The time of day, RFC 3339.
    pub(crate) clock: fn() -> String,
    served: ArcSwap<Served>,
    /// The document of the typed operations, once it is known.
    typed: OnceLock<String>,
    /// Held while what is served is made, so that none that is older is put in place of it.
    making: tokio::sync::Mutex<()>,
}

/// All that requests are answered from; swapped as a whole, so that no answer mixes two states.
#[derive(Debug, Default)]
pub(crate) struct Served {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) forms: BTreeMap<ModelId, Form>,
    pub(crate) document: bytes::Bytes,
    pub(crate) paths: Paths,
}

/// A fitted model and how it is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) model: &'a Arc<Model>,
    pub(crate) learned: &'a Learned,
    pub(crate) predictor: &'a Predictor,
    pub(crate) form: &'a Form,
}

impl Context {
    pub(crate) fn new(
        pipeline: Arc<Pipeline>,
        registry: Arc<Registry>,
        progress: Progress,
        has_keys: bool,
        stop: CancellationToken,
        clock: fn() -> String,
    ) -> Self {
        let (served, typed) = (ArcSwap::default(), OnceLock::new());
        Self {
            pipeline,
            registry,
            progress,
            has_keys,
            stop,
            clock,
            served,
            typed,
            making: tokio::sync::Mutex::default(),
        }
    }

    /// What is served at this moment.
    pub(crate) fn served(&self) -> Guard<Arc<Served>> {
        self.served.load()
    }

    /// The same, to be kept for longer than an answer takes to be made.
    pub(crate) fn served_for_long(&self) -> Arc<Served> {
        self.served.load_full()
    }

    /// A model by its id or an alias; where there is none yet at all, what is waited for.
    pub(crate) fn find<'a>(&self, served: &'a Served, name: &str) -> Result<&'a Arc<Model>, Refusal> {
        served.snapshot.resolve(name).map_err(|unknown| {
            let is_empty = served.snapshot.models().next().is_none();
            let could_be = unknown.given.parse::<ModelId>().is_ok() || matches!(name, "latest" | "champion");
            if is_empty && could_be { Refusal::not_ready(self.awaited()) } else { unknown.into() }
        })
    }

    /// A fitted model by its id or an alias.
    pub(crate) fn ask<'a>(&self, served: &'a Served, name: &str) -> Result<Asked<'a>, Refusal> {
        served.asked(self.find(served, name)?)
    }

    /// What stands between now and the first model.
    pub(crate) fn awaited(&self) -> String {
        let counters = self.progress.counters();
        let at_hand = filling(counters).unwrap_or_else(|| match counters.stored.get() {
            0 => "waiting for the first window".to_owned(),
            stored => format!("{stored} rows are stored"),
        });
        format!("no model yet: {at_hand}")
    }

    /// Tells the document of the typed operations, once: what the models' own paths are made from.
    pub(crate) fn set_typed(&self, typed: String) {
        // A second one would be the same.
        let _ = self.typed.set(typed);
    }

    /// Takes up what the registry holds now. Off the runtime's threads, since a document is made anew.
    pub(crate) async fn take_up(self: &Arc<Self>) {
        let _held = self.making.lock().await;
        let context = Arc::clone(self);
        let making = tokio::task::spawn_blocking(move || {
            let typed = context.typed.get().map(String::as_str).unwrap_or_default();
            let built = Served::new(context.registry.snapshot(), typed, &context.pipeline, context.has_keys);
            context.served.store(Arc::new(built));
        });
        if let Err(error) = making.await {
            tracing::error!(%error, "the API document cannot be made");
        }
    }

    /// Takes up each change of the registry, until told to stop.
    pub(crate) async fn follow(self: Arc<Self>, mut changes: watch::Receiver<()>) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                changed = changes.changed() => if changed.is_err() { return },
            }
            self.take_up().await;
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
    fn new(snapshot: Arc<Snapshot>, typed: &str, pipeline: &Pipeline, has_keys: bool) -> Self {
        let document = expand(typed, pipeline, has_keys, &snapshot);
        let paths = Paths::of(&document);
        let document = serde_json::to_vec_pretty(&document).unwrap_or_default().into();
        Self { document, paths, ..Self::of(snapshot, &pipeline.dataset.null) }
    }

    /// Without a document.
    pub(crate) fn of(snapshot: Arc<Snapshot>, nulls: &[String]) -> Self {
        let learned = snapshot.models().filter_map(|model| Some((model.id(), model.learned()?)));
        let forms = learned.map(|(id, learned)| (id, Form::new(&learned.encoder, nulls))).collect();
        Self { snapshot, forms, ..Self::default() }
    }

    /// How a model is asked.
    pub(crate) fn asked<'a>(&'a self, model: &'a Arc<Model>) -> Result<Asked<'a>, Refusal> {
        match (&model.artifact().outcome, model.predictor(), self.forms.get(&model.id())) {
            (Outcome::Learned(learned), Some(predictor), Some(form)) => Ok(Asked { model, learned, predictor, form }),
            (Outcome::Refused { reason }, ..) => Err(Refusal::not_learned(model.name(), reason)),
            // A model without its form is one that is just being published.
            _ => Err(Refusal::not_ready(format!("the model {} is being published", model.name()))),
        }
    }
}
