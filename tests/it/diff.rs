//! `windrow diff`: what two work directories have in common, what differs, and paths that cannot be compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use windrow_testing::{Running, copy_folder, json, run_once, text, wait_until, windrow};

/// The table of the pipeline file for the first run.
const PLAIN: &str = "train = { l2 = 1.0 }";
/// That of a second run, with another learner.
const PENALIZED: &str = "train = { l2 = 10.0 }";

/// Writes a dataset with this number of rows, of which those from `changed` on have other cells, and a pipeline with
/// windows of a hundred rows. Returns the path of the pipeline file.
fn scene(folder: &Path, rows: u32, changed: u32, table: &str) -> String {
    let row = |number: u32| {
        let size = number * 7919 % 1000 + u32::from(number >= changed);
        format!("{size},{}\n", u32::from(size + number * 31 % 400 > 700))
    };
    let dataset: String = ["size,late\n".to_owned()].into_iter().chain((1..=rows).map(row)).collect();
    fs::write(folder.join("d.csv"), dataset).expect("a file");
    let file = folder.join("p.toml");
    let pipeline = "name = \"p\"\ndataset = { path = \"d.csv\" }\ntarget = { column = \"late\", equals = \"1\" }\n\
                    features = { numeric = [\"size\"] }\nwindow = { rows = 100 }\n";
    fs::write(&file, format!("{pipeline}{table}\n")).expect("a file");
    file.display().to_string()
}

/// Returns the exit code, the standard output with single spaces, and the standard error.
fn diff(a: &Path, b: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let (a, b) = (a.display().to_string(), b.display().to_string());
    let output = windrow(&[&["diff", &a, &b][..], more].concat());
    let stdout = text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    (output.status.code(), stdout, text(&output.stderr))
}

fn as_json(a: &Path, b: &Path) -> Value {
    let (_, stdout, stderr) = diff(a, b, &["--json"]);
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout} {stderr}"))
}

/// Returns all files and folders of a work directory, with the bytes of the files.
fn entries(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(entries(&path));
            found.insert(path, None);
        } else {
            let bytes = fs::read(&path).expect("a file");
            found.insert(path, Some(bytes));
        }
    }
    found
}

fn change(path: &Path, change: impl Fn(&mut Value)) {
    let mut content = json(path);
    change(&mut content);
    fs::write(path, content.to_string()).expect("a file");
}

#[test]
fn what_differs_is_printed_and_nothing_is_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let [one, again, other] = ["one", "again", "other"].map(|name| folder.path().join(name));
    let file = scene(folder.path(), 1000, u32::MAX, PLAIN);
    run_once(&file, &one, &[]);
    run_once(&file, &again, &[]);
    run_once(&scene(folder.path(), 900, 601, PENALIZED), &other, &[]);
    let before = [&one, &again, &other].map(|workdir| entries(workdir));

    let (code, stdout, stderr) = diff(&one, &again, &[]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(stdout.ends_with("pipeline: the same data: the same models: the same advice: the same nothing differs"));
    let found = as_json(&one, &again);
    assert_eq!((&found["differs"], &found["pipeline"]), (&json!(false), &json!([])), "{found}");

    let (code, stdout, stderr) = diff(&one, &other, &[]);
    assert_eq!((code, stderr.as_str()), (Some(3), ""), "{stdout}");
    for expected in [
        "train.l2 1.0 10.0",
        "extracts of the dataset ",
        "windows 10 9",
        "rows 1,000 900",
        "Windows differ from window 7 on: 3 of the 9 windows that both have (7, 8, 9).",
        "Only A has 2 models: ",
        "Made from other rows: ",
        "Other numbers from the same rows: ",
        "(--all)",
    ] {
        assert!(stdout.contains(expected), "{expected}: {stdout}");
    }
    assert!(!stdout.contains("quarantine") && !stdout.contains("nothing differs"), "{stdout}");
    assert!(!diff(&one, &other, &["--all"]).1.contains("(--all)"));
    let found = as_json(&one, &other);
    assert_eq!(found["pipeline"], json!([{ "key": "train.l2", "a": 1.0, "b": 10.0 }]));
    assert_eq!(found["data"]["differing"], json!([7, 8, 9]));
    assert_eq!(found["models"]["only"], json!({ "a": ["cumulative-10", "window-10"], "b": [] }));

    let after = [&one, &again, &other].map(|workdir| entries(workdir));
    assert!(before == after, "a file was changed, created or removed");
}

#[test]
fn settings_of_the_server_and_the_place_of_the_dataset_are_no_difference() {
    let folder = tempfile::tempdir().expect("a folder");
    let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
    run_once(&scene(folder.path(), 300, u32::MAX, PLAIN), &one, &[]);
    copy_folder(&one, &other);
    change(&other.join("run.json"), |run| {
        run["pipeline"]["dataset"]["path"] = json!("elsewhere/d.csv");
        run["pipeline"]["serve"]["listen"] = json!("127.0.0.1:8099");
    });
    let (code, stdout, stderr) = diff(&one, &other, &[]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    for expected in ["pipeline: the same", "other settings A B", "serve.listen 127.0.0.1:", "do not count"] {
        assert!(stdout.contains(expected), "{expected}: {stdout}");
    }
    assert!(stdout.ends_with("rows, models and advice do not differ"), "{stdout}");
    let found = as_json(&one, &other);
    assert_eq!((&found["differs"], &found["pipeline"]), (&json!(false), &json!([])), "{found}");
    let neutral = found["neutral"].as_array().expect("a list");
    let neutral: Vec<&Value> = neutral.iter().map(|change| &change["key"]).collect();
    assert_eq!(neutral, [&json!("dataset.path"), &json!("serve.listen")]);
    change(&other.join("run.json"), |run| run["pipeline"]["train"]["l2"] = json!(7.0));
    assert_eq!(diff(&one, &other, &[]).0, Some(3));
}

#[test]
fn equal_rows_are_equal_in_other_formats_and_column_types() {
    let folder = tempfile::tempdir().expect("a folder");
    let row = |number: u32| {
        let size = number * 7919 % 1000;
        let code = if number.is_multiple_of(10) { "NA".to_owned() } else { format!("{}.50", number % 7) };
        format!("2024-01-{:02},{size},{code},{}\n", 1 + number / 20, u32::from(size + number * 31 % 400 > 700))
    };
    let rows: Vec<String> = ["day,size,code,late\n".to_owned()].into_iter().chain((0..600).map(row)).collect();
    fs::write(folder.path().join("d.csv"), rows.concat()).expect("a file");
    let run = |name: &str, features: &str, format: &str| {
        let file = folder.path().join(format!("{name}.toml"));
        let pipeline = format!(
            "name = \"p\"\ntarget = {{ column = \"late\", equals = \"1\" }}\nfeatures = {{ {features} }}\n\
             window = {{ rows = 100 }}\nbatch = {{ format = \"{format}\" }}\n[dataset]\npath = \"d.csv\"\n\
             null = [\"\", \"NA\"]\ntime = {{ column = \"day\", format = \"%Y-%m-%d\" }}\n"
        );
        fs::write(&file, pipeline).expect("a file");
        let workdir = folder.path().join(name);
        run_once(&file.display().to_string(), &workdir, &[]);
        workdir
    };
    let one = run("one", "numeric = [\"size\"], categorical = [\"code\"]", "parquet");
    let typed = run("typed", "numeric = [\"size\", \"code\"]", "parquet");
    let csv = run("csv", "numeric = [\"size\"], categorical = [\"code\"]", "csv");
    let sha256 = |workdir: &Path| json(&workdir.join("batches/window-00001.json"))["rows"]["file"]["sha256"].clone();
    assert_ne!(sha256(&one), sha256(&typed), "the column `code` has another type");
    for other in [&typed, &csv] {
        let (code, stdout, stderr) = diff(&one, other, &[]);
        assert_eq!((code, stderr.as_str()), (Some(3), ""), "{stdout}");
        assert!(stdout.contains("data: the same models"), "{stdout}");
        let found = as_json(&one, other);
        assert_eq!(found["data"]["differing"], json!([]), "{found}");
        assert_eq!(found["models"]["other_rows"], json!([]), "{found}");
    }
    // The format of the batch files changes no model.
    assert_eq!(as_json(&one, &csv)["models"]["other_fit"], json!([]));
    assert_eq!(as_json(&one, &typed)["models"]["other_fit"].as_array().map(|all| all.is_empty()), Some(false));
}

#[test]
fn another_answer_is_printed_for_both() {
    let folder = tempfile::tempdir().expect("a folder");
    let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
    run_once(&scene(folder.path(), 2000, u32::MAX, PLAIN), &one, &[]);
    copy_folder(&one, &other);
    change(&other.join("advice.json"), |advice| {
        advice["recommendation"]["sentences"][0] = json!("Another sentence.");
        advice["basis"]["label_delay"] = json!(3);
        let verdict = &mut advice["comparison"]["planned"][0]["verdict"];
        *verdict = if *verdict == "reference" { json!("worse") } else { json!("reference") };
    });
    let (code, stdout, _) = diff(&one, &other, &[]);
    assert_eq!(code, Some(3), "{stdout}");
    for expected in ["models: the same", "label delay 0 windows 3 windows", "verdict: ", "B: Another sentence."] {
        assert!(stdout.contains(expected), "{expected}: {stdout}");
    }
    let first = json(&one.join("advice.json"))["recommendation"]["sentences"][0].clone();
    let found = as_json(&one, &other);
    assert_eq!(found["answer"]["answers"]["a"]["sentence"], first);
    assert_eq!(found["answer"]["other_verdict"].as_array().map(|all| all.is_empty()), Some(false), "{found}");

    fs::remove_file(other.join("advice.json")).expect("a file");
    let (code, stdout, stderr) = diff(&one, &other, &[]);
    assert_eq!((code, stderr.as_str()), (Some(3), ""), "{stdout}");
    let expected = format!("there is no advice in {} yet: compute it with `windrow run`", other.display());
    assert!(stdout.contains(&expected), "{stdout}");
}

#[test]
fn late_rows_are_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
    let rows = |is_late: bool| {
        let mut rows: Vec<String> =
            (0..1000).map(|row| format!("{},{},{}\n", 1_704_067_200 + row * 600, row % 90, row % 2)).collect();
        if is_late {
            rows.push("1704067200,5,1\n".to_owned());
        }
        format!("at,size,late\n{}", rows.concat())
    };
    let file = folder.path().join("p.toml");
    let pipeline = "name = \"p\"\ndataset = { path = \"d.csv\", time = { column = \"at\", format = \"seconds\" } }\n\
                    target = { column = \"late\", equals = \"1\" }\nfeatures = { numeric = [\"size\"] }\n\
                    window = { event = \"day\" }\nquarantine = { max_share = 0.1 }\n";
    fs::write(&file, pipeline).expect("a file");
    for (workdir, is_late) in [(&one, false), (&other, true)] {
        fs::write(folder.path().join("d.csv"), rows(is_late)).expect("a file");
        run_once(&file.display().to_string(), workdir, &[]);
    }
    let (code, stdout, _) = diff(&one, &other, &[]);
    assert_eq!(code, Some(3), "{stdout}");
    assert!(stdout.contains("rows in quarantine 0 1 of these, late 0 1"), "{stdout}");
    assert!(stdout.contains("pipeline: the same") && !stdout.contains("windows 7"), "{stdout}");
}

#[test]
fn a_directory_that_is_being_filled_is_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    let [one, slow] = ["one", "slow"].map(|name| folder.path().join(name));
    run_once(&scene(folder.path(), 2000, u32::MAX, PLAIN), &one, &[]);
    let pace = "stream = { pace = { kind = \"fixed\", delay = \"20ms\" } }";
    let file = scene(folder.path(), 2000, u32::MAX, &format!("{PLAIN}\n{pace}"));
    let workdir = slow.display().to_string();
    let arguments = ["run", &file, "--broker", "embedded", "--listen", "127.0.0.1:0", "--workdir", &workdir];
    let mut running = Running::start(&arguments);
    wait_until("a window is sealed", || slow.join("batches/window-00001.json").exists());
    let (code, stdout, stderr) = diff(&one, &slow, &[]);
    assert_eq!((code, stderr.as_str()), (Some(3), ""), "{stdout}");
    assert!(stdout.contains("stream has ended has not ended"), "{stdout}");
    assert!(!stdout.contains("Windows differ from"), "the sealed windows are the same: {stdout}");
    running.kill();
}

#[test]
fn a_path_that_cannot_be_compared_gets_one_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let [one, old] = ["one", "old"].map(|name| folder.path().join(name));
    run_once(&scene(folder.path(), 300, u32::MAX, PLAIN), &one, &[]);
    let refused = |a: &Path, b: &Path, code: i32, expected: &str| {
        let (found, stdout, stderr) = diff(a, b, &[]);
        assert_eq!((found, stdout.as_str()), (Some(code), ""), "{stderr}");
        assert!(stderr.contains(expected) && stderr.trim_end().lines().count() == 1, "{expected}: {stderr}");
    };
    refused(&one, &folder.path().join("none"), 2, "there is no directory ");
    refused(folder.path(), &one, 2, "is not the work directory of a run: it has no run.json");
    refused(&one, &one.join("../one"), 2, "are the same directory: give two");
    for (name, expected) in [
        ("run.json", "run.json has format 1, but this version of Windrow reads format "),
        ("batches/window-00002.json", "window-00002.json has format 1, but "),
        ("models/cumulative-1/model.json", "model.json has format 1, but "),
        ("advice.json", "advice.json has format 1, but "),
    ] {
        let _ = fs::remove_dir_all(&old);
        copy_folder(&one, &old);
        change(&old.join(name), |file| file["format"] = json!(1));
        refused(&one, &old, 1, expected);
    }
}
