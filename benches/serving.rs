//! `just bench-serve`: predictions a second and how long they take, of windrow's API beside a bare poem route that parses
//! the same JSON, and beside Flask and FastAPI with scikit-learn, in one run, under the same load (wrk, on loopback).
//!
//! WINDROW_BENCH_PYTHON names the Python of the peers; `just bench-serve` sees to that. wrk must be on the path (Debian:
//! `apt-get install wrk`). An argument says how many requests the look at memory sends, a million if it does not.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "serving/load.rs"]
mod load;
#[path = "support/process.rs"]
#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod process;
#[path = "serving/servers.rs"]
mod servers;

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::load::{Load, Outcome};
use crate::process::windrow;
use crate::servers::Server;

/// Connections at once.
const CONNECTIONS: [u32; 3] = [1, 16, 64];
/// Seconds of each measurement.
const SECONDS: u32 = 5;
const BATCH: usize = 100;
/// Rounds of what is close.
const ROUNDS: usize = 5;

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("bare") {
        return servers::bare(&arguments.next().expect("an address"));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (pipeline, workdir) = models(folder.path());
    let row = first_row(&workdir);
    let (one, many) = (row.to_string(), Value::from(vec![row; BATCH]).to_string());
    let single = |path| Load { path, body: &one, seconds: SECONDS };
    let batch = |path| Load { path, body: &many, seconds: SECONDS };

    let ours = Server::windrow(&pipeline, &workdir);
    let bare = Server::bare();
    let mut all = vec![
        ("windrow", &ours, single("/v1/models/cumulative-3/predict"), batch("/v1/models/cumulative-3/predict/batch")),
        ("bare poem route", &bare, single("/predict"), batch("/predict/batch")),
    ];
    let peers = servers::peers(folder.path(), &workdir);
    for (name, server) in &peers {
        all.push((*name, server, single("/predict"), batch("/predict/batch")));
    }
    for (what, is_batch) in [("single rows", false), (&*format!("batches of {BATCH} rows"), true)] {
        println!("{what}: requests a second, milliseconds at the median and at the 99th percentile\n");
        println!("{:<28}{:>12}{:>12}{:>10}{:>10}{:>10}", "", "connections", "requests/s", "ratio", "median", "p99");
        for connections in CONNECTIONS {
            let mut first: Option<Outcome> = None;
            for (name, server, single, batch) in &all {
                let found = if is_batch { batch } else { single }.run(server, connections);
                let of_ours = first.get_or_insert_with(|| found.clone()).per_second / found.per_second;
                println!(
                    "{name:<28}{connections:>12}{:>12.0}{of_ours:>10.2}{:>10.2}{:>10.2}",
                    found.per_second, found.median, found.p99
                );
            }
        }
        println!();
    }
    rounds(&ours, &single("/v1/models/cumulative-3/predict"), &bare, &single("/predict"));
    memory(&ours, &single("/v1/models/cumulative-3/predict"));
}

/// Windrow and the bare route by turns: the range of their ratios, since one round says little.
fn rounds(ours: &Server, load: &Load<'_>, bare: &Server, bare_load: &Load<'_>) {
    println!("single rows, windrow and the bare poem route by turns, {ROUNDS} rounds: ratio of requests a second\n");
    for connections in CONNECTIONS {
        let ratio = |_| load.run(ours, connections).per_second / bare_load.run(bare, connections).per_second;
        let mut ratios: Vec<f64> = (0..ROUNDS).map(ratio).collect();
        ratios.sort_by(f64::total_cmp);
        let [low, .., high] = ratios[..] else { panic!("several rounds") };
        println!("{connections:>4} connections: {low:.2} to {high:.2}, median {:.2}", ratios[ROUNDS / 2]);
    }
    println!();
}

/// The resident memory of the server after a thousand requests and after very many.
fn memory(server: &Server, load: &Load<'_>) {
    let wanted: u64 = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    load.clone().for_seconds(1).run(server, 16);
    let before = server.resident();
    let mut sent = 0;
    while sent < wanted {
        sent += load.clone().for_seconds(20).run(server, 16).requests;
    }
    println!("resident memory: {before} MiB before and {} MiB after {sent} requests", server.resident());
}

/// Models of the flights, as the demo makes them.
fn models(folder: &Path) -> (String, std::path::PathBuf) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let pipeline = fs::read_to_string(fixtures.join("flights.toml")).expect("the fixture");
    let pipeline = pipeline
        .replace("flights.csv.zst", &fixtures.join("flights.csv.zst").display().to_string())
        .replace("event = \"week\"", "parts = 3")
        .replace("mean = \"75us\"", "mean = \"0us\"");
    let (file, workdir) = (folder.join("flights.toml"), folder.join("work"));
    fs::write(&file, pipeline).expect("a file");
    let (file, place) = (file.display().to_string(), workdir.display().to_string());
    let arguments = ["run", &file, "--once", "--broker", "embedded", "--workdir", &place, "--listen", "127.0.0.1:0"];
    assert!(windrow(&arguments).status().expect("the binary runs").success());
    (file, workdir)
}

fn first_row(workdir: &Path) -> Value {
    let card = fs::read(workdir.join("models/cumulative-3/model.json")).expect("a model");
    let card: Value = serde_json::from_slice(&card).expect("JSON");
    card["outcome"]["examples"][0]["row"].clone()
}
