//! The peers, each in a process of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Outcome;
use crate::support::peers::{java, last_line, python, script};

/// The time limit of a peer. A slower peer is killed and not measured.
const PEER_TIMEOUT: Duration = Duration::from_secs(900);

/// Measures the peers one after the other. Calls `measured` with each peer's figures, or with the reason why it has
/// none.
pub(crate) fn each(facts: &Path, batches: &[PathBuf], mut measured: impl FnMut(&str, Result<Outcome, String>)) {
    for (name, solver) in
        [("scikit-learn, lbfgs, sparse", "lbfgs"), ("scikit-learn, newton-cholesky", "newton-cholesky")]
    {
        let outcome = python(&["numpy", "pandas", "sklearn"]).and_then(|python| {
            let mut command = Command::new(python);
            command.arg(script("train_sklearn.py")).arg(solver).arg(facts).args(batches);
            run(command)
        });
        measured(name, outcome);
    }
    let outcome = java().and_then(|()| python(&["pyspark"])).and_then(|python| {
        let mut command = Command::new(python.with_file_name("spark-submit"));
        command.env("PYSPARK_PYTHON", &python).args(["--master", "local[2]", "--driver-memory", "4g"]);
        command.arg(script("train_spark.py")).arg(facts).args(batches);
        run(command)
    });
    measured("Spark, local[2]", outcome);
}

fn run(mut command: Command) -> Result<Outcome, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let (output, errors) = (tempfile::NamedTempFile::new(), tempfile::NamedTempFile::new());
    let (output, errors) = (output.expect("a file"), errors.expect("a file"));
    command.stdout(output.reopen().expect("a file")).stderr(errors.reopen().expect("a file"));
    let began = Instant::now();
    let started = command.stdin(Stdio::null()).spawn();
    let mut process = started.map_err(|error| format!("{name} cannot be run: {error}"))?;
    let mut mib = 0;
    let status = loop {
        mib = mib.max(resident(process.id()));
        if let Some(status) = process.try_wait().expect("a child to wait for") {
            break status;
        }
        if began.elapsed() > PEER_TIMEOUT {
            let _ = process.kill();
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let whole = began.elapsed();
    let text = fs::read_to_string(output.path()).unwrap_or_default();
    let printed = text.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok());
    let outcome = printed.and_then(|printed| {
        let models = printed["models"].as_array()?;
        Some(Outcome {
            whole,
            fits: models.iter().filter_map(|model| model["seconds"].as_f64()).sum(),
            mib,
            objective: models.last()?["objective"].as_f64()?,
        })
    });
    outcome.ok_or_else(|| {
        let output_text = last_line(&fs::read(errors.path()).unwrap_or_default());
        format!("it ended after {:.0} s ({status}): {output_text}", whole.as_secs_f64())
    })
}

/// Returns the resident memory of a process and its children, in MiB. spark-submit is a script that starts Java, which
/// starts Python.
fn resident(root: u32) -> u64 {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        if let (Some(parent), Some(kib)) = (field("PPid:"), field("VmRSS:")) {
            parents.push((id, parent, kib));
        }
    }
    let mut family = vec![u64::from(root)];
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        family.extend(parents.iter().filter(|(_, of, _)| *of == parent).map(|(id, ..)| u64::from(*id)));
        at += 1;
    }
    parents.iter().filter(|(id, ..)| family.contains(&u64::from(*id))).map(|(.., kib)| kib).sum::<u64>() / 1024
}
