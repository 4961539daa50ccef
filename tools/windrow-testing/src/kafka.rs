//! Clusters of Apache Kafka, from the distribution that the environment names.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::free_port;

/// The time limit of a start. It takes a few seconds on a quiet machine.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// Returns the folder of the Kafka distribution that `WINDROW_TEST_KAFKA` names. Prints a message and returns `None` if
/// the variable is not set.
///
/// # Panics
/// The folder holds no Kafka distribution.
#[expect(clippy::print_stdout, reason = "a skipped test says why")]
pub fn kafka() -> Option<PathBuf> {
    let folder = std::env::var_os("WINDROW_TEST_KAFKA").map(PathBuf::from);
    match &folder {
        None => println!("skipped: WINDROW_TEST_KAFKA names no folder of a Kafka distribution"),
        Some(folder) => assert!(folder.join("bin").is_dir(), "{} is not a Kafka distribution", folder.display()),
    }
    folder
}

/// A cluster whose nodes are each broker and controller. A drop kills them.
#[derive(Debug)]
pub struct Kafka {
    distribution: PathBuf,
    nodes: Vec<Node>,
    /// The time at which the first process was started.
    pub began: Instant,
    /// The addresses of all nodes, separated by commas.
    pub address: String,
    folder: tempfile::TempDir,
    options: String,
}

/// The authentication of clients.
#[derive(Debug)]
pub struct Security<'a> {
    /// The name of the protocol, as in Kafka's `security.protocol`.
    pub protocol: &'a str,
    /// Further lines of a node's properties file.
    pub properties: String,
    /// SCRAM logins, in the form of `kafka-storage.sh --add-scram`.
    pub users: &'a [&'a str],
    /// Options of the Java virtual machine.
    pub options: String,
}

#[derive(Debug)]
struct Node {
    /// `None` while the node is down.
    process: Option<Child>,
    address: String,
}

impl Kafka {
    /// Starts a cluster without authentication. Topics have a replica on each node; a write needs all replicas but one.
    ///
    /// # Panics
    /// A node does not start.
    pub fn start(distribution: &Path, nodes: usize) -> Self {
        Self::start_secured(
            distribution,
            nodes,
            &Security { protocol: "PLAINTEXT", properties: String::new(), users: &[], options: String::new() },
        )
    }

    /// Starts a cluster with authentication.
    ///
    /// # Panics
    /// A node does not start.
    pub fn start_secured(distribution: &Path, nodes: usize, security: &Security<'_>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ports: Vec<u16> = (0..2 * nodes).map(|_| free_port()).collect();
        let voters: Vec<String> =
            (0..nodes).map(|node| format!("{}@127.0.0.1:{}", node + 1, ports[2 * node + 1])).collect();
        let (voters, in_sync) = (voters.join(","), nodes.saturating_sub(1).max(1));
        let addresses: Vec<String> = (0..nodes).map(|node| format!("127.0.0.1:{}", ports[2 * node])).collect();
        for (node, address) in addresses.iter().enumerate() {
            let (id, quorum) = (node + 1, ports[2 * node + 1]);
            let logs = folder.path().join(format!("logs-{id}"));
            let properties = format!(
                "process.roles=broker,controller\nnode.id={id}\ncontroller.quorum.voters={voters}\n\
                 listeners=CLIENTS://{address},CONTROLLER://127.0.0.1:{quorum}\n\
                 advertised.listeners=CLIENTS://{address}\ninter.broker.listener.name=CLIENTS\n\
                 listener.security.protocol.map=CLIENTS:{},CONTROLLER:PLAINTEXT\n\
                 controller.listener.names=CONTROLLER\nlog.dirs={}\n\
                 default.replication.factor={nodes}\nmin.insync.replicas={in_sync}\n\
                 offsets.topic.replication.factor={nodes}\noffsets.topic.num.partitions=3\n\
                 transaction.state.log.replication.factor={nodes}\ntransaction.state.log.min.isr={in_sync}\n\
                 transaction.state.log.num.partitions=3\nshare.coordinator.state.topic.replication.factor={nodes}\n\
                 share.coordinator.state.topic.min.isr={in_sync}\ngroup.initial.rebalance.delay.ms=0\n\
                 log.retention.check.interval.ms=500\nlog.segment.delete.delay.ms=100\n{}",
                security.protocol,
                logs.display(),
                security.properties
            );
            let file = folder.path().join(format!("{id}.properties"));
            fs::write(&file, properties).expect("a file");
            let formatted = tool(distribution, folder.path(), "kafka-storage.sh")
                .args(["format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c"])
                .arg(&file)
                .args(security.users.iter().flat_map(|user| ["--add-scram", user]))
                .output();
            let formatted = formatted.expect("Java runs");
            assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stderr));
        }
        let nodes = addresses.iter().map(|address| Node { process: None, address: address.clone() }).collect();
        let (distribution, address) = (distribution.to_owned(), addresses.join(","));
        let mut kafka =
            Self { distribution, nodes, began: Instant::now(), address, folder, options: security.options.clone() };
        (0..kafka.nodes.len()).for_each(|node| kafka.spawn(node));
        (0..kafka.nodes.len()).for_each(|node| kafka.wait_for(node));
        kafka
    }

    fn spawn(&mut self, node: usize) {
        let file = self.folder.path().join(format!("{}.properties", node + 1));
        let mut command = tool(&self.distribution, self.folder.path(), "kafka-server-start.sh");
        let process =
            command.arg(file).env("KAFKA_OPTS", &self.options).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.nodes[node].process = Some(process.expect("Java runs"));
    }

    fn wait_for(&self, node: usize) {
        let (began, address) = (Instant::now(), &self.nodes[node].address);
        while TcpStream::connect(address).is_err() {
            assert!(began.elapsed() < START_TIMEOUT, "Kafka does not come up at {address}");
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// Returns the process of a node that is up. Nodes are counted from 0.
    ///
    /// # Panics
    /// The node is down.
    pub fn process(&self, node: usize) -> &Child {
        self.nodes[node].process.as_ref().expect("it is up")
    }

    /// Starts a node that was killed or stopped, with its data.
    pub fn up(&mut self, node: usize) {
        self.spawn(node);
        self.wait_for(node);
    }

    /// Kills a node with SIGKILL.
    pub fn kill(&mut self, node: usize) {
        self.signal(node, "KILL");
        self.end(node);
    }

    /// Shuts a node down with SIGTERM.
    pub fn stop(&mut self, node: usize) {
        self.signal(node, "TERM");
        self.end(node);
    }

    fn end(&mut self, node: usize) {
        let mut process = self.nodes[node].process.take().expect("it is up");
        process.wait().expect("a child to wait for");
    }

    /// Sends a node a signal, as in `STOP`.
    ///
    /// # Panics
    /// The node is down.
    pub fn signal(&self, node: usize, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.process(node).id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Runs one of Kafka's own tools; returns its standard output.
    ///
    /// # Panics
    /// The tool fails.
    pub fn run(&self, name: &str, arguments: &[&str]) -> String {
        let ran = tool(&self.distribution, self.folder.path(), name).args(arguments).output().expect("Java runs");
        assert!(ran.status.success(), "{name}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8_lossy(&ran.stdout).into_owned()
    }
}

fn tool(distribution: &Path, folder: &Path, name: &str) -> Command {
    let mut command = Command::new(distribution.join("bin").join(name));
    command.env("LOG_DIR", folder).env("KAFKA_HEAP_OPTS", "-Xmx512m").stdin(Stdio::null());
    command
}

impl Drop for Kafka {
    fn drop(&mut self) {
        for process in self.nodes.iter_mut().filter_map(|node| node.process.as_mut()) {
            // Fails if the node has already ended.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
