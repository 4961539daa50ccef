//! The commands of the documents that need only the program, run by bash. Each test takes them from the document, and
//! lists what it replaces: paths, addresses and ports. `it::documents` checks that no block of commands is forgotten.

use std::fs;

use windrow_testing::documents::{block, finish, start};
use windrow_testing::{
    assert_whole, broker_with_topic, fixture, free_port, has, http, json, sample_csv, sample_with, wait_until,
};

use crate::init::shapes::table;

/// Options of `windrow run`: a broker that every machine has, and a free port.
const HERE: &str = "--broker embedded --listen 127.0.0.1:0";

fn free_address() -> String {
    format!("127.0.0.1:{}", free_port())
}

#[test]
fn the_stages_run_as_processes() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    sample_with(here, "parts = 3", "");
    let address = free_address();
    let at_broker = format!("pipeline.toml --broker {address}");
    let commands = block(
        "docs/deployment.md",
        "windrow broker",
        &[
            ("windrow broker", &format!("windrow broker --listen {address}")),
            ("create fixtures/flights.toml", &format!("create {at_broker}")),
            ("consume fixtures/flights.toml", &format!("consume {at_broker}")),
            ("train fixtures/flights.toml", "train pipeline.toml"),
            ("serve fixtures/flights.toml", "serve pipeline.toml --listen 127.0.0.1:0"),
            ("produce fixtures/flights.toml", &format!("produce {at_broker}")),
        ],
    );
    let commands: Vec<&str> = commands.lines().collect();
    let [broker, create, consume, train, serve, produce] = commands[..] else { panic!("{commands:?}") };
    let broker = start(here, broker);
    broker.wait_for("broker: embedded");
    finish(here, create);
    let [consume, train, serve] = [consume, train, serve].map(|command| start(here, command));
    finish(here, produce);
    consume.wait_for("the stream is complete");
    train.wait_for("every window has its models");
    let url = serve.wait_for("API: http").split_whitespace().nth(1).expect("an address").to_owned();
    let models = format!("{url}/v1/models");
    wait_until("the server notices new models", || http("GET", &models, None).2.contains("cumulative-3"));
    // Each of them runs until Ctrl-C.
    for mut stage in [consume, train, serve, broker] {
        assert!(stage.interrupt().0.success(), "{}", stage.output());
    }
    assert_whole(&here.join(".windrow/flights-sample"));
}

#[test]
fn the_broker_starts_in_every_documented_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    sample_with(here, "parts = 3", "");
    let address = free_address();
    let commands = block(
        "docs/brokers.md",
        "windrow broker --data DIR",
        &[
            ("--data DIR", &format!("--data topics --listen {address}")),
            ("--ephemeral", &format!("--ephemeral --listen {address}")),
            ("--sync", &format!("--sync --listen {address}")),
            ("--listen 0.0.0.0:9092 --advertise HOST:PORT", &format!("--listen {address} --advertise {address}")),
        ],
    );
    let places = [Some("topics"), None, Some(".windrow/broker"), Some(".windrow/broker")];
    assert_eq!(commands.lines().count(), places.len(), "{commands}");
    for (command, place) in commands.lines().zip(places) {
        let mut broker = start(here, command);
        broker.wait_for("broker: embedded");
        let made = finish(here, &format!("windrow topic create pipeline.toml --broker {address}"));
        assert!(made.contains("created the topic"), "{command}: {made}");
        assert!(broker.interrupt().0.success(), "{command}: {}", broker.output());
        match place {
            // The next broker starts without topics.
            Some(place) => fs::remove_dir_all(here.join(place)).expect("the folder of the topics"),
            None => assert!(!here.join(".windrow/broker").exists(), "{command}"),
        }
    }
}

#[test]
fn a_data_file_of_your_own_is_described_checked_and_run() {
    for document in ["README.md", "docs/concepts.md"] {
        let folder = tempfile::tempdir().expect("a folder");
        let here = folder.path();
        let sales = table("at,price,colour,returned\n", |row| {
            let returned = if row.late { "yes" } else { "no" };
            format!("{} {},{},{},{returned}", row.day(), row.clock(), row.size, row.colour)
        });
        fs::write(here.join("sales.csv"), sales).expect("a file");
        let run = format!("run sales.toml {HERE}");
        let commands = block(document, "windrow init sales.csv", &[("run sales.toml", &run)]);
        let (others, run) = commands.rsplit_once('\n').expect("three commands");
        let output = finish(here, others);
        assert!(output.contains("no faults"), "{output}");
        let mut run = start(here, run);
        run.wait_for("serving until Ctrl-C");
        assert!(run.interrupt().0.success(), "{}", run.output());
        assert!(here.join(".windrow/sales/advice.json").exists(), "{}", run.output());
    }
}

#[test]
fn the_answer_is_printed_reported_and_exported() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    sample_with(here, "rows = 200", "");
    // The three years of taxi trips take minutes without optimisation. `.ci/run` runs them for lesson 6.
    let once = format!("--once {HERE} ");
    let commands = block(
        "docs/concepts.md",
        "windrow run fixtures/taxi.toml",
        &[("fixtures/taxi.toml", "pipeline.toml"), ("--once ", &once)],
    );
    let outputs: Vec<String> = commands.lines().map(|command| finish(here, command)).collect();
    let [_, answer, all, report, summary, models] = &outputs[..] else { panic!("{commands}") };
    assert!(answer.contains("arr_delay at least 15?"), "{answer}");
    assert!(all.contains("on PSI alarm"), "{all}");
    assert!(here.join("flights-sample.html").exists(), "{report}");
    assert!(here.join("flights-sample-summary.md").exists(), "{summary}");
    assert!(models.contains("cumulative-41"), "{models}");

    finish(here, &block("docs/concepts.md", "windrow export my.toml", &[("my.toml", "pipeline.toml")]));
    for name in ["windows", "scores", "losses"] {
        assert!(here.join(format!("tables/{name}.parquet")).exists(), "{name}");
    }
}

#[test]
fn an_audit_counts_the_files_and_the_topic() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let (_broker, address) = broker_with_topic(&sample_with(here, "parts = 3", ""));
    finish(here, &format!("windrow produce pipeline.toml --broker {address}"));
    finish(here, &format!("windrow consume pipeline.toml --broker {address} --once"));
    let audits = block(
        "docs/guarantees.md",
        "windrow audit PIPELINE",
        &[("PIPELINE", "pipeline.toml"), ("HOST:PORT", &address)],
    );
    let output = finish(here, &audits);
    for counted in ["8,019 read = 8,019 stored", "8,019 read = 8,019 delivered = 8,019 stored"] {
        assert!(output.contains(counted), "{output}");
    }
}

#[test]
fn the_schema_of_the_pipeline_file_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    finish(folder.path(), &block("docs/pipeline-file.md", "windrow schema", &[]));
    let schema = json(&folder.path().join("windrow.schema.json"));
    assert!(schema["properties"]["dataset"].is_object(), "{schema}");
}

#[test]
fn the_sample_is_made_of_the_flights() {
    if !has("zstd") || !has("awk") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    fs::copy(fixture("flights.csv.zst"), here.join("flights.csv.zst")).expect("a file");
    finish(here, &block("fixtures/README.md", "zstd -dc flights.csv.zst", &[]));
    let made = fs::read(here.join("flights-sample.csv.zst")).expect("a file");
    // The compressed bytes depend on the version of zstd.
    assert!(zstd::decode_all(&made[..]).expect("a zstd file") == sample_csv());
}
