//! The audit: no finding for a correct run, and a finding for each thing that is damaged on purpose.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::Digest as _;
use windrow_kafka::{Connection, Publisher};
use windrow_record::{Partition, RowNumber, RunId};
use windrow_testing::{
    Running, STEP_TIMEOUT, broker_with_topic, copy_folder, fixture, json, run_once, succeed, text, windrow,
};

/// Writes a dataset with two rows that cannot be parsed, and a pipeline with five windows. Returns its path and a work
/// directory.
fn scene(folder: &Path) -> (String, PathBuf) {
    let mut rows = String::from("at,late,miles\n");
    for row in 1..=1000 {
        let miles = if row % 400 == 0 { "far".to_owned() } else { row.to_string() };
        rows.push_str(&format!("2013-01-01,{},{miles}\n", row % 30));
    }
    fs::write(folder.join("d.csv"), rows).expect("a file");
    let file = folder.join("p.toml");
    let pipeline = "name = \"p\"\ndataset = { path = \"d.csv\" }\ntarget = { column = \"late\", at_least = 15 }\n\
                    features = { numeric = [\"miles\"] }\nwindow = { rows = 200 }\n";
    fs::write(&file, pipeline).expect("a file");
    (file.display().to_string(), folder.join("work"))
}

/// Returns the exit code and the standard output.
fn audit(file: &str, workdir: &Path, more: &[&str]) -> (Option<i32>, String) {
    let workdir = workdir.display().to_string();
    let output = windrow(&[&["audit", file, "--workdir", &workdir][..], more].concat());
    (output.status.code(), text(&output.stdout))
}

fn sha256(bytes: &[u8]) -> String {
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Changes a batch file, and adapts its manifest.
fn forge(work: &Path, window: u32, change: impl Fn(&str) -> String, more: impl Fn(&mut Value)) {
    let stem = work.join(format!("batches/window-{window:05}"));
    let text = change(&fs::read_to_string(stem.with_extension("csv")).expect("a batch file"));
    let mut manifest = json(&stem.with_extension("json"));
    manifest["rows"]["file"]["bytes"] = json!(text.len());
    manifest["rows"]["file"]["sha256"] = json!(sha256(text.as_bytes()));
    more(&mut manifest);
    fs::write(stem.with_extension("csv"), text).expect("a file");
    fs::write(stem.with_extension("json"), manifest.to_string()).expect("a file");
}

fn same(text: &str) -> String {
    text.to_owned()
}

#[test]
fn each_fault_of_a_work_directory_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, whole) = scene(folder.path());
    run_once(&file, &whole, &[]);
    let (code, clean) = audit(&file, &whole, &[]);
    assert_eq!(code, Some(0), "{clean}");
    insta::assert_snapshot!(clean);

    type Break = fn(&Path);
    let cases: [(&str, Break, &str); 18] = [
        (
            "a file cut short",
            |work| {
                let path = work.join("batches/window-00002.csv");
                let file = fs::read(&path).expect("a file");
                fs::write(path, &file[..file.len() - 7]).expect("a file");
            },
            "window-00002.csv: it has 3519 bytes, but its manifest says 3526",
        ),
        (
            "a changed byte",
            |work| {
                let path = work.join("batches/window-00003.csv");
                fs::write(&path, fs::read_to_string(&path).expect("a file").replacen(",450\n", ",451\n", 1))
                    .expect("a file");
            },
            "window-00003.csv: its SHA-256 differs from its manifest",
        ),
        (
            "a deleted batch",
            |work| fs::remove_file(work.join("batches/window-00004.csv")).expect("was there"),
            "window-00004.csv: it cannot be read",
        ),
        (
            "a deleted manifest",
            |work| fs::remove_file(work.join("batches/window-00002.json")).expect("was there"),
            "window-00002.json: the manifest is missing",
        ),
        (
            "the last manifest deleted",
            |work| fs::remove_file(work.join("batches/window-00005.json")).expect("was there"),
            "rows 801 to 1000: neither in a window nor in quarantine",
        ),
        (
            "a manifest that is none",
            |work| fs::write(work.join("batches/window-00002.json"), "{").expect("a file"),
            "window-00002.json is damaged",
        ),
        (
            "a doubled row",
            |work| {
                let path = work.join("batches/window-00001.csv");
                let text = fs::read_to_string(&path).expect("a file");
                fs::write(&path, format!("{text}2013-01-01,20,200\n")).expect("a file");
            },
            "window-00001.csv: it has 201 rows, but its manifest says 200",
        ),
        (
            "a doubled row whose manifest fits",
            |work| {
                forge(
                    work,
                    1,
                    |text| format!("{text}2013-01-01,21,201\n"),
                    |manifest| {
                        manifest["rows"]["count"] = json!(201);
                        manifest["rows"]["numbers"] = json!([{"first": 1, "last": 201}]);
                    },
                );
            },
            "row 201: already in a file or in quarantine",
        ),
        (
            "a row twice in one file whose manifest fits",
            |work| {
                forge(
                    work,
                    1,
                    |text| format!("{text}2013-01-01,20,200\n"),
                    |manifest| manifest["rows"]["count"] = json!(201),
                )
            },
            "it has 201 rows, but its manifest says 201 and lists 200",
        ),
        (
            "a removed row whose manifest fits",
            |work| {
                forge(
                    work,
                    1,
                    |text| text.replacen("2013-01-01,20,200\n", "", 1),
                    |manifest| {
                        manifest["rows"]["count"] = json!(199);
                        manifest["rows"]["numbers"] = json!([{"first": 1, "last": 199}]);
                    },
                );
            },
            "row 200: neither in a window nor in quarantine",
        ),
        (
            "a changed value whose manifest fits",
            |work| forge(work, 3, |text| text.replacen(",450\n", ",451\n", 1), |_| {}),
            "window-00003.csv: line 51 differs from row 450 of the dataset",
        ),
        (
            "a changed header whose manifest fits",
            |work| forge(work, 3, |text| text.replacen("at,", "on,", 1), |_| {}),
            "its first line does not have the columns",
        ),
        (
            "offsets are given twice",
            |work| {
                forge(work, 2, same, |manifest| {
                    manifest["messages"]["offsets"] = json!([{"partition": 0, "first": 199, "last": 398}])
                })
            },
            "offsets 199 to 398 are also accounted for in an earlier window",
        ),
        (
            "a quarantine file gone",
            |work| fs::remove_file(work.join("quarantine/window-00002.jsonl")).expect("was there"),
            "window-00002.jsonl: it cannot be read",
        ),
        (
            "a quarantine file changed",
            |work| {
                let path = work.join("quarantine/window-00002.jsonl");
                fs::write(&path, fs::read_to_string(&path).expect("a file").replace("far", "fax")).expect("a file");
            },
            "its row 400 differs from row 400 of the dataset",
        ),
        (
            "a quarantine file that its manifest does not name",
            |work| forge(work, 2, same, |manifest| manifest["quarantine"]["file"] = Value::Null),
            "window-00002.jsonl: its manifest does not have its SHA-256",
        ),
        (
            "an end that lies",
            |work| {
                let path = work.join("batches/end.json");
                fs::write(&path, fs::read_to_string(&path).expect("a file").replace("998", "999")).expect("a file");
            },
            "end.json says 999 rows, but the manifests say 998",
        ),
        (
            "another dataset",
            |work| {
                let path = work.parent().expect("a folder").join("d.csv");
                let text = fs::read_to_string(&path).expect("a file");
                fs::write(&path, text.replacen(",450\n", ",451\n", 1)).expect("a file");
            },
            "is not the one that was replayed",
        ),
    ];
    for (what, destroy, expected) in cases {
        let broken = folder.path().join("broken");
        copy_folder(&whole, &broken);
        destroy(&broken);
        let (code, output) = audit(&file, &broken, &[]);
        assert_eq!(code, Some(1), "{what}: {output}");
        assert!(output.contains(expected), "{what}: {output}");
        let (code, machine) = audit(&file, &broken, &["--json"]);
        let machine: Value = serde_json::from_str(&machine).expect("JSON for machines");
        assert!(code == Some(1) && !machine["findings"].as_array().expect("a list").is_empty(), "{what}: {machine}");
        fs::remove_dir_all(&broken).expect("was there");
    }
    let nothing = windrow(&["audit", &file, "--workdir", &folder.path().join("none").display().to_string()]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(text(&nothing.stderr).contains("no window in"), "{}", text(&nothing.stderr));
}

#[test]
fn the_topic_is_recounted_where_it_is_still_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let workdir = folder.path().join("work");
    let (workdir_text, sample) = (workdir.display().to_string(), fixture("flights-sample.toml").display().to_string());
    let (_broker, address) = broker_with_topic(&sample);
    let consume = ["consume", &sample, "--broker", &address, "--workdir", &workdir_text, "--once"];
    succeed(&["produce", &sample, "--broker", &address]);
    succeed(&consume);
    let (code, output) = audit(&sample, &workdir, &["--broker", &address]);
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("8,019 read = 8,019 delivered = 8,019 stored + 0 quarantined"), "{output}");
    assert!(output.contains("8,020 messages, each accounted for"), "{output}");

    // A message after the end of the stream is not read by any consumer, and is reported.
    let publisher = Publisher::connect(&Connection::new(&address), "flights-sample", |_| {}).expect("a publisher");
    publisher.send_row(Partition(0), RowNumber::FIRST, &RunId::new("other"), b"1").expect("taken");
    assert_eq!(publisher.flush(STEP_TIMEOUT), Ok(true));
    let (code, output) = audit(&sample, &workdir, &["--broker", &address]);
    assert!(code == Some(0) && output.contains("; 1 after the end of the stream"), "{output}");

    // A manifest without an account of one message.
    let path = workdir.join("batches/window-00001.json");
    let mut manifest = json(&path);
    manifest["messages"]["offsets"][0]["first"] = json!(5);
    fs::write(&path, manifest.to_string()).expect("a file");
    let (code, output) = audit(&sample, &workdir, &["--broker", &address]);
    assert!(
        code == Some(1) && output.contains("partition 0, offset 4: no window accounts for this message"),
        "{output}"
    );
}

#[test]
fn a_stream_that_is_not_through_is_judged_by_what_is_sealed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, workdir) = scene(folder.path());
    let text = fs::read_to_string(&file).expect("a file");
    fs::write(&file, format!("{text}stream = {{ pace = {{ kind = \"fixed\", delay = \"1ms\" }} }}\n")).expect("a file");
    let workdir_text = workdir.display().to_string();
    let listen = "127.0.0.1:0";
    let run = ["run", &file, "--loop", "--broker", "embedded", "--listen", listen, "--workdir", &workdir_text];
    let run = Running::start(&run);
    run.wait_for("window 2: ");
    // The audit runs while the consumer works, and does not need its lock.
    let (code, output) = audit(&file, &workdir, &[]);
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("so far every row is accounted for") && output.contains("has not ended"), "{output}");
}
