//! The files of a sealed window: rows, then quarantine, then manifest; each is complete and synced before the next.

use crate::manifest::FORMAT;
use crate::open::OpenWindow;
use crate::{BatchError, BatchStore, Manifest, OffsetRange, ResumePoint, SealReason, TimeSpan};
use windrow_record::{RunId, WindowIndex};

/// What the writer knows of a window and the window itself does not.
#[derive(Debug)]
pub(crate) struct Sealing {
    pub(crate) window: WindowIndex,
    pub(crate) run: Option<RunId>,
    pub(crate) log: Option<String>,
    /// Messages that the broker had deleted, found since the window before was sealed.
    pub(crate) deleted: Vec<OffsetRange>,
    /// How far apart row numbers are.
    pub(crate) step: u64,
    pub(crate) resume: Vec<ResumePoint>,
    pub(crate) span: Option<TimeSpan>,
    pub(crate) reason: SealReason,
}

/// Puts a window's files in place. A crash in between leaves files without a manifest, which do not count.
pub(crate) fn keep_window(store: &BatchStore, open: OpenWindow, sealing: Sealing) -> Result<Manifest, BatchError> {
    let window = sealing.window;
    let (row_numbers, quarantined_rows) = (open.row_ranges(sealing.step), open.quarantined_ranges(sealing.step));
    let (offsets, repeated_offsets) = (open.offset_ranges(), open.repeated_ranges());
    let rows = store.keep_rows(store.format().convert(open.runs.finish()?)?, window)?;
    let quarantine =
        if open.quarantined == 0 { None } else { Some(store.keep_quarantine(open.quarantine.finish()?, window)?) };
    store.keep_manifest(Manifest {
        format: FORMAT,
        window,
        rows: open.rows,
        labelled: open.labelled,
        quarantined: open.quarantined,
        repeated: repeated_offsets.iter().filter_map(OffsetRange::count).sum(),
        run: sealing.run,
        row_numbers,
        quarantined_rows,
        log: sealing.log,
        offsets,
        repeated_offsets,
        deleted: sealing.deleted,
        resume: sealing.resume,
        event_time: open.event_time,
        span: sealing.span,
        sealed: sealing.reason,
        bytes: rows.bytes,
        sha256: rows.sha256,
        quarantine,
    })
}
