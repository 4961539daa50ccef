//! `windrow judge`: the answer for predictions of any model. The commands of docs/own-model.md, and the losses of a
//! pipeline, which give the pipeline's own answer.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use windrow_testing::documents::{block, finish};
use windrow_testing::{Running, command, has, http, refused, run_once, sample_with, succeed, text, windrow};

const WEEKS: u32 = 40;
const ROWS: u32 = 40;

/// Returns a number from 0 to 1 that looks random.
fn random(a: u32, b: u32) -> f64 {
    let mut state = (u64::from(a) << 32 | u64::from(b)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    state ^= state >> 29;
    state = state.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state ^= state >> 32;
    (state >> 11) as f64 / (1_u64 << 53) as f64
}

/// Returns the date of a day after Monday, 1 January 2024.
fn date(day: u32) -> String {
    let months = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let (mut month, mut rest) = (0, day);
    while rest >= months[month] {
        rest -= months[month];
        month += 1;
    }
    format!("2024-{:02}-{:02}", month + 1, rest + 1)
}

fn row(week: u32, row: u32, age: u32) -> (String, u8, f64) {
    let time = format!("{} {:02}:{:02}", date(week * 7 + row * 7 / ROWS), row % 24, row % 60);
    let y = random(week, row) < 0.3;
    let quality = (1.0 - 0.04 * f64::from(age)) * if y { 1.0 } else { -1.0 };
    let odds = -0.85 + quality + 2.0 * (random(week + 1000, row) - 0.5);
    (time, u8::from(y), 1.0 / (1.0 + (-odds).exp()))
}

/// Writes the predictions of fits on all history and on the last week, each scored on its next four weeks.
fn write_predictions(folder: &Path) {
    let mut table = "time,y,p,trained_through,history,row\n".to_owned();
    for week in 1..WEEKS {
        for age in 1..=week.min(4) {
            for (history, penalty) in [("all", 0), ("1", 6)] {
                for number in 0..ROWS {
                    let (time, y, p) = row(week, number, age + penalty);
                    let through = format!("{} 23:00", date((week - age) * 7 + 6));
                    table.push_str(&format!("{time},{y},{p},{through},{history},{}\n", week * ROWS + number));
                }
            }
        }
    }
    fs::write(folder.join("predictions.csv"), table).expect("a file");
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&succeed(&[&["judge"][..], arguments, &["--json"]].concat())).expect("JSON")
}

#[test]
fn predictions_are_judged_as_documented() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    write_predictions(here);
    let page = finish(here, &block("docs/own-model.md", "windrow judge predictions.csv", &[]));
    assert!(page.starts_with("predictions: is y 1?   40 weeks, Jan 2024 to Oct 2024\n"), "{page}");
    // The sentences are wrapped.
    let words = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("Drift alarms are not judged: the table has no features."), "{page}");
    assert!(page.contains("\nThe table\n") && page.contains("Periods up to 4 weeks are judged"), "{page}");
    // A log: the newest fit on all history served.
    let mut log = "time,y,p,model\n".to_owned();
    let mut models = "model,trained_through\n".to_owned();
    for week in 1..WEEKS {
        for number in 0..ROWS {
            let (time, y, p) = row(week, number, 1);
            log.push_str(&format!("{time},{y},{p},v{week}\n"));
        }
        models.push_str(&format!("v{week},{} 23:00\n", date(week * 7 - 1)));
    }
    fs::write(here.join("log.csv"), log).expect("a file");
    fs::write(here.join("models.csv"), models).expect("a file");
    let commands = block("docs/own-model.md", "windrow judge log.csv", &[("--window day", "--window week")]);
    let page = finish(here, &commands);
    assert!(page.contains("on all history") || page.contains("The models that served"), "{page}");
}

#[test]
fn a_log_has_a_page_and_a_report_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut log = "time,y,p,trained_through\n".to_owned();
    for week in 1..WEEKS {
        // Six versions, which come at irregular weeks.
        let through = [0, 3, 11, 14, 26, 33].into_iter().filter(|begin| *begin < week).max().unwrap_or_default();
        for number in 0..ROWS {
            let (time, y, p) = row(week, number, 1);
            log.push_str(&format!("{time},{y},{p},{} 23:00\n", date(through * 7 + 6)));
        }
    }
    let (file, report) = (path("log.csv"), path("answer.md"));
    fs::write(&file, log).expect("a file");
    let answer = json(&[&file, "--window", "week", "--report", &report]);
    assert_eq!((&answer["table"]["kind"], &answer["subject"]["origin"]), (&Value::from("log"), &Value::from("log")));
    let report = fs::read_to_string(report).expect("a report");
    for name in ["over-time", "by-window"] {
        assert!(
            report.contains(&format!("(answer/{name}.svg)"))
                && folder.path().join(format!("answer/{name}.svg")).exists()
        );
    }
    assert!(!report.contains("how-often") && !report.contains("logistic regression"), "{report}");
    assert!(report.contains("\n## The table\n") && report.contains("\n## How to check it\n"), "{report}");
    assert!(!report.contains("dataset") && !report.contains("stream"), "{report}");
    let serve =
        Running::start(&["judge", &file, "--window", "week", "--serve", "127.0.0.1:0", "--workdir", &path("work")]);
    let url = serve.wait_for("API: http").split_whitespace().nth(1).expect("an address").to_owned();
    let page = http("GET", &format!("{url}/"), None).2;
    assert!(page.contains("The models that served") && page.contains("log-loss per row, by window"), "{page}");
    assert!(page.contains("<section class=\"pictures each\"") && page.contains("The loss alarm "), "{page}");
    let evidence = http("GET", &format!("{url}/evidence"), None).2;
    assert!(evidence.contains("<code>windrow judge --json</code> prints all numbers"), "{evidence}");
    assert!(evidence.contains("How to check it") && evidence.contains("The table is a log"), "{evidence}");
    for page in [&page, &evidence] {
        // Nothing of a pipeline: no stream, no models, no form.
        for part in [
            "href=\"/stream",
            "href=\"/models",
            "href=\"/try",
            "data-step",
            "logistic regression",
            "Features that drifted",
            "of the stream",
        ] {
            assert!(!page.contains(part), "{part}: {page}");
        }
    }
    for path in ["stream", "models", "models/cumulative-2", "windows/3", "try"] {
        let (status, _, text) = http("GET", &format!("{url}/{path}"), None);
        assert!(status == 404 && text.contains("no such page"), "{path}: {status} {text}");
    }
}

#[test]
fn the_answer_is_printed_as_json_reported_and_served() {
    let folder = tempfile::tempdir().expect("a folder");
    write_predictions(folder.path());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let file = path("predictions.csv");
    let (report, numbers, workdir) = (path("answer.html"), path("answer.json"), path("work"));
    let answer = json(&[&file, "--window", "week", "--report", &report, "--report", &numbers]);
    // One run gives all: the numbers, the text and the reports.
    assert_eq!(answer["text"].as_str(), Some(&*succeed(&["judge", &file, "--window", "week"])));
    let written: Value = serde_json::from_str(&fs::read_to_string(numbers).expect("a report")).expect("JSON");
    assert_eq!(written["advice"]["recommendation"], answer["recommendation"]);
    assert_eq!(answer["table"]["kind"], "backtest");
    assert_eq!(answer["recommendation"]["named"]["policy"]["history"], "cumulative", "{answer}");
    assert!(answer["table"]["not_judged"].as_array().is_some_and(|sentences| !sentences.is_empty()));
    let html = fs::read_to_string(report).expect("a report");
    let sentence = answer["recommendation"]["sentences"][0].as_str().expect("a sentence");
    assert!(html.contains(sentence) && html.contains("<svg"), "{sentence}");
    let output = windrow(&["judge", &file, "--window", "week", "--exit-code"]);
    let expected = match answer["recommendation"]["action"].as_str() {
        Some("change") => 3,
        Some("refit_now") => 4,
        _ => 0,
    };
    assert_eq!(output.status.code(), Some(expected));
    let reason = answer["recommendation"]["reason"].as_str().expect("a reason");
    assert_eq!(text(&output.stdout).lines().next_back(), Some(reason));
    let serve = Running::start(&["judge", &file, "--window", "week", "--serve", "127.0.0.1:0", "--workdir", &workdir]);
    let url = serve.wait_for("API: http").split_whitespace().nth(1).expect("an address").to_owned();
    let page = http("GET", &format!("{url}/"), None).2;
    assert!(page.contains(sentence) && page.contains("40 weeks, Jan 2024 to Oct 2024"), "{page}");
    let served: Value = serde_json::from_str(&http("GET", &format!("{url}/v1/advice"), None).2).expect("JSON");
    assert_eq!(served["action"], answer["recommendation"]["action"]);
}

#[test]
fn the_losses_of_a_pipeline_give_its_own_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let pipeline = sample_with(here, "rows = 200", "");
    let (workdir, tables) = (here.join("work"), here.join("tables").display().to_string());
    run_once(&pipeline, &workdir, &[]);
    let workdir = workdir.display().to_string();
    let own: Value =
        serde_json::from_str(&succeed(&["advise", &pipeline, "--workdir", &workdir, "--json"])).expect("JSON");
    for format in ["parquet", "csv"] {
        succeed(&["export", &pipeline, "--workdir", &workdir, "--out", &tables, "--format", format]);
        let answer = json(&[&format!("{tables}/losses.{format}")]);
        assert_eq!(answer["table"]["kind"], "losses");
        let printed = answer["text"].as_str().expect("a text");
        assert!(printed.contains("at least    wrong fits/100  verdict\n"), "{printed}");
        let named = |advice: &Value| advice["recommendation"]["named"]["policy"].clone();
        assert_eq!(named(&answer), named(&own), "{format}");
        let losses = |advice: &Value| -> Vec<(String, String)> {
            let planned = advice["comparison"]["planned"].as_array().expect("a list").iter();
            let loss = |found: &Value| format!("{:.9}", found["errors"]["log_loss"].as_f64().expect("a number"));
            planned.map(|found| (found["policy"].to_string(), loss(found))).collect()
        };
        assert_eq!(losses(&answer), losses(&own), "{format}");
    }
}

#[test]
fn tables_come_from_a_folder_a_pattern_or_a_list_of_paths() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    write_predictions(here);
    let text = fs::read_to_string(here.join("predictions.csv")).expect("a table");
    let (header, rows) = text.split_once('\n').expect("a header");
    let rows: Vec<&str> = rows.lines().collect();
    fs::create_dir(here.join("parts")).expect("a folder");
    let mut list = String::new();
    for (number, part) in rows.chunks(rows.len() / 3 + 1).enumerate() {
        let path = here.join(format!("parts/{number}.csv"));
        fs::write(&path, format!("{header}\n{}\n", part.join("\n"))).expect("a file");
        list.push_str(&format!("{}\n", path.display()));
    }
    fs::write(here.join("list.txt"), list).expect("a list");
    let path = |name: &str| here.join(name).display().to_string();
    let whole = json(&[&path("predictions.csv"), "--window", "week"]);
    for arguments in [vec![path("parts")], vec![path("parts/*.csv")], vec!["--files-from".to_owned(), path("list.txt")]]
    {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(["--window", "week"]).collect();
        let answer = json(&arguments);
        assert_eq!(answer["comparison"], whole["comparison"], "{arguments:?}");
    }
    assert!(refused(&["judge", &path("parts/x*.csv"), "--window", "week"]).contains("no file matches"));
    assert_eq!(windrow(&["judge", "--window", "week"]).status.code(), Some(2));
}

#[test]
fn a_table_with_faults_is_refused_with_its_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("scores.csv").display().to_string();
    fs::write(&file, "time,y,p,trained_through\n2024-01-09,1,1.5,2024-01-01\n2024-01-02,1,0.5,2024-01-03\n")
        .expect("a file");
    let error = refused(&["judge", &file, "--window", "week"]);
    assert!(error.contains("row 1: p is `1.5`") && error.contains("row 2: it is a leak"), "{error}");
    assert!(refused(&["judge", &file]).contains("give it, as in --window week"));
    let missing = folder.path().join("score.csv").display().to_string();
    assert!(refused(&["judge", &missing]).contains("does not exist; did you mean"));
    let pipeline = windrow(&["judge", &file, "--window", "week", "--report", "answer.pdf"]);
    assert_eq!(pipeline.status.code(), Some(2));
}

#[test]
fn the_table_of_an_estimator_is_judged() {
    let has_libraries = Command::new("python3").args(["-c", "import pandas, sklearn"]).output();
    // Without them, there is nothing to run.
    if !has("python3") || !has_libraries.is_ok_and(|output| output.status.success()) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let mut rows = "at,size,weight,late\n".to_owned();
    for week in 0..24 {
        for number in 0..60 {
            let (size, weight) = (random(week, number), random(week + 500, number));
            let late = u8::from(size + 0.6 * random(week + 900, number) > 0.9);
            rows.push_str(&format!("{} {:02}:00,{size},{weight},{late}\n", date(week * 7 + number % 7), number % 24));
        }
    }
    fs::write(here.join("rows.csv"), rows).expect("a file");
    let script = block("docs/own-model.md", "import pandas", &[]);
    let output = Command::new("python3").args(["-c", &script]).current_dir(here).output().expect("Python runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let judged = command(&["judge", "predictions.csv", "--window", "week", "--json"]).current_dir(here).output();
    let judged = judged.expect("the binary runs");
    assert!(judged.status.success(), "{}", text(&judged.stderr));
    let answer: Value = serde_json::from_slice(&judged.stdout).expect("JSON");
    assert_eq!(answer["table"]["kind"], "backtest");
    let histories = answer["comparison"]["planned"].as_array().expect("a list").iter();
    assert!(histories.map(|found| found["policy"]["history"].to_string()).any(|history| history.contains("sliding8")));
}
