//! Whether rows stand in the order of their times.

use serde::Serialize;

use crate::DatasetReader;
use crate::inspection::error::InspectionError;
use crate::inspection::text::thousands;
use windrow_config::{Pipeline, Schema};
use windrow_record::RecordParser;

/// What is wrong with the order of a dataset's rows, by their times; rows whose time cannot be read are passed over. Reads
/// the whole dataset.
///
/// # Errors
/// The dataset cannot be read, or has not the columns that the pipeline names.
pub fn disorder(pipeline: &Pipeline) -> Result<Option<String>, InspectionError> {
    let mut reader = DatasetReader::open(&pipeline.dataset)?;
    let schema = Schema::bind(pipeline, reader.columns())?;
    let (mut parser, mut order) = (RecordParser::new(schema.delimiter), Order::default());
    let (mut last, mut seconds) = (String::new(), None);
    while let Some(row) = reader.next_row()? {
        let Some((fields, place)) = parser.parse(row.bytes).ok().zip(schema.time.as_ref().map(|(place, _)| *place))
        else {
            continue;
        };
        // Rows that follow each other often share their time.
        let text = fields.get(place).unwrap_or_default();
        if seconds.is_none() || last != text {
            seconds = schema.time(&fields).ok().flatten().map(|time| time.seconds());
            text.clone_into(&mut last);
        }
        if let Some(seconds) = seconds {
            order.push(row.number.get(), seconds);
        }
    }
    Ok(order.fault(thousands))
}

/// What has been seen of the order so far; times in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Order {
    /// The earliest and the latest time.
    pub(crate) span: Option<(i64, i64)>,
    /// Rows that have a time.
    pub rows: u64,
    /// Rows whose time is before that of a row above them.
    pub out_of_order: u64,
    /// The first of them.
    pub(crate) first: Option<u64>,
    /// The largest step back, in seconds.
    pub(crate) largest: i64,
    /// The row at which it is.
    pub(crate) largest_at: Option<u64>,
}

impl Order {
    /// Takes the time of a row.
    pub(crate) fn push(&mut self, row: u64, seconds: i64) {
        self.rows += 1;
        let Some((first, last)) = self.span else {
            self.span = Some((seconds, seconds));
            return;
        };
        if seconds < last {
            self.out_of_order += 1;
            self.first.get_or_insert(row);
            if last - seconds > self.largest {
                (self.largest, self.largest_at) = (last - seconds, Some(row));
            }
        }
        self.span = Some((first.min(seconds), last.max(seconds)));
    }

    /// As in `rows 41% out of order, largest step back 12 days at row 8,112`; `None` where they are in order.
    pub(crate) fn fault(&self, thousands: impl Fn(u64) -> String) -> Option<String> {
        let first = self.first?;
        let share = 100.0 * self.out_of_order as f64 / self.rows.max(1) as f64;
        let share = if share >= 1.0 {
            format!("rows {share:.0}% out of order")
        } else if self.out_of_order == 1 {
            "1 row is out of order".to_owned()
        } else {
            format!("{} rows are out of order", thousands(self.out_of_order))
        };
        let (step, at) = (length(self.largest), thousands(self.largest_at.unwrap_or(first)));
        Some(format!("{share} (the first is row {}), largest step back {step} at row {at}", thousands(first)))
    }
}

/// A length of time in its largest unit, as in `12 days`.
fn length(seconds: i64) -> String {
    let units = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let (unit, name) = units.into_iter().find(|(unit, _)| seconds >= *unit).unwrap_or((1, "second"));
    let count = (seconds as f64 / unit as f64).round() as i64;
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_back_are_counted_and_the_largest_is_known() {
        let mut order = Order::default();
        for (row, seconds) in [(1, 0), (2, 86_400 * 20), (3, 86_400 * 8), (4, 86_400 * 20), (5, 86_400 * 19)] {
            order.push(row, seconds);
        }
        let said = order.fault(|count| count.to_string());
        let expected = "rows 40% out of order (the first is row 3), largest step back 12 days at row 3";
        assert_eq!(said.as_deref(), Some(expected));
        assert_eq!(order.span, Some((0, 86_400 * 20)));
        assert_eq!(Order::default().fault(|count| count.to_string()), None);
    }
}
