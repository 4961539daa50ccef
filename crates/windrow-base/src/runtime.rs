//! Work that would block the threads of the async runtime: waiting for the disk or the resolver, and computing.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::{LazyLock, mpsc};

use tokio::sync::oneshot;

/// The niceness added to computing threads, so that they delay neither requests nor the stream.
const NICENESS: i32 = 10;

/// Runs blocking work (the disk, a library) on a blocking thread, and returns its result. A panic in the work continues
/// in the caller.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The work is cancelled only if the runtime shuts down before it begins. The runtime then drops the caller
            // as well.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Runs computing work on a small thread pool, and returns its result. The pool has one thread fewer than there are
/// processors, and a lower priority than the runtime. A panic in the work continues in the caller.
pub async fn run_compute<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    static POOL: LazyLock<Option<rayon::ThreadPool>> =
        LazyLock::new(|| low_priority_pool("computing", processors().saturating_sub(1).max(1)));
    let Some(pool) = &*POOL else { return blocking(work).await };
    let (sender, result) = oneshot::channel();
    pool.spawn_fifo(move || {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // The receiver is gone if the caller was dropped.
        let _ = sender.send(result);
    });
    match result.await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        // The pool lives as long as the process.
        Err(_) => std::future::pending().await,
    }
}

/// Runs long computing work on a thread pool of its own, waits for it, and returns its result. Parallel iterators within
/// the work use the same pool. On Linux, its threads have a lower priority than the runtime and the stages: if all
/// processors are busy, the work waits for them, and not the other way around. A panic in the work continues in the
/// caller.
pub fn in_background<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    static POOL: LazyLock<Option<rayon::ThreadPool>> = LazyLock::new(|| low_priority_pool("background", processors()));
    match &*POOL {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

/// Returns `None` if the system does not start the threads.
fn low_priority_pool(name: &'static str, threads: usize) -> Option<rayon::ThreadPool> {
    let lower = |_| {
        // Only Linux has a niceness for each thread. Elsewhere, each thread would slow down the whole process.
        if cfg!(target_os = "linux") {
            // If the system does not allow it, the threads keep the normal priority.
            let _ = rustix::process::nice(NICENESS);
        }
    };
    let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
    builder.thread_name(move |_| name.to_owned()).start_handler(lower).build().ok()
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Returns the addresses of a host, those of IPv4 first. The host is a name or an IP address. The system's resolver may
/// wait for the network.
///
/// # Errors
/// The name has no address, or the resolver does not answer. The message names the host.
pub async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let name = host.to_owned();
    let found = blocking(move || (name.as_str(), port).to_socket_addrs().map(|found| found.collect::<Vec<_>>())).await;
    let unresolved = |reason: &dyn std::fmt::Display| format!("the host `{host}` cannot be resolved ({reason})");
    let mut found = found.map_err(|error| io::Error::new(error.kind(), unresolved(&error)))?;
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, unresolved(&"it has no address")));
    }
    found.sort_by_key(SocketAddr::is_ipv6);
    Ok(found)
}

/// Runs an async request from a blocking thread, and returns its result. The request has a runtime of its own, so the
/// calling thread may belong to another runtime.
///
/// # Panics
/// Panics if the request panics.
pub fn request<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    // The work does not panic, and the runtime does not end before the process.
    spawn_request(work).recv().expect("the request is answered")
}

/// Starts an async request on the runtime of [`request`]. The result arrives through the returned channel.
pub fn spawn_request<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> mpsc::Receiver<T> {
    static REQUESTS: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let builder = builder.worker_threads(1).thread_name("requests").enable_all();
        // Without threads, no part of this program can run.
        builder.build().expect("a thread can be started")
    });
    let (sender, result) = mpsc::sync_channel(1);
    REQUESTS.spawn(async move {
        // The receiver is gone if the caller was dropped.
        let _ = sender.send(work.await);
    });
    result
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::time::Duration;

    use rayon::prelude::*;

    use super::*;

    #[test]
    fn work_in_the_background_does_not_hold_up_other_work() {
        let threads = in_background(rayon::current_num_threads);
        let [is_busy, is_free] = [Barrier::new(threads + 1), Barrier::new(threads + 1)];
        let wait = || {
            let each = |_: rayon::BroadcastContext<'_>| {
                is_busy.wait();
                is_free.wait();
            };
            in_background(|| rayon::broadcast(each)).len()
        };
        std::thread::scope(|scope| {
            let background = scope.spawn(wait);
            // Every thread of the background waits, and other parallel work is done.
            is_busy.wait();
            let (sender, sums) = mpsc::channel();
            scope.spawn(move || sender.send((0..1_000_u64).into_par_iter().sum::<u64>()));
            let sum = sums.recv_timeout(Duration::from_secs(30));
            is_free.wait();
            assert_eq!(sum, Ok(499_500));
            assert_eq!(background.join().expect("no panic"), threads);
        });
    }

    #[test]
    fn only_the_threads_of_the_background_have_a_lower_priority() {
        let priority = || rustix::process::getpriority_process(None).expect("a priority");
        let own = priority();
        let expected = if cfg!(target_os = "linux") { (own + NICENESS).min(19) } else { own };
        assert_eq!(in_background(priority), expected);
        assert_eq!(priority(), own);
    }

    #[test]
    fn a_panic_in_the_background_continues_in_the_caller() {
        let found = std::panic::catch_unwind(|| in_background(|| -> u32 { panic!("on purpose") }));
        assert_eq!(found.expect_err("a panic").downcast_ref::<&str>(), Some(&"on purpose"));
        assert_eq!(in_background(|| 7), 7, "the pool still works");
    }

    #[tokio::test]
    async fn addresses_are_resolved_and_an_unknown_host_is_named() {
        for (host, address) in [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80")] {
            let found = resolve(host, 80).await.expect(host);
            assert_eq!(found, [address.parse::<SocketAddr>().expect("an address")]);
        }
        // The system's resolver is not asked for a name that it cannot be given.
        let error = resolve("a\0b", 80).await.expect_err("not a name").to_string();
        assert!(error.starts_with("the host `a\0b` cannot be resolved ("), "{error}");
    }
}
