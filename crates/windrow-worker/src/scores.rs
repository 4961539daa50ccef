//! The file of a learner's scores: model after model, one f64 in little-endian order for each row.

use std::fs::{self, File};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

const BYTES_PER_SCORE: usize = size_of::<f64>();

/// The path of a file of scores. The file is removed when this value is dropped.
#[derive(Debug)]
pub(crate) struct ScoreFile {
    path: PathBuf,
}

impl ScoreFile {
    /// Returns a path in `folder` that no other request has. There is no file yet.
    pub(crate) fn new(folder: &Path) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        // The id of a process would not do: trainer and API may share a folder, and have the same id in two containers.
        static PROCESS: OnceLock<u64> = OnceLock::new();
        let process = PROCESS.get_or_init(|| RandomState::new().build_hasher().finish());
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // The form of the names of temporary files, which the next run removes if this process is killed.
        Self { path: folder.join(format!(".windrow-scores-{process:016x}-{number}.tmp")) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the scores of each model.
    ///
    /// # Errors
    /// The file is not valid. The text continues a sentence about the learner.
    pub(crate) fn read(&self, models: usize, rows: usize) -> Result<Vec<Vec<f64>>, String> {
        let unreadable = |error: io::Error| format!("left no file of scores that can be read ({error})");
        // The metadata of a link, not of its target: a pipe would never end.
        let metadata = fs::symlink_metadata(&self.path).map_err(unreadable)?;
        if !metadata.is_file() {
            return Err("left something else than a plain file in place of its scores".to_owned());
        }
        let expected = models.saturating_mul(rows).saturating_mul(BYTES_PER_SCORE);
        if usize::try_from(metadata.len()) != Ok(expected) {
            let length = metadata.len();
            return Err(format!(
                "wrote {length} bytes of scores instead of {expected} (rows: {rows}, models: {models})"
            ));
        }
        let mut file = File::open(&self.path).map_err(unreadable)?;
        let mut bytes = vec![0; rows * BYTES_PER_SCORE];
        let mut scores = Vec::with_capacity(models);
        for _ in 0..models {
            file.read_exact(&mut bytes).map_err(unreadable)?;
            let (values, _) = bytes.as_chunks::<BYTES_PER_SCORE>();
            let found: Vec<f64> = values.iter().map(|value| f64::from_le_bytes(*value)).collect();
            check(&found)?;
            scores.push(found);
        }
        Ok(scores)
    }

    fn remove(&self) {
        // Fails if the learner wrote no file.
        let _ = fs::remove_file(&self.path);
    }
}

impl Drop for ScoreFile {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Checks that all probabilities are between 0 and 1.
///
/// # Errors
/// One of them is not. The text continues a sentence about the learner.
pub(crate) fn check(probabilities: &[f64]) -> Result<(), String> {
    // NaN is in no range.
    match probabilities.iter().position(|value| !(0.0..=1.0).contains(value)) {
        Some(at) => Err(format!("gave {} as the probability of row {}", probabilities[at], at + 1)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn bytes(scores: &[f64]) -> Vec<u8> {
        scores.iter().flat_map(|score| score.to_le_bytes()).collect()
    }

    #[test]
    fn a_file_has_the_scores_of_each_model() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = ScoreFile::new(folder.path());
        assert_ne!(file.path(), ScoreFile::new(folder.path()).path());
        fs::write(file.path(), bytes(&[0.0, 0.25, 1.0, 0.5, 0.125, 0.75])).expect("a file");
        assert_eq!(file.read(2, 3).expect("scores"), [[0.0, 0.25, 1.0], [0.5, 0.125, 0.75]]);
        let path = file.path().to_owned();
        drop(file);
        assert!(!path.exists(), "it was removed");
    }

    #[test]
    fn a_file_that_is_not_valid_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = ScoreFile::new(folder.path());
        let fault = || file.read(1, 2).expect_err("a fault");
        assert!(fault().starts_with("left no file of scores"), "{}", fault());
        for (scores, expected) in [
            (vec![0.5], "wrote 8 bytes of scores instead of 16 (rows: 2, models: 1)"),
            (vec![0.5, 0.5, 0.5], "wrote 24 bytes of scores instead of 16 (rows: 2, models: 1)"),
            (vec![0.5, f64::NAN], "gave NaN as the probability of row 2"),
            (vec![1.5, 0.5], "gave 1.5 as the probability of row 1"),
            (vec![0.5, -1e-300], "gave -0.000"),
            (vec![f64::INFINITY, 0.5], "gave inf as the probability of row 1"),
        ] {
            fs::write(file.path(), bytes(&scores)).expect("a file");
            assert!(fault().starts_with(expected), "{}", fault());
        }
        fs::remove_file(file.path()).expect("a file");
        let target = folder.path().join("target");
        fs::write(&target, bytes(&[0.5, 0.5])).expect("a file");
        symlink(&target, file.path()).expect("a link");
        assert!(fault().contains("plain file"), "{}", fault());
    }
}
