//! The cluster that fits, where the pipeline names one and this build has its client.

use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::app::AppError;
use crate::config::{Pipeline, Schema, Solver};
use crate::model::RemoteSolver;
#[cfg(feature = "spark")]
use crate::spark::SparkSolver;

/// What fits elsewhere, if anything.
#[derive(Debug)]
pub(super) struct Cluster {
    #[cfg(feature = "spark")]
    spark: Option<Arc<SparkSolver>>,
}

impl Cluster {
    /// Connects to the cluster that the pipeline names; `batches` is the folder of batch files.
    ///
    /// # Errors
    /// It cannot be used, or this build has no client for it.
    #[cfg(feature = "spark")]
    pub(super) async fn connect(
        pipeline: &Pipeline,
        schema: &Arc<Schema>,
        batches: &Path,
        stop: &CancellationToken,
    ) -> Result<Self, AppError> {
        let Some(spark) = pipeline.train.spark.as_ref().filter(|_| pipeline.train.solver == Solver::Spark) else {
            return Ok(Self { spark: None });
        };
        let connecting = SparkSolver::connect(spark, Arc::clone(schema), batches, stop.clone());
        let spark = tokio::select! {
            spark = connecting => spark?,
            () = stop.cancelled() => return Err(AppError::Stopped),
        };
        Ok(Self { spark: Some(Arc::new(spark)) })
    }

    #[cfg(not(feature = "spark"))]
    pub(super) async fn connect(
        pipeline: &Pipeline,
        _: &Arc<Schema>,
        _: &Path,
        _: &CancellationToken,
    ) -> Result<Self, AppError> {
        if pipeline.train.solver == Solver::Spark { Err(AppError::NoSpark) } else { Ok(Self {}) }
    }

    pub(super) fn solver(&self) -> Option<Arc<dyn RemoteSolver>> {
        #[cfg(feature = "spark")]
        let solver = self.spark.clone().map(|spark| spark as Arc<dyn RemoteSolver>);
        #[cfg(not(feature = "spark"))]
        let solver = None;
        solver
    }

    pub(super) async fn close(&self) {
        #[cfg(feature = "spark")]
        if let Some(spark) = &self.spark {
            spark.close().await;
        }
    }
}
