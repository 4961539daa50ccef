//! All models at one moment, and the names that they answer to.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Artifact, Learned, ModelScore, Predictor, WindowReport};
use crate::record::{ModelId, WindowIndex};
use crate::registry::alias::{Aliases, RESERVED};

/// A set of models that does not change.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    models: BTreeMap<ModelId, Arc<Model>>,
    windows: BTreeMap<WindowIndex, Arc<WindowReport>>,
    aliases: Arc<Aliases>,
    latest: Option<ModelId>,
    champion: Option<ModelId>,
}

/// What makes one snapshot of another.
#[derive(Debug, Default)]
pub(super) struct Renewal {
    pub(super) artifacts: Vec<Artifact>,
    pub(super) reports: Vec<WindowReport>,
    /// Models that are there no longer.
    pub(super) retired: Vec<ModelId>,
    pub(super) aliases: Option<Aliases>,
}

impl Renewal {
    pub(super) fn is_empty(&self) -> bool {
        self.artifacts.is_empty() && self.reports.is_empty() && self.retired.is_empty() && self.aliases.is_none()
    }
}

/// A published model, or the record of why there is none.
#[derive(Debug)]
pub struct Model {
    name: String,
    artifact: Artifact,
    predictor: Option<Predictor>,
}

impl Model {
    fn new(artifact: Artifact) -> Self {
        let predictor = artifact.learned().map(Predictor::new);
        Self { name: artifact.id.to_string(), artifact, predictor }
    }

    /// Its id as a text.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
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
    pub(super) fn renewed(&self, renewal: Renewal) -> Self {
        let mut next = self.clone();
        next.models.retain(|id, _| !renewal.retired.contains(id));
        next.models.extend(renewal.artifacts.into_iter().map(|artifact| (artifact.id, Arc::new(Model::new(artifact)))));
        next.windows.extend(renewal.reports.into_iter().map(|report| (report.window, Arc::new(report))));
        if let Some(aliases) = renewal.aliases {
            next.aliases = Arc::new(aliases);
        }
        (next.latest, next.champion) = (next.find_latest(), next.find_champion());
        next
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

    /// The names that people gave, and how they came to be.
    #[must_use]
    pub fn aliases(&self) -> &Aliases {
        &self.aliases
    }

    /// Every name that stands for a model now, with the model: `latest` and `champion`, then those that people gave.
    pub fn named(&self) -> impl Iterator<Item = (&str, &Arc<Model>)> {
        let own = RESERVED.into_iter().zip([self.latest(), self.champion()]);
        let given = self.aliases.current().map(|(name, id)| (name.as_str(), self.get(id)));
        own.chain(given).filter_map(|(name, model)| Some((name, model?)))
    }

    /// A model by its id or by an alias.
    ///
    /// # Errors
    /// There is none of that name; the error lists those that there are.
    pub fn resolve(&self, name: &str) -> Result<&Arc<Model>, UnknownModel> {
        let found = match name {
            "latest" => self.latest(),
            "champion" => self.champion(),
            other => other.parse().ok().or_else(|| self.aliases.get(other)).and_then(|id| self.get(id)),
        };
        found.ok_or_else(|| {
            let models = self.models.values().map(|model| model.name());
            let known = models.chain(self.named().map(|(name, _)| name)).map(str::to_owned).collect();
            UnknownModel { given: name.to_owned(), known }
        })
    }

    /// The accepted model of the newest window; the cumulative one where there are several.
    #[must_use]
    pub fn latest(&self) -> Option<&Arc<Model>> {
        self.latest.and_then(|id| self.get(id))
    }

    /// The accepted model of the lowest log-loss on the held-out rows of the newest window on which all have been scored;
    /// where nothing is held out, on all its rows, which only earlier models can be scored on.
    #[must_use]
    pub fn champion(&self) -> Option<&Arc<Model>> {
        self.champion.and_then(|id| self.get(id))
    }

    fn find_latest(&self) -> Option<ModelId> {
        let newest = self.models().rev().find(|model| model.artifact().is_eligible())?.id().window;
        self.models()
            .map(|model| (model.id(), model.artifact().is_eligible()))
            .find_map(|(id, is_eligible)| (id.window == newest && is_eligible).then_some(id))
    }

    fn find_champion(&self) -> Option<ModelId> {
        let best = |report: &WindowReport, loss: fn(&ModelScore) -> Option<f64>| {
            let scored = report.scores.iter().filter_map(|score| {
                let model = self.get(score.model).filter(|model| model.artifact().is_eligible())?;
                Some((loss(score)?, model.id()))
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
