//! What accompanies a request from its connection to its answer: its bounds, its share of what the server can do at once,
//! and whether its client still waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::SeqCst};
use std::time::Duration;

use poem::Request;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::activity::{Activity, Phase, RequestPhase};
use crate::api::error::ApiError;
use windrow_config::Serve;

/// Bodies and answers up to this size, in bytes, are not counted in [`Limits::memory`].
pub(crate) const SMALL: usize = 64 * 1024;
/// Large bodies and answers together take at least so many bytes.
const LEAST_MEMORY: usize = 64 * 1024 * 1024;
/// The unit of [`Limits::memory`], in bytes.
const MEMORY_UNIT: usize = 1024;

/// What all requests together may use.
#[derive(Debug)]
pub(crate) struct Limits {
    /// The largest body, in bytes.
    pub(crate) max_body: usize,
    /// The most rows of a batch.
    pub(crate) max_rows: usize,
    /// How many requests may be worked on at once.
    concurrency: usize,
    work: Arc<Semaphore>,
    /// Memory for large bodies and answers, in KiB.
    memory: Arc<Semaphore>,
}

impl Limits {
    pub(crate) fn new(serve: &Serve) -> Self {
        let concurrency = serve.concurrency.min(Semaphore::MAX_PERMITS);
        let max_body = usize::try_from(serve.max_body.as_u64()).unwrap_or(usize::MAX);
        let memory = max_body.saturating_mul(2).max(LEAST_MEMORY) / MEMORY_UNIT;
        Self {
            max_body,
            max_rows: serve.max_rows,
            concurrency,
            work: Arc::new(Semaphore::new(concurrency)),
            memory: Arc::new(Semaphore::new(memory.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Memory for so many bytes, until what is returned is dropped.
    pub(crate) fn reserve(&self, bytes: usize) -> Result<OwnedSemaphorePermit, ApiError> {
        let units = u32::try_from(bytes.div_ceil(MEMORY_UNIT)).unwrap_or(u32::MAX);
        Arc::clone(&self.memory).try_acquire_many_owned(units).map_err(|_| {
            ApiError::overloaded(
                "other large requests take all the memory that is set aside for them; try again in a moment",
            )
        })
    }
}

/// Pauses where a body has grown over another half a mebibyte, so that a large one that comes fast, at most some 300 MB a
/// second, takes no processor from others.
pub(crate) async fn pace(before: usize, after: usize) {
    const STRIDE: usize = 512 * 1024;
    const PAUSE: Duration = Duration::from_millis(1);
    if after / STRIDE > before / STRIDE {
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether the client of a request still waits for its answer.
const WANTED: u8 = 0;
/// It was told that the request failed, or it has gone.
const ABANDONED: u8 = 1;
/// Its work cannot be taken back any more.
const COMMITTED: u8 = 2;

/// One request on its way through the server.
#[derive(Debug, Clone)]
pub(crate) struct RequestScope(Arc<Scope>);

#[derive(Debug)]
struct Scope {
    limits: Arc<Limits>,
    state: AtomicU8,
    /// Whether the client went away before its body had arrived.
    is_cut_short: AtomicBool,
    phase: RequestPhase,
}

impl RequestScope {
    pub(crate) fn new(limits: Arc<Limits>, activity: Arc<Activity>) -> Self {
        let (state, is_cut_short) = (AtomicU8::new(WANTED), AtomicBool::new(false));
        Self(Arc::new(Scope { limits, state, is_cut_short, phase: RequestPhase::begin(activity) }))
    }

    /// That of a request.
    pub(crate) fn of(request: &Request) -> Result<&Self, ApiError> {
        request.data::<Self>().ok_or_else(|| ApiError::overloaded("the request has no scope"))
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn phase(&self) -> &RequestPhase {
        &self.0.phase
    }

    /// A place among the requests that are worked on. Kept until the work has ended, whatever becomes of the request.
    pub(crate) fn begin_work(&self) -> Result<WorkPermit, ApiError> {
        let permit = Arc::clone(&self.0.limits.work).try_acquire_owned().map_err(|_| {
            let most = self.0.limits.concurrency;
            ApiError::overloaded(format!("{most} requests are being answered already; try again in a moment"))
        })?;
        Ok(WorkPermit { scope: self.clone(), _permit: permit })
    }

    /// Gives the request up, so that its work stops; `false` where that cannot be taken back any more.
    pub(crate) fn abandon(&self) -> bool {
        self.0.state.compare_exchange(WANTED, ABANDONED, SeqCst, SeqCst) != Err(COMMITTED)
    }

    /// Notes that the client went away before its body had arrived.
    pub(crate) fn cut_short(&self) {
        self.0.is_cut_short.store(true, SeqCst);
    }

    pub(crate) fn is_cut_short(&self) -> bool {
        self.0.is_cut_short.load(SeqCst)
    }

    /// Whether the request's body is still on its way.
    pub(crate) fn is_receiving(&self) -> bool {
        self.0.phase.is(Phase::Receiving)
    }
}

/// A place among the requests that are worked on.
#[derive(Debug)]
pub(crate) struct WorkPermit {
    scope: RequestScope,
    _permit: OwnedSemaphorePermit,
}

impl WorkPermit {
    pub(crate) fn limits(&self) -> &Limits {
        self.scope.limits()
    }

    /// Fails where nobody waits for the work any more.
    pub(crate) fn check_wanted(&self) -> Result<(), ApiError> {
        if self.scope.0.state.load(SeqCst) == ABANDONED { Err(ApiError::abandoned()) } else { Ok(()) }
    }

    /// Makes the work one that cannot be taken back; `false` where the request was given up before.
    pub(crate) fn commit(&self) -> bool {
        self.scope.0.state.compare_exchange(WANTED, COMMITTED, SeqCst, SeqCst) != Err(ABANDONED)
    }
}
