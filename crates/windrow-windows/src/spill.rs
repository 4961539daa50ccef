//! A file that grows in memory first and holds no handle between writes, so that any number of windows can be open.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Cursor, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::{BatchError, FileDigest};

/// What is held back before it is written: enough that a write costs little beside what is written.
const FULL: usize = 256 * 1024;

/// A file that is being filled.
#[derive(Debug)]
pub(crate) struct Spill {
    path: PathBuf,
    buffer: Vec<u8>,
    /// What is in the file already.
    written: u64,
    digest: Sha256,
}

impl Spill {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, buffer: Vec::new(), written: 0, digest: Sha256::new() }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Adds all bytes of a file.
    pub(crate) fn push_file(&mut self, path: &Path) -> Result<(), BatchError> {
        let file = File::open(path).map_err(BatchError::read(path))?;
        let mut file = io::BufReader::with_capacity(FULL, file);
        loop {
            let bytes = file.fill_buf().map_err(BatchError::read(path))?;
            if bytes.is_empty() {
                return Ok(());
            }
            let count = bytes.len();
            self.push(bytes);
            file.consume(count);
            if self.is_full() {
                self.write()?;
            }
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.buffer.len() >= FULL
    }

    /// The bytes of memory that it takes.
    pub(crate) fn held(&self) -> usize {
        self.buffer.capacity()
    }

    /// Moves what is in memory into the file, and keeps the memory for what follows.
    pub(crate) fn write(&mut self) -> Result<(), BatchError> {
        self.append().map(drop).map_err(BatchError::write(&self.path))
    }

    /// Moves what is in memory into the file, and gives the memory back.
    pub(crate) fn release(&mut self) -> Result<(), BatchError> {
        self.write()?;
        self.buffer = Vec::new();
        Ok(())
    }

    fn append(&mut self) -> io::Result<File> {
        // The folder was swept before the first window was opened, so what is there is ours.
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        file.write_all(&self.buffer)?;
        self.digest.update(&self.buffer);
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(file)
    }

    /// The whole file, for syncing and moving.
    pub(crate) fn finish(mut self) -> Result<Whole, BatchError> {
        let file = self.append().map_err(BatchError::write(&self.path))?;
        let sha256 = hex::encode(self.digest.finalize());
        Ok(Whole { path: self.path, file, digest: FileDigest { bytes: self.written, sha256 } })
    }

    /// All of it, from the beginning, for reading; what was never written is read from memory.
    pub(crate) fn reread(self) -> Result<Reread, BatchError> {
        let file: Box<dyn Read> = match self.written {
            0 => Box::new(io::empty()),
            _ => Box::new(File::open(&self.path).map_err(BatchError::read(&self.path))?),
        };
        let bytes = io::BufReader::new(file.chain(Cursor::new(self.buffer)));
        Ok(Reread { path: self.path, bytes, is_on_disk: self.written > 0 })
    }

    /// Removes what of it is on the disk.
    pub(crate) fn remove(self) -> Result<(), BatchError> {
        if self.written > 0 { remove(&self.path) } else { Ok(()) }
    }
}

/// A file that is whole but not yet in its place.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    pub(crate) digest: FileDigest,
}

/// First what is on the disk, then what is in memory.
type Bytes = io::BufReader<io::Chain<Box<dyn Read>, Cursor<Vec<u8>>>>;

/// A spilled file that is read back.
pub(crate) struct Reread {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Bytes,
    is_on_disk: bool,
}

impl Reread {
    /// Removes what of it is on the disk.
    pub(crate) fn remove(self) -> Result<(), BatchError> {
        if self.is_on_disk { remove(&self.path) } else { Ok(()) }
    }
}

fn remove(path: &Path) -> Result<(), BatchError> {
    std::fs::remove_file(path).map_err(BatchError::write(path))
}
