//! The choice of the scheme whose models serve as `champion`.

use std::collections::BTreeMap;

use crate::contrast::Contrast;
use windrow_record::Scheme;

/// The number of windows on which all schemes must have been judged before one is chosen.
const MIN_WINDOWS: usize = 12;
/// The maximum number of newest windows that are compared.
const MAX_WINDOWS: usize = 16;

/// Returns the scheme of the champion after the last of `windows`. Returns `None` if there are fewer than 12 windows;
/// `latest` then serves.
///
/// `windows` are those whose labels are known, in ascending order. Each has its number of labelled rows and, by scheme,
/// the log-loss sum of the newest model whose labels were known when the window began. If labels are not late, that
/// model is one window old.
///
/// Schemes are compared on the newest windows (at most 16) on which all of them were judged. The first of `schemes`
/// is chosen first. A challenger replaces it if the interval of their difference excludes zero; of several
/// challengers, the best one does. The result is computed window by window from the losses only, so that it does not
/// depend on when it is computed.
pub fn champion_scheme(windows: &[(f64, BTreeMap<Scheme, f64>)], schemes: &[Scheme]) -> Option<Scheme> {
    let is_judged = |(rows, losses): &&(f64, BTreeMap<Scheme, f64>)| {
        *rows > 0.0 && schemes.iter().all(|scheme| losses.contains_key(scheme))
    };
    let judged: Vec<_> = windows.iter().filter(is_judged).collect();
    let mut chosen = None;
    for end in MIN_WINDOWS..=judged.len() {
        let holder = *chosen.get_or_insert(*schemes.first()?);
        let newest = &judged[end.saturating_sub(MAX_WINDOWS)..end];
        let rows: Vec<f64> = newest.iter().map(|(rows, _)| *rows).collect();
        let contrast = |challenger: &Scheme| {
            let sums: Vec<f64> = newest.iter().map(|(_, losses)| losses[&holder] - losses[challenger]).collect();
            Contrast::new(&sums, &rows)
        };
        let better = schemes.iter().map(|scheme| (*scheme, contrast(scheme)));
        let better = better.filter(|(_, contrast)| contrast.interval().low > 0.0);
        let best = better.max_by(|(_, a), (_, b)| a.mean.total_cmp(&b.mean));
        chosen = Some(best.map_or(holder, |(scheme, _)| scheme));
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns windows of 100 rows. From window `from` on, the second scheme's loss per row is lower by `less`; before,
    /// it is higher.
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
    fn a_challenger_becomes_champion_when_its_interval_excludes_zero() {
        let schemes = [Scheme::Cumulative, Scheme::Window];
        assert_eq!(champion_scheme(&windows(11, 0, 0.1), &schemes), None, "too few windows");
        assert_eq!(champion_scheme(&windows(12, 0, 0.1), &schemes), Some(Scheme::Window));
        assert_eq!(champion_scheme(&windows(30, 0, 0.0), &schemes), Some(Scheme::Cumulative), "noise");
        // The second scheme is worse at first, and then better for more windows than are compared.
        assert_eq!(champion_scheme(&windows(20, 18, 0.1), &schemes), Some(Scheme::Cumulative));
        assert_eq!(champion_scheme(&windows(40, 18, 0.1), &schemes), Some(Scheme::Window));
    }
}
