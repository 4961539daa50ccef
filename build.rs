//! Sets `WINDROW_REVISION`, the revision of the source that the program is built from.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=WINDROW_REVISION");
    // Each commit adds a line to the log of HEAD.
    for file in [".git/HEAD", ".git/logs/HEAD"] {
        if Path::new(file).exists() {
            println!("cargo::rerun-if-changed={file}");
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
    #[expect(clippy::disallowed_methods, reason = "a build without a repository gets its revision here")]
    let given = std::env::var("WINDROW_REVISION").ok().filter(|revision| !revision.is_empty());
    println!(
        "cargo::rustc-env=WINDROW_REVISION={}",
        given.or_else(checked_out).unwrap_or_else(|| "unknown".to_owned())
    );
}

/// Returns the commit that is checked out. Returns `None` if this folder is not the root of a repository: the repository
/// around it may be another project's.
fn checked_out() -> Option<String> {
    if !Path::new(".git").exists() {
        return None;
    }
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    let revision = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !revision.trim().is_empty()).then(|| revision.trim().to_owned())
}
