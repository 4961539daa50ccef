//! The data that a pass over the rows works on: the shape of a row, its scale and weights, and the memory of a tile.

use aligned_vec::{AVec, avec};
use pulp::{Arch, Simd, WithSimd};

use crate::model::kernel::joint::{Joint, join};

/// The number of rows in a tile. With a dozen numbers, x and v of a tile are 32 KiB and stay in the first-level cache.
/// The product of the tile's 1 + exp(-|z|) stays far below the largest `f64`.
pub(super) const TILE: usize = 128;
/// The number of rows whose pairs of levels are summed at once.
pub(super) const BATCH: usize = 8 * TILE;
/// The largest joints that are tried, by their number of levels. The table of two joints of 64 levels has 32 KiB.
const JOINT_LEVELS: [usize; 4] = [64, 32, 16, 8];
/// The most sums in the tables for each row.
const TABLE_SUMS_PER_ROW: usize = 2;
/// The most sums in the tables of joints of several features, 8 MiB.
const MAX_TABLE_SUMS: usize = 1 << 20;
/// The number of lines of the dense sums that one micro-kernel holds in registers.
pub(super) const LINES: usize = 4;
/// The largest standardised cell. Larger cells are clamped to it, so that no weight makes them infinite.
pub(in crate::model) const MAX_CELL: f64 = 1e150;

/// The numbers and levels of a row, and the layout of their sums.
pub(in crate::model) struct Shape {
    /// The number of numeric features.
    pub(in crate::model) numbers: usize,
    /// The number of lanes of a row: the numbers, the intercept, the slope, and the padding of the last vector.
    pub(super) padded: usize,
    /// The index of each one-hot feature's first level among all levels.
    pub(in crate::model) first: Vec<usize>,
    /// The one-hot features, as the kernel reads them.
    pub(in crate::model) joints: Vec<Joint>,
    /// The start of the table of each pair of joints, in the order (1, 0), (2, 0), (2, 1), ...
    pub(super) tables: Vec<usize>,
    pub(super) pair_sums: usize,
}

/// The standardisation of numbers, one per lane. A lane without a number gets the same x in every row.
pub(in crate::model) struct Scale {
    pub(super) missing: AVec<f64>,
    pub(super) mean: AVec<f64>,
    pub(super) inverse: AVec<f64>,
}

/// The coefficients, by lane and by combination of levels.
pub(in crate::model) struct Weights {
    pub(super) lanes: AVec<f64>,
    pub(super) combinations: Vec<f64>,
}

pub(in crate::model) struct Tile {
    pub(super) x: AVec<f64>,
    pub(super) v: AVec<f64>,
    /// The curvature of each row of a batch.
    pub(super) curvatures: [f64; BATCH],
    pub(super) z: [f64; TILE],
    pub(super) slope: [f64; TILE],
    pub(super) curvature: [f64; TILE],
}

/// The derivatives that a pass computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::model) enum Order {
    /// The loss and the first derivatives.
    Gradient,
    /// The loss, and the sums of the curvatures instead of the slopes. For the intercept and for levels, they are the
    /// diagonal of the Hessian.
    Curvatures,
    /// The loss, the first and the second derivatives.
    Hessian,
}

impl Shape {
    /// Lays out a number of rows, each with some numbers and with one-hot features of these numbers of levels.
    pub(in crate::model) fn new(numbers: usize, levels: &[usize], rows: usize) -> Self {
        let (mut first, mut all) = (Vec::new(), 0);
        for count in levels {
            first.push(all);
            all += count;
        }
        let lanes = Arch::new().dispatch(Lanes).max(LINES);
        let shape = |most: usize| {
            let joints = join(levels, &first, most);
            let (mut tables, mut pair_sums) = (Vec::new(), 0);
            for (index, joint) in joints.iter().enumerate() {
                for earlier in &joints[..index] {
                    tables.push(pair_sums);
                    pair_sums += joint.levels * earlier.levels;
                }
            }
            let padded = (numbers + 2).next_multiple_of(lanes);
            Self { numbers, padded, first: first.clone(), joints, tables, pair_sums }
        };
        // Large joints need large tables, which must cost little compared with the rows.
        let limit = MAX_TABLE_SUMS.min(TABLE_SUMS_PER_ROW * rows);
        let joined = JOINT_LEVELS.iter().map(|most| shape(*most)).find(|shape| shape.pair_sums <= limit);
        joined.unwrap_or_else(|| shape(1))
    }

    /// Returns the number of combinations of levels of all joints.
    pub(in crate::model) fn combinations(&self) -> usize {
        self.joints.iter().map(|joint| joint.levels).sum()
    }

    /// Returns how many numbers the sums of this order take.
    pub(in crate::model) fn sums(&self, order: Order) -> usize {
        match order {
            Order::Gradient | Order::Curvatures => self.padded + self.combinations(),
            Order::Hessian => (self.padded + self.combinations()) * self.padded + self.pair_sums,
        }
    }

    /// Returns an estimate of the nanoseconds that a pass of this order takes for each row on one core. It is used only to
    /// choose between methods.
    pub(in crate::model) fn work(&self, order: Order) -> f64 {
        // As measured with AVX-512 at about 3 GHz, for rows with and without many categories.
        let (numbers, joints) = (self.numbers as f64 + 1.0, self.joints.len() as f64);
        let gradient = 6.0 + numbers + 1.3 * joints;
        match order {
            Order::Gradient | Order::Curvatures => gradient,
            Order::Hessian => {
                let (dense, pairs) = (0.1 * numbers * (numbers + 1.0), 2.0 * self.tables.len() as f64);
                gradient + dense + joints * (1.0 + numbers / 8.0) + pairs
            }
        }
    }
}

/// A query for the number of `f64` in a vector of this machine.
struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F64_LANES
    }
}

impl Scale {
    /// Creates a scale from the missing value, the mean and the deviation of each number. The intercept's lane is 1.
    pub(in crate::model) fn new(shape: &Shape, numbers: &[(f64, f64, f64)]) -> Self {
        let lanes = shape.padded;
        let mut scale = Self { missing: avec![0.0; lanes], mean: avec![0.0; lanes], inverse: avec![1.0; lanes] };
        for (lane, (missing, mean, deviation)) in numbers.iter().enumerate() {
            (scale.missing[lane], scale.mean[lane], scale.inverse[lane]) = (*missing, *mean, 1.0 / deviation);
        }
        // The lanes after the numbers are read as 0, and 0 - (-1) is the 1 of the intercept.
        scale.mean[shape.numbers] = -1.0;
        scale
    }

    /// Standardises one cell as the kernel does.
    #[inline]
    pub(in crate::model) fn standardise(&self, lane: usize, cell: f64) -> f64 {
        let cell = if cell.is_nan() { self.missing[lane] } else { cell };
        ((cell - self.mean[lane]) * self.inverse[lane]).clamp(-MAX_CELL, MAX_CELL)
    }
}

impl Weights {
    pub(in crate::model) fn zero(shape: &Shape) -> Self {
        Self { lanes: avec![0.0; shape.padded], combinations: vec![0.0; shape.combinations()] }
    }

    pub(in crate::model) fn set(&mut self, shape: &Shape, intercept: f64, numbers: &[f64], levels: &[f64]) {
        self.lanes[..numbers.len()].copy_from_slice(numbers);
        self.lanes[numbers.len()] = intercept;
        for joint in &shape.joints {
            for combination in 0..joint.levels {
                let indexes = joint.level_indexes(combination);
                let weight = indexes.iter().map(|level| levels[*level as usize]).sum();
                self.combinations[joint.first + combination] = weight;
            }
        }
    }
}

impl Tile {
    pub(in crate::model) fn new(shape: &Shape) -> Self {
        let (x, v) = (avec![0.0; TILE * shape.padded], avec![0.0; TILE * shape.padded]);
        let zeros = [0.0; TILE];
        Self { x, v, curvatures: [0.0; BATCH], z: zeros, slope: zeros, curvature: zeros }
    }
}
