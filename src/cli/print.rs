//! Writes results to standard output.

use std::io::{self, Write};
use std::ops::Range;
use std::path::PathBuf;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Cell, CellAlignment, LineStyle, Table};
use serde::Serialize;
use serde_json::{Map, Value};
use textwrap::WordSplitter;

use crate::cli::error::CliError;
use windrow_record::display::shell_word;

/// Writes text to standard output. If the reader has closed it, the error is [`CliError::BrokenPipe`].
pub(crate) fn stdout(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

pub(crate) fn json(value: &impl Serialize) -> Result<(), CliError> {
    stdout(&(serde_json::to_string_pretty(value).map_err(io::Error::from)? + "\n"))
}

pub(crate) fn paths(files: &[PathBuf]) -> Result<(), CliError> {
    stdout(&files.iter().map(|path| format!("{}\n", path.display())).collect::<String>())
}

/// Returns an empty table with this header. The columns in the range `numbers` are aligned to the right.
pub(crate) fn table<T: Into<Cell>>(header: impl IntoIterator<Item = T>, numbers: Range<usize>) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    table.set_header(header.into_iter().map(Into::into).collect::<Vec<Cell>>());
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 1));
        if numbers.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Returns a window's number and first day, for a table: as in `14 2013-04-01`.
pub(crate) fn short_name(window: u32, period: Option<&str>) -> String {
    let day = period.map(|period| {
        let begin = period.split_once(" to ").map_or(period, |(begin, _)| begin);
        begin.rsplit_once(" of ").or(begin.rsplit_once(" from ")).map_or(begin, |(_, day)| day)
    });
    day.map_or_else(|| window.to_string(), |day| format!("{window} {day}"))
}

/// Breaks a sentence into indented lines of at most 80 columns.
pub(crate) fn wrapped(sentence: &str) -> String {
    let options = textwrap::Options::new(80).initial_indent("  ").subsequent_indent("  ");
    // Column names are neither split at a hyphen nor cut.
    let options = options.word_splitter(WordSplitter::NoHyphenation).break_words(false);
    // A cell of a dataset may hold line breaks.
    let words: Vec<&str> = sentence.split_whitespace().collect();
    textwrap::fill(&words.join(" "), options) + "\n"
}

/// Returns a curl command that asks a model for a row, ready to be pasted into a shell.
pub(crate) fn curl(url: &str, model: &str, row: &Map<String, Value>) -> String {
    let body = shell_word(&Value::Object(row.clone()).to_string());
    format!("curl -s {url}/v1/models/{model}/predict -H 'content-type: application/json' -d {body}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_wrapped_between_words() {
        let sentence = "a-column-whose-name-has-hyphens: it alone ranks the target too well (AUC 0.987): it\n may be known only later";
        let lines = "  a-column-whose-name-has-hyphens: it alone ranks the target too well (AUC\n  0.987): it may be known only later\n";
        assert_eq!(wrapped(sentence), lines);
        assert_eq!(wrapped(&"x".repeat(90)), format!("  {}\n", "x".repeat(90)));
    }

    #[test]
    fn a_table_has_the_first_day_of_a_window() {
        let cases = [
            (None, "14"),
            (Some("2013 Q2"), "14 2013 Q2"),
            (Some("week of 2013-04-01"), "14 2013-04-01"),
            (Some("1h from 2013-04-03 00:00"), "14 2013-04-03 00:00"),
            (Some("2013-04-01 to 2013-04-09"), "14 2013-04-01"),
            (Some("2013-04-01 08:05 to 09:12"), "14 2013-04-01 08:05"),
        ];
        for (period, name) in cases {
            assert_eq!(short_name(14, period), name);
        }
    }

    #[test]
    fn a_quote_in_a_row_survives_the_shell() {
        let row: Map<String, Value> = [("name".to_owned(), Value::from("O'Hare"))].into_iter().collect();
        let words = shlex::split(&curl("http://h", "advised", &row)).expect("a command");
        assert_eq!(words[words.len() - 2..], ["-d", r#"{"name":"O'Hare"}"#]);
    }
}
