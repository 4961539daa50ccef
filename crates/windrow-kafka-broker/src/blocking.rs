//! Work that waits for the disk, called from async code.

/// Runs work that waits for the disk. In a multi-threaded runtime, other tasks continue on other threads.
pub(crate) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    let is_in_runtime = tokio::runtime::Handle::try_current()
        .is_ok_and(|handle| handle.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread);
    if is_in_runtime { tokio::task::block_in_place(work) } else { work() }
}
