//! `just bench-train`: from sealed batch files to published models, beside scikit-learn, Spark and linfa-logistic on the
//! same files in the same run: time, peak memory, the objective reached, AUC. Then what a pass costs beside what two cores
//! could do at best, how time grows with the rows, and what training on ten times the memory takes.
//!
//! Peers are run by the Python of WINDROW_BENCH_PYTHON, which has benches/peers/requirements.txt installed; `just
//! bench-train` sees to that. WINDROW_BENCH_QUICK=1 leaves out the slow ones: newton-cholesky, Spark and three million rows.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "training/ceiling.rs"]
mod ceiling;
#[path = "training/library.rs"]
mod library;
#[path = "training/peers.rs"]
mod peers;
#[path = "support/process.rs"]
#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod process;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::process::{timed, windrow};

const ROUNDS: usize = 3;
/// Rows and limit of the larger-than-memory run; encoded, the flights take 101 bytes a row.
const MANY: usize = 3_000_000;
const SMALL_MEMORY: &str = "30MiB";

fn main() {
    let quick = is_set("WINDROW_BENCH_QUICK");
    let folder = tempfile::tempdir().expect("a folder");
    for dataset in [Dataset::flights(), Dataset::taxi()] {
        compare(&dataset, folder.path(), quick);
    }
    let flights = library::frames(&Dataset::flights());
    library::linfa(&Dataset::flights());
    ceiling::fraction(&flights);
    library::growth(&Dataset::flights(), if quick { 300_000 } else { MANY });
    if !quick {
        larger_than_memory(&Dataset::flights(), folder.path());
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark is told by its environment what to leave out")]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn is_set(name: &str) -> bool {
    environment(name).is_some()
}

/// A fixture in three windows, and what the peers must know of its pipeline.
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

    /// The fixture's pipeline with three windows, cumulative models alone, nothing held out, no pace; over another dataset
    /// where given. Without held-out rows there is one fit a model, as the peers make it.
    pub(crate) fn pipeline(&self, dataset: Option<&Path>) -> String {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        let text = fs::read_to_string(fixtures.join(format!("{}.toml", self.name))).expect("the fixture");
        let packed = fixtures.join(format!("{}.csv.zst", self.name));
        let path = dataset.unwrap_or(&packed).display().to_string();
        text.replace(&format!("{}.csv.zst", self.name), &path)
            .replace("holdout = 0.1\n", "")
            .replace("[train]\n", "[train]\nholdout = 0.0\n")
            .replace("event = \"14d\"", "parts = 3")
            .replace("event = \"week\"", "parts = 3")
            .replace("\"cumulative\", \"window\", \"sliding=4\"", "\"cumulative\"")
            .replace("\"cumulative\", \"window\"", "\"cumulative\"")
            .replace("pace = { kind = \"exponential\", mean = \"75us\" }", "")
    }
}

/// What one way of training took and reached.
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    /// From the files to the last model, start of the program and all.
    pub(crate) whole: Duration,
    /// The fits alone, in seconds.
    pub(crate) fits: f64,
    pub(crate) mib: u64,
    /// Of the last model.
    pub(crate) objective: f64,
}

fn compare(dataset: &Dataset, folder: &Path, quick: bool) {
    let (file, workdir) = seal(dataset, folder, dataset.name, None);
    let ours = (0..ROUNDS).map(|_| train(&file, &workdir, "4GiB")).min_by_key(|outcome| outcome.whole);
    let ours = ours.expect("at least one round");
    let batches: Vec<PathBuf> =
        (1..=3).map(|window| workdir.join(format!("batches/window-0000{window}.csv"))).collect();
    let facts = folder.join(format!("{}.json", dataset.name));
    fs::write(&facts, dataset.for_peers.to_string()).expect("a file");
    println!("{}: three cumulative models from three batch files\n", dataset.name);
    println!(
        "{:<34}{:>10}{:>9}{:>10}{:>9}{:>9}{:>16}",
        "", "whole, s", "ratio", "fits, s", "ratio", "MiB", "objective"
    );
    show(&ours, &ours);
    for peer in peers::all(&facts, &batches, quick) {
        show(&peer, &ours);
    }
    println!();
}

fn show(outcome: &Outcome, ours: &Outcome) {
    let whole = outcome.whole.as_secs_f64();
    println!(
        "{:<34}{:>10.2}{:>9.1}{:>10.3}{:>9.1}{:>9}{:>16.4}",
        outcome.name,
        whole,
        whole / ours.whole.as_secs_f64(),
        outcome.fits,
        outcome.fits / ours.fits,
        outcome.mib,
        outcome.objective
    );
}

/// Runs the pipeline once, so that its batch files are there.
fn seal(dataset: &Dataset, folder: &Path, name: &str, rows: Option<&Path>) -> (String, PathBuf) {
    let file = folder.join(format!("{name}.toml")).display().to_string();
    fs::write(&file, dataset.pipeline(rows)).expect("a file");
    let workdir = folder.join(name);
    let place = workdir.display().to_string();
    let arguments = ["run", &file, "--once", "--broker", "embedded", "--workdir", &place, "--listen", "127.0.0.1:0"];
    assert!(windrow(&arguments).status().expect("the binary runs").success());
    (file, workdir)
}

fn train(file: &str, workdir: &Path, memory: &str) -> Outcome {
    for made in ["models", "windows", "losses"] {
        fs::remove_dir_all(workdir.join(made)).expect("a folder to remove");
    }
    let place = workdir.display().to_string();
    let (whole, mib) = timed(&["train", file, "--workdir", &place, "--once", "--memory", memory]);
    let cards: Vec<Value> = (1..=3)
        .map(|window| {
            let path = workdir.join(format!("models/cumulative-{window}/model.json"));
            serde_json::from_slice(&fs::read(path).expect("a model")).expect("JSON")
        })
        .collect();
    let number = |value: &Value| value.as_f64().expect("a number");
    let last = &cards[2]["outcome"];
    Outcome {
        name: "windrow",
        whole,
        fits: cards.iter().map(|card| number(&card["outcome"]["solver"]["seconds"])).sum(),
        mib,
        objective: number(&last["solver"]["objective"]),
    }
}

fn larger_than_memory(dataset: &Dataset, folder: &Path) {
    let rows = folder.join("many.csv");
    library::write_rows(dataset, MANY, &rows);
    let (file, workdir) = seal(dataset, folder, "many", Some(&rows));
    println!("{MANY} rows, about 300 MiB encoded, three cumulative models\n");
    println!("{:<34}{:>10}{:>10}{:>9}", "--memory", "whole, s", "fits, s", "MiB");
    for memory in ["4GiB", SMALL_MEMORY] {
        let outcome = train(&file, &workdir, memory);
        println!("{memory:<34}{:>10.2}{:>10.3}{:>9}", outcome.whole.as_secs_f64(), outcome.fits, outcome.mib);
    }
}
