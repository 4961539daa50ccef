//! Writes a copy of a file that can be replayed: in UTF-8, and in the order of its times.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use encoding_rs::{CoderResult, Encoding};
use tempfile::NamedTempFile;

use crate::inspection::error::{InspectionError, Result};
use crate::inspection::options::Options;
use crate::inspection::progress::ProgressCallback;
use crate::inspection::row_time;
use crate::inspection::scan::Scan;
use crate::{DatasetReader, Source};
use windrow_config::TimeColumn;
use windrow_record::RecordParser;

/// The default compression level of zstd.
const ZSTD_LEVEL: i32 = 3;
const CHUNK: usize = 64 * 1024;

/// The result of a repair.
#[derive(Debug, Clone, Copy, Default)]
pub struct Repaired {
    /// The number of rows that were written.
    pub rows: u64,
    /// The number of rows that were decoded from another encoding.
    pub decoded: u64,
    /// True if the header line was decoded too. False for UTF-16, of which all is decoded.
    pub is_header_decoded: bool,
    /// The number of rows that came after a row with a later time.
    pub moved: u64,
}

/// Writes a repaired copy. Returns `None` and writes nothing if the file does not need a repair. All rows are in memory
/// while they are sorted.
///
/// # Errors
/// The file cannot be read, the copy cannot be written, or the user must say what the time is.
pub fn repair(path: &Path, copy: &Path, options: &Options, tell: ProgressCallback<'_>) -> Result<Option<Repaired>> {
    let source = Source::open(path)?;
    let Some(encoding) = source.utf16 else { return repair_rows(path, copy, options, tell) };
    // UTF-16 is first converted to UTF-8, because a scan needs one byte for each ASCII character.
    write(copy, |out| transcode(source.reader, encoding, out))?;
    let repaired = repair_rows(copy, copy, options, tell).inspect_err(|_| {
        // The copy is not in the order of its times.
        let _ = fs::remove_file(copy);
    })?;
    let repaired = repaired.unwrap_or_default();
    let rows = if repaired.rows > 0 { repaired.rows } else { Scan::read(copy, options, tell)?.rows };
    Ok(Some(Repaired { rows, decoded: rows, ..repaired }))
}

fn repair_rows(path: &Path, copy: &Path, options: &Options, tell: ProgressCallback<'_>) -> Result<Option<Repaired>> {
    let scan = Scan::read(path, options, tell)?;
    let time = row_time::find(&scan, options, &mut Vec::new())?.map(|found| found.column);
    let mut records = read(&scan, time)?;
    let moved = moved(&records);
    if moved == 0 && scan.encoding_fault().is_none() {
        return Ok(None);
    }
    // The sort is stable: rows with the same time keep their order.
    records.sort_by_key(|(seconds, _)| *seconds);
    write(copy, |out| {
        let mut out = csv::WriterBuilder::new().delimiter(scan.dataset.delimiter).flexible(true).from_writer(out);
        if scan.has_header {
            out.write_record(&scan.names)?;
        }
        let mut parser = RecordParser::new(scan.dataset.delimiter);
        for (_, record) in &records {
            match parser.parse(record) {
                Ok(fields) => out.write_record(fields.iter())?,
                // A record that cannot be parsed is written as one field. It still goes to quarantine, and its open
                // quote cannot swallow the rows after it.
                Err(_) => out.write_record([record])?,
            }
        }
        out.flush()
    })?;
    Ok(Some(Repaired { rows: scan.rows, decoded: scan.not_utf8, is_header_decoded: !scan.is_header_utf8, moved }))
}

/// The time of a row in seconds, and its record.
type Timed = (i64, Box<[u8]>);

fn read(scan: &Scan, time: Option<TimeColumn>) -> Result<Vec<Timed>> {
    let mut reader = DatasetReader::open_decoding(&scan.dataset)?;
    let mut parser = RecordParser::new(scan.dataset.delimiter);
    let indexes: Vec<usize> = match &time {
        Some(TimeColumn { from: Some(from), .. }) => from.iter().filter_map(|name| scan.index_of(name)).collect(),
        Some(time) => scan.index_of(&time.column).into_iter().collect(),
        None => Vec::new(),
    };
    let mut records: Vec<Timed> = Vec::new();
    let mut last = i64::MIN;
    while let Some(row) = reader.next_row()? {
        let bytes: Box<[u8]> = row.bytes.into();
        let seconds = time.as_ref().and_then(|time| {
            let fields = parser.parse(&bytes).ok()?;
            let texts: Option<Vec<&str>> = indexes.iter().map(|index| fields.get(*index)).collect();
            time.format.parse(&texts?.join(" ")).ok().map(|time| time.seconds())
        });
        // A row without a time stays next to the row before it.
        last = seconds.unwrap_or(last);
        records.push((last, bytes));
    }
    Ok(records)
}

fn moved(records: &[Timed]) -> u64 {
    let mut newest = i64::MIN;
    let is_behind = |(seconds, _): &&Timed| {
        newest = newest.max(*seconds);
        *seconds < newest
    };
    records.iter().filter(is_behind).count() as u64
}

fn transcode(mut reader: impl Read, encoding: &'static Encoding, out: &mut dyn Write) -> io::Result<()> {
    let mut decoder = encoding.new_decoder_with_bom_removal();
    let (mut bytes, mut text) = (vec![0; CHUNK], String::with_capacity(4 * CHUNK));
    loop {
        let read = reader.read(&mut bytes)?;
        let mut given = 0;
        loop {
            let (result, used, _) = decoder.decode_to_string(&bytes[given..read], &mut text, read == 0);
            given += used;
            out.write_all(text.as_bytes())?;
            text.clear();
            if result == CoderResult::InputEmpty {
                break;
            }
        }
        if read == 0 {
            return Ok(());
        }
    }
}

/// Writes a file that is compressed with zstd and appears whole.
fn write(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let failed = |source| InspectionError::Write { path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = NamedTempFile::new_in(folder).map_err(failed)?;
    let written = || -> io::Result<File> {
        let mut out = zstd::Encoder::new(BufWriter::new(file.reopen()?), ZSTD_LEVEL)?;
        write(&mut out)?;
        let file = out.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(file)
    };
    written().map_err(failed)?;
    file.persist(path).map(drop).map_err(|error| failed(error.error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_quote_swallows_no_row_moved_after_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, copy) = (folder.path().join("d.csv"), folder.path().join("copy.csv.zst"));
        fs::write(&path, "at,late\n2021-01-02,1\n2021-01-03,\"0\"\n2021-01-01,0\n2021-01-04,\"1\n").expect("a file");
        let options = Options { time: Some("at=%Y-%m-%d".to_owned()), ..Options::default() };
        let repaired = repair(&path, &copy, &options, &|_| ()).expect("a table").expect("a copy");
        assert_eq!((repaired.rows, repaired.moved), (4, 2));
        let copy = zstd::decode_all(File::open(copy).expect("a copy")).expect("zstd");
        let text = "at,late\n2021-01-01,0\n\"2021-01-04,\"\"1\"\n2021-01-02,1\n2021-01-03,0\n";
        assert_eq!(String::from_utf8_lossy(&copy), text);
    }
}
