//! The model that following the advice has in service, and the losses of following it.
//!
//! The alias `advised` and the losses follow the same rules:
//!
//! - A policy takes office at the window after which it is named. A provisional name changes nothing, unless costs decide:
//!   then the policy with the lowest total is in office.
//! - A policy that refits every m windows fits a model when it takes office, and then every m windows.
//! - A policy that never refits keeps the model in service.
//! - A policy that recalibrates keeps the model in service, too. After each window with a labelled row, its intercept and
//!   slope are renewed on this window. A later policy that keeps the model in service keeps it with the last of them.
//! - A policy that refits on an alarm or when it pays starts with the model in service. When the alarm rings, and the labels
//!   of the window that rang are known, a model is fitted on the history of the policy.
//! - A fit that gives no model changes nothing. An older model is never restored.
//!
//! They differ in two points. A model that `train.accept` rejects is never in service, but its losses count: the rules
//! of acceptance are not part of the question how often to refit. Before the first policy takes office, the champion is
//! in service; the losses are those of all history, fitted every window. A table of predictions without fits on all history
//! has its longest history instead.

use std::ops::Range;

use crate::alarm::{AlarmData, AlarmRun};
use crate::candidates::Observed;
use crate::evidence::Evidence;
use crate::follow::PolicyAtWindow;
use crate::policy::{Policy, Refit};
use crate::recalibrated::RecalibratedModel;
use crate::trial::{Series, Trial};
use windrow_record::Scheme;

/// A fit or a recalibration that the policy in office asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdvisedFit {
    /// The newest window that the fit learns from, or the window that the model is recalibrated on.
    pub window: u32,
    /// The policy in office.
    pub policy: Policy,
    /// The window after which this policy took office.
    pub since: u32,
}

/// The fits and recalibrations that following the advice asks for: at most one for each window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdvisedFits {
    /// The window after which the first policy took office; `None` if no policy has.
    pub first: Option<u32>,
    /// The history of that policy.
    first_history: Option<Scheme>,
    /// The fits in ascending order of their windows.
    pub fits: Vec<AdvisedFit>,
    /// The recalibrations of the model in service, in ascending order of their windows. One on a window that the model
    /// has learned from changes nothing.
    pub recalibrations: Vec<AdvisedFit>,
}

/// The model in service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InService {
    /// The model that is in service without advice, as it was after this window.
    Unadvised(u32),
    /// The model of a fit that the advice asked for.
    Advised(AdvisedFit),
}

/// Returns the fits that following the advice asks for, if the labels of the windows up to `known` are known. Further
/// windows add fits and change none.
///
/// `named_policies` holds the policies named after each window, in ascending order. A name needs the labels of its
/// window, so the names after window `known` are not known either.
pub fn advised_fits(named_policies: &[PolicyAtWindow], known: u32, data: AlarmData<'_>) -> AdvisedFits {
    let is_office = |named: &&PolicyAtWindow| named.window <= known && named.takes_office;
    let mut offices: Vec<PolicyAtWindow> = named_policies.iter().filter(is_office).copied().collect();
    offices.dedup_by_key(|named| named.policy);
    let ends = offices.iter().skip(1).map(|next| next.window).chain([known.saturating_add(1)]);
    let mut advised = AdvisedFits {
        first: offices.first().map(|office| office.window),
        first_history: offices.first().map(|office| office.policy.history),
        ..AdvisedFits::default()
    };
    for (office, end) in offices.iter().zip(ends) {
        let (since, policy) = (office.window, office.policy);
        let step = |window: u32| AdvisedFit { window, policy, since };
        let windows: Vec<u32> = match policy.refit {
            Refit::Every(every) => (since..end).step_by(every.max(1) as usize).collect(),
            Refit::PsiAlarm | Refit::LossAlarm | Refit::WhenItPays => {
                fits_on_alarm(policy, since..end, advised.start(since, data.evidence), data)
            }
            Refit::Never | Refit::Recalibrated | Refit::Advice | Refit::Served => Vec::new(),
        };
        advised.fits.extend(windows.into_iter().map(step));
        if policy.refit == Refit::Recalibrated {
            let labelled = (since..end).filter(|window| data.evidence.rows(*window) > 0.0);
            advised.recalibrations.extend(labelled.map(step));
        }
    }
    advised
}

/// Returns the windows after which a policy on alarm fits a model, while it is in office. `start` is the model in service
/// when it takes office: its history and its newest window.
///
/// A fit that gives no model leaves the model before it in service, so the alarm rings again.
fn fits_on_alarm(policy: Policy, office: Range<u32>, start: (Scheme, u32), data: AlarmData<'_>) -> Vec<u32> {
    let AlarmData { evidence, delay, .. } = data;
    let run = |start: (Scheme, u32)| AlarmRun::new(data, policy, start);
    let (mut in_service, mut running, mut fits) = (start, run(start), Vec::new());
    for known in office {
        let fitted = running.model();
        if fitted != in_service && evidence.has_fit(fitted.0, fitted.1) {
            in_service = fitted;
        } else if fitted != in_service {
            running = run(in_service);
        }
        let before = running.model();
        if running.advance(known, known + delay) != before {
            fits.push(known);
        }
    }
    fits
}

/// Returns the models that are recalibrated and then in service if you follow the advice, each with a window in which it
/// is.
///
/// `named_policies` holds the policies named after each window, in ascending order.
pub fn recalibrated_in_service(named_policies: &[PolicyAtWindow], data: AlarmData<'_>) -> Vec<RecalibratedModel> {
    let AlarmData { evidence, delay, .. } = data;
    let known = |window: u32| window.saturating_sub(1 + delay);
    let advised = advised_fits(named_policies, known(evidence.last()), data);
    let windows = (1..=evidence.last()).filter(|window| evidence.rows(*window) > 0.0);
    windows.filter_map(|window| advised.recalibrated(evidence, window, known(window))).collect()
}

impl AdvisedFits {
    /// Returns the fits and the recalibrations in ascending order of their windows.
    pub fn steps(&self) -> Vec<AdvisedFit> {
        let mut steps: Vec<AdvisedFit> = self.fits.iter().chain(&self.recalibrations).copied().collect();
        steps.sort_by_key(|step| step.window);
        steps
    }

    /// Returns the history and the newest window of the fitted model with which a policy starts that takes office after
    /// window `since`. Without an advised model, it is that of all history, or of the longest one. The alarms of a
    /// recalibrated model are those of its fit.
    pub(crate) fn start(&self, since: u32, evidence: &Evidence) -> (Scheme, u32) {
        match self.in_service(since, |fit| has_losses(evidence, fit)) {
            InService::Advised(fit) => (fit.policy.history, fit.window),
            InService::Unadvised(window) => (self.unadvised_history(window, evidence), window),
        }
    }

    /// Returns the history of the model of window `window` that is in service before the first policy takes office: all
    /// history or the longest one or, if no stage makes such models, that of the first policy.
    fn unadvised_history(&self, window: u32, evidence: &Evidence) -> Scheme {
        let longest = evidence.longest_history();
        // The first model of all history has the losses of the first window's model, which every stage makes.
        let is_made = evidence.newest(longest, window, 2, window + 1).is_some();
        if is_made { longest } else { self.first_history.unwrap_or(longest) }
    }

    /// Returns the recalibrated model in service in `window`, if the labels of the windows up to `known` are known.
    /// Returns `None` if the model in service is as it was fitted.
    fn recalibrated(&self, evidence: &Evidence, window: u32, known: u32) -> Option<RecalibratedModel> {
        let on = self.recalibrations.iter().rfind(|step| step.window <= known)?.window;
        let (history, newest) = self.start(known, evidence);
        // A fit after the recalibration is in service as it is.
        let fitted = evidence.newest(history, newest, 1, window).filter(|_| on > newest)?.1.model;
        Some(RecalibratedModel { history: fitted.scheme, model: fitted.window.get(), on: Some(on), window })
    }

    /// Returns the fitted model in service when the labels of the windows up to `known` are known, without a
    /// recalibration. `has_model` returns whether a fit gave a model.
    pub fn in_service(&self, known: u32, mut has_model: impl FnMut(AdvisedFit) -> bool) -> InService {
        let mut newest_first = self.fits.iter().rev().filter(|fit| fit.window <= known);
        match newest_first.find(|fit| has_model(**fit)) {
            Some(fit) => InService::Advised(*fit),
            None => InService::Unadvised(self.first.map_or(known, |first| first.min(known))),
        }
    }
}

/// Returns the losses of following the advice on the windows of a trial. It is a single run, not a mean over phases.
/// Without advice, a model of all history, or of the longest one, is fitted every window.
///
/// `named_policies` holds the policies named after each window, in ascending order. Returns `None` if the losses of a
/// model in service are not known.
pub(super) fn series(
    trial: &Trial,
    evidence: &Evidence,
    named_policies: &[PolicyAtWindow],
    observed: Observed<'_>,
) -> Option<Series> {
    let policy = Policy { history: Scheme::Cumulative, refit: Refit::Advice };
    let data = observed.alarm_data(evidence, trial.delay);
    let advised = advised_fits(named_policies, trial.known(*trial.windows.last()?), data);
    let fitted = |window: u32| advised.start(trial.known(window), evidence);
    let mut series = trial.stateful(evidence, policy, None, fitted)?;
    for (at, window) in trial.windows.iter().enumerate() {
        let Some(model) = advised.recalibrated(evidence, *window, trial.known(*window)) else { continue };
        let Series { log_loss, squared_error, false_alarms, misses, .. } = &mut series;
        [log_loss[at], squared_error[at], false_alarms[at], misses[at]] = (observed.recalibrated)(model)?;
    }
    Some(series)
}

/// Returns `true` if a fit gave a model: the losses on the window after its newest one are stored for every model.
/// After the newest window of all, no losses show yet whether there is a model.
pub(super) fn has_losses(evidence: &Evidence, fit: AdvisedFit) -> bool {
    evidence.has_fit(fit.policy.history, fit.window)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(every: u32) -> Policy {
        Policy { history: Scheme::Window, refit: Refit::Every(every) }
    }

    fn never() -> Policy {
        Policy { history: Scheme::Window, refit: Refit::Never }
    }

    /// Returns the names of consecutive windows from `first` on. Names with `?` are provisional, and `-` is a window
    /// without a name.
    fn names(first: u32, text: &str) -> Vec<PolicyAtWindow> {
        let named = (first..).zip(text.split(' ')).filter(|(_, name)| *name != "-");
        let named = named.map(|(window, name)| {
            let (shown, provisional) = name.strip_suffix('?').map_or((name, false), |shown| (shown, true));
            let policy = if shown == "never" { never() } else { policy(shown.parse().expect("a number")) };
            PolicyAtWindow::by_loss(window, policy, provisional)
        });
        named.collect()
    }

    /// Returns the fits if no alarm rings.
    fn silent(names: &[PolicyAtWindow], known: u32) -> AdvisedFits {
        let evidence = Evidence::default();
        advised_fits(names, known, AlarmData { evidence: &evidence, delay: 0, has_drifted: &|_, _| false, cost: None })
    }

    /// Returns the newest window of each fit.
    fn windows(names: &[PolicyAtWindow], known: u32) -> Vec<u32> {
        silent(names, known).fits.iter().map(|fit| fit.window).collect()
    }

    #[test]
    fn a_schedule_starts_with_a_fit_when_it_takes_office() {
        for (what, names, expected) in [
            ("every window", names(20, "1 1 1 1 1 1 1"), vec![20, 21, 22, 23, 24, 25, 26]),
            ("every 3rd window", names(20, "3 3 3 3 3 3 3"), vec![20, 23, 26]),
            ("a provisional name changes nothing", names(20, "3? 3? 3 3 2? 2? 2?"), vec![22, 25]),
            ("the policy in office stays while it is provisional", names(20, "3 3? 3? 3 3? 3 3"), vec![20, 23, 26]),
            ("a window without a name", names(20, "3 - - - - - -"), vec![20, 23, 26]),
            ("another name begins with a fit", names(20, "4 4 4 2 2 2 2"), vec![20, 23, 25]),
            ("a name that flips", names(20, "4 2 4 2 4 4 4"), vec![20, 21, 22, 23, 24]),
            ("fit once asks for no fit", names(20, "2 2 2 never never never never"), vec![20, 22]),
            ("a schedule after fit once", names(20, "never never 4 4 4 4 4"), vec![22, 26]),
            ("only provisional names", names(20, "1? 1? 1? 1? 1? 1? 1?"), vec![]),
        ] {
            assert_eq!(windows(&names, 26), expected, "{what}");
        }
        let fits = silent(&names(20, "3 3 3 3"), 23).fits;
        assert_eq!(fits[1], AdvisedFit { window: 23, policy: policy(3), since: 20 });
    }

    #[test]
    fn a_name_is_known_with_the_labels_of_its_window() {
        let names = names(20, "1 1 2 2 2 2 2");
        assert_eq!(windows(&names, 19), Vec::<u32>::new());
        assert_eq!(windows(&names, 21), [20, 21], "the names after window 21 are not known");
        assert_eq!(windows(&names, 25), [20, 21, 22, 24]);
    }

    #[test]
    fn the_model_in_service_stays_until_a_fit_gives_a_newer_one() {
        let advised = silent(&names(20, "2 2 2 never never never never"), 26);
        let in_service =
            |known: u32, has_model: fn(u32) -> bool| match advised.in_service(known, |fit| has_model(fit.window)) {
                InService::Advised(fit) => fit.window,
                InService::Unadvised(window) => 100 + window,
            };
        let course =
            |has_model: fn(u32) -> bool| (18..=26).map(|known| in_service(known, has_model)).collect::<Vec<_>>();
        assert_eq!(course(|_| true), [118, 119, 20, 20, 22, 22, 22, 22, 22]);
        assert_eq!(course(|window| window != 22), [118, 119, 20, 20, 20, 20, 20, 20, 20], "window 22 has one class");
        assert_eq!(course(|window| window != 20), [118, 119, 120, 120, 22, 22, 22, 22, 22]);
        assert_eq!(course(|_| false), [118, 119, 120, 120, 120, 120, 120, 120, 120], "as it was then");
        let once = silent(&names(20, "never never"), 21);
        assert_eq!(once.in_service(21, |_| true), InService::Unadvised(20), "fit once keeps the model in service");
        let none = silent(&names(20, "2? 2?"), 21);
        assert_eq!(none.in_service(21, |_| true), InService::Unadvised(21), "no policy has taken office");
    }

    #[test]
    fn the_model_in_service_is_never_older_than_before() {
        let text = "1 3? 3 2 never 4? 4 1 1? never 2 2 2 8 8 1 3? 3";
        let advised = silent(&names(10, text), 40);
        let window = |known: u32| match advised.in_service(known, |fit| fit.window % 5 != 0) {
            InService::Advised(fit) => fit.window,
            InService::Unadvised(window) => window,
        };
        let course: Vec<u32> = (1..=40).map(window).collect();
        assert!(course.is_sorted(), "{course:?}");
        assert!((1..=40).zip(&course).all(|(known, newest)| *newest <= known), "{course:?}");
    }
}
