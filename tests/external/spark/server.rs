//! A Spark Connect server, from the pyspark of the tests' Python, on Java 17.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;

use windrow_testing::{Running, text};

/// A server with two threads. A drop ends it.
pub(crate) struct SparkServer {
    process: Running,
    home: String,
    port: u16,
    folder: tempfile::TempDir,
}

impl SparkServer {
    pub(crate) fn start(python: &str) -> Self {
        let find = "import importlib.util as u; print(u.find_spec('pyspark').submodule_search_locations[0])";
        let home = Command::new(python).args(["-c", find]).output().expect("Python runs");
        let home = text(&home.stdout).trim().to_owned();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = port.expect("a free port").port();
        let folder = tempfile::tempdir().expect("a folder");
        let process = launch(&home, port, folder.path());
        Self { process, home, port, folder }
    }

    /// Returns the value of `train.spark.remote`.
    pub(crate) fn remote(&self) -> String {
        format!("sc://127.0.0.1:{}", self.port)
    }

    pub(crate) fn process(&mut self) -> &mut Running {
        &mut self.process
    }

    /// Starts the server again on the same port, without its earlier state.
    pub(crate) fn restart(&mut self) {
        self.process.kill();
        self.process = launch(&self.home, self.port, self.folder.path());
    }
}

/// Starts a server and waits until it answers.
fn launch(home: &str, port: u16, folder: &Path) -> Running {
    let mut command = Command::new(Path::new(home).join("bin/spark-submit"));
    command.args(["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "--master", "local[2]"]);
    for setting in [
        &format!("spark.connect.grpc.binding.port={port}"),
        "spark.connect.grpc.binding.address=127.0.0.1",
        "spark.driver.host=127.0.0.1",
        "spark.ui.enabled=false",
        // The time zone of this machine must not change how files are read.
        "spark.sql.session.timeZone=America/New_York",
        // Settings for fits of a thousand rows. The defaults would spend most time on empty tasks and on compiling.
        "spark.sql.shuffle.partitions=2",
        "spark.driver.extraJavaOptions=-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    ] {
        command.args(["--conf", setting]);
    }
    command.args(["--driver-memory", "1g", "spark-internal"]).env("SPARK_HOME", home).current_dir(folder);
    let process = Running::spawn(&mut command);
    process.wait_for("Spark Connect server started");
    process
}
