//! The pipeline files of the benchmarks: those of the fixtures with another window policy, without a pace.

use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// Returns the path of a fixture.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// A pipeline file that is not written yet.
#[derive(Clone)]
pub(crate) struct PipelineFile(Table);

impl PipelineFile {
    /// Returns the pipeline of `fixtures/NAME.toml`, whose only window policy is `policy = size`. It sends rows without
    /// a pace.
    pub(crate) fn of(name: &str, policy: &str, size: impl Into<Value>) -> Self {
        let file = fixture(&format!("{name}.toml"));
        let text = fs::read_to_string(&file).expect("a fixture");
        let mut pipeline: Table = text.parse().expect("a fixture in TOML");
        let window: Table = [(policy.to_owned(), size.into())].into_iter().collect();
        pipeline.insert("window".to_owned(), window.into());
        if let Some(stream) = pipeline.get_mut("stream").and_then(Value::as_table_mut) {
            stream.remove("pace");
        }
        Self(pipeline).dataset(&fixture(&format!("{name}.csv.zst")))
    }

    /// Replaces the dataset of the pipeline.
    pub(crate) fn dataset(self, path: &Path) -> Self {
        self.set("dataset", "path", path.display().to_string())
    }

    /// Sets the value of a key in a table, which is added if it is absent.
    pub(crate) fn set(mut self, table: &str, key: &str, value: impl Into<Value>) -> Self {
        let table = self.0.entry(table).or_insert_with(|| Table::new().into());
        table.as_table_mut().expect("a table of the pipeline file").insert(key.to_owned(), value.into());
        self
    }

    /// Adds columns to the numeric features.
    pub(crate) fn with_numbers(mut self, names: &[String]) -> Self {
        let numeric = self.0.get_mut("features").and_then(|features| features.get_mut("numeric"));
        let numeric = numeric.and_then(Value::as_array_mut).expect("a list of numeric features");
        numeric.extend(names.iter().cloned().map(Value::from));
        self
    }

    /// Returns the text of the file.
    pub(crate) fn text(&self) -> String {
        self.0.to_string()
    }

    /// Writes `NAME.toml` into a folder and returns its path.
    pub(crate) fn write(&self, folder: &Path, name: &str) -> String {
        let file = folder.join(format!("{name}.toml"));
        fs::write(&file, self.text()).expect("a file");
        file.display().to_string()
    }
}
