//! The coverage of the intervals, and the theory of random walks.

use std::collections::BTreeMap;

use rayon::prelude::*;
use windrow_evaluation::{Contrast, Policy, Refit, Trial};
use windrow_record::Scheme;

use crate::learner::Outside;
use crate::shares::share;
use crate::study::{evidence, models, step};
use crate::world::{ChangeKind, FEATURES, ROWS, World};

const WORLDS: [ChangeKind; 4] = [ChangeKind::Stable, ChangeKind::Moving, ChangeKind::SlowWalk, ChangeKind::Seasons];
const JUDGED_WINDOWS: [usize; 3] = [12, 24, 60];

/// The number of histories with the same course of the coefficients.
const HISTORIES_PER_COURSE: u64 = 20;

/// The interval of one history, with the expected difference on its windows.
type Seen = (Contrast, f64);

/// Prints the table of coverage: the intervals of the difference between two policies. `seeds` is the number of
/// histories of each world.
///
/// An interval promises to cover the expected difference in this course of the world: the mean over histories with the
/// same coefficients and other rows. The mean over all courses is shown next to it.
pub(crate) fn print(seeds: u64) {
    let courses = seeds.div_ceil(HISTORIES_PER_COURSE);
    println!(
        "\n{courses} courses, {HISTORIES_PER_COURSE} histories each: coverage of the 95% interval of a difference in log-loss\n"
    );
    println!(
        "| world | difference | windows judged | this course covered | all courses covered | mean width | true difference |"
    );
    println!("|---|---|---|---|---|---|---|");
    let four = Scheme::Sliding(std::num::NonZeroU32::new(4).expect("not 0"));
    let every = |history, every| Policy { history, refit: Refit::Every(every) };
    let pairs = [
        ("last 4, every - all, every", every(four, 1), every(Scheme::Cumulative, 1)),
        ("last 4, every 2nd - last 4, every", every(four, 2), every(four, 1)),
    ];
    for kind in WORLDS {
        let history = |history: u64| -> Vec<Vec<Seen>> {
            let course = 500_000 + history / HISTORIES_PER_COURSE;
            let windows = World { kind }.windows_of_course(64, course, 500_000 + history);
            let models = models(&windows, &[four, Scheme::Cumulative]);
            let [seen, truth] = evidence(&windows, &models, Outside::Held);
            let judged = |count: usize| {
                let last = 4 + count as u32;
                let (trial, expected) =
                    (Trial::over(&seen, 5, last, &[], 0, 1), Trial::over(&truth, 5, last, &[], 0, 1));
                let each = pairs.iter().map(|(_, a, b)| {
                    let difference = |trial: &Trial, evidence| -> Vec<f64> {
                        let of = |policy| trial.planned(evidence, policy).expect("losses of all").log_loss;
                        of(*a).iter().zip(of(*b)).map(|(a, b)| a - b).collect()
                    };
                    let contrast = Contrast::new(&difference(&trial, &seen), &trial.rows);
                    let expected = difference(&expected, &truth).iter().sum::<f64>() / (count * ROWS) as f64;
                    (contrast, expected)
                });
                each.collect()
            };
            JUDGED_WINDOWS.map(judged).into()
        };
        let all: Vec<Vec<Vec<Seen>>> = (0..courses * HISTORIES_PER_COURSE).into_par_iter().map(history).collect();
        for (pair, (name, ..)) in pairs.iter().enumerate() {
            for (index, judged) in JUDGED_WINDOWS.iter().enumerate() {
                let seen: Vec<Seen> = all.iter().map(|one| one[index][pair]).collect();
                let truth = mean(&seen);
                let in_course = seen.chunks(HISTORIES_PER_COURSE as usize).map(|course| covered(course, mean(course)));
                let width = seen.iter().map(|(contrast, _)| contrast.interval().high - contrast.interval().low);
                println!(
                    "| {} | {name} | {judged} | {} | {} | {:.4} | {truth:+.4} |",
                    kind.name(),
                    share(in_course.sum(), seen.len()),
                    share(covered(&seen, truth), seen.len()),
                    width.sum::<f64>() / seen.len() as f64
                );
            }
        }
    }
}

/// Returns the mean expected difference of some histories.
fn mean(seen: &[Seen]) -> f64 {
    seen.iter().map(|(_, expected)| expected).sum::<f64>() / seen.len() as f64
}

/// Returns the number of histories whose interval contains a value.
fn covered(seen: &[Seen], truth: f64) -> usize {
    let covers = |(contrast, _): &&Seen| {
        let interval = contrast.interval();
        interval.low <= truth && truth <= interval.high
    };
    seen.iter().filter(covers).count()
}

/// Returns the theory of a random walk: the loss beyond that of the true coefficients, for a history of h windows and a
/// refit every m windows, to second order.
///
/// Let c be the mean curvature p (1 - p) per row, n the rows per window, q the standard deviation of a step, l the
/// penalty, and w^2 the mean square of the coefficients. An estimate from h windows has three squared errors:
///
/// - from sampling: v = h n c / (h n c + l)^2
/// - from the penalty: b = (l / (h n c + l))^2 w^2
/// - from the walk: d = q^2 ((h + 1) (2 h + 1) / (6 h) + (m - 1) / 2)
///
/// Each coefficient costs c / 2 times their sum.
pub(crate) fn walk(world: World, gain: f64) -> Vec<String> {
    let Some(q) = step(world.kind) else { return Vec::new() };
    let seeds = 20;
    // The mean curvature over histories of the world, and the mean square of the penalised estimates of its
    // coefficients.
    let mut curvature = 0.0;
    let mut square = 0.0;
    for seed in 0..seeds {
        let windows = world.windows(60, 900_000 + seed);
        let last = models(&windows[52..], &[Scheme::Cumulative]);
        let weights = last[&(Scheme::Cumulative, 8)].weights;
        square += weights[..FEATURES].iter().map(|w| w * w).sum::<f64>() / FEATURES as f64 / seeds as f64;
        for window in &windows[16..] {
            let rows = window.p.iter().map(|p| p * (1.0 - p)).sum::<f64>();
            curvature += rows / (window.p.len() * 44) as f64 / seeds as f64;
        }
    }
    let cost = |h: f64, m: f64| {
        let known = h * ROWS as f64 * curvature;
        let sampling = known / (known + 1.0).powi(2);
        let penalty = square / (known + 1.0).powi(2);
        let walk = q * q * ((h + 1.0) * (2.0 * h + 1.0) / (6.0 * h) + (m - 1.0) / 2.0);
        (FEATURES + 1) as f64 * curvature / 2.0 * (sampling + penalty + walk)
    };
    let mut all: BTreeMap<u64, String> = BTreeMap::new();
    for h in [1_u32, 2, 4, 8, 16] {
        for m in [1_u32, 2, 4, 8] {
            let share = 100.0 * (cost(f64::from(h), f64::from(m)) - cost(best(&cost), 1.0)) / gain;
            all.insert((share * 1e6) as u64, format!("last {h}, every {m}: {:.0}%", 100.0 - share));
        }
    }
    let listed: Vec<String> = all.into_values().take(6).collect();
    let exact = (3.0 / (ROWS as f64 * curvature * q * q) + 0.5).sqrt();
    vec![format!("theory (h* = sqrt(3 / (n c q^2) + 1/2) = {exact:.1}): {}", listed.join("; "))]
}

fn best(cost: &impl Fn(f64, f64) -> f64) -> f64 {
    let histories = [1.0, 2.0, 4.0, 8.0, 16.0];
    histories.into_iter().min_by(|a: &f64, b| cost(*a, 1.0).total_cmp(&cost(*b, 1.0))).unwrap_or(1.0)
}
