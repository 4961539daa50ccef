//! Sealing: file, then quarantine, then manifest; each whole, synced and in its place before the next.

use crate::open::OpenWindow;
use crate::{BatchError, BatchStore, FORMAT, Manifest, OffsetRange, ResumePoint, SealReason, TimeSpan};
use windrow_record::{RunId, WindowIndex};

/// What the writer knows of a window and the window itself does not.
#[derive(Debug)]
pub(crate) struct Sealing {
    pub(crate) window: WindowIndex,
    pub(crate) run: Option<RunId>,
    pub(crate) log: Option<String>,
    /// Messages that brought a row again since the window before was sealed.
    pub(crate) repeats: Vec<OffsetRange>,
    /// Messages that the broker had deleted, found since then.
    pub(crate) deleted: Vec<OffsetRange>,
    /// How far apart row numbers are.
    pub(crate) step: u64,
    pub(crate) resume: Vec<ResumePoint>,
    pub(crate) span: Option<TimeSpan>,
    pub(crate) reason: SealReason,
}

/// Puts a window's files in place. A crash in between leaves files without a manifest, which do not count.
pub(crate) fn seal(store: &BatchStore, open: OpenWindow, sealing: Sealing) -> Result<Manifest, BatchError> {
    let window = sealing.window;
    let (row_numbers, quarantined_rows) = (open.row_ranges(sealing.step), open.quarantined_ranges(sealing.step));
    let offsets = open.offset_ranges();
    let rows = store.keep_rows(store.format().convert(open.runs.finish()?)?, window)?;
    let aside = open.quarantine.map(|aside| store.keep_quarantine(aside.finish()?, window));
    store.keep_manifest(Manifest {
        format: FORMAT,
        window,
        rows: open.rows,
        labelled: open.labelled,
        quarantined: open.quarantined,
        repeated: sealing.repeats.iter().filter_map(OffsetRange::count).sum(),
        run: sealing.run,
        row_numbers,
        quarantined_rows,
        log: sealing.log,
        offsets,
        repeated_offsets: sealing.repeats,
        deleted: sealing.deleted,
        resume: sealing.resume,
        event_time: open.event_time,
        span: sealing.span,
        sealed: sealing.reason,
        bytes: rows.bytes,
        sha256: rows.sha256,
        quarantine: aside.transpose()?,
    })
}
