//! The advisor: fits the models that only the advice needs, scores them, and recommends how often to retrain and on how
//! much history. It keeps the alias `advised`, and publishes only the models that this alias needs.
//!
//! The advisor does not repeat stored work, whichever process did it. The advice follows from the stored losses.
//! Computations run off the runtime's threads. The advisor knows nothing of brokers.

mod advised;
mod auc;
mod drift;
mod effort;
mod foreign_ladder;
mod ladder;
mod reading;
mod recalibration;
mod subject;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{Learning, TrainError};
use windrow_base::runtime::{blocking, in_background};
use windrow_base::telemetry::Event;
use windrow_config::{Costs, WindowDelay};
use windrow_evaluation::{
    Advice, AdviceSettings, AlarmData, NamingSettings, Observed, PolicyAtWindow, RecalibratedModel, Trial, advise,
    judged_histories, name_policies, read_for_names, recalibrated_in_service,
};
use windrow_record::display::window_name;
use windrow_record::{Scheme, WindowIndex};
use windrow_windows::Manifest;

use self::advised::AdvisedAlias;
use self::drift::KnownDrift;
use self::ladder::LadderWork;
use self::reading::Pairs;

/// The interval at which the advisor looks for a new window.
const WINDOW_POLL: Duration = Duration::from_millis(200);

/// An advisor, with its inputs.
#[derive(Debug)]
pub struct Advisor {
    /// The windows, the registry and the settings.
    pub learning: Learning,
    /// The delay with which labels are known.
    pub label_delay: WindowDelay,
    /// The costs of errors and fits.
    pub cost: Option<Costs>,
}

/// The state after a step, the advice if there are new windows, and whether the whole stream has been reported.
type Step = (AdvisorState, Option<Advice>, bool);

/// The state of an advisor, from the windows so far.
struct AdvisorState {
    ladder: LadderWork,
    manifests: Vec<Manifest>,
    /// The policy that was recommended after each window.
    named_policies: Vec<PolicyAtWindow>,
    /// The last window after which the recommended policy was determined.
    asked: u32,
    /// The losses that were read for this, besides those that the policies need whatever the rows are.
    read_for_names: Pairs,
    /// The losses that were read for the newest advice, besides these.
    read_for_advice: Pairs,
    /// `true` if later windows repeat rows, so that they are not evidence.
    repeats: bool,
    /// The drift that is known.
    drift: KnownDrift,
}

impl Advisor {
    /// Updates the advice and the alias `advised` after each new window, until the stream ends.
    ///
    /// # Errors
    /// Files cannot be read or written, or the remote solver fails. A stop is not an error.
    pub async fn run(self, stop: CancellationToken) -> Result<(), TrainError> {
        let advisor = Arc::new(self);
        let mut seen = advisor.seen();
        let mut last_named = None;
        while !stop.is_cancelled() {
            let (working, token) = (Arc::clone(&advisor), stop.clone());
            let (next, advice, is_through) = blocking(move || working.step_aside(seen, &token)).await?;
            seen = next;
            if let Some(advice) = advice {
                let now = advice.named();
                if now != last_named {
                    last_named = now;
                    let answer = advice.recommendation.sentences.first().cloned().unwrap_or_default();
                    let window = advisor.label(advice.subject.windows);
                    advisor.learning.progress.report(Event::Advised { window, answer });
                }
            }
            if is_through {
                return Ok(());
            }
            stop.run_until_cancelled(tokio::time::sleep(WINDOW_POLL)).await;
        }
        Ok(())
    }

    /// Returns the advice for the windows that have been reported, and changes no alias. Returns `None` if no window
    /// has been reported, or if `stop` was cancelled.
    ///
    /// # Errors
    /// Files cannot be read or written, the remote solver fails, or a scheme was added whose models are not made yet.
    pub async fn once(self, stop: CancellationToken) -> Result<Option<Advice>, TrainError> {
        let advisor = Arc::new(self);
        let Learning { pipeline, registry, .. } = &advisor.learning;
        if let Some((scheme, window)) = registry.snapshot().unmade(&pipeline.train.schemes) {
            return Err(TrainError::Unmade { scheme, window });
        }
        let working = Arc::clone(&advisor);
        let (_, advice, _) = blocking(move || working.catch_up(working.seen(), &stop)).await?;
        Ok(advice)
    }

    fn seen(&self) -> AdvisorState {
        let ladder = LadderWork::new(self.learning.frames());
        let (manifests, named_policies, drift) = (Vec::new(), Vec::new(), KnownDrift::default());
        let [read_for_names, read_for_advice] = [Pairs::new(), Pairs::new()];
        AdvisorState {
            ladder,
            manifests,
            named_policies,
            asked: 0,
            read_for_names,
            read_for_advice,
            repeats: false,
            drift,
        }
    }

    /// The same as [`Self::step`]. As long as the stream goes on, its stages and the trainer have precedence: the step
    /// then uses threads of its own, with a lower priority. These must not wait for a cluster or for another process.
    fn step_aside(&self, seen: AdvisorState, stop: &CancellationToken) -> Result<Step, TrainError> {
        let has_ended = self.learning.store.end()?.is_some();
        if has_ended || !self.learning.fits_here() {
            return self.step(seen, stop);
        }
        in_background(|| self.step(seen, stop))
    }

    /// The same as [`Self::catch_up`]. Also keeps the alias `advised`.
    fn step(&self, seen: AdvisorState, stop: &CancellationToken) -> Result<Step, TrainError> {
        let (mut seen, advice, is_through) = self.catch_up(seen, stop)?;
        if let Some(advice) = &advice {
            let unit = advice.subject.window_unit;
            let alias =
                AdvisedAlias { learning: &self.learning, delay: self.label_delay.windows, cost: self.costs(), unit };
            let (snapshot, drift) = (self.learning.registry.snapshot(), &seen.drift);
            let has_drifted = |since: u32, now: u32| drift.is_between(&snapshot, since, now);
            alias.keep(&mut seen.ladder, &seen.named_policies, seen.asked, &has_drifted, stop)?;
        }
        Ok((seen, advice, is_through))
    }

    /// Takes the windows that have been reported since the last call. Returns the advice, if there are new windows, and
    /// whether the whole stream has been reported.
    fn catch_up(&self, mut seen: AdvisorState, stop: &CancellationToken) -> Result<Step, TrainError> {
        let Learning { pipeline, store, registry, .. } = &self.learning;
        // Before the models of an added scheme are made, advice about fewer windows would replace the stored one.
        if registry.snapshot().unmade(&pipeline.train.schemes).is_some() {
            return Ok((seen, None, false));
        }
        let mut is_new = false;
        let is_through = loop {
            let next = seen.manifests.last().map_or(WindowIndex::FIRST, |manifest| manifest.window.next());
            let Some(manifest) = store.manifest(next)? else {
                break store.end()?.is_some_and(|end| end.windows < next.get());
            };
            // The report of a window that was opened again is of its earlier rows, until the trainer has replaced it.
            let snapshot = registry.snapshot();
            let report = snapshot.window(next).filter(|report| report.sha256 == manifest.rows.file.sha256);
            match report.map(|report| report.is_evidence) {
                Some(true) => seen.manifests.push(manifest),
                Some(false) => {
                    seen.repeats = true;
                    break store.end()?.is_some();
                }
                None => break false,
            }
            is_new = true;
        };
        let last = seen.manifests.len() as u32;
        if !is_new || stop.is_cancelled() {
            // The stream may end after its last window was reported.
            if is_through && !stop.is_cancelled() {
                self.keep_losses(&mut seen)?;
            }
            return Ok((seen, None, is_through));
        }
        seen.ladder.fill(&self.learning, &seen.manifests, self.label_delay.windows, stop)?;
        if stop.is_cancelled() {
            return Ok((seen, None, false));
        }
        let Some(advice) = self.advise(&mut seen, last, stop)? else { return Ok((seen, None, false)) };
        // A learner that was stopped has left out losses, and other policies may be named without them.
        if stop.is_cancelled() {
            return Ok((seen, None, false));
        }
        // The answer to a question with other settings is not stored.
        if self.is_own_question() {
            registry.publish_advice(&advice)?;
        }
        if is_through {
            self.keep_losses(&mut seen)?;
        }
        Ok((seen, Some(advice), is_through))
    }

    /// Removes the stored losses that the advice does not need. It does so at the end of the stream, when no later advice
    /// may need them, and only for the question of the pipeline file.
    fn keep_losses(&self, seen: &mut AdvisorState) -> Result<(), TrainError> {
        if !self.is_own_question() {
            return Ok(());
        }
        let read: Pairs = seen.read_for_names.union(&seen.read_for_advice).copied().collect();
        seen.ladder.keep_losses(&self.learning, &read)
    }

    /// Returns `true` if the settings are those of the pipeline file.
    fn is_own_question(&self) -> bool {
        let pipeline = &self.learning.pipeline;
        self.label_delay == pipeline.label_delay() && self.cost == pipeline.advise.cost
    }

    /// Returns the costs of a false alarm, a miss and a fit.
    fn costs(&self) -> Option<[f64; 3]> {
        self.cost.map(|cost| [cost.false_alarm, cost.miss, cost.refit])
    }

    fn histories(&self) -> Option<&[Scheme]> {
        self.learning.pipeline.advise.histories.as_deref()
    }

    /// Computes the advice after window `last`, and the losses that it needs. Returns `None` if the run was stopped.
    fn advise(
        &self,
        seen: &mut AdvisorState,
        last: u32,
        stop: &CancellationToken,
    ) -> Result<Option<Advice>, TrainError> {
        let Learning { pipeline, registry, .. } = &self.learning;
        let _span = tracing::info_span!("advise", window = last).entered();
        let AdvisorState { ladder, manifests, named_policies, asked, repeats, drift, .. } = seen;
        let (manifests, drift): (&[Manifest], &KnownDrift) = (manifests, drift);
        let (keep, delay, histories) = (pipeline.advise.keep, self.label_delay.windows, self.histories());
        let (cost, snapshot, new) = (self.costs(), registry.snapshot(), *asked + 1..=last);
        let has_drifted = |since: u32, now: u32| drift.is_between(&snapshot, since, now);
        let mut recalibrations = registry.evidence().recalibrations(delay)?;

        // Recalibrated models and the ranks of policies are not needed to find which losses are read.
        let unknown = Observed { alarms: &Observed::ALARMS, has_drifted: &has_drifted, recalibrated: &|_| None, cost };
        let found = ladder.read_losses(&self.learning, stop, |evidence| {
            read_for_names(evidence, new.clone(), NamingSettings { histories, delay, keep, observed: unknown });
            recalibration::compared(evidence, new.clone(), histories, delay)
        })?;
        let Some((compared, _)) = found else { return Ok(None) };
        recalibration::complete(&self.learning, ladder, manifests, &mut recalibrations, &compared)?;
        let recalibrated = |model: RecalibratedModel| recalibrations.sums(model);
        let observed =
            Observed { alarms: &Observed::ALARMS, has_drifted: &has_drifted, recalibrated: &recalibrated, cost };
        let found = ladder.read_losses(&self.learning, stop, |evidence| {
            let mut names = named_policies.clone();
            let naming = NamingSettings { histories, delay, keep, observed };
            let newest = name_policies(evidence, new.clone(), naming, &mut names);
            (names, newest)
        })?;
        let Some(((names, newest), pairs)) = found else { return Ok(None) };
        *named_policies = names;
        *asked = last;
        seen.read_for_names.extend(pairs);

        let named_policies: &[PolicyAtWindow] = named_policies;
        let planned = || Trial::new(&ladder.evidence, last, &judged_histories(last, histories, delay), delay);
        let trial = newest.unwrap_or_else(planned);
        let named = named_policies.last().filter(|named| named.window == last).map(|named| named.policy);
        let label = |window: u32| self.label(window);
        let question = auc::Question { trial: &trial, named, is_own: self.is_own_question(), label: &label };
        let auc = auc::by_window(&self.learning, ladder, manifests, &question)?;
        // The recalibrated models in service follow from the names.
        let found = ladder.read_losses(&self.learning, stop, |evidence| {
            recalibrated_in_service(named_policies, AlarmData { evidence, delay, has_drifted: &has_drifted, cost })
        })?;
        let Some((in_service, pairs)) = found else { return Ok(None) };
        seen.read_for_advice = pairs;
        recalibration::complete(&self.learning, ladder, manifests, &mut recalibrations, &in_service)?;
        let recalibrated = |model: RecalibratedModel| recalibrations.sums(model);
        let observed =
            Observed { alarms: &Observed::ALARMS, has_drifted: &has_drifted, recalibrated: &recalibrated, cost };
        let question = AdviceSettings {
            subject: subject::subject(pipeline, manifests, *repeats),
            keep,
            delay,
            delay_text: self.label_delay.duration.as_deref(),
            histories,
            threshold: pipeline.train.threshold,
            label: &label,
            observed,
            auc: &auc,
            named_policies,
        };
        let found = ladder.read_losses(&self.learning, stop, |evidence| advise(evidence, &question))?;
        let Some((advice, pairs)) = found else { return Ok(None) };
        seen.read_for_advice.extend(pairs);
        Ok(Some(advice))
    }

    /// Returns the name of a window, such as `window 14 (week of 2013-04-01)`.
    fn label(&self, window: u32) -> String {
        let snapshot = self.learning.registry.snapshot();
        let report = WindowIndex::new(window).and_then(|window| snapshot.window(window));
        report.map_or_else(|| window_name(window, None), |report| report.name())
    }
}
