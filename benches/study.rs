//! `just bench-study`: the whole study of `windrow advise`, from sealed batch files to the advice, beside what a Python user would
//! write with pandas and scikit-learn on the same files in the same run; then a larger one, with its time and memory.
//!
//! The peer is run by the Python of WINDROW_BENCH_PYTHON, which has benches/peers/requirements.txt installed.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "support/process.rs"]
#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod process;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::process::{timed, windrow};

const ROUNDS: usize = 3;
/// The larger study.
const ROWS: usize = 2_400_000;
const WINDOWS: usize = 65;

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    beside_scikit_learn(folder.path());
    larger(folder.path());
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// The flights by weeks: six histories behind each of 53 windows, every model on every later window.
fn beside_scikit_learn(folder: &Path) {
    let pipeline = fs::read_to_string(fixture("flights.toml")).expect("the fixture");
    let dataset = fixture("flights.csv.zst").display().to_string();
    let pipeline = pipeline.replace("flights.csv.zst", &dataset).replace("mean = \"75us\"", "mean = \"0us\"");
    let (file, workdir) = sealed(folder, "flights", &pipeline);
    let ours = (0..ROUNDS).map(|_| study(&file, &workdir)).min_by(|a, b| a.0.total_cmp(&b.0)).expect("a round");
    println!("flights, 53 weeks, 6 histories: {:.1} s, {} MiB", ours.0, ours.1);
    let Some(python) = environment("WINDROW_BENCH_PYTHON") else {
        println!("WINDROW_BENCH_PYTHON is not set: scikit-learn is left out");
        return;
    };
    let facts = folder.join("flights.json");
    let for_peer = json!({
        "numeric": ["distance", "temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib", "plane_year", "seats"],
        "log": [], "categorical": ["carrier", "origin", "dest"], "target": "arr_delay", "at_least": 15,
        "time": "sched_dep", "format": "%Y-%m-%d %H:%M",
    });
    fs::write(&facts, for_peer.to_string()).expect("a file");
    let mut command = Command::new(python);
    command.arg("benches/peers/study.py").arg(&facts).arg("1,2,4,8,16,all");
    command.args((1..=53).map(|window| workdir.join(format!("batches/window-{window:05}.csv"))));
    let output = command.output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let seconds = theirs["seconds"].as_f64().expect("a number");
    println!(
        "scikit-learn: {seconds:.1} s, {:.0} MiB: {:.0} times as long",
        theirs["mib"].as_f64().unwrap_or(0.0),
        seconds / ours.0
    );
    println!("\n{:<10}{:>14}{:>14}", "history", "windrow", "scikit-learn");
    for (name, scheme) in [
        ("1", "window"),
        ("2", "sliding2"),
        ("4", "sliding4"),
        ("8", "sliding8"),
        ("16", "sliding16"),
        ("all", "cumulative"),
    ] {
        let other = theirs["losses"][name].as_f64().expect("a loss");
        println!("{name:<10}{:>14.6}{other:>14.6}", at_age_one(&workdir, scheme));
    }
}

/// The log-loss a row of models that are one window old.
fn at_age_one(workdir: &Path, scheme: &str) -> f64 {
    let (mut sum, mut rows) = (0.0, 0.0);
    for window in 2..=53 {
        let read = |folder: &str| -> Value {
            let text = fs::read(workdir.join(folder).join(format!("window-{window:05}.json"))).unwrap_or_default();
            serde_json::from_slice(&text).unwrap_or_default()
        };
        let both = [read("losses"), read("advice/losses")];
        let models = || both.iter().flat_map(|losses| losses["models"].as_array().into_iter().flatten());
        let named = |name: String| models().find(|losses| losses["model"] == name.as_str());
        // A history that is longer than what there was is all of it.
        let own = named(format!("{scheme}-{}", window - 1)).or_else(|| named(format!("cumulative-{}", window - 1)));
        let total = |list: &Value| list.as_array().into_iter().flatten().filter_map(Value::as_f64).sum::<f64>();
        sum += own.map_or(f64::NAN, |losses| total(&losses["log_loss"]));
        rows += total(&both[0]["rows"]);
    }
    sum / rows
}

/// The flights again and again, with noise: many rows, many columns, eight histories.
fn larger(folder: &Path) {
    let text = zstd::decode_all(fs::File::open(fixture("flights.csv.zst")).expect("the fixture")).expect("zstd");
    let text = String::from_utf8(text).expect("UTF-8");
    let (header, body) = text.split_once('\n').expect("a header line");
    let rows = folder.join("many.csv");
    let mut file = std::io::BufWriter::new(fs::File::create(&rows).expect("a file"));
    let extra: Vec<String> = (1..=12).map(|column| format!("x{column}")).collect();
    writeln!(file, "{header},{}", extra.join(",")).expect("room on the disk");
    let mut state = 1_u64;
    for row in body.lines().cycle().take(ROWS) {
        write!(file, "{row}").expect("room on the disk");
        for _ in 0..12 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            write!(file, ",{}", (state >> 40) as f64 / 1e6).expect("room on the disk");
        }
        writeln!(file).expect("room on the disk");
    }
    file.flush().expect("room on the disk");
    let pipeline = fs::read_to_string(fixture("flights.toml")).expect("the fixture");
    let numbers: String = extra.iter().map(|name| format!(", \"{name}\"")).collect();
    let pipeline = pipeline
        .replace("flights.csv.zst", &rows.display().to_string())
        .replace("mean = \"75us\"", "mean = \"0us\"")
        .replace("event = \"week\"", &format!("rows = {}", ROWS.div_ceil(WINDOWS)))
        .replace("\"seats\",\n", &format!("\"seats\"{numbers},\n"))
        .replace("[serve]", "[advise]\nhistories = [1, 2, 3, 4, 8, 16, 26, \"all\"]\n\n[serve]");
    let (file, workdir) = sealed(folder, "many", &pipeline);
    let (seconds, mib) = study(&file, &workdir);
    println!("\n{ROWS} rows, {WINDOWS} windows, 27 features, 8 histories: {seconds:.1} s, {mib} MiB");
}

/// Runs a pipeline once, so that its batch files are there.
fn sealed(folder: &Path, name: &str, pipeline: &str) -> (String, PathBuf) {
    let file = folder.join(format!("{name}.toml")).display().to_string();
    fs::write(&file, pipeline).expect("a file");
    let workdir = folder.join(name);
    let place = workdir.display().to_string();
    let arguments = ["run", &file, "--once", "--broker", "embedded", "--workdir", &place, "--listen", "127.0.0.1:0"];
    assert!(windrow(&arguments).status().expect("the binary runs").success());
    (file, workdir)
}

/// From the batch files to the advice: seconds, and the larger of the two processes' peak memory in MiB.
fn study(file: &str, workdir: &Path) -> (f64, u64) {
    for made in ["models", "windows", "losses", "advice"] {
        fs::remove_dir_all(workdir.join(made)).expect("a folder to remove");
    }
    let place = workdir.display().to_string();
    let (training, trainer) = timed(&["train", file, "--workdir", &place, "--once"]);
    let (advising, advisor) = timed(&["advise", file, "--workdir", &place, "--json"]);
    ((training + advising).as_secs_f64(), trainer.max(advisor))
}

#[expect(clippy::disallowed_methods, reason = "a benchmark is told by its environment what to run")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
