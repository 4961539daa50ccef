//! The columns and the rows of each exported table.

use crate::export::error::ExportError;
use crate::export::sink::Sink;
use windrow_columnar::{Column, ColumnType, Value};
use windrow_evaluation::{BLOCKS, WindowLosses};
use windrow_learn::model::{Score, ScoreNumber, WindowReport};
use windrow_record::ModelId;
use windrow_windows::Manifest;

const MICROS_PER_SECOND: i64 = 1_000_000;

fn columns(named_types: &[(&str, ColumnType)]) -> Vec<Column> {
    named_types.iter().map(|(name, kind)| Column { name: (*name).to_owned(), kind: *kind }).collect()
}

/// Returns the columns of `windows`: one row per window.
pub(super) fn window_columns() -> Vec<Column> {
    columns(&[
        ("window", ColumnType::Integer),
        ("period", ColumnType::Text),
        ("first_time", ColumnType::Time),
        ("last_time", ColumnType::Time),
        ("rows", ColumnType::Integer),
        ("labelled", ColumnType::Integer),
        ("quarantined", ColumnType::Integer),
        ("positive_share", ColumnType::Number),
        ("bytes", ColumnType::Integer),
        ("sha256", ColumnType::Text),
    ])
}

/// Writes a window. `labels` is the number of labels that arrived after it was sealed.
pub(super) fn window(
    sink: &mut Sink,
    one: &Manifest,
    labels: u64,
    report: Option<&WindowReport>,
) -> Result<(), ExportError> {
    let micros = |seconds: i64| Value::Time(seconds.saturating_mul(MICROS_PER_SECOND));
    sink.push(&[
        Value::Integer(i64::from(one.window.get())),
        report.and_then(|report| report.period.as_deref()).map_or(Value::Missing, Value::Text),
        one.times.events.map_or(Value::Missing, |range| micros(range.first)),
        one.times.events.map_or(Value::Missing, |range| micros(range.last)),
        count(one.rows.count),
        count(one.rows.labelled + labels),
        count(one.quarantine.count),
        number(report.and_then(|report| report.profile.positive_share())),
        count(one.rows.file.bytes),
        Value::Text(&one.rows.file.sha256),
    ])
}

/// Returns the columns of `scores`: one row per model and window on which it was scored.
pub(super) fn score_columns() -> Vec<Column> {
    let mut columns = columns(&[
        ("model", ColumnType::Text),
        ("scheme", ColumnType::Text),
        ("model_window", ColumnType::Integer),
        ("window", ColumnType::Integer),
        // `later`: all labelled rows of a window after the model's newest window. `holdout`: the rows of the model's
        // newest window that its first fit left out.
        ("scored_on", ColumnType::Text),
    ]);
    columns.extend(Score::NUMBERS.map(|(name, number)| {
        let kind = match number {
            ScoreNumber::Count(_) => ColumnType::Integer,
            ScoreNumber::Measure(_) => ColumnType::Number,
        };
        Column { name: name.to_owned(), kind }
    }));
    columns
}

pub(super) fn scores(sink: &mut Sink, report: &WindowReport) -> Result<(), ExportError> {
    for one in &report.scores {
        for (scored_on, score) in [("later", &one.window), ("holdout", &one.holdout)] {
            if let Some(score) = score {
                self::score(sink, one.model, report.window.get(), scored_on, score)?;
            }
        }
    }
    Ok(())
}

fn score(sink: &mut Sink, model: ModelId, window: u32, scored_on: &str, score: &Score) -> Result<(), ExportError> {
    let (id, scheme) = (model.to_string(), model.scheme.to_string());
    let mut values = vec![
        Value::Text(&id),
        Value::Text(&scheme),
        Value::Integer(i64::from(model.window.get())),
        Value::Integer(i64::from(window)),
        Value::Text(scored_on),
    ];
    values.extend(Score::NUMBERS.map(|(_, number)| match number {
        ScoreNumber::Count(of) => count(of(score)),
        ScoreNumber::Measure(of) => self::number(of(score)),
    }));
    sink.push(&values)
}

/// Returns the columns of `losses`: one row per model, later window and block of rows.
pub(super) fn loss_columns() -> Vec<Column> {
    columns(&[
        ("model", ColumnType::Text),
        ("scheme", ColumnType::Text),
        ("model_window", ColumnType::Integer),
        // `served`: a published model. `advice`: a model that only the advice needs.
        ("made_for", ColumnType::Text),
        ("window", ColumnType::Integer),
        ("block", ColumnType::Integer),
        ("rows", ColumnType::Integer),
        ("positives", ColumnType::Integer),
        // The sums over the rows of the block.
        ("log_loss", ColumnType::Number),
        ("squared_error", ColumnType::Number),
        ("false_alarms", ColumnType::Integer),
        ("misses", ColumnType::Integer),
    ])
}

pub(super) fn losses(sink: &mut Sink, made_for: &str, window: &WindowLosses) -> Result<(), ExportError> {
    for one in &window.models {
        let (id, scheme) = (one.model.to_string(), one.model.scheme.to_string());
        for block in 0..BLOCKS {
            sink.push(&[
                Value::Text(&id),
                Value::Text(&scheme),
                Value::Integer(i64::from(one.model.window.get())),
                Value::Text(made_for),
                Value::Integer(i64::from(window.window.get())),
                count(block as u64 + 1),
                count(window.rows[block]),
                count(window.positives[block]),
                Value::Number(one.log_loss[block]),
                Value::Number(one.squared_error[block]),
                count(one.false_alarms[block]),
                count(one.misses[block]),
            ])?;
        }
    }
    Ok(())
}

fn count(number: u64) -> Value<'static> {
    i64::try_from(number).map_or(Value::Missing, Value::Integer)
}

fn number(number: Option<f64>) -> Value<'static> {
    number.map_or(Value::Missing, Value::Number)
}
