//! The action after the newest window, with its reason: the policy in office holds, another one should take office, or
//! an alarm asks for a refit.
//!
//! The policy in office is the newest one that was named and shown good enough before the newest window. A provisional
//! policy does not take office. The action follows from what was named after each window. It does not depend on when
//! the question was asked before: a change is reported as long as its window is the newest one.

use crate::advice::{Action, Advice};
use crate::alarm::Alarms;
use crate::follow::PolicyAtWindow;
use crate::kept_share::BASELINE;
use crate::phrases::{command, kind};
use crate::policy::Policy;

/// Returns the action after window `last`, the newest one, and its reason in one line. `named_policies` holds the
/// policies named after each window, in ascending order.
pub(super) fn next_action(
    advice: &Advice,
    last: u32,
    named_policies: &[PolicyAtWindow],
    alarms: Alarms,
    label: &dyn Fn(u32) -> String,
) -> (Action, String) {
    let in_office = policy_in_office(named_policies, last);
    let newest = named_policies.last().filter(|named| named.window == last && named.takes_office);
    let shown = newest.map(|named| named.policy);
    let alarm = alarms.name().map(|name| format!("{name} after {}.", label(last)));
    match (shown.filter(|shown| in_office != Some(*shown)), alarm) {
        (Some(new), None) => (Action::Change, change(advice, new, in_office)),
        (Some(new), Some(alarm)) => (Action::Change, format!("{} Also, {alarm}", change(advice, new, in_office))),
        (None, Some(alarm)) => (Action::RefitNow, format!("Refit now: {alarm}")),
        (None, None) => (Action::Hold, hold(advice, in_office)),
    }
}

/// Returns the policy that has been in office since before window `last`.
fn policy_in_office(named_policies: &[PolicyAtWindow], last: u32) -> Option<Policy> {
    let shown = |named: &&PolicyAtWindow| named.window < last && named.takes_office;
    named_policies.iter().rev().find(shown).map(|named| named.policy)
}

fn change(advice: &Advice, new: Policy, in_office: Option<Policy>) -> String {
    let (kind, new) = (kind(new), command(advice, new));
    match in_office {
        Some(old) => {
            let old = command(advice, old);
            format!("Another {kind} should take office: {new} (in office: {old}).")
        }
        None if advice.comparison.cost.is_some() => {
            format!("By your costs, a {kind} should take office for the first time: {new}.")
        }
        None => format!("For the first time, a {kind} is shown good enough and should take office: {new}."),
    }
}

fn hold(advice: &Advice, in_office: Option<Policy>) -> String {
    let named = advice.recommendation.named.as_ref();
    match (named, in_office, advice.basis.first_advice) {
        (_, _, Some(first)) => format!("Too few windows: advice needs {first}."),
        (None, Some(office), _) => {
            let kind = kind(office);
            format!("The {kind} in office stays, but the data no longer show that any model is better than {BASELINE}.")
        }
        (None, None, _) => {
            format!("Nothing to schedule: the data do not show that any model is better than {BASELINE} so far.")
        }
        (Some(named), Some(office), _) if named.policy == office => {
            let doubt = ", although the data do not show now that it is good enough";
            let doubt = if named.provisional { doubt } else { "" };
            format!("The {} in office holds{doubt}: {}.", kind(office), command(advice, office))
        }
        (Some(_), Some(office), _) => {
            let kind = kind(office);
            format!("The {kind} in office is no longer advised, but the data do not show yet what should replace it.")
        }
        (Some(_), None, _) => "No schedule has been shown good enough yet, so none is in office.".to_owned(),
    }
}

impl Alarms {
    /// Returns a clause on the alarms that ring; `None` if none does.
    fn name(self) -> Option<&'static str> {
        match (self.drift, self.loss) {
            (true, true) => Some("the drift alarm and the loss alarm ring"),
            (true, false) => Some("the drift alarm rings"),
            (false, true) => Some("the loss alarm rings"),
            (false, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::{ADVICE_FORMAT, Basis, ChangesOverTime, NamedPolicy, PolicyComparison, Recommendation};
    use crate::advice::{Status, Subject};
    use crate::policy::Refit;
    use crate::trial::sliding;
    use crate::window_unit::WindowUnit;

    /// Returns a policy on the last two windows with this refit period.
    fn every(windows: u32) -> Policy {
        Policy { history: sliding(2), refit: Refit::Every(windows) }
    }

    /// Returns the action and the reason after window 20. `named` lists windows with the refit period named then, and
    /// whether it was provisional.
    fn after(named: &[(u32, u32, bool)], alarms: Alarms) -> (Action, String) {
        let named_policies: Vec<PolicyAtWindow> = named
            .iter()
            .map(|(window, refit, provisional)| PolicyAtWindow::by_loss(*window, every(*refit), *provisional))
            .collect();
        let newest = named_policies.last().filter(|named| named.window == 20);
        let newest = newest.map(|named| NamedPolicy {
            policy: named.policy,
            provisional: named.provisional,
            against_each: !named.provisional,
            since: 20,
        });
        let advice = Advice {
            format: ADVICE_FORMAT,
            subject: Subject { window_unit: WindowUnit::Week, ..Subject::default() },
            basis: Basis { keep: 0.9, label_delay: 0, label_delay_text: None, judged: None, first_advice: None },
            recommendation: Recommendation {
                status: Status::Clear,
                action: Action::Hold,
                reason: String::new(),
                sentences: Vec::new(),
                named: newest,
                changes: Vec::new(),
                followed: None,
            },
            comparison: PolicyComparison::default(),
            over_time: ChangesOverTime::default(),
        };
        next_action(&advice, 20, &named_policies, alarms, &|window| format!("window {window}"))
    }

    const SILENT: Alarms = Alarms { drift: false, loss: false };
    const DRIFT: Alarms = Alarms { drift: true, loss: false };

    #[test]
    fn a_change_is_reported_while_its_window_is_the_newest() {
        let holds = "The schedule in office holds: refit every 4th week, on the last 2 weeks.";
        let changes = "Another schedule should take office: refit every 4th week, on the last 2 weeks (in \
                       office: refit every week, on the last 2 weeks).";
        let first = "For the first time, a schedule is shown good enough and should take office: refit every 4th \
                     week, on the last 2 weeks.";
        let cases = [
            (vec![(18, 4, false), (19, 4, false), (20, 4, false)], Action::Hold, holds),
            (vec![(19, 1, false), (20, 4, false)], Action::Change, changes),
            // The change of window 19 was the answer then.
            (vec![(18, 1, false), (19, 4, false), (20, 4, false)], Action::Hold, holds),
            // A provisional policy does not take office: the change is reported when the policy is shown good enough.
            (vec![(18, 1, false), (19, 4, true), (20, 4, false)], Action::Change, changes),
            // The data may decide again after a window in which they did not.
            (vec![(18, 4, false), (19, 4, true), (20, 4, false)], Action::Hold, holds),
            (vec![(20, 4, false)], Action::Change, first),
            (vec![(19, 4, true), (20, 4, false)], Action::Change, first),
        ];
        for (named, action, reason) in cases {
            assert_eq!(after(&named, SILENT), (action, reason.to_owned()), "{named:?}");
        }
    }

    #[test]
    fn nothing_is_to_be_done_if_the_data_do_not_decide() {
        let cases = [
            (vec![], "Nothing to schedule: the data do not show that any model is better than predicting the average"),
            (
                vec![(19, 4, false)],
                "The schedule in office stays, but the data no longer show that any model is better",
            ),
            (vec![(20, 4, true)], "No schedule has been shown good enough yet, so none is in office."),
            (
                vec![(19, 4, false), (20, 4, true)],
                "The schedule in office holds, although the data do not show now that it is good enough: refit every",
            ),
            (vec![(19, 1, false), (20, 4, true)], "The schedule in office is no longer advised, but the data do not"),
        ];
        for (named, reason) in cases {
            let (action, found) = after(&named, SILENT);
            assert_eq!(action, Action::Hold, "{named:?}");
            assert!(found.starts_with(reason), "{found}");
        }
    }

    #[test]
    fn an_alarm_asks_for_a_refit_and_a_change_comes_first() {
        let stays = [(19, 4, false), (20, 4, false)];
        let cases = [
            (DRIFT, "Refit now: the drift alarm rings after window 20."),
            (Alarms { drift: false, loss: true }, "Refit now: the loss alarm rings after window 20."),
            (Alarms { drift: true, loss: true }, "Refit now: the drift alarm and the loss alarm ring after window 20."),
        ];
        for (alarms, reason) in cases {
            assert_eq!(after(&stays, alarms), (Action::RefitNow, reason.to_owned()));
        }
        let (action, reason) = after(&[(19, 1, false), (20, 4, false)], DRIFT);
        assert_eq!(action, Action::Change);
        assert!(reason.ends_with("on the last 2 weeks). Also, the drift alarm rings after window 20."), "{reason}");
    }
}
