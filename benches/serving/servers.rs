//! The servers that are measured, each a process of its own.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use poem::endpoint::make;
use poem::listener::TcpListener as PoemListener;
use poem::web::Json;
use poem::{FromRequest, IntoResponse, Route, post};
use serde_json::Value;

use crate::process::windrow;

const LIMIT: Duration = Duration::from_secs(60);

/// A server that listens.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: String,
}

impl Server {
    fn start(mut command: Command, address: String) -> Self {
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let server = Self { process: process.expect("it runs"), address };
        let deadline = Instant::now() + LIMIT;
        while TcpStream::connect(&server.address).is_err() {
            assert!(Instant::now() < deadline, "{} does not come up", server.address);
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    pub(crate) fn windrow(pipeline: &str, workdir: &Path) -> Self {
        let address = free_address();
        let place = workdir.display().to_string();
        Self::start(windrow(&["serve", pipeline, "--workdir", &place, "--listen", &address]), address)
    }

    /// This program, as a server that parses and answers a constant.
    pub(crate) fn bare() -> Self {
        let address = free_address();
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["bare", &address]);
        Self::start(command, address)
    }

    /// In MiB.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() / 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // gunicorn and uvicorn end their workers when they are asked to end, and not when they are killed.
        let asked = Command::new("kill").arg(self.process.id().to_string()).status();
        let deadline = Instant::now() + Duration::from_secs(10);
        while asked.is_ok() && Instant::now() < deadline && matches!(self.process.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_address() -> String {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    format!("127.0.0.1:{port}")
}

/// Flask under gunicorn and FastAPI under uvicorn, two workers each, with the same scikit-learn model.
#[expect(clippy::disallowed_methods, reason = "a benchmark is told by its environment where its peers are")]
pub(crate) fn peers(folder: &Path, workdir: &Path) -> Vec<(&'static str, Server)> {
    let Ok(python) = std::env::var("WINDROW_BENCH_PYTHON") else {
        return Vec::new();
    };
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
    let model = folder.join("model.joblib");
    let trained = Command::new(&python)
        .arg(scripts.join("serve_train.py"))
        .arg(workdir.join("batches/window-00001.csv"))
        .arg(&model)
        .status();
    assert!(trained.expect("Python runs").success(), "scikit-learn cannot be trained");
    let tool = |name: &str, address: &str, arguments: &[&str]| {
        let mut command = Command::new(Path::new(&python).with_file_name(name));
        command.args(arguments).env("MODEL", &model).env("PYTHONPATH", &scripts).env("OMP_NUM_THREADS", "1");
        Server::start(command, address.to_owned())
    };
    let (flask, fastapi) = (free_address(), free_address());
    let port = fastapi.rsplit(':').next().expect("a port").to_owned();
    vec![
        ("Flask, scikit-learn", tool("gunicorn", &flask, &["-w", "2", "-b", &flask, "serve_flask:app"])),
        (
            "FastAPI, scikit-learn",
            tool(
                "uvicorn",
                &fastapi,
                &["--workers", "2", "--log-level", "warning", "--port", &port, "serve_fastapi:app"],
            ),
        ),
    ]
}

/// A poem route that parses the JSON and answers a constant of the shape that a model's answer has, until it is ended.
pub(crate) fn bare(address: &str) {
    async fn parse(request: poem::Request) -> poem::Result<poem::Response> {
        let (request, mut body) = request.split();
        let _row: Json<Value> = Json::from_request(&request, &mut body).await?;
        let answer = serde_json::json!({
            "model": "cumulative-3", "lineage": "0123456789ab", "probability": 0.123_456_789_012_345_67, "label": false,
            "threshold": 0.5,
        });
        Ok(Json(answer).into_response())
    }

    let routes = Route::new().at("/predict", post(make(parse))).at("/predict/batch", post(make(parse)));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let listener = PoemListener::bind(address.to_owned());
    runtime.block_on(poem::Server::new(listener).run(routes)).expect("a free port");
}
