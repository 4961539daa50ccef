//! Tests on small tables. `kinds`: what is judged with each kind of table. `gaps`: tables that lack fits or scores.
//! `faulty`: the sentence for each fault. `pictures`: the pictures of each kind.

mod faulty;
mod gaps;
mod kinds;
mod pictures;

use std::fs;
use std::path::PathBuf;

use windrow_config::EventSpan;

use crate::{JudgeError, JudgeOptions, Judged, judge_files};

/// The number of rows of a window.
const ROWS: u32 = 32;

/// Files in a folder of their own.
struct Tables {
    folder: tempfile::TempDir,
    files: Vec<PathBuf>,
    options: JudgeOptions,
}

impl Tables {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = JudgeOptions {
            name: "scores".to_owned(),
            window: None,
            models: None,
            label_delay: None,
            keep: 0.9,
            cost: None,
            threshold: 0.5,
        };
        Self { folder, files: Vec::new(), options }.and(text)
    }

    /// Adds a file of predictions.
    fn and(mut self, text: &str) -> Self {
        let path = self.folder.path().join(format!("{}.csv", self.files.len()));
        fs::write(&path, text).expect("a file");
        self.files.push(path);
        self
    }

    fn by(mut self, span: EventSpan) -> Self {
        self.options.window = Some(span);
        self
    }

    fn delayed(mut self, delay: &str) -> Self {
        self.options.label_delay = Some(delay.parse().expect("a delay"));
        self
    }

    fn models(mut self, text: &str) -> Self {
        let path = self.folder.path().join("models.csv");
        fs::write(&path, text).expect("a file");
        self.options.models = Some(path);
        self
    }

    fn try_judge(&self) -> Result<Judged, JudgeError> {
        judge_files(&self.files, &self.options)
    }

    fn judge(&self) -> Judged {
        self.try_judge().expect("an answer")
    }

    /// Returns the error, without the folder.
    fn error(&self) -> String {
        let error = self.try_judge().expect_err("an error").to_string();
        error.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

/// Returns a reproducible pseudo-random number from 0 to 1.
fn random(a: u32, b: u32) -> f64 {
    let mut state = (u64::from(a) << 32 | u64::from(b)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    state ^= state >> 29;
    state = state.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state ^= state >> 32;
    (state >> 11) as f64 / (1_u64 << 53) as f64
}

/// Returns the label of a row of a window.
fn label(window: u32, row: u32) -> bool {
    random(window, row) < 0.3
}

/// Returns the probability that a model gives to a row. It is better for a higher quality.
fn probability(window: u32, row: u32, quality: f64) -> f64 {
    let sign = if label(window, row) { 1.0 } else { -1.0 };
    let odds = -0.85 + sign * quality + 2.0 * (random(window + 1000, row) - 0.5);
    1.0 / (1.0 + (-odds).exp())
}

/// Returns the sum of log-loss of a model of this quality on a window.
fn loss(window: u32, quality: f64) -> f64 {
    let row_loss = |row| {
        let p = probability(window, row, quality);
        if label(window, row) { -p.ln() } else { -(-p).ln_1p() }
    };
    (0..ROWS).map(row_loss).sum()
}

/// Returns the quality of a model on all history that is this number of windows old.
fn quality(age: u32) -> f64 {
    1.0 - 0.04 * f64::from(age)
}
