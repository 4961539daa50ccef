//! Compares the features of a pipeline file with those that `windrow init` would choose.

use crate::inspection::error::InspectionError;
use crate::inspection::options::Options;
use crate::inspection::progress::ProgressCallback;
use crate::inspection::roles::{Role, role};
use crate::inspection::row_time;
use crate::inspection::scan::Scan;
use crate::inspection::typing::Typing;
use windrow_config::Pipeline;

/// Returns notes on the features that `windrow init` would use in another way or leave out.
///
/// # Errors
/// The dataset cannot be read.
pub(crate) fn review(pipeline: &Pipeline, tell: ProgressCallback<'_>) -> Result<Vec<String>, InspectionError> {
    let scan = Scan::of_pipeline(pipeline, tell)?;
    let options = Options { null: pipeline.dataset.null.clone(), ..Options::default() };
    let mut notes = Vec::new();
    let features = &pipeline.features;
    for (index, (name, column)) in scan.names.iter().zip(&scan.columns).enumerate() {
        let is_category = features.categorical.contains(name);
        let is_number = features.numeric.contains(name) || features.log.contains(name);
        if !(is_category || is_number) || pipeline.dataset.days_since.contains_key(name) {
            continue;
        }
        let typing = Typing::of(&scan, index, &options)?.or_usual();
        let note = match role(name, column, &typing, &options).0 {
            // The reason ends with the option of `init` that keeps the column.
            Role::LeftOut(reason) => Some(reason.split(" (--").next().unwrap_or_default().to_owned()),
            Role::Number if is_category => Some("its cells are numbers, but it is in features.categorical".to_owned()),
            Role::Unclear(_) => Some("its whole numbers may be ids or codes".to_owned()),
            Role::Number | Role::Category => None,
        };
        notes.extend(note.map(|note| format!("features: {name}: {note}")));
        if let (true, Typing::Number(typed)) = (is_number, &typing) {
            let is_missing = |number: f64| {
                let text = column.text_of(number).map_or_else(|| number.to_string(), str::to_owned);
                pipeline.dataset.null.contains(&text)
            };
            let found = typed.numbers.sentinels().into_iter().filter(|sentinel| !is_missing(sentinel.number));
            notes.extend(found.map(|sentinel| sentinel.describe(name, "add it to dataset.null")));
        }
    }
    if let Some(time) = &pipeline.dataset.time {
        let parts = row_time::parts_of(&scan, time);
        let unused = features.calendar.iter().map(|part| part.name()).filter(|part| {
            let known = ["hour", "weekday"].contains(part);
            known && parts.as_ref().is_some_and(|parts| !parts.contains(part))
        });
        notes.extend(unused.map(|part| format!("features: calendar: {part} is the same in all rows")));
    }
    Ok(notes)
}
