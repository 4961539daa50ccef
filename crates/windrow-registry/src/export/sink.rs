//! Writes one table to one file.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::export::error::ExportError;
use windrow_base::files;
use windrow_columnar::{Column, Style, Value, Writer};

/// The file format of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// Parquet with typed columns.
    Parquet,
    /// CSV with a header line.
    Csv,
}

impl TableFormat {
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
        }
    }
}

/// A table that is being written.
pub(super) struct Sink {
    path: PathBuf,
    rows: TableWriter,
    /// The temporary file, which replaces `path` when the table is complete.
    file: NamedTempFile,
}

enum TableWriter {
    Parquet(Box<Writer<BufWriter<File>>>),
    Csv(Box<csv::Writer<File>>),
}

impl Sink {
    pub(super) fn create(path: &Path, format: TableFormat, columns: &[Column]) -> Result<Self, ExportError> {
        let failed = |source| ExportError::Write { path: path.to_owned(), source };
        let file = files::temp_file_beside(path).map_err(failed)?;
        let out = file.as_file().try_clone().map_err(failed)?;
        let rows = match format {
            TableFormat::Parquet => {
                let writer = Writer::new(BufWriter::new(out), columns);
                TableWriter::Parquet(Box::new(writer.map_err(|error| failed(error.into_io()))?))
            }
            TableFormat::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                let header = writer.write_record(columns.iter().map(|column| &column.name));
                header.map_err(|error| failed(error.into()))?;
                TableWriter::Csv(Box::new(writer))
            }
        };
        Ok(Self { path: path.to_owned(), rows, file })
    }

    /// Appends a row: one value per column, of the column's type.
    pub(super) fn push(&mut self, row: &[Value<'_>]) -> Result<(), ExportError> {
        let written = match &mut self.rows {
            TableWriter::Parquet(writer) => writer.push(row.iter().copied()).map_err(|error| error.into_io()),
            TableWriter::Csv(writer) => {
                let style = Style::plain();
                let texts = row.iter().map(|value| style.text(*value).unwrap_or_default().into_owned());
                writer.write_record(texts).map_err(Into::into)
            }
        };
        written.map_err(|source| ExportError::Write { path: self.path.clone(), source })
    }

    /// Completes the file and moves it to its path.
    pub(super) fn finish(self) -> Result<(), ExportError> {
        let written = match self.rows {
            TableWriter::Parquet(writer) => {
                let finished = writer.finish().map_err(|error| error.into_io());
                finished.and_then(|out| out.into_inner().map_err(io::IntoInnerError::into_error))
            }
            TableWriter::Csv(writer) => writer.into_inner().map_err(csv::IntoInnerError::into_error),
        };
        let persisted =
            written.and_then(|file| file.sync_all()).and_then(|()| files::persist(self.file, &self.path).map(drop));
        persisted.map_err(|source| ExportError::Write { path: self.path, source })
    }
}
