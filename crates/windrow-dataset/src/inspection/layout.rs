//! Detects the layout of a file: its delimiter, its quotes, and where its rows begin.

use crate::decode;
use crate::inspection::times::is_time;
use windrow_record::{RecordParser, RecordReader, parse_number};

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
const QUOTES: [u8; 2] = [b'"', b'\''];
/// The minimum share of records with a field that begins with an apostrophe, for apostrophes to be quotes.
const MIN_QUOTED_SHARE: f64 = 0.2;
/// The maximum number of records that are read.
const MAX_RECORDS: usize = 500;
/// The number of records that are checked for the beginning of a table. Most of them must be rows.
const LOOKAHEAD_RECORDS: usize = 8;
/// The number of records after a header whose values are tried as numbers or times.
const PARSED_RECORDS: usize = 20;
/// The number of records after a header that are compared with it.
const COMPARED_RECORDS: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) delimiter: u8,
    pub(crate) quote: u8,
    /// The number of lines before the header line, or before the first row if the file has no header line.
    pub(crate) skip: u64,
    /// The fields of the header line, if there is one.
    pub(crate) header: Option<Vec<String>>,
    pub(crate) columns: usize,
}

/// The parts of the layout that the user has given.
#[derive(Debug, Clone, Copy, Default)]
pub struct LayoutOptions {
    /// The byte between fields.
    pub delimiter: Option<u8>,
    /// True if the first line names the columns. `None` to detect that.
    pub has_header: Option<bool>,
}

struct SampledRecord {
    fields: Vec<String>,
    line: u64,
}

impl Layout {
    /// Detects the layout from the beginning of a file. Its encoding must have one byte for each ASCII character.
    /// `whole` is true if `beginning` is the whole file. Returns `None` if no delimiter makes a table.
    pub(crate) fn find(beginning: &[u8], whole: bool, options: LayoutOptions) -> Option<Self> {
        let delimiters: Vec<u8> = options.delimiter.map_or(DELIMITERS.to_vec(), |delimiter| vec![delimiter]);
        let mut best: Option<(f64, Self)> = None;
        for delimiter in delimiters {
            let plain = read(beginning, whole, delimiter, QUOTES[0]);
            let Some((mut columns, mut share)) = usual_count(&plain) else { continue };
            let (mut records, mut quote) = (plain, QUOTES[0]);
            if begins_with(&records, QUOTES[1]) >= MIN_QUOTED_SHARE {
                let other = read(beginning, whole, delimiter, QUOTES[1]);
                let (other_columns, other_share) = usual_count(&other).unwrap_or((0, 0.0));
                if other_columns > 0 && other_share >= share {
                    (records, quote, columns, share) = (other, QUOTES[1], other_columns, other_share);
                }
            }
            let is_table = columns > 1 || (options.delimiter.is_some() && columns == 1);
            let is_better = best.as_ref().is_none_or(|(best_share, layout)| {
                share > *best_share || (share == *best_share && columns > layout.columns)
            });
            if is_table && is_better {
                best = Some((share, Self::of(&records, delimiter, quote, columns, options)));
            }
        }
        best.map(|(_, layout)| layout)
    }

    fn of(records: &[SampledRecord], delimiter: u8, quote: u8, columns: usize, options: LayoutOptions) -> Self {
        // The table begins with the first records that have the usual number of fields.
        let is_row = |record: &SampledRecord| record.fields.len() == columns;
        let is_table = |place: &usize| {
            let next = records[*place..].iter().take(LOOKAHEAD_RECORDS);
            is_row(&records[*place]) && 2 * next.clone().filter(|record| is_row(record)).count() > next.len()
        };
        let begins = (0..records.len()).find(is_table).unwrap_or(0);
        let rows: Vec<&SampledRecord> = records[begins..].iter().filter(|record| is_row(record)).collect();
        let has_header = options.has_header.unwrap_or_else(|| is_header(&rows));
        let header = rows.first().filter(|_| has_header).map(|record| record.fields.clone());
        let skip = if begins == 0 { 0 } else { records[begins].line - 1 };
        Self { delimiter, quote, skip, header, columns }
    }
}

fn read(beginning: &[u8], whole: bool, delimiter: u8, quote: u8) -> Vec<SampledRecord> {
    let text = decode(beginning);
    let mut reader = RecordReader::quoted(text.as_bytes(), delimiter, quote);
    let mut parser = RecordParser::quoted(delimiter, quote);
    let mut records = Vec::new();
    while let Ok(Some(record)) = reader.next_record() {
        let fields = parser.parse(record.bytes).map(|fields| fields.iter().map(str::to_owned).collect());
        records.push(SampledRecord { fields: fields.unwrap_or_default(), line: record.line });
        if records.len() > MAX_RECORDS {
            break;
        }
    }
    // The last record may be incomplete.
    if !whole || records.len() > MAX_RECORDS {
        records.pop();
    }
    records
}

/// The share of records that have a field which begins with a byte.
fn begins_with(records: &[SampledRecord], byte: u8) -> f64 {
    let has = |record: &&SampledRecord| record.fields.iter().any(|field| field.as_bytes().first() == Some(&byte));
    records.iter().filter(has).count() as f64 / records.len().max(1) as f64
}

/// Returns the most frequent number of fields, and the share of records that have it.
fn usual_count(records: &[SampledRecord]) -> Option<(usize, f64)> {
    let mut counts = std::collections::BTreeMap::new();
    for record in records.iter().filter(|record| !record.fields.is_empty()) {
        *counts.entry(record.fields.len()).or_insert(0_usize) += 1;
    }
    let (columns, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    Some((columns, count as f64 / records.len() as f64))
}

/// Returns true if the first of these records names the columns of the others.
fn is_header(rows: &[&SampledRecord]) -> bool {
    let Some((first, rest)) = rows.split_first() else { return false };
    let is_value = |text: &str| parse_number(text).is_ok() || is_time(text);
    if first.fields.iter().any(|text| is_value(text)) || first.fields.iter().all(|text| text.trim().is_empty()) {
        return false;
    }
    let rest = &rest[..rest.len().min(COMPARED_RECORDS)];
    let below = |place: usize| rest.iter().map(move |record| record.fields[place].trim());
    let has_values = (0..first.fields.len()).any(|place| {
        let given: Vec<&str> = below(place).take(PARSED_RECORDS).filter(|text| !text.is_empty()).collect();
        2 * given.iter().filter(|text| is_value(text)).count() > given.len()
    });
    let comes_again = (0..first.fields.len()).any(|place| below(place).any(|text| text == first.fields[place].trim()));
    has_values || !comes_again
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Layout {
        Layout::find(text.as_bytes(), true, LayoutOptions::default()).expect("a table")
    }

    #[test]
    fn delimiter_quote_header_and_the_lines_before_it_are_found() {
        let plain = found("a,b\n1,2\n3,4\n");
        assert_eq!((plain.delimiter, plain.quote, plain.skip, plain.columns), (b',', b'"', 0, 2));
        assert_eq!(plain.header.as_deref(), Some(&["a".to_owned(), "b".to_owned()][..]));
        for (text, delimiter) in [("a;b\n1,5;2\n1,6;3\n", b';'), ("a\tb\n1\t2\n", b'\t'), ("a|b\n1|2\n", b'|')] {
            assert_eq!(found(text).delimiter, delimiter, "{text}");
        }
        let quoted = found("a,b\n'x,y',1\n'z,w',2\n'p,q',3\n");
        assert_eq!((quoted.quote, quoted.columns), (b'\'', 2));
        let apostrophes = found("name,n\nO'Hare,1\nd'Or,2\nx,3\n");
        assert_eq!((apostrophes.quote, apostrophes.columns), (b'"', 2));
        let sold = found("Report of sales\nmade on 2020-01-01\n\nday;sold\n2020-01-01;5\n2020-01-02;6\n2020-01-03;7\n");
        assert_eq!((sold.skip, sold.header.map(|header| header.len())), (3, Some(2)));
    }

    #[test]
    fn a_missing_header_line_is_detected_from_the_values() {
        assert_eq!(found("1,a\n2,b\n3,c\n").header, None);
        assert_eq!(found("red,cat\nblue,dog\nred,dog\nblue,cat\n").header, None);
        assert!(found("colour,animal\nred,cat\nblue,dog\nred,dog\n").header.is_some());
        assert_eq!(found("2020-01-01,x\n2020-01-02,y\n").header, None);
        assert!(found(",x\n0,5\n1,6\n").header.is_some(), "an index without a name");
    }

    #[test]
    fn a_text_without_columns_is_not_a_table() {
        assert_eq!(Layout::find(b"one word a line\nanother\n", true, LayoutOptions::default()), None);
        let options = LayoutOptions { delimiter: Some(b';'), has_header: None };
        assert_eq!(Layout::find(b"x\n1\n2\n", true, options).map(|layout| layout.columns), Some(1));
    }
}
