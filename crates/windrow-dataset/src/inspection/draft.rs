//! Drafts a pipeline file that fits its dataset.

use std::collections::BTreeMap;
use std::path::Path;

use toml_edit::Value;

use crate::inspection::error::{InspectionError, Result};
use crate::inspection::leaks::Leak;
use crate::inspection::options::Options;
use crate::inspection::order::Order;
use crate::inspection::pipeline_text::{Inspected, text};
use crate::inspection::plan::{PipelinePlan, ask_label_delay};
use crate::inspection::progress::ProgressCallback;
use crate::inspection::question::Choice;
use crate::inspection::scan::Scan;
use crate::inspection::survey::{RefusedRows, Survey};
use crate::inspection::windows::{WindowChoice, by_number, choose};
use crate::json::JsonKeys;
use windrow_config::{Cut, LabelDelay, LabelDelayError, Pipeline, TargetRule, WindowDelay, WindowPolicy};
use windrow_evaluation::first_advice;
use windrow_record::display::{counted, percent, shell_word, thousands};

/// The maximum share of refused rows. With more, the file is probably not what the options say.
const MAX_REFUSED_SHARE: f64 = 0.5;
/// The share of windows with only one class above which a note says so.
const MAX_ONE_CLASS_SHARE: f64 = 0.2;

/// A pipeline file that fits its dataset.
#[derive(Debug)]
pub struct Draft {
    /// The text of the pipeline file.
    pub text: String,
    /// Notes for the user, each a sentence.
    pub notes: Vec<String>,
    /// The columns that are left out, with the reason.
    pub left_out: Vec<(String, String)>,
    /// The windows, with the reason for the choice.
    pub cut: String,
    /// The number of windows, if it was chosen here.
    pub windows: Option<u64>,
    /// The pipeline file, parsed.
    pub pipeline: Pipeline,
}

/// Writes the pipeline file of a scanned dataset. `file` is its future path, and `command` the command line to repeat
/// in messages.
///
/// # Errors
/// An option is missing or not valid, or the dataset must be repaired first.
pub fn draft(scan: &Scan, options: &Options, file: &Path, command: &str, tell: ProgressCallback<'_>) -> Result<Draft> {
    let mut faults = encoding_fault(scan, command);
    let mut leaks: BTreeMap<String, String> = BTreeMap::new();
    let mut plan = match PipelinePlan::new(scan, options, &leaks) {
        // The questions follow after the repair of the file.
        Err(InspectionError::Questions(_)) if !faults.is_empty() => return Err(InspectionError::Faults(faults)),
        plan => plan?,
    };
    let name = options.name.clone().unwrap_or_else(|| name_of(&scan.dataset.path));
    let window = options.window.as_deref().map(parse_window).transpose()?;
    let delay = label_delay(options)?;
    // A calendar unit is chosen from counts by day. The survey has these only if windows are not cut by event time, so
    // it uses two parts.
    let whole = WindowChoice { key: "parts".to_owned(), value: Value::from(2), reason: String::new(), rows: None };
    let cut = window.as_ref().unwrap_or(&whole);
    let mut survey = survey_of(&plan, &name, cut, file, tell)?;
    // Without the columns that give the target away, other texts mean 'missing' and other rows are refused.
    loop {
        let is_new = |leak: &&Leak| !options.keep.contains(&leak.column) && !leaks.contains_key(&leak.column);
        let found: Vec<&Leak> = survey.leaks.iter().filter(is_new).collect();
        if found.is_empty() {
            break;
        }
        leaks.extend(found.into_iter().map(|leak| {
            let reason = format!("{} (--keep {} keeps it)", leak.reason, shell_word(&leak.column));
            (leak.column.clone(), reason)
        }));
        plan = PipelinePlan::new(scan, options, &leaks)?;
        survey = survey_of(&plan, &name, cut, file, tell)?;
    }
    plan.notes.extend(scan.json.iter().flat_map(JsonKeys::notes));
    plan.left_out.extend(scan.json.iter().flat_map(JsonKeys::left_out));
    if let Some(fault) = order(scan, &plan, &survey).fault() {
        let column = plan.dataset.time.as_ref().map_or("", |time| time.column.as_str());
        faults.push(format!(
            "{fault}, by the times in {column}: models would be tested on rows from before their training data\n  to \
             write a copy in order:  {command} --repaired-copy OUT.csv.zst\n  if {column} is not the time of a row:  \
             --time COLUMN, or --time none to use the order of the rows"
        ));
    }
    if !faults.is_empty() {
        return Err(InspectionError::Faults(faults));
    }
    check_classes(&survey, &plan)?;
    let kept = survey.leaks.iter().filter(|leak| options.keep.contains(&leak.column));
    plan.notes.extend(kept.map(|leak| format!("{}: kept, although {}", leak.column, leak.reason)));
    if plan.has_no_feature() {
        let reasons: Vec<String> = plan.left_out.iter().map(|(name, reason)| format!("\n  {name}: {reason}")).collect();
        return Err(InspectionError::Usage(format!("no column is left to train on:{}", reasons.concat())));
    }
    let cut = window.clone().unwrap_or_else(|| choose(&survey, &delay));
    plan.notes.extend(one_class(&survey, &cut));
    let refused = refused(&survey, &cut);
    plan.notes.extend(refused.iter().map(|(what, rows)| {
        let go = if rows.rows == 1 { "it goes" } else { "they go" };
        format!("{what}: {}; {go} to quarantine", rows.example)
    }));
    let refused = refused.iter().map(|(_, rows)| rows.rows).sum::<u64>() as f64 / survey.rows as f64;
    if refused > MAX_REFUSED_SHARE {
        let (share, notes) = (percent(refused, 1), plan.notes.join("\n  "));
        let fault = format!("{share} of the rows cannot be used:\n  {notes}");
        return Err(InspectionError::Faults(vec![fault]));
    }
    let seen = Inspected { scan, survey: &survey, command, refused, delay: None, learner: &options.learner };
    let mut written = text(&plan, &name, &cut, file, Some(&seen));
    let mut pipeline = Pipeline::parse(file, &written)?;
    if !delay.is_zero() {
        // The windows are known now, so the delay can be checked.
        let found = delay.in_windows(pipeline.window);
        plan.notes.push(delay_note(&found.map_err(|error| unfit_delay(&error, &pipeline, options))?));
        written = text(&plan, &name, &cut, file, Some(&Inspected { delay: Some(&delay), ..seen }));
        pipeline = Pipeline::parse(file, &written)?;
    }
    let windows = cut.rows.map(|rows| survey.labelled().div_ceil(rows.max(1)));
    let cut = if cut.reason.is_empty() { pipeline.window.plural() } else { cut.reason };
    Ok(Draft { text: written, notes: plan.notes, left_out: plan.left_out, cut, windows, pipeline })
}

/// Returns the label delay of the options; without one, labels are not late.
fn label_delay(options: &Options) -> Result<LabelDelay> {
    let delay = options.label_delay.as_deref().map(str::parse::<LabelDelay>).transpose();
    Ok(delay.map_err(not_valid)?.unwrap_or_default())
}

/// Returns a note on a label delay: how many windows it is, and how many windows advice then needs.
fn delay_note(delay: &WindowDelay) -> String {
    let needed = first_advice(None, delay.windows);
    let counted = counted(u64::from(delay.windows), "window", "windows");
    match &delay.duration {
        None => format!("label delay: {counted}, so advice needs {needed} windows"),
        Some(words) => format!("label delay: {words} is {counted}, so advice needs {needed} windows"),
    }
}

/// Returns the error for a label delay that the windows do not allow. In a terminal, it is the question about the
/// delay, with the reason.
fn unfit_delay(error: &LabelDelayError, pipeline: &Pipeline, options: &Options) -> InspectionError {
    let problem = match error {
        LabelDelayError::NoLength(_) if pipeline.dataset.time.is_some() => {
            format!("--label-delay: {error}, or choose windows of time, as in --window day")
        }
        _ => format!("--label-delay: {error}"),
    };
    if !options.is_interactive {
        return InspectionError::Usage(problem);
    }
    let window = pipeline.window;
    let mut question = ask_label_delay(!matches!(window, WindowPolicy::Parts(_) | WindowPolicy::Rows(_)));
    question.text = format!("{problem}\n{}", question.text);
    let is_valid = |choice: &Choice| {
        let delay = choice.value.parse::<LabelDelay>();
        delay.is_ok_and(|delay| delay.in_windows(window).is_ok())
    };
    question.choices.retain(is_valid);
    InspectionError::Questions(vec![question])
}

fn not_valid(error: LabelDelayError) -> InspectionError {
    InspectionError::Usage(format!("--label-delay: {error}"))
}

/// Returns the order of the rows by their times. The scan is preferred, because it includes the rows that are not
/// UTF-8.
fn order(scan: &Scan, plan: &PipelinePlan, survey: &Survey) -> Order {
    let seen = plan.dataset.time.as_ref().and_then(|time| {
        let column = &scan.columns[scan.index_of(&time.column)?];
        let fitting = column.times.fitting();
        fitting.into_iter().find(|(candidate, _)| candidate.format == time.format).map(|(_, fit)| fit.order)
    });
    seen.unwrap_or(survey.order)
}

fn encoding_fault(scan: &Scan, command: &str) -> Vec<String> {
    let Some(fault) = scan.encoding_fault() else { return Vec::new() };
    vec![format!(
        "{fault}\n  to write a UTF-8 copy of it, read as Windows-1252:  {command} --repaired-copy OUT.csv.zst"
    )]
}

/// Returns the rows that go to quarantine, by kind of fault. Each example is a sentence.
fn refused(survey: &Survey, cut: &WindowChoice) -> Vec<(String, RefusedRows)> {
    let summarize = |(what, found): (&String, &RefusedRows)| {
        let (rows, first) = (counted(found.rows, "row", "rows"), thousands(found.first));
        let which = if found.rows == 1 { "" } else { "the first is " };
        let example = format!("{rows}, {which}row {first}: {}", found.example);
        (what.clone(), RefusedRows { example, ..found.clone() })
    };
    let mut refused: Vec<(String, RefusedRows)> = survey.refused.iter().map(summarize).collect();
    // Zero if the survey was made for event windows, because then rows without a time are refused already.
    let timeless = survey.accepted_rows().saturating_sub(survey.order.rows);
    if cut.key == "event" && timeless > 0 {
        let example = counted(timeless, "row has no time", "rows have no time");
        refused.push(("time".to_owned(), RefusedRows { rows: timeless, first: 0, example }));
    }
    refused
}

/// Returns a note if many windows have only one class. If the rows are in the order of the target, no model can be
/// trained.
fn one_class(survey: &Survey, cut: &WindowChoice) -> Option<String> {
    let parts = cut.value.as_integer().filter(|_| cut.key == "parts")?;
    let parts = WindowPolicy::Parts(u32::try_from(parts).ok()?.try_into().ok()?);
    let windows = by_number(&survey.labels, &Cut::new(parts, Some(survey.rows)));
    let single = windows.iter().filter(|counts| counts.positive == 0 || counts.positive == counts.labelled).count();
    let is_much = single as f64 > MAX_ONE_CLASS_SHARE * windows.len() as f64;
    is_much.then(|| {
        let all = windows.len();
        let have = if single == 1 { "has" } else { "have" };
        format!("{single} of {all} windows {have} rows of only one class: are the rows sorted by the target?")
    })
}

/// Makes the second pass over the rows, as a pipeline of this plan would read them.
fn survey_of(plan: &PipelinePlan, name: &str, cut: &WindowChoice, file: &Path, tell: &dyn Fn(u64)) -> Result<Survey> {
    let mut plan = plan.clone();
    if plan.has_no_feature() {
        // Only the target is left. The file needs a feature to be valid; the error follows after the survey.
        plan.categorical.extend(plan.left_out.first().map(|(name, _)| name.clone()));
    }
    let pipeline = Pipeline::parse(file, &text(&plan, name, cut, file, None))?;
    Survey::take(&pipeline, tell)
}

/// Checks that a model can be trained: the rows must have both classes.
fn check_classes(survey: &Survey, plan: &PipelinePlan) -> Result<()> {
    let (labelled, positives) = (survey.labelled(), survey.positives);
    let rule = describe_rule(&plan.target.column, &plan.target.rule);
    let problem = if labelled == 0 {
        let first = survey.refused.values().next();
        let first = first.map(|refused| format!("; row {}: {}", refused.first, refused.example));
        format!("no valid row has a target{}", first.unwrap_or_default())
    } else if positives == 0 || positives == labelled {
        let which = if positives == 0 { "no" } else { "every" };
        format!("--target: {which} row matches {rule}: there is nothing to predict; choose another rule")
    } else {
        return Ok(());
    };
    Err(InspectionError::Usage(problem))
}

fn describe_rule(column: &str, rule: &TargetRule) -> String {
    match rule {
        TargetRule::AtLeast(bound) => format!("{column} >= {bound}"),
        TargetRule::Above(bound) => format!("{column} > {bound}"),
        TargetRule::AtMost(bound) => format!("{column} <= {bound}"),
        TargetRule::Below(bound) => format!("{column} < {bound}"),
        TargetRule::Equals(text) => format!("{column} = {text}"),
        TargetRule::OneOf(texts) => format!("{column} in {}", texts.join(",")),
    }
}

fn parse_window(text: &str) -> Result<WindowChoice> {
    let (key, value) = text.split_once('=').map_or(("event", text.trim()), |(key, value)| (key.trim(), value.trim()));
    let value = match (key, value.parse::<u32>()) {
        ("parts" | "rows", Ok(count)) if count > 0 => Value::from(i64::from(count)),
        ("event" | "every", _) => Value::from(value),
        _ => {
            let expected = "day, week, month, quarter, a duration as in 14d, parts=N or rows=N";
            return Err(InspectionError::Usage(format!("--window: `{text}` is not valid; expected {expected}")));
        }
    };
    Ok(WindowChoice { key: key.to_owned(), value, reason: String::new(), rows: None })
}

/// Derives a name for the topic and the folder from the name of a file.
pub fn name_of(path: &Path) -> String {
    let file = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let stem = file.split('.').find(|part| !part.is_empty()).unwrap_or_default();
    let name: String = stem.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    let name = name.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    if name.is_empty() { "data".to_owned() } else { name }
}
