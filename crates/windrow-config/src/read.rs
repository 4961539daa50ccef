//! Reads the text of a pipeline file as a [`Pipeline`], or reports its faults.

use std::path::{Path, PathBuf};

use garde::Validate;
use toml::de::DeTable;

use crate::Pipeline;
use crate::error::{ConfigError, Fault, Faults};
use crate::lines::{Lines, line_of};

impl Pipeline {
    /// Reads and checks a pipeline file.
    ///
    /// # Errors
    /// The file cannot be read, has the wrong structure (the first fault is reported), or has invalid values (all are reported).
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let is_named_so = path.extension().is_some_and(|extension| extension == "toml");
        let data = || ConfigError::Data { path: path.to_owned() };
        let text = match std::fs::read_to_string(path) {
            // The file is not text.
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData && !is_named_so => return Err(data()),
            text => text.map_err(|source| ConfigError::Read { path: path.to_owned(), source })?,
        };
        if !is_named_so && DeTable::parse(&text).is_err() {
            return Err(data());
        }
        Self::parse(path, &text)
    }

    /// Checks the text of a pipeline file. `path` is for errors, and for relative paths in the text.
    ///
    /// # Errors
    /// The first fault of the file's structure, or else all invalid values.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let invalid = |faults| ConfigError::Invalid { path: path.to_owned(), faults };
        let table = DeTable::parse(text).map_err(|error| invalid(vec![from_toml(text, &Lines::default(), &error)]))?;
        let lines = Lines::read(text, table.get_ref());
        let read: Result<Self, _> = toml::from_str(text);
        let mut pipeline = read.map_err(|error| invalid(vec![from_toml(text, &lines, &error)]))?;
        pipeline.serve.is_listen_chosen = lines.has("serve.listen");
        pipeline.train.complete_holdout(&lines);
        let mut faults = Faults::of(&lines);
        pipeline.check(&mut faults);
        let mut faults = faults.list;
        if !faults.is_empty() {
            faults.sort_by_key(|fault| fault.line);
            return Err(invalid(faults));
        }
        Ok(Self { file: path.to_owned(), lines, ..pipeline.completed(path) })
    }

    /// Checks each value, and then the values against each other.
    fn check(&mut self, faults: &mut Faults<'_>) {
        if let Err(report) = self.validate() {
            for (key, problem) in report.iter() {
                faults.add(&key.to_string(), problem.message());
            }
        }
        self.kafka.read_settings(faults);
        self.contradictions(faults);
    }

    /// Fills in the defaults that depend on other keys, and resolves relative paths against the folder of the pipeline file.
    fn completed(mut self, path: &Path) -> Self {
        let folder = path.parent().unwrap_or(Path::new(""));
        let resolve = |path: &mut PathBuf| *path = folder.join(&*path);
        resolve(&mut self.dataset.path);
        self.serve.keys.as_mut().map(resolve);
        self.serve.tls.iter_mut().flat_map(|tls| [&mut tls.certificate, &mut tls.key]).for_each(resolve);
        self.kafka.file.as_mut().map(resolve);
        if self.stream.topic.is_empty() {
            self.stream.topic.clone_from(&self.name);
        }
        self.dataset = self.dataset.without_defaults();
        self
    }
}

fn from_toml(text: &str, lines: &Lines, error: &toml::de::Error) -> Fault {
    let span = error.span();
    Fault {
        line: span.as_ref().map(|span| line_of(text, span.start)),
        key: span.and_then(|span| lines.key_of(&span)).unwrap_or_default().to_owned(),
        problem: without_type_names(error.message()),
    }
}

/// Replaces the names of Rust's types, which serde puts into its messages.
fn without_type_names(message: &str) -> String {
    const WORDS: [(&str, &str); 8] = [
        ("expected f64", "expected a number"),
        ("expected u64", "expected a whole number"),
        ("expected u32", "expected a whole number"),
        ("expected usize", "expected a whole number"),
        ("expected a nonzero u32", "expected a whole number of at least 1"),
        ("expected a nonzero u64", "expected a whole number of at least 1"),
        ("expected a duration", "expected a duration, as in 5m, 250us or 30d"),
        ("expected path string", "expected the path of a file"),
    ];
    let mut message = message.trim().replace('\n', ", ");
    if let Some((before, after)) = message.split_once("expected struct ") {
        let rest = after.trim_start_matches(|letter: char| letter.is_alphanumeric() || letter == '_');
        message = format!("{before}expected a table{rest}");
    }
    WORDS.iter().fold(message, |message, (rust, plain)| message.replace(rust, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(more: &str) -> Result<Pipeline, String> {
        let text = format!(
            "name = \"p\"\ndataset = {{ path = \"d.csv\" }}\ntarget = {{ column = \"y\", at_least = 1 }}\n\
             features = {{ numeric = \"x\" }}\nwindow = {{ rows = 5 }}\n{more}"
        );
        Pipeline::parse(Path::new("/a/p.toml"), &text).map_err(|error| error.to_string())
    }

    #[test]
    fn missing_keys_have_defaults_and_paths_are_relative_to_the_file() {
        let pipeline = parsed("[serve]\nkeys = \"keys.toml\"").expect("a pipeline");
        assert_eq!((pipeline.stream.topic.as_str(), pipeline.stream.partitions.get()), ("p", 1));
        assert_eq!(pipeline.dataset.path, Path::new("/a/d.csv"));
        assert_eq!(pipeline.serve.keys.as_deref(), Some(Path::new("/a/keys.toml")));
        assert_eq!(pipeline.features.numeric, ["x"], "one text is a list of one");
    }

    #[test]
    fn an_address_counts_as_chosen_only_if_it_is_written() {
        assert!(!parsed("").expect("a pipeline").serve.is_listen_chosen);
        let written = parsed("[serve]\nlisten = \"127.0.0.1:8080\"").expect("a pipeline");
        assert!(written.serve.is_listen_chosen);
    }

    #[test]
    fn a_delimiter_that_is_a_space_cannot_be_skipped() {
        let text = |dataset: &str| {
            format!(
                "name = \"p\"\ndataset = {{ path = \"d.csv\", {dataset} }}\ntarget = {{ column = \"y\", at_least = 1 }}\n\
                 features = {{ numeric = \"x\" }}\nwindow = {{ rows = 5 }}\n"
            )
        };
        let parsed = |dataset| Pipeline::parse(Path::new("/a/p.toml"), &text(dataset));
        let error = parsed("delimiter = \" \", skip_initial_space = true").expect_err("a contradiction").to_string();
        assert!(error.contains("dataset.skip_initial_space: must not be true if the delimiter is a space"), "{error}");
        let pipeline = parsed("delimiter = \" \", skip_initial_space = false").expect("a pipeline");
        assert_eq!(pipeline.dataset.skip_initial_space, None, "the default is not stored");
    }

    #[test]
    fn values_of_a_wrong_form_are_reported_with_line_and_key() {
        for (more, expected) in [
            ("[stream]\ntopic = \"\"", "p.toml:7: stream.topic: must not be empty"),
            (
                "[stream]\npartitions = -1",
                "p.toml:7: stream.partitions: invalid value: integer `-1`, expected a whole number",
            ),
            ("[serve]\nmax_body = \"lots\"", "p.toml:7: serve.max_body: `lots` is not a size, as in 32MiB"),
            (
                "[serve]\nmax_rows = \"many\"",
                "p.toml:7: serve.max_rows: invalid type: string \"many\", expected a whole number",
            ),
            ("[train]\nholdout = nan", "p.toml:7: train.holdout: must be a share of at least 0 and below 1"),
            (
                "[advise]\nlabel_delay = \"30d\"",
                "p.toml:7: advise.label_delay: `30d` is a duration, but windows that are cut by the number of rows",
            ),
            ("[quarantine]\nmax_share = nan", "p.toml:7: quarantine.max_share: must be a share between 0 and 1"),
        ] {
            let error = parsed(more).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
    }
}
