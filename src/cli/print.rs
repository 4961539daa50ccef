//! Results on standard output.

use std::io::{self, Write};

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
