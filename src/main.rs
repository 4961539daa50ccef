//! The `windrow` command: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    windrow::cli::main()
}
