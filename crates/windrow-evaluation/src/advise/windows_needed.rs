//! The number of windows that advice needs.

use crate::advise::settings::AdviceSettings;
use crate::evidence::Evidence;
use crate::trial::{MIN_WINDOWS, Trial, judged_histories, longest_history};
use windrow_record::Scheme;

/// Returns the number of windows after which there is advice, if each further one has a labelled row. Windows without a
/// labelled row, and those before the first model, are not judged. They delay the advice.
pub(super) fn first_advice_after(evidence: &Evidence, trial: &Trial, question: &AdviceSettings<'_>) -> u32 {
    let (last, begin) = (evidence.last(), trial.windows.first().copied());
    let judged = |windows: u32| {
        let longest = longest_history(&judged_histories(windows, question.histories, question.delay));
        let first = begin.unwrap_or(last + 1).max(longest + 1 + question.delay);
        let so_far = trial.windows.iter().filter(|window| **window >= first).count();
        so_far + (windows + 1).saturating_sub(first.max(last + 1)) as usize
    };
    let needed = first_advice(question.histories, question.delay).max(last + 1);
    (needed..).find(|windows| judged(*windows) >= MIN_WINDOWS).unwrap_or(u32::MAX)
}

/// Returns the window after which `judged` windows have been judged.
pub(crate) fn first_judged(wanted: Option<&[Scheme]>, delay: u32, judged: usize) -> u32 {
    let is_enough = |windows: u32| {
        let longest = longest_history(&judged_histories(windows, wanted, delay));
        windows.saturating_sub(longest + delay) as usize >= judged
    };
    (1..).find(|windows| is_enough(*windows)).unwrap_or(u32::MAX)
}

/// Returns the number of windows that advice needs, if each has a labelled row. `wanted` limits the histories, `delay`
/// is the label delay in windows.
pub fn first_advice(wanted: Option<&[Scheme]>, delay: u32) -> u32 {
    first_judged(wanted, delay, MIN_WINDOWS)
}

/// Returns `true` if windows with these numbers of labelled rows are enough for advice, with the default histories.
/// `delay` is the label delay in windows.
pub fn is_enough_for_advice(labelled: &[u64], delay: u32) -> bool {
    let windows = u32::try_from(labelled.len()).unwrap_or(u32::MAX);
    let longest = longest_history(&judged_histories(windows, None, delay));
    let judged = labelled.iter().skip((longest + delay) as usize).filter(|rows| **rows > 0);
    judged.count() >= MIN_WINDOWS
}
