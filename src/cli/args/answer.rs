//! Options of the commands that print the advice.

use clap::Args;

/// How the advice is printed, and the exit code.
#[derive(Debug, Args)]
pub(crate) struct AnswerArgs {
    /// End with an exit code that a job can act on, with the reason as the last line: 0 the schedule in office holds,
    /// or the data do not decide; 3 another schedule should take office; 4 an alarm asks for a refit now; 1 a failure
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// List every policy, not only the most relevant ones
    #[arg(long)]
    pub(crate) all: bool,
}
