//! Following the advice: what it would have said at each past window from what was known then, and what that had brought.

use crate::evaluation::advice::Verdict;
use crate::evaluation::contrast::Contrast;
use crate::evaluation::evidence::Evidence;
use crate::evaluation::policy::{Policy, Refit};
use crate::evaluation::ranking::{FEWEST_WINDOWS, Ranking};
use crate::evaluation::trial::{Series, Trial, histories};
use crate::record::Scheme;

/// What is named behind a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Followed {
    /// The window.
    pub window: u32,
    /// The policy named.
    pub policy: Policy,
    /// Whether none was shown good enough, and the lowest observed is named.
    pub provisional: bool,
}

/// The policies as they stand behind window `last`, from what is known then; `None` with too few windows.
#[must_use]
pub fn judge(
    evidence: &Evidence,
    last: u32,
    wanted: Option<&[Scheme]>,
    delay: u32,
    keep: f64,
) -> Option<(Trial, Ranking)> {
    let trial = Trial::new(evidence, last, &histories(last, wanted), delay);
    let ranking = (trial.len() >= FEWEST_WINDOWS).then(|| Ranking::new(&trial, keep))??;
    Some((trial, ranking))
}

/// What is named behind window `last`, given what was named before.
///
/// The named policy changes only when it is shown to be worse than the best, when another is shown good enough while it never
/// was, when a cheaper one that is good enough is shown to lose less, or when it is not among the policies any more.
#[must_use]
pub fn named(trial: &Trial, ranking: &Ranking, last: u32, before: Option<Followed>) -> Option<Followed> {
    let (place, provisional) = ranking.named.filter(|_| ranking.gain.mean > 0.0)?;
    let new = Followed { window: last, policy: trial.series[place].policy, provisional };
    let Some(old) = before else { return Some(new) };
    let held = trial.series.iter().position(|series| series.policy == old.policy || series.same.contains(&old.policy));
    let Some(held) = held else { return Some(new) };
    let verdict = ranking.ranked[held].verdict;
    let (is_shown, is_shown_now) = (verdict == Verdict::GoodEnough, !provisional);
    let changes = match (is_shown, is_shown_now) {
        // What was shown once and is not now stays until it is shown to be worse.
        (false, true) => old.provisional || verdict == Verdict::Worse,
        (false, false) => verdict == Verdict::Worse,
        // Two that are good enough: the cheaper one's claim is no better than the old one's.
        (true, _) => is_cheaper_and_shown(trial, place, held),
    };
    if changes { Some(new) } else { Some(Followed { window: last, policy: old.policy, provisional: !is_shown }) }
}

/// Whether the new one is shown to lose less than the old one.
fn is_cheaper_and_shown(trial: &Trial, new: usize, old: usize) -> bool {
    let (new, old) = (&trial.series[new].log_loss, &trial.series[old].log_loss);
    let sums: Vec<f64> = old.iter().zip(new).map(|(old, new)| old - new).collect();
    Contrast::new(&sums, &trial.rows).interval().low > 0.0
}

/// The losses of following the advice on the windows of a trial from the first advice on: one run and no mean of phases.
/// `said` is what was named behind each window, ascending. A window's advice is followed from the labels that were known.
pub(super) fn series(trial: &Trial, evidence: &Evidence, said: &[Followed]) -> Option<Series> {
    let policy = Policy { history: Scheme::Cumulative, refit: Refit::Advice };
    let mut current: Option<(Scheme, u32)> = None;
    trial.stateful(evidence, policy, |window| {
        let known = trial.known(window);
        let advised = said.iter().rev().find(|said| said.window <= known).map(|said| said.policy);
        let (history, every) = match advised {
            Some(Policy { history, refit: Refit::Every(every) }) => (history, every),
            _ => (Scheme::Cumulative, 1),
        };
        let next = match current {
            Some((held, model)) if held == history && known.saturating_sub(model) < every => (held, model),
            _ => (history, known),
        };
        current = Some(next);
        next
    })
}
