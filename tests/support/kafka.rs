//! A Kafka distribution, where the environment names one, and a node of it.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A node's first start takes a few seconds on a quiet machine.
const START: Duration = Duration::from_secs(90);

/// The folder of the Kafka distribution that `WINDROW_TEST_KAFKA` names.
#[expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a test that is skipped says so")]
pub(crate) fn kafka() -> Option<PathBuf> {
    let folder = std::env::var("WINDROW_TEST_KAFKA").ok().map(PathBuf::from);
    match &folder {
        None => println!("skipped: WINDROW_TEST_KAFKA names no folder of a Kafka distribution"),
        Some(folder) => assert!(folder.join("bin").is_dir(), "{} is no Kafka distribution", folder.display()),
    }
    folder
}

/// One node, broker and controller, that ends with this.
pub(crate) struct Kafka {
    pub(crate) node: Child,
    /// When its process was started.
    pub(crate) began: Instant,
    pub(crate) address: String,
    _folder: tempfile::TempDir,
}

impl Kafka {
    pub(crate) fn start(distribution: &Path, ports: [u16; 2]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let [port, quorum] = ports;
        let (address, logs) = (format!("127.0.0.1:{port}"), folder.path().join("logs"));
        let properties = format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{quorum}\n\
             listeners=PLAINTEXT://{address},CONTROLLER://127.0.0.1:{quorum}\nadvertised.listeners=PLAINTEXT://{address}\n\
             controller.listener.names=CONTROLLER\nlog.dirs={}\noffsets.topic.replication.factor=1\n\
             offsets.topic.num.partitions=3\ntransaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\nshare.coordinator.state.topic.replication.factor=1\n\
             share.coordinator.state.topic.min.isr=1\ngroup.initial.rebalance.delay.ms=0\n",
            logs.display()
        );
        let file = folder.path().join("node.properties");
        fs::write(&file, properties).expect("a file");
        let tool = |name: &str| {
            let mut command = Command::new(distribution.join("bin").join(name));
            command.env("LOG_DIR", folder.path()).env("KAFKA_HEAP_OPTS", "-Xmx512m").stdin(Stdio::null());
            command
        };
        let formatted =
            tool("kafka-storage.sh").args(["format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c"]).arg(&file).output();
        let formatted = formatted.expect("Java runs");
        assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stderr));
        let began = Instant::now();
        let node = tool("kafka-server-start.sh").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let kafka = Self { node: node.expect("Java runs"), began, address, _folder: folder };
        while TcpStream::connect(&kafka.address).is_err() {
            assert!(kafka.began.elapsed() < START, "Kafka does not come up at {}", kafka.address);
            std::thread::park_timeout(Duration::from_millis(10));
        }
        kafka
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        // Already ended is as good.
        let _ = self.node.kill();
        let _ = self.node.wait();
    }
}
