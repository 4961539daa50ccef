//! Rewrites rows of another dialect into the usual form: `"` around fields that need a quote, plain numbers, and one
//! column for the time.

use std::borrow::Cow;

use crate::error::DatasetError;
use windrow_config::{CellRules, Dataset};
use windrow_record::{EventTime, RecordParser, TimeFormat, write_record};

const DAY: f64 = 86_400.0;

#[derive(Debug)]
pub(super) struct Rewriter {
    parser: RecordParser,
    delimiter: u8,
    rules: Vec<CellRules>,
    /// The indexes of the columns of dates that become days, and their formats.
    dates: Vec<(usize, TimeFormat)>,
    /// The indexes of the two columns that make up the time.
    joined: Option<[usize; 2]>,
    /// The index of the column with the time, and its format.
    time: Option<(usize, TimeFormat)>,
    last_time: (String, Option<EventTime>),
    record: Vec<u8>,
}

impl Rewriter {
    /// Creates a rewriter. `None` if the rows are in the usual form.
    ///
    /// # Errors
    /// The pipeline file names a column that does not exist, or the file already has a column with the name of the
    /// joined time.
    pub(super) fn new(dataset: &Dataset, columns: &[String]) -> Result<Option<Self>, DatasetError> {
        let find = |key: &'static str, name: &String| {
            columns.iter().position(|column| column == name).ok_or_else(|| DatasetError::NoColumn {
                path: dataset.path.clone(),
                key,
                column: name.clone(),
                columns: columns.to_vec(),
            })
        };
        let from = dataset.time.as_ref().and_then(|time| time.from.as_ref());
        let find_part = |name: &String| find("dataset.time.from", name);
        let joined =
            from.map(|[date, clock]| Ok::<_, DatasetError>([find_part(date)?, find_part(clock)?])).transpose()?;
        if let Some(time) = dataset.time.as_ref().filter(|time| joined.is_some() && columns.contains(&time.column)) {
            return Err(DatasetError::DuplicateColumn { path: dataset.path.clone(), column: time.column.clone() });
        }
        let has_rules = !(dataset.numbers.is_empty() && dataset.replace.is_empty() && dataset.days_since.is_empty());
        if joined.is_none() && dataset.quote.is_none() && dataset.decimal.is_none() && !has_rules {
            return Ok(None);
        }
        for (key, names) in [
            ("dataset.numbers", dataset.numbers.keys().collect::<Vec<_>>()),
            ("dataset.replace", dataset.replace.keys().collect()),
            ("dataset.days_since", dataset.days_since.keys().collect()),
        ] {
            names.into_iter().try_for_each(|name| find(key, name).map(drop))?;
        }
        let rules = columns.iter().map(|name| dataset.cell_rules(name)).collect();
        let date = |(index, name): (usize, &String)| Some((index, dataset.days_since.get(name)?.clone()));
        let dates = columns.iter().enumerate().filter_map(date).collect();
        let time = dataset.time.as_ref().map(|time| {
            let index = columns.iter().position(|column| *column == time.column);
            (index.unwrap_or(columns.len()), time.format.clone())
        });
        let parser = RecordParser::quoted(dataset.delimiter, dataset.quote.unwrap_or(b'"'));
        let (last_time, record) = ((String::new(), None), Vec::new());
        Ok(Some(Self { parser, delimiter: dataset.delimiter, rules, dates, joined, time, last_time, record }))
    }

    /// Returns the record in the usual form. A record that cannot be parsed is returned unchanged, so that the caller
    /// reports it.
    pub(super) fn rewrite<'a>(&'a mut self, record: &'a [u8]) -> &'a [u8] {
        let Ok(fields) = self.parser.parse(record) else { return record };
        // A record with more fields than columns keeps them, so that the caller reports it.
        let rules = self.rules.iter().map(Some).chain(std::iter::repeat(None));
        let cell = |(text, rules): (_, Option<&'a CellRules>)| rules.map_or(Cow::Borrowed(text), |it| it.rewrite(text));
        let mut texts: Vec<Cow<'_, str>> = fields.iter().zip(rules).map(cell).collect();
        if let Some([date, clock]) = self.joined {
            texts.extend(match (fields.get(date), fields.get(clock)) {
                (Some(""), Some("")) => Some(Cow::Borrowed("")),
                (Some(date), Some(clock)) => Some(Cow::Owned(format!("{date} {clock}"))),
                _ => None,
            });
        }
        if !self.dates.is_empty() {
            let text = self.time.as_ref().and_then(|(index, _)| texts.get(*index));
            let (known, time) = &mut self.last_time;
            if let Some((text, (_, format))) = text.zip(self.time.as_ref()).filter(|(text, _)| known != text.as_ref()) {
                *time = format.parse(text).ok();
                known.clear();
                known.push_str(text);
            }
            for (index, format) in &self.dates {
                let Some(text) = texts.get_mut(*index) else { continue };
                if let Some(days) = time.zip(format.parse(text).ok()).map(|(time, date)| days_between(date, time)) {
                    *text = Cow::Owned(days);
                }
            }
        }
        self.record = write_record(texts.iter().map(AsRef::as_ref), self.delimiter);
        &self.record
    }
}

/// Returns the days from a date to a time, with two decimals if the number is not whole.
fn days_between(date: EventTime, time: EventTime) -> String {
    let days = (time.seconds() - date.seconds()) as f64 / DAY;
    if days.fract() == 0.0 { format!("{days}") } else { format!("{days:.2}") }
}
