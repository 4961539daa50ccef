//! The reasons why a command fails, and their exit codes.

use crate::app::{AppError, WorkdirError};
use windrow_dataset::inspection::InspectionError;
use windrow_evaluation::Action;
use windrow_judge::JudgeError;

/// The result of a step of a command.
pub(crate) type Result<T, E = CliError> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error(transparent)]
    App(#[from] AppError),
    /// The request itself is wrong, whatever the state of files and servers.
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Failed(String),
    #[error(transparent)]
    Inspection(#[from] InspectionError),
    #[error(transparent)]
    Judge(#[from] JudgeError),
    #[error("cannot start the runtime: {0}")]
    Runtime(std::io::Error),
    #[error("cannot write to standard output: {0}")]
    Output(std::io::Error),
    /// The reader of standard output, such as `head`, has closed it.
    #[error("the reader of standard output has closed it")]
    BrokenPipe,
    /// The answer of `windrow advise --exit-code` or `windrow judge --exit-code`. It is not a failure, so nothing is printed.
    #[error("the advice asks for an action: {0:?}")]
    Advised(Action),
    /// The answer of `windrow diff`. It is not a failure, so nothing is printed.
    #[error("the work directories differ")]
    Differs,
}

impl CliError {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_)
            | Self::Inspection(
                InspectionError::Usage(_) | InspectionError::Questions(_) | InspectionError::Config(_),
            )
            | Self::App(AppError::Config(_) | AppError::Diff(_))
            | Self::Judge(JudgeError::LabelDelay(_))
            | Self::App(AppError::Workdir(
                WorkdirError::Changed { .. }
                | WorkdirError::OtherRows { .. }
                | WorkdirError::Shared { .. }
                | WorkdirError::NotShared { .. },
            )) => 2,
            Self::Advised(Action::Hold) => 0,
            Self::Advised(Action::Change) | Self::Differs => 3,
            Self::Advised(Action::RefitNow) => 4,
            _ => 1,
        }
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe { Self::BrokenPipe } else { Self::Output(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_of_the_advice_has_an_exit_code() {
        let code = |error: CliError| error.exit_code();
        assert_eq!(
            [Action::Hold, Action::Change, Action::RefitNow].map(|action| code(CliError::Advised(action))),
            [0, 3, 4]
        );
        assert_eq!(code(CliError::Differs), 3);
        assert_eq!(code(CliError::Failed("there are no models".to_owned())), 1);
        assert_eq!(code(CliError::Usage("no such option".to_owned())), 2);
    }
}
