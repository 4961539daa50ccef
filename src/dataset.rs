//! The dataset: a CSV file, plain or compressed, as numbered rows whose bytes are untouched.
//!
//! Knows files and CSV, and nothing of what the columns mean.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::config;
use crate::record::{CsvError, ReadError, RecordParser, RecordReader, RowNumber};

const DIGEST_CHUNK: usize = 256 * 1024;

/// A dataset, read once from front to back.
pub struct DatasetReader {
    records: RecordReader<Box<dyn Read + Send>>,
    columns: Vec<String>,
    path: PathBuf,
    next: RowNumber,
}

/// One row as it stands in the file.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Its place, from 1; the header line does not count.
    pub number: RowNumber,
    /// The line of the uncompressed file on which it begins, from 1.
    pub line: u64,
    /// The CSV record, without its line end.
    pub bytes: &'a [u8],
}

impl DatasetReader {
    /// Opens the file and reads its header line, if it has one.
    ///
    /// # Errors
    /// The file cannot be read, is not of a known kind, or has no usable header.
    pub fn open(dataset: &config::Dataset) -> Result<Self, DatasetError> {
        let path = dataset.path.clone();
        let mut records = RecordReader::new(decompressed(&path)?, dataset.delimiter);
        let columns = match &dataset.columns {
            Some(columns) => columns.clone(),
            None => read_header(&mut records, dataset.delimiter, &path)?,
        };
        Ok(Self { records, columns, path, next: RowNumber::FIRST })
    }

    /// The names of the columns, from the header line or the pipeline file.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The next row, or `None` behind the last one.
    ///
    /// # Errors
    /// The file ends in the middle, its compression is broken, or a record does not end.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, DatasetError> {
        let number = self.next;
        match self.records.next_record() {
            Ok(Some(record)) => {
                self.next = number.next();
                Ok(Some(Row { number, line: record.line, bytes: record.bytes }))
            }
            Ok(None) => Ok(None),
            Err(ReadError::Io(source)) => Err(DatasetError::Broken { path: self.path.clone(), row: number, source }),
            Err(source) => Err(DatasetError::Record { path: self.path.clone(), source }),
        }
    }

    /// Reads to the end; gives how many rows were still there.
    ///
    /// # Errors
    /// As [`next_row`](Self::next_row).
    pub fn count(mut self) -> Result<u64, DatasetError> {
        while self.next_row()?.is_some() {}
        Ok(self.next.get() - 1)
    }
}

/// The sha256 of the file as it lies on the disk, in hexadecimal: names the dataset, whatever its path.
///
/// # Errors
/// The file cannot be read.
pub fn digest(dataset: &config::Dataset) -> Result<String, DatasetError> {
    let failed = |source| DatasetError::Open { path: dataset.path.clone(), source };
    let mut file = File::open(&dataset.path).map_err(failed)?;
    let mut digest = Sha256::new();
    let mut chunk = vec![0; DIGEST_CHUNK];
    loop {
        match file.read(&mut chunk).map_err(failed)? {
            0 => break,
            read => digest.update(&chunk[..read]),
        }
    }
    Ok(hex::encode(digest.finalize()))
}

impl std::fmt::Debug for DatasetReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatasetReader").field("path", &self.path).field("next", &self.next).finish_non_exhaustive()
    }
}

fn decompressed(path: &Path) -> Result<Box<dyn Read + Send>, DatasetError> {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let open = || File::open(path).map_err(|source| DatasetError::Open { path: path.to_owned(), source });
    if name.ends_with(".csv.zst") {
        let file =
            zstd::Decoder::new(open()?).map_err(|source| DatasetError::Open { path: path.to_owned(), source })?;
        Ok(Box::new(file))
    } else if name.ends_with(".csv.gz") {
        // A gzip file may be several, one behind the other, as `cat` makes them.
        Ok(Box::new(flate2::read::MultiGzDecoder::new(io::BufReader::new(open()?))))
    } else if name.ends_with(".csv") {
        Ok(Box::new(open()?))
    } else {
        Err(DatasetError::Kind { path: path.to_owned() })
    }
}

fn read_header<R: Read>(
    records: &mut RecordReader<R>,
    delimiter: u8,
    path: &Path,
) -> Result<Vec<String>, DatasetError> {
    let path = || path.to_owned();
    let record = match records.next_record() {
        Ok(Some(record)) => record,
        Ok(None) => return Err(DatasetError::Empty { path: path() }),
        Err(ReadError::Io(source)) => return Err(DatasetError::Broken { path: path(), row: RowNumber::FIRST, source }),
        Err(source) => return Err(DatasetError::Record { path: path(), source }),
    };
    let mut parser = RecordParser::new(delimiter);
    let fields = parser.parse(record.bytes).map_err(|source| DatasetError::Header { path: path(), source })?;
    let columns: Vec<String> = fields.iter().map(str::to_owned).collect();
    for (index, column) in columns.iter().enumerate() {
        if columns[..index].contains(column) {
            return Err(DatasetError::ColumnTwice { path: path(), column: column.clone() });
        }
    }
    Ok(columns)
}

/// Why a dataset cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The file is not there, or may not be read.
    #[error("cannot open the dataset {} (dataset.path in the pipeline file): {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file name that does not tell what is in it.
    #[error("the dataset {} is of no known kind: its name must end in .csv, .csv.gz or .csv.zst", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
    },
    /// Nothing in it.
    #[error("the dataset {} is empty: it has no header line", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A header line that is no CSV record.
    #[error("the header line of the dataset {} cannot be read: {source}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// Why.
        source: CsvError,
    },
    /// Two columns of one name.
    #[error(
        "the dataset {} has two columns named `{column}`; if it has no header line, name its columns in dataset.columns",
        path.display()
    )]
    ColumnTwice {
        /// The file.
        path: PathBuf,
        /// The name.
        column: String,
    },
    /// Reading stopped in the middle.
    #[error("the dataset {} cannot be read beyond row {row}: {source} (is the file whole, and of the kind its name says?)", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// The row that could not be read.
        row: RowNumber,
        /// Why.
        source: io::Error,
    },
    /// A record without an end.
    #[error("the dataset {} cannot be read: {source}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ReadError,
    },
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn dataset(path: PathBuf, columns: Option<&[&str]>) -> config::Dataset {
        let columns = columns.map(|columns| columns.iter().map(|column| (*column).to_owned()).collect());
        config::Dataset { path, columns, delimiter: b',', null: vec![String::new()], time: None }
    }

    fn rows(dataset: &config::Dataset) -> Result<Vec<String>, DatasetError> {
        let mut reader = DatasetReader::open(dataset)?;
        let mut rows = Vec::new();
        while let Some(row) = reader.next_row()? {
            assert_eq!(row.number.get(), rows.len() as u64 + 1);
            rows.push(String::from_utf8_lossy(row.bytes).into_owned());
        }
        Ok(rows)
    }

    #[test]
    fn plain_gzip_and_zstd_give_the_same_rows() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = b"\xef\xbb\xbfid,name\r\n1,\"a, b\"\r\n2,\"c\r\nd\"\r\n";
        let plain = folder.path().join("d.csv");
        std::fs::write(&plain, text).expect("a file");
        let zipped = folder.path().join("d.csv.gz");
        let mut gzip =
            flate2::write::GzEncoder::new(File::create(&zipped).expect("a file"), flate2::Compression::fast());
        gzip.write_all(text).and_then(|()| gzip.finish().map(drop)).expect("a gzip file");
        let zstd = folder.path().join("d.csv.zst");
        std::fs::write(&zstd, zstd::encode_all(&text[..], 1).expect("zstd")).expect("a file");
        for path in [plain, zipped, zstd] {
            let dataset = dataset(path, None);
            assert_eq!(DatasetReader::open(&dataset).expect("opens").columns(), ["id", "name"]);
            assert_eq!(rows(&dataset).expect("reads"), ["1,\"a, b\"", "2,\"c\r\nd\""]);
            assert_eq!(DatasetReader::open(&dataset).expect("opens").count().expect("reads"), 2);
        }
    }

    #[test]
    fn with_named_columns_the_first_line_is_a_row() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("d.csv");
        std::fs::write(&path, "1,a\n2,b").expect("a file");
        assert_eq!(rows(&dataset(path, Some(&["id", "name"]))).expect("reads"), ["1,a", "2,b"]);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let whole = zstd::encode_all(&b"a,b\n1,2\n".repeat(10_000)[..], 1).expect("zstd");
        let cases: [(&str, &[u8], &str); 6] = [
            ("cut.csv.zst", &whole[..whole.len() / 2], "cannot be read beyond row"),
            ("no.csv.gz", b"a,b\n1,2\n", "cannot be read beyond row 1"),
            ("no.csv.zst", b"a,b\n1,2\n", "cannot be read beyond row 1"),
            ("empty.csv", b"", "is empty"),
            ("twice.csv", b"a,a\n", "two columns named `a`"),
            ("data.parquet", b"PAR1", "must end in .csv, .csv.gz or .csv.zst"),
        ];
        for (name, bytes, expected) in cases {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).expect("a file");
            let error = rows(&dataset(path, None)).expect_err(name).to_string();
            assert!(error.contains(expected) && error.contains(name), "{name}: {error}");
        }
        let error = rows(&dataset(folder.path().join("none.csv"), None)).expect_err("no file").to_string();
        assert!(error.starts_with("cannot open the dataset"), "{error}");
    }
}
