//! The Newton solver in linfa's world: it stands where `linfa_logistic::LogisticRegression` stands, on dense records.
//!
//! Labels may be of any ordered type with two values, the greater being the positive class (`true`, 1, "yes"), as in
//! scikit-learn, and not the more frequent one, as in linfa-logistic. Records are `f64` alone: in `f32` the objective
//! could not be met to the tolerance that this solver promises.

use linfa::ParamGuard;
use linfa::dataset::{AsSingleTargets, DatasetBase};
use linfa::traits::{Fit, PredictInplace};
use ndarray::{Array1, ArrayBase, Data, Ix2};

use crate::model::design::Design;
use crate::model::predictor::probability;
use crate::model::solver::{from_share, newton};

/// Logistic regression with an L2 penalty: minimises sum_i log(1 + exp(-s_i (w.x_i + b))) + alpha/2 * |w|^2.
///
/// Hyper-parameters as they are written; `check` makes them a [`CheckedLogisticNewton`], and `fit` does so itself.
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticNewton(CheckedLogisticNewton);

/// Hyper-parameters whose values have been checked.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedLogisticNewton {
    alpha: f64,
    with_intercept: bool,
    max_iterations: u64,
}

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum EstimatorError {
    /// Not a valid penalty.
    #[error("alpha must be a finite number of at least 0, not {given}")]
    Alpha {
        /// What was given.
        given: f64,
    },
    /// More targets than records, or fewer.
    #[error("there are {targets} targets for {records} records")]
    Shapes {
        /// Rows of the records.
        records: usize,
        /// Targets.
        targets: usize,
    },
    /// NaN or an infinity.
    #[error("the records hold values that are not finite")]
    NotFinite,
    /// One class alone, or more than two.
    #[error("the targets hold {classes} classes, and a binary classifier needs 2")]
    Classes {
        /// How many.
        classes: usize,
    },
    /// What linfa itself finds.
    #[error(transparent)]
    Linfa(#[from] linfa::Error),
}

impl Default for LogisticNewton {
    fn default() -> Self {
        Self::new()
    }
}

impl LogisticNewton {
    /// `alpha` 1, with an intercept, at most 100 iterations: what linfa-logistic has.
    #[must_use]
    pub fn new() -> Self {
        Self(CheckedLogisticNewton { alpha: 1.0, with_intercept: true, max_iterations: newton::STEP_LIMIT })
    }

    /// The weight of the penalty.
    #[must_use]
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.0.alpha = alpha;
        self
    }

    /// Whether there is a b, which is not penalised.
    #[must_use]
    pub fn with_intercept(mut self, with_intercept: bool) -> Self {
        self.0.with_intercept = with_intercept;
        self
    }

    /// The most Newton steps to take; a handful is the rule.
    #[must_use]
    pub fn max_iterations(mut self, max_iterations: u64) -> Self {
        self.0.max_iterations = max_iterations;
        self
    }
}

impl ParamGuard for LogisticNewton {
    type Checked = CheckedLogisticNewton;
    type Error = EstimatorError;

    fn check_ref(&self) -> Result<&Self::Checked, EstimatorError> {
        let given = self.0.alpha;
        if given.is_finite() && given >= 0.0 { Ok(&self.0) } else { Err(EstimatorError::Alpha { given }) }
    }

    fn check(self) -> Result<Self::Checked, EstimatorError> {
        self.check_ref()?;
        Ok(self.0)
    }
}

impl<C, D, T> Fit<ArrayBase<D, Ix2>, T, EstimatorError> for CheckedLogisticNewton
where
    C: Ord + Clone,
    D: Data<Elem = f64>,
    T: AsSingleTargets<Elem = C>,
{
    type Object = FittedLogistic<C>;

    fn fit(&self, dataset: &DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<Self::Object, EstimatorError> {
        let (records, targets) = (dataset.records(), dataset.as_single_targets());
        if records.nrows() != targets.len() {
            return Err(EstimatorError::Shapes { records: records.nrows(), targets: targets.len() });
        }
        if !records.iter().all(|x| x.is_finite()) {
            return Err(EstimatorError::NotFinite);
        }
        let mut classes: Vec<&C> = targets.iter().collect();
        classes.sort_unstable();
        classes.dedup();
        let [negative, positive] = classes[..] else {
            return Err(EstimatorError::Classes { classes: classes.len() });
        };
        let labels: Vec<bool> = targets.iter().map(|class| class == positive).collect();
        let design = Design::from_dense(records.view(), &labels, self.with_intercept);
        let start = from_share(&design, labels.iter().filter(|label| **label).count());
        let solution = newton::minimise(&design, self.alpha, self.max_iterations, start)
            .expect("rows in memory can always be read");
        let (intercept, weights) = design.to_encoder_order(&solution.coefficients);
        Ok(FittedLogistic {
            intercept,
            params: Array1::from_vec(weights),
            negative: negative.clone(),
            positive: positive.clone(),
            threshold: 0.5,
            converged: solution.converged,
        })
    }
}

/// A fitted logistic regression over the two classes of `C`.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedLogistic<C> {
    intercept: f64,
    params: Array1<f64>,
    negative: C,
    positive: C,
    threshold: f64,
    converged: bool,
}

impl<C> FittedLogistic<C> {
    /// b; 0 when it was not asked for.
    #[must_use]
    pub fn intercept(&self) -> f64 {
        self.intercept
    }

    /// w, one a column of the records.
    #[must_use]
    pub fn params(&self) -> &Array1<f64> {
        &self.params
    }

    /// The class that `params` speak for: the greater of the two.
    #[must_use]
    pub fn positive_class(&self) -> &C {
        &self.positive
    }

    /// Whether the largest component of the gradient, per row, is at most 1e-7.
    #[must_use]
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// Sets the probability from which a row is given the positive class, 0.5 if it is not set.
    #[must_use]
    pub fn set_threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }

    /// The probability of the positive class for each row of `records`.
    ///
    /// # Panics
    /// `records` do not have as many columns as the model has weights.
    pub fn predict_probabilities<D: Data<Elem = f64>>(&self, records: &ArrayBase<D, Ix2>) -> Array1<f64> {
        (records.dot(&self.params) + self.intercept).mapv_into(probability)
    }
}

impl<C: Clone, D: Data<Elem = f64>> PredictInplace<ArrayBase<D, Ix2>, Array1<C>> for FittedLogistic<C> {
    /// # Panics
    /// As linfa's own models do, where the shapes of records, targets and model do not fit together.
    fn predict_inplace<'a>(&'a self, records: &'a ArrayBase<D, Ix2>, targets: &mut Array1<C>) {
        assert_eq!(records.nrows(), targets.len(), "records and targets must have as many rows");
        for (target, probability) in targets.iter_mut().zip(self.predict_probabilities(records)) {
            *target = if probability >= self.threshold { &self.positive } else { &self.negative }.clone();
        }
    }

    fn default_target(&self, records: &ArrayBase<D, Ix2>) -> Array1<C> {
        Array1::from_elem(records.nrows(), self.negative.clone())
    }
}

#[cfg(test)]
mod tests;
