//! A server with models of the fake learner, in this process.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use windrow_base::telemetry::Progress;
use windrow_config::Pipeline;
use windrow_learn::learner::{
    FolderDigest, LearnerFeature, LearnerIdentity, LearnerKind, LearnerSchema, inspect_folder,
};
use windrow_learn::model::{Artifact, Fitted, Foreign, Outcome};
use windrow_registry::Registry;
use windrow_registry::monitor::Monitor;
use windrow_server::{Api, ApiLearner, Keys};

use crate::fake::{Fake, identity};

/// A logistic regression with a feature of every kind.
const MODEL: &str = include_str!("../../../../fuzz/fuzz_targets/model.json");
const PIPELINE: &str = r#"
name = "p"
[dataset]
path = "d.csv"
time = { column = "at", format = "%Y-%m-%d %H:%M" }
[target]
column = "late"
at_least = 15
[features]
numeric = ["miles"]
log = ["fare"]
categorical = ["carrier"]
calendar = ["hour"]
[window]
rows = 100
[serve]
listen = "127.0.0.1:0"
"#;
const LONG: Duration = Duration::from_secs(60);

/// An answer with the headers that matter here.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) learner: Arc<Fake>,
    pub(crate) registry: Arc<Registry>,
    folder: TempDir,
    stop: CancellationToken,
    runtime: Option<(Runtime, JoinHandle<()>)>,
}

/// Returns the pipeline, with another solver if `train` has one.
pub(crate) fn pipeline(train: &str) -> Arc<Pipeline> {
    let text = format!("{PIPELINE}[train]\n{train}\n");
    Arc::new(Pipeline::parse(Path::new("p.toml"), &text).expect("a good pipeline file"))
}

pub(crate) const COMMAND: &str = "solver = \"command\"\ncommand = { run = [\"none\"] }";

/// Returns the logistic regression, with another id.
pub(crate) fn logistic(id: &str) -> Artifact {
    let mut artifact: Artifact = serde_json::from_str(MODEL).expect("a model");
    artifact.id = id.parse().expect("an id");
    artifact
}

/// Returns the same model as one of a learner.
fn foreign(id: &str, learner: LearnerIdentity, found: FolderDigest, calibration: Option<(f64, f64)>) -> Artifact {
    let mut artifact = logistic(id);
    artifact.is_for_advice = artifact.id.is_recalibrated();
    let Outcome::Learned(learned) = &mut artifact.outcome else { panic!("a model") };
    let inputs = learned.inputs();
    let feature = |name: &str, kind| LearnerFeature { name: name.to_owned(), kind, codes: None };
    let features = vec![
        feature("miles", LearnerKind::Number),
        feature("log(fare)", LearnerKind::Logarithm),
        feature("carrier", LearnerKind::Category),
        feature("hour(at)", LearnerKind::Calendar),
    ];
    let schema = LearnerSchema { target: "late".to_owned(), features };
    let FolderDigest { digest, files, bytes } = found;
    let (seed, seconds) = (7, 1.5);
    let fitted = Foreign { learner, schema, inputs, digest, files, bytes, seed, seconds, calibration };
    learned.fitted = Fitted::Foreign(fitted);
    artifact
}

/// Publishes a model of a learner in a registry.
pub(crate) fn publish(registry: &Registry, folder: &Path, id: &str, digest: &str, calibration: Option<(f64, f64)>) {
    let left = folder.join("left");
    fs::create_dir_all(&left).expect("a folder");
    // A recalibrated model has the folder of its fit.
    let fit = id.split("-recalibrated-").next().unwrap_or(id);
    fs::write(left.join("model"), fit).expect("a file");
    let found = inspect_folder(&left).expect("a model");
    let artifact = foreign(id, identity(digest), found, calibration);
    let digest = artifact.foreign().expect("a model of a learner").digest.clone();
    registry.put_learner_folder(artifact.id.fit(), &left, &digest).expect("room on the disk");
    registry.publish(&artifact).expect("room on the disk");
}

impl Server {
    /// Starts a server with the model `cumulative-2`. `with_learner` is false if no learner runs in it.
    pub(crate) fn start(with_learner: bool) -> Self {
        Self::start_with(with_learner, &pipeline(COMMAND))
    }

    /// Starts the same server with the settings of a pipeline.
    pub(crate) fn start_with(with_learner: bool, pipeline: &Arc<Pipeline>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let registry = Arc::new(Registry::open(folder.path()).expect("a folder"));
        publish(&registry, folder.path(), "cumulative-2", "aa", None);
        let (learner, stop) = (Arc::new(Fake::default()), CancellationToken::new());
        let clock: fn() -> String = || "2026-01-01T00:00:00Z".to_owned();
        let asked = Arc::clone(&learner);
        let api = Api {
            pipeline: Arc::clone(pipeline),
            registry: Arc::clone(&registry),
            progress: Progress::default(),
            monitor: Arc::new(Monitor::new(folder.path(), Arc::clone(&registry), &pipeline.train.schemes, clock)),
            workdir: folder.path().to_owned(),
            keys: Keys::default(),
            clock,
            revision: "test",
            learner: with_learner.then(|| ApiLearner { learner: asked, identity: identity("aa") }),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
        let listener = runtime.block_on(windrow_server::bind(&pipeline.serve)).expect("a free port");
        let url = listener.url();
        let task = runtime.spawn(windrow_server::run(api, listener, stop.clone()));
        let server = Self { url, learner, registry, folder, stop, runtime: Some((runtime, task)) };
        server.wait_for("the model is served", || server.get("/v1/models/cumulative-2").status == 200);
        server
    }

    /// Publishes another model, and waits until it is served.
    pub(crate) fn publish(&self, id: &str, digest: &str, calibration: Option<(f64, f64)>) {
        publish(&self.registry, self.folder.path(), id, digest, calibration);
        let path = format!("/v1/models/{id}");
        self.wait_for("the model is served", || self.get(&path).status == 200);
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        answer(agent().get(format!("{}{path}", self.url)).call())
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.post_as(path, "application/json", body)
    }

    pub(crate) fn post_as(&self, path: &str, kind: &str, body: &str) -> Answer {
        answer(agent().post(format!("{}{path}", self.url)).header("content-type", kind).send(body))
    }

    /// Sends a request, and does not read its answer. The client leaves when the connection is dropped.
    pub(crate) fn send(&self, path: &str, body: &str) -> TcpStream {
        let address = self.url.strip_prefix("http://").expect("a URL without TLS");
        let mut client = TcpStream::connect(address).expect("the server listens");
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        client.write_all([&head, body].concat().as_bytes()).expect("the server reads");
        client
    }

    pub(crate) fn wait_for(&self, what: &str, condition: impl Fn() -> bool) {
        let began = Instant::now();
        while !condition() {
            assert!(began.elapsed() < LONG, "{what}: {} requests so far", self.learner.asked().len());
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.learner.open();
        self.stop.cancel();
        if let Some((runtime, task)) = self.runtime.take() {
            // A failure of the server is that of a request, too.
            let _ = runtime.block_on(task);
            runtime.shutdown_timeout(LONG);
        }
    }
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(LONG));
    ureq::Agent::new_with_config(config.build())
}

fn answer(sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
    let mut response = sent.expect("the server answers");
    let retry_after = response.headers().get("retry-after").and_then(|text| text.to_str().ok()).map(str::to_owned);
    let (status, text) = (response.status().as_u16(), response.body_mut().read_to_string().expect("a text"));
    Answer { status, retry_after, text }
}
