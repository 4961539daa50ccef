//! Detects the layout of a CSV file: its delimiter, its quotes, and where its rows begin.

use std::borrow::Cow;
use std::io::Read;

use crate::decode;
use crate::inspection::times::is_time;
use windrow_record::{RecordParser, RecordReader, SkipInitialSpace, parse_number};

pub(crate) const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
const QUOTES: [u8; 2] = [b'"', b'\''];
/// The minimum share of records with a field that begins with a quote, if the quote is an apostrophe or comes after
/// spaces.
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
    /// True if spaces before a field are not a part of it.
    pub(crate) skip_initial_space: bool,
    /// The number of lines before the header line, or before the first row if the file has no header line.
    pub(crate) skip: u64,
    /// The fields of the header line, if there is one.
    pub(crate) header: Option<Vec<String>>,
    /// False if the header line had to be decoded.
    pub(crate) is_header_utf8: bool,
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
    is_utf8: bool,
}

/// The first records of a file, as one choice of delimiter and quotes splits them.
struct Sample {
    records: Vec<SampledRecord>,
    delimiter: u8,
    quote: u8,
    skip_initial_space: bool,
    /// The most frequent number of fields, and the number of records that have it.
    columns: usize,
    regular: usize,
}

impl Layout {
    /// Detects the layout from the beginning of a file. Its encoding must have one byte for each ASCII character.
    /// `whole` is true if `beginning` is the whole file. Returns `None` if no delimiter makes a table.
    pub(crate) fn find(beginning: &[u8], whole: bool, options: LayoutOptions) -> Option<Self> {
        let delimiters: Vec<u8> = options.delimiter.map_or(DELIMITERS.to_vec(), |delimiter| vec![delimiter]);
        let mut best: Option<(f64, Self)> = None;
        for delimiter in delimiters {
            let Some(sample) = Sample::find(beginning, whole, delimiter) else { continue };
            let (columns, share) = (sample.columns, sample.share());
            let is_table = columns > 1 || (options.delimiter.is_some() && columns == 1);
            let is_better = best.as_ref().is_none_or(|(best_share, layout)| {
                share > *best_share || (share == *best_share && columns > layout.columns)
            });
            if is_table && is_better {
                best = Some((share, Self::of(&sample, options)));
            }
        }
        best.map(|(_, layout)| layout)
    }

    fn of(sample: &Sample, options: LayoutOptions) -> Self {
        let Sample { records, delimiter, quote, skip_initial_space, columns, .. } = sample;
        let (delimiter, quote, skip_initial_space, columns) = (*delimiter, *quote, *skip_initial_space, *columns);
        // The table begins with the first records that have the usual number of fields.
        let is_row = |record: &SampledRecord| record.fields.len() == columns;
        let is_table = |index: &usize| {
            let next = records[*index..].iter().take(LOOKAHEAD_RECORDS);
            is_row(&records[*index]) && 2 * next.clone().filter(|record| is_row(record)).count() > next.len()
        };
        let begins = (0..records.len()).find(is_table).unwrap_or(0);
        let rows: Vec<&SampledRecord> = records[begins..].iter().filter(|record| is_row(record)).collect();
        let has_header = options.has_header.unwrap_or_else(|| is_header(&rows));
        let header = rows.first().filter(|_| has_header);
        let is_header_utf8 = header.is_none_or(|record| record.is_utf8);
        let header = header.map(|record| record.fields.clone());
        let skip = if begins == 0 { 0 } else { records[begins].line - 1 };
        Self { delimiter, quote, skip_initial_space, skip, header, is_header_utf8, columns }
    }
}

impl Sample {
    /// Reads the records with the quotes that fit them best.
    fn find(beginning: &[u8], whole: bool, delimiter: u8) -> Option<Self> {
        let mut best = Self::read(beginning, whole, delimiter, QUOTES[0], false)?;
        for (quote, skip_initial_space) in [(QUOTES[1], false), (QUOTES[0], true), (QUOTES[1], true)] {
            let quoted = best.quoted_share(quote, skip_initial_space);
            if quoted == 0.0 {
                continue;
            }
            let Some(other) = Self::read(beginning, whole, delimiter, quote, skip_initial_space) else { continue };
            let is_usual = quoted >= MIN_QUOTED_SHARE && other.share() >= best.share();
            // A writer may quote only the few fields that need it. More records, and not only a larger share of them,
            // must be regular, because a quote that is never closed makes one record of all others.
            let is_rare = skip_initial_space && other.regular > best.regular;
            if is_usual || is_rare {
                best = other;
            }
        }
        Some(best)
    }

    /// Reads the first records. `None` if none of them has fields.
    fn read(beginning: &[u8], whole: bool, delimiter: u8, quote: u8, skip_initial_space: bool) -> Option<Self> {
        let source: Box<dyn Read + '_> = match skip_initial_space {
            true => Box::new(SkipInitialSpace::new(beginning, delimiter, quote)),
            false => Box::new(beginning),
        };
        let mut reader = RecordReader::quoted(source, delimiter, quote);
        let mut parser = RecordParser::quoted(delimiter, quote);
        let mut records = Vec::new();
        while let Ok(Some(record)) = reader.next_record() {
            let text = decode(record.bytes);
            let fields = parser.parse(text.as_bytes()).map(|fields| fields.iter().map(str::to_owned).collect());
            let (line, is_utf8) = (record.line, matches!(text, Cow::Borrowed(_)));
            records.push(SampledRecord { fields: fields.unwrap_or_default(), line, is_utf8 });
            if records.len() > MAX_RECORDS {
                break;
            }
        }
        // The last record may be incomplete.
        if !whole || records.len() > MAX_RECORDS {
            records.pop();
        }
        let (columns, regular) = usual_count(&records)?;
        Some(Self { records, delimiter, quote, skip_initial_space, columns, regular })
    }

    /// The share of records that have the usual number of fields.
    fn share(&self) -> f64 {
        self.regular as f64 / self.records.len() as f64
    }

    /// The share of records that have a field which begins with a quote. If `after_spaces` is true, spaces must be
    /// before the quote.
    fn quoted_share(&self, quote: u8, after_spaces: bool) -> f64 {
        let is_quoted = |field: &String| {
            let spaces = field.bytes().take_while(|byte| *byte == b' ').count();
            (spaces > 0) == after_spaces && field.as_bytes().get(spaces) == Some(&quote)
        };
        let has = |record: &&SampledRecord| record.fields.iter().any(is_quoted);
        self.records.iter().filter(has).count() as f64 / self.records.len() as f64
    }
}

/// Returns the most frequent number of fields, and the number of records that have it.
fn usual_count(records: &[SampledRecord]) -> Option<(usize, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for record in records.iter().filter(|record| !record.fields.is_empty()) {
        *counts.entry(record.fields.len()).or_insert(0_usize) += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count)
}

/// Returns true if the first of these records names the columns of the others.
fn is_header(rows: &[&SampledRecord]) -> bool {
    let Some((first, rest)) = rows.split_first() else { return false };
    let is_value = |text: &str| parse_number(text).is_ok() || is_time(text);
    if first.fields.iter().any(|text| is_value(text)) || first.fields.iter().all(|text| text.trim().is_empty()) {
        return false;
    }
    let rest = &rest[..rest.len().min(COMPARED_RECORDS)];
    let below = |index: usize| rest.iter().map(move |record| record.fields[index].trim());
    let has_values = (0..first.fields.len()).any(|index| {
        let given: Vec<&str> = below(index).take(PARSED_RECORDS).filter(|text| !text.is_empty()).collect();
        2 * given.iter().filter(|text| is_value(text)).count() > given.len()
    });
    let comes_again = (0..first.fields.len()).any(|index| below(index).any(|text| text == first.fields[index].trim()));
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
        let spaced = found("a,n,b\n1, \"x,y\",2\n3, \"z,w\",4\n5,  \"p\",6\n");
        assert_eq!((spaced.quote, spaced.skip_initial_space, spaced.columns), (b'"', true, 3));
        let spaced = found("a,b\n1, 'x,y'\n2, 'z,w'\n3, 'p,q'\n");
        assert_eq!((spaced.quote, spaced.skip_initial_space, spaced.columns), (b'\'', true, 2));
        // Only one row in nine has a quote, but without it the row has a field more.
        let rare = found(&format!("a,b\n1, \"x,y\"\n{}", "2, z\n".repeat(8)));
        assert_eq!((rare.skip_initial_space, rare.columns), (true, 2));
        let inches = found(&format!("a,b\n1, \"x\n{}", "2, z\n".repeat(8)));
        assert!(!inches.skip_initial_space, "a quote that is never closed");
        let apostrophes = found("name,n\nO'Hare,1\nd'Or,2\nx,3\n");
        assert_eq!((apostrophes.quote, apostrophes.columns), (b'"', 2));
        let sold = found("Report of sales\nmade on 2020-01-01\n\nday;sold\n2020-01-01;5\n2020-01-02;6\n2020-01-03;7\n");
        assert_eq!((sold.skip, sold.header.map(|header| header.len())), (3, Some(2)));
    }

    #[test]
    fn records_are_decoded_one_at_a_time() {
        let options = LayoutOptions::default();
        let latin = b"Gr\xf6\xdfe,b\n1,x\n2,\xc3\xb6\n";
        let layout = Layout::find(latin, true, options).expect("a table");
        assert_eq!((layout.header, layout.is_header_utf8), (Some(vec!["Größe".to_owned(), "b".to_owned()]), false));
        // The sample ends within a character.
        let cut = "größe,b\n1,ö".as_bytes();
        let layout = Layout::find(&cut[..cut.len() - 1], false, options).expect("a table");
        assert_eq!((layout.header, layout.is_header_utf8), (Some(vec!["größe".to_owned(), "b".to_owned()]), true));
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
