//! The record of settings that change between two processes of a run, in `run.json`.
//!
//! The stages that learn record it before they begin. So `run.json` always has the settings of the newest models.

use crate::app::clock::timestamp;
use crate::app::context::App;
use crate::app::error::AppError;
use crate::app::run_file::{RUN_FILE, RunFile, SettingsChange, unreadable};
use crate::app::workdir::key_changes;
use windrow_base::telemetry::Event;

/// The tables of the pipeline file that models and advice depend on.
const RECORDED_TABLES: [&str; 2] = ["advise", "train"];

impl App {
    /// Records which settings of models and advice differ from those of the last process that learned, and reports
    /// them. `windows` is the number of windows that are reported so far. Does nothing if none differ.
    pub(super) fn record_settings(&self, windows: usize) -> Result<(), AppError> {
        let path = self.workdir.join(RUN_FILE);
        let now = serde_json::to_value(&*self.pipeline).map_err(unreadable(&path))?;
        let is_recorded = |key: &str| RECORDED_TABLES.iter().any(|table| key.split('.').next() == Some(*table));
        let changes = RunFile::update(&self.workdir, |held| {
            let mut keys = key_changes(&held.pipeline, &now);
            keys.retain(|change| is_recorded(&change.key));
            if keys.is_empty() {
                return None;
            }
            if let (Some(held), Some(now)) = (held.pipeline.as_object_mut(), now.as_object()) {
                for table in RECORDED_TABLES {
                    held.insert(table.to_owned(), now.get(table).cloned().unwrap_or_default());
                }
            }
            let changes: Vec<String> = keys.iter().map(ToString::to_string).collect();
            held.changes.push(SettingsChange { at: timestamp(), windows, keys });
            Some(changes)
        })?;
        if let Some(changes) = changes {
            self.progress.report(Event::SettingsChanged { changes });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::app::learner_host::LearnerHost;
    use crate::app::run_file::Origin;
    use crate::app::storage::Storage;
    use crate::app::workdir::{compare, describe};
    use windrow_base::telemetry::Progress;
    use windrow_config::Pipeline;
    use windrow_server::Keys;
    use windrow_stream::growth::Extract;

    fn app(workdir: &Path, more: &str) -> App {
        let text = format!(
            "name = \"p\"\ndataset = {{ path = \"d.csv\" }}\ntarget = {{ column = \"y\", at_least = 1 }}\n\
             features = {{ numeric = [\"x\"] }}\nwindow = {{ rows = 5 }}\n{more}"
        );
        let pipeline = Arc::new(Pipeline::parse(Path::new("p.toml"), &text).expect("a good pipeline"));
        let (progress, keys, storage) = (Progress::default(), Keys::default(), Storage::default());
        App { pipeline, workdir: workdir.to_owned(), progress, keys, storage, host: LearnerHost::default() }
    }

    #[test]
    fn two_processes_that_change_run_json_lose_no_change() {
        const CHANGES: usize = 30;
        let folder = tempfile::tempdir().expect("a folder");
        let workdir = folder.path();
        let origin = Origin { dataset: Some("00ff"), replay: None };
        describe(workdir, &app(workdir, "").pipeline, &origin, "now").expect("room on the disk");
        std::thread::scope(|scope| {
            // A trainer whose settings change from start to start.
            scope.spawn(|| {
                for change in 0..CHANGES {
                    let more = format!("advise = {{ keep = 0.{} }}", 71 + change % 2);
                    app(workdir, &more).record_settings(change).expect("room on the disk");
                }
            });
            // Extracts of the dataset that grow.
            scope.spawn(|| {
                for extract in 0..CHANGES {
                    let extract = Extract::first(&extract.to_string(), "now");
                    let added = RunFile::update(workdir, |run| {
                        run.extracts.push(extract);
                        Some(())
                    });
                    assert!(added.expect("room on the disk").is_some());
                }
            });
        });
        let held = RunFile::read(workdir).expect("a file").expect("a run");
        assert_eq!((held.changes.len(), held.extracts.len()), (CHANGES, 1 + CHANGES));
        assert!(held.changes.iter().map(|change| change.windows).eq(0..CHANGES), "in order");
    }

    #[test]
    fn run_json_says_which_settings_changed_after_which_window() {
        let folder = tempfile::tempdir().expect("a folder");
        let held = || RunFile::read(folder.path()).expect("a file").expect("a run");
        let first = app(folder.path(), "");
        first.record_settings(0).expect("no run yet");
        assert!(!folder.path().join(RUN_FILE).exists());
        let origin = Origin { dataset: Some("00ff"), replay: None };
        describe(folder.path(), &first.pipeline, &origin, "now").expect("room on the disk");
        first.record_settings(3).expect("room on the disk");
        assert!(held().changes.is_empty(), "nothing has changed");

        let more = "train = { schemes = [\"cumulative\", \"sliding=4\"], accept = { min_auc = 0.6 } }\n\
                    serve = { listen = \"127.0.0.1:81\" }";
        let changed = app(folder.path(), more);
        assert!(compare(folder.path(), &changed.pipeline, Some(&origin)).is_ok());
        changed.record_settings(3).expect("room on the disk");
        changed.record_settings(9).expect("room on the disk");
        let sentences: Vec<String> = held().changes.iter().map(SettingsChange::sentence).collect();
        let [sentence] = &sentences[..] else { panic!("one change: {sentences:?}") };
        assert!(sentence.starts_with("after window 3, at 2"), "{sentence}");
        for key in [
            "train.accept.min_auc: not set before, now 0.6",
            "train.schemes: [\"cumulative\",\"window\"] before, now [\"cumulative\",\"sliding4\"]",
        ] {
            assert!(sentence.contains(key), "{sentence}");
        }
        assert!(!sentence.contains("serve"), "no model depends on it: {sentence}");
        let now = serde_json::to_value(&*changed.pipeline).expect("JSON");
        assert_eq!((&held().pipeline["train"], held().created.as_str()), (&now["train"], "now"));

        first.record_settings(12).expect("room on the disk");
        assert_eq!(held().changes.iter().map(|change| change.windows).collect::<Vec<_>>(), [3, 12], "changed back");
    }
}
