//! A last row far ahead: it is in quarantine until a newer extract confirms it.

use super::stages::stage;
use super::{Scene, assert_same_answer, row, rows};
use windrow_testing::{broker_with_topic, json, succeed};

/// A row more than 100 days after row 400.
const FAR: u64 = 3700;

fn scene(stream: &str) -> Scene {
    Scene::new("event = \"day\"", &format!("train = {{ schemes = [\"cumulative\"] }}\n{stream}"))
}

/// Rows 1 to 400, and the row far ahead, which has no label yet.
fn first_extract() -> String {
    format!("{}{}", rows(1, 400), row(FAR, false))
}

/// The same with the label, and the rows of the next days.
fn second_extract() -> String {
    let new: String = (FAR + 1..=FAR + 60).map(|number| row(number, true)).collect();
    format!("{}{}{new}", rows(1, 400), row(FAR, true))
}

#[test]
fn a_last_row_far_ahead_leaves_the_quarantine_if_the_next_extract_confirms_it() {
    let scene = scene("");
    let [grown, whole] = ["grown", "whole"].map(|name| scene.work(name));
    scene.write(first_extract());
    scene.run(&grown);
    let end = json(&grown.join("batches/end.json"));
    assert_eq!([&end["windows"], &end["rows"], &end["quarantined"]], [14, 400, 1]);
    let refused = std::fs::read_to_string(grown.join("quarantine/window-00014.jsonl")).expect("a file");
    assert!(refused.contains("no later row confirms it"), "{refused}");
    scene.write(second_extract());
    let stderr = scene.run(&grown);
    assert!(stderr.contains("window 14 is opened again"), "{stderr}");
    scene.run(&whole);
    assert_same_answer(&grown, &whole);
    assert!(scene.audit(&grown).contains("461 read = 461 stored + 0 quarantined"));
}

#[test]
fn its_label_counts_although_the_topic_lacks_it() {
    let scene = scene("stream = { partitions = 2 }");
    let (_broker, address) = broker_with_topic(&scene.file);
    let [work, whole] = ["work", "whole"].map(|name| scene.work(name));
    for dataset in [first_extract(), second_extract()] {
        scene.write(dataset);
        for command in ["produce", "consume", "train"] {
            stage(command, &scene, &address, &work);
        }
    }
    let labels = json(&work.join("batches/window-00129.labels.json"));
    let rows: Vec<_> = labels["labels"].as_array().expect("a list").iter().map(|label| label["row"].as_u64()).collect();
    assert_eq!(rows, [Some(401)]);
    let workdir = work.display().to_string();
    let audit = succeed(&["audit", &scene.file, "--workdir", &workdir, "--broker", &address]);
    assert!(audit.contains("461 read = 461 delivered = 461 stored + 0 quarantined"), "{audit}");
    scene.run(&whole);
    let [work, whole] = [work, whole].map(|workdir| json(&workdir.join("losses/window-00129.json")));
    for what in ["rows", "positives", "models"] {
        assert_eq!(work[what], whole[what], "{what}");
    }
}
