//! A newer extract of a dataset whose replay is in a topic that outlives the stages.

use std::path::Path;

use super::interrupted::as_if_killed;
use super::{Scene, assert_same_answer, rows, rows_without};
use windrow_testing::{Running, broker_with_topic, copy_folder, json, succeed, text, windrow};

/// Runs a stage to its end; returns what it printed to standard error.
pub(super) fn stage(command: &str, scene: &Scene, address: &str, workdir: &Path) -> String {
    let workdir = workdir.display().to_string();
    let mut arguments = vec![command, &scene.file, "--workdir", &workdir];
    if command != "train" {
        arguments.extend(["--broker", address]);
    }
    if command != "produce" {
        arguments.push("--once");
    }
    let output = windrow(&arguments);
    let stderr = text(&output.stderr);
    assert!(output.status.success(), "{command}: {stderr}");
    stderr
}

#[test]
fn the_stages_go_on_in_any_order() {
    for is_producer_first in [true, false] {
        let scene = Scene::new("event = \"week\"", "stream = { partitions = 2 }");
        let (_broker, address) = broker_with_topic(&scene.file);
        let [work, elsewhere, whole] = ["work", "elsewhere", "whole"].map(|name| scene.work(name));
        scene.write(rows(1, 1300));
        for command in ["produce", "consume", "train"] {
            stage(command, &scene, &address, &work);
        }
        let name = json(&work.join("batches/window-00001.json"))["run"].clone();
        scene.write(rows(101, 1700));
        if is_producer_first {
            // This producer has no work directory of the run: it compares the dataset with the topic.
            let stderr = stage("produce", &scene, &address, &elsewhere);
            assert!(stderr.contains("400 rows sent"), "{stderr}");
            stage("consume", &scene, &address, &work);
        } else {
            let workdir = work.display().to_string();
            let consume = ["consume", &scene.file, "--broker", &address, "--workdir", &workdir, "--once"];
            let mut consume = Running::start(&consume);
            consume.wait_for("window 7 is opened again");
            stage("produce", &scene, &address, &work);
            assert!(consume.end().success(), "{}", consume.output());
        }
        stage("train", &scene, &address, &work);
        let again = stage("produce", &scene, &address, &work);
        assert!(again.contains("nothing is left to send"), "{again}");
        assert_eq!(json(&work.join("batches/window-00009.json"))["run"], name, "the replay keeps its name");
        let workdir = work.display().to_string();
        let audit = succeed(&["audit", &scene.file, "--workdir", &workdir, "--broker", &address]);
        assert!(audit.contains("1,700 read = 1,700 delivered = 1,700 stored + 0 quarantined"), "{audit}");
        scene.write(rows(1, 1700));
        scene.run(&whole);
        assert_same_answer(&work, &whole);
    }
}

#[test]
fn labels_count_in_windows_that_are_opened_again_although_the_topic_lacks_them() {
    let scene = Scene::new("event = \"week\"", "stream = { partitions = 2 }");
    let (_broker, address) = broker_with_topic(&scene.file);
    let [work, whole] = ["work", "whole"].map(|name| scene.work(name));
    // Window 7 is opened again twice. Its last rows were sent without a label.
    for dataset in [rows_without(1, 1300, 1250), rows(1, 1310), rows(1, 1700)] {
        scene.write(dataset);
        for command in ["produce", "consume", "train"] {
            stage(command, &scene, &address, &work);
        }
    }
    let labels = json(&work.join("batches/window-00007.labels.json"));
    assert_eq!(labels["labels"].as_array().map(Vec::len), Some(51), "{labels}");
    let workdir = work.display().to_string();
    let audit = succeed(&["audit", &scene.file, "--workdir", &workdir, "--broker", &address]);
    assert!(audit.contains("1,700 read = 1,700 delivered = 1,700 stored + 0 quarantined"), "{audit}");
    scene.run(&whole);
    for window in [7, 8] {
        let losses = |workdir: &Path| json(&workdir.join(format!("losses/window-{window:05}.json")));
        let [work, whole] = [losses(&work), losses(&whole)];
        for what in ["rows", "positives", "models"] {
            assert_eq!(work[what], whole[what], "window {window}: {what}");
        }
    }
}

/// The rows that no window accounts for have arrived without their labels. The consumer must not miss them.
#[test]
fn a_consumer_that_was_killed_reads_the_earlier_extract_to_its_end_first() {
    let scene = Scene::new("event = \"week\"", "stream = { partitions = 2 }");
    let (_broker, address) = broker_with_topic(&scene.file);
    let [ended, whole] = ["ended", "whole"].map(|name| scene.work(name));
    scene.write(rows_without(1, 1300, 1050));
    stage("produce", &scene, &address, &ended);
    stage("consume", &scene, &address, &ended);
    let killed = [0, 3, 7].map(|sealed| {
        let work = scene.work(&format!("killed-{sealed}"));
        copy_folder(&ended, &work);
        as_if_killed(&work, sealed);
        work
    });
    scene.write(rows(101, 1700));
    stage("produce", &scene, &address, &scene.work("elsewhere"));
    for work in &killed {
        let stderr = stage("consume", &scene, &address, work);
        assert!(stderr.contains("window 7 is opened again"), "{stderr}");
        let workdir = work.display().to_string();
        let audit = succeed(&["audit", &scene.file, "--workdir", &workdir, "--broker", &address]);
        assert!(audit.contains("1,700 read = 1,700 delivered = 1,700 stored + 0 quarantined"), "{audit}");
        assert!(audit.contains("every stored row from row 101 on is the same as in the dataset"), "{audit}");
    }
    let [work, ..] = killed;
    stage("train", &scene, &address, &work);
    scene.write(rows(1, 1700));
    scene.run(&whole);
    // No model had been made before, so all of them have learned from the labels.
    for window in [6, 7, 8] {
        let losses = |workdir: &Path| json(&workdir.join(format!("losses/window-{window:05}.json")));
        let [work, whole] = [losses(&work), losses(&whole)];
        for what in ["rows", "positives"] {
            assert_eq!(work[what], whole[what], "window {window}: {what}");
        }
    }
}

#[test]
fn an_extract_may_begin_within_an_open_window_whose_rows_the_topic_has() {
    let scene = Scene::new("event = \"week\"", "stream = { partitions = 2 }");
    let (_broker, address) = broker_with_topic(&scene.file);
    let [work, whole, run] = ["work", "whole", "run"].map(|name| scene.work(name));
    scene.write(rows(1, 1300));
    scene.run(&run);
    // Window 7 begins with row 1,210.
    for dataset in [rows(1, 1300), rows(1250, 1700)] {
        scene.write(dataset);
        for command in ["produce", "consume", "train"] {
            stage(command, &scene, &address, &work);
        }
    }
    let workdir = work.display().to_string();
    let audit = succeed(&["audit", &scene.file, "--workdir", &workdir, "--broker", &address]);
    assert!(audit.contains("1,700 read = 1,700 delivered = 1,700 stored + 0 quarantined"), "{audit}");
    // A broker that ends with its run does not have the rows any more.
    let (code, stderr) = scene.outcome(&run);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("begins with row 1,250, but row 1,210 must be sent again"), "{stderr}");
    scene.write(rows(1, 1700));
    scene.run(&whole);
    assert_same_answer(&work, &whole);
}

#[test]
fn a_dataset_that_does_not_go_on_after_the_topic_is_refused() {
    let scene = Scene::new("event = \"week\"", "stream = { partitions = 2 }");
    let (_broker, address) = broker_with_topic(&scene.file);
    let work = scene.work("work");
    scene.write(rows(1, 500));
    stage("produce", &scene, &address, &work);
    let workdir = scene.work("elsewhere").display().to_string();
    let changed = rows(1, 700).replacen("green", "pink", 1);
    for (dataset, expected) in [(changed, "colour was `green` and is `pink` now"), (rows(1, 300), "ends too early")] {
        scene.write(dataset);
        let refused = windrow(&["produce", &scene.file, "--broker", &address, "--workdir", &workdir]);
        let stderr = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("does not go on after it") && stderr.contains(expected), "{stderr}");
    }
    let described = succeed(&["topic", "describe", &scene.file, "--broker", &address]);
    assert!(described.contains("502 records"), "500 rows and two end markers: {described}");
}
