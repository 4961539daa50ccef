//! The container: made, waited for, removed.

use std::collections::{HashMap, VecDeque};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error as DockerError;
use bollard::models::{ContainerCreateBody, HostConfig, PortBinding};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, LogsOptionsBuilder, RemoveContainerOptionsBuilder,
    StartContainerOptions,
};
use futures_util::{Stream, StreamExt as _};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::redpanda::image;
use crate::{BrokerError, Connection, topics};

/// What Redpanda logs when it is up.
const READY: &str = "Successfully started Redpanda!";
/// The port of the listener for clients outside the container.
const PORT: u16 = 19092;
/// The last log lines that an error shows.
const LOG_LINES: usize = 12;
/// How long making the container, without what runs in it, may take.
const MAKING: Duration = Duration::from_secs(60);
/// How often to begin again when another program took the port that was free a moment ago.
const ATTEMPTS: usize = 3;

/// What to start.
#[derive(Debug)]
pub(crate) struct Plan {
    image: String,
    patience: Duration,
    /// What `DOCKER_HOST` says.
    engine: Option<String>,
    host: String,
    is_local: bool,
}

impl Plan {
    pub(crate) fn new(image: &str, patience: Duration, docker_host: Option<&str>) -> Self {
        let remote = docker_host.and_then(|address| {
            let (scheme, rest) = address.split_once("://")?;
            let host = rest.split('/').next()?;
            let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
            (matches!(scheme, "tcp" | "http" | "https") && !host.is_empty()).then(|| host.to_owned())
        });
        Self {
            image: image.to_owned(),
            patience,
            engine: docker_host.map(str::to_owned),
            is_local: remote.is_none(),
            host: remote.unwrap_or_else(|| "127.0.0.1".to_owned()),
        }
    }

    pub(crate) fn fault(&self, fault: String, log: Vec<String>) -> BrokerError {
        BrokerError::Container { image: self.image.clone(), fault, log }
    }

    fn body(&self, port: u16) -> ContainerCreateBody {
        let host = &self.host;
        let inside = format!("{PORT}/tcp");
        let binding = PortBinding {
            // Nobody but this machine needs it, unless the engine is elsewhere.
            host_ip: self.is_local.then(|| "127.0.0.1".to_owned()),
            host_port: Some(port.to_string()),
        };
        let command = [
            "redpanda".to_owned(),
            "start".to_owned(),
            // A broker that is small, does not tune the kernel and does not wait for the disk.
            "--mode=dev-container".to_owned(),
            "--smp=1".to_owned(),
            "--memory=1G".to_owned(),
            format!("--kafka-addr=internal://0.0.0.0:9092,external://0.0.0.0:{PORT}"),
            format!("--advertise-kafka-addr=internal://127.0.0.1:9092,external://{host}:{port}"),
        ];
        ContainerCreateBody {
            image: Some(image::tagged(&self.image)),
            cmd: Some(command.to_vec()),
            labels: Some(HashMap::from([("windrow".to_owned(), "redpanda".to_owned())])),
            exposed_ports: Some(vec![inside.clone()]),
            host_config: Some(HostConfig {
                port_bindings: Some(HashMap::from([(inside, Some(vec![binding]))])),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        }
    }
}

/// Keeps a container until it is told to stop. Reports the address once Redpanda answers there; reports a failure only when
/// there is no container any more.
pub(crate) async fn keep(
    plan: &Plan,
    stop: &CancellationToken,
    ready: oneshot::Sender<Result<String, BrokerError>>,
) -> Result<(), BrokerError> {
    let prepare = async {
        let docker = image::engine(plan.engine.as_deref()).await?;
        image::ensure(&docker, &plan.image).await?;
        Ok(docker)
    };
    let docker = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        prepared = prepare => match prepared {
            Ok(docker) => docker,
            Err(error) => {
                let _ = ready.send(Err(error));
                return Ok(());
            }
        }
    };
    // Not interrupted: a container that is half made could not be removed.
    let (container, address) = match make(plan, &docker).await {
        Ok(made) => made,
        Err(error) => {
            let _ = ready.send(Err(error));
            return Ok(());
        }
    };
    let outcome = tokio::select! {
        () = stop.cancelled() => Ok(()),
        outcome = come_up(plan, &docker, &container, &address) => outcome,
    };
    match outcome {
        Ok(()) => {
            let _ = ready.send(Ok(address));
            stop.cancelled().await;
            remove(plan, &docker, &container).await
        }
        Err(error) => {
            let removed = remove(plan, &docker, &container).await;
            let _ = ready.send(Err(error));
            removed
        }
    }
}

/// The name of a container that runs, and the address of the Redpanda in it.
async fn make(plan: &Plan, docker: &Docker) -> Result<(String, String), BrokerError> {
    let mut attempt = 1;
    loop {
        let port = free_port().map_err(|error| plan.fault(format!("has no free port: {error}"), Vec::new()))?;
        let name = format!("windrow-redpanda-{}-{port}", std::process::id());
        let error = match tokio::time::timeout(MAKING, begin(plan, docker, &name, port)).await {
            Ok(Ok(())) => return Ok((name, format!("{}:{port}", plan.host))),
            Ok(Err(error)) => image::innermost(&error),
            Err(_) => format!("Docker did not make it within {} s", MAKING.as_secs()),
        };
        // It may have been made and not started.
        let _ = tokio::time::timeout(MAKING, force_away(docker, &name)).await;
        let is_port_taken = error.contains("already allocated") || error.contains("already in use");
        if !is_port_taken || attempt == ATTEMPTS {
            return Err(plan.fault(format!("could not be started: {error}"), Vec::new()));
        }
        attempt += 1;
    }
}

async fn begin(plan: &Plan, docker: &Docker, name: &str, port: u16) -> Result<(), DockerError> {
    let options = CreateContainerOptionsBuilder::new().name(name).build();
    docker.create_container(Some(options), plan.body(port)).await?;
    docker.start_container(name, None::<StartContainerOptions>).await
}

/// A port that was free a moment ago.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

async fn force_away(docker: &Docker, name: &str) -> Result<(), DockerError> {
    docker.remove_container(name, Some(RemoveContainerOptionsBuilder::new().force(true).v(true).build())).await
}

async fn remove(plan: &Plan, docker: &Docker, name: &str) -> Result<(), BrokerError> {
    force_away(docker, name)
        .await
        .map_err(|error| plan.fault(format!("could not be removed: {}", image::innermost(&error)), Vec::new()))
}

/// Waits until Redpanda says that it is up, and then until it answers.
async fn come_up(plan: &Plan, docker: &Docker, id: &str, address: &str) -> Result<(), BrokerError> {
    let deadline = Instant::now() + plan.patience;
    let late =
        |what: &str, log: Tail| plan.fault(format!("{what} within {:.0} s", plan.patience.as_secs_f64()), log.lines());
    let options = LogsOptionsBuilder::new().follow(true).stdout(true).stderr(true).tail("all").build();
    let mut tail = Tail::default();
    let mut logs = Box::pin(docker.logs(id, Some(options)));
    match tokio::time::timeout_at(deadline.into(), tail.read_until_ready(&mut logs)).await {
        Ok(true) => {}
        Ok(false) => {
            let code = exit_code(docker, id).await;
            let code = code.map_or_else(String::new, |code| format!(" (exit code {code})"));
            return Err(plan.fault(format!("ended before it was ready{code}"), tail.lines()));
        }
        Err(_) => return Err(late("did not get ready", tail)),
    }
    let connection = Connection::new(address);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(late(&format!("says that it is ready but did not answer at {address}"), tail));
        }
        if topics::reach(&connection, left.min(Duration::from_secs(2))).await.is_ok() {
            return Ok(());
        }
    }
}

async fn exit_code(docker: &Docker, id: &str) -> Option<i64> {
    let container = docker.inspect_container(id, None::<InspectContainerOptions>).await.ok()?;
    container.state?.exit_code
}

/// The last lines of a log that is read as it is written.
#[derive(Debug, Default)]
struct Tail {
    lines: VecDeque<String>,
    unfinished: String,
}

impl Tail {
    /// Whether the log says that Redpanda is ready, before it ends.
    async fn read_until_ready(
        &mut self,
        logs: &mut (impl Stream<Item = Result<LogOutput, DockerError>> + Unpin),
    ) -> bool {
        while let Some(Ok(output)) = logs.next().await {
            if self.push(&String::from_utf8_lossy(&output.into_bytes())) {
                return true;
            }
        }
        false
    }

    /// Takes a piece of the log, which may hold several lines or a part of one; true when the ready line is in it.
    fn push(&mut self, piece: &str) -> bool {
        self.unfinished.push_str(piece);
        let mut is_ready = false;
        while let Some(end) = self.unfinished.find('\n') {
            let line = self.unfinished[..end].trim_end().to_owned();
            self.unfinished.drain(..=end);
            is_ready |= line.contains(READY);
            if !line.is_empty() {
                self.lines.push_back(line);
            }
            if self.lines.len() > LOG_LINES {
                self.lines.pop_front();
            }
        }
        is_ready
    }

    fn lines(self) -> Vec<String> {
        let last = self.unfinished.trim_end().to_owned();
        let lines: Vec<String> = self.lines.into_iter().chain((!last.is_empty()).then_some(last)).collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_is_found_across_pieces() {
        let mut tail = Tail::default();
        assert!(!tail.push("INFO one\nINFO  main - Successfully star"));
        assert!(tail.push("ted Redpanda!\nINFO after"));
        assert_eq!(tail.lines(), ["INFO one", "INFO  main - Successfully started Redpanda!", "INFO after"]);
    }

    #[test]
    fn the_last_lines_are_kept() {
        let mut tail = Tail::default();
        for line in 0..100 {
            tail.push(&format!("line {line}\n\n"));
        }
        let lines = tail.lines();
        assert_eq!((lines.len(), lines.last().map(String::as_str)), (LOG_LINES, Some("line 99")));
    }

    #[test]
    fn containers_are_reached_where_the_engine_is() {
        for (docker_host, host, is_local) in [
            (None, "127.0.0.1", true),
            (Some("unix:///run/user/1000/docker.sock"), "127.0.0.1", true),
            (Some("tcp://10.1.2.3:2375"), "10.1.2.3", false),
            (Some("tcp://builder.example"), "builder.example", false),
        ] {
            let plan = Plan::new("redpanda", Duration::ZERO, docker_host);
            assert_eq!((plan.host.as_str(), plan.is_local), (host, is_local), "{docker_host:?}");
        }
    }
}
