//! The report: the advice, its pictures and the numbers behind them, as files that can be handed on.
//!
//! Promises: the same bytes for the same work directory; nothing is computed here that is not in `advice.json`; what comes from
//! data cannot become markup.

mod markdown;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::evaluation::Advice;
use crate::files;
use crate::plot::Answer;

/// What a report is made of.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) advice: Arc<Advice>,
    /// The sha256 of the dataset, where it is known.
    pub(crate) dataset: Option<String>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Report {
    /// Writes a Markdown file, and its pictures into a folder beside it that has its name; gives the files.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(crate) fn write_markdown(&self, path: &Path) -> Result<Vec<PathBuf>, ReportError> {
        let stem = path.file_stem().map_or_else(|| "report".to_owned(), |stem| stem.to_string_lossy().into_owned());
        let folder = path.with_file_name(&stem);
        let answer = Answer::of(&self.advice);
        let mut files = Vec::new();
        if let Some(answer) = &answer {
            let pictures = [
                ("how-often.svg", answer.how_often.draw()),
                ("how-much.svg", answer.how_much.draw()),
                ("over-time.svg", answer.over_time.draw()),
            ];
            for (name, picture) in pictures {
                files.push((folder.join(name), picture.alone()));
            }
        }
        files.push((path.to_owned(), markdown::text(self, answer.as_ref(), &stem)));
        for (path, text) in &files {
            let written = files::write_whole(path, text.as_bytes());
            written.map_err(|source| ReportError::Write { path: path.clone(), source })?;
        }
        Ok(files.into_iter().map(|(path, _)| path).collect())
    }

    /// The sha256 of the advice, as it is stored.
    fn digest(&self) -> String {
        // What was read from JSON can be written as JSON.
        let text = serde_json::to_vec(&*self.advice).unwrap_or_default();
        hex::encode(Sha256::digest(text))
    }
}
