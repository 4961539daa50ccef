//! The life of the container: its start, its readiness and its removal.
//!
//! testcontainers starts the container, publishes its port, follows its log and removes it. This module adds two
//! things. Redpanda must advertise the port that the engine chooses, so the container waits until it receives its
//! address. And the connection that sends the address stays open. It closes when this process ends, also after SIGKILL;
//! then the container ends and the engine removes it. A process that is killed between the creation and the start of a
//! container leaves one without such a connection. A later start removes it.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error as DockerError;
use testcontainers::bollard::exec::{CreateExecOptions, StartExecResults};
use testcontainers::bollard::models::PortBinding;
use testcontainers::bollard::query_parameters::{PruneContainersOptionsBuilder, RemoveContainerOptionsBuilder};
use testcontainers::core::IntoContainerPort as _;
use testcontainers::core::client::ClientError;
use testcontainers::core::logs::LogFrame;
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{ContainerAsync, GenericImage, ImageExt as _, TestcontainersError};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::redpanda::engine::{self, ContainerSpec, ENGINE_TIMEOUT};
use crate::{BrokerError, Connection, topics};

/// The line that Redpanda logs when it is up.
const READY_LINE: &str = "Successfully started Redpanda!";
/// The line that [`RUN_SCRIPT`] writes to both streams when Redpanda has ended, up to the exit code.
const EXIT_LINE: &str = "windrow: exit code ";
/// The port of the listener for clients outside the container.
const PORT: u16 = 19092;
/// The label of Windrow's containers.
const LABEL: (&str, &str) = ("windrow", "redpanda");
/// The age after which a created container counts as abandoned. A process starts its container immediately after
/// creating it.
const ABANDONED_AGE: &str = "30s";
/// The number of log lines that an error shows.
const LOG_LINES: usize = 12;

/// The container's first process. It starts the image's program after [`HOLD_SCRIPT`] has written the address, and gives up
/// after 30 seconds without one. It outlives the program, so that the whole log can be read before the container is
/// removed.
const RUN_SCRIPT: &str = r#"
trap exit TERM
waited=0
until [ -s /dev/shm/windrow ]; do
    [ $((waited += 1)) -le 300 ] || exit 1
    sleep 0.1
done
read -r address </dev/shm/windrow
"$@" "--advertise-kafka-addr=internal://127.0.0.1:9092,external://$address" &
wait $!
ended="windrow: exit code $?"
echo "$ended"
echo "$ended" >&2
sleep 86400 &
wait
"#;

/// Writes the address for [`RUN_SCRIPT`]. Ends the first process when standard input ends, which happens when the connection
/// closes. Some engines send SIGTERM then.
const HOLD_SCRIPT: &str = r#"
trap : TERM HUP
echo "$0" >/dev/shm/windrow
read -r _
kill 1
"#;

/// A running container. At first, it has no address.
struct Container {
    docker: Docker,
    handle: ContainerAsync<GenericImage>,
    log: watch::Receiver<ContainerLog>,
    is_remote: bool,
    /// The connection of [`HOLD_SCRIPT`].
    hold: Option<StartExecResults>,
}

/// Runs a container until `stop` is cancelled, and sends its address to `ready` once Redpanda answers there. Returns
/// after the container is removed.
pub(crate) async fn run(
    plan: &ContainerSpec,
    stop: &CancellationToken,
    ready: oneshot::Sender<String>,
) -> Result<(), BrokerError> {
    let fetched = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        fetched = engine::fetch(plan) => fetched,
    };
    let (docker, program) = fetched?;
    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        // The start does not depend on it.
        _ = tokio::time::timeout(ENGINE_TIMEOUT, remove_abandoned(&docker)) => {}
    }
    // Not interrupted: a partly created container could not be removed.
    let mut container = Container::create(plan, docker, program).await?;
    let outcome = tokio::select! {
        () = stop.cancelled() => Ok(()),
        failure = async {
            // Fails if the caller has dropped its future, which also cancels `stop`.
            let _ = ready.send(container.wait_until_ready(plan).await?);
            std::future::pending::<Result<(), BrokerError>>().await
        } => failure,
    };
    match container.handle.rm().await {
        // The container has already ended, so the engine is removing it or has removed it.
        Err(TestcontainersError::Client(ClientError::RemoveContainer(DockerError::DockerResponseServerError {
            status_code: 404 | 409,
            ..
        }))) => outcome,
        removed => outcome.and(removed.map_err(|error| plan.failed("be removed", &error))),
    }
}

/// Removes containers that were created and never started, because their process was killed in between. The engine
/// measures their age.
async fn remove_abandoned(docker: &Docker) {
    let label = format!("{}={}", LABEL.0, LABEL.1);
    let filters = HashMap::from([("label", vec![label.as_str()]), ("until", vec![ABANDONED_AGE])]);
    let options = PruneContainersOptionsBuilder::new().filters(&filters).build();
    if let Err(error) = docker.prune_containers(Some(options)).await {
        tracing::debug!(%error, "containers that were never started could not be removed");
    }
}

impl Container {
    async fn create(plan: &ContainerSpec, docker: Docker, program: Vec<String>) -> Result<Self, BrokerError> {
        let is_remote = engine::is_remote(plan.docker_host.as_deref())?;
        let name = format!("windrow-redpanda-{}-{:08x}", std::process::id(), rand::random::<u32>());
        let (writer, log) = watch::channel(ContainerLog::default());
        let mut command = vec!["-c".to_owned(), RUN_SCRIPT.to_owned(), "sh".to_owned()];
        command.extend(program);
        // A small broker that does not tune the kernel and does not wait for the disk.
        command.extend(["redpanda", "start", "--mode=dev-container", "--smp=1", "--memory=1G"].map(str::to_owned));
        command.push(format!("--kafka-addr=internal://0.0.0.0:9092,external://0.0.0.0:{PORT}"));
        let started = engine::named(&plan.image)
            .with_entrypoint("sh")
            .with_exposed_port(PORT.tcp())
            .with_cmd(command)
            .with_container_name(&name)
            .with_label(LABEL.0, LABEL.1)
            .with_log_consumer(move |frame: &LogFrame| writer.send_modify(|log| log.push(frame.bytes())))
            .with_host_config_modifier(move |host| {
                host.auto_remove = Some(true);
                // If the engine is on this machine, the port is published only for this machine. The engine chooses a
                // free port.
                let binding = PortBinding { host_ip: (!is_remote).then(|| "127.0.0.1".to_owned()), host_port: None };
                host.publish_all_ports = Some(false);
                host.port_bindings = Some(HashMap::from([(PORT.tcp().to_string(), Some(vec![binding]))]));
            })
            .start()
            .await;
        match started {
            Ok(handle) => Ok(Self { docker, handle, log, is_remote, hold: None }),
            Err(error) => {
                // testcontainers does not remove a container that it could not start. This call fails if no container
                // was created.
                let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
                let _ = docker.remove_container(&name, Some(options)).await;
                Err(plan.failed("be started", &error))
            }
        }
    }

    /// Waits until Redpanda reports that it is ready, and then until it answers. Returns its address.
    async fn wait_until_ready(&mut self, plan: &ContainerSpec) -> Result<String, BrokerError> {
        let deadline = Instant::now() + plan.timeout;
        let address = self.send_address().await.map_err(|error| plan.failed("receive its address", &error))?;
        let news = self.log.wait_for(|log| log.is_ready || log.has_ended());
        // If another program removes the container, the log ends without either line.
        let waited = tokio::time::timeout_at(deadline.into(), news).await.map(drop);
        let log = self.log.borrow().clone();
        let late = |what: &str| Err(plan.fault(format!("{what} within {:.0} s", plan.timeout.as_secs_f64()), &log));
        if waited.is_err() {
            return late("did not become ready");
        }
        if !log.is_ready {
            let code = log.exit_codes.first().map_or_else(String::new, |code| format!(" (exit code {code})"));
            return Err(plan.fault(format!("ended before it was ready{code}"), &log));
        }
        let connection = Connection::new(&address);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return late(&format!("reported that it is ready, but did not answer at {address}"));
            }
            if topics::wait_for_broker(&connection, left.min(Duration::from_secs(2))).await.is_ok() {
                return Ok(address);
            }
        }
    }

    async fn send_address(&mut self) -> Result<String, TestcontainersError> {
        // Not `localhost`, because the port is not published on its IPv6 address.
        let host = if self.is_remote { self.handle.get_host().await?.to_string() } else { "127.0.0.1".to_owned() };
        let address = format!("{host}:{}", self.handle.get_host_port_ipv4(PORT).await?);
        let options = CreateExecOptions {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            cmd: Some(vec!["sh", "-c", HOLD_SCRIPT, &address]),
            ..CreateExecOptions::default()
        };
        let exec = self.docker.create_exec(self.handle.id(), options).await.map_err(ClientError::InitExec)?;
        self.hold = Some(self.docker.start_exec(&exec.id, None).await.map_err(ClientError::InitExec)?);
        Ok(address)
    }
}

impl ContainerSpec {
    fn failed(&self, to: &str, error: &TestcontainersError) -> BrokerError {
        self.fault(format!("could not {to}: {}", engine::reason(error)), &ContainerLog::default())
    }

    fn fault(&self, fault: String, log: &ContainerLog) -> BrokerError {
        BrokerError::Container { image: self.image.clone(), fault, log: log.lines.iter().cloned().collect() }
    }
}

/// The last lines of a log, and the progress of Redpanda that it shows.
#[derive(Debug, Default, Clone)]
struct ContainerLog {
    lines: VecDeque<String>,
    is_ready: bool,
    /// Redpanda's exit code, once for each stream that has ended.
    exit_codes: Vec<String>,
}

impl ContainerLog {
    /// Adds a piece of the log. The engine sends whole lines.
    fn push(&mut self, bytes: &[u8]) {
        for line in String::from_utf8_lossy(bytes).lines().map(str::trim_end).filter(|line| !line.is_empty()) {
            if let Some(code) = line.strip_prefix(EXIT_LINE) {
                self.exit_codes.push(code.to_owned());
                continue;
            }
            self.is_ready |= line.contains(READY_LINE);
            self.lines.push_back(line.to_owned());
            if self.lines.len() > LOG_LINES {
                self.lines.pop_front();
            }
        }
    }

    /// Returns true if Redpanda has ended and its last lines on both streams have arrived.
    fn has_ended(&self) -> bool {
        self.exit_codes.len() >= 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_and_the_end_of_redpanda_are_read_from_its_log() {
        let mut log = ContainerLog::default();
        log.push(b"INFO one\n");
        assert!(!log.is_ready);
        log.push(b"INFO  main - Successfully started Redpanda!\nINFO after\n");
        assert!(log.is_ready);
        log.push(b"windrow: exit code 3\n");
        assert!(!log.has_ended(), "the other stream may have more");
        log.push(b"ERROR last\nwindrow: exit code 3\n");
        assert!(log.has_ended());
        assert_eq!(log.lines, ["INFO one", "INFO  main - Successfully started Redpanda!", "INFO after", "ERROR last"]);
    }

    #[test]
    fn the_last_lines_are_kept() {
        let mut log = ContainerLog::default();
        for line in 0..100 {
            log.push(format!("line {line}\n\n").as_bytes());
        }
        assert_eq!((log.lines.len(), log.lines.back().map(String::as_str)), (LOG_LINES, Some("line 99")));
    }
}
