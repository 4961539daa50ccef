//! The reference of the drift: the first full window. Later windows are compared with it.
//!
//! The first window of a stream is often cut off by the start of the data. A few days of a month say little about the
//! distribution of a month, and each later window would differ from it.

use crate::model::window::WindowReport;
use windrow_record::WindowIndex;

/// The number of windows after a window that show how many rows a window usually has.
const WINDOWS_AFTER: usize = 4;
/// The smallest share of the usual number of labelled rows that a full window has. A window with well under half is not
/// full.
const MIN_FULL_SHARE: f64 = 0.4;

/// The same share for a window that begins late. If it has nearly the usual rows, none is missing.
const MIN_CUT_OFF_SHARE: f64 = 0.8;

/// The size of a window, which decides whether it can be the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowExtent {
    /// The number of the window.
    pub window: WindowIndex,
    /// The number of labelled rows.
    pub labelled: u64,
    /// `true` if the data begin within the window.
    pub is_cut_off: bool,
}

impl From<&WindowReport> for WindowExtent {
    fn from(report: &WindowReport) -> Self {
        Self { window: report.window, labelled: report.profile.rows, is_cut_off: report.is_cut_off }
    }
}

/// Returns the first full window of the windows so far, which are in ascending order.
///
/// A full window has labelled rows, and at least 0.4 of the median number of labelled rows in the four windows after it.
/// If the data begin within it, it has at least 0.8 of that number. After these windows, the answer no longer changes.
pub fn first_full_window(windows: &[WindowExtent]) -> Option<WindowIndex> {
    let is_full = |index: usize| {
        let WindowExtent { labelled, is_cut_off, .. } = windows[index];
        let mut after: Vec<u64> = windows[index + 1..].iter().take(WINDOWS_AFTER).map(|one| one.labelled).collect();
        after.sort_unstable();
        let usual = after.get(after.len().saturating_sub(1) / 2).copied().unwrap_or_default();
        // A shop that opens at nine has no row in the first hours of any day, so the number of rows decides.
        let least = if is_cut_off { MIN_CUT_OFF_SHARE } else { MIN_FULL_SHARE };
        let is_known = !is_cut_off || usual > 0;
        labelled > 0 && is_known && labelled as f64 >= least * usual as f64
    };
    (0..windows.len()).find(|index| is_full(*index)).map(|index| windows[index].window)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the first full window of windows with these numbers of labelled rows.
    fn first_full(labelled: &[u64], is_cut_off: bool) -> Option<u32> {
        let windows = labelled.iter().zip(1..).map(|(labelled, window)| WindowExtent {
            window: WindowIndex::new(window).expect("from 1"),
            labelled: *labelled,
            is_cut_off: is_cut_off && window == 1,
        });
        first_full_window(&windows.collect::<Vec<_>>()).map(WindowIndex::get)
    }

    #[test]
    fn a_window_that_is_cut_off_is_no_reference() {
        let cases: [(&[u64], bool, Option<u32>); 13] = [
            (&[], false, None),
            (&[0, 0], false, None),
            (&[100], false, Some(1)),
            (&[100, 90, 110], false, Some(1)),
            // The data begin within window 1.
            (&[100], true, None),
            (&[70, 90, 110], true, Some(2)),
            // The first hours of all windows are empty, and window 1 has as many rows as others.
            (&[100, 90, 110], true, Some(1)),
            // Window 1 has well under half of the usual number of rows.
            (&[39, 100], false, Some(2)),
            (&[40, 100], false, Some(1)),
            (&[30, 100, 80, 120, 90, 5], false, Some(2)),
            // Neither a single large window nor a slow growth makes window 1 partial.
            (&[100, 900, 110, 90, 100], false, Some(1)),
            (&[100, 130, 170, 220, 290, 380, 500, 650], false, Some(1)),
            // Windows without labelled rows.
            (&[0, 0, 100, 0, 90], false, Some(3)),
        ];
        for (labelled, is_cut_off, expected) in cases {
            assert_eq!(first_full(labelled, is_cut_off), expected, "{labelled:?} {is_cut_off}");
        }
    }
}
