//! Policies in words: as an instruction, as a noun, and the alarms that they refit on.

use crate::advice::Advice;
use crate::policy::{Policy, Refit, history_name, length};
use crate::window_unit::WindowUnit;
use windrow_record::Scheme;
use windrow_record::display::counted;

/// Returns what to do, as in `refit every 2nd month, on the last 4 months` or `fit once, on all history, and do not
/// retrain`.
pub(super) fn command(advice: &Advice, policy: Policy) -> String {
    let unit = advice.subject.window_unit;
    let on = history_phrase(policy.history, unit);
    match policy.refit {
        Refit::Every(_) | Refit::Advice | Refit::Served => format!("refit {}", instruction(advice, policy)),
        Refit::Never => format!("fit once, on {on}, and do not retrain"),
        Refit::Recalibrated => format!("fit once, on {on}, and recalibrate every {}", unit.one()),
        Refit::PsiAlarm | Refit::LossAlarm => format!("refit when {} rings, on {on}", alarm(policy.refit)),
        Refit::WhenItPays => format!("refit when it pays, on {on}"),
    }
}

/// Returns a schedule as an instruction, as in `every 2nd month, on the last 4 months`. Windows that have no unit of time
/// are followed by their days, as in `every 2nd window (28 days), on the last 4 windows`.
pub(super) fn instruction(advice: &Advice, policy: Policy) -> String {
    let unit = advice.subject.window_unit;
    let every = if let Refit::Every(every) = policy.refit { every } else { 1 };
    let days = advice.subject.days.filter(|_| unit == WindowUnit::Window).map(|days| days * f64::from(every));
    let days = days.filter(|days| *days >= 1.0).map_or_else(String::new, |days| {
        let about = if (days - days.round()).abs() < 1e-6 { "" } else { "about " };
        format!(" ({about}{})", counted(days.round() as u64, "day", "days"))
    });
    format!("{}{days}, on {}", Refit::Every(every).name(unit), history_phrase(policy.history, unit))
}

/// Returns a history in words, as in `the last 4 months`.
pub(super) fn history_phrase(history: Scheme, unit: WindowUnit) -> String {
    match length(history) {
        None => "all history".to_owned(),
        Some(_) => format!("the {}", history_name(history, unit)),
    }
}

/// Returns a policy as a noun, as in `refitting every 2nd month on the last 4 months`.
pub(super) fn activity_on_history(policy: Policy, unit: WindowUnit) -> String {
    format!("{} on {}", activity(policy.refit, unit), history_phrase(policy.history, unit))
}

/// Returns when a policy refits as a noun, as in `refitting every 2nd month` or `recalibrating`.
pub(super) fn activity(refit: Refit, unit: WindowUnit) -> String {
    match refit {
        Refit::Every(_) | Refit::Advice | Refit::Served => format!("refitting {}", refit.name(unit)),
        Refit::Never => "fitting once".to_owned(),
        Refit::Recalibrated => "recalibrating".to_owned(),
        Refit::PsiAlarm | Refit::LossAlarm => format!("refitting on {}", alarm(refit)),
        Refit::WhenItPays => "refitting when it pays".to_owned(),
    }
}

/// Returns the word for a policy: a schedule, or another policy.
pub(super) fn kind(policy: Policy) -> &'static str {
    if policy.is_schedule() { "schedule" } else { "policy" }
}

/// Returns the name of the alarm that a policy refits on.
pub(super) fn alarm(refit: Refit) -> &'static str {
    if refit == Refit::PsiAlarm { "the drift alarm" } else { "the loss alarm" }
}

/// Returns a text that begins with a capital letter.
pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
