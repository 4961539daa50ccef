//! Detects the layout of a CSV file from its first bytes, or reports why it has none.

use std::io::Read as _;
use std::path::Path;

use crate::inspection::error::InspectionError;
use crate::inspection::layout::{DELIMITERS, Layout, LayoutOptions};
use crate::{DatasetError, MAX_COLUMNS, Source, decode};
use windrow_record::{RecordParser, RecordReader, RowNumber};

/// The number of bytes from which the layout is detected.
const SAMPLE_BYTES: u64 = 512 * 1024;

/// Detects the layout of a file.
///
/// # Errors
/// The file cannot be read, is UTF-16, is not a table, or has too many columns.
pub(crate) fn find_layout(path: &Path, options: LayoutOptions) -> Result<Layout, InspectionError> {
    let source = Source::open(path)?;
    if source.utf16.is_some() {
        return Err(InspectionError::Utf16(path.to_owned()));
    }
    let mut beginning = Vec::new();
    let broken = |error: std::io::Error| DatasetError::of_read(path, RowNumber::FIRST, error.into());
    source.reader.take(SAMPLE_BYTES).read_to_end(&mut beginning).map_err(broken)?;
    let whole = (beginning.len() as u64) < SAMPLE_BYTES;
    match Layout::find(&beginning, whole, options) {
        Some(Layout { columns, .. }) if columns > MAX_COLUMNS => Err(too_many(path, columns)),
        Some(layout) => Ok(layout),
        None if whole => Err(InspectionError::NotATable(path.to_owned())),
        None => {
            Err(long_line(path, &beginning, options)?.unwrap_or_else(|| InspectionError::NotATable(path.to_owned())))
        }
    }
}

fn too_many(path: &Path, columns: usize) -> InspectionError {
    InspectionError::TooManyColumns { path: path.to_owned(), columns }
}

/// Returns the error for a line that fills most of the sample and does not end in it. `None` if no line does.
fn long_line(path: &Path, beginning: &[u8], options: LayoutOptions) -> Result<Option<InspectionError>, DatasetError> {
    let is_line_end = |byte: &u8| *byte == b'\n';
    let lines = beginning.iter().filter(|byte| is_line_end(byte)).count() as u64;
    let last = beginning.rsplit(is_line_end).next().unwrap_or_default();
    if 2 * last.len() < beginning.len() {
        return Ok(None);
    }
    let Some(bytes) = read_line(path, lines + 1)? else { return Ok(None) };
    let text = decode(&bytes);
    let count = |delimiter| RecordParser::new(delimiter).parse(text.as_bytes()).map_or(0, |fields| fields.len());
    let columns = match options.delimiter {
        Some(delimiter) => count(delimiter),
        None => DELIMITERS.into_iter().map(count).max().unwrap_or_default(),
    };
    if columns > MAX_COLUMNS {
        return Ok(Some(too_many(path, columns)));
    }
    let (path, length) = (path.to_owned(), bytes.len());
    Ok(Some(InspectionError::LongLine { path, line: lines + 1, length, sample: SAMPLE_BYTES }))
}

/// Reads the first line that is not blank, from this line on.
fn read_line(path: &Path, number: u64) -> Result<Option<Vec<u8>>, DatasetError> {
    let mut lines = RecordReader::lines(Source::open(path)?.reader);
    let failed = |error| DatasetError::of_read(path, RowNumber::FIRST, error);
    while let Some(line) = lines.next_record().map_err(failed)? {
        if line.line >= number {
            return Ok(Some(line.bytes.to_vec()));
        }
    }
    Ok(None)
}
