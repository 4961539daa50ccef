//! The kinds of messages that a writer meets: new ones, and ones that it must not take again.

/// The relation of a message to what the writer has read before.
pub(super) enum Occurrence {
    /// A message that the writer has not read.
    New,
    /// A message that this process has read already.
    InThisLife,
    /// A message in the files of a sealed window.
    Sealed,
    /// A repeat that a sealed window accounts for.
    SealedRepeat,
    /// A message before the resume point for which no sealed window accounts.
    Unaccounted,
    /// A message after the end marker of its partition. It is not part of the stream: whether it is read at all depends
    /// only on the timing of the other partitions.
    AfterEnd,
}
