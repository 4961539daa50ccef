//! The others, each in a process of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{Outcome, environment};

/// Longer than any of them takes; what takes longer is ended and left out.
const LIMIT: Duration = Duration::from_secs(900);

pub(crate) fn all(facts: &Path, batches: &[PathBuf], quick: bool) -> Vec<Outcome> {
    let Some(python) = environment("WINDROW_BENCH_PYTHON") else {
        println!("no peers: WINDROW_BENCH_PYTHON names no Python (just bench-train sees to that)");
        return Vec::new();
    };
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
    let script = peers.join("train_sklearn.py");
    let sklearn = |name, solver: &str| {
        let mut command = Command::new(&python);
        command.arg(&script).arg(solver).arg(facts).args(batches);
        run(name, command)
    };
    let mut found: Vec<Option<Outcome>> = vec![sklearn("scikit-learn, lbfgs, sparse", "lbfgs")];
    if !quick {
        found.push(sklearn("scikit-learn, newton-cholesky", "newton-cholesky"));
        let mut command = Command::new(Path::new(&python).with_file_name("spark-submit"));
        command.env("PYSPARK_PYTHON", &python).args(["--master", "local[2]", "--driver-memory", "4g"]);
        command.arg(peers.join("train_spark.py")).arg(facts).args(batches);
        found.push(run("Spark, local[2]", command));
    }
    found.into_iter().flatten().collect()
}

fn run(name: &'static str, mut command: Command) -> Option<Outcome> {
    let output = tempfile::NamedTempFile::new().expect("a file");
    let stdout = output.reopen().expect("a file");
    let began = Instant::now();
    let mut process = command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::null()).spawn().ok()?;
    let mut mib = 0;
    let status = loop {
        mib = mib.max(resident(process.id()));
        if let Some(status) = process.try_wait().expect("a child to wait for") {
            break status;
        }
        if began.elapsed() > LIMIT {
            let _ = process.kill();
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let whole = began.elapsed();
    let text = fs::read_to_string(output.path()).unwrap_or_default();
    let Some(told) = text.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok()) else {
        println!("{name}: ended with {status} after {:.0} s", whole.as_secs_f64());
        return None;
    };
    let models = told["models"].as_array()?;
    let last = models.last()?;
    Some(Outcome {
        name,
        whole,
        fits: models.iter().filter_map(|model| model["seconds"].as_f64()).sum(),
        mib,
        objective: last["objective"].as_f64()?,
    })
}

/// What a process and its children hold in memory, in MiB: spark-submit is a script that starts Java, which starts Python.
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
