//! Reads the target rule of the command line: `arr_delay >= 15`, `severity in 2,3`, or only a column.

use crate::inspection::column::Column;
use crate::inspection::error::InspectionError;
use crate::inspection::question::{Choice, Question};
use crate::inspection::scan::Scan;
use windrow_config::{TargetRule, nearest_name};
use windrow_record::display::{percent, shell_word};
use windrow_record::parse_number;

/// The maximum number of values that are offered as choices.
const MAX_CHOICES: usize = 5;
/// The thresholds that are offered, as shares of the rows below them.
const THRESHOLD_SHARES: [f64; 3] = [0.5, 0.75, 0.9];

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target {
    pub(crate) column: String,
    pub(crate) rule: TargetRule,
}

impl Target {
    /// Returns true if the target is compared with a number.
    pub(crate) fn is_compared(&self) -> bool {
        !matches!(self.rule, TargetRule::Equals(_) | TargetRule::OneOf(_))
    }

    /// Returns true if a text of the target's column is one that the rule names.
    pub(crate) fn names(&self, column: &str, text: &str) -> bool {
        let names = match &self.rule {
            TargetRule::Equals(one) => one == text,
            TargetRule::OneOf(several) => several.iter().any(|one| one == text),
            _ => false,
        };
        self.column == column && names
    }
}

/// Reads the target that the user gave. An incomplete target becomes a question.
///
/// # Errors
/// The target is not valid, or the user must answer a question first.
pub(crate) fn read(given: Option<&str>, scan: &Scan) -> Result<Target, InspectionError> {
    let Some(given) = given.map(str::trim).filter(|given| !given.is_empty()) else {
        return Err(InspectionError::Questions(vec![ask_target(scan)]));
    };
    let (index, rest) = split(given, scan)?;
    let (name, column) = (&scan.names[index], &scan.columns[index]);
    let rule = if rest.is_empty() { infer_rule(name, column)? } else { rule(name, rest, column)? };
    Ok(Target { column: name.clone(), rule })
}

/// Splits a target into the longest column name that it begins with, and the rest. Returns the index of the column.
fn split<'s>(given: &'s str, scan: &Scan) -> Result<(usize, &'s str), InspectionError> {
    let ends_there =
        |rest: &str| rest.is_empty() || rest.starts_with(|next: char| next.is_whitespace() || "<>=!".contains(next));
    let rest_behind = |name: &String| given.strip_prefix(name.as_str()).filter(|rest| ends_there(rest));
    let names = scan.names.iter().enumerate().filter_map(|(index, name)| Some((index, rest_behind(name)?)));
    if let Some((index, rest)) = names.min_by_key(|(_, rest)| rest.len()) {
        return Ok((index, rest.trim()));
    }
    let name = given.split(|next: char| next.is_whitespace() || "<>=!".contains(next)).next().unwrap_or_default();
    Err(scan.no_column("--target", name))
}

fn rule(name: &str, rest: &str, column: &Column) -> Result<TargetRule, InspectionError> {
    let comparisons = [
        (">=", TargetRule::AtLeast as fn(f64) -> TargetRule),
        ("<=", TargetRule::AtMost),
        (">", TargetRule::Above),
        ("<", TargetRule::Below),
    ];
    for (sign, rule) in comparisons {
        if let Some(bound) = rest.strip_prefix(sign) {
            let bound = bound.trim();
            let problem = format!("--target: `{bound}` is not a number; write the rule as in '{name} >= 15'");
            let number = parse_number(bound).map_err(|_| InspectionError::Usage(problem))?;
            if !column.is_mostly_number() {
                return Err(InspectionError::Usage(format!(
                    "--target: {name} holds text, not numbers; say which texts are positive: --target {}",
                    shell_word(&format!("{name} in A,B"))
                )));
            }
            return Ok(rule(number));
        }
    }
    let texts: Vec<String> = if let Some(text) = rest.strip_prefix("==").or_else(|| rest.strip_prefix('=')) {
        vec![unquoted(text)]
    } else if let Some(list) = rest.strip_prefix("in ").or_else(|| rest.strip_prefix("in\t")) {
        let list = list.trim().trim_start_matches(['(', '[']).trim_end_matches([')', ']']);
        list.split(',').map(unquoted).filter(|text| !text.is_empty()).collect()
    } else {
        return Err(InspectionError::Usage(format!(
            "--target: `{rest}` is not a rule; the rules are >= > <= < NUMBER, = TEXT, in TEXT,TEXT"
        )));
    };
    let known = column.texts_by_count();
    // A number may be written in more than one way.
    let as_it_stands = |text: &String| {
        let same = |(value, _): &&(&str, u64)| {
            value.trim() == text || parse_number(value).ok().is_some_and(|number| parse_number(text) == Ok(number))
        };
        known.iter().filter(same).map(|(value, _)| (*value).to_owned()).collect::<Vec<String>>()
    };
    let mut found = Vec::new();
    for text in &texts {
        let values = as_it_stands(text);
        if values.is_empty() && column.values.len().is_some() {
            let nearest = nearest_name(text, known.iter().map(|(value, _)| *value));
            let nearest = nearest
                .map_or_else(|| format!("it holds {}", listed(column)), |name| format!("did you mean `{name}`?"));
            return Err(InspectionError::Usage(format!("--target: {name} is never `{text}`; {nearest}")));
        }
        found.extend(if values.is_empty() { vec![text.clone()] } else { values });
    }
    match &found[..] {
        [] => Err(InspectionError::Usage("--target: the rule has no text".to_owned())),
        [one] => Ok(TargetRule::Equals(one.clone())),
        _ => Ok(TargetRule::OneOf(found)),
    }
}

/// Returns the quantile of a column's numbers at `share`, and the share of numbers that are at least as large.
fn quantile(column: &Column, share: f64) -> Option<(f64, f64)> {
    column.reading(false)?.numbers.quantile(share)
}

fn unquoted(text: &str) -> String {
    let text = text.trim();
    let inner = |quote: char| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(text).to_owned()
}

/// Lists the most frequent values of a column.
fn listed(column: &Column) -> String {
    let values = column.values.by_count();
    let more = if values.len() > MAX_CHOICES { ", ..." } else { "" };
    values.iter().take(MAX_CHOICES).map(|(value, _)| format!("`{value}`")).collect::<Vec<_>>().join(", ") + more
}

/// Returns the rule for a column without one: the rarer of two values. Otherwise asks the user to choose.
fn infer_rule(name: &str, column: &Column) -> Result<TargetRule, InspectionError> {
    let values = column.values.by_count();
    // A word such as `none` is a value if there is only one other.
    let values = if values.len() == 1 { column.texts_by_count() } else { values };
    match &values[..] {
        [_, (rarer, _)] => return Ok(TargetRule::Equals((*rarer).to_owned())),
        [(only, _)] => {
            return Err(InspectionError::Usage(format!(
                "--target: {name} is always `{only}`: there is nothing to predict; name another column"
            )));
        }
        _ => {}
    }
    let total = column.given().max(1) as f64;
    let meaning = |share: f64| format!("{} of the rows are positive", percent(share, 1));
    let mut choices: Vec<Choice> = Vec::new();
    let text = if column.is_mostly_number() {
        for share in THRESHOLD_SHARES {
            let Some((bound, reached)) = quantile(column, share) else { continue };
            let choice = format!("{name} >= {bound}");
            if reached > 0.0 && reached < 1.0 && choices.iter().all(|known| known.value != choice) {
                choices.push(Choice::new("--target", choice, meaning(reached)));
            }
        }
        format!("{name} holds numbers: from which number on is a row positive?")
    } else if values.is_empty() {
        return Err(InspectionError::Usage(format!(
            "--target: {name} holds too many different texts to choose from; say which are positive: --target {}",
            shell_word(&format!("{name} in A,B"))
        )));
    } else {
        for (value, count) in values.iter().take(MAX_CHOICES) {
            choices.push(Choice::new("--target", format!("{name} = {value}"), meaning(*count as f64 / total)));
        }
        format!("{name} holds {} different texts: which of them are positive?", values.len())
    };
    let question = Question { text, choices, open: Some("--target") };
    Err(InspectionError::Questions(vec![question]))
}

/// Asks which column is the target. Columns with two values come first.
fn ask_target(scan: &Scan) -> Question {
    let described = scan.names.iter().zip(&scan.columns).filter(|(_, column)| column.given() > 0);
    let two = described.clone().filter(|(_, column)| column.values.len() == Some(2));
    let numbers = described.filter(|(_, column)| column.is_mostly_number() && column.values.len() != Some(2));
    let two = two.map(|(name, column)| {
        let values = column.values.by_count();
        let share = values[1].1 as f64 / column.given() as f64;
        let meaning = format!("`{}` is positive, {} of the rows", values[1].0, percent(share, 1));
        Choice::new("--target", name.clone(), meaning)
    });
    let numbers = numbers.filter_map(|(name, column)| {
        let (bound, share) = quantile(column, 0.75).filter(|(_, share)| *share < 1.0)?;
        let meaning = format!("{} of the rows are positive", percent(share, 1));
        Some(Choice::new("--target", format!("{name} >= {bound}"), meaning))
    });
    let choices = two.chain(numbers).take(2 * MAX_CHOICES).collect();
    let text = "what should be predicted?".to_owned();
    Question { text, choices, open: Some("--target") }
}
