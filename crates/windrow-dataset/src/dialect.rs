//! Rewrites rows of another dialect into the usual form: `"` around fields that need a quote, plain numbers, and one
//! column for the time.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::error::DatasetError;
use windrow_config::Dataset;
use windrow_record::{EventTime, NumberForm, RecordParser, Separators, TimeFormat, write_record};

const DAY: f64 = 86_400.0;

#[derive(Debug)]
pub(super) struct Rewriter {
    parser: RecordParser,
    delimiter: u8,
    columns: Vec<ColumnRules>,
    /// The indexes of the two columns that make up the time.
    joined: Option<[usize; 2]>,
    /// The index of the column with the time, and its format.
    time: Option<(usize, TimeFormat)>,
    last_time: (String, Option<EventTime>),
    record: Vec<u8>,
}

/// How the cells of a column are rewritten.
#[derive(Debug, Default)]
struct ColumnRules {
    replace: BTreeMap<String, String>,
    numbers: Option<NumberForm>,
    days_since: Option<TimeFormat>,
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
        let mut rules: Vec<ColumnRules> = columns.iter().map(|_| ColumnRules::default()).collect();
        if dataset.decimal == Some(b',') {
            let form = NumberForm::new("", "", Separators::PointComma);
            rules.iter_mut().for_each(|rules| rules.numbers = Some(form.clone()));
        }
        for (name, form) in &dataset.numbers {
            rules[find("dataset.numbers", name)?].numbers = Some(form.clone());
        }
        // An empty text means 'missing' here, also if the rest of the file has another text for it.
        let missing = dataset.null.iter().find(|text| text.is_empty()).or(dataset.null.first());
        for (name, texts) in &dataset.replace {
            let replaced = |(text, other): (&String, &String)| {
                let other = if other.is_empty() { missing.unwrap_or(other) } else { other };
                (text.clone(), other.clone())
            };
            rules[find("dataset.replace", name)?].replace = texts.iter().map(replaced).collect();
        }
        for (name, format) in &dataset.days_since {
            let rules = &mut rules[find("dataset.days_since", name)?];
            (rules.days_since, rules.numbers) = (Some(format.clone()), None);
        }
        let time = dataset.time.as_ref().map(|time| {
            let index = columns.iter().position(|column| *column == time.column);
            (index.unwrap_or(columns.len()), time.format.clone())
        });
        let parser = RecordParser::quoted(dataset.delimiter, dataset.quote.unwrap_or(b'"'));
        let (last_time, record) = ((String::new(), None), Vec::new());
        Ok(Some(Self { parser, delimiter: dataset.delimiter, columns: rules, joined, time, last_time, record }))
    }

    /// Returns the record in the usual form. A record that cannot be parsed is returned unchanged, so that the caller
    /// reports it.
    pub(super) fn rewrite<'a>(&'a mut self, record: &'a [u8]) -> &'a [u8] {
        let Ok(fields) = self.parser.parse(record) else { return record };
        let mut texts: Vec<Cow<'_, str>> = Vec::with_capacity(fields.len() + 1);
        for (index, text) in fields.iter().enumerate() {
            let Some(rules) = self.columns.get(index) else {
                texts.push(Cow::Borrowed(text));
                continue;
            };
            let text = match rules.replace.get(text).or_else(|| rules.replace.get(text.trim())) {
                Some(other) => Cow::Borrowed(other.as_str()),
                None => Cow::Borrowed(text),
            };
            texts.push(match &rules.numbers {
                Some(form) => form.plain(&text).map_or(text, Cow::Owned),
                None => text,
            });
        }
        if let Some([date, clock]) = self.joined {
            texts.extend(match (fields.get(date), fields.get(clock)) {
                (Some(""), Some("")) => Some(Cow::Borrowed("")),
                (Some(date), Some(clock)) => Some(Cow::Owned(format!("{date} {clock}"))),
                _ => None,
            });
        }
        if self.columns.iter().any(|rules| rules.days_since.is_some()) {
            let text = self.time.as_ref().and_then(|(index, _)| texts.get(*index));
            let (known, time) = &mut self.last_time;
            if let Some((text, (_, format))) = text.zip(self.time.as_ref()).filter(|(text, _)| known != text.as_ref()) {
                *time = format.parse(text).ok();
                known.clear();
                known.push_str(text);
            }
            for (text, rules) in texts.iter_mut().zip(&self.columns) {
                let Some(format) = &rules.days_since else { continue };
                if let Some(days) = time.zip(format.parse(text).ok()).map(|(time, date)| days_between(date, time)) {
                    *text = Cow::Owned(days);
                }
            }
        }
        self.record = write_record(texts.iter().map(AsRef::as_ref), self.delimiter);
        &self.record
    }
}

/// Returns the days from a date to a time, with two decimals if they are no whole number.
fn days_between(date: EventTime, time: EventTime) -> String {
    let days = (time.seconds() - date.seconds()) as f64 / DAY;
    if days.fract() == 0.0 { format!("{days}") } else { format!("{days:.2}") }
}
