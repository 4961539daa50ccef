//! The alias `advised`: the model that following the advice has in service.

use tokio_util::sync::CancellationToken;

use crate::advisor::ladder::LadderWork;
use crate::{Learning, TrainError, making};
use windrow_base::telemetry::Event;
use windrow_evaluation::{AdvisedFit, AlarmData, PolicyAtWindow, Refit, WindowUnit, advised_fits};
use windrow_learn::model::Artifact;
use windrow_record::{ModelId, WindowIndex};
use windrow_registry::{AliasChange, AliasError, AliasName, Author, RegistryError};

/// The alias, with the settings that it depends on.
#[derive(Debug)]
pub(super) struct AdvisedAlias<'a> {
    pub(super) learning: &'a Learning,
    /// The label delay, in windows.
    pub(super) delay: u32,
    /// The costs of a false alarm, a miss and a fit.
    pub(super) cost: Option<[f64; 3]>,
    /// The word for a window.
    pub(super) unit: WindowUnit,
}

impl AdvisedAlias<'_> {
    /// Points the alias to the model in service after window `last`, through each model that was in service before it.
    /// Makes and publishes the models that no scheme makes. `has_drifted` compares the features of two windows.
    ///
    /// The history of the alias says how far this was done, so nothing is done twice. A change by a user stays until
    /// the next fit or recalibration that the advice asks for.
    pub(super) fn keep(
        &self,
        work: &mut LadderWork,
        named_policies: &[PolicyAtWindow],
        last: u32,
        has_drifted: &dyn Fn(u32, u32) -> bool,
        stop: &CancellationToken,
    ) -> Result<(), TrainError> {
        let found = work.read_losses(self.learning, stop, |evidence| {
            let data = AlarmData { evidence, delay: self.delay, has_drifted, cost: self.cost };
            advised_fits(named_policies, last.saturating_sub(self.delay), data)
        })?;
        let Some((advised, _)) = found else { return Ok(()) };
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
        let steps = advised.steps();
        let newest_step = steps.last().map(|step| step.window);
        let first_kept = making::first_kept(self.learning, newest);
        let mut fits = FitsInService::new(begin);
        let mut changed = None;
        for step in &steps {
            if stop.is_cancelled() {
                return Ok(());
            }
            // A model that would be removed at once is not made, unless it is the one in service now.
            let is_wanted =
                Some(step.window) == newest_step || first_kept.is_none_or(|first| step.window >= first.get());
            let Some(id) = self.step_id(work, step, &mut fits, is_wanted)? else { continue };
            // A fit that was stopped looks like one that gives no model, and another one would get the alias.
            if stop.is_cancelled() {
                return Ok(());
            }
            if begin.is_some_and(|begin| id == begin || id.window < begin.window) {
                continue;
            }
            let promoted = self.promote(work, id, &self.reason(step), is_wanted)?;
            fits.add(id, promoted.is_some(), is_wanted);
            changed = promoted.or(changed);
        }
        if let Some(AliasChange { alias, from, to, by, .. }) = changed {
            let [from, to] = [from, to].map(|id| id.map(|id| id.to_string()));
            self.learning.progress.report(Event::AliasChanged { alias: alias.to_string(), from, to, by });
        }
        // The trainer has left the models that this step kept.
        making::retire(self.learning, newest)?;
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

    /// Returns the id of the model that a step gives: that of a fit, or of the model in service with a recalibration.
    /// Returns `None` if there is no model to recalibrate, or if it has learned from the window.
    fn step_id(
        &self,
        work: &mut LadderWork,
        step: &AdvisedFit,
        fits: &mut FitsInService,
        is_wanted: bool,
    ) -> Result<Option<ModelId>, TrainError> {
        if step.policy.refit != Refit::Recalibrated {
            return Ok(model_id(step));
        }
        // Without need, no model is made to find out whether it is the one in service.
        if !is_wanted && !fits.unmade.is_empty() {
            return Ok(None);
        }
        while let Some(id) = fits.unmade.pop() {
            if self.has_fit(work, id)? {
                *fits = FitsInService::new(Some(id));
            }
        }
        // Without a model in service, the policy starts with a fit on its history.
        if let (None, true, Some(since)) = (fits.known, is_wanted, WindowIndex::new(step.since)) {
            let fit = ModelId::new(since, step.policy.history);
            let has_fit = self.has_fit(work, fit)?;
            *fits = FitsInService::new(has_fit.then_some(fit));
        }
        let window = WindowIndex::new(step.window);
        Ok(fits.known.zip(window).and_then(|(fit, window)| fit.recalibrated(window)))
    }

    /// Returns `true` if a fit gives a model that may be in service. It is made and published if it is not stored, so that
    /// each recalibration of it finds it.
    fn has_fit(&self, work: &mut LadderWork, id: ModelId) -> Result<bool, TrainError> {
        let registry = &self.learning.registry;
        if let Some(model) = registry.snapshot().get(id) {
            return Ok(model.artifact().is_eligible());
        }
        let Some(artifact) = work.make(self.learning, id)? else { return Ok(false) };
        registry.publish(&artifact)?;
        Ok(artifact.is_eligible())
    }

    /// Makes the model of the alias again, if its file was removed. Also its fit, if it is recalibrated.
    fn restore(&self, work: &mut LadderWork, model: ModelId) -> Result<(), TrainError> {
        let registry = &self.learning.registry;
        let snapshot = registry.snapshot();
        if snapshot.alias(&AliasName::advised()) != Some(model) {
            return Ok(());
        }
        let _kept = registry.keep(model.fit());
        if model.is_recalibrated() {
            self.has_fit(work, model.fit())?;
        }
        if snapshot.get(model).is_none()
            && let Some(artifact) = work.make(self.learning, model)?.filter(Artifact::is_eligible)
        {
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
        // The trainer must not remove the fit between the making of the recalibrated model and its publishing.
        let _kept = registry.keep(id.fit());
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
        if !is_wanted || (id.is_recalibrated() && !self.has_fit(work, id.fit())?) {
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

    /// Returns the reason for a step, as in `named after window 28: last 2 weeks, every 2nd week`.
    fn reason(&self, step: &AdvisedFit) -> String {
        let named = format!("named after window {}: {}", step.since, step.policy.name(self.unit));
        if step.window == step.since {
            return named;
        }
        let what = if step.policy.refit == Refit::Recalibrated { "recalibrated" } else { "refitted" };
        format!("{what} after window {}, {named}", step.window)
    }
}

/// The fitted model in service, which a recalibration gives another intercept and slope.
#[derive(Debug)]
struct FitsInService {
    /// The newest fit that is known to have given a model.
    known: Option<ModelId>,
    /// Later fits, oldest first, that were not made because their models would be removed at once. It is not known
    /// whether they give a model.
    unmade: Vec<ModelId>,
}

impl FitsInService {
    /// `model` is the model in service.
    fn new(model: Option<ModelId>) -> Self {
        Self { known: model.map(ModelId::fit), unmade: Vec::new() }
    }

    /// Adds a model, if it is fitted. `is_in_service` is `true` if the alias was pointed to it. Without a model, a fit that
    /// was wanted changes nothing.
    fn add(&mut self, model: ModelId, is_in_service: bool, is_wanted: bool) {
        if model.is_recalibrated() {
            return;
        }
        if is_in_service {
            *self = Self::new(Some(model));
        } else if !is_wanted {
            self.unmade.push(model);
        }
    }
}

/// Returns the id of the model that a fit gives.
fn model_id(fit: &AdvisedFit) -> Option<ModelId> {
    Some(ModelId::new(WindowIndex::new(fit.window)?, fit.policy.history))
}

/// Returns the change of the alias, or `None` if the model does not exist any more.
fn existing(promoted: Result<AliasChange, RegistryError>) -> Result<Option<AliasChange>, TrainError> {
    match promoted {
        Err(RegistryError::Aliases(AliasError::NoModel { .. })) => Ok(None),
        promoted => Ok(Some(promoted?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ModelId {
        text.parse().expect("a model id")
    }

    #[test]
    fn the_fit_in_service_is_the_newest_that_gave_a_model() {
        let mut fits = FitsInService::new(Some(id("cumulative-12-recalibrated-20")));
        assert_eq!(fits.known, Some(id("cumulative-12")), "the fit of a recalibrated model");
        fits.add(id("window-22"), false, true);
        assert_eq!((fits.known, fits.unmade.len()), (Some(id("cumulative-12")), 0), "a fit without a model");
        fits.add(id("window-24"), false, false);
        fits.add(id("window-26"), false, false);
        assert_eq!(fits.unmade, [id("window-24"), id("window-26")], "fits that were not made");
        fits.add(id("window-28"), true, true);
        assert_eq!((fits.known, fits.unmade.len()), (Some(id("window-28")), 0));
        fits.add(id("window-28-recalibrated-29"), true, true);
        assert_eq!(fits.known, Some(id("window-28")), "a recalibration is not a fit");
        assert_eq!(FitsInService::new(None).known, None);
    }
}
