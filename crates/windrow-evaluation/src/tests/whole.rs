//! Tests of the advice as a whole: the break that it finds, the length of its sentences, and its file.

use super::*;

/// Returns a loss that is higher for models from before window 30, from then on.
pub(super) fn broken(history: Scheme, model: u32, window: u32) -> f64 {
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
}

#[test]
fn a_lasting_jump_is_a_break_and_a_season_is_not() {
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
