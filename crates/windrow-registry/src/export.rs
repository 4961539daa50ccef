//! The export: windows, scores and losses as tables, for analysis with other tools.
//!
//! Guarantees: the tables only contain data of the work directory; nothing is computed. Files are written atomically.
//! Memory holds the losses of one window at a time.
//!
//! `tables` defines the columns and rows of each table, `sink` writes a table in a [`TableFormat`], and [`Export`]
//! reads the work directory.

mod error;
mod sink;
mod tables;

use std::path::{Path, PathBuf};

pub use self::error::ExportError;
use self::sink::Sink;
pub use self::sink::TableFormat;
use crate::evidence::Purpose;
use crate::registry::Registry;
use windrow_columnar::Column;
use windrow_windows::BatchStore;

/// The sources of an export.
#[derive(Debug)]
pub struct Export<'a> {
    /// The store of the sealed windows.
    pub store: &'a BatchStore,
    /// The registry with the scores and losses of the models.
    pub registry: &'a Registry,
}

impl Export<'_> {
    /// Writes the tables `windows`, `scores` and `losses` to a folder and returns their paths.
    ///
    /// # Errors
    /// Returns an error if there is no sealed window, or a file cannot be read or written.
    pub fn write(&self, format: TableFormat, folder: &Path) -> Result<Vec<PathBuf>, ExportError> {
        let manifests = self.store.manifests()?;
        if manifests.is_empty() {
            return Err(ExportError::Nothing(self.store.folder().to_owned()));
        }
        let snapshot = self.registry.snapshot();
        let mut files = Vec::new();
        let mut table = |name: &str, columns: &[Column], fill: &dyn Fn(&mut Sink) -> Result<(), ExportError>| {
            let path = folder.join(format!("{name}.{}", format.extension()));
            let mut sink = Sink::create(&path, format, columns)?;
            fill(&mut sink)?;
            sink.finish()?;
            files.push(path);
            Ok::<_, ExportError>(())
        };
        table("windows", &tables::window_columns(), &|sink| {
            let report = |window| snapshot.window(window).map(|report| &**report);
            manifests.iter().try_for_each(|one| {
                let labels = self.store.labels(one.window)?.len() as u64;
                tables::window(sink, one, labels, report(one.window))
            })
        })?;
        table("scores", &tables::score_columns(), &|sink| {
            snapshot.windows().try_for_each(|report| tables::scores(sink, report))
        })?;
        table("losses", &tables::loss_columns(), &|sink| {
            let evidence = self.registry.evidence();
            for one in &manifests {
                for (name, purpose) in [("served", Purpose::Serving), ("advice", Purpose::Advice)] {
                    let losses = evidence.losses(purpose, one.window, &one.rows.file.sha256)?;
                    losses.iter().try_for_each(|losses| tables::losses(sink, name, losses))?;
                }
            }
            Ok(())
        })?;
        Ok(files)
    }
}
