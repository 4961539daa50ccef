//! The documents: links and paths lead somewhere, and the first pages stay short.

use std::fs;
use std::path::{Path, PathBuf};

use windrow_testing::root;

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

#[test]
fn every_link_leads_to_a_file() {
    for (path, text) in documents() {
        let folder = path.parent().expect("a folder");
        for target in links(&text).filter(|target| !target.contains("://") && !target.starts_with('#')) {
            let file = target.split('#').next().unwrap_or(target);
            assert!(folder.join(file).exists(), "{}: there is no {target}", path.display());
        }
    }
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
