//! The `[train]` table, and what its solver asks of the others.

use std::num::NonZeroU32;

use crate::ConfigError;
use crate::batch::BatchFormat;
use crate::parse::Check;
use crate::pipeline::{Accept, Pipeline, Train};
use crate::raw;
use crate::solver::{Solver, Spark};
use windrow_record::Scheme;

impl Check<'_> {
    pub(super) fn train(&mut self, raw: raw::Train) -> Train {
        let schemes = raw.schemes.unwrap_or_else(|| vec![Scheme::Cumulative, Scheme::Window]);
        if schemes.is_empty() {
            self.fault("train.schemes", "names no scheme: cumulative, window, sliding=N or several of them");
        }
        for (index, scheme) in schemes.iter().enumerate() {
            let key = format!("train.schemes[{index}]");
            if schemes[..index].contains(scheme) {
                self.fault(&key, format!("`{scheme}` stands twice"));
            }
            if *scheme == Scheme::Sliding(NonZeroU32::MIN) {
                self.fault(&key, "sliding=1 is the scheme `window`");
            }
        }
        let l2 = raw.l2.map_or_else(|| vec![1.0], |given| given.0);
        if l2.is_empty() {
            self.fault("train.l2", "names no number");
        }
        if l2.iter().any(|l2| !(l2.is_finite() && *l2 >= 0.0)) {
            self.fault("train.l2", "must be a finite number of at least 0, or a list of them");
        }
        let holdout = raw.holdout.unwrap_or(0.1);
        if !(0.0..1.0).contains(&holdout) {
            self.fault("train.holdout", "must be a share of at least 0 and below 1");
        }
        if l2.len() > 1 && holdout == 0.0 {
            self.fault("train.l2", "a choice between several needs held-out rows: train.holdout is 0");
        }
        let threshold = raw.threshold.unwrap_or(0.5);
        if !(0.0..=1.0).contains(&threshold) {
            self.fault("train.threshold", "must be a probability between 0 and 1");
        }
        let accept = self.accept(&raw.accept, holdout);
        let keep = raw.keep.and_then(NonZeroU32::new);
        if raw.keep.is_some() && keep.is_none() {
            self.fault("train.keep", "must be at least 1");
        }
        let solver = raw.solver.unwrap_or(Solver::Auto);
        Train { schemes, l2, solver, spark: self.spark(raw.spark), holdout, threshold, accept, keep }
    }

    fn accept(&mut self, raw: &raw::Accept, holdout: f64) -> Accept {
        let accept = Accept { min_auc: raw.min_auc, max_log_loss_increase: raw.max_log_loss_increase };
        if accept.min_auc.is_some_and(|auc| !(0.0..=1.0).contains(&auc)) {
            self.fault("train.accept.min_auc", "must be between 0 and 1");
        }
        if accept.max_log_loss_increase.is_some_and(|most| !(most.is_finite() && most >= 0.0)) {
            self.fault("train.accept.max_log_loss_increase", "must be a finite number of at least 0");
        }
        if accept.has_rules() && holdout == 0.0 {
            self.fault("train.accept", "is judged on held-out rows: train.holdout is 0");
        }
        accept
    }

    fn spark(&mut self, raw: Option<raw::Spark>) -> Option<Spark> {
        let spark = raw.map(|raw| Spark { remote: raw.remote, batches: raw.batches })?;
        let host =
            spark.remote.strip_prefix("sc://").map(|rest| rest.split(['/', ';', ':']).next().unwrap_or_default());
        if host.is_none_or(str::is_empty) {
            self.fault("train.spark.remote", "must be the address of a Spark Connect server, as in sc://host:15002");
        }
        if spark.batches.as_deref() == Some("") {
            self.fault("train.spark.batches", "names no folder");
        }
        Some(spark)
    }
}

impl Pipeline {
    /// The same with another solver.
    ///
    /// # Errors
    /// The pipeline lacks what this solver needs.
    pub fn with_solver(mut self, solver: Solver) -> Result<Self, ConfigError> {
        self.train.solver = solver;
        let faults = self.solver_faults();
        if faults.is_empty() { Ok(self) } else { Err(self.invalid(faults)) }
    }

    /// What the solver needs and the pipeline lacks, by key.
    pub(super) fn solver_faults(&self) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        if self.train.solver != Solver::Spark {
            return faults;
        }
        let mut fault = |key: &str, problem: &str| faults.push((key.to_owned(), problem.to_owned()));
        if self.train.spark.is_none() {
            fault(
                "train.solver",
                "`spark` needs train.spark.remote, the address of a Spark Connect server, as in sc://host:15002",
            );
        }
        if self.batch.format != BatchFormat::Parquet {
            fault("batch.format", "must be \"parquet\" for the solver `spark`, which reads the batch files itself");
        }
        let time = self.dataset.time.as_ref().filter(|_| !self.features.calendar.is_empty());
        if time.is_some_and(|time| !time.format.is_civil() && time.format.epoch().is_none()) {
            fault(
                "features.calendar",
                "cannot be had from the solver `spark`, since times of this dataset.time.format are stored as text: give \
                 a format without an offset, or leave the calendar out",
            );
        }
        faults
    }
}
