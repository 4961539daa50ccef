//! The stages that learn from sealed windows: trainer and advisor, separate or together.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::app::clock::timestamp;
use crate::app::cluster::Cluster;
use crate::app::context::App;
use crate::app::error::AppError;
use crate::app::inputs::RunInputs;
use crate::app::learner::KnownLearner;
use crate::app::run_file::RunFile;
use crate::app::running::Running;
use crate::app::status::StageProcess;
use crate::app::workdir;
use windrow_base::runtime::blocking;
use windrow_config::{Costs, Schema, WindowDelay, WindowPolicy};
use windrow_dataset::DatasetReader;
use windrow_evaluation::Advice;
use windrow_registry::Registry;
use windrow_registry::monitor::Stage;
use windrow_train::advisor::Advisor;
use windrow_train::trainer::Trainer;
use windrow_train::{ForeignLearner, Learning};
use windrow_windows::BatchStore;

impl App {
    /// Starts trainer and advisor concurrently. Each may use half of the memory.
    pub(super) async fn learn(
        &self,
        running: &mut Running,
        inputs: &RunInputs,
        store: &BatchStore,
        memory: usize,
        (cluster, learner): (Cluster, Option<KnownLearner>),
    ) -> Result<(), AppError> {
        let registry = Arc::clone(&running.registry);
        self.record_change(&registry).await?;
        let rows = if inputs.replay.again { self.dataset_rows().await? } else { None };
        let at_work = self.learner_at_work(learner.as_ref(), &inputs.schema, &registry).await?;
        let learning = self.learning(&inputs.schema, store.clone(), registry, memory / 2, (&cluster, at_work));
        running.work(self.clone().train_and_advise(learning, rows, (cluster, learner), running.stop.clone()));
        Ok(())
    }

    /// Runs trainer and advisor without the other stages. The trainer begins with the first window without a model.
    pub(crate) async fn train(&self, memory: usize, stop: CancellationToken) -> Result<(), AppError> {
        let app = self.clone();
        blocking(move || app.compare(None)).await?;
        let registry = Arc::new(self.registry()?);
        self.record_change(&registry).await?;
        let rows = self.dataset_rows().await?;
        let schema = self.schema()?;
        let store = self.store(&schema)?;
        let reconciling = store.clone();
        blocking(move || reconciling.reconcile()).await?;
        let cluster = Cluster::connect(&self.pipeline, &stop).await?;
        let learner = self.known_learner(&schema, false, false, &stop).await?;
        let at_work = self.learner_at_work(learner.as_ref(), &schema, &registry).await?;
        let learning = self.learning(&schema, store, registry, memory / 2, (&cluster, at_work));
        self.clone().train_and_advise(learning, rows, (cluster, learner), stop).await
    }

    /// Records which settings have changed since the last process that learned. Removes what a killed one has left.
    async fn record_change(&self, registry: &Registry) -> Result<(), AppError> {
        let (app, windows) = (self.clone(), registry.snapshot().windows().count());
        blocking(move || {
            workdir::remove_abandoned(&app.workdir);
            app.record_settings(windows)
        })
        .await
    }

    /// Runs both concurrently. If one fails, the other is stopped and awaited.
    async fn train_and_advise(
        self,
        learning: Learning,
        dataset_rows: Option<u64>,
        (cluster, learner): (Cluster, Option<KnownLearner>),
        stop: CancellationToken,
    ) -> Result<(), AppError> {
        let stop = stop.child_token();
        let _guard = stop.clone().drop_guard();
        let trainer = Trainer { learning: learning.clone(), dataset_rows };
        let cost = self.pipeline.advise.cost;
        let advisor = Advisor { learning, label_delay: self.pipeline.label_delay(), cost };
        let (training, advising) = (trainer.run(stop.clone()), advisor.run(stop.clone()));
        let stopped = |result: Result<(), AppError>| {
            if result.is_err() {
                stop.cancel();
                // A fit of a learner may take long.
                if let Some(learner) = &learner {
                    learner.stop.cancel();
                }
            }
            result
        };
        // The status of the trainer also has the time that the advisor needs.
        let both = Box::pin(async {
            let (trained, advised) = tokio::join!(async { stopped(training.await.map_err(AppError::from)) }, async {
                stopped(advising.await.map_err(AppError::from))
            });
            trained.and(advised)
        });
        let result = self.with_status(Stage::Trainer, StageProcess::Alone, stop.clone(), both).await;
        cluster.close().await;
        // The end of a learner's processes is awaited.
        blocking(move || drop(learner)).await;
        result
    }

    /// Computes how often to retrain, and on how much history, from the windows that have models. The label delay and
    /// the costs are those of the pipeline file by default. Returns `None` if no window has a model, or if stopped.
    pub(crate) async fn advise(
        &self,
        memory: usize,
        label_delay: Option<WindowDelay>,
        cost: Option<Costs>,
        stop: CancellationToken,
    ) -> Result<Option<Advice>, AppError> {
        let app = self.clone();
        blocking(move || app.compare(None)).await?;
        if self.has_no_batches() {
            return Ok(None);
        }
        let schema = self.schema()?;
        let store = self.store(&schema)?;
        let registry = Arc::new(self.registry()?);
        let label_delay = label_delay.unwrap_or_else(|| self.pipeline.label_delay());
        let cost = cost.or(self.pipeline.advise.cost);
        // The answer to the pipeline file's own question is stored, so the settings that it follows from are, too.
        let is_own = label_delay == self.pipeline.label_delay() && cost == self.pipeline.advise.cost;
        if is_own && registry.snapshot().unmade(&self.pipeline.train.schemes).is_none() {
            self.record_change(&registry).await?;
        }
        let cluster = Cluster::connect(&self.pipeline, &stop).await?;
        let learner = self.known_learner(&schema, false, false, &stop).await?;
        let at_work = self.learner_at_work(learner.as_ref(), &schema, &registry).await?;
        let learning = self.learning(&schema, store, registry, memory, (&cluster, at_work));
        let advice = Advisor { learning, label_delay, cost }.once(stop).await;
        cluster.close().await;
        // The end of a learner's processes is awaited.
        blocking(move || drop(learner)).await;
        Ok(advice?)
    }

    /// Returns the number of the dataset's last row. The row numbers of a replay in rounds continue after it. Reads the
    /// dataset. `None` if the dataset is missing, or if the windows do not allow rounds.
    async fn dataset_rows(&self) -> Result<Option<u64>, AppError> {
        let dataset = self.pipeline.dataset.clone();
        // Rounds cannot be combined with windows of event time.
        if matches!(self.pipeline.window, WindowPolicy::Event { .. }) || !dataset.path.exists() {
            return Ok(None);
        }
        // The first rows of a newer extract can be gone.
        let held = RunFile::read(&self.workdir)?;
        let before = held.as_ref().and_then(RunFile::newest).map_or(0, |newest| newest.begins.get() - 1);
        blocking(move || Ok(Some(before + DatasetReader::open(&dataset)?.count()?))).await
    }

    fn learning(
        &self,
        schema: &Arc<Schema>,
        store: BatchStore,
        registry: Arc<Registry>,
        memory: usize,
        (cluster, learner): (&Cluster, Option<Arc<ForeignLearner>>),
    ) -> Learning {
        let (pipeline, schema) = (Arc::clone(&self.pipeline), Arc::clone(schema));
        let (remote, folder) = (cluster.solver(&schema, &store), self.workdir.clone());
        let (progress, clock) = (self.progress.clone(), timestamp);
        Learning { pipeline, schema, remote, learner, store, registry, memory, folder, progress, clock }
    }
}
