//! Tests of the names by log-loss: which policy is named, and when another one replaces it.

use std::num::NonZeroU32;

use super::*;
use crate::order::place;

#[test]
fn of_policies_with_equal_losses_the_cheapest_is_named() {
    let evidence = evidence(40, |_, _, window| 0.4 + 0.01 * noise(window, 3));
    let trial = Trial::new(&evidence, 40, &histories(40, None), 0);
    let policies: Vec<Policy> = trial.series.iter().map(|series| series.policy).collect();
    let of = |refit| Policy { history: Scheme::Window, refit };
    // A schedule is not replaced by the policy without refits, nor by one with too few refits for a comparison.
    assert_eq!(policies, [of(Refit::Never), of(Refit::Every(8)), of(Refit::Every(4))]);
    assert_eq!(advice_on(&evidence, 0).named(), Some(of(Refit::Every(4))));
}

#[test]
fn the_cheapest_policy_that_is_shown_good_enough_is_named() {
    // A model that is never refitted loses too much.
    let aging = |history, model, window| stable(history, model, window) + 0.0006 * f64::from(window - model);
    let advice = advice_on(&evidence(60, aging), 0);
    assert_eq!(advice.recommendation.status, Status::Clear);
    let named = advice.recommendation.named.as_ref().expect("a name");
    assert!(!named.provisional);
    let found = advice.comparison.finding(named.policy).expect("its finding");
    assert_eq!(found.verdict, PolicyVerdict::GoodEnough);
    assert!(found.kept.at_least.is_some_and(|bound| bound >= 0.9));
    let planned = &advice.comparison.planned;
    let mut cheaper = planned.iter().filter(|other| other.effort.fits_per_window < found.effort.fits_per_window);
    assert!(cheaper.clone().count() > 0);
    assert!(cheaper.all(|other| other.verdict != PolicyVerdict::GoodEnough), "{planned:?}");
    // A policy that is truly worse gets this verdict: the last window only loses 0.02 per row of a gain of 0.08.
    let last = Policy { history: Scheme::Window, refit: Refit::Every(1) };
    let last = advice.comparison.finding(last).expect("its finding");
    assert_eq!(last.verdict, PolicyVerdict::Worse);
    assert!(advice.comparison.further.iter().any(|found| found.policy.refit == Refit::PsiAlarm));
    assert!(advice.comparison.further.iter().any(|found| found.policy.refit == Refit::Advice && found.since.is_some()));
    assert!(advice.comparison.cost.is_none() && !advice.comparison.steps.is_empty());
    assert!(advice.over_time.ages.len() >= 3);
}

#[test]
fn a_copy_of_a_policy_changes_no_bound() {
    let [two, four] = [2, 4].map(|windows| Scheme::Sliding(NonZeroU32::new(windows).expect("not 0")));
    let copied =
        |history: Scheme, model: u32, window: u32| stable(if history == four { two } else { history }, model, window);
    let evidence = evidence(40, copied);
    let bounds = |histories: &[Scheme]| {
        let trial = Trial::over(&evidence, 17, 40, histories, 0, 1);
        let ranking = Ranking::new(&trial, 0.9).expect("a best policy");
        let bounds = trial.series.iter().zip(&ranking.ranked);
        bounds.map(|(series, ranked)| (series.policy, ranked.kept.at_least)).collect::<Vec<_>>()
    };
    let all = Scheme::Cumulative;
    assert_eq!(bounds(&[Scheme::Window, two, all]), bounds(&[Scheme::Window, two, four, all]));
}

#[test]
fn no_schedule_is_advised_if_no_model_gains() {
    // Always predicting the share of positives loses 0.5004 per row.
    let advice = advice_on(&evidence(60, |history, model, window| 0.12 + stable(history, model, window)), 0);
    assert_eq!((advice.recommendation.named.as_ref(), advice.recommendation.status), (None, Status::Clear));
    let sentences = &advice.recommendation.sentences;
    assert!(sentences[0].starts_with("There is nothing to schedule"), "{sentences:?}");
}

#[test]
fn an_earlier_recommendation_does_not_outlive_the_gain() {
    let world = |history, model, window| if window <= 30 { stable(history, model, window) } else { 0.9 };
    assert!(advice_on(&evidence(30, world), 0).named().is_some());
    let advice = advice_on(&evidence(60, world), 0);
    assert_eq!(advice.named(), None);
    assert!(advice.recommendation.sentences[0].starts_with("There is nothing to schedule"));
    assert!(!advice.recommendation.changes.is_empty(), "the earlier recommendations are listed");
}

#[test]
fn a_named_policy_is_replaced_only_for_a_reason() {
    let evidence = evidence(60, stable);
    let (trial, ranking) = judge(&evidence, 60, None, 0, 0.9, OBSERVED).expect("enough windows");
    let new = named(&trial, &ranking, 60, None).expect("a name");
    let of = |history, every| Policy { history, refit: Refit::Every(every) };
    let before = |policy, was_shown: bool| Some(PolicyAtWindow::by_loss(59, policy, !was_shown));
    let after = |before| named(&trial, &ranking, 60, before).map(|named| named.policy);
    // A named policy gives way if a cheaper one is good enough, if it is worse, or if it is no longer judged.
    let four = NonZeroU32::new(4).expect("not 0");
    assert_eq!(after(before(of(Scheme::Cumulative, 1), true)), Some(new.policy));
    assert_eq!(after(before(of(Scheme::Window, 1), true)), Some(new.policy));
    assert_eq!(after(before(of(Scheme::Sliding(four), 64), true)), Some(new.policy));
    // A cheaper policy that was shown good enough before stays, provisionally, if the data no longer decide.
    let place = |series: &Series| place(series, trial.len());
    let named_place = place(trial.series_of(new.policy).expect("its series"));
    let cannot = trial.series.iter().zip(&ranking.ranked).find(|(series, ranked)| {
        ranked.verdict == PolicyVerdict::CannotTell && ranked.kept.share >= Some(0.9) && place(series) < named_place
    });
    if let Some((series, _)) = cannot {
        let stays = named(&trial, &ranking, 60, before(series.policy, true)).expect("a name");
        assert_eq!((stays.policy, stays.provisional), (series.policy, true));
        assert_eq!(after(before(series.policy, false)), Some(new.policy), "one that never was shown does not");
    }
}
