//! A logistic regression as it is stored: the encoder, the coefficients, and the report of the solver.

use serde::{Deserialize, Serialize};

use crate::model::encoder::Encoder;
use crate::model::linear::LinearModel;

/// A logistic regression that this program fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logistic {
    /// The encoder that turns cells into columns.
    pub encoder: Encoder,
    /// The intercept, b of the objective: the log-odds if every column is 0.
    pub intercept: Coefficient,
    /// The weights, w of the objective: one per column, in the encoder's order.
    pub coefficients: Vec<Coefficient>,
    /// The report of the solver; of a recalibrated model, that of its fit.
    pub solver: SolverReport,
    /// Every penalty that was tried, in the order of the trials. Empty if only one was given. The penalty with the
    /// lowest log-loss on the first half of the held-out rows was taken, and `holdout` is the score on the second half.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub penalties: Vec<PenaltyTrial>,
}

/// A weight, with its name and its error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coefficient {
    /// The column, such as `distance`, `log(fare)`, `carrier=UA` or `carrier=(other)`; `(intercept)` for b.
    pub name: String,
    /// The change of the log-odds for one standard deviation of a number, or for a row of this level.
    pub weight: f64,
    /// The square root of the coefficient's entry on the diagonal of the inverse Hessian of the objective, including
    /// the penalty.
    ///
    /// `None` if the solver has no Hessian, or if columns are collinear and not penalised. Also `None` for one-hot
    /// columns, and for the intercept of a model that has them. They have no reference level, so their errors would
    /// measure the penalty.
    ///
    /// In a recalibrated model, it is the error of the fit times the slope, so it holds for this slope and leaves out the
    /// slope's own error. The intercept has none: its error is mostly that of the recalibration.
    pub standard_error: Option<f64>,
    /// exp(weight); `None` if it is beyond the range of `f64`.
    pub odds_ratio: Option<f64>,
}

/// A penalty, and the first fit with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PenaltyTrial {
    /// The weight of the penalty.
    pub l2: f64,
    /// The number of passes over the rows.
    pub passes: u64,
    /// The value of the objective with this penalty.
    pub objective: f64,
    /// `true` if the first fit reached the optimum.
    pub converged: bool,
    /// The log-loss on the first half of the held-out rows; `None` without such rows.
    pub log_loss: Option<f64>,
}

/// A method that finds an optimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Newton's method with step halving.
    Newton,
    /// L-BFGS, as implemented by argmin.
    Lbfgs,
    /// The solver of linfa-logistic.
    Linfa,
    /// `LogisticRegression` of Apache Spark.
    Spark,
}

/// The report of a solver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SolverReport {
    /// The method that found the optimum.
    pub method: Method,
    /// The weight of the penalty.
    pub l2: f64,
    /// The number of passes over the rows, including the first fit and all its penalties. 0 for linfa and Spark, which
    /// do not report it.
    pub passes: u64,
    /// The number of steps taken. 0 for linfa, which does not report it.
    pub iterations: u64,
    /// The objective sum_i log(1 + exp(-s_i (w.x_i + b))) + l2/2 * |w|^2, with the natural logarithm.
    pub objective: f64,
    /// The largest absolute component of the objective's gradient, per row. `None` for Spark, which does not report it.
    pub gradient_norm: Option<f64>,
    /// `true` if the gradient is small enough to call this the optimum. For Spark, `true` if it stopped before its
    /// limit of steps.
    pub converged: bool,
    /// The wall-clock time of the fit, in seconds. 0 until the trainer, which has a clock, sets it.
    pub seconds: f64,
}

impl Logistic {
    /// Returns the model without its reports.
    pub fn linear_model(&self) -> LinearModel {
        let weights = self.weights().collect();
        LinearModel { encoder: self.encoder.clone(), intercept: self.intercept.weight, weights }
    }

    /// Returns the weights in the encoder's order.
    pub(crate) fn weights(&self) -> impl ExactSizeIterator<Item = f64> + Clone + '_ {
        self.coefficients.iter().map(|coefficient| coefficient.weight)
    }
}

impl Coefficient {
    pub(super) fn new(name: String, weight: f64, standard_error: Option<f64>) -> Self {
        Self { name, weight, standard_error, odds_ratio: Some(weight.exp()).filter(|ratio| ratio.is_finite()) }
    }
}

impl Method {
    /// Returns the method's name in the model file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Newton => "newton",
            Self::Lbfgs => "lbfgs",
            Self::Linfa => "linfa",
            Self::Spark => "spark",
        }
    }
}
