//! A file that grows in memory first. It has no open handle between writes, so any number of windows can be open.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Cursor, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::{BatchError, FileDigest};

/// The buffer size in bytes at which a file is written: large enough that the cost of a write call does not matter.
const BUFFER_BYTES: usize = 256 * 1024;

/// A file that is being filled.
#[derive(Debug)]
pub(crate) struct Spill {
    path: PathBuf,
    buffer: Vec<u8>,
    /// The number of bytes in the file, without the buffer.
    written: u64,
    /// The digest of the bytes in the file. `None` for a file that is only read back.
    digest: Option<Sha256>,
}

impl Spill {
    /// Creates a file whose digest is computed while it grows.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, buffer: Vec::new(), written: 0, digest: Some(Sha256::new()) }
    }

    /// Creates a file that is only read back, so it needs no digest.
    pub(crate) fn scratch(path: PathBuf) -> Self {
        Self { path, buffer: Vec::new(), written: 0, digest: None }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    pub(crate) fn push_file(&mut self, path: &Path) -> Result<(), BatchError> {
        let file = File::open(path).map_err(BatchError::read(path))?;
        let mut file = io::BufReader::with_capacity(BUFFER_BYTES, file);
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
        self.buffer.len() >= BUFFER_BYTES
    }

    /// The memory of the buffer, in bytes.
    pub(crate) fn buffered_bytes(&self) -> usize {
        self.buffer.capacity()
    }

    /// Appends the buffer to the file, and keeps its memory for reuse.
    pub(crate) fn write(&mut self) -> Result<(), BatchError> {
        self.append().map(drop).map_err(BatchError::write(&self.path))
    }

    /// Appends the buffer to the file, and frees its memory.
    pub(crate) fn flush(&mut self) -> Result<(), BatchError> {
        self.write()?;
        self.buffer = Vec::new();
        Ok(())
    }

    fn append(&mut self) -> io::Result<File> {
        // The folder was emptied before the first window was opened, so an existing file is our own.
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        file.write_all(&self.buffer)?;
        if let Some(digest) = &mut self.digest {
            digest.update(&self.buffer);
        }
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(file)
    }

    /// Writes the rest of the buffer, and returns the file for syncing and moving.
    pub(crate) fn finish(mut self) -> Result<CompleteFile, BatchError> {
        let file = self.append().map_err(BatchError::write(&self.path))?;
        let digest = match self.digest {
            Some(digest) => FileDigest { bytes: self.written, sha256: hex::encode(digest.finalize()) },
            None => File::open(&self.path).and_then(FileDigest::of).map_err(BatchError::read(&self.path))?,
        };
        Ok(CompleteFile { path: self.path, file, digest })
    }

    /// Returns a reader of all bytes from the beginning. Bytes that were never written are read from memory.
    pub(crate) fn reread(self) -> Result<SpillReader, BatchError> {
        let file: Box<dyn Read> = match self.written {
            0 => Box::new(io::empty()),
            _ => Box::new(File::open(&self.path).map_err(BatchError::read(&self.path))?),
        };
        let bytes = io::BufReader::new(file.chain(Cursor::new(self.buffer)));
        Ok(SpillReader { path: self.path, bytes, is_on_disk: self.written > 0 })
    }

    /// Deletes the file, if anything was written.
    pub(crate) fn remove(self) -> Result<(), BatchError> {
        if self.written > 0 { remove(&self.path) } else { Ok(()) }
    }
}

/// A file that is complete but not yet in its final place.
pub(crate) struct CompleteFile {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    pub(crate) digest: FileDigest,
}

/// The bytes on the disk, then those in memory.
type Bytes = io::BufReader<io::Chain<Box<dyn Read>, Cursor<Vec<u8>>>>;

/// A spilled file that is read back.
pub(crate) struct SpillReader {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Bytes,
    is_on_disk: bool,
}

impl SpillReader {
    /// Deletes the file, if anything was written.
    pub(crate) fn remove(self) -> Result<(), BatchError> {
        if self.is_on_disk { remove(&self.path) } else { Ok(()) }
    }
}

fn remove(path: &Path) -> Result<(), BatchError> {
    std::fs::remove_file(path).map_err(BatchError::write(path))
}
