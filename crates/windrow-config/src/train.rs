//! The `[train]` table: the models that are trained, and the solver.

use std::num::NonZeroU32;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

use crate::lines::Lines;
use crate::solver::{LearnerCommand, Solver, Spark};
use crate::values::{Checked, OneOrMany, distinct, ensure, list, not_empty, not_negative, one_or_many, share};
use windrow_record::Scheme;

/// The fewest rows that a model is trained on. A model of fewer rows would be meaningless.
pub const MIN_TRAINING_ROWS: usize = 10;

/// The models that are trained after each window, and the solver.
#[derive(Debug, Clone, SmartDefault, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Train {
    /// The models that are trained after each window: `cumulative` (on all windows so far), `window` (on this window), `sliding=N`
    /// (on the last N windows).
    #[default(vec![Scheme::Cumulative, Scheme::Window])]
    #[serde(deserialize_with = "list")]
    #[garde(custom(distinct), inner(custom(scheme)))]
    #[schemars(with = "OneOrMany<String>", example = vec!["cumulative", "sliding=4"])]
    pub schemes: Vec<Scheme>,
    /// The weight of the L2 penalty: a fit minimises the sum of the rows' log-losses + l2/2 * |w|^2. From a list, the value that is
    /// best on held-out rows is chosen for each model. Not for the solver `command`, whose learner has its own parameters.
    #[default(vec![1.0])]
    #[serde(deserialize_with = "list", serialize_with = "one_or_many")]
    #[garde(custom(not_empty), inner(custom(not_negative)))]
    #[schemars(with = "OneOrMany<f64>", example = vec![0.1, 1.0, 10.0])]
    pub l2: Vec<f64>,
    /// The solver that fits the models.
    #[schemars(example = &"newton")]
    pub solver: Solver,
    /// The Spark cluster of the solver `spark`.
    // Not part of a run's identity: the cluster may move.
    #[serde(skip_serializing)]
    #[garde(dive)]
    pub spark: Option<Spark>,
    /// The learner of the solver `command`: a program that fits models to files and predicts with them. `run`, `train`, `advise`
    /// and `serve` start it; `check` and `init` never do.
    // Not part of a run's identity: the learner names its own code.
    #[serde(skip_serializing)]
    #[garde(dive)]
    pub command: Option<LearnerCommand>,
    /// The share of the newest window's labelled rows, from 0 to below 1, that is held out: its last rows. A first fit is scored
    /// on them. The served model is then fitted on all rows. With the solver `command`, it is 0 by default.
    #[default = 0.1]
    #[garde(custom(below_one))]
    #[schemars(range(min = 0, max = 1), example = 0.2)]
    pub holdout: f64,
    /// The probability, from 0 to 1, from which a row is labelled positive.
    #[default = 0.5]
    #[garde(custom(share))]
    #[schemars(range(min = 0, max = 1), example = 0.3)]
    pub threshold: f64,
    /// The rules for the held-out rows that a model must meet to become `latest`, `champion` or `advised`.
    #[garde(dive)]
    pub accept: Accept,
    /// The number of newest windows whose models are kept. By default, all are kept. The champion, the models of aliases, and the
    /// models that a rollback would restore are always kept. So are the fit of a recalibrated model of an alias,
    /// and models whose labels are not known yet (`advise.label_delay`).
    #[schemars(example = 12)]
    pub keep: Option<NonZeroU32>,
}

impl Train {
    /// Sets the share of held-out rows to the default of the solver, if the file does not name one.
    pub(crate) fn complete_holdout(&mut self, lines: &Lines) {
        if !lines.has("train.holdout") {
            self.holdout = self.solver.default_holdout();
        }
    }
}

fn scheme(scheme: &Scheme, (): &()) -> Checked {
    ensure(*scheme != Scheme::Sliding(NonZeroU32::MIN), "sliding=1 is the scheme `window`")
}

fn below_one(holdout: &f64, (): &()) -> Checked {
    ensure((0.0..1.0).contains(holdout), "must be a share of at least 0 and below 1")
}

/// The rules for a model on the held-out rows of its newest window. By default, every model is accepted that reached its optimum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct Accept {
    /// The minimum AUC on the held-out rows, from 0 to 1.
    #[garde(inner(custom(share)))]
    #[schemars(range(min = 0, max = 1), example = 0.6)]
    pub min_auc: Option<f64>,
    /// The maximum increase of the log-loss per row, compared with the previous champion on the same rows.
    #[garde(inner(custom(not_negative)))]
    #[schemars(range(min = 0), example = 0.02)]
    pub max_log_loss_increase: Option<f64>,
}

impl Accept {
    /// Returns true if there is at least one rule.
    pub fn has_rules(&self) -> bool {
        self.min_auc.is_some() || self.max_log_loss_increase.is_some()
    }
}
