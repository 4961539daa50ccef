//! The models that answer requests: those that predict in this process, and those of a learner outside of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prometheus_client::metrics::histogram::Histogram;
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::schema::InputSchema;
use windrow_config::Dataset;
use windrow_learn::learner::{Learner, LearnerError, LearnerIdentity};
use windrow_learn::model::{Cell, Foreign, Learned, Outcome, Outside, Predictor};
use windrow_record::{ModelId, Scheme};
use windrow_registry::{Model, Registry, Snapshot};

/// Upper bounds of the probability buckets.
const TENTHS: [f64; 10] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];

/// A learner outside of this program that answers requests.
#[derive(Debug, Clone)]
pub struct ApiLearner {
    /// The processes of the learner. They only answer requests, because a fit may take minutes.
    pub learner: Arc<dyn Learner>,
    /// The identity that the learner reports. Models of another identity are not served.
    pub identity: LearnerIdentity,
}

/// The models that answer requests. They are swapped as a whole, so that no answer mixes two states.
#[derive(Debug, Default)]
pub(crate) struct Served {
    pub(crate) snapshot: Arc<Snapshot>,
    models: BTreeMap<ModelId, Arc<ServedModel>>,
}

/// The parts of a server that its models need.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServedWith<'a> {
    /// The dataset. Texts in requests are read as its texts.
    pub(crate) dataset: &'a Dataset,
    /// The registry. It knows the folders of models.
    pub(crate) registry: &'a Registry,
    /// The learner outside of this program, if one runs.
    pub(crate) learner: Option<&'a Arc<ApiLearner>>,
}

#[derive(Debug)]
pub(crate) struct ServedModel {
    pub(crate) model: Arc<Model>,
    pub(crate) schema: InputSchema,
    /// The histogram of the probabilities of single predictions.
    pub(crate) probabilities: Histogram,
    /// The folder of the model, if it is of a learner outside of this program.
    folder: Option<PathBuf>,
    learner: Option<Arc<ApiLearner>>,
}

/// A fitted model with all that a prediction needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fitted<'a> {
    pub(crate) served: &'a Arc<ServedModel>,
    pub(crate) model: &'a Arc<Model>,
    pub(crate) learned: &'a Learned,
    pub(crate) schema: &'a InputSchema,
    pub(crate) by: PredictedBy<'a>,
}

/// The part that predicts with a model.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PredictedBy<'a> {
    /// The coefficients of a logistic regression, in this process.
    Coefficients(&'a Predictor),
    /// A learner outside of this program. A request waits for one of its processes.
    Learner(ForeignModel<'a>),
}

/// A model of a learner outside of this program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ForeignModel<'a> {
    name: &'a str,
    foreign: &'a Foreign,
    folder: &'a Path,
    learner: Option<&'a ApiLearner>,
}

impl Served {
    /// Returns the models of another snapshot. Unchanged models are reused.
    pub(crate) fn renewed(&self, snapshot: Arc<Snapshot>, with: ServedWith<'_>) -> Self {
        let learned = snapshot.models().filter_map(|model| Some((model, model.learned()?)));
        let served = |(model, learned): (&Arc<Model>, &Learned)| {
            let known = self.models.get(&model.id()).filter(|known| Arc::ptr_eq(&known.model, model));
            let served = known.cloned().unwrap_or_else(|| {
                Arc::new(ServedModel {
                    model: Arc::clone(model),
                    schema: InputSchema::new(&learned.inputs(), with.dataset),
                    probabilities: Histogram::new(TENTHS),
                    folder: with.registry.learner_folder(model.artifact()),
                    learner: with.learner.cloned(),
                })
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
        if let Outcome::Refused { reason } = &model.artifact().outcome {
            return Err(ApiError::not_learned(model.name(), reason));
        }
        // A learned model that is not served yet is being published at this moment.
        let found = self.models.get(&model.id()).and_then(ServedModel::fitted);
        found.ok_or_else(|| ApiError::not_ready(format!("the model {} is being published", model.name())))
    }
}

impl ServedModel {
    /// Returns the most processes of the learner that answer at once; 1 if no learner runs in this server.
    pub(crate) fn workers(&self) -> usize {
        self.learner.as_deref().map_or(1, |learner| learner.learner.status().workers)
    }

    pub(crate) fn fitted(self: &Arc<Self>) -> Option<Fitted<'_>> {
        let (model, learned) = (&self.model, self.model.learned()?);
        let by = match model.predictor() {
            Some(predictor) => PredictedBy::Coefficients(predictor),
            None => PredictedBy::Learner(ForeignModel {
                name: model.name(),
                foreign: learned.foreign()?,
                folder: self.folder.as_deref()?,
                learner: self.learner.as_deref(),
            }),
        };
        Some(Fitted { served: self, model, learned, schema: &self.schema, by })
    }
}

impl Fitted<'_> {
    /// Returns true if a prediction waits for a process, and must not run on a thread of the async runtime or on one
    /// that computes.
    pub(crate) fn waits(&self) -> bool {
        matches!(self.by, PredictedBy::Learner(_))
    }

    /// Returns an error if no part of this server can predict with the model.
    pub(crate) fn check_ready(&self) -> Result<(), ApiError> {
        match self.by {
            PredictedBy::Coefficients(_) => Ok(()),
            PredictedBy::Learner(foreign) if foreign.learner()?.status().is_unstartable => {
                Err(foreign.problem(&LearnerError::Unstartable))
            }
            PredictedBy::Learner(_) => Ok(()),
        }
    }
}

impl<'a> ForeignModel<'a> {
    /// Returns a row as the learner gets it.
    pub(crate) fn row(&self, cells: &[Cell<'_>]) -> Map<String, Value> {
        self.foreign.row(cells)
    }

    /// Returns the numbers of a row that are outside the range of the training rows.
    pub(crate) fn outside<'c>(&self, cells: &'c [Cell<'c>]) -> impl Iterator<Item = (Outside, f64)> + use<'a, 'c> {
        self.foreign.inputs.outside(cells)
    }

    /// Returns the probability of a row as the model answers it. Waits for a process of the learner, as long as
    /// `is_wanted` returns no error.
    pub(crate) fn probability(
        &self,
        cells: &[Cell<'_>],
        is_wanted: &dyn Fn() -> Result<(), ApiError>,
    ) -> Result<f64, ApiError> {
        let found = self.probabilities(&[self.row(cells)], is_wanted)?;
        // There is one for each row.
        found.first().copied().ok_or_else(ApiError::abandoned)
    }

    /// Returns the probabilities of some rows as the model answers them: recalibrated, if the model is. Waits for a
    /// process of the learner, as long as `is_wanted` returns no error.
    pub(crate) fn probabilities(
        &self,
        rows: &[Map<String, Value>],
        is_wanted: &dyn Fn() -> Result<(), ApiError>,
    ) -> Result<Vec<f64>, ApiError> {
        let found = self.learner()?.predict(self.folder, rows, &|| is_wanted().is_ok());
        let found = found.and_then(|found| match found.len() == rows.len() {
            true => Ok(found),
            false => Err(LearnerError::Failed { message: "it gave a wrong number of probabilities".to_owned() }),
        });
        let found = found.map_err(|error| self.problem(&error))?;
        Ok(found.into_iter().map(|probability| self.foreign.probability(probability)).collect())
    }

    /// Returns the learner, if it runs in this server and has fitted this model.
    fn learner(&self) -> Result<&'a dyn Learner, ApiError> {
        let Some(ApiLearner { learner, identity }) = self.learner else {
            let detail = format!("the learner of the model {} does not run in this server", self.name);
            return Err(ApiError::not_ready(detail));
        };
        let own = &self.foreign.learner;
        if (&own.name, &own.digest) != (&identity.name, &identity.digest) {
            return Err(ApiError::not_ready(format!(
                "the model {} is of another learner than the one that runs in this server ({}): start the server again",
                self.name, identity.name
            )));
        }
        Ok(&**learner)
    }

    fn problem(&self, error: &LearnerError) -> ApiError {
        use LearnerError::{Busy, Stopped, Unstartable, Unwanted};
        // The request has found the model before it was replaced or removed.
        if !matches!(error, Busy | Stopped | Unstartable | Unwanted) && !self.folder.exists() {
            let detail =
                format!("the model {} was removed or made again while the request waited: ask again", self.name);
            return ApiError::not_ready(detail);
        }
        ApiError::of_learner(self.name, error)
    }
}
