//! Opens windows again that only the end of the stream had sealed, because the stream goes on.
//!
//! The manifest of a window says whether it is one of them ([`SealReason::End`]). The reason depends only on the rows.
//! So the same windows are opened again after a consumer that was killed at the end of the stream, and after one that
//! finished.
//!
//! A window is opened again by the removal of its manifest. The next writer deletes its files, and its rows must be
//! sent again.

use std::fs;
use std::io;
use std::path::Path;

use crate::{BatchError, BatchStore, Manifest, SealReason};
use windrow_base::files;
use windrow_config::WindowPolicy;
use windrow_record::WindowIndex;

impl BatchStore {
    /// Returns the first window that would still be open if the stream had not ended: all later windows would be open
    /// too. Returns `None` if every window is complete without the end of the stream.
    ///
    /// A window by the clock is never open: its time has passed.
    #[must_use]
    pub fn first_unproven(manifests: &[Manifest], policy: WindowPolicy) -> Option<WindowIndex> {
        let mut by_end = manifests.iter().filter(|manifest| manifest.sealed == SealReason::End);
        let is_by_clock = matches!(policy, WindowPolicy::Every(_));
        by_end.next().filter(|_| !is_by_clock).map(|manifest| manifest.window)
    }

    /// Continues a stream that had ended: removes its end, and the manifests of the windows from `first` on. Does
    /// nothing that was done before.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn reopen(&self, first: Option<WindowIndex>) -> Result<(), BatchError> {
        remove(&self.end_path())?;
        // The newest first, so that no manifest is missing between others.
        let windows = self.windows_with("json")?.into_iter().rev();
        for window in windows.filter(|window| first.is_some_and(|first| *window >= first)) {
            remove(&self.labels_path(window))?;
            remove(&self.manifest_path(window))?;
        }
        files::sync_folder(self.folder()).map_err(BatchError::write(self.folder()))
    }
}

fn remove(path: &Path) -> Result<(), BatchError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(BatchError::write(path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::time::Duration;

    use super::*;
    use windrow_config::EventSpan;

    fn unproven(policy: WindowPolicy, reasons: &[&str]) -> Option<u32> {
        let manifest = |(window, reason): (u32, &&str)| -> Manifest {
            let text = serde_json::json!({
                "format": crate::manifest::FORMAT, "window": window, "run": "5f0c", "sealed": reason,
                "times": {"events": null, "span": null},
                "rows": {"count": 0, "labelled": 0, "numbers": [], "file": {"bytes": 0, "sha256": ""}},
                "quarantine": {"count": 0, "numbers": [], "file": null},
                "messages": {"log": null, "offsets": [], "repeated": [], "resume": []},
            });
            serde_json::from_value(text).expect("a manifest")
        };
        let manifests: Vec<Manifest> = (1..).zip(reasons).map(manifest).collect();
        BatchStore::first_unproven(&manifests, policy).map(WindowIndex::get)
    }

    #[test]
    fn windows_that_only_the_end_had_sealed_are_opened_again() {
        let rows = WindowPolicy::Rows(NonZeroU64::MIN);
        assert_eq!(unproven(rows, &["complete", "passed", "end"]), Some(3));
        assert_eq!(unproven(rows, &["complete", "complete"]), None, "a full window stays");
        let event =
            WindowPolicy::Event { span: EventSpan::Fixed(Duration::from_secs(10)), lateness: Duration::from_secs(5) };
        assert_eq!(unproven(event, &["watermark", "end", "end"]), Some(2));
        assert_eq!(unproven(event, &["watermark", "watermark"]), None);
        assert_eq!(unproven(event, &[]), None);
        assert_eq!(unproven(WindowPolicy::Every(Duration::from_secs(1)), &["time", "end"]), None);
    }
}
