//! All models at one moment, and the names that they answer to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{Artifact, Learned, Predictor};
use crate::record::{ModelId, Scheme, WindowIndex};

/// The score that models of one window can be compared by: it is taken on the same rows.
const COMPARED: &str = "newest_holdout";

/// A set of models that does not change.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    models: BTreeMap<ModelId, Arc<Model>>,
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
    pub(crate) fn with(&self, artifacts: Vec<Artifact>) -> Self {
        let mut models = self.models.clone();
        models.extend(artifacts.into_iter().map(|artifact| (artifact.id, Arc::new(Model::new(artifact)))));
        Self { models }
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

    /// The fitted model of the newest window; the cumulative one where there are several.
    #[must_use]
    pub fn latest(&self) -> Option<&Arc<Model>> {
        let newest = self.models().rev().find(|model| model.learned().is_some())?.id().window;
        self.of(newest).find(|model| model.learned().is_some())
    }

    /// The fitted model of the best log-loss on the newest window for which every scheme has come to a result, so that
    /// all are measured on the same held-out rows; an earlier window where that one has no fitted model or no such rows.
    #[must_use]
    pub fn champion(&self) -> Option<&Arc<Model>> {
        let schemes: BTreeSet<Scheme> = self.models.keys().map(|id| id.scheme).collect();
        let windows: BTreeSet<WindowIndex> = self.models.keys().map(|id| id.window).collect();
        let loss = |model: &&Arc<Model>| model.learned()?.scores.get(COMPARED).map(|score| score.log_loss);
        let complete = windows.into_iter().rev().filter(|window| self.of(*window).count() == schemes.len());
        complete
            .filter_map(|window| {
                let scored = self.of(window).filter_map(|model| Some((loss(&model)?, model)));
                scored.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, model)| model)
            })
            .next()
    }

    fn of(&self, window: WindowIndex) -> impl Iterator<Item = &Arc<Model>> {
        self.models().filter(move |model| model.id().window == window)
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
