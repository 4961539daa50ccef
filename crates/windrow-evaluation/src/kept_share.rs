//! Clauses on the share of the best policy's gain that a policy keeps.

use crate::policy_finding::{PolicyFinding, PolicyVerdict};
use windrow_record::display::percent;

/// The baseline of all gains, in words.
pub(super) const BASELINE: &str = "predicting the average rate";

/// Returns a clause on a share, as in `keeps 98% (at least 96%)`, `keeps 98% (92 to 104)` or `is worse than predicting
/// the average rate`. The brackets of a policy that is good enough have the bound that shows it; those of others have
/// the interval. `of` says of what the share is.
pub(super) fn keeps(found: &PolicyFinding, of: &str) -> String {
    let kept = &found.kept;
    let bound = kept.at_least.filter(|_| found.verdict == PolicyVerdict::GoodEnough);
    match kept.interval {
        _ if kept.is_negative() => format!("is worse than {BASELINE}"),
        _ if kept.share.is_none() => format!("keeps an unknown share{of}"),
        Some(_) => match bound {
            Some(bound) => format!("keeps {} (at least {}){of}", kept.percent(), percent(bound, 0)),
            None => format!("keeps {}{of}", kept.with_interval()),
        },
        None => format!("keeps {}{of} ({})", kept.percent(), found.verdict.without_interval()),
    }
}

/// Returns a clause on the share that refitting every window on all history keeps. `of` says of what.
pub(super) fn more_history(all: &PolicyFinding, of: &str) -> String {
    let keeps = keeps(all, of);
    match all.verdict {
        PolicyVerdict::Worse => format!("More history hurts: all of it {keeps}"),
        PolicyVerdict::GoodEnough => format!("More history does not hurt: all of it {keeps}"),
        _ => format!("The data do not show yet whether more history hurts: all of it {keeps}"),
    }
}
