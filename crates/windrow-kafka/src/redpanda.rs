//! Redpanda in a container that is removed with its handle.
//!
//! A thread of its own keeps the container, from pulling the image to removing what was made of it, so that neither a
//! dropped future nor a runtime that ends leaves a container behind. Whatever a killed process leaves is found by
//! `docker ps --all --filter label=windrow=redpanda`.

mod container;
mod image;

use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::BrokerError;
use crate::redpanda::container::Plan;

/// How long removing the container may take, with a Docker engine under load.
const REMOVAL: Duration = Duration::from_secs(20);

/// A running container.
#[derive(Debug)]
pub(crate) struct Redpanda {
    address: String,
    keeper: Keeper,
}

/// The thread that keeps the container; dropping this ends both.
#[derive(Debug)]
struct Keeper {
    stop: CancellationToken,
    ended: oneshot::Receiver<Result<(), BrokerError>>,
}

impl Redpanda {
    /// Starts a container of this image, pulled first when it is not there, and waits until Redpanda answers.
    pub(crate) async fn start(image: &str, patience: Duration, docker_host: Option<&str>) -> Result<Self, BrokerError> {
        let plan = Plan::new(image, patience, docker_host);
        let stop = CancellationToken::new();
        let (ready, is_ready) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let stopped = stop.clone();
        let fault = |reason: String| BrokerError::Container { image: image.to_owned(), fault: reason, log: Vec::new() };
        std::thread::Builder::new()
            .name("windrow-redpanda".to_owned())
            .spawn(move || {
                let outcome = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                    Ok(runtime) => {
                        let outcome = runtime.block_on(container::keep(&plan, &stopped, ready));
                        // A question to a broker that never came up may still wait for its answer.
                        runtime.shutdown_background();
                        outcome
                    }
                    Err(error) => Err(plan.fault(format!("has no runtime: {error}"), Vec::new())),
                };
                let _ = end.send(outcome);
            })
            .map_err(|error| fault(format!("has no thread: {error}")))?;
        // From here on a drop of this future ends the thread and the container.
        let keeper = Keeper { stop, ended };
        let address = is_ready.await.unwrap_or_else(|_| Err(fault("was given up".to_owned())))?;
        Ok(Self { address, keeper })
    }

    /// Where clients find it.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Removes the container.
    pub(crate) async fn stop(mut self) -> Result<(), BrokerError> {
        self.keeper.stop.cancel();
        match tokio::time::timeout(REMOVAL, &mut self.keeper.ended).await {
            Ok(Ok(outcome)) => outcome,
            _ => Ok(()),
        }
    }
}

impl Drop for Keeper {
    /// Waits for the removal: the process may be about to end, and the thread with it.
    fn drop(&mut self) {
        self.stop.cancel();
        let deadline = Instant::now() + REMOVAL;
        while matches!(self.ended.try_recv(), Err(oneshot::error::TryRecvError::Empty)) {
            if Instant::now() >= deadline {
                tracing::warn!("the Redpanda container could not be removed in time");
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
