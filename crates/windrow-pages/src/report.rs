//! The report: the advice, its pictures and their numbers, as files that can be shared.
//!
//! Guarantees:
//!
//! - The same work directory gives the same bytes.
//! - All results come from `advice.json`. The report computes none.
//! - Data cannot become markup.
//!
//! [`Report`] has the content, and writes the files of a [`Form`]. `html`, `markdown` and `summary` each make the text of
//! one form. `facts`: what a reader needs to know besides the advice.

mod content;
mod facts;
mod html;
mod markdown;
mod summary;

use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest, Sha256};

pub use self::content::{Report, ReportedRun};
use windrow_base::files;
use windrow_evaluation::Origin;
use windrow_evaluation::plot::{AdvicePicture, AdvicePictures, tables};

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One self-contained HTML file.
    Html,
    /// A Markdown file. Its pictures are in a folder next to it, which has the file's name without its extension.
    Markdown,
    /// A JSON file, for programs.
    Json,
    /// A Markdown file of at most fifteen lines, without pictures, for a pull request or a ticket.
    Summary,
}

/// A file of a report cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}; choose another path with --out", path.display())]
pub struct ReportError {
    path: PathBuf,
    source: std::io::Error,
}

impl Report {
    /// Writes the report to `path`. Returns the paths of all files that were written.
    ///
    /// # Errors
    /// Returns an error if a file cannot be written.
    pub fn write(&self, form: Form, path: &Path) -> Result<Vec<PathBuf>, ReportError> {
        let answer = AdvicePictures::of(&self.advice);
        let tables = tables(&self.advice, answer.as_ref());
        let mut files = Vec::new();
        let text = match form {
            Form::Html => html::text(self, &self.foot(), answer.as_ref(), &tables),
            Form::Json => self.json(),
            Form::Summary => summary::text(self, &self.foot()),
            Form::Markdown => {
                let stem = path.file_stem().map_or_else(|| "report".to_owned(), |it| it.to_string_lossy().into_owned());
                let folder = path.with_file_name(&stem);
                let pictures = answer.as_ref().map_or_else(Vec::new, AdvicePictures::pictures);
                let file =
                    |one: &AdvicePicture<'_>| (folder.join(format!("{}.svg", one.name)), one.picture.standalone());
                files.extend(pictures.iter().map(file));
                markdown::text(self, &self.foot(), &pictures, &tables, &stem)
            }
        };
        files.push((path.to_owned(), text));
        for (path, text) in &files {
            let written = files::write_durable(path, text.as_bytes());
            written.map_err(|source| ReportError { path: path.clone(), source })?;
        }
        Ok(files.into_iter().map(|(path, _)| path).collect())
    }

    fn json(&self) -> String {
        let report = json!({
            "windrow": env!("CARGO_PKG_VERSION"),
            "dataset_sha256": self.dataset,
            "advice_sha256": self.digest(),
            "advice": &*self.advice,
        });
        format!("{report:#}\n")
    }

    /// Returns the line about the origin of the report: the version and the digests.
    fn foot(&self) -> String {
        let (version, advice) = (env!("CARGO_PKG_VERSION"), self.digest());
        let foot = format!("windrow {version}; sha256 of the advice {advice}");
        if self.advice.subject.origin != Origin::Pipeline {
            return foot;
        }
        let dataset = self.dataset.as_deref().unwrap_or("unknown");
        format!("{foot}, of the dataset {dataset}")
    }

    /// The sha256 of the advice, as JSON without spaces.
    fn digest(&self) -> String {
        // This cannot fail: the advice was read from JSON.
        let text = serde_json::to_vec(&*self.advice).unwrap_or_default();
        hex::encode(Sha256::digest(text))
    }
}
