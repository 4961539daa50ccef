//! Tests of the advice on synthetic losses. `by_cost`: those of the names by cost. `conditions`: those of what one
//! window or model decides, and of the grade. `kinds`: those of the names of all kinds of policies. `trials`: trials
//! with given losses.

mod by_cost;
mod conditions;
mod kinds;
pub(crate) mod trials;

use std::num::NonZeroU32;

use super::*;
use crate::alarm::Alarms;
use crate::order::place;
use crate::trial::{MIN_WINDOWS, intervals, longest_history};
use windrow_record::{ModelId, Scheme, WindowIndex};

mod delay;

const ROWS: u64 = 800;

fn index(window: u32) -> WindowIndex {
    WindowIndex::new(window).expect("not 0")
}

/// Returns reproducible pseudo-random numbers around 0.
fn noise(a: u32, b: u32) -> f64 {
    let mut state = (u64::from(a) << 32 | u64::from(b)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    state ^= state >> 29;
    state = state.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state ^= state >> 32;
    (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
}

/// Returns windows with a loss per row by history, the model's newest window and the window. A fifth of the rows are
/// positive.
fn evidence(windows: u32, loss: impl Fn(Scheme, u32, u32) -> f64) -> Evidence {
    evidence_with_misses(windows, loss, |_, _, _| 5)
}

/// Returns windows with a loss per row and a number of misses in each block.
fn evidence_with_misses(
    windows: u32,
    loss: impl Fn(Scheme, u32, u32) -> f64,
    misses: impl Fn(Scheme, u32, u32) -> u64,
) -> Evidence {
    let mut all = histories(windows, None);
    all.push(Scheme::Cumulative);
    Evidence::new((1..=windows).map(|window| {
        let models = (1..window).filter(|model| is_kept(index(*model), index(window)));
        let models = models.flat_map(|model| {
            let own = all.iter().filter(move |history| match history {
                Scheme::Sliding(length) => length.get() < model,
                _ => true,
            });
            own.map(move |history| (*history, model)).collect::<Vec<_>>()
        });
        let losses = models.map(|(scheme, model)| {
            let sum = loss(scheme, model, window) * (ROWS / BLOCKS as u64) as f64;
            ModelLosses {
                model: ModelId { window: index(model), scheme },
                log_loss: [sum; BLOCKS],
                squared_error: [sum / 3.0; BLOCKS],
                false_alarms: [3; BLOCKS],
                misses: [misses(scheme, model, window); BLOCKS],
            }
        });
        WindowLosses {
            format: LOSSES_FORMAT,
            window: index(window),
            sha256: String::new(),
            unlabelled: 8,
            rows: [ROWS / BLOCKS as u64; BLOCKS],
            positives: [20; BLOCKS],
            models: losses.collect(),
        }
    }))
}

/// Returns a loss that hardly changes over time: age costs a little, history helps a little.
fn stable(history: Scheme, model: u32, window: u32) -> f64 {
    let few = match history {
        Scheme::Window => 0.02,
        Scheme::Sliding(length) => 0.02 / f64::from(length.get()),
        Scheme::Cumulative => 0.001,
    };
    0.4 + few + 0.0001 * f64::from(window - model) + 0.02 * noise(window, 7) + 0.001 * noise(window, model)
}

/// Features drift in five windows, and no model is recalibrated.
const OBSERVED: Observed<'static> =
    Observed { alarms: &Observed::ALARMS, has_drifted: &|since, now| now - since >= 5, recalibrated: &|_, _, _| None };

fn advice_on(evidence: &Evidence, delay: u32) -> Advice {
    advice_with(evidence, delay, None)
}

/// Returns the advice by the costs of a false alarm, a miss and a fit, if they are given.
fn advice_with(evidence: &Evidence, delay: u32, cost: Option<[f64; 3]>) -> Advice {
    advice_observing(evidence, delay, cost, OBSERVED)
}

/// Returns the advice, given what is known besides the losses.
fn advice_observing(evidence: &Evidence, delay: u32, cost: Option<[f64; 3]>, observed: Observed<'_>) -> Advice {
    let mut named_policies = Vec::new();
    let settings = NamingSettings { histories: None, delay, keep: 0.9, cost, observed };
    name_policies(evidence, 1..=evidence.last(), settings, &mut named_policies);
    advice_naming(evidence, delay, cost, &named_policies, observed)
}

/// Returns the advice, given the policies named after each window.
fn advice_after(evidence: &Evidence, delay: u32, cost: Option<[f64; 3]>, named_policies: &[PolicyAtWindow]) -> Advice {
    advice_naming(evidence, delay, cost, named_policies, OBSERVED)
}

/// Returns the advice, given the policies named after each window and what is known besides the losses.
fn advice_naming(
    evidence: &Evidence,
    delay: u32,
    cost: Option<[f64; 3]>,
    named_policies: &[PolicyAtWindow],
    observed: Observed<'_>,
) -> Advice {
    let (keep, last) = (0.9, evidence.last());
    let [pipeline, unit] = ["sample", "weeks"].map(str::to_owned);
    let (window_unit, days) = (WindowUnit::Week, Some(7.0));
    let subject = Subject { pipeline, windows: last, unit, window_unit, days, ..Subject::default() };
    let question = AdviceSettings {
        subject,
        keep,
        delay,
        delay_text: None,
        histories: None,
        cost,
        threshold: 0.5,
        label: &|window| format!("window {window} (week of 2013-04-01)"),
        observed,
        auc: &[],
        named_policies,
    };
    advise(evidence, &question)
}

#[test]
fn every_policy_is_judged_on_the_windows_after_the_longest_history() {
    assert_eq!(histories(79, None).len(), 6, "1, 2, 4, 8, 16 and all");
    assert_eq!(histories(4, None), [Scheme::Window, Scheme::Cumulative]);
    assert_eq!(histories(2, None), [Scheme::Cumulative], "two windows are too few for any other");
    // Further windows never take the advice away, however late labels are.
    for delay in 0..4 {
        for windows in first_advice(None, delay)..100 {
            let judged = windows - longest_history(&judged_histories(windows, None, delay)) - delay;
            assert!(judged as usize >= MIN_WINDOWS, "{windows} windows, delay {delay}: {judged}");
        }
    }
    assert_eq!((intervals(63, 0), intervals(12, 0), intervals(1, 0)), (vec![1, 2, 4, 8, 16], vec![1, 2, 4], vec![1]));
    let evidence = evidence(40, stable);
    for delay in [0, 3] {
        let trial = Trial::new(&evidence, 40, &histories(40, None), delay);
        assert_eq!((trial.windows.first(), trial.windows.last()), (Some(&(17 + delay)), Some(&40)));
        assert_eq!(trial.known(30), 29 - delay);
        assert!(trial.series.iter().all(|series| series.log_loss.len() == trial.len()));
    }
}

#[test]
fn a_refit_every_m_windows_is_the_mean_of_its_phases() {
    let evidence = evidence(40, stable);
    let trial = Trial::new(&evidence, 40, &histories(40, None), 1);
    let policy = Policy { history: Scheme::Window, refit: Refit::Every(4) };
    let series = trial.planned(&evidence, policy).expect("losses");
    for (window, loss) in trial.windows.iter().zip(&series.log_loss) {
        // At window t the newest model is of t - 2. The four phases use the models of t - 2 to t - 5.
        let phases = (2..6).map(|age| stable(Scheme::Window, window - age, *window) * ROWS as f64);
        assert!((loss - phases.sum::<f64>() / 4.0).abs() < 1e-9, "{window}");
    }
    assert_eq!(series.refits, trial.len() as f64 / 4.0);
}

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
fn too_few_windows_say_how_many_would_do() {
    let advice = advice_on(&evidence(13, stable), 0);
    let Recommendation { status, named, sentences, .. } = &advice.recommendation;
    assert_eq!((*status, named.as_ref(), advice.basis.first_advice), (Status::TooFew, None, Some(16)));
    let expected = "Too few windows for advice: schedules can be compared on 9, and 12 are needed.";
    assert_eq!(sentences[..], [expected, "Advice needs 16 windows."]);
    let Recommendation { action, reason, .. } = &advice.recommendation;
    assert_eq!((*action, reason.as_str()), (Action::Hold, "Too few windows: advice needs 16."));
    assert!(advice.comparison.planned.iter().all(|found| found.kept.interval.is_none()));
    let later = advice_on(&evidence(16, stable), 2);
    assert_eq!(later.basis.first_advice, Some(18), "labels that come late need more windows");
    let none = advice_on(&Evidence::default(), 0);
    assert_eq!((none.recommendation.status, none.basis.judged.as_ref()), (Status::TooFew, None));
}

/// Returns windows of which those that `has` refuses have no rows, or no models of their own.
fn thinned(windows: u32, has_rows: impl Fn(u32) -> bool, has_models: impl Fn(u32) -> bool) -> Evidence {
    let full = evidence(windows, stable);
    Evidence::new((1..=windows).map(|window| {
        let models = (1..window).filter(|model| has_models(*model)).flat_map(|model| {
            histories(windows, None).into_iter().map(move |scheme| ModelId { window: index(model), scheme })
        });
        let losses = models.filter_map(|id| {
            let found = full.losses(id.scheme, id.window.get(), window)?;
            Some(ModelLosses { model: id, ..found.clone() })
        });
        let rows = if has_rows(window) { ROWS / BLOCKS as u64 } else { 0 };
        WindowLosses {
            format: LOSSES_FORMAT,
            window: index(window),
            sha256: String::new(),
            unlabelled: 0,
            rows: [rows; BLOCKS],
            positives: [rows / 5; BLOCKS],
            models: losses.collect(),
        }
    }))
}

#[test]
fn empty_windows_delay_the_advice() {
    let advice = advice_on(&thinned(18, |window| window % 4 != 0, |window| window % 4 != 0), 0);
    // Windows 5 to 18 are judged, except 8, 12 and 16.
    assert_eq!(advice.basis.judged.as_ref().map(|judged| judged.windows), Some(11));
    assert_eq!((advice.recommendation.status, advice.basis.first_advice), (Status::TooFew, Some(19)));
    let labelled = |windows: u32| (1..=windows).map(|window| u64::from(window % 4 != 0)).collect::<Vec<_>>();
    assert_eq!([18, 19].map(|windows| is_enough_for_advice(&labelled(windows), 0)), [false, true]);
    assert_eq!((first_advice(None, 0), is_enough_for_advice(&[], 0)), (16, false));
    for delay in [0, 2, 5] {
        let first = first_advice(None, delay) as usize;
        let enough = [first - 1, first].map(|windows| is_enough_for_advice(&vec![9; windows], delay));
        assert_eq!(enough, [false, true], "{delay}");
    }
}

#[test]
fn a_window_without_a_model_hides_no_policy() {
    let of = |history, every| Policy { history, refit: Refit::Every(every) };
    // The first window is cut off, and some have one class only.
    let evidence = thinned(40, |_| true, |window| window > 1 && window % 7 != 0);
    let trial = Trial::new(&evidence, 40, &histories(40, None), 0);
    assert_eq!(trial.windows.first(), Some(&17));
    for every in [1, 2, 4, 8] {
        assert!(trial.series_of(of(Scheme::Cumulative, every)).is_some(), "{every}");
        assert!(trial.series_of(of(Scheme::Window, every)).is_some(), "{every}");
    }
    // Refitting every 4th window, one phase falls on a window before the first model.
    let late = thinned(16, |_| true, |window| window > 3);
    let trial = Trial::new(&late, 16, &histories(16, None), 0);
    assert_eq!(trial.windows.first(), Some(&5), "the model of window 4 is the first");
    let series = trial.planned(&late, of(Scheme::Window, 4)).expect("losses");
    assert!((series.log_loss[0] - stable(Scheme::Window, 4, 5) * ROWS as f64).abs() < 1e-9, "{series:?}");
    // Windows before the first model are not judged.
    let later = thinned(16, |_| true, |window| window > 6);
    assert_eq!(Trial::new(&later, 16, &histories(16, None), 0).windows.first(), Some(&8));
    assert_eq!(advice_on(&later, 0).basis.first_advice, Some(19));
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
fn a_lasting_jump_is_a_break_and_a_season_is_not() {
    let broken = |history: Scheme, model: u32, window: u32| {
        let length = match history {
            Scheme::Window => 1,
            Scheme::Sliding(length) => length.get(),
            Scheme::Cumulative => model,
        };
        // The share of the model's windows that lie on the other side of the break.
        let first = model + 1 - length.min(model);
        let other = if window >= 30 { f64::from(29_u32.saturating_sub(first) + 1).min(f64::from(length)) } else { 0.0 };
        let other = if first > 29 { 0.0 } else { other / f64::from(length) };
        stable(history, model, window) + 0.1 * other
    };
    let found = find_break(&evidence(60, broken), 60).expect("a break");
    assert!((29..=31).contains(&found.window), "{found:?}");
    let advice = advice_on(&evidence(60, broken), 0);
    let change = advice.over_time.world_change.expect("a break");
    assert!(change.calm.as_ref().is_some_and(|calm| calm.first > change.window), "{change:?}");
    let season = |history: Scheme, model: u32, window: u32| {
        let is_winter = |window: u32| window / 8 % 2 == 1;
        let short = matches!(history, Scheme::Cumulative) || is_winter(model) != is_winter(window);
        stable(history, model, window) + if short { 0.1 } else { 0.0 }
    };
    assert_eq!(find_break(&evidence(60, season), 60), None);
    assert_eq!(find_break(&evidence(60, stable), 60), None);
    assert_eq!(find_break(&evidence(12, broken), 12), None, "too few windows");
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

#[test]
fn following_the_advice_has_the_losses_of_the_models_in_service() {
    let policy = Policy { history: Scheme::Window, refit: Refit::Every(2) };
    let at = |window, provisional| PolicyAtWindow::by_loss(window, policy, provisional);
    let named_policies = [at(20, true), at(21, false), at(22, false), at(23, true)];
    // Window 25 gives no model in the second case, so the model of window 23 stays in service.
    for (delay, without_model) in [(0, None), (0, Some(25)), (2, None)] {
        let evidence = thinned(30, |_| true, |window| Some(window) != without_model);
        let trial = Trial::over(&evidence, 20, 30, &histories(30, None), delay, 1);
        let followed = in_service::series(&trial, &evidence, &named_policies, &|_, _| false).expect("losses");
        for (window, loss) in trial.windows.iter().zip(&followed.log_loss) {
            let known = trial.known(*window);
            // The policy takes office after window 21. Before, all history is fitted every window.
            let fit = known - known.saturating_sub(21) % 2;
            let fit = if Some(fit) == without_model { fit - 2 } else { fit };
            let (history, model) = if known < 21 { (Scheme::Cumulative, known) } else { (Scheme::Window, fit) };
            let expected = stable(history, model, *window) * ROWS as f64;
            assert!((loss - expected).abs() < 1e-9, "delay {delay}, window {window}");
        }
    }
}

#[test]
fn an_alarm_rings_for_the_model_in_service() {
    let rings = |evidence: &Evidence, model: u32, known: u32| {
        Alarms::of(evidence, Scheme::Cumulative, model, known, &|since, now| now - since >= 5)
    };
    let calm = evidence(40, stable);
    assert_eq!([34, 35, 36, 40].map(|model| rings(&calm, model, 40).drift), [true, true, false, false]);
    let risen = evidence(40, |_, _, window| if window >= 40 { 0.9 } else { 0.4 });
    assert!(rings(&risen, 30, 40).loss);
    assert!(!rings(&risen, 30, 39).loss, "the labels of window 40 are not known yet");
    assert!(!rings(&risen, 38, 40).loss, "too few windows for a mean and a deviation");
    assert!(!rings(&evidence(39, stable), 30, 39).loss);
}

#[test]
fn an_alarm_asks_for_a_refit_only_if_the_schedule_does_not() {
    let evidence = evidence(60, stable);
    let last = evidence.last();
    let policy = Policy { history: Scheme::Cumulative, refit: Refit::Every(8) };
    // The schedule fits after windows 40, 48 and 56, and features drift five windows after a fit.
    for (since, is_due, expected) in [(40, false, false), (44, true, false), (39, false, true)] {
        let named = |window| PolicyAtWindow::by_loss(window, policy, false);
        let named_policies: Vec<PolicyAtWindow> = (since..=last).map(named).collect();
        let action = advice_after(&evidence, 0, None, &named_policies).recommendation.action;
        let newest = since + (last - since) / 8 * 8;
        assert_eq!((newest == last, action == Action::RefitNow), (is_due, expected), "since {since}");
    }
}

/// Returns the number of words with a digit. Brackets hold the interval of the figure before them, or a date.
fn figures(sentence: &str) -> usize {
    let parts = sentence.split('(').map(|part| part.split_once(')').map_or(part, |(_, rest)| rest));
    let words = parts.flat_map(str::split_whitespace);
    words.filter(|word| word.contains(|letter: char| letter.is_ascii_digit())).count()
}

#[test]
fn sentences_are_short() {
    assert_eq!(figures("It keeps 98% (92 to 104) on the last 4 weeks."), 2);
    let costs = Some([1.0, 5.0, 200.0]);
    let worlds: [&dyn Fn(Scheme, u32, u32) -> f64; 2] =
        [&stable, &|history, model, window| 0.2 + stable(history, model, window)];
    for world in worlds {
        for (windows, cost) in [1, 10, 16, 30, 60].into_iter().flat_map(|windows| [(windows, None), (windows, costs)]) {
            for sentence in advice_with(&evidence(windows, world), 0, cost).recommendation.sentences {
                assert!(sentence.split_whitespace().count() <= 25, "{sentence}");
                assert!(figures(&sentence) <= 2, "{sentence}");
                assert!(sentence.ends_with('.'), "{sentence}");
            }
        }
    }
}

#[test]
fn advice_reads_back_as_it_was_stored() {
    let advice = advice_with(&evidence(40, stable), 0, Some([1.0, 5.0, 200.0]));
    let text = serde_json::to_string(&advice).expect("JSON");
    assert_eq!(serde_json::from_str::<Advice>(&text).expect("advice"), advice);
    let again = advice_with(&evidence(40, stable), 0, Some([1.0, 5.0, 200.0]));
    assert_eq!(serde_json::to_string(&again).expect("JSON"), text, "the same each time");
}
