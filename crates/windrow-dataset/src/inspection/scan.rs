//! The first pass over a file: reads all of its rows, without a pipeline file.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

use crate::inspection::column::Column;
use crate::inspection::error::InspectionError;
use crate::inspection::layout::{Layout, LayoutOptions};
use crate::inspection::progress::{ProgressCallback, report};
use crate::{DatasetError, DatasetReader, Source, decode};
use windrow_config::unknown_column;
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
    pub(crate) first_lines: Vec<String>,
    /// The columns that were renamed: the new name and the old one.
    pub(crate) renamed: Vec<(String, String)>,
}

impl Scan {
    /// Reads all rows of a file, without a pipeline file.
    ///
    /// # Errors
    /// The file cannot be read, is not a table, has no rows, or is UTF-16.
    pub fn read(path: &Path, layout: LayoutOptions, tell: ProgressCallback<'_>) -> Result<Self, InspectionError> {
        let layout = find_layout(path, layout)?;
        if layout.columns > MAX_COLUMNS {
            return Err(InspectionError::NotATable(path.to_owned()));
        }
        let (names, renamed) = names(&layout);
        let are_named = layout.header.is_none() || !renamed.is_empty();
        let skip = layout.skip + u64::from(are_named && layout.header.is_some());
        let dataset = windrow_config::Dataset {
            path: path.to_owned(),
            skip: Some(skip).filter(|lines| *lines > 0),
            columns: are_named.then(|| names.clone()),
            delimiter: layout.delimiter,
            quote: Some(layout.quote).filter(|quote| *quote != b'"'),
            decimal: None,
            null: Vec::new(),
            time: None,
        };
        let columns = names.iter().map(|_| Column::default()).collect();
        let has_header = layout.header.is_some();
        let (not_utf8, first_not_utf8, first_lines) = (0, None, Vec::new());
        let mut scan =
            Self { dataset, has_header, columns, names, rows: 0, not_utf8, first_not_utf8, first_lines, renamed };
        if let Some(header) = &layout.header {
            scan.first_lines.push(header.join(char::from(layout.delimiter).encode_utf8(&mut [0; 4])));
        }
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
            for (column, text) in self.columns.iter_mut().zip(fields.iter()) {
                column.push(number, text);
            }
        }
        report(self.rows, tell);
        if self.rows == 0 {
            return Err(InspectionError::NoRows(self.dataset.path.clone()));
        }
        Ok(())
    }

    pub(crate) fn place(&self, name: &str) -> Option<usize> {
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
