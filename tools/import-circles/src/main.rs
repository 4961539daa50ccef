//! Finds source files of one crate that import each other in a circle.
//!
//! A file imports another file if its code names an item that is defined there: in a `use` declaration, or with a path
//! in an expression, a type, a pattern, an attribute or the arguments of a macro. Re-exports are followed to the file
//! with the definition. A re-export (`pub use`, `pub(crate) use`) is not an import, and neither is `mod`. A parent
//! module that only declares and re-exports its children is therefore never part of a circle. Code that is compiled
//! only for tests or fuzzing is not read.
//!
//! The checker reads source text and does not know types:
//!
//! - A method call or a field access imports nothing. If the methods of a type are in another file than the type, only
//!   the import from the `impl` block to the type is visible.
//! - Items that a macro generates are unknown. In the body of a `macro_rules!`, and in arguments of a macro that are not
//!   expressions, only paths with `::` and names that start with an uppercase letter are read.
//! - A private glob import (`use super::*`) imports the file of the module if this module defines items, and in addition
//!   the file of each item that is named.
//!
//! Usage: `import-circles [CRATE_FOLDER...]`. The exit code is 1 if there are circles, and 2 if a crate cannot be read.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the output of the program")]

mod circles;
mod conditions;
mod fault;
mod imports;
mod package;
mod resolve;
mod sources;
#[cfg(test)]
mod tests;
mod tokens;
mod use_tree;
mod workspace;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use circles::Circle;
use fault::Fault;
use package::Package;
use sources::{Disk, Sources};

const USAGE: &str = "\
Find source files of one crate that import each other in a circle

Usage: import-circles [CRATE_FOLDER...]

Without arguments: the root package of the workspace, and each folder under crates/ with a src/lib.rs or src/main.rs.
Exit codes: 0 no circles, 1 circles, 2 a wrong argument or a crate that cannot be read.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    if let Some(option) = arguments.iter().find(|argument| argument.starts_with('-')) {
        eprintln!("unknown option {option}\n\n{USAGE}");
        return ExitCode::from(2);
    }
    match check_all(arguments.iter().map(PathBuf::from).collect()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::from(2)
        }
    }
}

/// Prints the circles of each crate. Returns `true` if there is no circle.
fn check_all(folders: Vec<PathBuf>) -> Result<bool, Fault> {
    let folders = if folders.is_empty() { workspace::crate_folders()? } else { folders };
    let (mut circles, mut files) = (0, 0);
    for folder in &folders {
        let (found, read) = check(&Disk, folder)?;
        for circle in &found {
            println!("{circle}");
        }
        circles += found.len();
        files += read;
    }
    println!("crates: {}, files: {files}, circles: {circles}", folders.len());
    Ok(circles == 0)
}

/// Returns the circles of the crate in `folder`, and the number of files read.
fn check(sources: &dyn Sources, folder: &Path) -> Result<(Vec<Circle>, usize), Fault> {
    let mut package = Package::load(sources, folder)?;
    let imports = imports::read(&mut package)?;
    Ok((circles::find(&package.files, &imports), package.files.len()))
}
