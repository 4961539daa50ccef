//! The first pass over a file: reads all of its rows, without a pipeline file.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use crate::inspection::beginning::find_layout;
use crate::inspection::column::Column;
use crate::inspection::error::InspectionError;
use crate::inspection::layout::{Layout, LayoutOptions};
use crate::inspection::options::Options;
use crate::inspection::progress::{ProgressCallback, report};
use crate::json::JsonKeys;
use crate::{DatasetError, DatasetReader};
use windrow_config::{Pipeline, unknown_column};
use windrow_record::RecordParser;
use windrow_record::display::{counted, thousands};

/// The number of rows that the pipeline file shows after the header line. Without a header line it shows one row more.
const EXAMPLE_LINES: usize = 3;

/// The result of the first pass.
#[derive(Debug)]
pub struct Scan {
    pub(crate) dataset: windrow_config::Dataset,
    /// True if the columns have names in the file, as a header line or as keys of JSON Lines.
    pub(crate) has_header: bool,
    pub(crate) is_header_utf8: bool,
    /// The keys of JSON Lines. `None` for another format.
    pub(crate) json: Option<JsonKeys>,
    /// The names of the columns. Each name is unique.
    pub(crate) names: Vec<String>,
    pub(crate) columns: Vec<Column>,
    /// The number of rows.
    pub rows: u64,
    /// The number of rows that are not UTF-8, and the first of them.
    pub(crate) not_utf8: u64,
    first_not_utf8: Option<u64>,
    /// The number of rows that repeat the header line.
    pub(crate) repeated_headers: u64,
    /// True if the cells of a column are numbers with a decimal comma, so that unclear ones of others are too.
    pub(crate) has_decimal_comma: bool,
    pub(crate) first_lines: Vec<String>,
    /// The columns that were renamed: the new name and the old one.
    pub(crate) renamed: Vec<(String, String)>,
}

impl Scan {
    /// Reads all rows of a file, without a pipeline file. Of the options, the layout and the texts that mean 'missing' count.
    ///
    /// # Errors
    /// The file cannot be read, is not a table, has no rows, or is UTF-16.
    pub fn read(path: &Path, options: &Options, tell: ProgressCallback<'_>) -> Result<Self, InspectionError> {
        let json = JsonKeys::find(path).map_err(|error| match error {
            // No pipeline file names this path yet, so the error must not refer to one.
            DatasetError::Open { path, source } => InspectionError::Open { path, source },
            error => error.into(),
        })?;
        let (layout, (names, renamed)) = match &json {
            Some(keys) => (of_json(keys, options.layout)?, (keys.columns.clone(), Vec::new())),
            None => {
                let layout = find_layout(path, options.layout)?;
                let named = names(&layout);
                (layout, named)
            }
        };
        let are_named = layout.header.is_none() || !renamed.is_empty() || !layout.is_header_utf8;
        // A name may have line breaks in it.
        let header_lines = layout
            .header
            .as_ref()
            .map_or(0, |header| 1 + header.iter().map(|name| name.matches('\n').count() as u64).sum::<u64>());
        let skip = layout.skip + if are_named { header_lines } else { 0 };
        let dataset = windrow_config::Dataset {
            skip: Some(skip).filter(|lines| *lines > 0),
            columns: are_named.then(|| names.clone()),
            delimiter: layout.delimiter,
            quote: Some(layout.quote).filter(|quote| *quote != b'"'),
            skip_initial_space: layout.skip_initial_space.then_some(true),
            ..windrow_config::Dataset::new(path.to_owned())
        };
        let mut scan = Self::new(dataset, names, options);
        (scan.has_header, scan.renamed) = (layout.header.is_some() || json.is_some(), renamed);
        (scan.is_header_utf8, scan.json) = (layout.is_header_utf8, json);
        if let Some(header) = &layout.header {
            scan.first_lines.push(header.join(char::from(layout.delimiter).encode_utf8(&mut [0; 4])));
        }
        scan.read_rows(tell)?;
        Ok(scan)
    }

    fn new(dataset: windrow_config::Dataset, names: Vec<String>, options: &Options) -> Self {
        let null = |name: &String| options.null_of(name, &names).map(str::to_owned).collect();
        Self {
            dataset,
            has_header: true,
            columns: names.iter().map(|name| Column::new(null(name))).collect(),
            names,
            rows: 0,
            is_header_utf8: true,
            json: None,
            not_utf8: 0,
            first_not_utf8: None,
            repeated_headers: 0,
            has_decimal_comma: false,
            first_lines: Vec::new(),
            renamed: Vec::new(),
        }
    }

    /// The scan of a dataset that a pipeline file describes, cell by cell as the file has them.
    ///
    /// # Errors
    /// The dataset cannot be read.
    pub(crate) fn of_pipeline(pipeline: &Pipeline, tell: ProgressCallback<'_>) -> Result<Self, InspectionError> {
        let dataset = windrow_config::Dataset {
            decimal: None,
            numbers: BTreeMap::new(),
            replace: BTreeMap::new(),
            days_since: BTreeMap::new(),
            ..pipeline.dataset.clone()
        };
        let names = DatasetReader::open(&dataset)?.columns().to_vec();
        let options = Options { null: dataset.null.clone(), ..Options::default() };
        let mut scan = Self::new(dataset, names, &options);
        scan.read_rows(tell)?;
        Ok(scan)
    }

    fn read_rows(&mut self, tell: ProgressCallback<'_>) -> Result<(), InspectionError> {
        let mut reader = DatasetReader::open_decoding(&self.dataset)?;
        let mut parser = RecordParser::new(self.dataset.delimiter);
        while let Some(row) = reader.next_row()? {
            let number = row.number.get();
            self.rows = number;
            report(number, tell);
            if self.first_lines.len() <= EXAMPLE_LINES {
                self.first_lines.push(String::from_utf8_lossy(row.source).into_owned());
            }
            if row.is_decoded {
                self.not_utf8 += 1;
                self.first_not_utf8.get_or_insert(number);
            }
            let fields = parser.parse(row.bytes);
            let Some(fields) = fields.ok().filter(|fields| fields.len() == self.columns.len()) else { continue };
            // Files that were put together from several often repeat the header line.
            if fields.len() > 1 && fields.iter().zip(&self.names).all(|(text, name)| text.trim() == name) {
                self.repeated_headers += 1;
                continue;
            }
            for (column, text) in self.columns.iter_mut().zip(fields.iter()) {
                column.push(number, text);
            }
        }
        report(self.rows, tell);
        self.has_decimal_comma = self.columns.iter().any(Column::has_decimal_comma);
        if self.rows == 0 {
            return Err(InspectionError::NoRows(self.dataset.path.clone()));
        }
        Ok(())
    }

    pub(crate) fn index_of(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// The error for a column that an option names and the file does not have.
    pub(crate) fn no_column(&self, option: &str, name: &str) -> InspectionError {
        let nested = self.json.iter().flat_map(JsonKeys::nested).find(|(key, _)| *key == name);
        let problem = match nested {
            Some((_, reason)) => format!("{name} has {reason}"),
            None => unknown_column("the file", name, &self.names),
        };
        InspectionError::Usage(format!("{option}: {problem}"))
    }

    /// The parts of the file that are not UTF-8, in a sentence. `None` if the whole file is UTF-8.
    pub(crate) fn encoding_fault(&self) -> Option<String> {
        let rows = self.first_not_utf8.map(|first| {
            let count = counted(self.not_utf8, "row is not UTF-8", "rows are not UTF-8");
            format!("{count} (the first is row {})", thousands(first))
        });
        match (self.is_header_utf8, rows) {
            (true, rows) => rows,
            (false, None) => Some("the header line is not UTF-8".to_owned()),
            (false, Some(rows)) => Some(format!("the header line is not UTF-8, and {rows}")),
        }
    }
}

/// The layout of the records that JSON Lines are read as.
fn of_json(keys: &JsonKeys, options: LayoutOptions) -> Result<Layout, InspectionError> {
    if options.delimiter.is_some() || options.has_header.is_some() {
        let problem = "--delimiter and --header are for CSV, but the file is JSON Lines: remove them";
        return Err(InspectionError::Usage(problem.to_owned()));
    }
    let (delimiter, quote, columns) = (b',', b'"', keys.columns.len());
    let (skip_initial_space, skip, header, is_header_utf8) = (false, 0, None, true);
    Ok(Layout { delimiter, quote, skip_initial_space, skip, header, is_header_utf8, columns })
}

/// Returns a unique, non-empty name for each column, and the renamed columns with their old names.
fn names(layout: &Layout) -> (Vec<String>, Vec<(String, String)>) {
    let (mut seen, mut renamed) = (HashSet::new(), Vec::new());
    let given: HashSet<&str> = layout.header.iter().flatten().map(|name| name.trim()).collect();
    let names = (0..layout.columns).map(|index| {
        let was = layout.header.as_ref().and_then(|header| header.get(index)).map_or("", String::as_str);
        let plain = was.trim();
        let base = if plain.is_empty() { format!("column_{}", index + 1) } else { plain.to_owned() };
        let is_free =
            |name: &str, seen: &HashSet<String>| !seen.contains(name) && (name == plain || !given.contains(name));
        let numbered = (2..).map(|number| format!("{base}_{number}"));
        let name = std::iter::once(base.clone()).chain(numbered).find(|it| is_free(it, &seen)).unwrap_or(base.clone());
        seen.insert(name.clone());
        if layout.header.is_some() && name != was {
            renamed.push((name.clone(), was.to_owned()));
        }
        name
    });
    let names = names.collect();
    (names, renamed)
}

#[cfg(test)]
impl Scan {
    /// The scan of a file that has these columns.
    pub(crate) fn of(columns: Vec<(&str, Column)>) -> Self {
        let (names, columns): (Vec<String>, Vec<Column>) =
            columns.into_iter().map(|(name, column)| (name.to_owned(), column)).unzip();
        let scan = Self::new(windrow_config::Dataset::new("d.csv".into()), names, &Options::default());
        let has_decimal_comma = columns.iter().any(Column::has_decimal_comma);
        Self { rows: columns[0].rows, columns, has_decimal_comma, ..scan }
    }
}
