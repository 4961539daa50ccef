//! The reasons why a command fails, and their exit codes.

use crate::app::{AppError, WorkdirError};
use windrow_dataset::inspection::InspectionError;

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
    #[error("cannot start the runtime: {0}")]
    Runtime(std::io::Error),
    #[error("cannot write to standard output: {0}")]
    Output(std::io::Error),
    /// The reader of standard output, such as `head`, has closed it.
    #[error("the reader of standard output has closed it")]
    BrokenPipe,
}

impl CliError {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_)
            | Self::Inspection(
                InspectionError::Usage(_) | InspectionError::Questions(_) | InspectionError::Config(_),
            )
            | Self::App(AppError::Config(_))
            | Self::App(AppError::Workdir(
                WorkdirError::Changed { .. } | WorkdirError::Shared { .. } | WorkdirError::NotShared { .. },
            )) => 2,
            _ => 1,
        }
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe { Self::BrokenPipe } else { Self::Output(error) }
    }
}
