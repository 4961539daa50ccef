//! A table on its way to its file.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::export::error::ExportError;
use crate::export::format::TableFormat;
use windrow_base::files;
use windrow_columnar::{Column, Style, Value, Writer};
use windrow_record::write_record;

/// One table.
pub(super) struct Sink {
    path: PathBuf,
    rows: Rows,
    /// Where it is until it is whole.
    file: NamedTempFile,
}

enum Rows {
    Parquet(Box<Writer<BufWriter<File>>>),
    Csv(BufWriter<File>),
}

impl Sink {
    pub(super) fn create(path: &Path, format: TableFormat, columns: &[Column]) -> Result<Self, ExportError> {
        let failed = |source| ExportError::Write { path: path.to_owned(), source };
        let file = files::beside(path).map_err(failed)?;
        let out = BufWriter::new(file.as_file().try_clone().map_err(failed)?);
        let mut rows = match format {
            TableFormat::Parquet => {
                Rows::Parquet(Box::new(Writer::new(out, columns).map_err(|error| failed(error.into_io()))?))
            }
            TableFormat::Csv => Rows::Csv(out),
        };
        if let Rows::Csv(out) = &mut rows {
            let header = write_record(columns.iter().map(|column| column.name.as_str()), b',');
            out.write_all(&header).and_then(|()| out.write_all(b"\n")).map_err(failed)?;
        }
        Ok(Self { path: path.to_owned(), rows, file })
    }

    /// Adds a row: a value for each column, of its kind.
    pub(super) fn push(&mut self, row: &[Value<'_>]) -> Result<(), ExportError> {
        let written = match &mut self.rows {
            Rows::Parquet(writer) => writer.push(row.iter().copied()).map_err(|error| error.into_io()),
            Rows::Csv(out) => {
                let style = Style::plain();
                let texts: Vec<Cow<'_, str>> = row.iter().map(|value| style.text(*value).unwrap_or_default()).collect();
                let mut record = write_record(texts.iter().map(AsRef::as_ref), b',');
                record.push(b'\n');
                out.write_all(&record)
            }
        };
        written.map_err(|source| ExportError::Write { path: self.path.clone(), source })
    }

    /// Puts the file in its place.
    pub(super) fn finish(self) -> Result<(), ExportError> {
        let written = match self.rows {
            Rows::Parquet(writer) => writer.finish().map_err(|error| error.into_io()),
            Rows::Csv(out) => Ok(out),
        };
        let placed = written
            .and_then(|out| out.into_inner().map_err(std::io::IntoInnerError::into_error))
            .and_then(|file| file.sync_all())
            .and_then(|()| files::place(self.file, &self.path).map(drop));
        placed.map_err(|source| ExportError::Write { path: self.path, source })
    }
}
