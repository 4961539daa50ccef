//! The documents: links and paths lead somewhere, settings are accepted, the first pages stay short, and every block of
//! commands is run. `src/cli/args/tests.rs` tests the commands in sentences and tables.

use std::collections::BTreeMap;
use std::fs;

use windrow_testing::documents::{blocks, documents};
use windrow_testing::{root, sample_with, succeed};

/// Folders of the repository, as the documents name their files.
const FOLDERS: [&str; 10] =
    ["crates/", "src/", "tests/", "docs/", "tools/", "benches/", "fixtures/", "openapi/", "fuzz/", "python/"];

/// A document, the first words of one of its code blocks, and what runs the block or why nothing does.
type Entry = (&'static str, &'static str, &'static str);

/// The blocks that a test takes from the document and runs.
const RUN_BY_TESTS: &[Entry] = &[
    ("README.md", "windrow init sales.csv", "it::commands::a_data_file_of_your_own_is_described_checked_and_run"),
    ("docs/advice.md", "import json, math", "it::advice::every_figure_follows_from_the_stored_losses"),
    ("docs/brokers.md", "windrow broker --data DIR", "it::commands::the_broker_starts_in_every_documented_way"),
    ("docs/brokers.md", "from confluent_kafka", "external::foreign::csv_lines_of_confluent_kafka_become_windows"),
    ("docs/concepts.md", "windrow run fixtures/taxi.toml", "it::commands::the_answer_is_printed_reported_and_exported"),
    (
        "docs/concepts.md",
        "windrow init sales.csv",
        "it::commands::a_data_file_of_your_own_is_described_checked_and_run",
    ),
    ("docs/concepts.md", "windrow export my.toml", "it::commands::the_answer_is_printed_reported_and_exported"),
    ("docs/deployment.md", "windrow broker", "it::commands::the_stages_run_as_processes"),
    ("docs/deployment.md", "WINDROW_KAFKA_SASL_", "external::secured::all_stages_work_with_tls_and_logins"),
    ("docs/deployment.md", "AWS_ACCESS_KEY_ID=", "external::objects::the_documented_command_fills_a_store"),
    ("docs/deployment.md", "windrow train my.toml", "external::spark::models_by_spark_are_those_by_newton"),
    (
        "docs/deployment.md",
        "docker compose up",
        "external::image::compose::five_services_do_the_work_and_a_killed_one_resumes",
    ),
    (
        "docs/deployment.md",
        "docker compose up",
        "external::image::the_image_runs_the_demo_without_rights_and_reports_its_health",
    ),
    ("docs/guarantees.md", "windrow audit PIPELINE", "it::commands::an_audit_counts_the_files_and_the_topic"),
    ("docs/http-api.md", "curl http://127.0.0.1:8080", "it::examples::the_examples_of_the_http_api_get_answers"),
    ("docs/http-api.md", "import json", "it::examples::the_examples_of_the_http_api_get_answers"),
    ("docs/http-api.md", "curl --data-binary", "it::examples::the_examples_of_the_http_api_get_answers"),
    ("docs/http-api.md", "curl -X PUT", "it::examples::the_examples_of_the_http_api_get_answers"),
    ("docs/http-api.md", "curl -H 'authorization", "it::examples::the_examples_of_the_http_api_get_answers"),
    ("docs/lessons.md", "mkdir -p lessons/1", "it::lessons::lesson_1_a_consumer_is_killed"),
    ("docs/lessons.md", "mkdir -p lessons/2", "it::lessons::lesson_2_a_row_comes_late"),
    ("docs/lessons.md", "mkdir -p lessons/3", "it::lessons::lesson_3_a_third_member_joins"),
    ("docs/lessons.md", "mkdir -p lessons/4", "timing::clock::lesson_4_the_same_year_at_two_speeds"),
    ("docs/lessons.md", "mkdir -p lessons/5", "it::lessons::lesson_5_a_poisoned_row"),
    ("docs/lessons.md", "mkdir -p lessons/8", "it::lessons::lesson_8_the_second_monday"),
    ("docs/own-model.md", "windrow judge predictions.csv", "it::judge::predictions_are_judged_as_documented"),
    ("docs/own-model.md", "windrow judge log.csv", "it::judge::predictions_are_judged_as_documented"),
    ("docs/own-model.md", "import pandas", "it::judge::the_table_of_an_estimator_is_judged"),
    ("docs/pipeline-file.md", "windrow schema", "it::commands::the_schema_of_the_pipeline_file_is_written"),
    ("fixtures/README.md", "zstd -dc flights.csv.zst", "it::commands::the_sample_is_made_of_the_flights"),
];

/// The blocks whose commands `.ci/run` has, with a line of it. Most of them start Cargo, which compiles for minutes.
const RUN_BY_CI: &[Entry] = &[
    ("CONTRIBUTING.md", "cargo test --features", "cargo test --locked --features otel,redpanda,spark,tls"),
    ("README.md", "cargo run --release -- demo", "cargo run --locked --release -- demo --once"),
    ("docs/lessons.md", "mkdir -p lessons/6", "bash -euo pipefail lesson-6"),
    ("docs/lessons.md", "mkdir -p lessons/7", "bash -euo pipefail lesson-7"),
    // `tests/python/test_documents.py` takes this block from the document.
    ("docs/own-model.md", "import windrow", "user/bin/python -m pytest"),
    // `tests/python/test_transcript.py` takes this one.
    ("docs/own-model.md", "from lightgbm import", "user/bin/python -m pytest"),
];

/// The blocks of commands that are not run, with the reason.
const NOT_RUN: &[Entry] = &[
    (
        "CONTRIBUTING.md",
        "cargo check",
        "its commands are parts of what .ci/run does: lints, tests and the demo; run by themselves, they would build all again",
    ),
    (
        "README.md",
        "ask a model:",
        "it is output of the demo, with a shortened row; `it::run` pastes the whole command into a shell",
    ),
];

/// The number of other indented blocks in each document: pictures, output and data.
const PICTURES: &[(&str, usize)] = &[
    ("ARCHITECTURE.md", 2),
    ("README.md", 1),
    ("docs/advice.md", 1),
    ("docs/concepts.md", 8),
    ("docs/http-api.md", 1),
    ("docs/own-model.md", 2),
];

/// The targets of the Markdown links and images in a text.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

/// The files of the repository that a text names in backticks.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let is_path = |name: &&str| {
        FOLDERS.iter().any(|folder| name.starts_with(folder))
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_./-".contains(letter))
    };
    text.split('`').skip(1).step_by(2).filter(is_path)
}

/// The anchors of a document's headings: lower case, without punctuation, with hyphens for spaces.
fn anchors(text: &str) -> Vec<String> {
    let heading = |line: &str| line.starts_with('#').then(|| line.trim_start_matches('#').trim().to_lowercase());
    let anchor = |heading: String| {
        let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
        kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
    };
    text.lines().filter_map(heading).map(anchor).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_section() {
    let documents = documents();
    let mut sections = 0;
    for (path, text) in &documents {
        let folder = path.parent().expect("a folder");
        for target in links(text).filter(|target| !target.contains("://")) {
            let (file, section) = target.split_once('#').unwrap_or((target, ""));
            let linked = if file.is_empty() { path.clone() } else { folder.join(file) };
            assert!(linked.exists(), "{}: there is no {target}", path.display());
            if !section.is_empty() {
                let linked = fs::read_to_string(linked).expect("a document");
                assert!(anchors(&linked).iter().any(|anchor| anchor == section), "{}: {target}", path.display());
                sections += 1;
            }
        }
    }
    assert!(sections > 20, "{sections} links to sections");
}

#[test]
fn every_path_that_a_document_names_exists() {
    let mut named = 0;
    for (path, text) in documents() {
        for name in paths(&text) {
            assert!(root().join(name).exists(), "{}: there is no {name}", path.display());
            named += 1;
        }
    }
    assert!(named > 50, "{named} paths");
}

#[test]
fn the_first_pages_stay_short() {
    for (name, most) in [("README.md", 150), ("ARCHITECTURE.md", 200)] {
        let lines = fs::read_to_string(root().join(name)).expect("a document").lines().count();
        assert!(lines <= most, "{name} has {lines} lines");
    }
}

/// Every block of settings in the documents, as a whole pipeline file or after the sample's own tables, passes the check.
#[test]
fn every_example_of_settings_is_accepted() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut accepted = 0;
    for (_, text) in documents() {
        for block in blocks(&text).into_iter().filter(|block| block.language == "toml").map(|block| block.text) {
            let sample = fs::read_to_string(sample_with(folder.path(), "parts = 3", "")).expect("a pipeline file");
            let whole = block.contains("[dataset]");
            let pipeline = if whole { block } else { format!("{sample}\n{block}") };
            let data = root().join("fixtures/flights-sample.csv.zst").display().to_string();
            let file = folder.path().join("example.toml");
            fs::write(&file, pipeline.replace("flights.csv.zst", &data)).expect("a file");
            succeed(&["check", &file.display().to_string()]);
            accepted += 1;
        }
    }
    assert!(accepted > 5, "{accepted} examples");
}

/// Every code block is run, is a block of settings, or is listed above. A block that nothing runs fails this test.
#[test]
fn every_block_of_commands_is_run() {
    let entries = [RUN_BY_TESTS, RUN_BY_CI, NOT_RUN].concat();
    let mut found = vec![0; entries.len()];
    let mut others: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, text) in documents() {
        let document = path.strip_prefix(root()).expect("a path below the root").display().to_string();
        for block in blocks(&text).into_iter().filter(|block| block.language != "toml") {
            let mut is_listed = false;
            for ((name, begins, _), found) in entries.iter().zip(&mut found) {
                if *name == document && block.text.starts_with(begins) {
                    *found += 1;
                    is_listed = true;
                }
            }
            let line = format!("line {}: {}", block.line, block.text.lines().next().unwrap_or_default());
            assert!(is_listed || block.language.is_empty(), "nothing runs the block of {document}, {line}");
            if !is_listed {
                others.entry(document.clone()).or_default().push(line);
            }
        }
    }
    for ((document, begins, _), found) in entries.iter().zip(found) {
        assert_eq!(found, 1, "{document}: the number of blocks that begin with `{begins}`");
    }
    let counts: Vec<(&str, usize)> =
        others.iter().map(|(document, places)| (document.as_str(), places.len())).collect();
    assert_eq!(counts, PICTURES, "run and list a new block of commands, or count a new picture: {others:#?}");
}

#[test]
fn what_runs_the_blocks_exists() {
    for (document, begins, test) in RUN_BY_TESTS {
        let (module, name) = test.rsplit_once("::").expect("the path of a test");
        let file = root().join("tests").join(module.replace("::", "/")).with_extension("rs");
        let source = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let is_there = source.contains(&format!("fn {name}() {{")) && source.contains(document);
        assert!(is_there, "{document}, `{begins}`: {test} does not run it");
    }
    let script = fs::read_to_string(root().join(".ci/run")).expect("a script");
    for (document, begins, line) in RUN_BY_CI {
        assert!(script.contains(line), "{document}, `{begins}`: .ci/run does not have {line}");
    }
}
