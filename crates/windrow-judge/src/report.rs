//! The contents of a table, what is judged with it, and what is not.

use serde::Serialize;

use windrow_evaluation::{Advice, Fits, Policy, Refit, WindowUnit, history_name};
use windrow_record::Scheme;
use windrow_record::display::{counted, ordinal, thousands};

use crate::intake::Counts;

/// The kind of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TableKind {
    /// A log: one probability per row, by the model that served.
    Log,
    /// Each fit was scored on one window.
    WalkForward,
    /// Each fit was scored on several later windows.
    Backtest,
    /// There are only fits of every 2nd, 4th, ... window.
    OnePhase,
    /// Losses by window, without predictions.
    Losses,
}

/// The contents of a table, what is judged with it, and what is not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableReport {
    /// The kind of the table.
    pub kind: TableKind,
    /// The number of rows that were read; 0 if the table has losses.
    pub rows: u64,
    /// The number of rows without a label.
    pub unlabelled: u64,
    /// The number of rows in the newest window of their model, which are left out.
    pub left_out: u64,
    /// The number of probabilities that were held at 1e-15 from 0 or 1.
    pub clipped: u64,
    /// The number of fits.
    pub fits: u64,
    /// Sentences on what is judged.
    pub judged: Vec<String>,
    /// Sentences on what is not judged, and why.
    pub not_judged: Vec<String>,
    /// The fits or scores that would be needed to judge more, in sentences.
    pub needed: Vec<String>,
    /// Facts on the table, in sentences.
    pub notes: Vec<String>,
}

/// The facts on a table of scored fits from which its sentences follow.
pub(crate) struct ScoredFacts<'a> {
    pub(crate) advice: &'a Advice,
    pub(crate) fits: &'a Fits,
    pub(crate) irregular: &'a [Scheme],
    /// The oldest age at which a fit was scored, in windows after its newest one.
    pub(crate) oldest: u32,
    /// The age up to which each fit was scored.
    pub(crate) reach: u32,
    pub(crate) label: &'a dyn Fn(u32) -> String,
}

impl TableReport {
    pub(crate) fn new(kind: TableKind, counts: Counts, fits: usize) -> Self {
        let Counts { rows, unlabelled, left_out, clipped } = counts;
        let [judged, not_judged, needed] = [const { Vec::new() }; 3];
        let fits = fits as u64;
        let mut report =
            Self { kind, rows, unlabelled, left_out, clipped, fits, judged, not_judged, needed, notes: Vec::new() };
        if rows > 0 {
            let fits = counted(fits, "fit", "fits");
            report.notes.push(format!("The table has {} by {fits}.", counted(rows, "row", "rows")));
        }
        if unlabelled > 0 {
            let rows = counted(unlabelled, "row has", "rows have");
            report.notes.push(format!("{rows} no label yet: counted, and not scored."));
        }
        if left_out > 0 {
            let rows = counted(left_out, "row is", "rows are");
            report.notes.push(format!("{rows} in the newest window of the model, and left out."));
        }
        if clipped > 0 {
            let count = counted(clipped, "probability was", "probabilities were");
            report.notes.push(format!("{count} 0 or 1, or nearer to it than 1e-15, and held at this distance."));
        }
        report
    }

    /// Returns what is not judged, and what would be needed, as one text. Returns `None` if all is judged.
    pub(crate) fn note(&self) -> Option<String> {
        let sentences: Vec<&str> = self.not_judged.iter().chain(&self.needed).map(String::as_str).collect();
        (!sentences.is_empty()).then(|| sentences.join(" "))
    }

    /// Returns the facts on the table, and what is judged with it.
    pub(crate) fn facts(&self) -> Vec<String> {
        self.notes.iter().chain(&self.judged).cloned().collect()
    }

    /// Adds the sentences on a log.
    pub(crate) fn describe_log(&mut self) {
        self.judged.push("The table is a log: one probability per row, by the model that served.".to_owned());
        self.not_judged
            .push("Schedules are not compared: a log does not separate a model's age from the time.".to_owned());
        self.needed.push("To compare schedules, score each model also on later rows that it did not serve.".to_owned());
    }

    /// Adds the sentences on a table of losses.
    pub(crate) fn describe_losses(&mut self, has_blocks: bool) {
        self.judged.push(
            "The planned schedules are judged if the table has the losses of all models that they use.".to_owned(),
        );
        self.not_judged
            .push("Recalibration and drift alarms are not judged: they need probabilities and features.".to_owned());
        if !has_blocks {
            self.not_judged.push("Loss alarms are not judged: they need losses by block of rows.".to_owned());
        }
    }

    /// Adds a sentence if a table of losses lacks those of models that longer periods use.
    pub(crate) fn describe_periods(&mut self, advice: &Advice) {
        let (longest, possible) = periods(advice);
        if longest > 0 && longest < possible {
            let many = advice.subject.window_unit.many();
            self.not_judged.push(format!(
                "Periods up to {possible} {many} are not judged, but only up to {longest}: the table lacks losses of older \
                 models. A pipeline computes them if `windrow advise` has the same label delay, before `windrow export`."
            ));
        }
    }

    /// Adds the sentences on a table of fits that were scored on the same rows.
    pub(crate) fn describe_scored(&mut self, facts: &ScoredFacts<'_>) {
        let ScoredFacts { advice, fits, irregular, oldest, reach, label } = facts;
        let unit = advice.subject.window_unit;
        let (one, many) = (unit.one(), unit.many());
        let step = fits.histories().map(|(_, step)| step).max().unwrap_or(1);
        let planned = || planned(advice);
        let (longest, possible) = periods(advice);
        let has_never = planned().any(|policy| policy.refit == Refit::Never);
        if step > 1 {
            let first = fits.histories().filter_map(|(history, _)| fits.windows(history).next()).min();
            let begin = label(first.unwrap_or(1));
            self.judged.push(format!("There are fits of every {} {one} only.", ordinal(step)));
            self.judged.push(format!("This one phase is judged. It begins with {begin}."));
            self.not_judged.push("The mean over all phases is not judged: the answer is about this phase.".to_owned());
            self.needed.push(format!("To judge all phases, fit after every {one}."));
            if planned().count() == 1 {
                self.not_judged.push("No other schedule was compared: the table has one.".to_owned());
            }
        } else if longest > 0 {
            let up_to = match longest {
                1 => format!("Refitting every {one} is judged"),
                longest => format!("Periods up to {longest} {many} are judged"),
            };
            self.judged.push(format!("{up_to}, for each history of the table."));
        }
        if step == 1 && longest > 0 && longest < possible {
            let (fits, them) = if reach == oldest { ("each fit was", "it") } else { ("some fits were", "them") };
            let scored = if *reach == 1 {
                format!("the next {one} only")
            } else {
                format!("at most the {} {one} after {them}", ordinal(*reach))
            };
            self.not_judged.push(format!("Longer periods are not judged: {fits} scored on {scored}."));
            let next = possible + advice.basis.label_delay;
            self.needed
                .push(format!("To judge periods up to {possible} {many}, score each fit on its next {next} {many}."));
        }
        if longest > 0 && !has_never {
            self.not_judged.push("Fitting once and recalibration are not judged.".to_owned());
            self.needed
                .push(format!("To judge fitting once and recalibration, score the first fits on every later {one}."));
        }
        self.not_judged.push("Drift alarms are not judged: the table has no features.".to_owned());
        for history in *irregular {
            let name = history_name(*history, unit);
            self.not_judged
                .push(format!("Fits on the history `{name}` come at irregular windows: they are not judged."));
        }
        if fits.histories().count() == 1 {
            self.needed.push(format!("To judge how much history, add fits on the last 1, 2, 4, ... {many}."));
        }
        self.notes.extend(missing_fits(fits, unit));
    }
}

/// Returns the planned policies that were judged, with those of the same losses.
fn planned(advice: &Advice) -> impl Iterator<Item = &Policy> {
    advice.comparison.planned.iter().flat_map(|found| found.same.iter().chain([&found.policy]))
}

/// Returns the longest refit period that was judged, and the longest one that the number of windows allows.
fn periods(advice: &Advice) -> (u32, u32) {
    let periods = planned(advice).filter_map(|policy| match policy.refit {
        Refit::Every(every) => Some(every),
        _ => None,
    });
    let windows = advice.basis.judged.as_ref().map_or(0, |judged| judged.windows);
    let possible = (0..31).map(|power| 1_u32 << power).take_while(|every| every * 3 <= windows).last().unwrap_or(1);
    (periods.max().unwrap_or_default(), possible)
}

/// Returns a sentence on the windows after which a fit is missing.
fn missing_fits(fits: &Fits, unit: WindowUnit) -> Option<String> {
    let missing = fits.histories().map(|(history, step)| {
        let windows: Vec<u32> = fits.windows(history).collect();
        windows.windows(2).map(|pair| u64::from((pair[1] - pair[0]) / step - 1)).sum::<u64>()
    });
    let missing: u64 = missing.sum();
    let fits = counted(missing, "fit is", "fits are");
    (missing > 0).then(|| {
        format!("{fits} missing between the others. An older one stays in use on each {} that it scored.", unit.one())
    })
}

/// Returns a sentence on windows without rows.
pub(crate) fn empty_windows(count: u64) -> Option<String> {
    (count > 0).then(|| format!("{} between the first and the last have no rows.", counted(count, "window", "windows")))
}

/// Returns a sentence on rounded histories.
pub(crate) fn rounded_histories((count, length, counted_as): (u64, f64, u32)) -> String {
    let fits = thousands(count);
    format!("The histories of {fits} fits are not a whole number of windows: rounded, as {length:.1} to {counted_as}.")
}
