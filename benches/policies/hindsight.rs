//! The costs of a refit at which the policies are compared.

use windrow_record::Scheme;

use crate::losses::{Losses, Span};

/// Returns the costs of a refit, in wrong answers: from 0 in equal steps to the lowest cost at which no refit pays, even
/// in hindsight.
pub(crate) fn costs(losses: &Losses, span: &Span, count: u32) -> Vec<f64> {
    let highest = highest_cost(losses, span);
    let steps = f64::from(count.max(2) - 1);
    (0..count).map(|step| highest * f64::from(step) / steps).collect()
}

/// Returns the lowest cost at which no refit pays.
///
/// Let E(k) be the least number of wrong answers with k refits. Then k refits pay if the cost is below
/// (E(0) - E(k)) / k, so the largest of these numbers is the result.
fn highest_cost(losses: &Losses, span: &Span) -> f64 {
    let fewest = fewest_by_refits(losses, span);
    let gains = fewest.iter().enumerate().skip(1).map(|(refits, wrong)| (fewest[0] - wrong) / refits as f64);
    gains.filter(|gain| gain.is_finite()).fold(0.0, f64::max)
}

/// Returns the least number of wrong answers with 0, 1, 2, ... refits. Each fit may use any history.
fn fewest_by_refits(losses: &Losses, span: &Span) -> Vec<f64> {
    let windows: Vec<u32> = (span.first..=span.last).collect();
    let sums = |model: u32, from: usize| best_sums(losses, model, &windows[from..]);
    // The first model may be any that was known then.
    let mut reached = vec![f64::INFINITY; windows.len()];
    for model in 1..=span.known(span.first) {
        reached.iter_mut().zip(sums(model, 0)).for_each(|(least, sum)| *least = least.min(sum));
    }
    let refitted: Vec<Vec<f64>> =
        windows.iter().enumerate().map(|(at, window)| sums(span.known(*window), at)).collect();
    let mut fewest = vec![reached[windows.len() - 1]];
    for _ in 1..windows.len() {
        let mut next = vec![f64::INFINITY; windows.len()];
        for (at, sums) in refitted.iter().enumerate().skip(1) {
            for (end, sum) in (at..).zip(sums) {
                next[end] = next[end].min(reached[at - 1] + sum);
            }
        }
        reached = next;
        fewest.push(reached[windows.len() - 1]);
    }
    fewest
}

/// Returns, for each run of `windows` from the first one on, the wrong answers of the history that is best on this run.
fn best_sums(losses: &Losses, model: u32, windows: &[u32]) -> Vec<f64> {
    let mut best = vec![f64::INFINITY; windows.len()];
    for history in &losses.histories {
        let sums = running_sums(losses, *history, model, windows);
        best.iter_mut().zip(sums).for_each(|(least, sum)| *least = least.min(sum));
    }
    best
}

fn running_sums(losses: &Losses, history: Scheme, model: u32, windows: &[u32]) -> impl Iterator<Item = f64> {
    let mut sum = 0.0;
    windows.iter().map(move |window| {
        sum += losses.wrong(history, model, *window).map_or(f64::INFINITY, |wrong| wrong as f64);
        sum
    })
}
