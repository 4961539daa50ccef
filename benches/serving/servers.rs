//! The servers that are measured, each in a process of its own.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use poem::endpoint::make;
use poem::listener::TcpListener as PoemListener;
use poem::web::Json;
use poem::{FromRequest, IntoResponse, Route, post};
use serde_json::Value;

use crate::support::peers::{last_line, python, script};
use crate::support::process::{free_address, resident_memory, windrow};

const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A server that accepts connections.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: String,
    /// True for Windrow, whose errors fail the benchmark.
    pub(crate) is_windrow: bool,
}

impl Server {
    fn start(mut command: Command, address: String) -> Result<Self, String> {
        let name = command.get_program().to_string_lossy().into_owned();
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = process.map_err(|error| format!("{name} cannot be run: {error}"))?;
        let mut server = Self { process, address, is_windrow: false };
        let deadline = Instant::now() + START_TIMEOUT;
        while TcpStream::connect(&server.address).is_err() {
            if let Ok(Some(status)) = server.process.try_wait() {
                return Err(format!("{name} ended ({status})"));
            }
            if Instant::now() > deadline {
                return Err(format!("{name} does not answer at {}", server.address));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    pub(crate) fn windrow(pipeline: &str, workdir: &Path) -> Self {
        let address = free_address();
        let workdir_text = workdir.display().to_string();
        let command = windrow(&["serve", pipeline, "--workdir", &workdir_text, "--listen", &address]);
        let mut server = Self::start(command, address).unwrap_or_else(|error| panic!("windrow serve: {error}"));
        server.is_windrow = true;
        server
    }

    /// Starts this program as a server that parses the request and returns a constant.
    pub(crate) fn bare() -> Self {
        let address = free_address();
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["bare", &address]);
        Self::start(command, address).unwrap_or_else(|error| panic!("the bare route: {error}"))
    }

    /// Returns the resident memory in MiB.
    pub(crate) fn resident(&self) -> u64 {
        resident_memory(&self.process)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // gunicorn and uvicorn end their workers on SIGTERM, but not on SIGKILL.
        let terminated = Command::new("kill").arg(self.process.id().to_string()).status();
        let deadline = Instant::now() + Duration::from_secs(10);
        while terminated.is_ok() && Instant::now() < deadline && matches!(self.process.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts Flask under gunicorn and FastAPI under uvicorn, with two workers each and the same scikit-learn model.
/// Returns each server, or the reason why it is not available.
pub(crate) fn peers(folder: &Path, workdir: &Path) -> [(&'static str, Result<Server, String>); 2] {
    let model = folder.join("model.joblib");
    let trained = train(&model, workdir);
    let start = |packages: &[&str], name: &str, address: &str, arguments: &[&str]| {
        trained.clone()?;
        let program = python(packages)?.with_file_name(name);
        let mut command = Command::new(program);
        command.args(arguments).env("MODEL", &model).env("PYTHONPATH", script("")).env("OMP_NUM_THREADS", "1");
        Server::start(command, address.to_owned())
    };
    let (flask, fastapi) = (free_address(), free_address());
    let port = fastapi.rsplit(':').next().unwrap_or_default();
    let uvicorn = ["--workers", "2", "--log-level", "warning", "--port", port, "serve_fastapi:app"];
    [
        (
            "Flask, scikit-learn",
            start(&["flask", "gunicorn"], "gunicorn", &flask, &["-w", "2", "-b", &flask, "serve_flask:app"]),
        ),
        ("FastAPI, scikit-learn", start(&["fastapi", "uvicorn"], "uvicorn", &fastapi, &uvicorn)),
    ]
}

/// Trains the model of both peers.
fn train(model: &Path, workdir: &Path) -> Result<(), String> {
    let python = python(&["joblib", "pandas", "sklearn"])?;
    let mut command = Command::new(python);
    command.arg(script("serve_train.py")).arg(workdir.join("batches/window-00001.csv")).arg(model);
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("serve_train.py ended with {}: {}", output.status, last_line(&output.stderr)))
}

/// Serves a poem route that parses the JSON and returns a constant with the shape of a prediction, until it is killed.
/// Its address is the last argument.
pub(crate) fn serve_bare_route() -> ExitCode {
    async fn parse(request: poem::Request) -> poem::Result<poem::Response> {
        let (request, mut body) = request.split();
        let _row: Json<Value> = Json::from_request(&request, &mut body).await?;
        let answer = serde_json::json!({
            "model": "cumulative-3", "lineage": "0123456789ab", "probability": 0.123_456_789_012_345_67, "label": false,
            "threshold": 0.5,
        });
        Ok(Json(answer).into_response())
    }

    let address = std::env::args().next_back().unwrap_or_default();
    let routes = Route::new().at("/predict", post(make(parse))).at("/predict/batch", post(make(parse)));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let listener = PoemListener::bind(address);
    let ended = runtime.block_on(poem::Server::new(listener).run(routes));
    if ended.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
