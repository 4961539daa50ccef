//! Errors of reading and writing batch files.

use std::io;
use std::path::{Path, PathBuf};

use windrow_base::versioned::OtherFormat;
use windrow_record::{Offset, Partition, WindowIndex};

/// The reason why rows cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The disk or a quota is full.
    #[error(
        "the disk is full: cannot write {}; free some space and start again; sealed windows are not affected",
        path.display()
    )]
    DiskFull {
        /// The file that cannot be written.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}; sealed windows are not affected", path.display())]
    Write {
        /// The file that cannot be written.
        path: PathBuf,
        /// The error of the operating system or of the object store.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file that cannot be read.
        path: PathBuf,
        /// The error of the operating system or of the object store.
        source: io::Error,
    },
    /// A file is not what its manifest or its format requires.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file that is damaged.
        path: PathBuf,
        /// The damage, as part of a sentence.
        reason: String,
    },
    /// A file was written by another version of Windrow.
    #[error(transparent)]
    OtherFormat(#[from] OtherFormat),
    /// A manifest is missing between others.
    #[error(
        "the manifest of window {window} is missing in {}, but there are manifests of later windows",
        path.display()
    )]
    Missing {
        /// The folder of the manifests.
        path: PathBuf,
        /// The window without a manifest.
        window: WindowIndex,
    },
    /// Another consumer has the lock of the store.
    #[error("another consumer uses {}; stop it, or choose another directory with --workdir", path.display())]
    Locked {
        /// The folder of the batch files.
        path: PathBuf,
    },
    /// The topic has the same name, but it is not the one that was read before.
    #[error(
        "offset {offset} of partition {partition} was read before, but no file in {} accounts for the message there: \
         this is not the topic from which the directory was filled; give the right broker, or another --workdir",
        path.display()
    )]
    OtherTopic {
        /// The folder of the batch files.
        path: PathBuf,
        /// The partition of the unknown message.
        partition: Partition,
        /// The offset of the unknown message.
        offset: Offset,
    },
    /// The topic has fewer partitions than before.
    #[error(
        "{} was also filled from partition {partition}, but the topic no longer has this partition: this is not the \
         topic from which the directory was filled; give the right broker, or another --workdir",
        path.display()
    )]
    NoSuchPartition {
        /// The folder of the batch files.
        path: PathBuf,
        /// The partition that the topic lacks.
        partition: Partition,
    },
    /// A message arrived after the end of the stream.
    #[error("a message arrived after the end of the stream: offset {offset} of partition {partition}")]
    AfterEnd {
        /// The partition of the message.
        partition: Partition,
        /// The offset of the message.
        offset: Offset,
    },
    /// The URL or the settings of an object store are not valid.
    #[error("batch.url {url}: {reason}")]
    Store {
        /// The URL from the pipeline file.
        url: String,
        /// The reason, as part of a sentence.
        reason: String,
    },
    /// The object store is not the one that the work directory was filled with.
    #[error(
        "{url} does not contain {name} as {} expects it: this is not the store to which the windows were written, or \
         it was changed; set batch.url to the right store, or choose another --workdir",
        workdir.display()
    )]
    OtherStore {
        /// The URL of the object store.
        url: String,
        /// The object that the store lacks, or has with another length.
        name: String,
        /// The folder that has a copy of the object.
        workdir: PathBuf,
    },
    /// Another consumer has written the same window or the end of the stream, with other rows.
    #[error(
        "{} already exists, with other rows: another consumer writes to this store; stop one of them, or give each its \
         own batch.url; sealed windows are not affected",
        path.display()
    )]
    SealedByOther {
        /// The address of the object that both wrote.
        path: PathBuf,
    },
    /// The writer refuses to continue after an earlier error.
    #[error("the batch writer has stopped after an earlier failure; start again; sealed windows are not affected")]
    Stopped,
}

impl BatchError {
    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| {
            let path = path.to_owned();
            match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
                _ => Self::Write { path, source },
            }
        }
    }

    /// Returns a function that makes the error of a file that cannot be read.
    pub fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Read { path: path.to_owned(), source }
    }
}
