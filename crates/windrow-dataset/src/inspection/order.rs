//! Checks whether rows are in the order of their times.

use std::time::Duration;

use serde::Serialize;

use crate::DatasetReader;
use crate::inspection::error::InspectionError;
use windrow_config::{Pipeline, Schema};
use windrow_record::RecordParser;
use windrow_record::display::{counted, duration, percent, thousands};

/// Returns what is wrong with the order of a dataset's rows, by their times. `None` if they are in order. Rows whose
/// time cannot be read are ignored. Reads the whole dataset.
///
/// # Errors
/// The dataset cannot be read, or lacks a column that the pipeline names.
pub fn disorder(pipeline: &Pipeline) -> Result<Option<String>, InspectionError> {
    let mut reader = DatasetReader::open(&pipeline.dataset)?;
    let schema = Schema::bind(pipeline, reader.columns())?;
    let (mut parser, mut order) = (RecordParser::new(schema.delimiter), Order::default());
    let (mut last, mut seconds) = (String::new(), None);
    let index = schema.time.as_ref().map(|(index, _)| *index);
    while let Some(row) = reader.next_row()? {
        let Some((fields, index)) = parser.parse(row.bytes).ok().zip(index) else { continue };
        // Rows that follow each other often share their time.
        let text = fields.get(index).unwrap_or_default();
        if seconds.is_none() || last != text {
            seconds = schema.time(&fields).ok().flatten().map(|time| time.seconds());
            text.clone_into(&mut last);
        }
        if let Some(seconds) = seconds {
            order.push(row.number.get(), seconds);
        }
    }
    Ok(order.fault())
}

/// The order of the rows so far. Times are in seconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Order {
    /// The earliest and the latest time.
    pub(crate) span: Option<(i64, i64)>,
    /// The number of rows that have a time.
    pub rows: u64,
    /// The number of rows whose time is before that of an earlier row.
    pub out_of_order: u64,
    /// The number of the first such row.
    pub(crate) first: Option<u64>,
    /// The largest step back, in seconds.
    pub(crate) largest: i64,
    /// The row with the largest step back.
    pub(crate) largest_at: Option<u64>,
}

impl Order {
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

    /// Describes the fault, as in `41% of the rows are out of order (the first is row 3), the largest step back is 12
    /// days at row 8,112`. `None` if the rows are in order.
    pub(crate) fn fault(&self) -> Option<String> {
        let first = self.first?;
        let share = self.share();
        let share = if share >= 0.01 {
            format!("{} of the rows are out of order", percent(share, 0))
        } else {
            counted(self.out_of_order, "row is out of order", "rows are out of order")
        };
        let step = duration(Duration::from_secs(self.largest.unsigned_abs()));
        let (first, at) = (thousands(first), thousands(self.largest_at.unwrap_or(first)));
        Some(format!("{share} (the first is row {first}), the largest step back is {step} at row {at}"))
    }

    /// The share of rows that are out of order, among those with a time.
    pub(crate) fn share(&self) -> f64 {
        self.out_of_order as f64 / self.rows.max(1) as f64
    }
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
        let fault = "40% of the rows are out of order (the first is row 3), the largest step back is 12 days at row 3";
        assert_eq!(order.fault().as_deref(), Some(fault));
        assert_eq!(order.span, Some((0, 86_400 * 20)));
        assert_eq!(Order::default().fault(), None);
    }
}
