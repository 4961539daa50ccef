//! Policies in words: as an instruction, as a noun, and the alarms that they refit on.

use std::time::Duration;

use crate::advice::Advice;
use crate::policy::{Policy, Refit, history_name, length};
use crate::window_unit::WindowUnit;
use windrow_record::Scheme;
use windrow_record::display::{counted, duration};

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
    let days = days_of(advice, every).filter(|days| *days >= 1.0);
    let days = days.map_or_else(String::new, |days| format!(" ({})", days_in_words(days)));
    format!("{}{days}, on {}", Refit::Every(every).name(unit), history_phrase(policy.history, unit))
}

/// Returns the time that a number of windows spans, as in `28 days`, `about 61 days` or `8 h`. Returns `None` if the unit
/// of the windows already says it, or windows have no times.
pub(super) fn time_of(advice: &Advice, windows: u32) -> Option<String> {
    let days = days_of(advice, windows)?;
    if days >= 1.0 {
        return Some(days_in_words(days));
    }
    Some(duration(Duration::try_from_secs_f64((days * 86_400.0).round()).ok()?))
}

/// Returns the days that a number of windows without a unit of time spans.
fn days_of(advice: &Advice, windows: u32) -> Option<f64> {
    let days = advice.subject.days.filter(|_| advice.subject.window_unit == WindowUnit::Window)?;
    Some(days * f64::from(windows))
}

fn days_in_words(days: f64) -> String {
    let about = if (days - days.round()).abs() < 1e-6 { "" } else { "about " };
    format!("{about}{}", counted(days.round() as u64, "day", "days"))
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
