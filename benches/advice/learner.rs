//! The program's objective on a few dense features: Newton steps, l2 = 1, no penalty on the intercept. It is a
//! separate, small implementation because the study needs hundreds of thousands of tiny fits.

use crate::world::{FEATURES, Window};

const WIDTH: usize = FEATURES + 1;
const L2: f64 = 1.0;

pub(crate) type Weights = [f64; WIDTH];

/// The treatment of a number outside the range of the rows that a model was fitted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outside {
    /// The nearer end of the range counts, as in the program.
    Held,
    /// The number is used unchanged.
    Extrapolated,
}

/// A fitted model, with the range of each feature in the rows that it was fitted to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Model {
    pub(crate) weights: Weights,
    low: [f64; FEATURES],
    high: [f64; FEATURES],
}

impl Model {
    /// Fits a model to some windows, from given start weights.
    pub(crate) fn fit(windows: &[Window], start: Weights) -> Self {
        let (mut low, mut high) = ([f64::INFINITY; FEATURES], [f64::NEG_INFINITY; FEATURES]);
        for x in windows.iter().flat_map(|window| &window.x) {
            for feature in 0..FEATURES {
                low[feature] = low[feature].min(x[feature]);
                high[feature] = high[feature].max(x[feature]);
            }
        }
        Self { weights: fit(windows, start), low, high }
    }

    pub(crate) fn log_odds(&self, x: &[f64; WIDTH], outside: Outside) -> f64 {
        match outside {
            Outside::Held => log_odds(&self.weights, &self.held(x)),
            Outside::Extrapolated => log_odds(&self.weights, x),
        }
    }

    /// Returns the share of a window's rows with a number outside the range.
    pub(crate) fn share_outside(&self, window: &Window) -> f64 {
        let outside = window.x.iter().filter(|x| self.held(x) != **x).count();
        outside as f64 / window.x.len() as f64
    }

    fn held(&self, x: &[f64; WIDTH]) -> [f64; WIDTH] {
        let mut held = *x;
        for feature in 0..FEATURES {
            held[feature] = x[feature].max(self.low[feature]).min(self.high[feature]);
        }
        held
    }
}

/// Returns the optimum on some windows, from given start weights.
fn fit(windows: &[Window], start: Weights) -> Weights {
    let mut w = start;
    for _ in 0..50 {
        let (mut gradient, mut hessian) = ([0.0; WIDTH], [[0.0; WIDTH]; WIDTH]);
        for window in windows {
            for (x, y) in window.x.iter().zip(&window.y) {
                let p = probability(&w, x);
                let (slope, curve) = (p - f64::from(u8::from(*y)), p * (1.0 - p));
                for i in 0..WIDTH {
                    gradient[i] += slope * x[i];
                    for j in 0..=i {
                        hessian[i][j] += curve * x[i] * x[j];
                    }
                }
            }
        }
        for i in 0..FEATURES {
            gradient[i] += L2 * w[i];
            hessian[i][i] += L2;
        }
        let step = solve(hessian, gradient);
        let largest = step.iter().fold(0.0_f64, |largest, step| largest.max(step.abs()));
        if largest < 1e-7 {
            break;
        }
        // Far from the optimum, a full step can increase the objective.
        let mut length = if largest > 1.0 { 1.0 / largest } else { 1.0 };
        if largest > 0.5 {
            let here = objective(windows, &w);
            while objective(windows, &moved(&w, &step, length)) > here && length > 1e-6 {
                length /= 2.0;
            }
        }
        w = moved(&w, &step, length);
    }
    w
}

fn moved(w: &Weights, step: &Weights, length: f64) -> Weights {
    std::array::from_fn(|i| w[i] - length * step[i])
}

fn objective(windows: &[Window], w: &Weights) -> f64 {
    let rows = windows.iter().flat_map(|window| window.x.iter().zip(&window.y));
    let losses = rows.map(|(x, y)| {
        let margin = if *y { log_odds(w, x) } else { -log_odds(w, x) };
        (-margin.abs()).exp().ln_1p() + (-margin).max(0.0)
    });
    losses.sum::<f64>() + L2 / 2.0 * w[..FEATURES].iter().map(|w| w * w).sum::<f64>()
}

fn probability(w: &Weights, x: &[f64; WIDTH]) -> f64 {
    1.0 / (1.0 + (-log_odds(w, x)).exp())
}

fn log_odds(w: &Weights, x: &[f64; WIDTH]) -> f64 {
    x.iter().zip(w).map(|(x, w)| x * w).sum()
}

/// Solves the system by Cholesky decomposition. Only the lower half of `a` is read.
fn solve(mut a: [[f64; WIDTH]; WIDTH], mut b: [f64; WIDTH]) -> [f64; WIDTH] {
    for i in 0..WIDTH {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| a[i][k] * a[j][k]).sum();
            a[i][j] = if i == j { (a[i][i] - known).max(1e-12).sqrt() } else { (a[i][j] - known) / a[j][j] };
        }
    }
    for i in 0..WIDTH {
        let known: f64 = (0..i).map(|k| a[i][k] * b[k]).sum();
        b[i] = (b[i] - known) / a[i][i];
    }
    for i in (0..WIDTH).rev() {
        let known: f64 = (i + 1..WIDTH).map(|k| a[k][i] * b[k]).sum();
        b[i] = (b[i] - known) / a[i][i];
    }
    b
}
