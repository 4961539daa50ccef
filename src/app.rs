//! Wiring: makes the parts that a process needs, runs its stages side by side, and ends them together.
//!
//! Owns cancellation: every stage gets the same token, and none is left behind when this returns. The first failure
//! stops the others.

mod workdir;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::{self, Api, ApiError};
use crate::batch::{BatchError, BatchStore, Cut};
use crate::broker::{Broker, BrokerError, Choice, Connection, StartOptions, topics};
use crate::config::{ConfigError, Pipeline, Schema, WindowPolicy};
use crate::consumer::{Consumer, ConsumerError};
use crate::dataset::{self, DatasetError, DatasetReader};
use crate::producer::{Producer, ProducerError, Replay};
use crate::record::RunId;
use crate::registry::{Registry, RegistryError};
use crate::telemetry::{Event, Progress};
use crate::trainer::{Trainer, TrainerError};

pub use self::workdir::WorkdirError;

/// How long stages may take to end once they are told to.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);
/// So many digits of the dataset's sha256 name its replay.
const RUN_ID_LENGTH: usize = 16;
/// How often a server looks for models that another process has made.
const REGISTRY_POLL: Duration = Duration::from_millis(500);

/// What every command that works on a pipeline needs.
#[derive(Debug, Clone)]
pub struct Workplace {
    /// What to do.
    pub pipeline: Arc<Pipeline>,
    /// Where its files go.
    pub workdir: PathBuf,
    /// Where its stages tell of their work.
    pub progress: Progress,
}

/// How a whole pipeline is run in one process.
#[derive(Debug)]
pub struct RunOptions {
    /// Which broker.
    pub broker: Choice,
    /// How it is started.
    pub start: StartOptions,
    /// Whether the work directory is emptied first.
    pub fresh: bool,
}

impl Workplace {
    /// Broker, producer, consumer, trainer and API in one process.
    ///
    /// Returns when all are at work; they go on until [`Running::finished`] and [`Running::shutdown`].
    ///
    /// # Errors
    /// The work directory holds a run, the port is taken, the broker does not come up, or the topic cannot be made.
    pub async fn run(&self, options: RunOptions, stop: CancellationToken) -> Result<Running, AppError> {
        let schema = self.schema()?;
        let cut = self.cut()?;
        let listener = api::bind(self.pipeline.serve.listen).await?;
        workdir::clear(&self.workdir, options.fresh)?;
        let registry = Arc::new(Registry::open(&self.models())?);
        let mut running = Running::new(Arc::clone(&registry), stop);
        running.serve(self.api(&registry), listener);
        let started = running.start_broker(&options.broker, &options.start, &self.progress).await;
        let connection = match started {
            Ok(Some(connection)) => connection,
            Ok(None) => return Ok(running),
            Err(error) => return Err(running.give_up(error).await),
        };
        let stream = &self.pipeline.stream;
        if let Err(error) = topics::create(&connection, &stream.topic, stream.partitions.get()).await {
            return Err(running.give_up(error.into()).await);
        }
        let store = match self.begin() {
            Ok(store) => store,
            Err(error) => return Err(running.give_up(error).await),
        };
        let producer = self.producer(&schema, connection.clone())?;
        let consumer = self.consumer(&schema, cut, store.clone(), connection, None);
        let trainer = self.trainer(&schema, store, &registry);
        let token = || running.stop.clone();
        let (producing, consuming, training) = (producer.run(token()), consumer.run(token()), trainer.run(token()));
        running.work(async { Ok(producing.await?) });
        running.work(async { Ok(consuming.await?) });
        running.work(async { Ok(training.await?) });
        Ok(running)
    }

    /// The producer alone.
    ///
    /// # Errors
    /// As [`Producer::run`].
    pub async fn produce(&self, connection: Connection, stop: CancellationToken) -> Result<(), AppError> {
        Ok(self.producer(&self.schema()?, connection)?.run(stop).await?)
    }

    /// The consumer alone; goes on where the manifests in the work directory say.
    ///
    /// # Errors
    /// As [`Consumer::run`].
    pub async fn consume(
        &self,
        connection: Connection,
        end_after_idle: Option<Duration>,
        stop: CancellationToken,
    ) -> Result<(), AppError> {
        let (schema, cut) = (self.schema()?, self.cut()?);
        let store = self.begin()?;
        if let Some(end) = store.end()? {
            self.progress.tell(Event::StreamEnded { windows: end.windows });
        }
        Ok(self.consumer(&schema, cut, store, connection, end_after_idle).run(stop).await?)
    }

    /// The trainer alone; begins with the first window without a model.
    ///
    /// # Errors
    /// As [`Trainer::run`].
    pub async fn train(&self, stop: CancellationToken) -> Result<(), AppError> {
        let store = BatchStore::open(&self.workdir)?;
        let registry = Arc::new(Registry::open(&self.models())?);
        Ok(self.trainer(&self.schema()?, store, &registry).run(stop).await?)
    }

    /// The API alone; models that another process makes appear as they come.
    ///
    /// # Errors
    /// The port is taken, or the models cannot be read.
    pub async fn serve(&self, stop: CancellationToken) -> Result<Running, AppError> {
        let listener = api::bind(self.pipeline.serve.listen).await?;
        let registry = Arc::new(Registry::open(&self.models())?);
        let mut running = Running::new(Arc::clone(&registry), stop);
        let token = running.serving.clone();
        running.serve(self.api(&registry), listener);
        running.work(async move {
            watch(registry, token).await;
            Ok(())
        });
        Ok(running)
    }

    /// The models made so far.
    ///
    /// # Errors
    /// The models cannot be read.
    pub fn registry(&self) -> Result<Registry, AppError> {
        Ok(Registry::open(&self.models())?)
    }

    /// The work directory, from here on a run's.
    fn begin(&self) -> Result<BatchStore, AppError> {
        workdir::describe(&self.workdir, &self.pipeline, &timestamp())?;
        Ok(BatchStore::open(&self.workdir)?)
    }

    fn models(&self) -> PathBuf {
        self.workdir.join("models")
    }

    fn schema(&self) -> Result<Arc<Schema>, AppError> {
        let dataset = &self.pipeline.dataset;
        let schema = match &dataset.columns {
            Some(columns) => Schema::bind(&self.pipeline, columns)?,
            None => Schema::bind(&self.pipeline, DatasetReader::open(dataset)?.columns())?,
        };
        Ok(Arc::new(schema))
    }

    fn cut(&self) -> Result<Cut, AppError> {
        let rows = match self.pipeline.window {
            WindowPolicy::Parts(_) => Some(DatasetReader::open(&self.pipeline.dataset)?.count()?),
            _ => None,
        };
        Ok(Cut::new(self.pipeline.window, rows))
    }

    fn producer(&self, schema: &Arc<Schema>, connection: Connection) -> Result<Producer, AppError> {
        // The same dataset is the same replay: rows that are sent again after a broker was lost are known again.
        let run = RunId::new(&dataset::digest(&self.pipeline.dataset)?[..RUN_ID_LENGTH]);
        Ok(Producer {
            dataset: self.pipeline.dataset.clone(),
            stream: self.pipeline.stream.clone(),
            schema: Arc::clone(schema),
            connection,
            run,
            replay: Replay::default(),
            progress: self.progress.clone(),
        })
    }

    fn consumer(
        &self,
        schema: &Arc<Schema>,
        cut: Cut,
        store: BatchStore,
        connection: Connection,
        end_after_idle: Option<Duration>,
    ) -> Consumer {
        Consumer {
            schema: Arc::clone(schema),
            stream: self.pipeline.stream.clone(),
            cut,
            store,
            connection,
            log: None,
            quarantine: self.pipeline.quarantine,
            end_after_idle,
            progress: self.progress.clone(),
        }
    }

    fn trainer(&self, schema: &Arc<Schema>, store: BatchStore, registry: &Arc<Registry>) -> Trainer {
        Trainer {
            pipeline: Arc::clone(&self.pipeline),
            schema: Arc::clone(schema),
            store,
            registry: Arc::clone(registry),
            clock: timestamp,
            progress: self.progress.clone(),
        }
    }

    fn api(&self, registry: &Arc<Registry>) -> Api {
        Api { pipeline: Arc::clone(&self.pipeline), registry: Arc::clone(registry), progress: self.progress.clone() }
    }
}

/// The stages of this process, at work.
#[derive(Debug)]
pub struct Running {
    registry: Arc<Registry>,
    broker: Option<Broker>,
    /// Stages that end when the stream is through.
    working: JoinSet<Result<(), AppError>>,
    /// The API, which ends last.
    serving_task: JoinSet<Result<(), AppError>>,
    stop: CancellationToken,
    serving: CancellationToken,
    url: String,
}

impl Running {
    fn new(registry: Arc<Registry>, stop: CancellationToken) -> Self {
        let serving = stop.child_token();
        let (working, serving_task) = (JoinSet::new(), JoinSet::new());
        Self { registry, broker: None, working, serving_task, stop, serving, url: String::new() }
    }

    fn serve(&mut self, api: Api, listener: api::Listener) {
        self.url = listener.url();
        api.progress.tell(Event::ApiReady { url: self.url.clone() });
        let token = self.serving.clone();
        self.serving_task.spawn(async move { Ok(api::run(api, listener, token).await?) });
    }

    fn work(&mut self, stage: impl Future<Output = Result<(), AppError>> + Send + 'static) {
        self.working.spawn(stage);
    }

    /// `None` when it was told to stop while the broker came up.
    async fn start_broker(
        &mut self,
        choice: &Choice,
        options: &StartOptions,
        progress: &Progress,
    ) -> Result<Option<Connection>, AppError> {
        let broker = tokio::select! {
            broker = Broker::start(choice, options) => broker?,
            () = self.stop.cancelled() => return Ok(None),
        };
        progress.tell(Event::BrokerReady {
            kind: broker.kind(),
            address: broker.connection().address().to_owned(),
            reason: broker.reason().to_owned(),
        });
        let connection = broker.connection().clone();
        self.broker = Some(broker);
        Ok(Some(connection))
    }

    /// Serves until it is told to stop.
    ///
    /// # Errors
    /// The API, or what works beside it, fails.
    pub async fn serve_on(&mut self) -> Result<(), AppError> {
        tokio::select! {
            Some(ended) = self.working.join_next() => flatten(ended),
            Some(ended) = self.serving_task.join_next() => flatten(ended),
            () = self.stop.cancelled() => Ok(()),
        }
    }

    /// Stops everything because of an error, and gives that error back.
    pub async fn give_up(self, error: AppError) -> AppError {
        // The first fault is what a person must know; what goes wrong while clearing up follows from it.
        if let Err(later) = self.shutdown().await {
            tracing::warn!(error = %later, "clearing up failed too");
        }
        error
    }

    /// The models, as they are published.
    #[must_use]
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Where the API answers, as in `http://127.0.0.1:8080`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits until the stream is through and every model is there, or it is told to stop.
    ///
    /// # Errors
    /// The first stage that fails; the others are stopped.
    pub async fn finished(&mut self) -> Result<(), AppError> {
        loop {
            tokio::select! {
                stage = self.working.join_next() => match stage {
                    Some(ended) => flatten(ended)?,
                    None => return Ok(()),
                },
                Some(ended) = self.serving_task.join_next() => flatten(ended)?,
                () = self.stop.cancelled() => return Ok(()),
            }
        }
    }

    /// Stops what still works, waits for it (5 s at most), and removes the broker.
    ///
    /// # Errors
    /// A stage that fails while it ends, or does not end in time.
    pub async fn shutdown(mut self) -> Result<(), AppError> {
        self.stop.cancel();
        let mut result = Ok(());
        let joined = tokio::time::timeout(SHUTDOWN_LIMIT, async {
            while let Some(ended) = self.working.join_next().await {
                result = std::mem::replace(&mut result, Ok(())).and(flatten(ended));
            }
            while let Some(ended) = self.serving_task.join_next().await {
                result = std::mem::replace(&mut result, Ok(())).and(flatten(ended));
            }
        });
        let in_time = joined.await.is_ok();
        if let Some(broker) = self.broker.take() {
            result = result.and(broker.stop().await.map_err(AppError::from));
        }
        if in_time { result } else { result.and(Err(AppError::SlowShutdown)) }
    }
}

fn flatten(ended: Result<Result<(), AppError>, tokio::task::JoinError>) -> Result<(), AppError> {
    ended.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        // Cancelled: only at the end of the runtime, when nobody asks any more.
        Err(_) => Ok(()),
    })
}

async fn watch(registry: Arc<Registry>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let reading = Arc::clone(&registry);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || reading.refresh()).await {
            tracing::warn!(%error, "models not read");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(REGISTRY_POLL) => {}
        }
    }
}

/// A broker alone, until told to stop.
///
/// # Errors
/// It does not come up, or does not go down.
pub async fn broker(
    choice: &Choice,
    options: &StartOptions,
    progress: &Progress,
    stop: CancellationToken,
) -> Result<(), AppError> {
    let broker = Broker::start(choice, options).await?;
    progress.tell(Event::BrokerReady {
        kind: broker.kind(),
        address: broker.connection().address().to_owned(),
        reason: broker.reason().to_owned(),
    });
    stop.cancelled().await;
    Ok(broker.stop().await?)
}

/// The time of day, RFC 3339, UTC, to the second.
#[expect(clippy::disallowed_methods, reason = "app is where the clock is read and handed down")]
fn timestamp() -> String {
    let now = std::time::SystemTime::now();
    jiff::Timestamp::try_from(now).map(|now| now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}

/// Where a pipeline's files go unless told otherwise.
#[must_use]
pub fn default_workdir(pipeline: &Pipeline) -> PathBuf {
    Path::new(".windrow").join(&pipeline.name)
}

/// With another address to listen on than the pipeline file's.
#[must_use]
pub fn listening(mut pipeline: Pipeline, listen: Option<SocketAddr>) -> Pipeline {
    pipeline.serve.listen = listen.unwrap_or(pipeline.serve.listen);
    pipeline
}

/// Why a command did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The pipeline file.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The work directory.
    #[error(transparent)]
    Workdir(#[from] WorkdirError),
    /// The dataset.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The broker.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The batch files.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The models.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The producer.
    #[error(transparent)]
    Producer(#[from] ProducerError),
    /// The consumer.
    #[error(transparent)]
    Consumer(#[from] ConsumerError),
    /// The trainer.
    #[error(transparent)]
    Trainer(#[from] TrainerError),
    /// The API.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A stage that does not end.
    #[error("a stage did not end within 5 s of being told to; what it had not sealed is made again next time")]
    SlowShutdown,
}
