//! The learner that `windrow init --learner` writes: `model.py`, next to the pipeline file. It is not started here.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::cli::args::LearnerLibrary;
use crate::cli::error::{CliError, Result};
use windrow_record::display::shell_word;

/// The name of the program. It is in the folder of the pipeline file.
const PROGRAM: &str = "model.py";
/// The interpreter that runs the program.
const PYTHON: &str = "python3";

/// The program of a learner, to be written next to a new pipeline file.
#[derive(Debug)]
pub(super) struct LearnerProgram {
    path: PathBuf,
    library: LearnerLibrary,
}

impl LearnerProgram {
    /// Returns the program for a pipeline file.
    ///
    /// # Errors
    /// Another file has its place.
    pub(super) fn new(library: LearnerLibrary, pipeline: &Path) -> Result<Self> {
        let program = Self { path: pipeline.with_file_name(PROGRAM), library };
        if program.path == pipeline {
            let problem = format!("--out: {PROGRAM} is the name of the learner: choose another name, as in sales.toml");
            return Err(CliError::Usage(problem));
        }
        program.check()?;
        Ok(program)
    }

    /// Returns the command that starts the program, for the pipeline file.
    pub(super) fn command() -> Vec<String> {
        [PYTHON, PROGRAM].map(str::to_owned).to_vec()
    }

    /// Writes the program. A file with the same text is left as it is.
    ///
    /// # Errors
    /// Another file has its place, or the file cannot be written.
    pub(super) fn save(&self) -> Result<()> {
        let failed = |error: std::io::Error| CliError::Failed(format!("cannot write {}: {error}", self.path.display()));
        match OpenOptions::new().write(true).create_new(true).open(&self.path) {
            Ok(mut new) => new.write_all(self.text().as_bytes()).map_err(failed),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => self.check(),
            Err(error) => Err(failed(error)),
        }
    }

    /// Returns what was written, what must be installed, and what happens next.
    pub(super) fn summary(&self) -> String {
        let (path, packages) = (shell_word(&self.path.display().to_string()), self.packages());
        let [classifier, library] = self.names();
        format!(
            "\n{path} was written: it learns with the {classifier} of {library}\n\ninstall:   pip install {packages}\n"
        )
    }

    /// Checks that the program can be written. It may be the user's own work, so it is never overwritten.
    fn check(&self) -> Result<()> {
        // A link that leads nowhere has the place, too.
        let is_free = fs::symlink_metadata(&self.path).is_err_and(|error| error.kind() == ErrorKind::NotFound);
        if is_free || fs::read(&self.path).is_ok_and(|held| held == self.text().as_bytes()) {
            return Ok(());
        }
        Err(CliError::Usage(format!(
            "{} exists already, with other content, and --learner never overwrites it: move it away, or choose --out in \
             another folder",
            self.path.display()
        )))
    }

    fn text(&self) -> &'static str {
        match self.library {
            LearnerLibrary::Lightgbm => include_str!("model_lightgbm.py"),
            LearnerLibrary::Xgboost => include_str!("model_xgboost.py"),
            LearnerLibrary::Sklearn => include_str!("model_sklearn.py"),
        }
    }

    /// Returns the names of the classifier and of its library, for messages.
    fn names(&self) -> [&'static str; 2] {
        match self.library {
            LearnerLibrary::Lightgbm => ["LGBMClassifier", "LightGBM"],
            LearnerLibrary::Xgboost => ["XGBClassifier", "XGBoost"],
            LearnerLibrary::Sklearn => ["HistGradientBoostingClassifier", "scikit-learn"],
        }
    }

    /// Returns the packages that the program needs. The classifiers of LightGBM and XGBoost need scikit-learn.
    fn packages(&self) -> &'static str {
        match self.library {
            LearnerLibrary::Lightgbm => "windrow pandas pyarrow scikit-learn lightgbm",
            LearnerLibrary::Xgboost => "windrow pandas pyarrow scikit-learn xgboost",
            LearnerLibrary::Sklearn => "windrow pandas pyarrow scikit-learn",
        }
    }
}
