//! Results on standard output.

use std::io::{self, Write};
use std::ops::Range;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Cell, CellAlignment, LineStyle, Table};
use serde_json::{Map, Value};

/// Writes text to standard output; a reader that has gone is no fault of ours, but an end.
pub(crate) fn stdout(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// A count with its thousands set apart, as in `336,776`.
pub(crate) fn thousands(count: u64) -> String {
    indicatif::HumanCount(count).to_string()
}

/// An empty table with this header; columns from `numbers` on, that many, are numbers.
pub(crate) fn table<T: Into<Cell>>(header: impl IntoIterator<Item = T>, numbers: Range<usize>) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    table.set_header(header.into_iter().map(Into::into).collect::<Vec<Cell>>());
    for (place, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 1));
        if numbers.contains(&place) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// A window's number and the day on which it begins, for a table: as in `14 2013-04-01`.
pub(crate) fn short_name(window: u32, period: Option<&str>) -> String {
    let day = period.and_then(|period| period.rsplit_once(" of ").or(period.rsplit_once(" from ")));
    let day = day.map(|(_, day)| day).or(period);
    day.map_or_else(|| window.to_string(), |day| format!("{window} {day}"))
}

/// A sentence on lines of at most 80 columns, indented.
pub(crate) fn wrapped(sentence: &str, indent: usize) -> String {
    const COLUMNS: usize = 80;
    let (mut text, mut column) = (String::new(), 0);
    for word in sentence.split_whitespace() {
        let length = word.chars().count();
        if column == 0 || column + 1 + length > COLUMNS {
            if column > 0 {
                text.push('\n');
            }
            text.push_str(&" ".repeat(indent));
            column = indent;
        } else {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
    text
}

/// A curl line that asks a model for a row, ready to be pasted into a shell.
pub(crate) fn curl(url: &str, model: &str, row: &Map<String, Value>) -> String {
    let body = Value::Object(row.clone()).to_string().replace('\'', r"'\''");
    format!("curl -s {url}/v1/models/{model}/predict -H 'content-type: application/json' -d '{body}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (336_776, "336,776"), (10_000_000, "10,000,000")];
        for (count, text) in cases {
            assert_eq!(thousands(count), text);
        }
    }

    #[test]
    fn a_quote_in_a_row_survives_the_shell() {
        let row: Map<String, Value> = [("name".to_owned(), Value::from("O'Hare"))].into_iter().collect();
        assert!(curl("http://h", "latest", &row).ends_with(r#"-d '{"name":"O'\''Hare"}'"#));
    }
}
