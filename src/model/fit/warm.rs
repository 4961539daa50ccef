//! An earlier model's coefficients as the starting point of the next: the same function of a row, as far as the next
//! encoder can say it.

use std::collections::HashMap;
use std::io;

use crate::model::artifact::Learned;
use crate::model::chunk::Chunk;
use crate::model::design::Design;
use crate::model::encoder::{EncodedFeature, Encoder, Encoding, Level};
use crate::model::kernel::{Order, Sums, Tile, Weights};

/// One chunk in so many is looked at to choose a start.
const SAMPLED: usize = 16;

/// Intercept and weights in the order of `encoder`. A number's weight follows its deviation, and what its mean has moved
/// by goes into the intercept; a level that the earlier model did not know had been `other` to it.
pub(super) fn translate(earlier: &Learned, encoder: &Encoder) -> (f64, Vec<f64>) {
    let mut known: HashMap<(&str, &str), Part<'_>> = HashMap::new();
    let mut weights = earlier.weights();
    for feature in &earlier.encoder.features {
        let of_feature: Vec<f64> = weights.by_ref().take(feature.encoding.width()).collect();
        known.insert(name(feature), Part { encoding: &feature.encoding, weights: of_feature });
    }
    let mut intercept = earlier.intercept.weight;
    let mut translated = Vec::with_capacity(encoder.width());
    for feature in &encoder.features {
        let part = known.get(&name(feature));
        match (&feature.encoding, part.map(|part| (part.encoding, &part.weights[..]))) {
            (
                Encoding::Number { mean, deviation, .. },
                Some((Encoding::Number { mean: before, deviation: unit, .. }, [weight])),
            ) => {
                intercept += weight * (mean - before) / unit;
                // The ratio first: where the deviation is the same, the weight is too, to the last digit.
                translated.push(weight * (deviation / unit));
            }
            (
                Encoding::Category { levels } | Encoding::Calendar { levels, .. },
                Some((Encoding::Category { levels: before } | Encoding::Calendar { levels: before, .. }, weights)),
            ) => {
                let by_level: HashMap<&Level, f64> = before.iter().zip(weights.iter().copied()).collect();
                let other = by_level.get(&Level::Other).copied().unwrap_or_default();
                translated.extend(levels.iter().map(|level| by_level.get(level).copied().unwrap_or(other)));
            }
            (encoding, _) => translated.extend(std::iter::repeat_n(0.0, encoding.width())),
        }
    }
    // Means far apart in units of a tiny deviation: what is not finite is no place to start from.
    if intercept.is_finite() && translated.iter().all(|weight| weight.is_finite()) {
        (intercept, translated)
    } else {
        (0.0, vec![0.0; encoder.width()])
    }
}

/// The candidate with the lowest loss on a sample of the rows: where the world has changed, an earlier model may be worse
/// than none.
///
/// # Errors
/// The rows cannot be read again.
pub(super) fn choose<T>(design: &Design, mut candidates: Vec<(T, Vec<f64>)>) -> io::Result<(T, Vec<f64>)> {
    let mut losses = Vec::with_capacity(candidates.len());
    if candidates.len() > 1 {
        for (_, coefficients) in &candidates {
            losses.push(sampled_loss(design, coefficients)?);
        }
    }
    let best = (0..losses.len()).min_by(|a, b| losses[*a].total_cmp(&losses[*b])).unwrap_or_default();
    Ok(candidates.swap_remove(best))
}

fn sampled_loss(design: &Design, coefficients: &[f64]) -> io::Result<f64> {
    let shape = design.shape();
    let (mut weights, mut tile, mut buffer) = (Weights::zero(shape), Tile::new(shape), Chunk::default());
    design.set_weights(coefficients, &mut weights);
    let mut sums = Sums::zero(shape, Order::Gradient);
    for place in (0..design.pieces()).step_by(SAMPLED) {
        design.with_piece(place, &mut buffer, |rows| rows.add(&weights, Order::Gradient, &mut tile, &mut sums))?;
    }
    // NaN without a sign sorts behind every number.
    Ok(sums.value().abs())
}

struct Part<'a> {
    encoding: &'a Encoding,
    weights: Vec<f64>,
}

/// A column may be there as itself and, being the time, by its parts.
fn name(feature: &EncodedFeature) -> (&str, &str) {
    let part = match &feature.encoding {
        Encoding::Calendar { part, .. } => part.name(),
        Encoding::Number { .. } | Encoding::Category { .. } => "",
    };
    (&feature.column, part)
}
