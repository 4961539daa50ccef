//! Opens windows again that only the end of the stream had sealed, because the stream goes on.
//!
//! A window is opened again by the removal of its manifest. The next writer deletes its files, and its rows must be
//! sent again.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use crate::{BatchError, BatchStore, Manifest, OffsetRange, ResumePoint, SealReason};
use windrow_base::files;
use windrow_config::{Cut, Placement, WindowPolicy};
use windrow_record::{Partition, WindowIndex};

impl BatchStore {
    /// Returns the first window that would still be open if the stream had not ended: all later windows would be open
    /// too. Returns `None` if every window is complete without the end of the stream.
    ///
    /// A window by the clock is never open: its time has passed. `has_ended` is true if the stream has its end, and
    /// `partitions` is the number of partitions of the topic.
    #[must_use]
    pub fn first_unproven(manifests: &[Manifest], has_ended: bool, cut: Cut, partitions: usize) -> Option<WindowIndex> {
        if matches!(cut.policy, WindowPolicy::Every(_)) {
            return None;
        }
        let is_by_end = |manifest: &Manifest| manifest.sealed == SealReason::End;
        let Some(last) = manifests.last().filter(|_| has_ended && cut.span().is_some()) else {
            return manifests.iter().find(|manifest| is_by_end(manifest)).map(|manifest| manifest.window);
        };
        // At its end, a stream has sealed windows that its slowest partition had not passed.
        let slowest = slowest(manifests, partitions);
        let mut placement = Placement::new(cut, partitions);
        placement.continue_after(last.window, last.times.start());
        let is_open = |manifest: &&Manifest| is_by_end(manifest) || !placement.has_passed(manifest.window, slowest);
        manifests.iter().find(is_open).map(|manifest| manifest.window)
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

/// Returns the position that every partition has passed, whatever comes after it. `None` if a partition has none.
fn slowest(manifests: &[Manifest], partitions: usize) -> Option<i64> {
    let points = manifests.iter().flat_map(|manifest| &manifest.messages.resume);
    let known: BTreeSet<Partition> = points.map(|point| point.partition).collect();
    if known.len() < partitions {
        return None;
    }
    known.into_iter().map(|partition| firm_position(manifests, partition)).min()?
}

/// Returns the position of a partition, without its last message if its window has no other one: it may be far
/// ahead by mistake, and only the next message decides.
fn firm_position(manifests: &[Manifest], partition: Partition) -> Option<i64> {
    let messages = |manifest: &Manifest| {
        let ranges = manifest.messages.offsets.iter().filter(|range| range.partition == partition);
        ranges.filter_map(OffsetRange::count).sum::<u64>()
    };
    let newest = manifests.iter().rposition(|manifest| messages(manifest) > 0)?;
    let is_alone = messages(&manifests[newest]) == 1;
    let until = if is_alone { newest.checked_sub(1)? } else { newest };
    // The points of another log do not list partitions without messages in it.
    let points = manifests[..=until].iter().rev().flat_map(|manifest| &manifest.messages.resume);
    points.filter(|point| point.partition == partition).map(reached).next()?
}

fn reached(point: &ResumePoint) -> Option<i64> {
    point.accounted.map_or(point.newest, |accounted| accounted.at)
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

    /// The manifest of a window of 10 seconds with two messages of each partition, which have reached these times.
    fn manifest(window: u32, sealed: &str, reached: &[i64]) -> Manifest {
        let from = i64::from(window - 1) * 10;
        let offsets: Vec<_> = (0..reached.len())
            .map(|partition| serde_json::json!({"partition": partition, "first": 2 * window, "last": 2 * window + 1}))
            .collect();
        let resume: Vec<_> = reached
            .iter()
            .enumerate()
            .map(|(partition, at)| serde_json::json!({"partition": partition, "offset": 2 * window + 2, "newest": at}))
            .collect();
        let text = serde_json::json!({
            "format": crate::manifest::FORMAT, "window": window, "run": "5f0c", "sealed": sealed,
            "times": {"events": null, "span": {"from": from, "until": from + 10}},
            "rows": {"count": 0, "labelled": 0, "numbers": [], "file": {"bytes": 0, "sha256": ""}},
            "quarantine": {"count": 0, "numbers": [], "file": null},
            "messages": {"log": null, "offsets": offsets, "repeated": [], "resume": resume},
        });
        serde_json::from_value(text).expect("a manifest")
    }

    fn unproven(manifests: &[Manifest], lateness: u64, partitions: usize) -> Option<u32> {
        let (span, lateness) = (EventSpan::Fixed(Duration::from_secs(10)), Duration::from_secs(lateness));
        let cut = Cut::new(WindowPolicy::Event { span, lateness }, None);
        BatchStore::first_unproven(manifests, true, cut, partitions).map(WindowIndex::get)
    }

    #[test]
    fn windows_that_a_later_row_has_passed_stay() {
        let all = [manifest(1, "watermark", &[9]), manifest(2, "watermark", &[19]), manifest(3, "end", &[24])];
        assert_eq!(unproven(&all, 0, 1), Some(3));
        assert_eq!(unproven(&all, 5, 1), Some(2), "a row of window 2 can still be in time");
        let uneven =
            [manifest(1, "watermark", &[9, 8]), manifest(2, "watermark", &[19, 18]), manifest(3, "end", &[24, 19])];
        assert_eq!(unproven(&uneven, 0, 2), Some(2), "the slower partition has not passed window 2");
        assert_eq!(unproven(&uneven, 0, 3), Some(1), "a partition had no message");
    }

    #[test]
    fn a_last_message_that_is_far_ahead_proves_nothing() {
        let mut last = manifest(4, "end", &[34]);
        last.messages.offsets[0].last = last.messages.offsets[0].first;
        let mut empty = manifest(3, "watermark", &[15]);
        empty.messages.offsets.clear();
        let all = [manifest(1, "watermark", &[9]), manifest(2, "watermark", &[15]), empty, last];
        assert_eq!(unproven(&all, 0, 1), Some(2));
    }

    #[test]
    fn a_full_window_of_rows_stays() {
        let cut = Cut::new(WindowPolicy::Rows(NonZeroU64::MIN), None);
        let of = |reasons: &[&str]| {
            let all: Vec<Manifest> = (1..).zip(reasons).map(|(window, reason)| manifest(window, reason, &[])).collect();
            BatchStore::first_unproven(&all, true, cut, 1).map(WindowIndex::get)
        };
        assert_eq!(of(&["complete", "passed", "end"]), Some(3));
        assert_eq!(of(&["complete", "complete"]), None);
        let by_clock = Cut::new(WindowPolicy::Every(Duration::from_secs(1)), None);
        let all = [manifest(1, "end", &[])];
        assert_eq!(BatchStore::first_unproven(&all, true, by_clock, 1), None);
    }
}
