//! A Kafka distribution, where the environment names one.

use std::path::PathBuf;

/// The folder of the Kafka distribution that `WINDROW_TEST_KAFKA` names.
#[expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a test that is skipped says so")]
pub(crate) fn kafka() -> Option<PathBuf> {
    let folder = std::env::var("WINDROW_TEST_KAFKA").ok().map(PathBuf::from);
    match &folder {
        None => println!("skipped: WINDROW_TEST_KAFKA names no folder of a Kafka distribution"),
        Some(folder) => assert!(folder.join("bin").is_dir(), "{} is no Kafka distribution", folder.display()),
    }
    folder
}
