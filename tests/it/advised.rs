//! The alias `advised`: the model that following the advice has in service, also if no scheme of the pipeline makes it.
//! `recalibrated`: the model in service while recalibration is in office.

mod recalibrated;

use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use windrow_testing::http::{JSON, ask};
use windrow_testing::random::uniform;
use windrow_testing::served::serve;
use windrow_testing::{Running, http, json, run_arguments, run_once, succeed};

const WINDOWS: u32 = 30;
const ROWS: u32 = 400;

/// Writes a dataset whose rule turns once in 24 windows, and its pipeline file; returns the file's path. The last two
/// windows predict much better than all history, and no scheme of the pipeline learns from two windows.
fn pipeline(folder: &Path) -> String {
    let mut uniform = uniform(7);
    let mut dataset = "y,x,z\n".to_owned();
    for row in 0..WINDOWS * ROWS {
        let angle = f64::from(row / ROWS) * TAU / 24.0;
        let (x, z) = (2.0 * uniform() - 1.0, 2.0 * uniform() - 1.0);
        let log_odds = 6.0 * (x * angle.cos() + z * angle.sin());
        let y = u8::from(uniform() < 1.0 / (1.0 + (-log_odds).exp()));
        writeln!(dataset, "{y},{x:.4},{z:.4}").expect("memory");
    }
    fs::write(folder.join("d.csv"), dataset).expect("a file");
    let file = folder.join("p.toml");
    let text = format!(
        "name = \"p\"\ndataset = {{ path = \"d.csv\" }}\ntarget = {{ column = \"y\", equals = \"1\" }}\n\
         features = {{ numeric = [\"x\", \"z\"] }}\nwindow = {{ rows = {ROWS} }}\n\
         train = {{ schemes = [\"cumulative\"] }}\nadvise = {{ histories = [2, \"all\"] }}\n\
         stream = {{ pace = {{ kind = \"fixed\", delay = \"100us\" }} }}\n"
    );
    fs::write(&file, text).expect("a file");
    file.display().to_string()
}

/// Returns the models of a work directory by their ids, without times if `timeless`.
fn models(workdir: &Path, timeless: bool) -> BTreeMap<String, String> {
    let entries = fs::read_dir(workdir.join("models")).expect("a folder");
    let models = entries.map(|entry| {
        let path = entry.expect("readable").path();
        let text = fs::read_to_string(path.join("model.json")).expect("a model");
        let is_time =
            |line: &&str| timeless && ["\"created\":", "\"seconds\":"].iter().any(|key| line.trim().starts_with(key));
        let text = text.lines().filter(|line| !is_time(line)).collect::<Vec<_>>().join("\n");
        (path.file_name().expect("a name").to_string_lossy().into_owned(), text)
    });
    models.collect()
}

/// Returns the history of the alias without times.
fn changes(workdir: &Path) -> Vec<Value> {
    let journal = fs::read_to_string(workdir.join("aliases.jsonl")).expect("a journal");
    let change = |line: &str| {
        let mut change: Value = serde_json::from_str(line).expect("JSON");
        change["at"] = Value::Null;
        change
    };
    journal.lines().map(change).collect()
}

fn to(change: &Value) -> String {
    change["to"].as_str().expect("a model").to_owned()
}

#[test]
fn a_model_that_the_advice_has_made_stays_when_its_scheme_is_added() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, work) = (pipeline(folder.path()), folder.path().join("work"));
    run_once(&file, &work, &[]);
    let (before, history) = (models(&work, false), changes(&work));
    let is_adopted = |id: &str| id.starts_with("sliding2-") && !id.contains("recalibrated");
    assert!(before.keys().any(|id| is_adopted(id)), "{:?}", before.keys());
    let text = fs::read_to_string(&file).expect("a file");
    fs::write(&file, text.replace("[\"cumulative\"]", "[\"cumulative\", \"sliding=2\"]")).expect("a file");
    run_once(&file, &work, &[]);
    let after = models(&work, false);
    for (id, text) in before {
        // The model is one of its scheme now.
        let is_kept = |line: &&str| !(is_adopted(&id) && line.contains("\"is_for_advice\":"));
        let expected = text.lines().filter(is_kept).collect::<Vec<_>>().join("\n");
        assert!(after[&id] == expected, "{id} differs");
    }
    assert_eq!(after.keys().filter(|id| is_adopted(id)).count(), WINDOWS as usize);
    assert_eq!(changes(&work), history, "the alias stays");
}

/// Runs a pipeline in two work directories: once as a whole, and once with a kill after window 20.
fn whole_and_killed(folder: &Path, file: &str) -> [PathBuf; 2] {
    let [whole, killed] = ["whole", "killed"].map(|name| folder.join(name));
    run_once(file, &whole, &[]);
    let workdir = killed.display().to_string();
    let run = run_arguments(file, &workdir);
    let mut running = Running::start(&run);
    running.wait_for("window 20");
    running.signal("KILL");
    running.end();
    succeed(&run);
    [whole, killed]
}

#[test]
fn the_advised_model_is_served_if_no_scheme_makes_it_and_survives_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = pipeline(folder.path());
    let [whole, killed] = whole_and_killed(folder.path(), &file);
    let workdir = killed.display().to_string();

    // A run that is killed makes the same models, and the same changes of the alias, as one that is not.
    let (made, history) = (models(&whole, true), changes(&whole));
    let again = models(&killed, true);
    assert!(made.keys().eq(again.keys()), "{:?}\n{:?}", made.keys(), again.keys());
    for (id, model) in &made {
        assert!(again[id] == *model, "{id} differs");
    }
    assert_eq!(changes(&killed), history);
    assert_eq!(to(&history[0]).split_once('-').map(|(scheme, _)| scheme), Some("cumulative"), "{}", history[0]);
    assert_eq!(history[0]["why"], "the champion, before the first advice");
    let windows = |change: &Value| to(change).rsplit_once('-').and_then(|(_, window)| window.parse::<u32>().ok());
    assert!(history.iter().map(windows).is_sorted(), "no older model is restored: {history:?}");
    let last = history.last().expect("a change");
    let advised = to(last);
    assert!(advised.starts_with("sliding2-") && made.contains_key(&advised), "{last}");
    assert_eq!((last["action"].as_str(), last["by"].as_str()), (Some("advised"), Some("windrow")));
    let why = last["why"].as_str().expect("a reason");
    assert!(why.contains("named after window ") && why.contains(": last 2 windows, every"), "{why}");

    // Stored models are not made again, and lost ones are.
    let stored = models(&killed, false);
    run_once(&file, &killed, &[]);
    assert!(models(&killed, false) == stored && changes(&killed) == history, "a restart changes nothing");
    fs::remove_dir_all(killed.join("models").join(&advised)).expect("a folder");
    succeed(&["train", &file, "--once", "--workdir", &workdir]);
    assert!(models(&killed, true)[&advised] == made[&advised] && changes(&killed) == history);

    // The journal of aliases may be ahead of the windows that have been reported.
    for lost in ["models", "windows", "losses", "advice"] {
        fs::remove_dir_all(whole.join(lost)).expect("a folder");
    }
    succeed(&["train", &file, "--once", "--workdir", &whole.display().to_string()]);
    assert!(models(&whole, true)[&advised] == made[&advised] && changes(&whole) == history);

    // The losses of a model are in one place, and the reports do not depend on when the advisor made it.
    let has_sliding = |name: &str| json(&killed.join(name)).to_string().contains("sliding2-");
    let files = ["losses/window-00030.json", "windows/window-00030.json", "advice/losses/window-00030.json"];
    assert_eq!(files.map(has_sliding), [false, false, true]);
    assert!(has_sliding("advice/auc.json"), "the report of a window has no AUC of these models");

    let (_server, url) = serve(&file, &workdir);
    let get = |path: &str| serde_json::from_str::<Value>(&http("GET", &format!("{url}{path}"), None).2).expect("JSON");
    let aliases = &get("/v1/models")["aliases"];
    assert_eq!((&aliases["advised"], &aliases["latest"]), (&json!(advised), &json!("cumulative-30")), "{aliases}");
    let card = json(&killed.join(format!("models/{advised}/model.json")));
    for name in ["advised", advised.as_str()] {
        let (status, _, answer) =
            http("POST", &format!("{url}/v1/models/{name}/predict"), Some("{\"x\": 0.5, \"z\": 0.5}"));
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!((status, &answer["model"]), (200, &json!(advised)), "{answer}");
        assert_eq!(answer["lineage"], card["lineage"]["id"]);
    }
    let lineage = get(&format!("/v1/lineage/{}", card["lineage"]["id"].as_str().expect("an id")));
    assert_eq!(lineage["windows"].as_array().map(Vec::len), Some(2), "{lineage}");
    assert!(http("GET", &format!("{url}/try"), None).2.contains("data-model=\"advised\""));
    assert!(http("GET", &format!("{url}/models/advised"), None).2.contains("Made for"));

    // A rollback by a user stays until the next fit that the advice asks for.
    let shown = get("/v1/aliases/advised/history");
    assert_eq!((&shown["model"], shown["history"].as_array().map(Vec::len)), (&json!(advised), Some(history.len())));
    let rolled = ask("POST", &format!("{url}/v1/aliases/advised/rollback"), &[JSON], b"{}").json();
    assert_eq!(rolled["to"], json!(to(&history[history.len() - 2])), "{rolled}");
    succeed(&["train", &file, "--once", "--workdir", &workdir]);
    assert_eq!(changes(&killed).len(), history.len() + 1);
    assert_eq!(get("/v1/aliases/advised")["model"], rolled["to"]);
}
