//! The histories of a table that are compared, and why others are not.

use windrow_evaluation::{Advice, Evidence, Fits, MIN_WINDOWS, history_name, judged_histories, judged_windows};
use windrow_record::Scheme;
use windrow_record::display::counted;

/// Returns the histories to compare. A window is judged only if the newest fit of each of them was scored there. If this
/// leaves too few windows, the histories with the fewest scored windows are left out, provided that the others leave
/// enough.
pub(crate) fn compared(evidence: &Evidence, fits: &Fits, delay: u32) -> Vec<Scheme> {
    let last = evidence.last();
    let windows = |histories: &[Scheme]| match judged_histories(last, Some(histories), delay) {
        short if short.is_empty() => 0,
        short => judged_windows(evidence, last, &short, delay).len(),
    };
    let all: Vec<Scheme> = fits.histories().map(|(history, _)| history).collect();
    let mut kept = all.clone();
    while kept.len() > 1 && windows(&kept) < MIN_WINDOWS {
        let without = |left: &Scheme| kept.iter().copied().filter(|one| one != left).collect::<Vec<Scheme>>();
        let best = kept.iter().map(without).max_by_key(|rest| windows(rest));
        kept = best.unwrap_or_default();
    }
    if windows(&kept) < MIN_WINDOWS { all } else { kept }
}

/// Returns a sentence for each history that is not judged, with the reason, and one for the windows that are left out.
pub(crate) fn left_out(
    advice: &Advice,
    evidence: &Evidence,
    fits: &Fits,
    label: &dyn Fn(u32) -> String,
) -> Vec<String> {
    let (unit, delay) = (advice.subject.window_unit, advice.basis.label_delay);
    let planned = || advice.comparison.planned.iter().flat_map(|found| found.same.iter().chain([&found.policy]));
    let Some(judged) = advice.basis.judged.as_ref().filter(|_| planned().next().is_some()) else { return Vec::new() };
    let all: Vec<Scheme> = fits.histories().map(|(history, _)| history).collect();
    let last = evidence.last();
    let short = judged_histories(last, Some(&all), delay);
    let labelled = || (judged.first..=judged.last).filter(|window| evidence.rows(*window) > 0.0);
    let missing = all.iter().filter(|history| planned().all(|policy| policy.history != **history)).map(|history| {
        let has_score = |window: u32| evidence.newest(*history, window.saturating_sub(1 + delay), 1, window).is_some();
        let reason = match (short.contains(history), labelled().find(|window| !has_score(*window))) {
            (false, _) => format!("it is too long for {}", counted(u64::from(last), unit.one(), unit.many())),
            (true, Some(window)) => format!("its newest fit has no scores on {}", label(window)),
            (true, None) => "older fits are not scored on each window".to_owned(),
        };
        format!("The history `{}` is not judged: {reason}.", history_name(*history, unit))
    });
    let windows = (labelled().count() as u64).saturating_sub(u64::from(judged.windows));
    let count = counted(windows, &format!("{} is", unit.one()), &format!("{} are", unit.many()));
    let gaps = (windows > 0).then(|| format!("{count} left out: not each history has scores of its newest fit there."));
    missing.chain(gaps).collect()
}
