//! Compares following the advice with what others would do on the same streams: with the same learner, the same label
//! delay and the same first third of the windows.
//!
//!     just bench-policies               # all ten streams; about fifteen minutes
//!     just bench-policies development   # the five simulated worlds, which may be used to choose how the advice works
//!     just bench-policies held-out      # the five others, which are run once at the end
//!     just bench-policies taxi          # one stream
//!
//! Each stream runs through the program: `windrow run` cuts the windows, fits every model that the advice needs, and
//! stores the losses of every model on every later window. A policy only chooses which of these models is in use, so all
//! policies have the same learner. Policies are judged on the windows after the first third.
//!
//! A refit costs `alpha` times the rows of a window, in wrong answers. There are 20 alphas, from 0 to the one at which
//! no refit pays even in hindsight. They are computed before any policy is run. Windrow gets the cost as
//! `advise.cost`: a refit costs this much, a false alarm and a miss cost 1. The regret is the total of wrong answers and
//! refits, less that of the best choice in hindsight.
//!
//! The aim: below or tied with every rival that does not know the future, on eight of ten streams. Tied is a mean
//! difference of at most one standard error, paired by history or by block of windows.
//!
//! The rivals are in `benches/peers/policies`, in Python. They are run by the Python of `WINDROW_BENCH_PYTHON`, which
//! has benches/peers/requirements.txt installed. `WINDROW_BENCH_SAMPLES` is the folder of the sample streams that
//! `benches/peers/policies/samples.py` takes out of other packages. `WINDROW_BENCH_SIZE=small`: few rows, windows and
//! alphas; about a minute.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

#[path = "policies/export.rs"]
mod export;
#[path = "policies/following.rs"]
mod following;
#[path = "policies/hindsight.rs"]
mod hindsight;
#[path = "policies/losses.rs"]
mod losses;
#[path = "policies/streams.rs"]
mod streams;
#[path = "support/support.rs"]
#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod support;
#[path = "advice/world.rs"]
#[expect(dead_code, reason = "the probabilities and some worlds are used by another benchmark")]
mod world;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::export::Study;
use crate::losses::Losses;
use crate::streams::Stream;
use crate::support::process::run_once;
use crate::support::size::{Size, argument, bench};
use crate::support::table::Table;
use crate::support::{environment, peers};

/// The heading and the first column of each table that `compare.py` prints.
const TABLES: [(&str, &str); 4] = [
    ("regret, wrong answers per 1,000 rows", "streams"),
    ("regret, Brier per 1,000 rows", "streams"),
    ("log-loss and refits", "streams"),
    ("stream", "windrow"),
];

fn main() -> ExitCode {
    bench(run)
}

fn run(size: Size) -> Result<(), String> {
    let wanted: Option<String> = argument(0, "the streams")?;
    let streams = streams::chosen(wanted.as_deref())?;
    let samples = environment("WINDROW_BENCH_SAMPLES").map(PathBuf::from);
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder can be created: {error}"))?;
    for stream in &streams {
        for history in 0..stream.histories(size) {
            if let Err(why) = study(stream, history, size, samples.as_deref(), folder.path()) {
                println!("{}: not measured: {why}", stream.name);
                break;
            }
        }
    }
    compare(folder.path())
}

/// Runs a stream through the program, follows the advice at each cost, and writes what the rivals need into a folder of
/// its own in `folder`.
fn study(stream: &Stream, history: u64, size: Size, samples: Option<&Path>, folder: &Path) -> Result<(), String> {
    let run = tempfile::tempdir().map_err(|error| format!("no temporary folder can be created: {error}"))?;
    let file = stream.write(history, size, samples, run.path())?;
    let workdir = run.path().join("workdir");
    run_once(&file, &workdir, &[]);
    let mut losses = Losses::read(Path::new(&file), &workdir)?;
    let span = losses.span(stream.delay)?;
    let costs = hindsight::costs(&losses, &span, size.pick(20, 3));
    let followed = following::follow(&losses, &span, &costs);
    let out = folder.join(format!("{}-{history}", stream.name));
    eprintln!("{} {history}: {} windows, history {}", stream.name, losses.windows(), followed.history);
    export::write(&Study { stream, history, span, costs, followed }, &mut losses, &out)
}

/// Runs the rivals and prints the tables.
fn compare(folder: &Path) -> Result<(), String> {
    match peers::python(&["numpy", "river"]) {
        Ok(python) => {
            let status = Command::new(python).arg(peers::script("policies/compare.py")).arg(folder).status();
            let status = status.map_err(|error| format!("compare.py cannot be run: {error}"))?;
            if status.success() { Ok(()) } else { Err(format!("compare.py ended with {status}")) }
        }
        Err(why) => {
            for (title, column) in TABLES {
                Table::new(title, &[column]).not_measured("every policy", &why);
            }
            Ok(())
        }
    }
}
