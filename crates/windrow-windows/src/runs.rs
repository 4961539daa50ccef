//! Sorts the records of an open window by their keys, and writes them to one file.
//!
//! Each partition's rows arrive in order, so each partition makes one sorted run. A record out of order begins a new
//! run. A run has two files: a text with the records, and an index with each record's key and length. If there is only
//! one run, which is the common case, its text becomes the final file. Otherwise the runs are merged. Memory contains
//! only buffers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Read};
use std::path::PathBuf;

use crate::BatchError;
use crate::spill::{CompleteFile, Spill, SpillReader};
use windrow_record::{Offset, Partition, RowNumber};

/// A key that records are sorted by.
pub(crate) trait Key: Ord + Copy {
    /// The bytes of a key in an index.
    type Bytes: AsRef<[u8]> + AsMut<[u8]> + Default;
    fn to_bytes(self) -> Self::Bytes;
    fn of_bytes(bytes: Self::Bytes) -> Self;
}

impl Key for RowNumber {
    type Bytes = [u8; 8];

    fn to_bytes(self) -> Self::Bytes {
        self.get().to_le_bytes()
    }

    fn of_bytes(bytes: Self::Bytes) -> Self {
        Self::new(u64::from_le_bytes(bytes)).unwrap_or(Self::FIRST)
    }
}

/// A message's position in the topic.
impl Key for (Partition, Offset) {
    type Bytes = [u8; 12];

    fn to_bytes(self) -> Self::Bytes {
        let (Partition(partition), Offset(offset)) = self;
        let mut bytes = Self::Bytes::default();
        bytes[..4].copy_from_slice(&partition.to_le_bytes());
        bytes[4..].copy_from_slice(&offset.to_le_bytes());
        bytes
    }

    fn of_bytes([a, b, c, d, offset @ ..]: Self::Bytes) -> Self {
        (Partition(i32::from_le_bytes([a, b, c, d])), Offset(i64::from_le_bytes(offset)))
    }
}

/// Records in ascending order of their keys.
#[derive(Debug)]
struct Run<K> {
    text: Spill,
    index: Spill,
    last: Option<K>,
}

/// The names of the files that contain the runs.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) folder: PathBuf,
    /// The beginning of each name.
    pub(crate) stem: String,
    /// The extension, without the dot.
    pub(crate) kind: &'static str,
}

#[derive(Debug)]
pub(crate) struct Runs<K> {
    names: Names,
    header: Vec<u8>,
    runs: Vec<Run<K>>,
}

impl<K: Key> Runs<K> {
    /// Creates an empty set of runs. The final file begins with `header`, which is empty or a line with its line end.
    pub(crate) fn new(names: Names, header: Vec<u8>) -> Self {
        Self { names, header, runs: Vec::new() }
    }

    /// Adds a record, without its line end, to the first run that it can follow.
    pub(crate) fn push(&mut self, key: K, record: &[u8]) -> Result<(), BatchError> {
        // A message is far shorter than 4 GiB, and a record is at most a few times as long.
        let too_long = |_| BatchError::write(&self.names.folder)(io::Error::other("a record is longer than 4 GiB"));
        let length = u32::try_from(record.len()).map_err(too_long)?;
        let run_index = match self.runs.iter().position(|run| run.last < Some(key)) {
            Some(run_index) => run_index,
            None => self.begin(),
        };
        let run = &mut self.runs[run_index];
        run.text.push(record);
        run.text.push(b"\n");
        run.index.push(key.to_bytes().as_ref());
        run.index.push(&length.to_le_bytes());
        run.last = Some(key);
        for part in [&mut run.text, &mut run.index] {
            if part.is_full() {
                part.write()?;
            }
        }
        Ok(())
    }

    /// Moves all records of other runs into these.
    pub(crate) fn absorb(&mut self, other: Self) -> Result<(), BatchError> {
        for (run_index, run) in other.runs.into_iter().enumerate() {
            let mut source = Source::open(run, if run_index == 0 { other.header.len() } else { 0 })?;
            while let Some(key) = source.next_key()? {
                source.read()?;
                self.push(key, &source.record[..source.length])?;
            }
            source.remove()?;
        }
        Ok(())
    }

    fn begin(&mut self) -> usize {
        let run_index = self.runs.len();
        let Names { folder, stem, kind } = &self.names;
        let path = folder.join(format!("{stem}.{run_index}.{kind}"));
        let index = Spill::scratch(folder.join(format!("{stem}.{run_index}.{kind}.index")));
        // The first run may become the final file as it is.
        let mut text = if run_index == 0 { Spill::new(path) } else { Spill::scratch(path) };
        if run_index == 0 {
            text.push(&self.header);
        }
        self.runs.push(Run { text, index, last: None });
        run_index
    }

    /// The memory of all buffers, in bytes.
    pub(crate) fn buffered_bytes(&self) -> usize {
        self.runs.iter().map(|run| run.text.buffered_bytes() + run.index.buffered_bytes()).sum()
    }

    /// Writes all buffers to the disk, and frees their memory.
    pub(crate) fn flush(&mut self) -> Result<(), BatchError> {
        for run in &mut self.runs {
            run.text.flush()?;
            run.index.flush()?;
        }
        Ok(())
    }

    /// Writes the final file from all runs.
    pub(crate) fn finish(mut self) -> Result<CompleteFile, BatchError> {
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

    fn merge(self) -> Result<CompleteFile, BatchError> {
        let Names { folder, stem, kind } = &self.names;
        let mut merged = Spill::new(folder.join(format!("{stem}.{kind}")));
        merged.push(&self.header);
        let mut sources = Vec::with_capacity(self.runs.len());
        for (run_index, run) in self.runs.into_iter().enumerate() {
            let header = if run_index == 0 { self.header.len() } else { 0 };
            sources.push(Source::open(run, header)?);
        }
        let mut next = BinaryHeap::new();
        for (run_index, source) in sources.iter_mut().enumerate() {
            next.extend(source.next_key::<K>()?.map(|key| Reverse((key, run_index))));
        }
        while let Some(Reverse((_, run_index))) = next.pop() {
            let source = &mut sources[run_index];
            source.read()?;
            merged.push(&source.record);
            next.extend(source.next_key::<K>()?.map(|key| Reverse((key, run_index))));
            if merged.is_full() {
                merged.write()?;
            }
        }
        for source in sources {
            source.remove()?;
        }
        merged.finish()
    }
}

/// A run that is read back.
struct Source {
    text: SpillReader,
    index: SpillReader,
    /// The length of the next record, without its line end.
    length: usize,
    /// The record read last, with its line end.
    record: Vec<u8>,
}

impl Source {
    fn open<K>(run: Run<K>, header: usize) -> Result<Self, BatchError> {
        let (text, index) = (run.text.reread()?, run.index.reread()?);
        let mut source = Self { text, index, length: 0, record: vec![0; header] };
        let skipped = source.text.bytes.read_exact(&mut source.record);
        skipped.map_err(BatchError::read(&source.text.path))?;
        Ok(source)
    }

    /// Reads the key and the length of the next record. Then call [`read`](Self::read) for the record itself.
    fn next_key<K: Key>(&mut self) -> Result<Option<K>, BatchError> {
        let mut key = K::Bytes::default();
        match self.index.bytes.read_exact(key.as_mut()) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read.map_err(BatchError::read(&self.index.path))?,
        }
        let mut length = [0; 4];
        self.index.bytes.read_exact(&mut length).map_err(BatchError::read(&self.index.path))?;
        self.length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        Ok(Some(K::of_bytes(key)))
    }

    fn read(&mut self) -> Result<(), BatchError> {
        // One byte more for the line end.
        self.record.resize(self.length + 1, 0);
        self.text.bytes.read_exact(&mut self.record).map_err(BatchError::read(&self.text.path))
    }

    /// Deletes the files of the run, if anything was written.
    fn remove(self) -> Result<(), BatchError> {
        self.text.remove()?;
        self.index.remove()
    }
}
