//! A consistent set of models, and the names by which they can be requested.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::alias::{ADVISED, AliasName, Aliases, RESERVED};
use windrow_evaluation::{Advice, champion_scheme};
use windrow_learn::model::{Artifact, Learned, Predictor, Score, WindowReport};
use windrow_record::display::excerpt;
use windrow_record::{ModelId, Scheme, WindowIndex};

/// The maximum number of characters of an unknown name that the error message repeats.
const MAX_EXCERPT: usize = 60;

/// An immutable set of models, with the window reports, aliases and advice of the same moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    models: BTreeMap<ModelId, Arc<Model>>,
    windows: BTreeMap<WindowIndex, Arc<WindowReport>>,
    aliases: Arc<Aliases>,
    advice: Option<Arc<Advice>>,
    latest: Option<ModelId>,
    champion: Option<ModelId>,
    /// The number of windows by which labels are late.
    label_delay: u32,
}

/// The changes from one snapshot to the next.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Renewal {
    pub(super) artifacts: Vec<Artifact>,
    pub(super) reports: Vec<WindowReport>,
    pub(super) retired: Vec<ModelId>,
    /// The windows whose reports were removed, because they were opened again.
    pub(super) reopened: Vec<WindowIndex>,
    pub(super) aliases: Option<Aliases>,
    pub(super) advice: Option<Advice>,
}

/// A published model, or the record of why a window gave no model.
#[derive(Debug)]
pub struct Model {
    name: String,
    artifact: Artifact,
    predictor: Option<Predictor>,
}

impl Model {
    fn new(artifact: Artifact) -> Self {
        let logistic = artifact.learned().and_then(|learned| Some((learned.logistic()?, learned.threshold)));
        let predictor = logistic.map(|(logistic, threshold)| Predictor::new(logistic, threshold));
        Self { name: artifact.id.to_string(), artifact, predictor }
    }

    /// Returns the model's id as text.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the id of the model.
    pub fn id(&self) -> ModelId {
        self.artifact.id
    }

    /// Returns the artifact as it is stored.
    pub fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// Returns the fitted model, or `None` if the window could not be learned from.
    pub fn learned(&self) -> Option<&Learned> {
        self.artifact.learned()
    }

    /// Returns the predictor of the fitted model. Returns `None` if the window could not be learned from, or if only a
    /// learner outside of this program can predict with the model.
    pub fn predictor(&self) -> Option<&Predictor> {
        self.predictor.as_ref()
    }
}

impl Snapshot {
    /// Creates an empty snapshot. `label_delay` is the number of windows by which labels are late.
    pub(super) fn empty(label_delay: u32) -> Self {
        Self { label_delay, ..Self::default() }
    }

    pub(super) fn renewed(&self, renewal: Renewal) -> Self {
        let mut next = self.clone();
        next.models.retain(|id, _| !renewal.retired.contains(id));
        next.windows.retain(|window, _| !renewal.reopened.contains(window));
        next.models.extend(renewal.artifacts.into_iter().map(|artifact| (artifact.id, Arc::new(Model::new(artifact)))));
        next.windows.extend(renewal.reports.into_iter().map(|report| (report.window, Arc::new(report))));
        next.aliases = renewal.aliases.map_or(next.aliases, Arc::new);
        next.advice = renewal.advice.map(Arc::new).or(next.advice);
        (next.latest, next.champion) = (next.find_latest(None), next.find_champion(next.known()));
        next
    }

    /// Returns the report of a window. It exists once all models have been scored on the window.
    pub fn window(&self, window: WindowIndex) -> Option<&Arc<WindowReport>> {
        self.windows.get(&window)
    }

    /// Returns the score of a model on the next window, the first that it has not learned from.
    pub fn score_on_next_window(&self, model: ModelId) -> Option<&Score> {
        let report = self.window(model.window.next())?;
        report.age_one_scores().find(|(scored, _)| *scored == model).map(|(_, score)| score)
    }

    /// Returns all window reports, oldest first.
    pub fn windows(&self) -> impl DoubleEndedIterator<Item = &Arc<WindowReport>> {
        self.windows.values()
    }

    /// Returns the first reported window without the models of one of these schemes, and the scheme. There is one after a
    /// scheme was added to the pipeline, until its models are made.
    pub fn unmade(&self, schemes: &[Scheme]) -> Option<(Scheme, WindowIndex)> {
        self.windows.values().find_map(|report| {
            let unmade = schemes.iter().find(|scheme| !report.has_models_of(**scheme));
            unmade.map(|scheme| (*scheme, report.window))
        })
    }

    /// Returns the model with this id.
    pub fn get(&self, id: ModelId) -> Option<&Arc<Model>> {
        self.models.get(&id)
    }

    /// Returns all models, ordered by window and then by scheme.
    pub fn models(&self) -> impl DoubleEndedIterator<Item = &Arc<Model>> {
        self.models.values()
    }

    /// Returns the models whose newest window this is, ordered by scheme.
    pub fn models_of(&self, window: WindowIndex) -> impl Iterator<Item = &Arc<Model>> {
        // The first id of a window.
        let first = ModelId::new(window, Scheme::Cumulative);
        self.models.range(first..).map(|(_, model)| model).take_while(move |model| model.id().window == window)
    }

    /// Returns the advice on how often to retrain and on how much history, if there is one.
    pub fn advice(&self) -> Option<&Arc<Advice>> {
        self.advice.as_ref()
    }

    /// Returns the aliases that users and the advice have given, with their history.
    pub fn aliases(&self) -> &Aliases {
        &self.aliases
    }

    /// Returns the model of an alias. Before there is advice, the model of `advised` is the champion.
    pub fn alias(&self, name: &AliasName) -> Option<ModelId> {
        let champion = || self.champion().filter(|_| name.as_str() == ADVISED).map(|model| model.id());
        self.aliases.get(name.as_str()).or_else(champion)
    }

    /// Returns every name that points to an existing model, with the model: `latest`, `champion` and `advised`, then
    /// the aliases that users have given.
    pub fn named(&self) -> impl Iterator<Item = (&str, &Arc<Model>)> {
        let own = RESERVED.into_iter().zip([self.latest(), self.champion()]);
        let given = self.aliases.current().filter(|(name, _)| name.as_str() != ADVISED);
        let given = given.map(|(name, id)| (name.as_str(), self.get(id)));
        own.chain([(ADVISED, self.advised())]).chain(given).filter_map(|(name, model)| Some((name, model?)))
    }

    /// Finds a model by its id or by an alias.
    ///
    /// # Errors
    /// Returns an error with the known names if there is no model of this name.
    pub fn resolve(&self, name: &str) -> Result<&Arc<Model>, UnknownModel> {
        let found = match name {
            "latest" => self.latest(),
            "champion" => self.champion(),
            ADVISED => self.advised(),
            other => other.parse().ok().or_else(|| self.aliases.get(other)).and_then(|id| self.get(id)),
        };
        found.ok_or_else(|| {
            let models = self.models.values().map(|model| model.name());
            let known = models.chain(self.named().map(|(name, _)| name)).map(str::to_owned).collect();
            UnknownModel { given: name.to_owned(), known }
        })
    }

    /// Returns the accepted model of the newest window that has one. If the window has several, the cumulative one is
    /// preferred.
    pub fn latest(&self) -> Option<&Arc<Model>> {
        self.latest.and_then(|id| self.get(id))
    }

    /// Returns the champion: the newest accepted model of the champion scheme. That is the scheme whose newest models
    /// did best on the newest windows. Before 12 windows have been judged, it is the scheme of the latest model. Only
    /// schemes count whose models were trained when the newest window was new.
    ///
    /// With a label delay of d windows, the labels of the newest d windows are not known yet. Models of these windows
    /// are not champion, scores on them do not count, and the models that are compared are d windows older.
    pub fn champion(&self) -> Option<&Arc<Model>> {
        self.champion.and_then(|id| self.get(id))
    }

    /// Returns the model of the alias `advised`: the one that following the advice has in service. Before there is
    /// advice, it is the champion; before there is a champion, it is the latest model.
    pub fn advised(&self) -> Option<&Arc<Model>> {
        let advised = self.aliases.get(ADVISED).and_then(|id| self.get(id));
        advised.or_else(|| self.champion()).or_else(|| self.latest())
    }

    /// Returns the champion as it follows from the models and reports of the windows before `window`. A model of
    /// `window` is made when the labels of that window are known, so the labels of all windows before it are known.
    pub fn champion_before(&self, window: WindowIndex) -> Option<Arc<Model>> {
        let before = WindowIndex::new(window.get() - 1)?;
        self.find_champion(Some(before)).and_then(|id| self.get(id)).cloned()
    }

    /// Returns the first window whose models are still needed because labels are late. They are not compared with each
    /// other yet, and may become the champion. Returns `None` if labels are not late.
    pub(super) fn first_undecided(&self) -> Option<WindowIndex> {
        (self.label_delay > 0).then(|| self.known().unwrap_or(WindowIndex::FIRST))
    }

    /// Returns the newest window whose labels are known when the newest window ends.
    fn known(&self) -> Option<WindowIndex> {
        let newest_model = self.models.keys().next_back().map(|id| id.window);
        let newest = newest_model.max(self.windows.keys().next_back().copied())?;
        WindowIndex::new(newest.get().saturating_sub(self.label_delay))
    }

    /// Returns the accepted models up to window `last`; without `last`, all of them. Models made for the advice only are
    /// left out.
    fn eligible(&self, last: Option<WindowIndex>) -> impl DoubleEndedIterator<Item = ModelId> {
        let is_within = move |id: ModelId| last.is_none_or(|last| id.window <= last);
        let eligible = self.models().map(|model| model.artifact());
        let eligible = eligible.filter(|artifact| artifact.is_eligible() && !artifact.is_for_advice);
        eligible.map(|artifact| artifact.id).filter(move |id| is_within(*id))
    }

    fn find_latest(&self, last: Option<WindowIndex>) -> Option<ModelId> {
        let newest = self.eligible(last).next_back()?.window;
        self.eligible(last).find(|id| id.window == newest)
    }

    /// Finds the champion by the models and reports up to window `known`, the newest one whose labels are known. A scheme
    /// that was added counts from the next window on. From the same window on, one that was removed does not.
    fn find_champion(&self, known: Option<WindowIndex>) -> Option<ModelId> {
        let known = known?;
        let reports = || self.windows.range(..=known).map(|(_, report)| report);
        let trained = reports().next_back().map(|newest| &newest.schemes);
        let is_trained = move |scheme: &Scheme| trained.is_none_or(|trained| trained.contains(scheme));
        let eligible = move || self.eligible(Some(known)).filter(move |id| is_trained(&id.scheme));
        let newest = eligible().next_back().map(|id| id.window);
        let latest = newest.and_then(|newest| eligible().find(|id| id.window == newest));
        // The schemes that are trained now may have no accepted model yet.
        let latest = latest.or_else(|| self.find_latest(Some(known)))?;
        let age = 1 + self.label_delay;
        let judged = reports().filter(|report| report.is_evidence).map(|report| losses_at_age(report, age));
        let judged: Vec<(f64, BTreeMap<Scheme, f64>)> = judged.collect();
        let schemes: BTreeSet<Scheme> = judged.iter().flat_map(|(_, losses)| losses.keys().copied()).collect();
        let schemes: Vec<Scheme> = schemes.into_iter().filter(is_trained).collect();
        let chosen = champion_scheme(&judged, &schemes).unwrap_or(latest.scheme);
        eligible().rev().find(|id| id.scheme == chosen).or(Some(latest))
    }
}

/// Returns a window's labelled rows and, by scheme, the log-loss sum of the model whose newest window is `age` windows
/// before it.
fn losses_at_age(report: &WindowReport, age: u32) -> (f64, BTreeMap<Scheme, f64>) {
    let losses = report.scores_at_age(age).map(|(model, score)| (model.scheme, score.log_loss * score.rows as f64));
    (report.profile.rows as f64, losses.collect())
}

/// The error for a name to which no model belongs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no model `{}`", excerpt(.given, MAX_EXCERPT))]
pub struct UnknownModel {
    /// The name that was requested.
    pub given: String,
    /// The names that exist.
    pub known: Vec<String>,
}
