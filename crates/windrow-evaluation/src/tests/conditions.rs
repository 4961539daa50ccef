//! Tests of the conditions of the advice: what one window or one model decides, and how steady the advice was.

use super::*;
use crate::caveats::short;

/// The window in which all history fails.
const SPOILT: u32 = 30;

/// Returns a loss like [`stable`], in which all history is truly the best: others lose a third of the gain.
fn all_is_best(history: Scheme, model: u32, window: u32) -> f64 {
    let short = if history == Scheme::Cumulative { 0.0 } else { 0.03 };
    stable(history, model, window) + short
}

/// Returns the sentences with one of these words.
fn sentences_with<'a>(advice: &'a Advice, words: &[&str]) -> Vec<&'a str> {
    let has = |sentence: &&str| words.iter().any(|word| sentence.contains(word));
    advice.recommendation.sentences.iter().map(String::as_str).filter(has).collect()
}

/// Returns the sentences on a window or a model.
fn about_influence(advice: &Advice) -> Vec<&str> {
    sentences_with(advice, &["without", "Without"])
}

#[test]
fn a_window_that_decides_the_name_is_said_with_its_date() {
    // In one window, a model of all history loses 30 times as much.
    let world = |history: Scheme, model, window| {
        let factor = if history == Scheme::Cumulative && window == SPOILT { 30.0 } else { 1.0 };
        factor * all_is_best(history, model, window)
    };
    let advice = advice_on(&evidence(40, world), 0);
    let named = advice.named().expect("a name");
    assert_ne!(named.history, Scheme::Cumulative);
    let found = advice.comparison.influence.as_ref().expect("an influence");
    assert_eq!((found.window, found.model, found.changes_name), (SPOILT, None, true));
    let without = found.named_without.expect("another name");
    assert_eq!((found.policy, without.history), (named, Scheme::Cumulative));
    let moves = found.share.zip(found.share_without).is_some_and(|(share, without)| share - without > 0.1);
    assert!(moves, "{found:?}");
    let said = about_influence(&advice);
    let expected = format!(
        "One window decides this: without window 30 (week of 2013-04-01), the advice would be another one ({}).",
        short(without, advice.subject.window_unit)
    );
    assert_eq!(said, [expected]);
    // Nothing is removed: the window is judged.
    assert!(advice.basis.judged.as_ref().is_some_and(|judged| judged.windows == 24));
}

#[test]
fn a_calm_world_has_no_such_sentence() {
    type Loss = fn(Scheme, u32, u32) -> f64;
    let worlds: [(Loss, u32); 3] = [(stable, 40), (stable, 60), (all_is_best, 40)];
    for (world, windows) in worlds {
        let advice = advice_on(&evidence(windows, world), 0);
        assert_eq!(advice.comparison.influence, None, "{windows}");
        assert_eq!(about_influence(&advice), Vec::<&str>::new(), "{windows}");
    }
}

#[test]
fn a_model_that_lost_much_is_said_with_its_date() {
    // Only the last window is best, but its model of window 24 loses 45 nats on every later window.
    let world = |history: Scheme, model: u32, window: u32| match history {
        Scheme::Window if model == 24 => 45.0,
        Scheme::Window => stable(history, model, window) - 0.02,
        _ => stable(history, model, window) + 0.03,
    };
    let advice = advice_on(&evidence(40, world), 0);
    let found = advice.comparison.influence.as_ref().expect("an influence");
    let model = ModelId::new(index(24), Scheme::Window);
    assert_eq!((found.window, found.model, found.changes_name), (24, Some(model), true));
    assert!(found.log_loss.is_some_and(|lost| (lost - 45.0).abs() < 1e-9), "{found:?}");
    let without = found.named_without.expect("another name");
    assert_eq!(without.history, Scheme::Window);
    let said = about_influence(&advice);
    let expected = format!(
        "A model of window 24 (week of 2013-04-01) lost 45 nats per row; without it, the advice differs ({}).",
        short(without, advice.subject.window_unit)
    );
    assert_eq!(said, [expected]);
}

#[test]
fn a_window_that_hides_every_gain_is_said() {
    let world = |history, model, window| if window == SPOILT { 12.0 } else { stable(history, model, window) };
    let advice = advice_on(&evidence(40, world), 0);
    assert_eq!(advice.named(), None);
    let found = advice.comparison.influence.as_ref().expect("an influence");
    assert_eq!((found.window, found.share, found.changes_name), (SPOILT, None, true));
    assert_eq!(about_influence(&advice).len(), 1, "{:?}", advice.recommendation.sentences);
}

#[test]
fn the_ranking_that_names_decides_what_counts() {
    // Losses are calm. In one window, models of all history miss more rows than they save in all others.
    let misses = |history, model: u32, window: u32| match history {
        Scheme::Cumulative if window == SPOILT => 60,
        Scheme::Cumulative => 4 + u64::from(window - model),
        _ => 5 + u64::from(window - model),
    };
    let evidence = evidence_with_misses(40, stable, misses);
    let costs = [1.0, 1.0, 16.0];
    let trial = Trial::new(&evidence, 40, &judged_histories(40, None, 0), 0);
    let ranking = CostRanking::new(&evidence, &trial, costs, 0.9).expect("enough windows");
    let policy = ranking.trial.series[ranking.ranking.best].policy;
    assert_ne!(policy.history, Scheme::Cumulative);
    let named = [PolicyAtWindow::by_loss(40, policy, false)];
    let advice = advice_after(&evidence, 0, Some(costs), &named);
    let found = advice.comparison.influence.as_ref().expect("an influence");
    assert_eq!((found.window, found.changes_name, found.policy), (SPOILT, true, policy));
    assert_eq!(found.named_without, Some(Policy { history: Scheme::Cumulative, refit: Refit::Every(2) }));
    assert_eq!(about_influence(&advice).len(), 1);
    let by_loss = advice_after(&evidence, 0, None, &named);
    assert_eq!(by_loss.comparison.influence, None);
}

#[test]
fn evidence_is_clear_only_if_following_the_advice_is_good_enough() {
    let evidence = evidence(60, stable);
    let policy = advice_on(&evidence, 0).named().expect("a name");
    let last = Policy { history: Scheme::Window, refit: Refit::Every(1) };
    let at = |window, policy| PolicyAtWindow::by_loss(window, policy, false);
    let reason = "The data do not show that following the advice is good enough, so the evidence is only partly clear.";
    // Refitting on only the last window keeps 80%.
    for (before, expected, changes) in [(policy, Status::Clear, 0), (last, Status::Partly, 1)] {
        let mut named: Vec<PolicyAtWindow> = (17..60).map(|window| at(window, before)).collect();
        named.push(at(60, policy));
        let advice = advice_after(&evidence, 0, None, &named);
        assert!(advice.recommendation.named.as_ref().is_some_and(|named| named.against_each));
        let followed = advice.recommendation.followed.as_ref().expect("windows to follow it on");
        assert_eq!((advice.recommendation.status, followed.changes, followed.since), (expected, changes, 18));
        let row = advice.comparison.further.iter().find(|found| found.policy.refit == Refit::Advice);
        assert_eq!(row.map(|row| (row.kept, row.verdict)), Some((followed.kept, followed.verdict)));
        let said = format!("Following the advice {}.", followed.in_words());
        assert!(advice.recommendation.sentences.contains(&said), "{said}");
        assert_eq!(advice.recommendation.sentences.contains(&reason.to_owned()), expected == Status::Partly);
    }
    // After the first advice, there is no window to follow it on.
    let first = advice_after(&evidence, 0, None, &[at(60, policy)]);
    assert_eq!((first.recommendation.status, first.recommendation.followed.as_ref()), (Status::Partly, None));
    assert_eq!(sentences_with(&first, &["has not been followed"]).len(), 1);
}

#[test]
fn costs_decide_what_following_the_advice_kept() {
    let advice = advice_with(&evidence(60, stable), 0, Some([1.0, 5.0, 200.0]));
    let followed = advice.recommendation.followed.as_ref().expect("windows to follow it on");
    assert!(followed.by_cost && followed.kept.share.is_some_and(|share| (0.8..1.1).contains(&share)), "{followed:?}");
    assert_eq!(followed.changes as usize, advice.recommendation.changes.len() - 1);
    assert_eq!(sentences_with(&advice, &[" of the largest saving"]).len(), 1, "{:?}", advice.recommendation.sentences);
}
