//! The documents: links and paths lead somewhere, settings are accepted, and the first pages stay short. The commands of
//! the documents are tested in `src/cli/args/tests.rs`, those of docs/http-api.md in `it::examples`.

use std::fs;
use std::path::{Path, PathBuf};

use windrow_testing::{root, sample_with, succeed};

/// Folders of the repository, as the documents name their files.
const FOLDERS: [&str; 9] =
    ["crates/", "src/", "tests/", "docs/", "tools/", "benches/", "fixtures/", "openapi/", "fuzz/"];

/// The Markdown files at the root, in docs and in crates, with their text.
fn documents() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("docs"), root().join("benches"), root().join("fixtures"), root().join("crates")];
    let mut entries: Vec<PathBuf> = files_of(root());
    while let Some(folder) = folders.pop() {
        let (inner, files): (Vec<_>, Vec<_>) = files_of(&folder).into_iter().partition(|path| path.is_dir());
        folders.extend(inner);
        entries.extend(files);
    }
    for path in entries.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        found.push((path, text));
    }
    assert!(found.len() > 10, "{} documents", found.len());
    found
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a readable folder").path()).collect()
}

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
        for block in text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            let sample = fs::read_to_string(sample_with(folder.path(), "parts = 3", "")).expect("a pipeline file");
            let whole = block.contains("[dataset]");
            let pipeline = if whole { block.to_owned() } else { format!("{sample}\n{block}") };
            let data = root().join("fixtures/flights-sample.csv.zst").display().to_string();
            let file = folder.path().join("example.toml");
            fs::write(&file, pipeline.replace("flights.csv.zst", &data)).expect("a file");
            succeed(&["check", &file.display().to_string()]);
            accepted += 1;
        }
    }
    assert!(accepted > 5, "{accepted} examples");
}
