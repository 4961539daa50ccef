//! The learner outside of this program, if the pipeline names one.
//!
//! Its processes are started only by commands that learn or predict, and after a line that says so.

use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::app::clock::timestamp;
use crate::app::context::App;
use crate::app::error::AppError;
use crate::app::run_file::{KeyChange, RunFile, RunLearner, SettingsChange};
use crate::app::workdir_error::WorkdirError;
use windrow_base::runtime::blocking;
use windrow_base::telemetry::{Event, Progress};
use windrow_config::{LearnerCommand, Schema, Solver};
use windrow_learn::learner::{Learner, LearnerError, LearnerIdentity, LearnerSchema};
use windrow_record::display::shell_word;
use windrow_registry::Registry;
use windrow_server::ApiLearner;
use windrow_train::{ForeignLearner, ForeignSettings, LEARNER_FOLDER};
use windrow_worker::{Limits, Pool, Settings};

/// The largest difference between the probabilities of two equal fits that is not reported.
const MAX_DIFFERENCE: f64 = 1e-12;

/// The most processes for requests while others of the same learner train. They share the processors.
const MAX_SERVING: usize = 2;

/// A learner for the API. Its processes end with it, on a thread that may wait.
#[derive(Debug)]
pub(super) struct ServingLearner {
    pub(super) api: ApiLearner,
    /// Stops the requests in progress. It is not the token of the process, whose requests may still be answered.
    pub(super) stop: CancellationToken,
}

/// A learner that has reported its name.
#[derive(Debug, Clone)]
pub(super) struct KnownLearner {
    pub(super) pool: Arc<Pool>,
    identity: LearnerIdentity,
    /// Stops all work of the learner.
    pub(super) stop: CancellationToken,
}

impl App {
    /// Returns the settings of the learner's processes, if the pipeline names a learner.
    fn learner_settings(&self, schema: LearnerSchema, stop: CancellationToken) -> Option<Settings> {
        let command = self.learner_command()?;
        let folder = self.pipeline.file.parent().filter(|folder| *folder != Path::new(""));
        Some(Settings {
            supervisor: self.host.executable.clone(),
            command: command.run.clone(),
            folder: folder.unwrap_or(Path::new(".")).to_owned(),
            scratch: self.workdir.join(LEARNER_FOLDER),
            environment: self.host.environment.to_vec(),
            schema,
            workers: command.workers,
            limits: Limits::new(command.timeout),
            stop,
        })
    }

    fn learner_command(&self) -> Option<&LearnerCommand> {
        let train = &self.pipeline.train;
        train.command.as_ref().filter(|_| train.solver == Solver::Command)
    }

    /// Starts the first process of the learner, if the pipeline names one, and asks for its name. The models in the work
    /// directory must be of the same learner, unless the directory is about to be emptied. `serves` is true if the process
    /// also serves models.
    pub(super) async fn known_learner(
        &self,
        schema: &Schema,
        is_fresh: bool,
        serves: bool,
        stop: &CancellationToken,
    ) -> Result<Option<KnownLearner>, AppError> {
        let stop = stop.child_token();
        let settings = self.learner_settings(LearnerSchema::of(schema), stop.clone());
        match settings.map(|settings| Arc::new(Pool::new(settings))) {
            Some(pool) => {
                let further = if serves { serving_workers(&pool) } else { 0 };
                self.ask_learner(pool, further, is_fresh, stop).await.map(Some)
            }
            None => Ok(None),
        }
    }

    /// Returns the learner with processes of its own for requests, because those that train may be busy for minutes. The
    /// first one is started by the first request: many runs get no request.
    pub(super) fn serving_learner(&self, known: &KnownLearner, schema: &Schema) -> Option<ServingLearner> {
        let stop = CancellationToken::new();
        let mut settings = self.learner_settings(LearnerSchema::of(schema), stop.clone())?;
        settings.workers = Some(serving_workers(&known.pool));
        let identity = known.identity.clone();
        let learner: Arc<dyn Learner> = Arc::new(Pool::of_known(settings, identity.clone()));
        Some(ServingLearner { api: ApiLearner { learner, identity }, stop })
    }

    /// Starts the first process of the learner for a process that only serves, if the pipeline names one. The columns are
    /// those of the stored models, if there are any. The dataset is not needed.
    pub(super) async fn lone_serving_learner(
        &self,
        registry: &Registry,
        stop: &CancellationToken,
    ) -> Result<Option<ServingLearner>, AppError> {
        if self.learner_command().is_none() {
            return Ok(None);
        }
        let snapshot = registry.snapshot();
        let stored = snapshot.models().rev().find_map(|model| Some(model.artifact().foreign()?.schema.clone()));
        let schema = if let Some(stored) = stored {
            stored
        } else {
            // If there is a dataset, its header is read, which may wait for a disk.
            let app = self.clone();
            let reading = blocking(move || app.schema_for_predictions());
            let Some(read) = stop.run_until_cancelled(reading).await else { return Err(AppError::Stopped) };
            let bound = read?;
            LearnerSchema::of(&bound)
        };
        let own = CancellationToken::new();
        let Some(settings) = self.learner_settings(schema, own.clone()) else { return Ok(None) };
        let asking = self.ask_learner(Arc::new(Pool::new(settings)), 0, false, own.clone());
        let Some(asked) = stop.run_until_cancelled(asking).await else {
            own.cancel();
            return Err(AppError::Stopped);
        };
        let KnownLearner { pool, identity, stop } = asked?;
        Ok(Some(ServingLearner { api: ApiLearner { learner: pool, identity }, stop }))
    }

    /// Reports that the learner is started, starts the first process and asks for its name. `further` is the number of
    /// processes that another pool may start.
    async fn ask_learner(
        &self,
        pool: Arc<Pool>,
        further: usize,
        is_fresh: bool,
        stop: CancellationToken,
    ) -> Result<KnownLearner, AppError> {
        let words = self.learner_command().into_iter().flat_map(|command| &command.run);
        let words: Vec<String> = words.map(|word| shell_word(word)).collect();
        let (command, workers) = (words.join(" "), pool.status().workers + further);
        self.progress.report(Event::LearnerStarts { command, workers });
        let (app, asked) = (self.clone(), Arc::clone(&pool));
        let asking = blocking(move || {
            let identity = asked.identity().map_err(|error| match error {
                LearnerError::Stopped => AppError::Stopped,
                error => error.into(),
            })?;
            if !is_fresh && let Some(held) = RunFile::read(&app.workdir)? {
                held.learner.as_ref().map_or(Ok(()), |held| app.refuse_other(held, &identity))?;
            }
            Ok::<_, AppError>(identity)
        });
        let identity = asking.await?;
        Ok(KnownLearner { pool, identity, stop })
    }

    /// Records the learner in `run.json`, and prepares its work in the work directory, if the pipeline names one. This may
    /// take long: another process may begin, and the files of one that was killed are removed.
    pub(super) async fn learner_at_work(
        &self,
        known: Option<&KnownLearner>,
        schema: &Arc<Schema>,
        registry: &Registry,
    ) -> Result<Option<Arc<ForeignLearner>>, AppError> {
        let Some(known) = known.cloned() else { return Ok(None) };
        let (app, schema, stop) = (self.clone(), Arc::clone(schema), known.stop.clone());
        let windows = registry.snapshot().windows().count();
        let preparing = blocking(move || app.prepare_learner(&known, &schema, windows));
        stop.run_until_cancelled(preparing).await.unwrap_or(Err(AppError::Stopped)).map(Some)
    }

    /// Does the blocking part of [`Self::learner_at_work`]. `windows` is the number of windows that are reported so far.
    fn prepare_learner(
        &self,
        known: &KnownLearner,
        schema: &Schema,
        windows: usize,
    ) -> Result<Arc<ForeignLearner>, AppError> {
        let is_compared = self.record_learner(&known.identity, windows)?;
        let (workdir, progress) = (self.workdir.clone(), self.progress.clone());
        let repeat = (!is_compared).then(|| -> windrow_train::RepeatReport {
            Box::new(move |apart| report_repeat(&workdir, &progress, apart))
        });
        let workers = known.pool.status().workers;
        let (workdir, pipeline, stop) = (&self.workdir, &self.pipeline.name, &known.stop);
        let settings = ForeignSettings { workdir, pipeline, workers, repeat, stop };
        let pool: Arc<dyn Learner> = Arc::<Pool>::clone(&known.pool);
        let learner = ForeignLearner::new(pool, known.identity.clone(), LearnerSchema::of(schema), settings);
        let path = || self.workdir.join(LEARNER_FOLDER);
        let learner = learner.map_err(|source| WorkdirError::Write { path: path(), source })?;
        learner.map(Arc::new).ok_or(AppError::Stopped)
    }

    /// Records the learner in `run.json`, if there is one. Returns `true` if two equal fits were compared before.
    fn record_learner(&self, identity: &LearnerIdentity, windows: usize) -> Result<bool, AppError> {
        let (mut refused, mut is_compared, mut changes) = (None, false, Vec::new());
        RunFile::update(&self.workdir, |run| {
            let Some(held) = &mut run.learner else {
                run.learner = Some(RunLearner { identity: identity.clone(), varies_by: None });
                return Some(());
            };
            if let Err(error) = self.refuse_other(held, identity) {
                refused = Some(error);
                return None;
            }
            is_compared = held.varies_by.is_some();
            // The learner decides by its digest which versions are those of another learner. Other changes are recorded.
            let [before, after] =
                [&held.identity.versions, &identity.versions].map(|all| serde_json::to_value(all).ok());
            if before == after {
                return None;
            }
            held.identity.versions.clone_from(&identity.versions);
            let keys = vec![KeyChange { key: "learner.versions".to_owned(), before, after }];
            changes.extend(keys.iter().map(ToString::to_string));
            run.changes.push(SettingsChange { at: timestamp(), windows, keys });
            Some(())
        })?;
        if let Some(error) = refused {
            return Err(error);
        }
        if !changes.is_empty() {
            self.progress.report(Event::SettingsChanged { changes });
        }
        Ok(is_compared)
    }

    /// Refuses a learner that is not the one that fitted the models in the work directory.
    fn refuse_other(&self, held: &RunLearner, now: &LearnerIdentity) -> Result<(), AppError> {
        let named = |one: &LearnerIdentity| (one.name.clone(), one.digest.clone());
        if named(&held.identity) == named(now) {
            return Ok(());
        }
        let (path, file) = (self.workdir.clone(), self.pipeline.file.clone());
        let [before, now] = [(&held.identity, now), (now, &held.identity)].map(|(one, other)| described(one, other));
        Err(WorkdirError::OtherLearner { path, file, before, now }.into())
    }
}

/// Returns the number of processes for requests, next to those of a pool that trains.
fn serving_workers(training: &Pool) -> usize {
    training.status().workers.min(MAX_SERVING)
}

/// Returns the name of a learner, the first digits of its digest, and the versions that differ from those of another one.
fn described(one: &LearnerIdentity, other: &LearnerIdentity) -> String {
    let differs = |(name, version): &(&String, &String)| other.versions.get(*name) != Some(*version);
    let versions = one.versions.iter().filter(differs).map(|(name, version)| format!(", {name} {version}"));
    format!("{} with digest {}{}", one.name, short(&one.digest), versions.collect::<String>())
}

/// Returns the first digits of a digest.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// Records how far two equal fits differ, and reports it if they do. A failure is only logged: no model depends on it.
fn report_repeat(workdir: &Path, progress: &Progress, apart: f64) {
    let recorded = RunFile::update(workdir, |run| {
        run.learner.as_mut()?.varies_by = Some(apart);
        Some(())
    });
    if let Err(error) = recorded {
        tracing::warn!(%error, "cannot record whether the learner repeats its models");
    }
    if apart.is_nan() || apart > MAX_DIFFERENCE {
        progress.report(Event::LearnerVaries { apart });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::app::learner_host::LearnerHost;
    use crate::app::run_file::Origin;
    use crate::app::storage::Storage;
    use crate::app::workdir::describe;
    use windrow_config::Pipeline;
    use windrow_server::Keys;

    fn app(workdir: &Path) -> App {
        let text = "name = \"p\"\ndataset = { path = \"d.csv\" }\ntarget = { column = \"y\", at_least = 1 }\n\
                    features = { numeric = [\"x\"] }\nwindow = { rows = 5 }\n[train]\nsolver = \"command\"\n\
                    command = { run = [\"python3\", \"my model.py\"], workers = 2 }";
        let pipeline = Arc::new(Pipeline::parse(Path::new("p.toml"), text).expect("a good pipeline"));
        let (progress, keys, storage) = (Progress::default(), Keys::default(), Storage::default());
        App { pipeline, workdir: workdir.to_owned(), progress, keys, storage, host: LearnerHost::default() }
    }

    fn identity(digest: &str, version: &str) -> LearnerIdentity {
        let versions = BTreeMap::from([("trees".to_owned(), version.to_owned())]);
        LearnerIdentity { name: "trees.Trees".to_owned(), versions, digest: digest.repeat(64) }
    }

    #[test]
    fn another_learner_is_refused_with_both_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let app = app(folder.path());
        assert!(!app.record_learner(&identity("a", "1"), 0).expect("no run yet"));
        describe(folder.path(), &app.pipeline, &Origin { dataset: Some("00ff"), replay: None }, "now").expect("room");
        assert!(!app.record_learner(&identity("a", "1"), 0).expect("room on the disk"));
        let error = app.record_learner(&identity("b", "1"), 3).expect_err("another learner").to_string();
        for part in ["trees.Trees with digest aaaaaaaaaaaa, but", "trees.Trees with digest bbbbbbbbbbbb: models"] {
            assert!(error.contains(part), "{error}");
        }
        let error = app.record_learner(&identity("b", "2"), 3).expect_err("other libraries").to_string();
        for part in ["digest aaaaaaaaaaaa, trees 1, but", "digest bbbbbbbbbbbb, trees 2: models of two learners"] {
            assert!(error.contains(part), "{error}");
        }
        let held = || RunFile::read(folder.path()).expect("a file").expect("a run");
        assert_eq!(held().learner.map(|held| held.identity), Some(identity("a", "1")));
        assert!(held().changes.is_empty());
        // Other versions with the same digest are recorded.
        app.record_learner(&identity("a", "2"), 3).expect("room on the disk");
        let sentences: Vec<String> = held().changes.iter().map(SettingsChange::sentence).collect();
        assert!(
            sentences.len() == 1 && sentences[0].contains("learner.versions: {\"trees\":\"1\"} before"),
            "{sentences:?}"
        );
    }

    #[test]
    fn a_learner_that_varies_is_reported_and_recorded() {
        let folder = tempfile::tempdir().expect("a folder");
        let app = app(folder.path());
        describe(folder.path(), &app.pipeline, &Origin { dataset: Some("00ff"), replay: None }, "now").expect("room");
        app.record_learner(&identity("a", "1"), 0).expect("room on the disk");
        let mut events = app.progress.listen();
        report_repeat(folder.path(), &app.progress, 1e-13);
        assert!(events.try_recv().is_err(), "as good as equal");
        report_repeat(folder.path(), &app.progress, 0.25);
        assert!(matches!(events.try_recv(), Ok(Event::LearnerVaries { apart }) if apart == 0.25));
        assert!(app.record_learner(&identity("a", "1"), 0).expect("a file"), "it is not compared again");
    }

    #[test]
    fn a_process_that_only_serves_needs_no_dataset() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut app = app(folder.path());
        let path = folder.path().join("d.csv");
        let mut pipeline = Pipeline::clone(&app.pipeline);
        pipeline.dataset.path.clone_from(&path);
        app.pipeline = Arc::new(pipeline);
        assert!(app.schema().is_err(), "the dataset is absent");
        let named = app.schema_for_predictions().expect("the columns that the pipeline names");
        std::fs::write(&path, "y,other,x\n1,2,3\n").expect("a file");
        let read = app.schema_for_predictions().expect("all columns");
        assert_eq!(LearnerSchema::of(&named), LearnerSchema::of(&read));
        std::fs::write(&path, "y,other\n1,2\n").expect("a file");
        assert!(app.schema_for_predictions().is_err(), "a dataset that is there is checked");
    }

    #[test]
    fn no_process_is_started_before_the_first_request() {
        let folder = tempfile::tempdir().expect("a folder");
        let app = app(folder.path());
        let columns = ["x", "y"].map(str::to_owned);
        let schema = Schema::bind(&app.pipeline, &columns).expect("all columns");
        let settings = app.learner_settings(LearnerSchema::of(&schema), CancellationToken::new());
        let pool = Arc::new(Pool::new(settings.expect("a learner")));
        assert_eq!((pool.status().workers, pool.status().starts), (2, 0));
        // Requests have processes of their own.
        let known = KnownLearner { pool, identity: identity("a", "1"), stop: CancellationToken::new() };
        let serving = app.serving_learner(&known, &schema).expect("a learner");
        let learner = &serving.api.learner;
        assert_eq!((learner.status().workers, learner.status().starts), (2, 0));
        assert_eq!(learner.identity().expect("it is known"), known.identity);
        assert_eq!(learner.status().starts, 0);
    }
}
