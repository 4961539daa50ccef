//! Tables that lack some fits or scores: what is left out is named.

use std::collections::BTreeSet;

use windrow_evaluation::Refit;
use windrow_record::Scheme;

use super::Tables;
use super::kinds::{table, text};
use crate::Judged;

/// Returns the rows of a table for which `has` is true, given the history and the newest window of the fit.
fn with_fits(table: &str, has: impl Fn(&str, u32) -> bool) -> String {
    let is_kept = |line: &&str| {
        let fields: Vec<&str> = line.split(',').collect();
        fields[0] == "window" || has(fields[4], fields[3].parse().expect("a window"))
    };
    table.lines().filter(is_kept).map(|line| format!("{line}\n")).collect()
}

fn histories(judged: &Judged) -> BTreeSet<Scheme> {
    judged.advice.comparison.planned.iter().map(|found| found.policy.history).collect()
}

#[test]
fn a_window_without_a_fit_of_each_history_is_left_out() {
    let whole = table(&[0, 2], |through, window| window - through == 1);
    let judged = Tables::new(&with_fits(&whole, |history, through| history != "2" || through != 20)).judge();
    assert_eq!(histories(&judged).len(), 2);
    let windows = judged.advice.basis.judged.as_ref().expect("judged windows");
    assert_eq!(windows.windows, windows.last - windows.first);
    let all = text(&judged);
    assert!(all.contains("1 window is left out: not each history has scores of its newest fit there."), "{all}");
}

#[test]
fn a_history_that_leaves_too_few_windows_is_named() {
    let whole = table(&[0, 4], |through, window| window - through == 1);
    let judged = Tables::new(&with_fits(&whole, |history, through| history != "4" || through >= 30)).judge();
    assert_eq!(histories(&judged), BTreeSet::from([Scheme::Cumulative]));
    let all = text(&judged);
    let expected = "The history `last 4 windows` is not judged: its newest fit has no scores on window ";
    assert!(all.contains(expected), "{all}");
}

#[test]
fn a_history_that_is_too_long_is_named() {
    let whole = table(&[0, 20], |through, window| window - through == 1);
    let judged = Tables::new(&with_fits(&whole, |history, through| history != "20" || through >= 20)).judge();
    assert_eq!(histories(&judged), BTreeSet::from([Scheme::Cumulative]));
    let all = text(&judged);
    assert!(all.contains("The history `last 20 windows` is not judged: it is too long for 40 windows."), "{all}");
}

#[test]
fn the_age_that_each_fit_reaches_counts() {
    let judged = Tables::new(&table(&[0], |through, window| window - through <= 2 || through == 3)).judge();
    let all = text(&judged);
    assert!(all.contains("some fits were scored on at most the 2nd window after them"), "{all}");
}

#[test]
fn fits_of_one_phase_are_not_followed() {
    let judged = Tables::new(&table(&[0, 2], |through, window| through % 4 == 0 && window - through <= 4)).judge();
    assert!(judged.advice.recommendation.followed.is_none());
    assert!(judged.advice.comparison.further.iter().all(|found| found.policy.refit != Refit::Advice));
    let sentences = judged.advice.recommendation.sentences.join(" ");
    assert!(!sentences.contains("Following the advice") && !sentences.contains("not been followed"), "{sentences}");
    assert!(!text(&judged).contains("No other schedule was compared"));
    let one = Tables::new(&table(&[0], |through, window| through % 4 == 0 && window - through <= 4)).judge();
    assert!(text(&one).contains("No other schedule was compared: the table has one."), "{}", text(&one));
}
