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
/// A full window has labelled rows and is not cut off by the start of the data. It has at least 0.4 of the median
/// number of labelled rows in the four windows after it. After these windows, the answer no longer changes.
pub fn first_full_window(windows: &[WindowExtent]) -> Option<WindowIndex> {
    let is_full = |place: usize| {
        let WindowExtent { labelled, is_cut_off, .. } = windows[place];
        let mut after: Vec<u64> = windows[place + 1..].iter().take(WINDOWS_AFTER).map(|one| one.labelled).collect();
        after.sort_unstable();
        let usual = after.get(after.len().saturating_sub(1) / 2).copied().unwrap_or_default();
        labelled > 0 && !is_cut_off && labelled as f64 >= MIN_FULL_SHARE * usual as f64
    };
    (0..windows.len()).find(|place| is_full(*place)).map(|place| windows[place].window)
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
        let cases: [(&[u64], bool, Option<u32>); 12] = [
            (&[], false, None),
            (&[0, 0], false, None),
            (&[100], false, Some(1)),
            (&[100, 90, 110], false, Some(1)),
            // The data begin within window 1.
            (&[100], true, None),
            (&[100, 90, 110], true, Some(2)),
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
