//! `batch.url`: batch files in a folder that several machines share. Object stores are in `tests/external/objects.rs`.

use std::fs;

use windrow_testing::{Running, free_port, sample_with, succeed};

#[test]
fn a_shared_folder_serves_as_a_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    // The consumers are members of a group, and the folder has a space in its name.
    let url = format!("file://{}", at("a share").display());
    let stream = format!("partitions = 4\ntopic = \"shared\"\n[batch]\nformat = \"parquet\"\nurl = \"{url}\"");
    let file = sample_with(folder.path(), "rows = 500", &stream);
    let address = format!("127.0.0.1:{}", free_port());
    let broker = Running::start(&["broker", "--listen", &address]);
    broker.wait_for(&address);
    succeed(&["topic", "create", &file, "--broker", &address]);
    let member = || {
        let workdir = at("group").display().to_string();
        Running::start(&["consume", &file, "--once", "--group", "g", "--broker", &address, "--workdir", &workdir])
    };
    let mut members = [member(), member()];
    succeed(&["produce", &file, "--broker", &address, "--workdir", &at("produced").display().to_string()]);
    for member in &mut members {
        assert!(member.end().success(), "{}", member.output());
    }
    let output = succeed(&["audit", &file, "--workdir", &at("elsewhere").display().to_string()]);
    assert!(output.contains("8,019 read = 8,019 stored"), "{output}");
    let names: Vec<String> = fs::read_dir(at("a share"))
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names.iter().filter(|name| name.ends_with(".parquet")).count(), 17, "{names:?}");
}
