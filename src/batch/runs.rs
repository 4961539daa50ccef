//! The rows of an open window on their way to one file in row order.
//!
//! Each partition's rows come in order, so each makes a run that is sorted as it is written; a row out of order begins a
//! new run. A run is a text file with the records and an index file with each record's row number and length. With one
//! run, which is the common case, its text file is the batch file; several are merged. Memory holds buffers alone.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::batch::BatchError;
use crate::record::RowNumber;

const BUFFER: usize = 256 * 1024;
/// A row number and a length, little-endian.
const ENTRY: usize = 12;

/// A file whose sha256 is taken while it is written.
#[derive(Debug)]
pub(crate) struct Hashed {
    file: File,
    digest: Sha256,
    bytes: u64,
}

impl Hashed {
    fn create(path: &Path) -> io::Result<BufWriter<Self>> {
        let hashed = Self { file: File::create(path)?, digest: Sha256::new(), bytes: 0 };
        Ok(BufWriter::with_capacity(BUFFER, hashed))
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A text file that is whole but not yet in its place.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// Rows in ascending order.
#[derive(Debug)]
struct Run {
    text_path: PathBuf,
    text: BufWriter<Hashed>,
    index_path: PathBuf,
    index: BufWriter<File>,
    header: usize,
    last: u64,
}

/// All runs of one window.
#[derive(Debug)]
pub(crate) struct Runs {
    folder: PathBuf,
    stem: String,
    header: Vec<u8>,
    runs: Vec<Run>,
}

impl Runs {
    /// Runs in `folder`, whose files begin with `stem`; the final file begins with `header`, a line with its end.
    pub(crate) fn new(folder: PathBuf, stem: String, header: Vec<u8>) -> Self {
        Self { folder, stem, header, runs: Vec::new() }
    }

    /// Adds a row to the first run that it can follow.
    pub(crate) fn push(&mut self, row: RowNumber, record: &[u8]) -> Result<(), BatchError> {
        let place = match self.runs.iter().position(|run| run.last < row.get()) {
            Some(place) => place,
            None => self.begin()?,
        };
        let run = &mut self.runs[place];
        let mut entry = [0; ENTRY];
        entry[..8].copy_from_slice(&row.get().to_le_bytes());
        // A record is at most as long as a message, which is far below 4 GiB.
        entry[8..].copy_from_slice(&u32::try_from(record.len()).unwrap_or(u32::MAX).to_le_bytes());
        let text = run.text.write_all(record).and_then(|()| run.text.write_all(b"\n"));
        text.map_err(BatchError::write(&run.text_path))?;
        run.index.write_all(&entry).map_err(BatchError::write(&run.index_path))?;
        run.last = row.get();
        Ok(())
    }

    fn begin(&mut self) -> Result<usize, BatchError> {
        let place = self.runs.len();
        let path = |kind: &str| self.folder.join(format!("{}.{place}.{kind}", self.stem));
        let (text_path, index_path) = (path("csv"), path("index"));
        let mut text = Hashed::create(&text_path).map_err(BatchError::write(&text_path))?;
        // The first run may become the batch file as it is.
        let header: &[u8] = if place == 0 { &self.header } else { &[] };
        text.write_all(header).map_err(BatchError::write(&text_path))?;
        let index = File::create(&index_path).map_err(BatchError::write(&index_path))?;
        let (header, index) = (header.len(), BufWriter::with_capacity(BUFFER, index));
        self.runs.push(Run { text_path, text, index_path, index, header, last: 0 });
        Ok(place)
    }

    /// Makes one file of all runs.
    pub(crate) fn finish(mut self) -> Result<Whole, BatchError> {
        if self.runs.is_empty() {
            self.begin()?;
        }
        if self.runs.len() > 1 {
            return self.merge();
        }
        let Some(run) = self.runs.pop() else { unreachable!("a run was begun above") };
        std::fs::remove_file(&run.index_path).map_err(BatchError::write(&run.index_path))?;
        whole(run.text, run.text_path)
    }

    fn merge(self) -> Result<Whole, BatchError> {
        let path = self.folder.join(format!("{}.csv", self.stem));
        let mut merged = Hashed::create(&path).map_err(BatchError::write(&path))?;
        merged.write_all(&self.header).map_err(BatchError::write(&path))?;
        let mut sources = Vec::with_capacity(self.runs.len());
        for run in self.runs {
            sources.push(Source::open(run)?);
        }
        let mut next = BinaryHeap::new();
        for (place, source) in sources.iter_mut().enumerate() {
            next.extend(source.next_row()?.map(|row| Reverse((row, place))));
        }
        while let Some(Reverse((_, place))) = next.pop() {
            let source = &mut sources[place];
            source.copy(&mut merged, &path)?;
            next.extend(source.next_row()?.map(|row| Reverse((row, place))));
        }
        for source in sources {
            source.remove()?;
        }
        whole(merged, path)
    }
}

fn whole(text: BufWriter<Hashed>, path: PathBuf) -> Result<Whole, BatchError> {
    let hashed = text.into_inner().map_err(|error| BatchError::write(&path)(error.into_error()))?;
    let sha256 = hashed.digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Whole { path, file: hashed.file, bytes: hashed.bytes, sha256 })
}

/// A run that is read back.
struct Source {
    text_path: PathBuf,
    text: BufReader<File>,
    index_path: PathBuf,
    index: BufReader<File>,
    length: usize,
    record: Vec<u8>,
}

impl Source {
    fn open(run: Run) -> Result<Self, BatchError> {
        let Run { text_path, mut text, index_path, mut index, header, .. } = run;
        text.flush().map_err(BatchError::write(&text_path))?;
        index.flush().map_err(BatchError::write(&index_path))?;
        let reader = |path: &Path| File::open(path).map(BufReader::new).map_err(BatchError::read(path));
        let (mut text, index) = (reader(&text_path)?, reader(&index_path)?);
        text.seek_relative(header as i64).map_err(BatchError::read(&text_path))?;
        Ok(Self { text_path, text, index_path, index, length: 0, record: Vec::new() })
    }

    /// The number of the next row, whose record [`copy`](Self::copy) then copies.
    fn next_row(&mut self) -> Result<Option<u64>, BatchError> {
        let mut entry = [0; ENTRY];
        match self.index.read_exact(&mut entry) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read.map_err(BatchError::read(&self.index_path))?,
        }
        let (row, length) = entry.split_at(8);
        self.length = length.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        Ok(Some(row.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))))
    }

    fn copy(&mut self, to: &mut impl Write, path: &Path) -> Result<(), BatchError> {
        // The line end goes with the record.
        self.record.resize(self.length + 1, 0);
        self.text.read_exact(&mut self.record).map_err(BatchError::read(&self.text_path))?;
        to.write_all(&self.record).map_err(BatchError::write(path))
    }

    fn remove(self) -> Result<(), BatchError> {
        for path in [&self.text_path, &self.index_path] {
            std::fs::remove_file(path).map_err(BatchError::write(path))?;
        }
        Ok(())
    }
}
