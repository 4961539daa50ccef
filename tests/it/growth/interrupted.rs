//! Runs that are killed while they go on with a newer extract.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Scene, assert_same_answer, before, row, rows, rows_without, window_of};
use windrow_testing::{Running, copy_folder, json, run_once, text, windrow};

/// A run of 1,300 rows whose dataset has 1,700 now, and the run of the whole dataset next to it.
fn grown_scene() -> (Scene, PathBuf, PathBuf) {
    let scene = Scene::new("event = \"week\"", "");
    let [work, whole] = ["work", "whole"].map(|name| scene.work(name));
    scene.write(rows(1, 1300));
    scene.run(&work);
    scene.write(rows(1, 1700));
    scene.run(&whole);
    (scene, work, whole)
}

/// Checks that a run goes on to its end, with the extract listed once.
fn assert_finished(scene: &Scene, work: &Path, whole: &Path, what: &str) {
    scene.run(work);
    assert!(!work.join("growth.json").exists(), "{what}");
    assert_same_answer(work, whole);
    assert!(scene.audit(work).contains("1,700 read = 1,700 stored"), "{what}");
    assert_eq!(json(&work.join("run.json"))["extracts"].as_array().map(Vec::len), Some(2), "{what}");
}

/// Changes a work directory into the one that a kill leaves while the end of the stream seals windows: the first
/// `sealed` windows are there, and the stream has no end yet.
pub(super) fn as_if_killed(workdir: &Path, sealed: u32) {
    fs::remove_file(workdir.join("batches/end.json")).expect("a file to remove");
    let folders = ["batches", "quarantine", "models", "windows", "losses", "advice/models", "advice/losses"];
    for entry in folders.into_iter().flat_map(|folder| fs::read_dir(workdir.join(folder)).into_iter().flatten()) {
        let path = entry.expect("readable").path();
        let window = window_of(&path.file_name().expect("a name").to_string_lossy());
        // The lock and the folder of open windows have no number.
        if window > sealed && window < u32::MAX {
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.expect("removable");
        }
    }
}

/// The lateness allows rows of window 6 after the first rows of window 7, so the end seals both.
#[test]
fn a_run_that_is_killed_at_its_end_goes_on_like_one_that_ended() {
    let scene = Scene::new("event = \"week\", lateness = \"8d\"", "stream = { partitions = 2 }");
    let [ended, whole] = ["ended", "whole"].map(|name| scene.work(name));
    scene.write(rows(1, 1300));
    scene.run(&ended);
    let kept = before(&ended, "batches", 6);
    let killed = [(5, 0), (6, 1), (7, 2)].map(|(sealed, opened)| {
        let work = scene.work(&format!("killed-{sealed}"));
        copy_folder(&ended, &work);
        as_if_killed(&work, sealed);
        (work, opened)
    });
    // Rows 1,301 and 1,302 belong to window 6.
    let new = [1100, 1101].into_iter().chain(1301..=1700).map(|number| row(number, true));
    scene.write([rows(1, 1300)].into_iter().chain(new).collect::<String>());
    scene.run(&whole);
    let second = json(&whole.join("batches/window-00006.json"))["rows"]["numbers"][1].clone();
    assert_eq!(second, serde_json::json!({"first": 1301, "last": 1302}));
    for (work, opened) in [(ended, 2)].into_iter().chain(killed) {
        scene.run(&work);
        assert_same_answer(&work, &whole);
        let extract = json(&work.join("run.json"))["extracts"][1].clone();
        let reopened = extract["reopened"].as_array().map_or(0, Vec::len);
        assert_eq!(reopened, opened, "{}: {extract}", work.display());
        let now = before(&work, "batches", 6);
        let differing: Vec<&String> = kept.keys().filter(|name| kept.get(*name) != now.get(*name)).collect();
        assert!(differing.is_empty(), "{}: {differing:?}", work.display());
        assert!(scene.audit(&work).contains("1,702 read = 1,702 stored + 0 quarantined"));
    }
}

#[test]
fn labels_do_not_arrive_while_another_run_serves() {
    let scene = Scene::new("event = \"week\"", "");
    let work = scene.work("work");
    scene.write(rows_without(1, 900, 700));
    let arguments = scene.arguments(&work);
    let serving = arguments.iter().map(String::as_str).filter(|argument| *argument != "--once").collect::<Vec<_>>();
    let mut serving = Running::start(&serving);
    serving.wait_for("serving until Ctrl-C");
    // No new row, so no window is opened again. The other run may still compute losses without the labels.
    scene.write(rows(1, 900));
    let (code, stderr) = scene.outcome(&work);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("another `windrow run` still uses"), "{stderr}");
    assert!(!work.join("growth.json").exists() && !work.join("batches/window-00004.labels.json").exists());
    serving.kill();
    scene.run(&work);
    assert!(work.join("batches/window-00004.labels.json").exists());
    assert!(scene.audit(&work).contains("900 read = 900 stored"));
}

#[test]
fn a_preparation_that_fails_is_finished_by_the_next_start() {
    let (scene, before, whole) = grown_scene();
    let obstacles = ["losses", "advice/losses", "advice/models", "windows"];
    for folder in obstacles {
        let work = scene.work(&format!("work-{}", folder.replace('/', "-")));
        copy_folder(&before, &work);
        // A folder cannot be removed as a file, so the preparation ends in the middle.
        let path = work.join(folder).join("window-00007.json");
        if path.exists() {
            fs::remove_file(&path).expect("a file to remove");
        }
        fs::create_dir_all(&path).expect("a folder");
        let (code, stderr) = scene.outcome(&work);
        assert_eq!(code, Some(1), "{folder}: {stderr}");
        assert!(work.join("growth.json").exists(), "{folder}");
        let workdir = work.display().to_string();
        for command in ["advise", "audit", "train"] {
            let refused = windrow(&[command, &scene.file, "--workdir", &workdir]);
            assert!(text(&refused.stderr).contains("that was interrupted: start"), "{}", text(&refused.stderr));
        }
        fs::remove_dir(&path).expect("a folder to remove");
        assert_finished(&scene, &work, &whole, folder);
    }
}

#[test]
fn a_preparation_that_is_killed_between_two_steps_is_finished() {
    let (scene, before, whole) = grown_scene();
    // The file with all that is to be done, from a preparation that fails.
    let failed = scene.work("failed");
    copy_folder(&before, &failed);
    fs::remove_file(failed.join("windows/window-00007.json")).expect("a file to remove");
    fs::create_dir(failed.join("windows/window-00007.json")).expect("a folder");
    assert_eq!(scene.outcome(&failed).0, Some(1));
    let intent = fs::read(failed.join("growth.json")).expect("a file");
    type Step = fn(&Path);
    let steps: [(&str, Step); 4] = [
        ("the log", |work| fs::remove_dir_all(work.join("broker")).expect("a folder to remove")),
        ("the end", |work| fs::remove_file(work.join("batches/end.json")).expect("a file to remove")),
        ("a manifest", |work| fs::remove_file(work.join("batches/window-00007.json")).expect("a file to remove")),
        ("run.json", |work| {
            let mut run = json(&work.join("run.json"));
            let extract = json(&work.join("growth.json"))["extract"].clone();
            run["extracts"].as_array_mut().expect("a list").push(extract);
            fs::write(work.join("run.json"), run.to_string()).expect("a file");
        }),
    ];
    for done in 0..=steps.len() {
        let work = scene.work(&format!("work-{done}"));
        copy_folder(&before, &work);
        fs::write(work.join("growth.json"), &intent).expect("a file");
        steps[..done].iter().for_each(|(_, step)| step(&work));
        let what = steps[..done].last().map_or("nothing", |(what, _)| *what);
        assert_finished(&scene, &work, &whole, what);
    }
}

#[test]
fn a_run_that_is_killed_while_it_goes_on_is_finished() {
    let scene =
        Scene::new("event = \"week\"", "stream = { partitions = 2, pace = { kind = \"fixed\", delay = \"2ms\" } }");
    let [work, whole] = ["work", "whole"].map(|name| scene.work(name));
    scene.write(rows(1, 900));
    scene.run(&work);
    scene.write(rows(1, 1700));
    for moment in ["the dataset is a newer extract", "broker: embedded", "window 5 (", "cumulative-6"] {
        let arguments = scene.arguments(&work);
        let mut running = Running::start(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        running.wait_for(moment);
        running.kill();
    }
    scene.run(&work);
    scene.run(&whole);
    assert_same_answer(&work, &whole);
    assert!(scene.audit(&work).contains("1,700 read = 1,700 stored"));
}

#[test]
fn a_run_that_never_ended_goes_on_with_a_newer_extract() {
    let scene = Scene::new("rows = 200", "stream = { pace = { kind = \"fixed\", delay = \"1ms\" } }");
    let [work, whole] = ["work", "whole"].map(|name| scene.work(name));
    scene.write(rows(1, 1300));
    let arguments = scene.arguments(&work);
    let mut running = Running::start(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    running.wait_for("window 3 (");
    running.kill();
    scene.write(rows(101, 1700));
    scene.run(&work);
    scene.write(rows(1, 1700));
    run_once(&scene.file, &whole, &[]);
    assert_same_answer(&work, &whole);
}
