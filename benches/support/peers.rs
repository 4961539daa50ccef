//! The tools that the benchmarks use or compare with. If one is missing, the message names it and says how to get it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::environment;

/// Returns the path of a peer's script.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers").join(name)
}

/// Returns the path of a program, or the reason why it cannot be used.
pub(crate) fn tool(name: &str, package: &str) -> Result<PathBuf, String> {
    let folders = environment("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|file| file.is_file());
    found.ok_or_else(|| format!("{name} is not on the path (Debian: apt-get install {package})"))
}

/// Checks that Java is installed, which Kafka and Spark need.
pub(crate) fn java() -> Result<(), String> {
    if environment("JAVA_HOME").is_some_and(|home| Path::new(&home).join("bin/java").is_file()) {
        return Ok(());
    }
    tool("java", "default-jre-headless").map(|_| ())
}

/// Returns the folder of a Kafka distribution that can be started.
pub(crate) fn kafka() -> Result<PathBuf, String> {
    let Some(folder) = environment("WINDROW_TEST_KAFKA").map(PathBuf::from) else {
        return Err("WINDROW_TEST_KAFKA is not set: set it to the folder of an Apache Kafka distribution".to_owned());
    };
    if !folder.join("bin/kafka-server-start.sh").is_file() {
        return Err(format!(
            "WINDROW_TEST_KAFKA is {}, which has no bin/kafka-server-start.sh: set it to the folder of an Apache Kafka \
             distribution",
            folder.display()
        ));
    }
    java().map(|()| folder)
}

/// Returns the Python of the peers, if it has these packages.
pub(crate) fn python(packages: &[&str]) -> Result<PathBuf, String> {
    let Some(python) = environment("WINDROW_BENCH_PYTHON") else {
        return Err(
            "WINDROW_BENCH_PYTHON is not set: `just` sets it, and installs benches/peers/requirements.txt".to_owned()
        );
    };
    let imports = format!("import {}", packages.join(", "));
    let tried = Command::new(&python).args(["-c", &imports]).stdin(Stdio::null()).output();
    match tried {
        Ok(output) if output.status.success() => Ok(PathBuf::from(python)),
        Ok(output) => {
            let output_text = last_line(&output.stderr);
            Err(format!("{output_text}: {python} -m pip install -r benches/peers/requirements.txt installs it"))
        }
        Err(error) => Err(format!("WINDROW_BENCH_PYTHON is {python}, which cannot be run: {error}")),
    }
}

/// Returns the last line that a program printed, which in Python is the error.
pub(crate) fn last_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("no message").to_owned()
}
