//! The alias `advised`: the model that following the advice has in service.

use tokio_util::sync::CancellationToken;

use crate::advisor::ladder::LadderWork;
use crate::{Learning, TrainError, making};
use windrow_base::telemetry::Event;
use windrow_evaluation::{AdvisedFit, AlarmData, PolicyAtWindow, WindowUnit, advised_fits};
use windrow_learn::model::Artifact;
use windrow_record::{ModelId, WindowIndex};
use windrow_registry::{AliasChange, AliasError, AliasName, Author, RegistryError};

/// The alias, with the settings that it depends on.
#[derive(Debug)]
pub(super) struct AdvisedAlias<'a> {
    pub(super) learning: &'a Learning,
    /// The label delay, in windows.
    pub(super) delay: u32,
    /// The word for a window.
    pub(super) unit: WindowUnit,
}

impl AdvisedAlias<'_> {
    /// Points the alias to the model in service after window `last`, through each model that was in service before it.
    /// Makes and publishes the models that no scheme makes. `has_drifted` compares the features of two windows.
    ///
    /// The history of the alias says how far this was done, so nothing is done twice. A change by a user stays until
    /// the next fit that the advice asks for.
    pub(super) fn keep(
        &self,
        work: &mut LadderWork,
        named_policies: &[PolicyAtWindow],
        last: u32,
        has_drifted: &dyn Fn(u32, u32) -> bool,
        stop: &CancellationToken,
    ) -> Result<(), TrainError> {
        let data = AlarmData { evidence: &work.evidence, delay: self.delay, has_drifted };
        let advised = advised_fits(named_policies, last.saturating_sub(self.delay), data);
        let (Some(first), Some(newest)) = (advised.first, WindowIndex::new(last)) else { return Ok(()) };
        let begin = match self.learning.registry.snapshot().aliases().last_advised() {
            Some(model) => {
                // If the reports of windows were removed, the windows of the model may come later.
                if model.window <= newest {
                    self.restore(work, model)?;
                }
                Some(model)
            }
            None => self.begin(first, advised.fits.first())?,
        };
        let fits = advised.fits.iter().filter_map(|fit| Some((fit, model_id(fit)?)));
        let fits = fits.filter(|(_, id)| begin.is_none_or(|begin| *id != begin && id.window >= begin.window));
        let fits: Vec<(&AdvisedFit, ModelId)> = fits.collect();
        let first_kept = making::first_kept(self.learning, newest);
        let newest_id = fits.last().map(|(_, id)| *id);
        let mut changed = None;
        for (fit, id) in fits {
            if stop.is_cancelled() {
                return Ok(());
            }
            // A model that would be removed at once is not made, unless it is the one in service now.
            let is_wanted = Some(id) == newest_id || first_kept.is_none_or(|first| id.window >= first);
            changed = self.promote(work, id, &self.reason(fit), is_wanted)?.or(changed);
        }
        if let Some(AliasChange { alias, from, to, by, .. }) = changed {
            let [from, to] = [from, to].map(|id| id.map(|id| id.to_string()));
            self.learning.progress.report(Event::AliasChanged { alias: alias.to_string(), from, to, by });
            making::retire(self.learning, newest)?;
        }
        Ok(())
    }

    /// Points the alias to the champion by the labels that were known when the first policy took office, unless the first fit gives
    /// the same model. Returns the champion if the alias points to it.
    fn begin(&self, first: u32, fit: Option<&AdvisedFit>) -> Result<Option<ModelId>, TrainError> {
        let registry = &self.learning.registry;
        let after = WindowIndex::new(first.saturating_add(1));
        let champion = after.and_then(|after| registry.snapshot().champion_before(after)).map(|champion| champion.id());
        let Some(champion) = champion.filter(|champion| fit.and_then(model_id) != Some(*champion)) else {
            return Ok(None);
        };
        let promoted = registry.promote_advised(champion, None, self.author("the champion, before the first advice"));
        existing(promoted).map(|change| change.map(|_| champion))
    }

    /// Makes the model of the alias again, if its file was removed.
    fn restore(&self, work: &mut LadderWork, model: ModelId) -> Result<(), TrainError> {
        let registry = &self.learning.registry;
        let snapshot = registry.snapshot();
        let is_missing = snapshot.get(model).is_none() && snapshot.alias(&AliasName::advised()) == Some(model);
        if is_missing && let Some(artifact) = work.make(self.learning, model)?.filter(Artifact::is_eligible) {
            registry.publish(&artifact)?;
        }
        Ok(())
    }

    /// Points the alias to a model, which is made and published if it does not exist and `is_wanted`. Returns `None` if
    /// there is no model, or if it was rejected.
    fn promote(
        &self,
        work: &mut LadderWork,
        id: ModelId,
        why: &str,
        is_wanted: bool,
    ) -> Result<Option<AliasChange>, TrainError> {
        let registry = &self.learning.registry;
        let is_eligible = registry.snapshot().get(id).map(|model| model.artifact().is_eligible());
        if is_eligible == Some(false) {
            return Ok(None);
        }
        if is_eligible == Some(true) {
            let change = existing(registry.promote_advised(id, None, self.author(why)))?;
            // Otherwise the trainer has removed the model in the meantime.
            if change.is_some() {
                return Ok(change);
            }
        }
        if !is_wanted {
            return Ok(None);
        }
        let Some(artifact) = work.make(self.learning, id)? else { return Ok(None) };
        if artifact.is_eligible() {
            return Ok(Some(registry.promote_advised(id, Some(&artifact), self.author(why))?));
        }
        registry.publish(&artifact)?;
        Ok(None)
    }

    fn author(&self, why: &str) -> Author {
        Author { at: (self.learning.clock)(), by: making::AUTHOR.to_owned(), why: why.to_owned() }
    }

    /// Returns the reason for a fit, as in `named after window 28: last 2 weeks, every 2nd week`.
    fn reason(&self, fit: &AdvisedFit) -> String {
        let named = format!("named after window {}: {}", fit.since, fit.policy.name(self.unit));
        if fit.window == fit.since { named } else { format!("refitted after window {}, {named}", fit.window) }
    }
}

/// Returns the id of the model that a fit gives.
fn model_id(fit: &AdvisedFit) -> Option<ModelId> {
    Some(ModelId { window: WindowIndex::new(fit.window)?, scheme: fit.policy.history })
}

/// Returns the change of the alias, or `None` if the model does not exist any more.
fn existing(promoted: Result<AliasChange, RegistryError>) -> Result<Option<AliasChange>, TrainError> {
    match promoted {
        Err(RegistryError::Aliases(AliasError::NoModel { .. })) => Ok(None),
        promoted => Ok(Some(promoted?)),
    }
}
