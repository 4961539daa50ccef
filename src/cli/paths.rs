//! Sentences for paths that lead nowhere: a file that does not exist, a directory where a file is needed, and the reverse.
//!
//! The crates that open files report the path and the error of the operating system. This module adds what they do not
//! know: the names that are next to the path.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::app::AppError;
use crate::cli::error::{CliError, Result};
use windrow_config::{ConfigError, nearest_name};
use windrow_dataset::DatasetError;
use windrow_dataset::inspection::InspectionError;
use windrow_judge::JudgeError;

/// The maximum number of names in a folder that are read. Reading more would delay the error.
const MAX_NAMES: usize = 10_000;
/// The ending of pipeline files.
const PIPELINE_ENDING: &str = ".toml";
/// Texts in the names of data files.
const DATA_ENDINGS: [&str; 10] =
    [".csv", ".tsv", ".txt", ".parquet", ".jsonl", ".ndjson", ".json", ".gz", ".zst", ".zip"];

/// The file that a command reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InputFile {
    Pipeline,
    /// A data file that the command line names.
    Data,
    /// The data file that the pipeline file names.
    Dataset,
}

/// Returns the sentence for an error of opening a file, or `None` if the error is another one.
pub(crate) fn sentence(error: &CliError) -> Option<String> {
    let (file, path, source) = unopened(error)?;
    match source.kind() {
        ErrorKind::NotFound => Some(file.missing(path)),
        ErrorKind::IsADirectory => Some(file.directory(path)),
        _ => None,
    }
}

fn unopened(error: &CliError) -> Option<(InputFile, &Path, &io::Error)> {
    match error {
        CliError::App(AppError::Config(error)) => of_config(error),
        CliError::App(AppError::Dataset(error)) => of_dataset(error),
        CliError::Inspection(error) | CliError::App(AppError::Inspection(error)) => match error {
            InspectionError::Open { path, source } => Some((InputFile::Data, path.as_path(), source)),
            InspectionError::Config(error) => of_config(error),
            InspectionError::Dataset(error) => of_dataset(error),
            _ => None,
        },
        CliError::Judge(JudgeError::Open { path, source }) => Some((InputFile::Data, path.as_path(), source)),
        _ => None,
    }
}

fn of_config(error: &ConfigError) -> Option<(InputFile, &Path, &io::Error)> {
    match error {
        ConfigError::Read { path, source } => Some((InputFile::Pipeline, path.as_path(), source)),
        ConfigError::Data { .. } | ConfigError::Invalid { .. } => None,
    }
}

fn of_dataset(error: &DatasetError) -> Option<(InputFile, &Path, &io::Error)> {
    match error {
        DatasetError::Open { path, source } => Some((InputFile::Dataset, path.as_path(), source)),
        _ => None,
    }
}

impl InputFile {
    fn name(self, path: &Path) -> String {
        match self {
            Self::Pipeline => format!("the pipeline file {}", path.display()),
            Self::Data => format!("the data file {}", path.display()),
            Self::Dataset => format!("the dataset {} (dataset.path in the pipeline file)", path.display()),
        }
    }

    fn missing(self, path: &Path) -> String {
        let name = self.name(path);
        let absent = first_absent(path);
        let folder = absent.filter(|absent| *absent != path);
        let because = folder.map_or_else(String::new, |folder| format!(": there is no folder {}", folder.display()));
        let advice = match absent.and_then(|absent| self.nearest(absent, folder.is_some())) {
            Some(nearest) => format!("; did you mean {}?", nearest.display()),
            None if self == Self::Pipeline => "; `windrow init DATA` writes one".to_owned(),
            None => String::new(),
        };
        format!("{name} does not exist{because}{advice}")
    }

    fn directory(self, path: &Path) -> String {
        let name = self.name(path);
        let mut files: Vec<String> = names(path, false).into_iter().filter(|name| self.is_likely(name)).collect();
        files.sort();
        let example = files.first().map(|file| format!(", as in {}", path.join(file).display()));
        format!("{name} is a directory; give the path of a file{}", example.unwrap_or_default())
    }

    /// Returns the path next to `absent` whose name is most similar. Files of the other kind are suggested only if none
    /// of this kind is similar.
    fn nearest(self, absent: &Path, is_folder: bool) -> Option<PathBuf> {
        let given = absent.file_name()?.to_str()?;
        let stem = |name: &str| Path::new(name).file_stem().and_then(|stem| stem.to_str()).map(str::to_owned);
        let given_stem = stem(given)?;
        // Two names with the same ending are similar only if the rest is.
        let is_similar = |name: &String| {
            name != given && stem(name).is_some_and(|stem| nearest_name(&given_stem, [stem.as_str()]).is_some())
        };
        let similar: Vec<String> = names(parent(absent), is_folder).into_iter().filter(is_similar).collect();
        let likely = similar.iter().filter(|name| is_folder || self.is_likely(name)).map(String::as_str);
        let nearest = nearest_name(given, likely).or_else(|| nearest_name(given, similar.iter().map(String::as_str)));
        nearest.map(|name| absent.with_file_name(name))
    }

    fn is_likely(self, name: &str) -> bool {
        match self {
            Self::Pipeline => name.ends_with(PIPELINE_ENDING),
            Self::Data | Self::Dataset => DATA_ENDINGS.iter().any(|ending| name.contains(ending)),
        }
    }
}

/// Returns the first part of a path that does not exist: the path itself, or one of its folders.
fn first_absent(path: &Path) -> Option<&Path> {
    let parts = path.ancestors().filter(|part| !part.as_os_str().is_empty());
    parts.take_while(|part| !part.exists()).last()
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Returns the names of the folders in a folder, or those of its files.
fn names(folder: &Path, of_folders: bool) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().take(MAX_NAMES).flatten();
    let wanted = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir() == of_folders));
    let mut names: Vec<String> = wanted.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    // A folder lists its names in an order of its own.
    names.sort_unstable();
    names
}

/// Checks that an option which needs the path of a file does not name a directory.
pub(crate) fn check_file(path: &Path, option: &str) -> Result<()> {
    let problem = || format!("{option}: {} is a directory; give the path of a file", path.display());
    if path.is_dir() { Err(CliError::Usage(problem())) } else { Ok(()) }
}

/// Checks that an option which needs the path of a directory does not name a file.
pub(crate) fn check_directory(path: &Path, option: &str) -> Result<()> {
    let problem = || format!("{option}: {} is a file; give the path of a directory", path.display());
    if path.exists() && !path.is_dir() { Err(CliError::Usage(problem())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for file in files {
            fs::write(folder.path().join(file), "").expect("a file");
        }
        folder
    }

    #[test]
    fn the_nearest_name_of_the_right_kind_is_suggested() {
        let folder = folder(&["sales.csv", "sales.toml", "flights.csv.zst", "flights.toml", "notes.md"]);
        fs::create_dir(folder.path().join("data")).expect("a folder");
        for (file, given, expected) in [
            (InputFile::Data, "sales.cvs", "sales.csv"),
            (InputFile::Data, "Sales.CSV", "sales.csv"),
            (InputFile::Data, "flights", "flights.csv.zst"),
            (InputFile::Dataset, "flights.csv", "flights.csv.zst"),
            (InputFile::Pipeline, "fligths.toml", "flights.toml"),
            (InputFile::Pipeline, "sales", "sales.toml"),
            (InputFile::Pipeline, "note", "notes.md"),
            (InputFile::Data, "dta/sales.csv", "data"),
        ] {
            let sentence = file.missing(&folder.path().join(given));
            let nearest = folder.path().join(expected);
            assert!(sentence.ends_with(&format!("; did you mean {}?", nearest.display())), "{given}: {sentence}");
        }
        // All of these end in `.csv`, which says nothing.
        for given in ["none.csv", "orders.csv", "x", "/none/at/all.csv", "..", ""] {
            let sentence = InputFile::Data.missing(&folder.path().join(given));
            assert!(!sentence.contains("did you mean"), "{given}: {sentence}");
        }
        let sentence = InputFile::Data.missing(&folder.path().join("dta/sales.csv"));
        assert!(sentence.contains("does not exist: there is no folder "), "{sentence}");
        let sentence = InputFile::Pipeline.missing(&folder.path().join(format!("{}.toml", "x".repeat(100_000))));
        assert!(sentence.ends_with("does not exist; `windrow init DATA` writes one"));
    }

    #[test]
    fn a_directory_is_reported_with_a_file_in_it() {
        let folder = folder(&["b.toml", "a.toml", "d.parquet", "notes.md"]);
        for (file, example) in [(InputFile::Pipeline, "a.toml"), (InputFile::Data, "d.parquet")] {
            let sentence = file.directory(folder.path());
            let expected =
                format!("is a directory; give the path of a file, as in {}", folder.path().join(example).display());
            assert!(sentence.ends_with(&expected), "{sentence}");
        }
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).expect("a folder");
        assert!(InputFile::Dataset.directory(&inner).ends_with("is a directory; give the path of a file"));
        assert!(check_file(&inner, "--out").is_err() && check_file(&folder.path().join("a.toml"), "--out").is_ok());
        assert!(check_directory(&folder.path().join("a.toml"), "--workdir").is_err());
        assert!(
            check_directory(&inner, "--workdir").is_ok() && check_directory(&inner.join("new"), "--workdir").is_ok()
        );
    }
}
