//! The conditions under which a policy may be named at all, before any bound is looked at.

use crate::policy::Refit;
use crate::trial::{MIN_WINDOWS, Series, Trial};
use windrow_record::Scheme;

/// The minimum number of windows judged for a policy that never refits. With fewer, changes that are not rare could have
/// stayed away by luck.
pub(crate) const MIN_FIT_ONCE_WINDOWS: usize = 36;

impl Trial {
    /// Returns `true` if there are enough windows, and enough refits of this policy, for an interval.
    pub(crate) fn has_enough_data(&self, series: &Series) -> bool {
        self.len() >= MIN_WINDOWS && series.has_enough_refits()
    }

    /// Returns `true` if a policy may be named. Its bound decides whether it is good enough.
    ///
    /// A policy that never refits needs [`MIN_FIT_ONCE_WINDOWS`], a second first model to compare with, and an alarm to
    /// watch. If a break was found, it may not be named.
    pub(crate) fn may_be_named(&self, series: &Series) -> bool {
        let history = series.policy.history;
        self.has_enough_data(series)
            && match series.policy.refit {
                Refit::Never => {
                    self.len() >= MIN_FIT_ONCE_WINDOWS
                        && !self.conditions.has_break
                        && self.other_first_fit(history).is_some()
                        && !self.silent_alarms(history).is_empty()
                }
                Refit::Advice | Refit::Served => false,
                Refit::WhenItPays => self.conditions.is_by_cost,
                Refit::Every(_) | Refit::Recalibrated | Refit::PsiAlarm | Refit::LossAlarm => true,
            }
    }

    /// Returns `true` if a policy can be the best one, with which all are compared. Of log-losses, it is a schedule; of
    /// costs, it is of any kind, because the costs of fits are among them.
    pub(crate) fn is_yardstick(&self, series: &Series) -> bool {
        is_schedule(series) || (self.conditions.is_by_cost && self.may_be_named(series))
    }

    /// Returns the indices of the policies that may be named.
    pub(crate) fn candidates(&self) -> Vec<usize> {
        (0..self.series.len()).filter(|index| self.may_be_named(&self.series[*index])).collect()
    }

    /// Returns the losses of never refitting another first model of a history.
    pub(crate) fn other_first_fit(&self, history: Scheme) -> Option<&Series> {
        self.conditions.other_first_fits.iter().find(|series| series.policy.history == history)
    }

    /// Returns the alarms that did not ring in any run with a history. That a refit pays is not an alarm to watch.
    pub(crate) fn silent_alarms(&self, history: Scheme) -> Vec<Refit> {
        let all = self.conditions.alarm_runs.iter();
        let alarms = all.filter(|runs| runs.policy.history == history && runs.policy.refit != Refit::WhenItPays);
        let silent = alarms.filter(|runs| runs.rang.iter().all(Vec::is_empty));
        silent.map(|runs| runs.policy.refit).collect()
    }
}

/// Returns `true` if a series is that of a schedule.
pub(crate) fn is_schedule(series: &Series) -> bool {
    series.policy.is_schedule()
}
