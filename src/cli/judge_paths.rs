//! The files that `windrow judge` reads: paths, folders, patterns that the shell did not expand, and lists of paths.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::args::JudgeArgs;
use crate::cli::error::CliError;

/// The endings of tables in a folder. A file with one of them may also be compressed.
const TABLE_ENDINGS: [&str; 5] = [".csv", ".tsv", ".parquet", ".jsonl", ".ndjson"];
const COMPRESSED_ENDINGS: [&str; 3] = [".gz", ".zst", ".zip"];
/// The maximum number of files. More are a mistake, such as the root of a disk.
const MAX_FILES: usize = 100_000;

/// Returns the files that the arguments name, in the order of the arguments; those of a folder or a pattern are in the order
/// of their names.
///
/// # Errors
/// A folder has no tables, a pattern matches no file, or a list of paths cannot be read.
pub(crate) fn files(args: &JudgeArgs) -> Result<Vec<PathBuf>, CliError> {
    let mut files = Vec::new();
    for path in &args.files {
        files.extend(expanded(path, args.models.as_deref())?);
    }
    if let Some(list) = &args.files_from {
        files.extend(listed(list)?);
    }
    if files.len() > MAX_FILES {
        return Err(CliError::Failed(format!("there are more than {MAX_FILES} files: give fewer, larger ones")));
    }
    Ok(files)
}

/// Returns the files of a path: those of a folder, those that match a pattern, or the path itself.
fn expanded(path: &Path, models: Option<&Path>) -> Result<Vec<PathBuf>, CliError> {
    if path.is_dir() {
        let tables = in_folder(path, models, is_table)?;
        return match tables.is_empty() {
            true => Err(CliError::Failed(format!(
                "the folder {} has no tables: no file in it ends with {}",
                path.display(),
                TABLE_ENDINGS.join(", ")
            ))),
            false => Ok(tables),
        };
    }
    let pattern = path.file_name().and_then(OsStr::to_str).filter(|name| name.contains(['*', '?']));
    let (Some(pattern), false) = (pattern, path.exists()) else { return Ok(vec![path.to_owned()]) };
    let folder = path.parent().unwrap_or(Path::new(""));
    let found = in_folder(folder, models, |name| matches(pattern, name))?;
    match found.is_empty() {
        true => Err(CliError::Failed(format!("no file matches {}", path.display()))),
        false => Ok(found),
    }
}

/// Returns the files of a folder with some names, in the order of the names. Hidden files and the file of models are left
/// out.
fn in_folder(folder: &Path, models: Option<&Path>, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, CliError> {
    let cannot = |error| CliError::Failed(format!("the folder {} cannot be read: {error}", folder.display()));
    let place = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let models = models.and_then(|models| models.canonicalize().ok());
    let mut files = Vec::new();
    for entry in fs::read_dir(place).map_err(cannot)? {
        let name = entry.map_err(cannot)?.file_name();
        let path = folder.join(&name);
        let is_named = name.to_str().is_some_and(|name| !name.starts_with('.') && is_wanted(name));
        let is_models = || models.is_some() && path.canonicalize().ok() == models;
        if is_named && path.is_file() && !is_models() {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn is_table(name: &str) -> bool {
    let plain = COMPRESSED_ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    TABLE_ENDINGS.iter().any(|ending| plain.ends_with(ending))
}

/// Returns the paths in a file, one per line.
fn listed(list: &Path) -> Result<Vec<PathBuf>, CliError> {
    let text = fs::read_to_string(list);
    let text =
        text.map_err(|error| CliError::Failed(format!("--files-from: cannot read {}: {error}", list.display())))?;
    let paths: Vec<PathBuf> = text.lines().filter(|line| !line.is_empty()).map(PathBuf::from).collect();
    if paths.is_empty() {
        let problem = "has no paths: write one path on each line";
        return Err(CliError::Failed(format!("--files-from: {} {problem}", list.display())));
    }
    Ok(paths)
}

/// Returns `true` if a name matches a pattern, in which `*` is any text and `?` one character.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut read) = (0, 0);
    // The place after the last `*`, and the number of characters up to where its text ends.
    let mut star: Option<(usize, usize)> = None;
    while read < name.len() {
        match (pattern.get(at), star) {
            (Some('*'), _) => {
                at += 1;
                star = Some((at, read));
            }
            (Some(letter), _) if *letter == '?' || *letter == name[read] => (at, read) = (at + 1, read + 1),
            (_, Some((after, end))) => {
                star = Some((after, end + 1));
                (at, read) = (after, end + 1);
            }
            (_, None) => return false,
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for name in names {
            fs::write(folder.path().join(name), "x").expect("a file");
        }
        folder
    }

    fn names(files: &[PathBuf]) -> Vec<&str> {
        files.iter().filter_map(|path| path.file_name()?.to_str()).collect()
    }

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name) in [("*.csv", "a.csv"), ("*", "a"), ("a*b*c", "a-b-b-c"), ("?.csv", "é.csv"), ("**", "")] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("*.csv", "a.csv.gz"), ("?.csv", "ab.csv"), ("a*b", "ac"), ("a", ""), ("?", "")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
        assert!(!matches(&"*a".repeat(2_000), &"b".repeat(5_000)), "the cost is bounded");
    }

    #[test]
    fn a_folder_has_its_tables_in_order() {
        let here = folder(&["b.csv", "a.parquet", "c.csv.zst", "notes.md", "study.json", ".part-1.csv", "models.csv"]);
        let models = here.path().join(".").join("models.csv");
        let found = expanded(here.path(), Some(&models)).expect("files");
        assert_eq!(names(&found), ["a.parquet", "b.csv", "c.csv.zst"]);
        let found = expanded(&here.path().join("*.csv"), None).expect("files");
        assert_eq!(names(&found), ["b.csv", "models.csv"]);
        // A path without a pattern is reported when it is opened.
        assert_eq!(expanded(&here.path().join("x.csv"), None).expect("a path"), [here.path().join("x.csv")]);
    }

    #[test]
    fn what_names_no_file_is_explained() {
        let here = folder(&["notes.md", "list"]);
        let error = expanded(here.path(), None).expect_err("no tables").to_string();
        assert!(
            error.ends_with("has no tables: no file in it ends with .csv, .tsv, .parquet, .jsonl, .ndjson"),
            "{error}"
        );
        let error = expanded(&here.path().join("x*.csv"), None).expect_err("no file").to_string();
        assert!(error.starts_with("no file matches ") && error.ends_with("x*.csv"), "{error}");
        let list = here.path().join("list");
        fs::write(&list, "a.csv\r\n\nb c.csv\n").expect("a list");
        assert_eq!(listed(&list).expect("paths"), [PathBuf::from("a.csv"), PathBuf::from("b c.csv")]);
        fs::write(&list, "\n").expect("a list");
        assert!(listed(&list).expect_err("no paths").to_string().ends_with("write one path on each line"));
        assert!(
            listed(&here.path().join("none")).expect_err("no list").to_string().starts_with("--files-from: cannot")
        );
    }
}
