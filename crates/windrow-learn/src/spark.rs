//! Fits on an Apache Spark cluster, through Spark Connect.
//!
//! The cluster reads the batch files itself, so no row passes through this process. It minimises the same objective on
//! the same columns as every other solver. Its answer is accepted only if it read as many labelled and positive rows as
//! the windows have. If the server goes away, a fit waits for it. This module knows nothing of the stages.

mod expression;
mod plan;
mod session;

use std::sync::Arc;
use std::time::Duration;

use spark_connect_core::channel::ChannelBuilder;
use spark_connect_proto::Relation;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::model::{RemoteError, RemoteOptimum, RemoteSolver, RemoteTask};
use crate::spark::expression::texts_literal;
use crate::spark::plan::{Encoded, MAX_ITERATIONS, METRICS};
use crate::spark::session::{CLIENT_NAME, Session, SessionFault};
use windrow_config::{Schema, Spark};
use windrow_record::WindowIndex;
use windrow_windows::BatchStore;

/// The first wait before a lost server is tried again. Each wait is twice as long as the one before, up to
/// [`MAX_BACKOFF`].
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// A Spark cluster that fits models. It keeps one session open while the server answers.
#[derive(Debug)]
pub struct SparkCluster {
    remote: ChannelBuilder,
    /// The server's address, without parts that may be secret.
    address: String,
    /// The folder or URL of the batch files as the cluster sees it, if it differs from this process's.
    batches: Option<String>,
    session: Mutex<Option<Session>>,
    runtime: Handle,
    stop: CancellationToken,
}

/// A solver for the windows of one store.
#[derive(Debug)]
struct SparkSolver {
    cluster: Arc<SparkCluster>,
    schema: Arc<Schema>,
    store: BatchStore,
    /// The folder or URL of the batch files, as the cluster sees it.
    folder: String,
}

/// The reason why a cluster cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SparkError {
    /// The address is not valid.
    #[error("train.spark.remote: {reason}")]
    Address {
        /// The reason why it is not valid.
        reason: String,
    },
    /// The server does not answer.
    #[error(
        "Spark at {address} cannot be reached: {reason}; start its Connect server there (start-connect-server.sh), or \
         set another address in train.spark.remote"
    )]
    Unreachable {
        /// The address of the server.
        address: String,
        /// The reason why it does not answer.
        reason: String,
    },
    /// The server answers but cannot train.
    #[error("Spark at {address} cannot train: {reason}")]
    Refused {
        /// The address of the server.
        address: String,
        /// The reason why it cannot train.
        reason: String,
    },
}

impl SparkCluster {
    /// Connects to the cluster.
    ///
    /// # Errors
    /// The address is not valid, the server does not answer, or it cannot train.
    pub async fn connect(spark: &Spark, stop: CancellationToken) -> Result<Self, SparkError> {
        let address = spark.address().to_owned();
        let mut remote =
            ChannelBuilder::parse(&spark.remote).map_err(|error| SparkError::Address { reason: error.message() })?;
        // A Spark session belongs to a user. Settings apply only to plans of the same user and session.
        for key in ["user_id", "user_agent"] {
            if remote.get(key).is_none() {
                remote.set(key, CLIENT_NAME);
            }
        }
        let session = Session::open(&remote).await.map_err(|fault| match fault {
            SessionFault::Unreachable(reason) => SparkError::Unreachable { address: address.clone(), reason },
            SessionFault::Refused(reason) => SparkError::Refused { address: address.clone(), reason },
        })?;
        let (runtime, session) = (Handle::current(), Mutex::new(Some(session)));
        Ok(Self { remote, address, batches: spark.batches.clone(), session, runtime, stop })
    }

    /// Closes the session on the server.
    pub async fn close(&self) {
        if let Some(session) = self.session.lock().await.take() {
            session.close().await;
        }
    }

    /// Returns a solver for the windows of a store.
    pub fn solver(self: Arc<Self>, schema: Arc<Schema>, store: BatchStore) -> Arc<dyn RemoteSolver> {
        let folder = self.batches.clone().unwrap_or_else(|| spark_path(&store));
        Arc::new(SparkSolver { cluster: self, schema, store, folder })
    }
}

impl SparkSolver {
    /// Fits a model. If the server is away, waits for it until the run is stopped.
    async fn fit(&self, task: &RemoteTask<'_>) -> Result<RemoteOptimum, RemoteError> {
        let mut wait = FIRST_BACKOFF;
        let mut held = self.cluster.session.lock().await;
        loop {
            let fault = tokio::select! {
                found = self.attempt(&mut held, task) => match found {
                    Ok(optimum) => {
                        if wait > FIRST_BACKOFF {
                            tracing::info!("Spark at {} answers again", self.cluster.address);
                        }
                        return Ok(optimum);
                    }
                    Err(fault) => fault,
                },
                () = self.cluster.stop.cancelled() => {
                    if let Some(session) = held.take() {
                        session.close().await;
                    }
                    return Err(RemoteError::Stopped);
                }
            };
            *held = None;
            match fault {
                SessionFault::Refused(reason) => {
                    return Err(RemoteError::Failed(format!(
                        "Spark at {} failed: {reason}; the windows are kept, and the next `windrow train` continues \
                         with them",
                        self.cluster.address
                    )));
                }
                SessionFault::Unreachable(reason) if wait == FIRST_BACKOFF => {
                    tracing::warn!(
                        "Spark at {} does not answer ({reason}): the windows wait until it answers",
                        self.cluster.address
                    );
                }
                SessionFault::Unreachable(reason) => tracing::debug!(reason, "Spark still does not answer"),
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.cluster.stop.cancelled() => return Err(RemoteError::Stopped),
            }
            wait = (wait * 2).min(MAX_BACKOFF);
        }
    }

    async fn attempt(&self, held: &mut Option<Session>, task: &RemoteTask<'_>) -> Result<RemoteOptimum, SessionFault> {
        let session = match held {
            Some(session) => session,
            None => held.insert(Session::open(&self.cluster.remote).await?),
        };
        if let Some(obstacle) = plan::unsupported_reason(task.encoder, &self.schema) {
            return Err(SessionFault::Refused(obstacle));
        }
        let files = self.files(task)?;
        let rows = || plan::labelled(task, &files, &self.schema);
        self.check(session, task, plan::counted(rows(), &self.schema)).await?;
        let encoded = Encoded::new(task.encoder, &self.schema);
        let mut kept = Vec::new();
        if !encoded.vocabulary.is_empty() {
            kept.push(session.one_hot(texts_literal(encoded.vocabulary.iter().map(String::as_str))).await?);
        }
        let table = encoded.rows(rows(), &self.schema, kept.first().cloned());
        let params = plan::regression(task.l2 / task.rows as f64);
        let name = "org.apache.spark.ml.classification.LogisticRegression";
        let model = session.fit(name, params, table).await?;
        kept.push(model.clone());
        let coefficients = session.numbers(&model, &["coefficients"]).await?;
        let intercept = session.number(&model, &["intercept"]).await?;
        let iterations = session.number(&model, &["summary", "totalIterations"]).await?;
        let history = session.numbers(&model, &["summary", "objectiveHistory"]).await?;
        session.delete(kept).await?;
        let width = encoded.columns.len();
        if coefficients.len() != width {
            let given = coefficients.len();
            return Err(SessionFault::Refused(format!("it returned {given} coefficients, but {width} were requested")));
        }
        let mut weights = vec![0.0; width];
        for (column, weight) in encoded.columns.iter().zip(coefficients) {
            weights[*column] = weight;
        }
        Ok(RemoteOptimum {
            intercept,
            weights,
            iterations: iterations as u64,
            // Spark reports the objective per row.
            objective: history.last().copied().unwrap_or(f64::NAN) * task.rows as f64,
            converged: iterations < f64::from(MAX_ITERATIONS),
        })
    }

    /// Returns the batch files of the task's windows, as the cluster names them.
    fn files(&self, task: &RemoteTask<'_>) -> Result<Vec<String>, SessionFault> {
        let folder = self.folder.trim_end_matches('/');
        let file = |window: &WindowIndex| {
            let manifest = self.store.manifest(*window).map_err(|error| SessionFault::Refused(error.to_string()))?;
            let sha256 = manifest.map(|manifest| manifest.rows.file.sha256).unwrap_or_default();
            Ok(format!("{folder}/{}", self.store.batch_name(*window, &sha256)))
        };
        task.windows.iter().map(file).collect()
    }

    /// Checks that the cluster reads as many labelled and positive rows as the windows have.
    async fn check(&self, session: &Session, task: &RemoteTask<'_>, counted: Relation) -> Result<(), SessionFault> {
        let counts = session.metrics(counted, METRICS).await?;
        let expected = [task.rows as f64, task.positives as f64];
        if counts == expected {
            return Ok(());
        }
        let [rows, positives] = expected;
        Err(SessionFault::Refused(format!(
            "it reads {} labelled rows and {} positive rows in {}, but these windows have {rows} and {positives}: \
             train.spark.batches must be the path or URL of the batch files of this work directory",
            counts.first().unwrap_or(&0.0),
            counts.get(1).unwrap_or(&0.0),
            self.folder
        )))
    }
}

/// Returns the folder or URL of the batch files in the form that Hadoop's file systems use.
fn spark_path(store: &BatchStore) -> String {
    match store.url() {
        Some(url) => url.replacen("s3://", "s3a://", 1),
        None => {
            let whole = std::path::absolute(store.folder()).unwrap_or_else(|_| store.folder().to_owned());
            format!("file://{}", whole.display())
        }
    }
}

impl RemoteSolver for SparkSolver {
    /// Fits a model, and blocks until the cluster answers. Must not be called on a thread of the async runtime or of a
    /// computing pool.
    fn minimise(&self, task: &RemoteTask<'_>) -> Result<RemoteOptimum, RemoteError> {
        self.cluster.runtime.block_on(self.fit(task))
    }
}
