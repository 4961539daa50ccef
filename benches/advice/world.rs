//! Worlds that generate rows, window by window. In all of them the features' means have an autocorrelation of 0.6 from
//! window to window, so that neighbouring windows are similar in every world.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

pub(crate) const FEATURES: usize = 4;
pub(crate) const ROWS: usize = 300;
/// The autocorrelation of the features' means from window to window.
const AUTOCORRELATION: f64 = 0.6;
/// The standard deviation of a step of each coefficient, in the slow and in the fast random walk.
pub(crate) const SLOW_STEP: f64 = 0.05;
pub(crate) const FAST_STEP: f64 = 0.25;
/// The rise of the first feature's mean from window to window, in the world with a trend. It is 3 after 60 windows.
const TREND_STEP: f64 = 0.05;
/// The only values of the first feature in the separable window: one for each class.
const SEPARABLE_VALUES: [f64; 2] = [0.0, 0.25];

/// The kind of change in a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Stable,
    Break,
    SlowWalk,
    FastWalk,
    Moving,
    Seasons,
    BaseRate,
    Nothing,
    TooFew,
    ManyRows,
    FewWindows,
    /// The mean of a feature rises, and its coefficient stays the same. Models that hold numbers lose what they could
    /// have extrapolated.
    Trend,
    /// A feature has only two values in one window, and they separate the classes. A model of this window has a steep slope.
    Separable,
}

impl ChangeKind {
    pub(crate) const ALL: [Self; 13] = [
        Self::Stable,
        Self::Break,
        Self::SlowWalk,
        Self::FastWalk,
        Self::Moving,
        Self::Seasons,
        Self::BaseRate,
        Self::Nothing,
        Self::TooFew,
        Self::ManyRows,
        Self::FewWindows,
        Self::Trend,
        Self::Separable,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Break => "break",
            Self::SlowWalk => "slow-walk",
            Self::FastWalk => "fast-walk",
            Self::Moving => "moving",
            Self::Seasons => "seasons",
            Self::BaseRate => "base-rate",
            Self::Nothing => "nothing",
            Self::TooFew => "too-few",
            Self::ManyRows => "many-rows",
            Self::FewWindows => "few-windows",
            Self::Trend => "trend",
            Self::Separable => "separable",
        }
    }

    /// Returns whether rows of this world are far outside the range of earlier rows.
    pub(crate) fn has_rows_outside(self) -> bool {
        matches!(self, Self::Trend | Self::Separable)
    }

    pub(crate) fn windows(self) -> usize {
        match self {
            Self::TooFew => 10,
            Self::ManyRows => 40,
            // 20 of these are judged.
            Self::FewWindows => 28,
            _ => 60,
        }
    }

    /// Returns the number of rows of a window.
    fn rows(self) -> usize {
        if self == Self::ManyRows { 10 * ROWS } else { ROWS }
    }
}

/// A world with one kind of change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct World {
    pub(crate) kind: ChangeKind,
}

/// A window's rows, with the true probability of each.
pub(crate) struct Window {
    /// The features of each row. The last column is the intercept's 1.
    pub(crate) x: Vec<[f64; FEATURES + 1]>,
    pub(crate) p: Vec<f64>,
    pub(crate) y: Vec<bool>,
}

pub(crate) struct RandomNumbers(ChaCha8Rng);

impl RandomNumbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub(crate) fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns a standard normal number (Box and Muller, 1958).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

const INITIAL_WEIGHTS: [f64; FEATURES + 1] = [0.8, -0.6, 0.4, 0.0, -0.8];

impl World {
    /// Generates all windows of one history of this world.
    pub(crate) fn windows(self, count: usize, seed: u64) -> Vec<Window> {
        self.windows_of_course(count, seed, seed)
    }

    /// Generates all windows of one history. The coefficients follow from `course`; the rows and labels from both.
    pub(crate) fn windows_of_course(self, count: usize, course: u64, seed: u64) -> Vec<Window> {
        let mut course = RandomNumbers::new(course);
        // Another stream of numbers than that of the course, also for the same seed.
        let mut dice = RandomNumbers::new(!seed);
        let mut coefficients = INITIAL_WEIGHTS;
        let mut means = [0.0; FEATURES];
        let mut moved = [0.0; FEATURES + 1];
        let changes = 20 + (course.uniform() * 20.0) as usize;
        let windows = (0..count).map(|window| {
            for mean in &mut means {
                *mean =
                    AUTOCORRELATION * *mean + 0.4 * (1.0 - AUTOCORRELATION * AUTOCORRELATION).sqrt() * dice.normal();
            }
            let mut used = coefficients;
            match self.kind {
                ChangeKind::Stable
                | ChangeKind::TooFew
                | ChangeKind::ManyRows
                | ChangeKind::FewWindows
                | ChangeKind::Trend
                | ChangeKind::Separable => {}
                ChangeKind::Break if window >= changes => used = [-0.6, 0.8, 0.4, 0.6, -0.4],
                ChangeKind::Break => {}
                ChangeKind::SlowWalk | ChangeKind::FastWalk => {
                    let step = if self.kind == ChangeKind::SlowWalk { SLOW_STEP } else { FAST_STEP };
                    for coefficient in &mut coefficients {
                        *coefficient += step * course.normal();
                    }
                    used = coefficients;
                }
                ChangeKind::Moving => {
                    for (moved, used) in moved.iter_mut().zip(&mut used) {
                        *moved = AUTOCORRELATION * *moved
                            + 0.5 * (1.0 - AUTOCORRELATION * AUTOCORRELATION).sqrt() * course.normal();
                        *used += *moved;
                    }
                }
                ChangeKind::Seasons => {
                    let turn = (std::f64::consts::TAU * window as f64 / 12.0).sin();
                    used[0] += turn;
                    used[1] += turn;
                }
                ChangeKind::BaseRate => used[FEATURES] += if window >= changes { 1.5 } else { 0.0 },
                ChangeKind::Nothing => used = [0.0, 0.0, 0.0, 0.0, -0.8],
            }
            let trend = if self.kind == ChangeKind::Trend { TREND_STEP * window as f64 } else { 0.0 };
            let is_separable = self.kind == ChangeKind::Separable && window == changes;
            let mut rows = Window { x: Vec::new(), p: Vec::new(), y: Vec::new() };
            for _ in 0..self.kind.rows() {
                let mut x = [1.0; FEATURES + 1];
                for (x, mean) in x.iter_mut().zip(&means) {
                    *x = mean + dice.normal();
                }
                x[0] += trend;
                let z: f64 = x.iter().zip(&used).map(|(x, w)| x * w).sum();
                let mut p = 1.0 / (1.0 + (-z).exp());
                if is_separable {
                    let class = usize::from(x[0] > means[0]);
                    x[0] = SEPARABLE_VALUES[class];
                    p = class as f64;
                }
                rows.y.push(dice.uniform() < p);
                rows.x.push(x);
                rows.p.push(p);
            }
            rows
        });
        windows.collect()
    }
}
