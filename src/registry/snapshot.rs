//! All models at one moment, and the names that they answer to.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Artifact, Learned, ModelScore, Predictor, WindowReport};
use crate::record::{ModelId, WindowIndex};

/// A set of models that does not change.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    models: BTreeMap<ModelId, Arc<Model>>,
    windows: BTreeMap<WindowIndex, Arc<WindowReport>>,
}

/// A published model, or the record of why there is none.
#[derive(Debug)]
pub struct Model {
    artifact: Artifact,
    predictor: Option<Predictor>,
}

impl Model {
    fn new(artifact: Artifact) -> Self {
        let predictor = artifact.learned().map(Predictor::new);
        Self { artifact, predictor }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> ModelId {
        self.artifact.id
    }

    /// All that is known of it.
    #[must_use]
    pub fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// The fitted model, if there is one.
    #[must_use]
    pub fn learned(&self) -> Option<&Learned> {
        self.artifact.learned()
    }

    /// What answers, if there is a model.
    #[must_use]
    pub fn predictor(&self) -> Option<&Predictor> {
        self.predictor.as_ref()
    }
}

impl Snapshot {
    pub(crate) fn with(&self, artifacts: Vec<Artifact>, reports: Vec<WindowReport>) -> Self {
        let mut models = self.models.clone();
        models.extend(artifacts.into_iter().map(|artifact| (artifact.id, Arc::new(Model::new(artifact)))));
        let mut windows = self.windows.clone();
        windows.extend(reports.into_iter().map(|report| (report.window, Arc::new(report))));
        Self { models, windows }
    }

    /// What is known of a window, once all models have been scored on it.
    #[must_use]
    pub fn window(&self, window: WindowIndex) -> Option<&Arc<WindowReport>> {
        self.windows.get(&window)
    }

    /// What is known of the windows, in order.
    pub fn windows(&self) -> impl DoubleEndedIterator<Item = &Arc<WindowReport>> {
        self.windows.values()
    }

    /// A model by its id.
    #[must_use]
    pub fn get(&self, id: ModelId) -> Option<&Arc<Model>> {
        self.models.get(&id)
    }

    /// All of them, by window and then by scheme.
    pub fn models(&self) -> impl DoubleEndedIterator<Item = &Arc<Model>> {
        self.models.values()
    }

    /// A model by its id or by an alias.
    ///
    /// # Errors
    /// There is none of that name; the error lists those that there are.
    pub fn resolve(&self, name: &str) -> Result<&Arc<Model>, UnknownModel> {
        let found = match name {
            "latest" => self.latest(),
            "champion" => self.champion(),
            id => id.parse().ok().and_then(|id| self.get(id)),
        };
        found.ok_or_else(|| UnknownModel {
            given: name.to_owned(),
            known: self.models.keys().map(ToString::to_string).collect(),
        })
    }

    /// The accepted model of the newest window; the cumulative one where there are several.
    #[must_use]
    pub fn latest(&self) -> Option<&Arc<Model>> {
        let newest = self.models().rev().find(|model| model.artifact().is_eligible())?.id().window;
        self.models().find(|model| model.id().window == newest && model.artifact().is_eligible())
    }

    /// The accepted model of the lowest log-loss on the held-out rows of the newest window on which all have been scored;
    /// where nothing is held out, on all its rows, which only earlier models can be scored on.
    #[must_use]
    pub fn champion(&self) -> Option<&Arc<Model>> {
        let best = |report: &WindowReport, loss: fn(&ModelScore) -> Option<f64>| {
            let scored = report.scores.iter().filter_map(|score| {
                let model = self.get(score.model).filter(|model| model.artifact().is_eligible())?;
                Some((loss(score)?, model))
            });
            scored.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, model)| model)
        };
        self.windows().rev().find_map(|report| {
            best(report, |score| Some(score.holdout.as_ref()?.log_loss))
                .or_else(|| best(report, |score| Some(score.window.as_ref()?.log_loss)))
        })
    }
}

/// A name that no model has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no model `{given}`")]
pub struct UnknownModel {
    /// The name given.
    pub given: String,
    /// The names that there are.
    pub known: Vec<String>,
}
