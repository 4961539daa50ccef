//! `just bench-study`: measures the whole study of `windrow advise`, from sealed batch files to the advice. Compares it
//! with the code that a Python user would write with pandas and scikit-learn, on the same files in the same run. Then
//! runs a larger study, and measures its time and memory. About fifteen minutes.
//!
//! The peer is run by the Python of `WINDROW_BENCH_PYTHON`, which has benches/peers/requirements.txt installed.
//! `WINDROW_BENCH_SIZE=small`: the sample of the flights by months, and 24,000 rows for the larger study; seconds.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "support/support.rs"]
#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod support;

use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, ExitCode};

use serde_json::{Value, json};

use crate::support::peers;
use crate::support::pipeline::PipelineFile;
use crate::support::process::{forget_models, run_once, timed};
use crate::support::rows;
use crate::support::size::{Size, bench};
use crate::support::table::Table;

/// The histories of the comparison: their names in the table, and the schemes of their models.
const HISTORIES: [(&str, &str); 6] = [
    ("1", "window"),
    ("2", "sliding2"),
    ("4", "sliding4"),
    ("8", "sliding8"),
    ("16", "sliding16"),
    ("all", "cumulative"),
];
/// The number of feature columns that the larger study adds.
const EXTRA_COLUMNS: usize = 12;

fn main() -> ExitCode {
    bench(|size| {
        let folder = tempfile::tempdir().expect("a folder");
        compared(folder.path(), size);
        larger(folder.path(), size);
        Ok(())
    })
}

/// Compares the study of the flights by weeks: six histories after each of 53 windows, every model on every later
/// window.
fn compared(folder: &Path, size: Size) {
    let (dataset, window) = size.pick(("flights", "week"), ("flights-sample", "month"));
    let file = PipelineFile::of(dataset, "event", window).write(folder, dataset);
    let workdir = folder.join(dataset);
    run_once(&file, &workdir, &[]);
    let windows = sealed(&workdir);
    let rounds = (0..size.pick(3, 1)).map(|_| study(&file, &workdir));
    let (ours, mib) = rounds.min_by(|a, b| a.0.total_cmp(&b.0)).expect("a round");
    let theirs = scikit_learn(folder, &workdir, windows);

    let title = format!("{dataset}, {windows} windows, {} histories", HISTORIES.len());
    let table = Table::new(&title, &["time, s", "ratio", "peak memory, MiB"]);
    let row = |name: &str, seconds: f64, mib: f64| {
        table.row(name, &[format!("{seconds:.1}"), format!("{:.0}", seconds / ours), format!("{mib:.0}")]);
    };
    row("windrow", ours, mib as f64);
    match &theirs {
        Ok(found) => row("pandas, scikit-learn", number(&found["seconds"]), number(&found["mib"])),
        Err(why) => table.not_measured("pandas, scikit-learn", why),
    }

    let table = Table::new("log-loss by history, one window old", &["windrow", "scikit-learn"]);
    for (name, scheme) in HISTORIES {
        let ours = format!("{:.6}", loss_at_age_one(&workdir, scheme, windows));
        let theirs = match &theirs {
            Ok(found) => format!("{:.6}", number(&found["losses"][name])),
            Err(_) => "not measured".to_owned(),
        };
        table.row(name, &[ours, theirs]);
    }
}

/// Returns the object that the peer's script prints.
fn scikit_learn(folder: &Path, workdir: &Path, windows: usize) -> Result<Value, String> {
    let python = peers::python(&["numpy", "pandas", "sklearn"])?;
    let facts = folder.join("flights.json");
    let for_peer = json!({
        "numeric": ["distance", "temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib", "plane_year", "seats"],
        "log": [], "categorical": ["carrier", "origin", "dest"], "target": "arr_delay", "at_least": 15,
        "time": "sched_dep", "format": "%Y-%m-%d %H:%M",
    });
    fs::write(&facts, for_peer.to_string()).expect("a file");
    let histories = HISTORIES.map(|(name, _)| name).join(",");
    let mut command = Command::new(python);
    command.arg(peers::script("study.py")).arg(&facts).arg(histories);
    command.args((1..=windows).map(|window| workdir.join(format!("batches/window-{window:05}.csv"))));
    let output = command.output().map_err(|error| error.to_string())?;
    serde_json::from_slice(&output.stdout)
        .map_err(|_| format!("study.py ended with {}: {}", output.status, peers::last_line(&output.stderr)))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

/// Returns the number of windows of a run that has ended.
fn sealed(workdir: &Path) -> usize {
    let end = fs::read(workdir.join("batches/end.json")).expect("the end of the stream");
    let end: Value = serde_json::from_slice(&end).expect("JSON");
    end["windows"].as_u64().and_then(|windows| usize::try_from(windows).ok()).expect("a number of windows")
}

/// Returns the log-loss per row of models that are one window old.
fn loss_at_age_one(workdir: &Path, scheme: &str, windows: usize) -> f64 {
    let (mut sum, mut rows) = (0.0, 0.0);
    for window in 2..=windows {
        let read = |folder: &str| -> Value {
            let text = fs::read(workdir.join(folder).join(format!("window-{window:05}.json"))).unwrap_or_default();
            serde_json::from_slice(&text).unwrap_or_default()
        };
        let both = [read("losses"), read("advice/losses")];
        let models = || both.iter().flat_map(|losses| losses["models"].as_array().into_iter().flatten());
        let named = |name: String| models().find(|losses| losses["model"] == name.as_str());
        // A history that is longer than all windows so far is the cumulative one.
        let own = named(format!("{scheme}-{}", window - 1)).or_else(|| named(format!("cumulative-{}", window - 1)));
        let total = |list: &Value| list.as_array().into_iter().flatten().filter_map(Value::as_f64).sum::<f64>();
        sum += own.map_or(f64::NAN, |losses| total(&losses["log_loss"]));
        rows += total(&both[0]["rows"]);
    }
    sum / rows
}

/// Runs the study on the flights repeated year after year, with noise: many rows, many columns, eight histories.
fn larger(folder: &Path, size: Size) {
    let (count, windows): (u32, u32) = size.pick((2_400_000, 65), (24_000, 12));
    let extra: Vec<String> = (1..=EXTRA_COLUMNS).map(|column| format!("x{column}")).collect();
    let dataset = folder.join("many.csv");
    write_with_noise(&dataset, count as usize, &extra);
    let histories = [1, 2, 3, 4, 8, 16, 26].map(toml::Value::from).into_iter().chain([toml::Value::from("all")]);
    let file = PipelineFile::of("flights", "rows", count.div_ceil(windows))
        .dataset(&dataset)
        .with_numbers(&extra)
        .set("advise", "histories", histories.collect::<Vec<_>>())
        .write(folder, "many");
    let workdir = folder.join("many");
    run_once(&file, &workdir, &[]);
    let (seconds, mib) = study(&file, &workdir);
    let table = Table::new("the larger study", &["time, s", "peak memory, MiB"]);
    let name = format!("{count} rows, {windows} windows");
    table.row(&name, &[format!("{seconds:.1}"), mib.to_string()]);
    println!("\n27 features, 8 histories");
}

/// Writes flights with columns of random numbers.
fn write_with_noise(path: &Path, count: usize, extra: &[String]) {
    let text = rows::text("flights");
    let (header, body) = rows::parts(&text);
    let mut file = BufWriter::new(fs::File::create(path).expect("a file"));
    writeln!(file, "{header},{}", extra.join(",")).expect("room on the disk");
    let mut state = 1_u64;
    for (_, row) in rows::years(body).take(count) {
        write!(file, "{row}").expect("room on the disk");
        for _ in extra {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            write!(file, ",{}", (state >> 40) as f64 / 1e6).expect("room on the disk");
        }
        writeln!(file).expect("room on the disk");
    }
    file.flush().expect("room on the disk");
}

/// Runs the study from the batch files to the advice. Returns the seconds, and the larger of the two processes' peak
/// memory in MiB.
fn study(file: &str, workdir: &Path) -> (f64, u64) {
    forget_models(workdir);
    let workdir_text = workdir.display().to_string();
    let (training, trainer) = timed(&["train", file, "--workdir", &workdir_text, "--once"]);
    let (advising, advisor) = timed(&["advise", file, "--workdir", &workdir_text, "--json"]);
    ((training + advising).as_secs_f64(), trainer.max(advisor))
}
