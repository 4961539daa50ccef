//! The number in the text of a table's cell, by which tables are aligned and sorted.

use windrow_evaluation::WORSE_THAN_AVERAGE;

/// Returns true if a cell is empty, or has a dash instead of a value.
pub(crate) fn is_blank(text: &str) -> bool {
    matches!(text, "" | "-" | "\u{2013}")
}

/// Returns the number that a text is, or with which an interval or a share begins: `1,204`, `98%`, `-0.3 to 0.2` or
/// `+12 (3 to 21)`. A share that is negative is printed in words, and is less than all others.
pub(crate) fn number_in(text: &str) -> Option<f64> {
    if text == WORSE_THAN_AVERAGE {
        return Some(f64::NEG_INFINITY);
    }
    let signless = text.trim_start_matches(['+', '-', '\u{2212}']);
    let end = signless.find(|letter: char| !letter.is_ascii_digit() && !matches!(letter, ',' | '.'));
    let (digits, rest) = signless.split_at(end.unwrap_or(signless.len()));
    let is_number = rest.is_empty() || rest.starts_with('%') || rest.starts_with(" (") || rest.starts_with(" to ");
    let number: f64 = digits.replace(',', "").parse().ok().filter(|_| is_number)?;
    Some(if signless.len() < text.len() && !text.starts_with('+') { -number } else { number })
}

/// Returns true for each column whose cells are numbers or blank, with at least one number.
pub(crate) fn columns_of_numbers<'c>(columns: usize, rows: impl Iterator<Item = Vec<&'c str>>) -> Vec<bool> {
    let (mut has_number, mut has_text) = (vec![false; columns], vec![false; columns]);
    for cells in rows {
        for (column, cell) in cells.into_iter().enumerate().take(columns) {
            if number_in(cell).is_some() {
                has_number[column] = true;
            } else {
                has_text[column] |= !is_blank(cell);
            }
        }
    }
    has_number.into_iter().zip(has_text).map(|(has_number, has_text)| has_number && !has_text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_printed() {
        let cases = [
            ("1,204", Some(1204.0)),
            ("98%", Some(98.0)),
            ("-0.3 to 0.2", Some(-0.3)),
            ("+12 (3 to 21)", Some(12.0)),
            ("\u{2212}4", Some(-4.0)),
            (WORSE_THAN_AVERAGE, Some(f64::NEG_INFINITY)),
            ("2019-02-04", None),
            ("14 days from 2019-02-04", None),
            ("window-00001.csv, 24.1 MB", None),
            ("...", None),
            ("", None),
        ];
        for (text, number) in cases {
            assert_eq!(number_in(text), number, "{text}");
        }
    }

    #[test]
    fn a_column_with_a_text_is_no_column_of_numbers() {
        let rows = [vec!["a", "3", "-", "1"], vec!["b", "1,204", "", "x"]];
        assert_eq!(columns_of_numbers(4, rows.into_iter()), [false, true, false, false]);
    }
}
