//! Whether a message is new to the writer.

/// Whether a message is new to the writer.
pub(super) enum Occurrence {
    /// It is.
    New,
    /// It came since this process began already.
    InThisLife,
    /// A sealed window accounts for it.
    Sealed,
    /// The same, as for one that brought a row again.
    SealedRepeat,
    /// It lies before the point where reading goes on, and nothing accounts for it.
    Unaccounted,
    /// It stands behind the end of its partition, which is no part of the stream: whether it is read before the other
    /// partitions end is a matter of chance.
    BehindEnd,
}
