//! Checks of keys that depend on other keys.

use crate::Pipeline;
use crate::batch::BatchFormat;
use crate::error::{ConfigError, Faults};
use crate::solver::Solver;
use crate::stream::Pace;
use crate::window::WindowPolicy;

impl Pipeline {
    /// Reports values that are valid by themselves but contradict each other.
    pub(crate) fn contradictions(&self, faults: &mut Faults<'_>) {
        if self.dataset.quote == Some(self.dataset.delimiter) {
            faults.add("dataset.quote", "must not be the delimiter");
        }
        if !self.dataset.days_since.is_empty() {
            self.needs_time("dataset.days_since", faults);
        }
        for column in self.dataset.days_since.keys() {
            if self.dataset.time.as_ref().is_some_and(|time| time.column == *column) {
                faults.add("dataset.days_since", format!("`{column}` is the time of the row itself"));
            }
            if self.dataset.numbers.contains_key(column) {
                faults.add("dataset.days_since", format!("`{column}` is in dataset.numbers too"));
            }
        }
        if self.dataset.skip_initial_space == Some(true) && self.dataset.delimiter == b' ' {
            faults.add("dataset.skip_initial_space", "must not be true if the delimiter is a space");
        }
        self.feature_contradictions(faults);
        if matches!(self.stream.pace, Pace::Replay { .. }) {
            self.needs_time("stream.pace", faults);
        }
        if matches!(self.window, WindowPolicy::Event { .. }) {
            self.needs_time("window.event", faults);
        }
        if self.train.holdout == 0.0 && self.train.l2.len() > 1 {
            faults.add("train.l2", "a choice between several values needs held-out rows, but train.holdout is 0");
        }
        if self.train.holdout == 0.0 && self.train.accept.has_rules() {
            faults.add("train.accept", "needs held-out rows, but train.holdout is 0");
        }
        if let Err(error) = self.advise.label_delay.in_windows(self.window) {
            faults.add("advise.label_delay", error.to_string());
        }
        self.solver_contradictions(faults);
    }

    fn needs_time(&self, key: &str, faults: &mut Faults<'_>) {
        if self.dataset.time.is_none() {
            faults.add(key, "needs dataset.time, the column with the time of each row");
        }
    }

    fn feature_contradictions(&self, faults: &mut Faults<'_>) {
        let features = &self.features;
        let lists = [("numeric", &features.numeric), ("log", &features.log), ("categorical", &features.categorical)];
        let mut seen: Vec<&str> = Vec::new();
        for (list, columns) in lists {
            for (index, column) in columns.iter().enumerate() {
                let key = format!("features.{list}[{index}]");
                if seen.contains(&column.as_str()) {
                    faults.add(&key, format!("`{column}` is already a feature"));
                }
                if self.target.column == *column {
                    faults.add(&key, format!("`{column}` is the target: a model must not learn from what it predicts"));
                }
                if self.dataset.time.as_ref().is_some_and(|time| time.column == *column) {
                    let fault = format!("`{column}` is the time: use features.calendar for its hour, weekday or month");
                    faults.add(&key, fault);
                }
                seen.push(column);
            }
        }
        for (index, part) in features.calendar.iter().enumerate() {
            if features.calendar[..index].contains(part) {
                faults.add(&format!("features.calendar[{index}]"), format!("`{}` is already a feature", part.name()));
            }
        }
        if !features.calendar.is_empty() {
            self.needs_time("features.calendar", faults);
        }
        if seen.is_empty() && features.calendar.is_empty() {
            faults.add("features", "has no column: a model needs at least one feature");
        }
    }

    /// Returns the same pipeline with another solver.
    ///
    /// # Errors
    /// The pipeline lacks a setting that this solver needs.
    pub fn with_solver(mut self, solver: Solver) -> Result<Self, ConfigError> {
        self.train.solver = solver;
        let mut faults = Faults::of(&self.lines);
        self.solver_contradictions(&mut faults);
        let faults = faults.list;
        if faults.is_empty() { Ok(self) } else { Err(ConfigError::Invalid { path: self.file, faults }) }
    }

    /// Reports the settings that the solver needs and the pipeline lacks.
    fn solver_contradictions(&self, faults: &mut Faults<'_>) {
        if self.train.solver != Solver::Spark {
            return;
        }
        if self.train.spark.is_none() {
            let need = "`spark` needs train.spark.remote, the address of a Spark Connect server, as in sc://host:15002";
            faults.add("train.solver", need);
        }
        if self.batch.format != BatchFormat::Parquet {
            faults
                .add("batch.format", "must be \"parquet\" for the solver `spark`, which reads the batch files itself");
        }
        let time = self.dataset.time.as_ref().filter(|_| !self.features.calendar.is_empty());
        if time.is_some_and(|time| !time.format.is_civil() && time.format.epoch().is_none()) {
            faults.add(
                "features.calendar",
                "cannot be computed by the solver `spark`, because times of this dataset.time.format are stored as \
                 text: use a format without an offset, or remove features.calendar",
            );
        }
    }
}
