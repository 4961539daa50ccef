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
            let is_default = self.train.solver == Solver::Command && !faults.has("train.holdout");
            let why = if is_default { " by default with the solver `command`: set train.holdout" } else { "" };
            faults.add("train.accept", format!("needs held-out rows, but train.holdout is 0{why}"));
        }
        if let Err(error) = self.advise.label_delay.in_windows(self.window) {
            faults.add("advise.label_delay", error.to_string());
        }
        // This checks the file only: `--solver` may name another solver, and the command is then not used.
        if self.train.command.is_some() && self.train.solver != Solver::Command {
            faults.add("train.command", "needs train.solver = \"command\"; otherwise it would not be used");
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
        self.train.complete_holdout(&self.lines);
        let mut faults = Faults::of(&self.lines);
        self.solver_contradictions(&mut faults);
        let faults = faults.list;
        if faults.is_empty() { Ok(self) } else { Err(ConfigError::Invalid { path: self.file, faults }) }
    }

    /// Reports the settings that the solver needs and the pipeline lacks.
    fn solver_contradictions(&self, faults: &mut Faults<'_>) {
        match self.train.solver {
            Solver::Spark => self.spark_contradictions(faults),
            Solver::Command => self.command_contradictions(faults),
            Solver::Auto | Solver::Newton | Solver::Lbfgs | Solver::Linfa => {}
        }
    }

    fn command_contradictions(&self, faults: &mut Faults<'_>) {
        if self.train.command.is_none() {
            let need =
                "`command` needs train.command.run, the program of the learner, as in [\"python3\", \"model.py\"]";
            faults.add("train.solver", need);
        }
        if faults.has("train.l2") {
            faults
                .add("train.l2", "is not for the solver `command`: set the parameters of the learner in its own code");
        }
    }

    fn spark_contradictions(&self, faults: &mut Faults<'_>) {
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;

    fn parsed(train: &str) -> Result<Pipeline, String> {
        let text = format!(
            "name = \"p\"\ndataset = {{ path = \"d.csv\" }}\ntarget = {{ column = \"y\", at_least = 1 }}\n\
             features = {{ numeric = \"x\" }}\nwindow = {{ rows = 5 }}\n[train]\n{train}"
        );
        Pipeline::parse(Path::new("p.toml"), &text).map_err(|error| error.to_string())
    }

    const COMMAND: &str = "solver = \"command\"\ncommand = { run = [\"python3\", \"model.py\"] }\n";

    #[test]
    fn a_command_has_defaults_and_holds_nothing_out() {
        let pipeline = parsed(COMMAND).expect("a pipeline");
        let command = pipeline.train.command.as_ref().expect("a command");
        assert_eq!((command.run.len(), command.workers, command.timeout), (2, None, Duration::from_secs(600)));
        assert_eq!(pipeline.train.holdout, 0.0);
        let named = parsed(&format!("holdout = 0.2\naccept = {{ min_auc = 0.6 }}\n{COMMAND}")).expect("a pipeline");
        assert_eq!(named.train.holdout, 0.2);
        assert_eq!(parsed("").expect("a pipeline").train.holdout, 0.1, "another solver");
        // The run's identity does not include the command.
        let stored = serde_json::to_value(&pipeline).expect("JSON");
        assert_eq!((&stored["train"]["solver"], stored["train"].get("command")), (&"command".into(), None));
    }

    #[test]
    fn the_solver_of_the_command_line_decides_about_the_defaults() {
        let newton = parsed(COMMAND).expect("a pipeline").with_solver(Solver::Newton).expect("a solver");
        assert_eq!(newton.train.holdout, 0.1);
        let command = newton.with_solver(Solver::Command).expect("a solver");
        assert_eq!(command.train.holdout, 0.0);
        let error = parsed("").expect("a pipeline").with_solver(Solver::Command).expect_err("no command").to_string();
        assert!(error.contains("train.solver: `command` needs train.command.run"), "{error}");
    }

    #[test]
    fn faults_of_a_command_are_reported_with_their_keys() {
        let cases = [
            ("solver = \"command\"".to_owned(), "train.solver: `command` needs train.command.run"),
            ("command = { run = [\"m\"] }".to_owned(), "train.command: needs train.solver = \"command\""),
            (format!("l2 = 1.0\n{COMMAND}"), "train.l2: is not for the solver `command`"),
            (
                format!("accept = {{ min_auc = 0.6 }}\n{COMMAND}"),
                "train.accept: needs held-out rows, but train.holdout is 0 by default with the solver `command`",
            ),
            (
                format!("holdout = 0\naccept = {{ min_auc = 0.6 }}\n{COMMAND}"),
                "train.accept: needs held-out rows, but train.holdout is 0",
            ),
            (COMMAND.replace("\"python3\", \"model.py\"", ""), "train.command.run: must be a program"),
            (COMMAND.replace("\"python3\"", "\"\""), "train.command.run: must be a program"),
            (COMMAND.replace("] }", "], workers = 65 }"), "train.command.workers: must be a whole number from 1 to 64"),
            (COMMAND.replace("] }", "], workers = 0 }"), "train.command.workers: must be a whole number from 1 to 64"),
            (COMMAND.replace("] }", "], timeout = \"0s\" }"), "train.command.timeout: must be more than 0s"),
            (COMMAND.replace("] }", "], threads = 1 }"), "unknown field `threads`"),
        ];
        for (train, expected) in cases {
            let error = parsed(&train).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
    }
}
