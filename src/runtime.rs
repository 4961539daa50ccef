//! Work that would block the async runtime's threads.

/// Runs work that computes, or waits for the disk, on a thread for such work, and gives its result. A panic in it goes on in
/// the caller.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only a runtime that shuts down cancels the work before it begins, and drops the caller as well.
            Err(_) => std::future::pending().await,
        },
    }
}
