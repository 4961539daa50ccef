//! Which way of training (recipe) stands behind `champion`.

use std::collections::BTreeMap;

use crate::contrast::Contrast;
use windrow_record::Scheme;

/// So many windows on which all recipes were judged are needed before one takes office.
const FEWEST_TO_RANK: usize = 12;
/// The newest windows that count.
const NEWEST: usize = 16;

/// The recipe in office behind the last of some windows; `None` before there are enough, when `latest` serves.
///
/// `windows` have, oldest first, their labelled rows and the log-loss sums of models that are one window old, by recipe.
/// Recipes are compared on the newest windows (16 at most) on which all of them were judged. The first of `recipes` takes
/// office when there are enough; a challenger takes its place when the interval of the difference excludes zero, the best one
/// where there are several. Follows from losses alone, window by window, so that it is the same whenever it is asked.
pub fn recipe_in_office(windows: &[(f64, BTreeMap<Scheme, f64>)], recipes: &[Scheme]) -> Option<Scheme> {
    let is_judged = |(rows, losses): &&(f64, BTreeMap<Scheme, f64>)| {
        *rows > 0.0 && recipes.iter().all(|recipe| losses.contains_key(recipe))
    };
    let judged: Vec<_> = windows.iter().filter(is_judged).collect();
    let mut office = None;
    for end in FEWEST_TO_RANK..=judged.len() {
        let holder = *office.get_or_insert(*recipes.first()?);
        let newest = &judged[end.saturating_sub(NEWEST)..end];
        let rows: Vec<f64> = newest.iter().map(|(rows, _)| *rows).collect();
        let contrast = |challenger: &Scheme| {
            let sums: Vec<f64> = newest.iter().map(|(_, losses)| losses[&holder] - losses[challenger]).collect();
            Contrast::new(&sums, &rows)
        };
        let better = recipes.iter().map(|recipe| (*recipe, contrast(recipe)));
        let better = better.filter(|(_, contrast)| contrast.interval().low > 0.0);
        let best = better.max_by(|(_, a), (_, b)| a.mean.total_cmp(&b.mean));
        office = Some(best.map_or(holder, |(recipe, _)| recipe));
    }
    office
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Windows of 100 rows; the second recipe loses so much less a row, from a window on.
    fn windows(count: usize, from: usize, less: f64) -> Vec<(f64, BTreeMap<Scheme, f64>)> {
        let noise = |window: usize| ((window * 7) as f64).sin();
        let window = |window: usize| {
            let better = if window >= from { less } else { -less };
            let losses = [(Scheme::Cumulative, 50.0), (Scheme::Window, 50.0 - 100.0 * better + noise(window))];
            (100.0, BTreeMap::from(losses))
        };
        (0..count).map(window).collect()
    }

    #[test]
    fn a_challenger_takes_office_when_its_interval_excludes_zero() {
        let recipes = [Scheme::Cumulative, Scheme::Window];
        assert_eq!(recipe_in_office(&windows(11, 0, 0.1), &recipes), None, "too few windows");
        assert_eq!(recipe_in_office(&windows(12, 0, 0.1), &recipes), Some(Scheme::Window));
        assert_eq!(recipe_in_office(&windows(30, 0, 0.0), &recipes), Some(Scheme::Cumulative), "noise");
        // Worse at first, and then better for longer than what counts.
        assert_eq!(recipe_in_office(&windows(20, 18, 0.1), &recipes), Some(Scheme::Cumulative));
        assert_eq!(recipe_in_office(&windows(40, 18, 0.1), &recipes), Some(Scheme::Window));
    }
}
