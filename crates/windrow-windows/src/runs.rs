//! The rows of an open window on their way to one file in row order.
//!
//! Each partition's rows come in order, so each makes a run that is sorted as it is written; a row out of order begins a
//! new run. A run is a text with the records and an index with each record's row number and length. With one run, which
//! is the common case, its text becomes the batch file; several are merged. Memory holds buffers alone.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Read};
use std::path::PathBuf;

use crate::BatchError;
use crate::spill::{Reread, Spill, Whole};
use windrow_record::RowNumber;

/// A row number and a length, little-endian.
const ENTRY: usize = 12;

/// Rows in ascending order.
#[derive(Debug)]
struct Run {
    text: Spill,
    index: Spill,
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
            None => self.begin(),
        };
        let run = &mut self.runs[place];
        run.text.push(record);
        run.text.push(b"\n");
        run.index.push(&row.get().to_le_bytes());
        // A record is at most as long as a message, which is far below 4 GiB.
        run.index.push(&u32::try_from(record.len()).unwrap_or(u32::MAX).to_le_bytes());
        run.last = row.get();
        for part in [&mut run.text, &mut run.index] {
            if part.is_full() {
                part.write()?;
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> usize {
        let place = self.runs.len();
        let part = |kind: &str| Spill::new(self.folder.join(format!("{}.{place}.{kind}", self.stem)));
        let (mut text, index) = (part("csv"), part("index"));
        // The first run may become the batch file as it is.
        if place == 0 {
            text.push(&self.header);
        }
        self.runs.push(Run { text, index, last: 0 });
        place
    }

    /// The bytes of memory that they take.
    pub(crate) fn held(&self) -> usize {
        self.runs.iter().map(|run| run.text.held() + run.index.held()).sum()
    }

    /// Moves all that is in memory to the disk.
    pub(crate) fn release(&mut self) -> Result<(), BatchError> {
        for run in &mut self.runs {
            run.text.release()?;
            run.index.release()?;
        }
        Ok(())
    }

    /// Makes one file of all runs.
    pub(crate) fn finish(mut self) -> Result<Whole, BatchError> {
        if self.runs.is_empty() {
            self.begin();
        }
        if self.runs.len() > 1 {
            return self.merge();
        }
        let Some(run) = self.runs.pop() else { unreachable!("a run was begun above") };
        run.index.remove()?;
        run.text.finish()
    }

    fn merge(self) -> Result<Whole, BatchError> {
        let mut merged = Spill::new(self.folder.join(format!("{}.csv", self.stem)));
        merged.push(&self.header);
        let mut sources = Vec::with_capacity(self.runs.len());
        for (place, run) in self.runs.into_iter().enumerate() {
            let header = if place == 0 { self.header.len() } else { 0 };
            sources.push(Source::open(run, header)?);
        }
        let mut next = BinaryHeap::new();
        for (place, source) in sources.iter_mut().enumerate() {
            next.extend(source.next_row()?.map(|row| Reverse((row, place))));
        }
        while let Some(Reverse((_, place))) = next.pop() {
            let source = &mut sources[place];
            source.copy(&mut merged)?;
            next.extend(source.next_row()?.map(|row| Reverse((row, place))));
            if merged.is_full() {
                merged.write()?;
            }
        }
        for source in sources {
            source.text.remove()?;
            source.index.remove()?;
        }
        merged.finish()
    }
}

/// A run that is read back.
struct Source {
    text: Reread,
    index: Reread,
    length: usize,
    record: Vec<u8>,
}

impl Source {
    fn open(run: Run, header: usize) -> Result<Self, BatchError> {
        let (text, index) = (run.text.reread()?, run.index.reread()?);
        let mut source = Self { text, index, length: 0, record: vec![0; header] };
        let skipped = source.text.bytes.read_exact(&mut source.record);
        skipped.map_err(BatchError::read(&source.text.path))?;
        Ok(source)
    }

    /// The number of the next row, whose record [`copy`](Self::copy) then copies.
    fn next_row(&mut self) -> Result<Option<u64>, BatchError> {
        let mut entry = [0; ENTRY];
        match self.index.bytes.read_exact(&mut entry) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read.map_err(BatchError::read(&self.index.path))?,
        }
        let (row, length) = entry.split_at(8);
        self.length = length.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        Ok(Some(row.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))))
    }

    fn copy(&mut self, to: &mut Spill) -> Result<(), BatchError> {
        // The line end goes with the record.
        self.record.resize(self.length + 1, 0);
        self.text.bytes.read_exact(&mut self.record).map_err(BatchError::read(&self.text.path))?;
        to.push(&self.record);
        Ok(())
    }
}
