//! `windrow diff`: what differs between two work directories, as text or as JSON.
//!
//! `section`: a table of what differs, with sentences below it. `answer`: the section of the advice.

mod answer;
mod section;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use self::section::{Section, listed};
use crate::app::{self, DataDiff, Diff, KeyChange, ModelsDiff, Pair};
use crate::cli::args::DiffArgs;
use crate::cli::error::CliError;
use crate::cli::print::{json, stdout};
use windrow_base::runtime::blocking;
use windrow_record::display::{counted, excerpt, thousands};

/// The number of characters of a value without `--all`.
const MAX_VALUE: usize = 32;
/// The number of digits of a sha256 that are printed.
const SHA256_DIGITS: usize = 12;

pub(crate) async fn execute(args: DiffArgs, stop: CancellationToken) -> Result<(), CliError> {
    let DiffArgs { a, b, all, json: is_json } = args;
    let comparing = blocking(move || app::diff(&a, &b));
    let Some(diff) = stop.run_until_cancelled(comparing).await else {
        // Exit code 0 would mean that nothing differs.
        return Err(CliError::Failed("stopped before the directories were compared".to_owned()));
    };
    let diff = diff?;
    let printed = if is_json { json(&diff) } else { stdout(&text(&diff, all)) };
    match printed {
        // The answer is the same if the reader, such as `head`, does not read all of it.
        Ok(()) | Err(CliError::BrokenPipe) if diff.differs => Err(CliError::Differs),
        printed => printed,
    }
}

fn text(diff: &Diff, all: bool) -> String {
    let Pair { a, b } = diff.workdirs.map(|path| path.display());
    let sections = [
        Some(keys("pipeline", &diff.pipeline, all)),
        (!diff.neutral.is_empty()).then(|| neutral(&diff.neutral, all)),
        Some(data(&diff.data, all)),
        Some(models(&diff.models, all)),
        Some(answer::section(&diff.answer, &diff.workdirs, all)),
    ];
    let sections: String = sections.iter().flatten().map(Section::text).collect();
    let result = match (diff.differs, diff.neutral.is_empty()) {
        (true, _) => "",
        (false, true) => "nothing differs\n",
        (false, false) => "rows, models and advice do not differ\n",
    };
    format!("A  {a}\nB  {b}\n\n{sections}{result}")
}

/// Returns the section of the settings that are not counted as a difference.
fn neutral(changes: &[KeyChange], all: bool) -> Section {
    let mut section = keys("other settings", changes, all);
    section.note_of_equal(
        "These settings change neither rows nor models nor the advice, and do not count as a difference.".to_owned(),
    );
    section
}

fn keys(title: &'static str, changes: &[KeyChange], all: bool) -> Section {
    let mut section = Section::new(title);
    for KeyChange { key, a, b } in changes {
        let [a, b] = values(a.as_ref(), b.as_ref());
        section.row(key, if all { [a, b] } else { [a, b].map(|text| excerpt(&text, MAX_VALUE).into_owned()) });
    }
    section
}

/// Formats the values of a key. Of two lists, only what the other one lacks is printed: the end of a long list of
/// features would be cut.
fn values(a: Option<&Value>, b: Option<&Value>) -> [String; 2] {
    if let (Some(Value::Array(a)), Some(Value::Array(b))) = (a, b) {
        let lacking = |list: &[Value], other: &[Value]| {
            let own: Vec<String> = list.iter().filter(|one| !other.contains(one)).map(value).collect();
            if own.is_empty() { "-".to_owned() } else { format!("also {}", own.join(", ")) }
        };
        let both = [lacking(a, b), lacking(b, a)];
        return if both == ["-", "-"] { ["another order".to_owned(), "another order".to_owned()] } else { both };
    }
    [a, b].map(|one| one.map_or_else(|| "not set".to_owned(), value))
}

/// Formats a value; a text has no quotes.
fn value(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn data(data: &DataDiff, all: bool) -> Section {
    let mut section = Section::new("data");
    section.row_if_other("extracts of the dataset", &data.extracts, |extracts| match &extracts[..] {
        [] => "none".to_owned(),
        [only] => excerpt(only, SHA256_DIGITS).into_owned(),
        [.., newest] => format!("{}, newest {}", extracts.len(), excerpt(newest, SHA256_DIGITS)),
    });
    let state = |has_ended: &bool| if *has_ended { "has ended" } else { "has not ended" }.to_owned();
    section.row_if_other("stream", &data.has_ended, state);
    for (what, counts) in [
        ("windows", &data.windows),
        ("rows", &data.rows),
        ("rows with a label", &data.labelled),
        ("labels that arrived later", &data.late_labels),
        ("rows in quarantine", &data.quarantined),
        ("of these, late", &data.late),
    ] {
        section.row_if_other(what, counts, |count| thousands(*count));
    }
    let in_both = counted(data.in_both, "window", "windows");
    if let Some(first) = data.differing.first() {
        let count = thousands(data.differing.len() as u64);
        let which = listed(&data.differing, all);
        section
            .note(format!("Windows differ from window {first} on: {count} of the {in_both} that both have ({which})."));
    } else if data.windows.differs() && data.in_both > 0 {
        section.note(format!("There is no difference in the {in_both} that both have."));
    }
    if data.only_numbers > 0 {
        let windows = counted(data.only_numbers, "window", "windows");
        section.note_of_equal(format!(
            "The batch files of {windows} are in an object store and have different bytes, which also depend on the \
             format and on the features: the numbers of the rows were compared, and not their cells."
        ));
    }
    section
}

fn models(models: &ModelsDiff, all: bool) -> Section {
    let mut section = Section::new("models");
    section.row_if_other("models", &models.count, |count| thousands(*count));
    for (name, only) in [("A", &models.only.a), ("B", &models.only.b)] {
        if !only.is_empty() {
            let count = counted(only.len() as u64, "model", "models");
            section.note(format!("Only {name} has {count}: {}.", listed(only, all)));
        }
    }
    let in_both = counted(models.in_both, "model", "models");
    for (found, what) in [
        (&models.other_rows, "Made from other rows"),
        (&models.other_fit, "Other numbers from the same rows"),
        (&models.other_verdict, "Another verdict (train.accept)"),
    ] {
        if !found.is_empty() {
            let count = thousands(found.len() as u64);
            section.note(format!("{what}: {count} of the {in_both} that both have ({}).", listed(found, all)));
        }
    }
    section
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_key_is_printed_with_both_values_and_a_list_with_what_the_other_lacks() {
        let features = |last: &str| json!(["distance", "carrier", "origin", "destination", "hour", last]);
        let cases = [
            (Some(json!(1.0)), Some(json!(2.5)), ["1.0", "2.5"]),
            (Some(json!("csv")), None, ["csv", "not set"]),
            (Some(features("month")), Some(features("day")), ["also month", "also day"]),
            (Some(json!([1, 2])), Some(json!([1])), ["also 2", "-"]),
            (Some(json!([1, 2])), Some(json!([2, 1])), ["another order", "another order"]),
        ];
        for (a, b, expected) in cases {
            assert_eq!(values(a.as_ref(), b.as_ref()), expected);
        }
    }

    #[test]
    fn a_long_value_is_cut_unless_all_is_asked_for() {
        let long = "x".repeat(40);
        let changes = [KeyChange { key: "dataset.path".to_owned(), a: Some(json!(long)), b: Some(json!("d.csv")) }];
        assert!(keys("pipeline", &changes, false).text().contains(&format!("{}...", "x".repeat(MAX_VALUE))));
        assert!(keys("pipeline", &changes, true).text().contains(&long));
        assert_eq!(keys("pipeline", &[], false).text(), "pipeline: the same\n\n");
    }
}
