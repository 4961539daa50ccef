//! Work that would hold up the async runtime's threads: what waits for the disk, and what computes.

use std::sync::{LazyLock, mpsc};

use tokio::sync::oneshot;

/// How much lower the priority of computing threads is: who asks for little is answered first.
const NICENESS: i32 = 10;

/// Runs work that waits, for the disk or a library, on a thread for such work, and gives its result. A panic in it goes on
/// in the caller.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only a runtime that shuts down cancels the work before it begins, and drops the caller as well.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Runs work that computes on one of a few threads, one processor fewer than there are, and of lower priority than the
/// runtime's; gives its result. A panic in it goes on in the caller.
pub async fn computing<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    static POOL: LazyLock<Option<rayon::ThreadPool>> = LazyLock::new(|| {
        let lower = |_| {
            // Where that may not be, the threads are as good as others.
            let _ = rustix::process::nice(NICENESS);
        };
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = processors.saturating_sub(1).max(1);
        let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
        builder.thread_name(|_| "computing".to_owned()).start_handler(lower).build().ok()
    });
    let Some(pool) = &*POOL else { return blocking(work).await };
    let (sender, result) = oneshot::channel();
    pool.spawn_fifo(move || {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // The caller may have gone away.
        let _ = sender.send(result);
    });
    match result.await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        // The pool lives as long as the process.
        Err(_) => std::future::pending().await,
    }
}

/// Runs requests of a library that is async, from a thread that may wait, and gives their result. They have a runtime of their
/// own, so that it does not matter whether the thread belongs to one.
pub fn request<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    // The work does not panic, and the runtime does not end before the process.
    requesting(work).recv().expect("the request is answered")
}

/// Begins them; the result comes by the channel.
pub fn requesting<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> mpsc::Receiver<T> {
    static REQUESTS: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let builder = builder.worker_threads(1).thread_name("requests").enable_all();
        // Without threads nothing of this program runs.
        builder.build().expect("a thread can be started")
    });
    let (sender, result) = mpsc::sync_channel(1);
    REQUESTS.spawn(async move {
        // The caller may have gone away.
        let _ = sender.send(work.await);
    });
    result
}
