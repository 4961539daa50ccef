//! The state of a request from its connection to its answer: its limits, its share of the server's capacity, and
//! whether its client still waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::SeqCst};
use std::time::Duration;

use poem::Request;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::activity::{Activity, RequestPhase};
use crate::error::ApiError;
use windrow_config::Serve;

/// Maximum size of bodies and answers that do not count against [`Limits::memory`], in bytes.
pub(crate) const SMALL_BODY: usize = 64 * 1024;
/// Minimum memory for all large bodies and answers together, in bytes.
const MIN_MEMORY: usize = 64 * 1024 * 1024;
/// The unit of [`Limits::memory`], in bytes.
const MEMORY_UNIT: usize = 1024;

/// The limits of a request, and the capacity that all requests share.
#[derive(Debug)]
pub(crate) struct Limits {
    /// Maximum size of a body, in bytes.
    pub(crate) max_body: usize,
    pub(crate) max_rows: usize,
    /// Maximum number of requests that are processed at once.
    concurrency: usize,
    work: Arc<Semaphore>,
    /// Memory for large bodies and answers, in KiB.
    memory: Arc<Semaphore>,
}

impl Limits {
    pub(crate) fn new(serve: &Serve) -> Self {
        let concurrency = serve.concurrency.min(Semaphore::MAX_PERMITS);
        let max_body = usize::try_from(serve.max_body.as_u64()).unwrap_or(usize::MAX);
        let memory = max_body.saturating_mul(2).max(MIN_MEMORY) / MEMORY_UNIT;
        let memory = Arc::new(Semaphore::new(memory.min(Semaphore::MAX_PERMITS)));
        let work = Arc::new(Semaphore::new(concurrency));
        Self { max_body, max_rows: serve.max_rows, concurrency, work, memory }
    }

    /// Reserves memory until the permit is dropped.
    ///
    /// # Errors
    /// Returns an error if other large requests have reserved too much.
    pub(crate) fn reserve(&self, bytes: usize) -> Result<OwnedSemaphorePermit, ApiError> {
        let units = u32::try_from(bytes.div_ceil(MEMORY_UNIT)).unwrap_or(u32::MAX);
        let detail = "other large requests use all the memory that is reserved for them; try again in a moment";
        Arc::clone(&self.memory).try_acquire_many_owned(units).map_err(|_| ApiError::overloaded(detail))
    }
}

/// Pauses for 1 ms each time a body has grown by another 512 KiB. This limits a large body to about 300 MB per second
/// and leaves the processor to other requests.
pub(crate) async fn pace(before: usize, after: usize) {
    const BYTES_PER_PAUSE: usize = 512 * 1024;
    const GROWTH_PAUSE: Duration = Duration::from_millis(1);
    if after / BYTES_PER_PAUSE > before / BYTES_PER_PAUSE {
        tokio::time::sleep(GROWTH_PAUSE).await;
    }
}

/// The client of a request still waits for its answer.
const WANTED: u8 = 0;
/// The client got an error, or it has disconnected.
const ABANDONED: u8 = 1;
/// The work of the request cannot be undone any more.
const COMMITTED: u8 = 2;

/// One request, from its arrival to the end of its answer.
#[derive(Debug)]
pub(crate) struct RequestScope {
    pub(crate) limits: Arc<Limits>,
    state: AtomicU8,
    /// True if the client disconnected before the whole body arrived.
    is_cut_short: AtomicBool,
    pub(crate) phase: RequestPhase,
}

impl RequestScope {
    pub(crate) fn new(limits: Arc<Limits>, activity: Arc<Activity>) -> Arc<Self> {
        let (state, is_cut_short) = (AtomicU8::new(WANTED), AtomicBool::new(false));
        Arc::new(Self { limits, state, is_cut_short, phase: RequestPhase::begin(activity) })
    }

    pub(crate) fn of(request: &Request) -> Result<&Arc<Self>, ApiError> {
        request.data::<Arc<Self>>().ok_or_else(|| ApiError::overloaded("the request has no scope"))
    }

    /// Acquires a work permit. It is held until the work has ended, even if the request is abandoned before.
    ///
    /// # Errors
    /// Returns an error if too many requests are being processed.
    pub(crate) fn begin_work(self: &Arc<Self>) -> Result<WorkPermit, ApiError> {
        let most = self.limits.concurrency;
        let busy = || format!("{most} requests are being answered already; try again in a moment");
        let permit = Arc::clone(&self.limits.work).try_acquire_owned().map_err(|_| ApiError::overloaded(busy()))?;
        Ok(WorkPermit { scope: Arc::clone(self), _permit: permit })
    }

    /// Abandons the request, so that its work stops. Returns false if the work is committed.
    pub(crate) fn abandon(&self) -> bool {
        self.state.compare_exchange(WANTED, ABANDONED, SeqCst, SeqCst) != Err(COMMITTED)
    }

    pub(crate) fn cut_short(&self) {
        self.is_cut_short.store(true, SeqCst);
    }

    pub(crate) fn is_cut_short(&self) -> bool {
        self.is_cut_short.load(SeqCst)
    }
}

/// The permit to process a request. It limits the number of requests that are processed at once.
#[derive(Debug)]
pub(crate) struct WorkPermit {
    pub(crate) scope: Arc<RequestScope>,
    _permit: OwnedSemaphorePermit,
}

impl WorkPermit {
    /// Returns an error if the request is abandoned.
    pub(crate) fn check_wanted(&self) -> Result<(), ApiError> {
        if self.scope.state.load(SeqCst) == ABANDONED { Err(ApiError::abandoned()) } else { Ok(()) }
    }

    /// Commits the work, so that it cannot be undone any more. Returns false if the request is abandoned.
    pub(crate) fn commit(&self) -> bool {
        self.scope.state.compare_exchange(WANTED, COMMITTED, SeqCst, SeqCst) != Err(ABANDONED)
    }
}
