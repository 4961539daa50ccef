//! Rewrites rows of another dialect into the usual form: `"` around fields that need a quote, a decimal point, and one
//! column for the time.

use std::borrow::Cow;

use crate::error::DatasetError;
use windrow_record::{RecordParser, write_record};

#[derive(Debug)]
pub(super) struct Rewriter {
    parser: RecordParser,
    delimiter: u8,
    has_decimal_comma: bool,
    /// The indexes of the two columns that make up the time.
    joined: Option<[usize; 2]>,
    record: Vec<u8>,
}

impl Rewriter {
    /// Creates a rewriter. `None` if the rows are in the usual form.
    ///
    /// # Errors
    /// A column of the time does not exist, or the file already has a column with the name of the joined time.
    pub(super) fn new(dataset: &windrow_config::Dataset, columns: &[String]) -> Result<Option<Self>, DatasetError> {
        let find = |name: &String| {
            columns.iter().position(|column| column == name).ok_or_else(|| DatasetError::NoColumn {
                path: dataset.path.clone(),
                column: name.clone(),
                columns: columns.to_vec(),
            })
        };
        let from = dataset.time.as_ref().and_then(|time| time.from.as_ref());
        let joined = from.map(|[date, clock]| Ok::<_, DatasetError>([find(date)?, find(clock)?])).transpose()?;
        if let Some(time) = dataset.time.as_ref().filter(|time| joined.is_some() && columns.contains(&time.column)) {
            return Err(DatasetError::DuplicateColumn { path: dataset.path.clone(), column: time.column.clone() });
        }
        if joined.is_none() && dataset.quote.is_none() && dataset.decimal.is_none() {
            return Ok(None);
        }
        let (delimiter, has_decimal_comma) = (dataset.delimiter, dataset.decimal == Some(b','));
        let parser = RecordParser::quoted(delimiter, dataset.quote.unwrap_or(b'"'));
        Ok(Some(Self { parser, delimiter, has_decimal_comma, joined, record: Vec::new() }))
    }

    /// Returns the record in the usual form. A record that cannot be parsed is returned unchanged, so that the caller
    /// reports it.
    pub(super) fn rewrite<'a>(&'a mut self, record: &'a [u8]) -> &'a [u8] {
        let Ok(fields) = self.parser.parse(record) else { return record };
        let time = self.joined.and_then(|[date, clock]| match (fields.get(date)?, fields.get(clock)?) {
            ("", "") => Some(String::new()),
            (date, clock) => Some(format!("{date} {clock}")),
        });
        let has_comma = self.has_decimal_comma;
        let texts = fields.iter().map(|text| if has_comma { with_point(text) } else { Cow::Borrowed(text) });
        let texts: Vec<Cow<'_, str>> = texts.chain(time.map(Cow::Owned)).collect();
        self.record = write_record(texts.iter().map(AsRef::as_ref), self.delimiter);
        &self.record
    }
}

/// Converts a number such as `1.234,5` to `1234.5`. Returns any other text unchanged.
pub(crate) fn with_point(text: &str) -> Cow<'_, str> {
    let trimmed = text.trim();
    let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    let (whole, decimals) = digits.split_once(',').map_or((digits, None), |(whole, decimals)| (whole, Some(decimals)));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mut groups = whole.split('.');
    let first = groups.next().unwrap_or_default();
    let is_grouped = whole.contains('.');
    let is_number = is_digits(first)
        && (!is_grouped || (1..=3).contains(&first.len()))
        && groups.all(|group| group.len() == 3 && is_digits(group))
        && decimals.is_none_or(|decimals| is_digits(decimals) && !(decimals.is_empty() && first.is_empty()));
    if !is_number || (decimals.is_none() && !is_grouped) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(trimmed.replace('.', "").replace(',', "."))
}

#[cfg(test)]
mod tests {
    use super::with_point;

    #[test]
    fn a_number_with_a_comma_gets_a_point_and_other_texts_stay() {
        let cases = [
            ("1,5", "1.5"),
            ("-0,25", "-0.25"),
            ("1.234,5", "1234.5"),
            ("1.234.567", "1234567"),
            (" 7,0 ", "7.0"),
            (",5", ".5"),
            ("12", "12"),
            ("", ""),
            (",", ","),
            ("1.5", "1.5"),
            ("1.23,4", "1.23,4"),
            ("01.02.2020", "01.02.2020"),
            ("1,2,3", "1,2,3"),
            ("A,5", "A,5"),
        ];
        for (text, expected) in cases {
            assert_eq!(with_point(text), expected, "{text}");
        }
    }
}
