//! The work directories that are compared, with the content of their `run.json`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::app::diff::error::DiffError;
use crate::app::diff::pair::Pair;
use crate::app::error::{AppError, Result};
use crate::app::run_file::RunFile;
use windrow_config::BatchFormat;
use windrow_record::TimeFormat;
use windrow_windows::CellForm;

/// One of the directories.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) workdir: PathBuf,
    pub(super) run: RunFile,
}

impl Side {
    /// Returns the form of the cells in the batch files, by the resolved pipeline.
    pub(super) fn cell_form(&self) -> CellForm {
        let value = |path: &str| self.run.pipeline.pointer(path);
        let text = |path: &str| value(path).and_then(Value::as_str);
        let null = value("/dataset/null").and_then(Value::as_array).map(|texts| {
            let texts = texts.iter().filter_map(Value::as_str);
            texts.map(str::to_owned).collect()
        });
        CellForm {
            format: if text("/batch/format") == Some("parquet") { BatchFormat::Parquet } else { BatchFormat::Csv },
            delimiter: text("/dataset/delimiter").and_then(|text| text.bytes().next()).unwrap_or(b','),
            null: null.unwrap_or_default(),
            time: text("/dataset/time/format").and_then(|format| TimeFormat::new(format).ok()),
        }
    }

    /// Returns what the bytes of a Parquet file depend on, apart from its rows: the version of Windrow, and the
    /// settings from which the types of the columns follow.
    pub(super) fn layout(&self) -> Value {
        let table = |name: &str| self.run.pipeline.get(name).cloned().unwrap_or_default();
        let mut dataset = table("dataset");
        if let Some(keys) = dataset.as_object_mut() {
            keys.remove("path");
        }
        json!([self.run.windrow, dataset, table("features"), table("target")])
    }
}

/// Checks that two paths are different work directories, and reads what their runs were made from.
pub(super) fn open(a: &Path, b: &Path) -> Result<Pair<Side>> {
    let given = Pair { a, b };
    let places = given.try_map(|path| match fs::canonicalize(path) {
        Ok(place) if place.is_dir() => Ok(place),
        _ => Err(DiffError::NoDirectory { path: path.to_path_buf() }),
    })?;
    if !places.differs() {
        return Err(DiffError::Same { a: a.to_owned(), b: b.to_owned() }.into());
    }
    given.try_map(|path| {
        let run = RunFile::read(path)?.ok_or_else(|| DiffError::NotAWorkdir { path: path.to_path_buf() })?;
        Ok::<_, AppError>(Side { workdir: path.to_path_buf(), run })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::run_file::Origin;
    use windrow_config::Pipeline;

    #[test]
    fn the_form_of_cells_is_that_of_the_resolved_pipeline() {
        let text = "name = \"p\"\ndataset = { path = \"d.csv\", delimiter = \";\", null = [\"\", \"NA\"], \
                    time = { column = \"at\", format = \"%Y-%m-%d\" } }\n\
                    target = { column = \"y\", at_least = 1 }\nfeatures = { numeric = [\"x\"] }\n\
                    window = { rows = 5 }\nbatch = { format = \"parquet\" }";
        let pipeline = Pipeline::parse(Path::new("p.toml"), text).expect("a good pipeline");
        let origin = Origin { dataset: None, replay: None };
        let run = RunFile::new(&pipeline, &origin, "now").expect("JSON");
        let CellForm { format, delimiter, null, time } = Side { workdir: PathBuf::new(), run }.cell_form();
        assert_eq!((format, delimiter, null), (BatchFormat::Parquet, b';', vec![String::new(), "NA".to_owned()]));
        assert_eq!(time, TimeFormat::new("%Y-%m-%d").ok());
    }

    #[test]
    fn the_layout_of_parquet_files_follows_from_the_columns_and_not_from_the_place_of_the_dataset() {
        let layout = |path: &str, features: &str, l2: f64| {
            let text = format!(
                "name = \"p\"\ndataset = {{ path = \"{path}\" }}\ntarget = {{ column = \"y\", at_least = 1 }}\n\
                 features = {{ {features} }}\nwindow = {{ rows = 5 }}\ntrain = {{ l2 = {l2:?} }}"
            );
            let pipeline = Pipeline::parse(Path::new("p.toml"), &text).expect("a good pipeline");
            let run = RunFile::new(&pipeline, &Origin { dataset: None, replay: None }, "now").expect("JSON");
            Side { workdir: PathBuf::new(), run }.layout()
        };
        let first = layout("d.csv", "numeric = [\"x\"]", 1.0);
        assert_eq!(first, layout("elsewhere/d.csv", "numeric = [\"x\"]", 2.0));
        assert_ne!(first, layout("d.csv", "categorical = [\"x\"]", 1.0));
    }

    #[test]
    fn a_path_that_cannot_be_compared_gets_one_sentence() {
        let folder = tempfile::tempdir().expect("a folder");
        let other = tempfile::tempdir().expect("a folder");
        let (path, file) = (folder.path(), folder.path().join("notes.txt"));
        fs::write(&file, "").expect("a file");
        let none = path.join("none");
        let inner = path.join("inner/..");
        fs::create_dir(path.join("inner")).expect("a folder");
        let cases = [
            (path, none.as_path(), "there is no directory "),
            (file.as_path(), path, "there is no directory "),
            (path, inner.as_path(), "are the same directory: give two"),
            (path, other.path(), "is not the work directory of a run: it has no run.json"),
        ];
        for (a, b, expected) in cases {
            let error = open(a, b).expect_err(expected).to_string();
            assert!(error.contains(expected) && !error.contains('\n'), "{error}");
        }
        fs::write(path.join("run.json"), "{\"format\": 1}").expect("a file");
        let error = open(path, other.path()).expect_err("another version").to_string();
        assert!(error.contains("run.json has format 1, but this version of Windrow reads format "), "{error}");
    }
}
