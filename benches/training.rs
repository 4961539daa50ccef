//! `just bench-train`: from sealed batch files to published models. Compares time, peak memory and the objective with
//! scikit-learn, Spark and linfa-logistic on the same files in the same run. Then measures the cost of a pass compared
//! with the limit of the processor, the growth of time with the rows, and training on ten times the memory. About six
//! minutes.
//!
//! Peers are run by the Python of `WINDROW_BENCH_PYTHON`, which has benches/peers/requirements.txt installed; Spark
//! needs Java. `WINDROW_BENCH_SIZE=small`: the first 12,000 rows of one dataset, one round; half a minute, most of it
//! for Spark.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "training/ceiling.rs"]
mod ceiling;
#[path = "training/library.rs"]
mod library;
#[path = "training/peers.rs"]
mod peers;
#[path = "support/support.rs"]
#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;

use crate::support::pipeline::PipelineFile;
use crate::support::process::{forget_models, run_once, timed};
use crate::support::size::{Size, bench};
use crate::support::table::Table;

/// The memory limit of the run whose data are larger than memory. Encoded, the flights take 101 bytes per row.
const SMALL_MEMORY: &str = "30MiB";

fn main() -> ExitCode {
    bench(|size| {
        run(size);
        Ok(())
    })
}

fn run(size: Size) {
    let folder = tempfile::tempdir().expect("a folder");
    let flights = Dataset::flights();
    for dataset in size.pick(vec![Dataset::flights(), Dataset::taxi()], vec![Dataset::flights()]) {
        compare(&dataset, folder.path(), size);
    }
    library::linfa(&flights, size.pick(30_000, 1_000));
    ceiling::fraction(&library::frames(&flights, size));
    library::growth(&flights, size.pick([30_000, 300_000, 3_000_000], [300, 3_000, 30_000]));
    larger_than_memory(&flights, folder.path(), size.pick(3_000_000, 30_000));
}

/// A fixture in three windows, and the description of its pipeline for the peers.
pub(crate) struct Dataset {
    pub(crate) name: &'static str,
    pub(crate) for_peers: Value,
}

impl Dataset {
    pub(crate) fn flights() -> Self {
        Self {
            name: "flights",
            for_peers: serde_json::json!({
                "numeric": [
                    "distance", "temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib", "plane_year", "seats"
                ],
                "log": [],
                "categorical": ["carrier", "origin", "dest"],
                "target": "arr_delay",
                "at_least": 15,
                "time": "sched_dep",
                "format": "%Y-%m-%d %H:%M",
                "spark_format": "yyyy-MM-dd HH:mm",
            }),
        }
    }

    fn taxi() -> Self {
        Self {
            name: "taxi",
            for_peers: serde_json::json!({
                "numeric": ["passengers", "tolls", "extra"],
                "log": ["distance", "fare", "minutes"],
                "categorical": ["vendor", "rate_code"],
                "target": "tip_share",
                "at_least": 0.25,
                "time": "pickup",
                "format": "%Y-%m-%d %H:%M:%S",
                "spark_format": "yyyy-MM-dd HH:mm:ss",
            }),
        }
    }

    /// Returns the fixture's pipeline with three windows, only cumulative models, and no holdout rows. Without holdout
    /// rows each model needs one fit, as the peers' models do.
    pub(crate) fn pipeline(&self) -> PipelineFile {
        PipelineFile::of(self.name, "parts", 3).set("train", "schemes", vec!["cumulative"]).set("train", "holdout", 0.0)
    }
}

/// The time, memory and objective of one way of training.
pub(crate) struct Outcome {
    /// The time from the files to the last model, including the start of the program.
    pub(crate) whole: Duration,
    /// The time of the fits in seconds.
    pub(crate) fits: f64,
    pub(crate) mib: u64,
    /// The objective of the last model.
    pub(crate) objective: f64,
}

fn compare(dataset: &Dataset, folder: &Path, size: Size) {
    let file = dataset.pipeline().write(folder, dataset.name);
    let workdir = folder.join(dataset.name);
    run_once(&file, &workdir, size.pick(&[][..], &["--limit", "12000"][..]));
    let ours = (0..size.pick(3, 1)).map(|_| train(&file, &workdir, "4GiB")).min_by_key(|outcome| outcome.whole);
    let ours = ours.expect("at least one round");
    let batches: Vec<PathBuf> =
        (1..=3).map(|window| workdir.join(format!("batches/window-0000{window}.csv"))).collect();
    let facts = folder.join(format!("{}.json", dataset.name));
    fs::write(&facts, dataset.for_peers.to_string()).expect("a file");
    println!("\n{}: three cumulative models from three batch files", dataset.name);
    let table = Table::new(dataset.name, &["whole, s", "ratio", "fits, s", "ratio", "MiB", "objective"]);
    table.row("windrow", &cells(&ours, &ours));
    peers::each(&facts, &batches, |name, outcome| match outcome {
        Ok(outcome) => table.row(name, &cells(&outcome, &ours)),
        Err(why) => table.not_measured(name, &why),
    });
}

fn cells(outcome: &Outcome, ours: &Outcome) -> [String; 6] {
    let whole = outcome.whole.as_secs_f64();
    [
        format!("{whole:.2}"),
        format!("{:.1}", whole / ours.whole.as_secs_f64()),
        format!("{:.3}", outcome.fits),
        format!("{:.1}", outcome.fits / ours.fits),
        outcome.mib.to_string(),
        format!("{:.4}", outcome.objective),
    ]
}

fn train(file: &str, workdir: &Path, memory: &str) -> Outcome {
    forget_models(workdir);
    let workdir_text = workdir.display().to_string();
    let (whole, mib) = timed(&["train", file, "--workdir", &workdir_text, "--once", "--memory", memory]);
    let cards: Vec<Value> = (1..=3)
        .map(|window| {
            let path = workdir.join(format!("models/cumulative-{window}/model.json"));
            serde_json::from_slice(&fs::read(path).expect("a model")).expect("JSON")
        })
        .collect();
    let number = |value: &Value| value.as_f64().expect("a number");
    let last = &cards[2]["outcome"];
    Outcome {
        whole,
        fits: cards.iter().map(|card| number(&card["outcome"]["solver"]["seconds"])).sum(),
        mib,
        objective: number(&last["solver"]["objective"]),
    }
}

fn larger_than_memory(dataset: &Dataset, folder: &Path, count: usize) {
    let rows = folder.join("many.csv");
    library::write_rows(dataset, count, &rows);
    let file = dataset.pipeline().dataset(&rows).write(folder, "many");
    let workdir = folder.join("many");
    run_once(&file, &workdir, &[]);
    println!("\n{count} rows, {} MiB encoded, three cumulative models", count * 101 / (1 << 20));
    let table = Table::new("--memory", &["whole, s", "fits, s", "MiB"]);
    for memory in ["4GiB", SMALL_MEMORY] {
        let outcome = train(&file, &workdir, memory);
        let whole = outcome.whole.as_secs_f64();
        table.row(memory, &[format!("{whole:.2}"), format!("{:.3}", outcome.fits), outcome.mib.to_string()]);
    }
}
