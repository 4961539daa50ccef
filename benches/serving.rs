//! `just bench-serve`: predictions per second and their latency. Compares Windrow's API with a bare poem route that
//! parses the same JSON, and with scikit-learn under Flask and FastAPI, in one run under the same load on loopback.
//! About five minutes.
//!
//! The load comes from wrk, which must be on the path (Debian: `apt-get install wrk`); without it nothing can be
//! measured. `WINDROW_BENCH_PYTHON` is the Python of the peers, which has benches/peers/requirements.txt installed. An
//! optional argument is the number of requests between the two measurements of memory; the default is a million.
//! `WINDROW_BENCH_SIZE=small`: 16 connections, a second for each measurement; half a minute.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "serving/load.rs"]
mod load;
#[path = "serving/servers.rs"]
mod servers;
#[path = "support/support.rs"]
#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod support;

use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

use crate::load::{Load, Outcome};
use crate::servers::Server;
use crate::support::pipeline::PipelineFile;
use crate::support::process::run_once;
use crate::support::size::{Size, argument, bench};
use crate::support::table::Table;

/// The number of rows in a batch request.
const BATCH: usize = 100;
const MODEL: &str = "/v1/models/cumulative-3/predict";

/// The requests of one run.
struct Plan {
    /// The numbers of connections that are open at once.
    connections: &'static [u32],
    /// The duration of each measurement in seconds.
    seconds: u32,
    /// The number of rounds for results that are close to each other.
    rounds: usize,
    /// The number of requests between the two measurements of memory, and the seconds after which they are counted.
    requests: u64,
    step: u32,
}

/// A server and the requests that are sent to it, or the reason why it cannot be measured.
struct Contender<'a> {
    name: &'static str,
    server: Result<&'a Server, &'a String>,
    single: &'static str,
    batch: &'static str,
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("bare") {
        return servers::serve_bare_route();
    }
    bench(run)
}

fn run(size: Size) -> Result<(), String> {
    let requests = argument(0, "the number of requests")?.map(NonZeroU64::get);
    let plan = Plan {
        connections: size.pick(&[1, 16, 64], &[16]),
        seconds: size.pick(5, 1),
        rounds: size.pick(5, 1),
        requests: requests.unwrap_or(size.pick(1_000_000, 1_000)),
        step: size.pick(20, 1),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (pipeline, workdir) = models(folder.path());
    let row = first_row(&workdir);
    let (one, many) = (row.to_string(), Value::from(vec![row; BATCH]).to_string());

    let ours = Server::windrow(&pipeline, &workdir);
    let bare = Server::bare();
    let peers = servers::peers(folder.path(), &workdir);
    let mut all = vec![
        Contender { name: "windrow", server: Ok(&ours), single: MODEL, batch: "/v1/models/cumulative-3/predict/batch" },
        Contender { name: "bare poem route", server: Ok(&bare), single: "/predict", batch: "/predict/batch" },
    ];
    for (name, server) in &peers {
        all.push(Contender { name, server: server.as_ref(), single: "/predict", batch: "/predict/batch" });
    }
    println!("requests a second, milliseconds at the median and at the 99th percentile");
    for (title, is_batch) in [("single rows", false), ("batches of 100 rows", true)] {
        let table = Table::new(title, &["connections", "requests/s", "ratio", "median", "p99"]);
        for connections in plan.connections {
            let mut first: Option<Outcome> = None;
            for Contender { name, server, single, batch } in &all {
                let (path, body) = if is_batch { (*batch, &many) } else { (*single, &one) };
                let load = Load { path, body, seconds: plan.seconds };
                let found = match server {
                    Ok(server) => load.run(server, *connections),
                    Err(why) => Err((*why).clone()),
                };
                match found {
                    Ok(found) => {
                        let of_ours = first.get_or_insert_with(|| found.clone()).per_second / found.per_second;
                        let ratio = format!("{of_ours:.2}");
                        table.row(name, &found.cells(*connections, ratio));
                    }
                    Err(why) => table.not_measured(name, &why),
                }
            }
        }
    }
    let single = Load { path: MODEL, body: &one, seconds: plan.seconds };
    rounds(&ours, &single, &bare, &Load { path: "/predict", ..single.clone() }, &plan);
    memory(&ours, &single, &plan);
    Ok(())
}

/// Alternates Windrow and the bare route, and prints the range of their ratios, because a single round varies too much.
fn rounds(ours: &Server, load: &Load<'_>, bare: &Server, bare_load: &Load<'_>, plan: &Plan) {
    println!(
        "\nsingle rows, windrow and the bare poem route by turns, {} rounds: ratio of requests a second",
        plan.rounds
    );
    let table = Table::new("connections", &["least", "median", "most"]);
    for connections in plan.connections {
        let ratio = |_| -> Result<f64, String> {
            Ok(load.run(ours, *connections)?.per_second / bare_load.run(bare, *connections)?.per_second)
        };
        match (0..plan.rounds).map(ratio).collect::<Result<Vec<f64>, String>>() {
            Ok(mut ratios) => {
                ratios.sort_by(f64::total_cmp);
                let cells = [0, plan.rounds / 2, plan.rounds - 1].map(|index| format!("{:.2}", ratios[index]));
                table.row(&connections.to_string(), &cells);
            }
            Err(why) => table.not_measured(&connections.to_string(), &why),
        }
    }
}

/// Prints the resident memory of the server after a second of load, and after the planned number of requests.
fn memory(server: &Server, load: &Load<'_>, plan: &Plan) {
    let table = Table::new("resident memory", &["before, MiB", "after, MiB", "requests"]);
    let measured = || -> Result<[String; 3], String> {
        load.clone().for_seconds(1).run(server, 16)?;
        let before = server.resident();
        let mut sent = 0;
        while sent < plan.requests {
            sent += load.clone().for_seconds(plan.step).run(server, 16)?.requests;
        }
        Ok([before, server.resident(), sent].map(|number| number.to_string()))
    };
    match measured() {
        Ok(cells) => table.row("windrow", &cells),
        Err(why) => table.not_measured("windrow", &why),
    }
}

/// Trains models of the flights in three windows. Returns the pipeline file and the work directory.
fn models(folder: &Path) -> (String, PathBuf) {
    let file = PipelineFile::of("flights", "parts", 3).write(folder, "flights");
    let workdir = folder.join("work");
    run_once(&file, &workdir, &[]);
    (file, workdir)
}

fn first_row(workdir: &Path) -> Value {
    let card = fs::read(workdir.join("models/cumulative-3/model.json")).expect("a model");
    let card: Value = serde_json::from_slice(&card).expect("JSON");
    card["outcome"]["examples"][0]["row"].clone()
}
