//! The rules of the code, held by reading it: who may import whom, how long a file may be, what fixtures are for.
//!
//! The table is ARCHITECTURE.md's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const LONGEST_FILE: usize = 500;
const LONGEST_MAIN: usize = 40;

/// Each module and what it may import from this crate, beside itself.
const MAY_IMPORT: [(&str, &[&str]); 30] = [
    ("record", &[]),
    ("embedded", &[]),
    ("telemetry", &[]),
    ("runtime", &[]),
    ("files", &[]),
    ("config", &["record"]),
    ("columnar", &["record"]),
    ("dataset", LAYER_0),
    ("evaluation", &["record"]),
    ("plot", &["record", "evaluation"]),
    ("model", &["record", "config", "evaluation"]),
    ("broker", &["record", "config", "telemetry", "runtime", "embedded"]),
    ("batch", LAYER_0),
    ("frames", &["record", "config", "batch", "model"]),
    ("spark", &["record", "config", "batch", "model"]),
    ("inspection", &["record", "config", "runtime", "dataset"]),
    ("registry", &["record", "config", "telemetry", "files", "evaluation", "model"]),
    ("monitor", &["record", "telemetry", "runtime", "files", "batch", "registry"]),
    ("producer", LAYERS_0_TO_2),
    ("consumer", LAYERS_0_TO_2),
    ("trainer", LAYERS_0_TO_2),
    ("advisor", LAYERS_0_TO_2),
    ("api", LAYERS_0_TO_2),
    ("dashboard", LAYERS_0_TO_2),
    ("report", LAYERS_0_TO_2),
    ("export", LAYERS_0_TO_2),
    ("audit", LAYERS_0_TO_2),
    ("app", LAYERS_0_TO_3),
    // Of the parts below, cli reads the public results it prints: broker addresses, documents, models.
    (
        "cli",
        &[
            "app",
            "config",
            "telemetry",
            "evaluation",
            "inspection",
            "api",
            "audit",
            "broker",
            "model",
            "record",
            "registry",
        ],
    ),
    ("main", &["cli"]),
];
const LAYER_0: &[&str] = &["record", "config", "columnar", "telemetry", "runtime", "files"];
const LAYERS_0_TO_2: &[&str] = &[
    "record",
    "config",
    "columnar",
    "telemetry",
    "runtime",
    "files",
    "evaluation",
    "plot",
    "dataset",
    "model",
    "broker",
    "batch",
    "frames",
    "inspection",
    "registry",
    "monitor",
];
const LAYERS_0_TO_3: &[&str] = &[
    "record",
    "config",
    "columnar",
    "telemetry",
    "runtime",
    "files",
    "evaluation",
    "plot",
    "dataset",
    "model",
    "broker",
    "batch",
    "frames",
    "inspection",
    "registry",
    "monitor",
    "spark",
    "producer",
    "consumer",
    "trainer",
    "advisor",
    "api",
    "dashboard",
    "report",
    "export",
    "audit",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

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

/// The code of a file without its comments and without its tests.
fn code(path: &Path) -> String {
    if path.file_name().is_some_and(|name| name == "tests.rs") {
        return String::new();
    }
    let text = read(path);
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn module(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).expect("a file in src");
    let first = inside.components().next().expect("a file name").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// The modules that a text names as `crate::name` or as `crate::{name, name::...}`.
fn imports(code: &str) -> BTreeSet<String> {
    let name =
        |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = BTreeSet::new();
    for rest in code.split("crate::").skip(1).chain(code.split("windrow::").skip(1)) {
        let Some(group) = rest.strip_prefix('{') else {
            names.insert(name(rest));
            continue;
        };
        let (mut depth, mut start) = (0, 0);
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                ',' | '}' if depth == 0 => {
                    names.insert(name(&group[start..at]));
                    start = at + 1;
                    if c == '}' {
                        break;
                    }
                }
                '}' => depth -= 1,
                _ => {}
            }
        }
    }
    names.remove("");
    names
}

#[test]
fn modules_import_downwards_only() {
    let mut faults = Vec::new();
    for path in rust_files("src") {
        let me = module(&path);
        if me == "lib" {
            continue;
        }
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == me) else {
            faults.push(format!("{}: `{me}` is not in the table", path.display()));
            continue;
        };
        for name in imports(&code(&path)) {
            if name != me && !allowed.contains(&name.as_str()) {
                faults.push(format!("{}: {me} may not import {name}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A file of src as its `crate::` path without the crate.
fn module_path(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).expect("a file in src").with_extension("");
    inside.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect::<Vec<_>>().join("::")
}

/// The longest modules of `files` that `crate::` paths of a text lead to.
fn imported_files(code: &str, files: &BTreeSet<String>) -> BTreeSet<String> {
    let is_path = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == ':';
    let paths = code.split("crate::").skip(1).map(|rest| rest.split(|c| !is_path(c)).next().unwrap_or_default());
    let file = |path: &str| {
        let parts: Vec<&str> = path.split("::").collect();
        (1..=parts.len()).rev().map(|length| parts[..length].join("::")).find(|module| files.contains(module))
    };
    paths.filter_map(file).collect()
}

#[test]
fn no_files_of_a_module_import_each_other_in_a_circle() {
    let paths = rust_files("src");
    let files: BTreeSet<String> = paths.iter().map(|path| module_path(path)).collect();
    // A module's own file hands out what the files below it hold: what matters are these.
    let inner = |me: &String, other: &String| {
        other != me && other.contains("::") && other.split("::").next() == me.split("::").next()
    };
    let imports: BTreeMap<String, BTreeSet<String>> = paths
        .iter()
        .map(|path| (module_path(path), imported_files(&code(path), &files)))
        .filter(|(me, _)| me.contains("::"))
        .map(|(me, others)| (me.clone(), others.into_iter().filter(|other| inner(&me, other)).collect()))
        .collect();
    let circles: Vec<&String> = imports
        .keys()
        .filter(|start| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![*start]);
            while let Some(file) = next.pop() {
                next.extend(imports.get(file).into_iter().flatten().filter(|other| seen.insert(*other)));
            }
            seen.contains(start)
        })
        .collect();
    assert!(circles.is_empty(), "these import each other in circles: {circles:?}");
    let code = "use crate::api::{A, schema::B};\nuse crate::api::schema::json::Seed;\nlet x = crate::api::error::f();";
    let known = ["api", "api::schema", "api::schema::json", "api::error"].map(str::to_owned).into_iter().collect();
    let found: Vec<String> = imported_files(code, &known).into_iter().collect();
    assert_eq!(found, ["api", "api::error", "api::schema::json"]);
}

#[test]
fn the_import_reader_sees_every_form() {
    let code =
        "use crate::batch::{A, B};\nuse crate::{config::{C, D}, model, record::{self}};\nlet x = crate::api::run();";
    let names: Vec<String> = imports(code).into_iter().collect();
    assert_eq!(names, ["api", "batch", "config", "model", "record"]);
}

#[test]
fn paths_are_written_from_the_crate_down() {
    for path in rust_files("src") {
        assert!(!code(&path).contains("super::"), "{}: write crate::... for super::", path.display());
        assert!(path.file_name().is_some_and(|name| name != "mod.rs"), "{}: foo.rs beside foo/", path.display());
        let name = module(&path);
        assert!(!["utils", "util", "common", "helpers"].contains(&name.as_str()), "{name} says nothing");
    }
}

#[test]
fn only_the_broker_knows_its_libraries() {
    for path in rust_files("src").iter().filter(|path| module(path) != "broker") {
        let code = code(path);
        for library in ["rdkafka", "bollard"] {
            assert!(!code.contains(&format!("{library}::")), "{} uses {library}", path.display());
        }
    }
}

#[test]
fn files_stay_short_enough_to_be_read() {
    for path in
        ["src", "tests", "benches"].iter().filter(|folder| root().join(folder).exists()).flat_map(|f| rust_files(f))
    {
        let lines = read(&path).lines().count();
        assert!(lines <= LONGEST_FILE, "{} has {lines} lines: split it along what it does", path.display());
    }
    let lines = read(&root().join("src/main.rs")).lines().count();
    assert!(lines <= LONGEST_MAIN, "main.rs has {lines} lines");
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
    // The demo writes these files beside a dataset of this name; a path in them that leaves the folder would break them.
    for name in ["flights", "taxi"] {
        let pipeline = read(&root().join(format!("fixtures/{name}.toml")));
        assert!(pipeline.contains(&format!("path = \"{name}.csv.zst\"")), "{name}");
    }
}
