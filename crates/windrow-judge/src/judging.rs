//! The way from files to the answer.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use windrow_config::{Costs, EventSpan, LabelDelay, WindowDelay};
use windrow_evaluation::{
    Advice, Origin, RecalibratedModel, Refit, Subject, WindowDates, WindowUnit, judged_histories, loss_rises,
    windows_in_words,
};
use windrow_record::display::{counted, months, window_name};

use crate::answer::{self, Further, Question};
use crate::axis::Axis;
use crate::compared::{compared, left_out};
use crate::error::JudgeError;
use crate::exported;
use crate::faults::Faults;
use crate::histories::{self, Models};
use crate::intake::{self, Counts, Predictions};
use crate::recalibration::{self, Recalibrations};
use crate::repeats::check_files;
use crate::report::{ScoredFacts, TableKind, TableReport, empty_windows, rounded_histories};
use crate::rows::WindowRows;
use crate::source::Source;
use crate::table::{ScoredTable, Table, Windows, table};

const DAY: f64 = 86_400.0;

/// The settings of a judgement.
#[derive(Debug, Clone)]
pub struct JudgeOptions {
    /// The name of the predictions, which takes the place of that of a pipeline.
    pub name: String,
    /// The length of a window, if rows have times.
    pub window: Option<EventSpan>,
    /// The file with the training dates of each model.
    pub models: Option<PathBuf>,
    /// The label delay. Without it, the times of the labels decide, or else labels are not late.
    pub label_delay: Option<LabelDelay>,
    /// The share of the best policy's gain that is good enough.
    pub keep: f64,
    /// The costs of errors and fits.
    pub cost: Option<Costs>,
    /// The probability from which a row is labelled positive.
    pub threshold: f64,
}

/// The answer, with a report on the table.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The advice on the table.
    pub advice: Advice,
    /// The contents of the table, what is judged and what is not.
    pub table: TableReport,
    /// The label delay of the answer.
    pub delay: WindowDelay,
}

/// Judges the predictions, or the losses, of some files.
///
/// # Errors
/// A file cannot be read, rows have faults, or nothing can be judged.
pub fn judge_files(files: &[PathBuf], options: &JudgeOptions) -> Result<Judged, JudgeError> {
    let Some(path) = files.first() else {
        return Err(JudgeError::Nothing("no file was given".to_owned()));
    };
    check_files(files)?;
    let columns: Vec<&str> =
        intake::COLUMNS.into_iter().chain([intake::LABEL_KNOWN]).chain(exported::COLUMNS).collect();
    let first = Source::open(path, &columns)?;
    if exported::has_losses(&first) {
        return judge_losses(files, first, options);
    }
    let mut predictions = intake::read(files, first, options.window, options.models.as_deref())?;
    let begin = predictions.begin;
    let fits = std::mem::take(&mut predictions.fits.list);
    let mut doubles = Faults::new(files);
    let models = histories::models(&fits, predictions.axis, begin, &mut doubles);
    predictions.fits.list = fits;
    let number = |index: i64| u32::try_from(index - begin + 1).unwrap_or(u32::MAX);
    let numbered =
        |rows: HashMap<i64, WindowRows>| -> Windows { rows.into_iter().map(|(at, rows)| (number(at), rows)).collect() };
    let mut windows = numbered(std::mem::take(&mut predictions.windows));
    let early = numbered(std::mem::take(&mut predictions.early));
    let is_empty = |windows: &Windows| windows.values().all(|rows| rows.rows.is_empty());
    if is_empty(&windows) && is_empty(&early) {
        return Err(JudgeError::Nothing("nothing can be judged: no row has a label yet".to_owned()));
    }
    let found = table(&predictions, &mut windows, early, &models, &doubles, options.threshold)?;
    let shown = predictions.delays.windows();
    let delay = match (&options.label_delay, shown) {
        (Some(delay), _) => predictions.axis.delay(delay)?,
        (None, Some(windows)) => {
            let delay = predictions.axis.delay(&LabelDelay::Windows(windows));
            delay.map_err(|error| {
                JudgeError::Nothing(format!(
                    "by label_known, 95% of the labels are known {windows} windows later, and a label delay {error}: use \
                     longer windows, or give --label-delay"
                ))
            })?
        }
        (None, None) => WindowDelay::default(),
    };
    let judging =
        Judging { options, predictions: &predictions, windows: &windows, models: &models, delay: &delay, begin };
    let (mut advice, mut report) = match found {
        Table::Scored(scored) => judging.scored(&scored)?,
        Table::Served { evidence, mut log, has_early } => {
            let by_key = predictions.orders_by_key();
            log.recalibrated = recalibration::of_log(&windows, by_key, delay.windows, options.threshold);
            let mut report = judging.report(TableKind::Log, predictions.counts_with(has_early));
            report.describe_log();
            let label = judging.label();
            let question = judging.question(Origin::Log, report.note(), &label);
            (answer::of_log(&evidence, &log, &question), report)
        }
    };
    if let (Some(windows), None) = (shown, &options.label_delay) {
        let windows = counted(u64::from(windows), "window", "windows");
        report.notes.push(format!("95% of the labels are known at most {windows} after their own."));
    }
    advice.subject.facts = report.facts();
    Ok(Judged { advice, table: report, delay })
}

/// Judges losses by window.
fn judge_losses(files: &[PathBuf], first: Source, options: &JudgeOptions) -> Result<Judged, JudgeError> {
    let found = exported::read(files, first)?;
    let delay = options.label_delay.as_ref().map(|delay| Axis::Number.delay(delay)).transpose()?.unwrap_or_default();
    let mut report = TableReport::new(TableKind::Losses, Counts::default(), found.models);
    report.describe_losses(found.has_blocks);
    let subject = Subject {
        origin: Origin::Table,
        pipeline: options.name.clone(),
        question: "losses by window".to_owned(),
        windows: found.evidence.last(),
        unit: "windows".to_owned(),
        window_unit: WindowUnit::Window,
        span: None,
        days: None,
        dates: WindowDates::default(),
        note: report.note(),
        facts: report.facts(),
    };
    let question = Question {
        subject,
        keep: options.keep,
        delay: &delay,
        cost: options.cost,
        threshold: options.threshold,
        label: &|window| window_name(window, None),
    };
    // The loss alarm reads the losses of blocks.
    let alarms: &[Refit] = if found.has_blocks { &[Refit::LossAlarm] } else { &[] };
    let further = Further { alarms, recalibrated: &|_| None };
    let advice = answer::of_losses(&found.evidence, Some(&found.histories), &further, &question);
    report.describe_periods(&advice);
    Ok(Judged { advice, table: report, delay })
}

struct Judging<'a> {
    options: &'a JudgeOptions,
    predictions: &'a Predictions,
    windows: &'a Windows,
    models: &'a Models,
    delay: &'a WindowDelay,
    /// The index on the axis of window 1.
    begin: i64,
}

impl Judging<'_> {
    fn label(&self) -> impl Fn(u32) -> String {
        let (axis, begin) = (self.predictions.axis, self.begin);
        move |window| axis.label(window, begin + i64::from(window) - 1)
    }

    fn question<'q>(&'q self, origin: Origin, note: Option<String>, label: &'q dyn Fn(u32) -> String) -> Question<'q> {
        let axis = self.predictions.axis;
        let windows = self.windows.keys().next_back().copied().unwrap_or_default();
        let (begin, end) = (axis.begin(self.begin), axis.begin(self.begin + i64::from(windows)));
        let days = begin.zip(end).map(|(begin, end)| (end - begin) as f64 / DAY / f64::from(windows.max(1)));
        let begins = (0..windows).map(|index| axis.begin(self.begin + i64::from(index)));
        let dates = WindowDates::new(begins, end);
        let times = self.predictions.range().filter(|_| axis != Axis::Number);
        let span = times.map(|(first, last)| months(first.div_euclid(1_000_000), last.div_euclid(1_000_000)));
        let subject = Subject {
            origin,
            pipeline: self.options.name.clone(),
            question: "is y 1?".to_owned(),
            windows,
            unit: axis.plural(),
            window_unit: axis.unit(),
            span,
            days,
            dates,
            note,
            facts: Vec::new(),
        };
        let JudgeOptions { keep, cost, threshold, .. } = *self.options;
        Question { subject, keep, delay: self.delay, cost, threshold, label }
    }

    fn report(&self, kind: TableKind, counts: Counts) -> TableReport {
        let mut report = TableReport::new(kind, counts, self.models.ids.len());
        report.notes.extend(self.models.rounded.map(rounded_histories));
        if self.predictions.axis == Axis::Number && self.begin > 1 {
            report.notes.push(format!("Window 1 of the answer is window {} of the table.", self.begin));
        }
        let ends = self.windows.keys().next().zip(self.windows.keys().next_back());
        let all = ends.map_or(0, |(first, last)| u64::from(last - first) + 1);
        report.notes.extend(empty_windows(all - self.windows.len() as u64));
        report
    }

    /// Returns the ages at which fits were scored, in windows after their newest one.
    fn ages(&self) -> BTreeSet<u32> {
        let parts = self.windows.iter().flat_map(|(number, rows)| rows.parts.iter().map(move |part| (number, part)));
        let age = parts.filter(|(_, part)| part.rows > 0).filter_map(|(number, part)| {
            let id = self.models.ids.get(part.fit as usize)?.first()?;
            number.checked_sub(id.window.get())
        });
        age.collect()
    }

    /// Returns the age up to which every fit was scored. The fits that were scored up to the newest window do not count.
    fn reach(&self) -> Option<u32> {
        let mut newest: BTreeMap<u32, u32> = BTreeMap::new();
        for (number, rows) in self.windows {
            newest.extend(rows.parts.iter().filter(|part| part.rows > 0).map(|part| (part.fit, *number)));
        }
        let last = newest.values().max().copied()?;
        let inside = newest.into_iter().filter(|(_, window)| *window < last);
        let age = inside
            .filter_map(|(fit, window)| window.checked_sub(self.models.ids.get(fit as usize)?.first()?.window.get()));
        age.min()
    }

    fn scored(&self, scored: &ScoredTable) -> Result<(Advice, TableReport), JudgeError> {
        let ScoredTable { evidence, fits, irregular } = scored;
        let ages = self.ages();
        let (oldest, needed) = (ages.last().copied().unwrap_or_default(), 1 + self.delay.windows);
        if oldest < needed {
            return Err(JudgeError::Nothing(format!(
                "no schedule can be judged: labels are known {} later, so each window needs scores of a model whose \
                 newest window is {needed} windows before it. The models of the table are at most {oldest} before it",
                counted(u64::from(self.delay.windows), "window", "windows")
            )));
        }
        let step = fits.histories().map(|(_, step)| step).max().unwrap_or(1);
        let kind = match (step, ages.len()) {
            (2.., _) => TableKind::OnePhase,
            (_, 1) => TableKind::WalkForward,
            _ => TableKind::Backtest,
        };
        let label = self.label();
        let histories = compared(evidence, fits, self.delay.windows);
        let recalibrations = Recalibrations::new(self.windows, self.models, self.options.threshold);
        let recalibrated = |model: RecalibratedModel| recalibrations.sums(model);
        // An alarm asks for a fit at any window.
        let alarms: &[Refit] = if step > 1 { &[] } else { &[Refit::LossAlarm] };
        let question = self.question(Origin::Table, None, &label);
        let further = Further { alarms, recalibrated: &recalibrated };
        let mut advice = answer::of_losses(evidence, Some(&histories), &further, &question);
        let lacks_scores = advice.comparison.planned.is_empty() || !ages.contains(&needed);
        if lacks_scores && self.windows.len() > 1 + needed as usize {
            let short = judged_histories(evidence.last(), Some(&histories), self.delay.windows);
            let problem = match (short.is_empty(), ages.contains(&needed)) {
                (true, _) => "the histories of the table are too long for its windows".to_owned(),
                (_, true) => "no window has scores of the newest fit of each history".to_owned(),
                _ => format!(
                    "each window needs scores of the model whose newest window is {needed} before it, for each history; \
                     the models of the table are {} before it",
                    listed(&ages)
                ),
            };
            return Err(JudgeError::Nothing(format!("no schedule can be judged: {problem}")));
        }
        let mut report = self.report(kind, self.predictions.counts_with(false));
        let reach = self.reach().unwrap_or(oldest);
        report.describe_scored(&ScoredFacts { advice: &advice, fits, irregular, oldest, reach, label: &label });
        report.not_judged.extend(left_out(&advice, evidence, fits, &label));
        if kind == TableKind::WalkForward
            && let Some(history) = advice.comparison.best().map(|best| best.policy.history)
        {
            let rises = loss_rises(evidence, history, self.delay.windows);
            if !rises.is_empty() {
                let windows = windows_in_words(&rises, &label);
                report.notes.push(format!("The loss of the newest model rose in {windows}."));
            }
        }
        set_note(&mut advice, report.note());
        Ok((advice, report))
    }
}

/// Returns numbers as a list, as in `2, 3 or 4`.
fn listed(numbers: &BTreeSet<u32>) -> String {
    let mut all: Vec<String> = numbers.iter().map(u32::to_string).collect();
    let last = all.pop().unwrap_or_default();
    if all.is_empty() { last } else { format!("{} or {last}", all.join(", ")) }
}

/// Adds a note to advice: after the other sentences, before the condition under which the advice holds.
fn set_note(advice: &mut Advice, note: Option<String>) {
    let sentences = &mut advice.recommendation.sentences;
    let at = if advice.basis.first_advice.is_none() { sentences.len().saturating_sub(1) } else { sentences.len() };
    if let Some(note) = note {
        sentences.insert(at, note.clone());
        advice.subject.note = Some(note);
    }
}
