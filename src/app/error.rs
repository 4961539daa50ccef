//! The reasons why a command fails.

use std::path::PathBuf;

use crate::app::workdir::WorkdirError;
use windrow_config::ConfigError;
use windrow_dataset::DatasetError;
use windrow_dataset::inspection::InspectionError;
use windrow_kafka::BrokerError;
use windrow_registry::RegistryError;
use windrow_registry::export::ExportError;
use windrow_server::api::{BindError, KeysError};
use windrow_server::report::ReportError;
use windrow_stream::audit::AuditError;
use windrow_stream::consumer::ConsumerError;
use windrow_stream::producer::ProducerError;
use windrow_train::TrainError;
use windrow_windows::BatchError;

/// The reasons why a command fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Workdir(#[from] WorkdirError),
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// Windows by row number need rows in order of time, and these are not in order.
    #[error(
        "{}: {fault}: windows by rows or parts would judge models on their past. `windrow init DATA --repaired-copy \
         OUT.csv.zst` makes a copy in order; window.event cuts by time; without dataset.time the order of the rows counts",
        dataset.display()
    )]
    Disorder { dataset: PathBuf, fault: String },
    #[error(transparent)]
    Inspection(#[from] InspectionError),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The work directory holds no advice.
    #[error(
        "there is no advice in {} yet: `windrow run` makes it as windows come, else `windrow advise`", workdir.display()
    )]
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
    /// This build has no Spark client.
    #[cfg(not(feature = "spark"))]
    #[error(
        "train.solver: this build has no client for Spark: build with `--features spark`, or take the image or the wheel, \
         which have it"
    )]
    NoSpark,
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
        "a group takes the rows of one replay, which is known by its dataset, and {} is not there; put it there, or \
         consume without --group",
        path.display()
    )]
    UnknownReplay { path: PathBuf },
    /// The command was stopped before its stages had started.
    #[error("stopped")]
    Stopped,
    #[error("a stage did not end within 5 s of being told to; what it had not sealed is made again next time")]
    SlowShutdown,
}
