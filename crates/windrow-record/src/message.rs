//! The form of a row as a message: its key, its value and its headers.
//!
//! The key is the row number as text. The value is the CSV record with the bytes that it has in the file, without its
//! line end. The end of the dataset is one message per partition, with [`END_HEADER`] and an empty value.

use crate::RowNumber;

/// Header: the row number, from 1, as decimal text.
pub const ROW_HEADER: &str = "windrow-row";
/// Header: the id of the replay that sent the row.
pub const RUN_HEADER: &str = "windrow-run";
/// Header: marks the message that ends a partition. Its value is the number of rows of the replay, over all partitions,
/// as decimal text.
pub const END_HEADER: &str = "windrow-end";
/// Header of an end marker: the number of the replay's first row, as decimal text. If it is missing, the first row is
/// 1.
pub const FIRST_HEADER: &str = "windrow-first";

/// The information in the headers of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope<'a> {
    /// A row that a Windrow producer sent.
    Row {
        /// The position of the row in the dataset.
        row: RowNumber,
        /// The replay that sent the row.
        run: Option<&'a str>,
    },
    /// A record of another producer: a row in arrival order.
    Foreign,
    /// The end of the dataset.
    End {
        /// The replay that ends.
        run: Option<&'a str>,
        /// The replay's first row.
        first: RowNumber,
        /// The number of rows of the replay, over all partitions; `None` if another producer does not give it.
        rows: Option<u64>,
    },
}

impl<'a> Envelope<'a> {
    /// Reads the headers, and ignores those of other programs.
    ///
    /// # Errors
    /// The `windrow-row` header is not a row number; the reason quotes it.
    pub fn open(headers: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>) -> Result<Self, String> {
        let (mut row, mut run, mut ends, mut rows, mut first) = (None, None, false, None, RowNumber::FIRST);
        for (name, value) in headers {
            match name {
                ROW_HEADER => {
                    let number = number(value).and_then(RowNumber::new);
                    row = Some(number.ok_or_else(|| not_a_row_number(value.unwrap_or_default()))?);
                }
                RUN_HEADER => run = value.and_then(|value| std::str::from_utf8(value).ok()),
                END_HEADER => (ends, rows) = (true, number(value)),
                FIRST_HEADER => first = number(value).and_then(RowNumber::new).unwrap_or(first),
                _ => {}
            }
        }
        Ok(match (ends, row) {
            (true, _) => Self::End { run, first, rows },
            (false, Some(row)) => Self::Row { row, run },
            (false, None) => Self::Foreign,
        })
    }
}

fn not_a_row_number(header: &[u8]) -> String {
    format!("its {ROW_HEADER} header `{}` is not a row number", String::from_utf8_lossy(header))
}

#[inline]
fn number(text: Option<&[u8]>) -> Option<u64> {
    std::str::from_utf8(text?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open<'a>(headers: &[(&'a str, &'a str)]) -> Result<Envelope<'a>, String> {
        Envelope::open(headers.iter().map(|(name, value)| (*name, Some(value.as_bytes()))))
    }

    #[test]
    fn headers_distinguish_rows_end_markers_and_foreign_messages() {
        let row = RowNumber::new(7).expect("7 is a row number");
        assert_eq!(open(&[("windrow-row", "7"), ("windrow-run", "a")]), Ok(Envelope::Row { row, run: Some("a") }));
        let end = Envelope::End { run: Some("a"), first: RowNumber::FIRST, rows: Some(9) };
        assert_eq!(open(&[("windrow-end", "9"), ("windrow-run", "a")]), Ok(end));
        let end = Envelope::End { run: None, first: row, rows: None };
        assert_eq!(open(&[("windrow-first", "7"), ("windrow-end", "")]), Ok(end));
        assert_eq!(open(&[("traceparent", "00-1")]), Ok(Envelope::Foreign));
        assert_eq!(open(&[]), Ok(Envelope::Foreign));
    }

    #[test]
    fn a_row_header_that_is_not_a_number_is_quoted() {
        for text in ["", "0", "-1", "seven", "99999999999999999999"] {
            let expected = format!("its windrow-row header `{text}` is not a row number");
            assert_eq!(open(&[("windrow-row", text)]), Err(expected));
        }
    }
}
