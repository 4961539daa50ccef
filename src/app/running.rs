//! The running stages of one process, and their shutdown.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::error::AppError;
use crate::app::learner::ServingLearner;
use windrow_base::runtime::blocking;
use windrow_base::telemetry::{Event, Progress};
use windrow_kafka::{Broker, BrokerError, Choice, Connection, StartOptions};
use windrow_registry::Registry;
use windrow_server::{Api, Listener};

/// The time limit for stages to end after a stop.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// The time that a broker of this process may fail to write before the run ends, and the interval of the check.
const WRITE_FAILURE_TIMEOUT: Duration = Duration::from_secs(5);
const WRITE_CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// The time for the processes of a learner to end after the API.
const LEARNER_END: Duration = Duration::from_millis(800);

#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) registry: Arc<Registry>,
    broker: Option<Broker>,
    /// The stages that end when the stream is complete.
    working: JoinSet<Result<(), AppError>>,
    /// The API, which ends last.
    serving_task: JoinSet<Result<(), AppError>>,
    pub(super) stop: CancellationToken,
    pub(super) serving: CancellationToken,
    /// The URL of the API, as in `http://127.0.0.1:8080`.
    pub(crate) url: String,
}

impl Running {
    pub(super) fn new(registry: Arc<Registry>, stop: CancellationToken) -> Self {
        let serving = stop.child_token();
        let (working, serving_task) = (JoinSet::new(), JoinSet::new());
        Self { registry, broker: None, working, serving_task, stop, serving, url: String::new() }
    }

    /// Starts the API. `learner` is what it asks, if there is one, and ends after it.
    pub(super) fn serve(&mut self, api: Api, listener: Listener, learner: Option<ServingLearner>) {
        self.url = listener.url();
        if listener.is_open() && !api.keys.is_empty() && !listener.is_tls() {
            tracing::warn!(
                "the API at {} can be reached from other machines and accepts API keys over plain HTTP, where others \
                 can read them: set a certificate with serve.tls, or put a proxy with TLS in front of it",
                self.url
            );
        }
        if listener.is_open() && api.keys.is_empty() {
            tracing::warn!(
                "the API at {} can be reached from other machines and requires no key: set keys with serve.keys \
                 (`windrow key NAME` creates one)",
                self.url
            );
        }
        let instead_of = listener.instead_of.as_ref().map(ToString::to_string);
        api.progress.report(Event::ApiReady { url: self.url.clone(), instead_of });
        let token = self.serving.clone();
        self.serving_task.spawn(async move {
            windrow_server::run(api, listener, token).await;
            // The requests in progress have had their time.
            if let Some(learner) = learner {
                learner.stop.cancel();
                // If the processes take longer, they end with this process.
                let _ = tokio::time::timeout(LEARNER_END, blocking(move || drop(learner))).await;
            }
            Ok(())
        });
    }

    pub(super) fn work(&mut self, stage: impl Future<Output = Result<(), AppError>> + Send + 'static) {
        self.working.spawn(stage);
    }

    /// Starts the broker. Returns its connection, and the name of its log if this process started it. Returns `None` if
    /// stopped during the start.
    pub(super) async fn start_broker(
        &mut self,
        choice: &Choice,
        options: &StartOptions,
        progress: &Progress,
    ) -> Result<Option<(Connection, Option<String>)>, AppError> {
        let starting = self.stop.run_until_cancelled(start_broker(choice, options, progress));
        let Some(broker) = starting.await.transpose()? else { return Ok(None) };
        let started = (broker.connection().clone(), broker.log_id());
        self.broker = Some(broker);
        Ok(Some(started))
    }

    /// Runs until stopped, or until a stage or the API ends.
    pub(crate) async fn serve_on(&mut self) -> Result<(), AppError> {
        tokio::select! {
            Some(ended) = self.working.join_next() => flatten(ended),
            Some(ended) = self.serving_task.join_next() => flatten(ended),
            () = self.stop.cancelled() => Ok(()),
        }
    }

    /// Stops everything because of an error, and returns that error.
    pub(crate) async fn fail(self, error: AppError) -> AppError {
        // The first error is the one to report. Errors during the shutdown usually follow from it.
        if let Err(later) = self.shutdown().await {
            tracing::warn!(error = %later, "the shutdown failed too");
        }
        error
    }

    /// Waits until the stream is complete and all models are made, or until stopped.
    ///
    /// # Errors
    /// Returns the error of the first stage that fails.
    pub(crate) async fn finished(&mut self) -> Result<(), AppError> {
        let mut checks = tokio::time::interval(WRITE_CHECK_INTERVAL);
        loop {
            tokio::select! {
                _ = checks.tick() => self.check_broker()?,
                stage = self.working.join_next() => match stage {
                    Some(ended) => flatten(ended)?,
                    None => return Ok(()),
                },
                Some(ended) = self.serving_task.join_next() => flatten(ended)?,
                () = self.stop.cancelled() => return Ok(()),
            }
        }
    }

    /// Fails if a broker of this process cannot write. The producer only waits in that case, so no other stage would
    /// report it.
    fn check_broker(&self) -> Result<(), AppError> {
        match self.broker.as_ref().and_then(Broker::write_failure) {
            Some((lasted, reason)) if lasted >= WRITE_FAILURE_TIMEOUT => Err(BrokerError::Full { reason }.into()),
            _ => Ok(()),
        }
    }

    /// Stops the running stages, waits for them (5 s at most), and stops the broker.
    pub(crate) async fn shutdown(mut self) -> Result<(), AppError> {
        self.stop.cancel();
        let mut result = Ok(());
        let joined = tokio::time::timeout(SHUTDOWN_TIMEOUT, async {
            for tasks in [&mut self.working, &mut self.serving_task] {
                while let Some(ended) = tasks.join_next().await {
                    result = std::mem::replace(&mut result, Ok(())).and(flatten(ended));
                }
            }
        });
        let in_time = joined.await.is_ok();
        if let Some(broker) = self.broker.take() {
            result = result.and(broker.stop().await.map_err(AppError::from));
        }
        if in_time { result } else { result.and(Err(AppError::SlowShutdown)) }
    }
}

pub(super) async fn start_broker(
    choice: &Choice,
    options: &StartOptions,
    progress: &Progress,
) -> Result<Broker, BrokerError> {
    let broker = Broker::start(choice, options).await?;
    let (address, reason) = (broker.connection().address().to_owned(), broker.reason().to_owned());
    progress.report(Event::BrokerReady { kind: broker.kind(), address, reason });
    Ok(broker)
}

fn flatten(ended: Result<Result<(), AppError>, tokio::task::JoinError>) -> Result<(), AppError> {
    ended.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        // Tasks are cancelled only at the end of the runtime, when the result is not used.
        Err(_) => Ok(()),
    })
}
