//! What can go wrong with files.

use std::io;
use std::path::{Path, PathBuf};

use windrow_base::versioned::OtherFormat;
use windrow_record::{Offset, Partition, WindowIndex};

/// Why rows cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// No room.
    #[error("the disk is full: cannot write {}; make room and start again: nothing that is sealed is harmed", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// Not writable.
    #[error("cannot write {}: {source}; what is sealed is not harmed", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not readable.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not what it should be.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Written by another version of the program.
    #[error(transparent)]
    OtherFormat(#[from] OtherFormat),
    /// A hole.
    #[error("the manifest of window {window} is missing in {}, while later ones are there", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
        /// The window.
        window: WindowIndex,
    },
    /// Somebody else.
    #[error("another consumer is at work in {}; end it, or choose another directory with --workdir", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// Another topic of the same name.
    #[error(
        "offset {offset} of partition {partition} holds what no file in {} accounts for, though it was read before: \
         this is not the topic that the directory was filled from; give the right broker, or another --workdir",
        path.display()
    )]
    OtherTopic {
        /// The folder.
        path: PathBuf,
        /// The partition.
        partition: Partition,
        /// The offset.
        offset: Offset,
    },
    /// The topic has fewer partitions than it had.
    #[error(
        "{} was filled from partition {partition} too, and the topic has no such partition any more: this is not the topic \
         that the directory was filled from; give the right broker, or another --workdir",
        path.display()
    )]
    NoSuchPartition {
        /// The folder.
        path: PathBuf,
        /// The partition.
        partition: Partition,
    },
    /// A message behind the end of the stream.
    #[error("a message came behind the end of the stream: offset {offset} of partition {partition}")]
    AfterEnd {
        /// The partition.
        partition: Partition,
        /// The offset.
        offset: Offset,
    },
    /// An object store that cannot be.
    #[error("batch.url {url}: {reason}")]
    Store {
        /// The URL.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// An object store that is not the one that a work directory knows.
    #[error(
        "{url} does not hold {name} as {} knows it: this is not the store that it was filled to, or somebody has changed it; name \
         the right one with batch.url, or choose another --workdir",
        workdir.display()
    )]
    OtherStore {
        /// The store.
        url: String,
        /// What it does not hold.
        name: String,
        /// The folder that knows it.
        workdir: PathBuf,
    },
    /// Another consumer.
    #[error(
        "{} is there already, with other rows: another consumer fills this store; end one of them, or give each a batch.url of its \
         own; what is sealed is not harmed",
        path.display()
    )]
    Rival {
        /// What both wrote.
        path: PathBuf,
    },
    /// Something failed before.
    #[error("the batch writer has stopped at an earlier failure; start again: what is sealed is not harmed")]
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

    /// The error of a file that cannot be read.
    pub fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Read { path: path.to_owned(), source }
    }
}
