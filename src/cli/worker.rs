//! `windrow worker`: the supervisor of a learner. The command is hidden, because only this program starts it.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::cli::progress::Display;

/// Runs a command under a supervisor. The exit code is that of the command.
pub(crate) fn execute(command: &[OsString], display: &Display) -> ExitCode {
    match windrow_worker::supervise(command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let program = command.first().map(|program| program.display().to_string()).unwrap_or_default();
            display.line(&format!("{program}: {error}"));
            ExitCode::from(windrow_worker::exit_code(&error))
        }
    }
}
