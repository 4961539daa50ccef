//! Rules that neither the compiler nor the checker of imports enforces: the length of files, names, the documentation
//! of fixtures, and which tests run one at a time or are ignored.

use std::fs;
use std::path::{Path, PathBuf};

use windrow_testing::root;

const MAX_FILE_LINES: usize = 500;
const MAX_MAIN_LINES: usize = 40;

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.expect("a readable folder").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(!files.is_empty(), "no Rust files in {folder}");
    files
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn files_stay_short_enough_to_be_read() {
    for path in ["src", "crates", "tests", "benches"].into_iter().flat_map(rust_files) {
        let lines = read(&path).lines().count();
        assert!(lines <= MAX_FILE_LINES, "{} has {lines} lines: split it by topic", path.display());
    }
    let lines = read(&root().join("src/main.rs")).lines().count();
    assert!(lines <= MAX_MAIN_LINES, "main.rs has {lines} lines");
}

#[test]
fn files_have_descriptive_names() {
    for path in ["src", "crates"].into_iter().flat_map(rust_files) {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(!["utils", "util", "common", "helpers"].contains(&&*name), "{}", path.display());
    }
}

#[test]
fn paths_are_written_from_the_crate_down() {
    let is_test = |path: &PathBuf| {
        path.components().any(|part| ["tests", "tests.rs"].iter().any(|name| part.as_os_str() == *name))
    };
    let inside = |path: &PathBuf| !is_test(&path.strip_prefix(root()).expect("a file of the workspace").to_owned());
    for path in ["src", "crates"].into_iter().flat_map(rust_files).filter(inside) {
        let text = read(&path);
        let mut lines = text.lines().take_while(|line| !line.starts_with("mod tests {"));
        assert!(!lines.any(|line| line.contains("super::")), "{}: write crate::... instead", path.display());
    }
}

#[test]
fn every_fixture_is_named_in_its_readme() {
    let readme = read(&root().join("fixtures/README.md"));
    for entry in fs::read_dir(root().join("fixtures")).expect("fixtures") {
        let name = entry.expect("a readable folder").file_name().to_string_lossy().into_owned();
        assert!(
            name == "README.md" || readme.contains(&format!("`{name}`")),
            "fixtures/README.md does not name {name}"
        );
    }
}

#[test]
fn the_demo_carries_the_pipeline_of_the_fixtures() {
    // The demo writes these files next to a dataset of this name; a path to another folder would break them.
    for name in ["flights", "taxi"] {
        let pipeline = read(&root().join(format!("fixtures/{name}.toml")));
        assert!(pipeline.contains(&format!("path = \"{name}.csv.zst\"")), "{name}");
    }
}

/// Returns the tests of a folder: the text of each, from its attribute to that of the next test.
fn tests_in(folder: &str) -> Vec<String> {
    let files = rust_files(folder);
    let of = |path: &PathBuf| {
        read(path).replace("#[tokio::test", "#[test").split("\n#[test").skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    files.iter().flat_map(of).collect()
}

#[test]
fn timing_tests_run_exclusively() {
    let tests = tests_in("tests/timing");
    assert!(tests.len() > 50, "{}", tests.len());
    for test in tests.iter().filter(|test| !test.contains("fn attack()")) {
        assert!(
            test.contains("{\n    let _exclusive = exclusive();\n"),
            "it must begin with `let _exclusive = exclusive();`: {test}"
        );
    }
}

#[test]
fn tests_of_other_programs_run_only_if_asked_for() {
    let tests = tests_in("tests/external");
    assert!(tests.len() > 50, "{}", tests.len());
    for test in tests.iter().filter(|test| !test.contains("fn an_expired_certificate")) {
        assert!(test.contains("]\n#[ignore = \"needs "), "it needs `#[ignore = \"needs ...\"]`: {test}");
    }
}
