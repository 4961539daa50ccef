//! Redpanda in a container that is removed with its handle.
//!
//! A task owns the container from the pull of its image to its removal. The task's runtime lasts as long as the
//! process, so a dropped future or a runtime that ends leaves no container. After SIGKILL, the engine removes the
//! container (`container`).

mod container;
mod engine;

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use windrow_base::runtime::{blocking, spawn_request};

use crate::BrokerError;
pub(crate) use crate::redpanda::engine::ContainerSpec;
#[cfg(feature = "embedded")]
pub(crate) use crate::redpanda::engine::find;

/// The time limit for the removal of the container; a Docker engine under load is slow.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(20);

/// A running container. Dropping this removes it.
#[derive(Debug)]
pub(crate) struct Redpanda {
    address: String,
    stop: CancellationToken,
    /// A mutex, because threads share a broker. Only the end takes the receiver.
    ended: Mutex<Receiver<Result<(), BrokerError>>>,
}

impl Redpanda {
    /// Starts a container and waits until Redpanda answers. Pulls the image if necessary.
    pub(crate) async fn start(plan: ContainerSpec) -> Result<Self, BrokerError> {
        let stop = CancellationToken::new();
        let (ready, is_ready) = oneshot::channel();
        let (image, stopped) = (plan.image.clone(), stop.clone());
        let ended = spawn_request(async move { container::run(&plan, &stopped, ready).await });
        // A drop of this future now ends the task and removes the container.
        let mut redpanda = Self { address: String::new(), stop, ended: Mutex::new(ended) };
        if let Ok(address) = is_ready.await {
            redpanda.address = address;
            return Ok(redpanda);
        }
        let fault = "was stopped before it was ready".to_owned();
        let given_up = || BrokerError::Container { image, fault, log: Vec::new() };
        Err(redpanda.stop().await.err().unwrap_or_else(given_up))
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Removes the container and waits for its removal.
    pub(crate) async fn stop(mut self) -> Result<(), BrokerError> {
        blocking(move || self.end()).await
    }

    /// Waits for the removal, because the process may be about to end, and the task with it. A second call does
    /// nothing.
    fn end(&mut self) -> Result<(), BrokerError> {
        self.stop.cancel();
        let removed = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner).recv_timeout(REMOVAL_TIMEOUT);
        if removed == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the Redpanda container could not be removed in time");
        }
        removed.unwrap_or(Ok(()))
    }
}

impl Drop for Redpanda {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::warn!(%error);
        }
    }
}
