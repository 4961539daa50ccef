//! The model confidence set of Hansen, Lunde and Nason (2011): the series of losses that cannot be distinguished from
//! the best.

/// Returns the p-value of each series: the set at level alpha holds the series with a p-value of at least alpha.
///
/// `losses` are by series and window. `draws` are lists of window indices, as
/// [`stationary_bootstrap`](crate::bootstrap::stationary_bootstrap) returns them.
///
/// Series are eliminated one by one, by the range statistic. Of the two series with the largest studentised difference,
/// the worse one leaves. Its p-value is the share of draws with a larger statistic, and at least the p-value of the
/// series that left before. Variances of differences come from the bootstrap, as in the `arch` package.
pub(crate) fn confidence_set(losses: &[Vec<f64>], draws: &[Vec<usize>]) -> Vec<f64> {
    let series = losses.len();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let means: Vec<f64> = losses.iter().map(|losses| mean(losses)).collect();
    let centred = |draw: &Vec<usize>| {
        let centred = losses.iter().zip(&means).map(|(losses, mean)| {
            draw.iter().map(|index| losses[*index]).sum::<f64>() / draw.len().max(1) as f64 - mean
        });
        centred.collect()
    };
    let drawn: Vec<Vec<f64>> = draws.iter().map(centred).collect();
    let mut scale = vec![0.0; series * series];
    for drawn in &drawn {
        for a in 0..series {
            for b in 0..a {
                scale[a * series + b] += (drawn[a] - drawn[b]).powi(2);
            }
        }
    }
    let scale = |a: usize, b: usize| {
        let (high, low) = (a.max(b), a.min(b));
        let variance = scale[high * series + low] / drawn.len().max(1) as f64;
        if variance > 0.0 { 1.0 / variance.sqrt() } else { 0.0 }
    };
    let mut p_values = vec![1.0; series];
    let mut left: Vec<usize> = (0..series).collect();
    let mut highest = 0.0_f64;
    while left.len() > 1 {
        let pairs = || left.iter().flat_map(|a| left.iter().filter(move |b| *b != a).map(move |b| (*a, *b)));
        let (worst, statistic) = pairs()
            .map(|(a, b)| (a, (means[a] - means[b]) * scale(a, b)))
            .fold((left[0], f64::NEG_INFINITY), |most, next| if next.1 > most.1 { next } else { most });
        let scaled: Vec<_> = pairs().filter(|(a, b)| a < b).map(|(a, b)| (a, b, scale(a, b))).collect();
        let exceed = drawn
            .iter()
            .filter(|drawn| scaled.iter().any(|(a, b, scale)| ((drawn[*a] - drawn[*b]) * scale).abs() > statistic));
        highest = highest.max(exceed.count() as f64 / drawn.len().max(1) as f64);
        p_values[worst] = highest;
        left.retain(|series| *series != worst);
    }
    p_values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::{mean_run, stationary_bootstrap};

    #[derive(serde::Deserialize)]
    struct Case {
        losses: Vec<Vec<f64>>,
        p: Vec<f64>,
    }

    #[test]
    fn the_p_values_are_those_of_the_arch_package() {
        let text = include_str!("../../../fixtures/confidence-sets.json");
        let cases: Vec<Case> = serde_json::from_str(text).expect("the fixture");
        for case in cases {
            let windows = case.losses[0].len();
            let draws = stationary_bootstrap(windows, mean_run(windows).round(), 10_000);
            let found = confidence_set(&case.losses, &draws);
            for (ours, theirs) in found.iter().zip(&case.p) {
                // The tolerance is about three standard errors of the difference: 10,000 draws here, 20,000 by `arch`.
                assert!((ours - theirs).abs() < 0.02, "{found:?} {:?}", case.p);
            }
        }
    }

    #[test]
    fn series_that_are_the_same_stay_together() {
        let losses = vec![vec![0.5, 0.6, 0.4, 0.5]; 3];
        let p = confidence_set(&losses, &stationary_bootstrap(4, 2.0, 100));
        assert!(p.iter().all(|p| *p == 1.0 || *p == 0.0), "{p:?}");
        assert_eq!(confidence_set(&[vec![0.5]], &[vec![0]]), [1.0]);
    }
}
