//! The first pass over a file: reads all of its rows, without a pipeline file.

use std::collections::{BTreeMap, HashSet};
use std::io::Read;
use std::path::Path;

use crate::inspection::column::Column;
use crate::inspection::error::InspectionError;
use crate::inspection::layout::{Layout, LayoutOptions};
use crate::inspection::options::Options;
use crate::inspection::progress::{ProgressCallback, report};
use crate::{DatasetError, DatasetReader, Source, decode};
use windrow_config::{Pipeline, unknown_column};
use windrow_record::{CsvError, RecordParser};

/// The number of bytes from which the layout is detected.
const LAYOUT_SAMPLE_BYTES: u64 = 512 * 1024;
/// The number of rows that the pipeline file shows after the header line. Without a header line it shows one row more.
const EXAMPLE_LINES: usize = 3;
/// The maximum number of columns. A file with more is not accepted as a table.
const MAX_COLUMNS: usize = 5000;

/// The result of the first pass.
#[derive(Debug)]
pub struct Scan {
    pub(crate) dataset: windrow_config::Dataset,
    pub(crate) has_header: bool,
    /// The names of the columns. Each name is unique.
    pub(crate) names: Vec<String>,
    pub(crate) columns: Vec<Column>,
    /// The number of rows.
    pub rows: u64,
    /// The number of rows that are not UTF-8, and the first of them.
    pub(crate) not_utf8: u64,
    pub(crate) first_not_utf8: Option<u64>,
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
        let layout = find_layout(path, options.layout)?;
        if layout.columns > MAX_COLUMNS {
            return Err(InspectionError::NotATable(path.to_owned()));
        }
        let (names, renamed) = names(&layout);
        let are_named = layout.header.is_none() || !renamed.is_empty();
        let skip = layout.skip + u64::from(are_named && layout.header.is_some());
        let dataset = windrow_config::Dataset {
            skip: Some(skip).filter(|lines| *lines > 0),
            columns: are_named.then(|| names.clone()),
            delimiter: layout.delimiter,
            quote: Some(layout.quote).filter(|quote| *quote != b'"'),
            ..windrow_config::Dataset::new(path.to_owned())
        };
        let mut scan = Self::new(dataset, names, options);
        (scan.has_header, scan.renamed) = (layout.header.is_some(), renamed);
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
        // A file with another quote is rewritten to the usual one, which the parser below expects. All other files are
        // read as they are.
        let plain = windrow_config::Dataset { quote: None, ..self.dataset.clone() };
        let is_rewritten = self.dataset.quote.is_some();
        let mut reader = DatasetReader::open(if is_rewritten { &self.dataset } else { &plain })?;
        let mut parser = RecordParser::new(self.dataset.delimiter);
        while let Some(row) = reader.next_row()? {
            let number = row.number.get();
            self.rows = number;
            report(number, tell);
            if self.first_lines.len() <= EXAMPLE_LINES {
                self.first_lines.push(String::from_utf8_lossy(row.bytes).into_owned());
            }
            let decoded;
            let fields = match parser.parse(row.bytes) {
                Err(CsvError::NotUtf8) => {
                    self.not_utf8 += 1;
                    self.first_not_utf8.get_or_insert(number);
                    decoded = decode(row.bytes);
                    parser.parse(decoded.as_bytes())
                }
                fields => fields,
            };
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
        InspectionError::Usage(format!("{option}: {}", unknown_column("the file", name, &self.names)))
    }
}

fn find_layout(path: &Path, layout: LayoutOptions) -> Result<Layout, InspectionError> {
    let source = Source::open(path).map_err(|error| match error {
        // No pipeline file names this path yet, so the error must not refer to one.
        DatasetError::Open { path, source } => InspectionError::Open { path, source },
        error => error.into(),
    })?;
    if source.utf16.is_some() {
        return Err(InspectionError::Utf16(path.to_owned()));
    }
    let mut beginning = Vec::new();
    let broken = |source| DatasetError::Broken { path: path.to_owned(), row: windrow_record::RowNumber::FIRST, source };
    source.reader.take(LAYOUT_SAMPLE_BYTES).read_to_end(&mut beginning).map_err(broken)?;
    let whole = (beginning.len() as u64) < LAYOUT_SAMPLE_BYTES;
    Layout::find(&beginning, whole, layout).ok_or_else(|| InspectionError::NotATable(path.to_owned()))
}

/// Returns a unique, non-empty name for each column, and the renamed columns with their old names.
fn names(layout: &Layout) -> (Vec<String>, Vec<(String, String)>) {
    let (mut seen, mut renamed) = (HashSet::new(), Vec::new());
    let given: HashSet<&str> = layout.header.iter().flatten().map(|name| name.trim()).collect();
    let names = (0..layout.columns).map(|place| {
        let was = layout.header.as_ref().and_then(|header| header.get(place)).map_or("", String::as_str);
        let plain = was.trim();
        let base = if plain.is_empty() { format!("column_{}", place + 1) } else { plain.to_owned() };
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
