//! Wiring: makes the parts that a process needs, runs its stages concurrently, and ends them together.
//!
//! This module owns cancellation. Every stage gets the same token, and all stages have ended when a command returns.
//! The first failure stops the others.
//!
//! - This file has the entry points of the commands: `run`, each stage by itself, audit, export and report. No file
//!   below imports it. The one of `diff` is in its own file.
//! - `context`: [`App`], the state that every command needs; `clock`; `storage`, the client of the object store.
//! - `inputs`: the properties of the dataset that the stages need; `files` and `workdir`: the files of a run, and the
//!   check that they belong to this run; `run_file`: the file `run.json`; `emptying`: the removal of a run; `growth`:
//!   goes on with a run whose dataset has grown; `settings`: the record of settings that change; `workdir_error`: the
//!   reasons why a run cannot use a work directory.
//! - `running`: the running stages and their shutdown; `status`: their status files; `watch`: a server that follows
//!   other processes.
//! - `diff`: the differences between two work directories; `keys`: the keys whose values differ.
//! - `learning`: trainer and advisor; `cluster`: the remote solver (Spark); `learner`: the learner outside of this
//!   program; `learner_host`: how its processes are started.
//! - `pdf`: a report that a browser prints.
//! - `error`: the reasons why a command fails.

mod clock;
mod cluster;
mod context;
mod diff;
mod emptying;
mod error;
mod files;
mod growth;
mod inputs;
mod keys;
mod learner;
mod learner_host;
mod learning;
mod pdf;
mod run_file;
mod running;
mod settings;
mod status;
mod storage;
mod watch;
mod workdir;
mod workdir_error;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use windrow_base::runtime::blocking;
use windrow_base::telemetry::{Event, Progress};
use windrow_config::{ListenAddress, Pipeline, WindowPolicy};
use windrow_evaluation::Advice;
use windrow_kafka::{Choice, Connection, LogStorage, StartOptions, topics};
pub(crate) use windrow_pages::report::Form;
use windrow_pages::report::{Report, ReportedRun};
use windrow_record::RunId;
use windrow_registry::Registry;
use windrow_registry::export::{Export, ExportError};
use windrow_registry::monitor::{Monitor, Stage};
use windrow_server::{Api, Listener};
use windrow_stream::audit::{self, Audit, AuditError};
use windrow_stream::consumer::{Consumer, Group};
use windrow_stream::producer::Producer;
use windrow_windows::BatchStore;

use self::clock::timestamp;
use self::cluster::Cluster;
pub(crate) use self::context::App;
pub(crate) use self::diff::{Answer, AnswerDiff, DataDiff, Diff, ModelsDiff, Pair, PolicyInBoth, diff};
pub(crate) use self::error::{AppError, Result};
use self::inputs::RunInputs;
pub(crate) use self::keys::KeyChange;
use self::learner::ServingLearner;
pub(crate) use self::learner_host::LearnerHost;
use self::run_file::{RUN_FILE, RunFile};
pub(crate) use self::running::Running;
use self::running::start_broker;
use self::status::StageProcess;
pub(crate) use self::storage::Storage;
use self::watch::watch;
pub(crate) use self::workdir_error::WorkdirError;
pub(crate) use windrow_record::RowNumber;
pub(crate) use windrow_registry::export::TableFormat;
pub(crate) use windrow_stream::producer::{Replay, Share};

/// The revision of the source that this program was built from.
pub(crate) const REVISION: &str = env!("WINDROW_REVISION");

#[derive(Debug)]
pub(crate) struct RunOptions {
    pub broker: Choice,
    pub start: StartOptions,
    pub fresh: bool,
    pub replay: Replay,
    /// The memory limit for the trainer's and the advisor's encoded rows, in bytes.
    pub memory: usize,
}

impl App {
    /// Runs broker, producer, consumer, trainer, advisor, API and pages in one process. Continues the run of the
    /// work directory, if it holds one.
    ///
    /// Returns when all stages have started. They run until [`Running::finished`] and [`Running::shutdown`].
    ///
    /// # Errors
    /// Fails if the work directory holds another run, the port is in use, the broker does not start, or the topic
    /// cannot be created.
    pub(crate) async fn run(&self, options: RunOptions, stop: CancellationToken) -> Result<Running, AppError> {
        let inputs = self.prepare(Some(options.replay), &stop).await?;
        // The first process of a run has checked the order already.
        if options.fresh || !self.workdir.join(RUN_FILE).exists() {
            self.refuse_disorder(&stop).await?;
        }
        let listener = self.bind(&stop).await?;
        let cluster = Cluster::connect(&self.pipeline, &stop).await?;
        let learner = self.known_learner(&inputs.schema, options.fresh, true, &stop).await?;
        let (app, known) = (self.clone(), inputs.clone());
        let token = stop.clone();
        let prior_run = blocking(move || app.prepare_workdir(&known, options.fresh, &token)).await?;
        let inputs = inputs.in_workdir(&self.workdir)?;
        let registry = Arc::new(self.registry()?);
        let mut running = Running::new(Arc::clone(&registry), stop);
        let serving = learner.as_ref().and_then(|known| self.serving_learner(known, &inputs.schema));
        running.serve(self.api(&registry, serving.as_ref()), listener, serving);
        if prior_run.is_through {
            let store = self.store(&inputs.schema)?;
            self.learn(&mut running, &inputs, &store, options.memory, (cluster, learner)).await?;
            return Ok(running);
        }
        let mut start = options.start;
        start.log = LogStorage::Kept(self.workdir.join(workdir::BROKER_FOLDER));
        let started = running.start_broker(&options.broker, &start, &self.progress).await;
        let (connection, log_id) = match started {
            Ok(Some(started)) => started,
            Ok(None) => return Ok(running),
            Err(error) => return Err(running.fail(error).await),
        };
        let stream = &self.pipeline.stream;
        let settings = topics::TopicSettings::default();
        let creating = topics::create(&connection, &stream.topic, stream.partitions.get(), &settings);
        let Some(created) = running.stop.run_until_cancelled(creating).await else { return Ok(running) };
        let (app, known) = (self.clone(), inputs.clone());
        let begun_store = blocking(move || created.map_err(AppError::from).and_then(|_| app.begin(&known))).await;
        let store = match begun_store {
            Ok(store) => store,
            Err(error) => return Err(running.fail(error).await),
        };
        let mut producer = self.producer(&inputs, connection.clone());
        // An embedded broker may have lost its log. The rows of sealed windows need not be sent again.
        producer.replay.sealed_to = prior_run.next.filter(|_| log_id.is_some());
        let consumer = Consumer { log_id, ..self.consumer(&inputs, store.clone(), connection) };
        let stop = running.stop.clone();
        let token = || stop.clone();
        running.work(self.clone().with_status(Stage::Producer, StageProcess::Alone, token(), producer.run(token())));
        running.work(self.clone().with_status(Stage::Consumer, StageProcess::Alone, token(), consumer.run(token())));
        self.learn(&mut running, &inputs, &store, options.memory, (cluster, learner)).await?;
        Ok(running)
    }

    /// Runs only the producer. It continues after the last message in the topic.
    pub(crate) async fn produce(&self, connection: Connection, replay: Replay, stop: CancellationToken) -> Result<()> {
        let inputs = self.prepare(Some(replay), &stop).await?.in_workdir(&self.workdir)?;
        let process = inputs.replay.share.name().map_or(StageProcess::Alone, StageProcess::Part);
        let producing = self.producer(&inputs, connection).run(stop.clone());
        self.clone().with_status(Stage::Producer, process, stop, producing).await
    }

    /// Runs only the consumer. It continues after the last sealed window in the work directory. If the dataset has
    /// grown since a consumer was stopped, it reads the rows of the earlier extract to their end first.
    pub(crate) async fn consume(
        &self,
        connection: Connection,
        group: Option<String>,
        end_after_idle: Option<Duration>,
        stop: CancellationToken,
    ) -> Result<(), AppError> {
        let (again, same_group, token) = (connection.clone(), group.clone(), stop.clone());
        let was_behind = Box::pin(self.consume_extract(connection, group, end_after_idle, token)).await?;
        if was_behind && !stop.is_cancelled() {
            Box::pin(self.consume_extract(again, same_group, end_after_idle, stop)).await?;
        }
        Ok(())
    }

    /// Reads the rows of one extract. Returns true if the dataset is a newer one.
    async fn consume_extract(
        &self,
        connection: Connection,
        group: Option<String>,
        end_after_idle: Option<Duration>,
        stop: CancellationToken,
    ) -> Result<bool, AppError> {
        let inputs = self.prepare(None, &stop).await?;
        let (app, token, in_group) = (self.clone(), stop.clone(), group.is_some());
        let (inputs, store, end, is_behind) = blocking(move || {
            // The partial windows of a group cannot be opened again.
            let is_behind = !in_group && app.go_on(&inputs, &token)?;
            let inputs = match is_behind {
                true => inputs.of_earlier(&app.workdir)?,
                false => inputs.in_workdir(&app.workdir)?,
            };
            app.compare(Some(&inputs.origin()))?;
            workdir::compare_sharing(&app.workdir, in_group)?;
            let store = app.begin(&inputs)?;
            let end = store.end()?;
            Ok::<_, AppError>((inputs, store, end, is_behind))
        })
        .await?;
        if is_behind {
            tracing::info!("the dataset is a newer extract: reading the rows of the earlier one to their end first");
        }
        if let Some(end) = end {
            self.progress.report(Event::StreamEnded { windows: end.windows });
        }
        let join = |name| match inputs.run() {
            Some(run) => Ok(Group { name, run, workdir: self.workdir.clone() }),
            None => Err(AppError::UnknownReplay { path: self.pipeline.dataset.path.clone() }),
        };
        let group = group.map(join).transpose()?;
        let consumer = Consumer { group, end_after_idle, ..self.consumer(&inputs, store, connection) };
        let process = if consumer.group.is_some() { StageProcess::Member } else { StageProcess::Alone };
        self.clone().with_status(Stage::Consumer, process, stop.clone(), consumer.run(stop)).await?;
        Ok(is_behind)
    }

    /// Recounts where every row went, and reads the topic as well if a connection is given. Returns `None` if stopped.
    pub(crate) async fn audit(
        &self,
        connection: Option<Connection>,
        stop: CancellationToken,
    ) -> Result<Option<audit::Report>, AppError> {
        if self.has_no_batches() {
            return Err(AuditError::Nothing { folder: self.workdir.clone() }.into());
        }
        workdir::refuse_unfinished(&self.workdir)?;
        let inputs = self.prepare(None, &stop).await?.in_workdir(&self.workdir)?;
        let extracts = RunFile::read(&self.workdir)?.map(|held| held.extracts).unwrap_or_default();
        let audit = Audit {
            dataset: self.pipeline.dataset.clone(),
            schema: Arc::clone(&inputs.schema),
            is_newest: extracts.is_empty() || inputs.is_newest(),
            extracts,
            begins: inputs.begins,
            run: inputs.run().unwrap_or_else(|| RunId::new("")),
            cut: inputs.cut,
            store: self.store(&inputs.schema)?,
            topic: connection.map(|connection| (connection, self.pipeline.stream.topic.clone())),
        };
        Ok(audit.run(stop).await?)
    }

    /// Runs only the API. Models that other processes publish appear without a restart.
    pub(crate) async fn serve(&self, stop: CancellationToken) -> Result<Running, AppError> {
        let listener = self.bind(&stop).await?;
        let registry = Arc::new(self.registry()?);
        let serving = Box::pin(self.lone_serving_learner(&registry, &stop)).await?;
        let mut running = Running::new(Arc::clone(&registry), stop);
        let token = running.serving.clone();
        running.serve(self.api(&registry, serving.as_ref()), listener, serving);
        let progress = self.progress.clone();
        running.work(async move {
            watch(registry, progress, token).await;
            Ok(())
        });
        Ok(running)
    }

    /// Writes windows, scores and losses as tables to a folder. Returns the paths of the files.
    pub(crate) fn export(&self, format: TableFormat, folder: &Path) -> Result<Vec<PathBuf>, AppError> {
        // Opening a store creates its folders, so the check comes first.
        if self.has_no_batches() {
            return Err(ExportError::Nothing(self.workdir.join("batches")).into());
        }
        let registry = self.registry()?;
        let store = BatchStore::open(&self.workdir)?.with_objects(self.objects()?);
        Ok(Export { store: &store, registry: &registry }.write(format, folder)?)
    }

    /// Writes the advice as a file with pictures. Returns the paths of all files.
    pub(crate) fn report(&self, author: Option<String>, form: Form, out: &Path) -> Result<Vec<PathBuf>, AppError> {
        Ok(self.report_content(author)?.write(form, out)?)
    }

    /// Prints the advice as PDF with a browser. Returns false if no browser that can print is installed.
    pub(crate) fn print_report(&self, author: Option<String>, out: &Path) -> Result<bool, AppError> {
        let report = self.report_content(author)?;
        pdf::print(|html| Ok(report.write(Form::Html, html).map(drop)?), out)
    }

    fn report_content(&self, author: Option<String>) -> Result<Report, AppError> {
        let registry = self.registry()?;
        let advice = registry.snapshot().advice().cloned();
        let advice = advice.ok_or_else(|| AppError::NoAdvice { workdir: self.workdir.clone() })?;
        let (pipeline, created) = (Arc::clone(&self.pipeline), workdir::created(&self.workdir)?);
        let run = Some(ReportedRun { pipeline, created, changes: workdir::settings_changes(&self.workdir)? });
        Ok(Report { advice, dataset: workdir::dataset(&self.workdir)?, run, author })
    }

    /// Opens the registry of the work directory.
    pub(crate) fn registry(&self) -> Result<Registry, AppError> {
        Ok(Registry::open_with_label_delay(&self.workdir, self.pipeline.label_delay().windows)?)
    }

    /// Binds the address of the API. A stop does not wait for the resolver.
    async fn bind(&self, stop: &CancellationToken) -> Result<Listener, AppError> {
        let binding = windrow_server::bind(&self.pipeline.serve);
        Ok(stop.run_until_cancelled(binding).await.ok_or(AppError::Stopped)??)
    }

    fn producer(&self, inputs: &RunInputs, connection: Connection) -> Producer {
        Producer {
            dataset: self.pipeline.dataset.clone(),
            stream: self.pipeline.stream.clone(),
            schema: Arc::clone(&inputs.schema),
            connection,
            // A producer has always read the dataset, so the ID is known.
            run: inputs.run().unwrap_or_else(|| RunId::new("")),
            replay: inputs.replay.clone(),
            may_grow: !inputs.replay.again && !matches!(self.pipeline.window, WindowPolicy::Parts(_)),
            progress: self.progress.clone(),
        }
    }

    fn consumer(&self, inputs: &RunInputs, store: BatchStore, connection: Connection) -> Consumer {
        Consumer {
            schema: Arc::clone(&inputs.schema),
            stream: self.pipeline.stream.clone(),
            cut: inputs.cut,
            store,
            connection,
            run: inputs.run(),
            last: inputs.last,
            log_id: None,
            group: None,
            quarantine: self.pipeline.quarantine,
            end_after_idle: None,
            progress: self.progress.clone(),
        }
    }

    fn api(&self, registry: &Arc<Registry>, serving: Option<&ServingLearner>) -> Api {
        Api {
            pipeline: Arc::clone(&self.pipeline),
            registry: Arc::clone(registry),
            progress: self.progress.clone(),
            monitor: Arc::new(Monitor::new(
                &self.workdir,
                Arc::clone(registry),
                &self.pipeline.train.schemes,
                timestamp,
            )),
            workdir: self.workdir.clone(),
            keys: self.keys.clone(),
            clock: timestamp,
            revision: REVISION,
            learner: serving.map(|serving| serving.api.clone()),
        }
    }
}

/// Runs only a broker, until stopped.
pub(crate) async fn broker(
    choice: &Choice,
    options: &StartOptions,
    progress: &Progress,
    stop: CancellationToken,
) -> Result<(), AppError> {
    let broker = start_broker(choice, options, progress).await?;
    stop.cancelled().await;
    Ok(broker.stop().await?)
}

/// Writes advice that belongs to no work directory as a file with pictures. Returns the paths of all files.
pub(crate) fn write_report(advice: &Advice, form: Form, out: &Path) -> Result<Vec<PathBuf>, AppError> {
    Ok(Report { advice: Arc::new(advice.clone()), dataset: None, run: None, author: None }.write(form, out)?)
}

/// Replaces the listen address of the pipeline file, if another one is given.
pub(crate) fn listening(mut pipeline: Pipeline, listen: Option<ListenAddress>) -> Pipeline {
    if let Some(listen) = listen {
        (pipeline.serve.listen, pipeline.serve.is_listen_chosen) = (listen, true);
    }
    pipeline
}
