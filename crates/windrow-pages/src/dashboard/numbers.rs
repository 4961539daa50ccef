//! Formats numbers for the pages.

/// The reason why the page of a model has no coefficients.
pub(super) const NO_COEFFICIENTS: &str =
    "Not available: the model is of a learner outside of Windrow, which returns only probabilities.";

/// Formats a size in bytes, as in `24.1 MB`.
pub(super) fn bytes(count: u64) -> String {
    bytesize::ByteSize(count).display().si().to_string()
}

/// Formats a number of a score, as in `0.4321`.
pub(super) fn score(number: f64) -> String {
    format!("{number:.4}")
}

pub(super) fn score_or_dash(number: Option<f64>) -> String {
    number.map_or_else(|| "\u{2013}".to_owned(), score)
}

/// Returns the first twelve digits of a digest.
pub(super) fn digest(text: &str) -> &str {
    text.get(..12).unwrap_or(text)
}
