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
    /// A message before the resume point that no sealed window accounts for.
    Unaccounted,
    /// A message after the end marker of its partition. The stream does not include it: only the timing of the other partitions
    /// decides whether it is read at all.
    AfterEnd,
}
