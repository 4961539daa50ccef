//! The grade of the advice: how certain the recommendation is. A name that is shown good enough is not yet clear: it
//! must also be shown that following the advice from window to window was good enough.

use crate::advice::{NamedPolicy, Status};
use crate::contrast::Contrast;
use crate::ranking::Ranked;
use crate::steadiness::Followed;
use crate::trial::Trial;

/// Returns what following the advice kept. `trial` has the windows since the first advice, and `ranked` compares
/// following with the best policy on them, by cost if `by_cost` is `true`. The named policy changed `changes` times.
pub(crate) fn followed(trial: &Trial, ranked: &Ranked, by_cost: bool, changes: usize) -> Option<Followed> {
    Some(Followed {
        since: *trial.windows.first()?,
        windows: u32::try_from(trial.len()).unwrap_or(u32::MAX),
        kept: ranked.kept,
        by_cost,
        verdict: ranked.verdict,
        changes: u32::try_from(changes).unwrap_or(u32::MAX),
    })
}

/// Returns the status of the recommendation, with enough windows.
///
/// A named policy is clear if it is shown good enough compared with each other one, and if following the advice is shown
/// good enough too. Without a name, it is clear that there is nothing to schedule if the interval of the gain, `gain`,
/// is not above zero.
pub(crate) fn status(named: Option<&NamedPolicy>, followed: Option<&Followed>, gain: Contrast) -> Status {
    match named {
        Some(_) if !followed.is_some_and(Followed::is_good_enough) => Status::Partly,
        _ => status_of_names(named, gain),
    }
}

/// Returns the status of a recommendation that cannot be followed from window to window: a table has fits of one phase
/// only.
pub(crate) fn status_of_one_phase(named: Option<&NamedPolicy>, trial: &Trial, gain: Contrast) -> Status {
    // Compared with no other policy, nothing is shown of the named one.
    if named.is_some() && trial.series.len() < 2 { Status::Partly } else { status_of_names(named, gain) }
}

fn status_of_names(named: Option<&NamedPolicy>, gain: Contrast) -> Status {
    match named {
        Some(named) if named.against_each => Status::Clear,
        None if gain.interval().high <= 0.0 => Status::Clear,
        _ => Status::Partly,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Policy, Refit};
    use crate::policy_finding::{KeptGain, PolicyVerdict};
    use windrow_record::Scheme;

    #[test]
    fn a_name_is_clear_only_if_following_the_advice_is_shown_good_enough() {
        let policy = Policy { history: Scheme::Cumulative, refit: Refit::Every(2) };
        let named = |against_each| NamedPolicy { policy, provisional: false, against_each, since: 20 };
        let followed = |verdict| {
            let kept = KeptGain { share: Some(0.97), interval: None, at_least: None };
            Followed { since: 21, windows: 30, kept, by_cost: false, verdict, changes: 0 }
        };
        let good = followed(PolicyVerdict::GoodEnough);
        let gain = Contrast::new(&[1.0; 30], &[10.0; 30]);
        assert_eq!(status(Some(&named(true)), Some(&good), gain), Status::Clear);
        assert_eq!(status(Some(&named(false)), Some(&good), gain), Status::Partly);
        assert_eq!(status(Some(&named(true)), None, gain), Status::Partly, "no window to follow it on");
        for verdict in [PolicyVerdict::CannotTell, PolicyVerdict::Worse, PolicyVerdict::TooFew] {
            assert_eq!(status(Some(&named(true)), Some(&followed(verdict)), gain), Status::Partly, "{verdict:?}");
        }
        assert_eq!(status(None, Some(&followed(PolicyVerdict::Worse)), gain), Status::Partly, "there may be a gain");
        let loss = Contrast::new(&[-1.0; 30], &[10.0; 30]);
        assert_eq!(status(None, None, loss), Status::Clear, "there is nothing to schedule, and nothing to follow");
    }
}
