//! The compose file, started by the command of docs/deployment.md: five services and one that creates the topic, with
//! Apache Kafka in place of Redpanda.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use windrow_testing::kafka::kafka;
use windrow_testing::{fixture, free_port, http, root, text, wait_until};

use crate::container_image::{Image, Root};
use crate::docker::{self, docker};
use crate::image::{Windrow, documented, words};

/// The entry point that takes Redpanda's command line and starts Kafka.
const ENTRYPOINT: &str = r#"#!/bin/bash
set -eu
for argument in "$@"; do
    case "$argument" in
        --kafka-addr=*) listen="${argument##*internal://}" ;;
        --advertise-kafka-addr=*) advertise="${argument##*internal://}" ;;
    esac
done
data=/var/lib/redpanda/data
cat > /tmp/server.properties <<P
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9093
listeners=CLIENTS://$listen,CONTROLLER://127.0.0.1:9093
advertised.listeners=CLIENTS://$advertise
inter.broker.listener.name=CLIENTS
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs=$data/kafka
offsets.topic.replication.factor=1
P
java() { /java/bin/java -Xmx512m -cp '/kafka/libs/*' "$@"; }
java kafka.tools.StorageTool format --ignore-formatted -t AAAAAAAAAAAAAAAAAAAAAQ -c /tmp/server.properties
exec /java/bin/java -Xmx512m -cp '/kafka/libs/*' kafka.Kafka /tmp/server.properties
"#;
/// A stand-in for `rpk`, which the compose file only uses as a health check.
const RPK: &str = "#!/bin/bash\nexec 3<>/dev/tcp/127.0.0.1/9092\n";

/// Builds an image of Kafka with this machine's Java.
fn kafka_image(distribution: &Path) -> Option<Image> {
    let root = Root::new()?;
    let java = fs::canonicalize("/usr/bin/java").ok().and_then(|java| Some(java.parent()?.parent()?.to_owned()));
    let Some(java) = java else {
        docker::skip("no Java at /usr/bin/java");
        return None;
    };
    copy_all(&java, &root.path().join("java"));
    copy_all(&distribution.join("libs"), &root.path().join("kafka/libs"));
    for library in
        ["lib/libjava.so", "lib/libnio.so", "lib/libnet.so", "lib/libzip.so", "lib/server/libjvm.so", "bin/java"]
    {
        root.libraries_of(&java.join(library));
    }
    root.copy(Path::new("/bin/bash"), "bin/bash");
    root.copy(Path::new("/bin/cat"), "bin/cat");
    root.script("bin/rpk", RPK);
    root.script("entrypoint.sh", ENTRYPOINT);
    fs::create_dir_all(root.path().join("tmp")).expect("a folder");
    Some(root.build("kafka", "/entrypoint.sh"))
}

/// Copies a folder and follows links, because Debian keeps parts of Java elsewhere.
fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().expect("a parent")).expect("a folder");
    // Broken links, to packages that are not installed, are left out.
    let copied = Command::new("cp").args(["-rL", "--"]).args([from, to]).output().expect("cp runs");
    assert!(to.is_dir(), "{}", text(&copied.stderr));
}

/// The running services. A drop removes them.
struct Services {
    file: PathBuf,
    project: String,
    environment: Vec<(&'static str, String)>,
}

impl Services {
    fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(compose()?.remove(0));
        command.args(&compose()?[1..]).arg("-f").arg(&self.file).args(["-p", &self.project]).args(arguments);
        let output = command.envs(self.environment.clone()).output().map_err(|error| error.to_string())?;
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.run(&["down", "--volumes", "--timeout", "5"]).expect("they end");
    }
}

/// Returns the command of Docker Compose: `docker compose`, or the older `docker-compose`.
fn compose() -> Result<Vec<String>, String> {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    if docker(&["compose", "version"]).is_ok() {
        return Ok(words("docker compose"));
    }
    match Command::new("docker-compose").arg("version").output() {
        Ok(output) if output.status.success() => Ok(words("docker-compose")),
        _ => Err("neither `docker compose` nor docker-compose is here".to_owned()),
    }
}

#[test]
#[ignore = "needs Docker with compose, a Kafka distribution and Java"]
fn five_services_do_the_work_and_a_killed_one_resumes() {
    let Some(distribution) = kafka() else { return };
    if !docker::is_available() {
        return;
    }
    if let Err(reason) = compose() {
        docker::skip(&reason);
        return;
    }
    let _exclusive = docker::exclusive();
    let (Some(windrow), Some(broker)) = (Windrow::build("compose"), kafka_image(&distribution)) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let pipeline = fs::read_to_string(fixture("flights-sample.toml")).expect("a fixture");
    let paced = format!("{pipeline}\n[stream]\npartitions = 3\npace = {{ kind = \"fixed\", delay = \"1ms\" }}\n");
    fs::write(folder.path().join("flights.toml"), paced.replace("parts = 3", "rows = 1000")).expect("a file");
    let dataset = folder.path().join("flights-sample.csv.zst");
    fs::copy(fixture("flights-sample.csv.zst"), dataset).expect("a file");
    let readable = Command::new("chmod").args(["-R", "a+rX"]).arg(folder.path()).status();
    assert!(readable.expect("chmod runs").success());
    let port = free_port();
    let services = Services {
        file: root().join("compose.yaml"),
        project: format!("windrow-test-{}", std::process::id()),
        environment: vec![
            ("WINDROW_IMAGE", windrow.name.clone()),
            ("WINDROW_REDPANDA_IMAGE", broker.name().to_owned()),
            ("WINDROW_DATA", folder.path().display().to_string()),
            ("WINDROW_PORT", port.to_string()),
        ],
    };
    let up = documented("docker compose", ("up --build", "up --detach --no-build"));
    services.run(&words(&up)[1..]).expect("they start");
    let url = format!("http://127.0.0.1:{port}");
    let windows = || {
        let (status, _, body) = http("GET", &format!("{url}/v1/windows"), None);
        let body: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        if status == 200 { body["windows"].as_array().map_or(0, Vec::len) } else { 0 }
    };
    wait_until("a window is served", || windows() > 0);
    services.run(&["kill", "consumer"]).expect("it is killed");
    services.run(&["up", "--detach", "--no-build", "consumer"]).expect("it starts again");
    let stored = "windrow_rows_total{state=\"sent\"} 8019";
    wait_until("all rows are sent", || http("GET", &format!("{url}/metrics"), None).2.contains(stored));
    wait_until("all windows are served", || windows() == 9);
    let audit = "audit /data/flights.toml --workdir /work/run --broker broker:9092";
    let arguments: Vec<&str> = ["run", "--rm", "-T", "trainer"].into_iter().chain(audit.split(' ')).collect();
    let output = services.run(&arguments).expect("the audit is clean");
    assert!(output.contains("8,019 read = 8,019 delivered = 8,019 stored"), "{output}");
}
