//! Loss, slope and curvature of each row of a tile, without branches and calls, so that the code is vectorised.

use crate::model::kernel::layout::{TILE, Tile};

/// Computes slopes and curvatures from the log-odds, and returns the sum of the losses. After the last row, slopes and
/// curvatures are 0.
#[inline(always)]
pub(super) fn fill(labels: &[bool], tile: &mut Tile) -> f64 {
    const LANES: usize = 8;
    let mut product = [1.0; LANES];
    let mut sum = [0.0; LANES];
    let Tile { z, slope, curvature, .. } = tile;
    let mut signs = [1.0; TILE];
    for (sign, label) in signs.iter_mut().zip(labels) {
        *sign = if *label { 1.0 } else { -1.0 };
    }
    // A missing row at the end counts as one that is predicted with certainty.
    z[labels.len()..].fill(f64::INFINITY);
    let given = z.chunks_exact(LANES).zip(signs.chunks_exact(LANES));
    let wanted = slope.chunks_exact_mut(LANES).zip(curvature.chunks_exact_mut(LANES));
    for ((z, signs), (slope, curvature)) in given.zip(wanted) {
        for lane in 0..LANES {
            let margin = z[lane] * signs[lane];
            let tail = exp(-margin.abs());
            let inverse = 1.0 / (1.0 + tail);
            let unlikely = tail * inverse;
            slope[lane] = -signs[lane] * if margin >= 0.0 { unlikely } else { inverse };
            curvature[lane] = inverse * unlikely;
            // The logarithm of a product is the sum of the logarithms, and needs one call instead of many.
            product[lane] *= 1.0 + tail;
            // A margin of NaN makes this NaN as well.
            sum[lane] += if margin >= 0.0 { 0.0 } else { -margin };
        }
    }
    product.iter().product::<f64>().ln() + sum.iter().sum::<f64>()
}

/// Returns exp(x) for x of at most 0, exact to about the last digit. It writes x = k ln 2 + r with |r| at most half
/// of ln 2. Then it sums the series of exp(r) up to the power of 13, and adds k to the exponent. x is clamped to -708,
/// where the result is nearly 0.
#[inline(always)]
pub(in crate::model) fn exp(x: f64) -> f64 {
    /// 1.5 * 2^52. Adding it to a small number rounds the number and leaves it in the lowest bits.
    const ROUNDING_OFFSET: f64 = 6_755_399_441_055_744.0;
    /// ln(2) in two parts (Cody and Waite): k times the first is exact.
    const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const SERIES: [f64; 11] = [
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
    ];
    let x = if x < -708.0 { -708.0 } else { x };
    let shifted = x * std::f64::consts::LOG2_E + ROUNDING_OFFSET;
    let k = shifted - ROUNDING_OFFSET;
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    let mut series = 1.0 / 6_227_020_800.0;
    for term in SERIES {
        series = series * r + term;
    }
    let beyond_one = series * r * r + r;
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    beyond_one * power + power
}

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn exp_is_exact_to_about_the_last_digit() {
        let mut worst = 0.0_f64;
        for step in 0..=2_000_000 {
            let x = -708.0 * (f64::from(step) / 2_000_000.0).powi(3);
            worst = worst.max((exp(x) / x.exp() - 1.0).abs());
        }
        assert!(worst < 3.0 * f64::EPSILON, "{worst:e}");
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f64::NEG_INFINITY) < 1e-300 && exp(-1e300) > 0.0);
        assert!(exp(f64::NAN).is_nan());
    }
}
