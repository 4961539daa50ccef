//! The variables that a learner gets.

use std::ffi::{OsStr, OsString};

/// The beginnings of the names of variables that a learner does not get: settings and secrets of this program, and the
/// keys of object stores.
const WITHHELD_PREFIXES: [&str; 2] = ["WINDROW_", "AWS_"];
/// Parts of the names of variables that a learner does not get: secrets of Kafka's clients, by librdkafka's names.
const WITHHELD_PARTS: [&str; 3] = ["KAFKA", "SASL", "SSL_KEY"];
/// The variables by which numeric libraries choose their number of threads.
const THREADS: [&str; 5] =
    ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "LOKY_MAX_CPU_COUNT"];
/// The variable that seeds Python's hashes. With a fixed seed, sets have the same order in each process.
const HASH_SEED: (&str, &str) = ("PYTHONHASHSEED", "0");

/// Returns the variables for a learner that may use this many threads.
pub(crate) fn for_learner(mut variables: Vec<(OsString, OsString)>, threads: usize) -> Vec<(OsString, OsString)> {
    let count = OsString::from(threads.to_string());
    variables.retain(|(name, _)| !is_withheld(name));
    // A later variable replaces an earlier one of the same name.
    variables.extend(THREADS.map(|name| (OsString::from(name), count.clone())));
    variables.push((OsString::from(HASH_SEED.0), OsString::from(HASH_SEED.1)));
    variables
}

fn is_withheld(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_uppercase();
    WITHHELD_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || WITHHELD_PARTS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_withheld_and_threads_are_set() {
        let given = [
            ("PATH", "/usr/bin"),
            ("HF_TOKEN", "of the user's own model"),
            ("OMP_NUM_THREADS", "64"),
            ("WINDROW_API_KEYS", "x"),
            ("WINDROW_KAFKA_SASL_PASSWORD", "x"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("KAFKA_PASSWORD", "x"),
            ("my_kafka_token", "x"),
            ("SASL_PASSWORD", "x"),
            ("SSL_KEY_PASSWORD", "x"),
        ];
        let given = given.map(|(name, value)| (OsString::from(name), OsString::from(value))).to_vec();
        let variables = for_learner(given, 3);
        let last = |name: &str| {
            let found = variables.iter().rev().find(|(given, _)| given == name);
            found.map(|(_, value)| value.to_string_lossy().into_owned())
        };
        let names: Vec<_> = variables.iter().map(|(name, _)| name.to_string_lossy()).collect();
        assert_eq!(names[..3], ["PATH", "HF_TOKEN", "OMP_NUM_THREADS"]);
        assert_eq!(names.len(), 3 + THREADS.len() + 1);
        assert!(THREADS.iter().all(|name| last(name).as_deref() == Some("3")));
        assert_eq!(last("PYTHONHASHSEED").as_deref(), Some("0"));
    }
}
