//! The reasons why a command fails.

use std::path::PathBuf;

use crate::app::diff::DiffError;
use crate::app::workdir_error::WorkdirError;
use windrow_config::ConfigError;
use windrow_dataset::DatasetError;
use windrow_dataset::inspection::InspectionError;
use windrow_kafka::BrokerError;
use windrow_learn::learner::LearnerError;
use windrow_pages::report::ReportError;
use windrow_registry::RegistryError;
use windrow_registry::export::ExportError;
use windrow_server::{BindError, KeysError};
use windrow_stream::audit::AuditError;
use windrow_stream::consumer::ConsumerError;
use windrow_stream::producer::ProducerError;
use windrow_train::TrainError;
use windrow_windows::BatchError;

/// The result of a step of a command.
pub(crate) type Result<T, E = AppError> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub(crate) enum AppError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Workdir(#[from] WorkdirError),
    #[error(transparent)]
    Diff(#[from] DiffError),
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// Windows by row number need rows in order of time, and these are not in order.
    #[error(
        "{}: {fault}: with windows by rows or parts, models would be judged on rows from before their training rows. \
         Write a copy in order with `windrow init DATA --repaired-copy OUT.csv.zst`, cut by time with window.event, or \
         remove dataset.time to use the order of the rows",
        dataset.display()
    )]
    Disorder { dataset: PathBuf, fault: String },
    #[error(transparent)]
    Inspection(#[from] InspectionError),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(
        "{browser} did not print the report to {}: write it with `--format html`, and print that from a browser",
        path.display()
    )]
    Print { browser: &'static str, path: PathBuf },
    #[error("cannot write {}: {source}; choose another path with --out", path.display())]
    PrintFile { path: PathBuf, source: std::io::Error },
    #[error("there is no advice in {} yet: compute it with `windrow run` or `windrow advise`", workdir.display())]
    NoAdvice { workdir: PathBuf },
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Producer(#[from] ProducerError),
    #[error(transparent)]
    Consumer(#[from] ConsumerError),
    #[cfg(feature = "spark")]
    #[error(transparent)]
    Spark(#[from] windrow_learn::spark::SparkError),
    #[cfg(not(feature = "spark"))]
    #[error(
        "train.solver: this build has no Spark client: build with `--features spark`, or use the container image or \
         the Python wheel, which have it"
    )]
    NoSpark,
    /// The learner of the pipeline file does not start, or does not answer.
    #[error("cannot use the learner of train.command: {0}")]
    Learner(#[from] LearnerError),
    #[error(transparent)]
    Train(#[from] TrainError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The rows of a group are those of one replay, which is identified by its dataset. The dataset is missing.
    #[error(
        "a group consumes the rows of one replay, which is identified by its dataset, and the file {} does not exist: \
         restore it, or consume without --group",
        path.display()
    )]
    UnknownReplay { path: PathBuf },
    /// The command was stopped before its stages had started.
    #[error("stopped")]
    Stopped,
    #[error("a stage did not end within 5 s after the stop; the next run repeats the work that was not finished")]
    SlowShutdown,
}
