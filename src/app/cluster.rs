//! The remote solver, if the pipeline names one and this build has its client.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::app::error::AppError;
use windrow_config::{Pipeline, Schema, Solver};
use windrow_learn::model::RemoteSolver;
#[cfg(feature = "spark")]
use windrow_learn::spark::SparkCluster;
use windrow_windows::BatchStore;

#[derive(Debug)]
pub(super) struct Cluster {
    #[cfg(feature = "spark")]
    spark: Option<Arc<SparkCluster>>,
}

impl Cluster {
    #[cfg(feature = "spark")]
    pub(super) async fn connect(pipeline: &Pipeline, stop: &CancellationToken) -> Result<Self, AppError> {
        let Some(spark) = pipeline.train.spark.as_ref().filter(|_| pipeline.train.solver == Solver::Spark) else {
            return Ok(Self { spark: None });
        };
        let connecting = Box::pin(SparkCluster::connect(spark, stop.clone()));
        let spark = stop.run_until_cancelled(connecting).await.ok_or(AppError::Stopped)??;
        Ok(Self { spark: Some(Arc::new(spark)) })
    }

    #[cfg(not(feature = "spark"))]
    #[expect(clippy::unused_async, reason = "with a client it waits")]
    pub(super) async fn connect(pipeline: &Pipeline, _: &CancellationToken) -> Result<Self, AppError> {
        if pipeline.train.solver == Solver::Spark { Err(AppError::NoSpark) } else { Ok(Self {}) }
    }

    /// Returns a solver that fits the windows of a store on the cluster, if one is configured.
    #[cfg(feature = "spark")]
    pub(super) fn solver(&self, schema: &Arc<Schema>, store: &BatchStore) -> Option<Arc<dyn RemoteSolver>> {
        self.spark.clone().map(|spark| spark.solver(Arc::clone(schema), store.clone()))
    }

    #[cfg(not(feature = "spark"))]
    pub(super) fn solver(&self, _: &Arc<Schema>, _: &BatchStore) -> Option<Arc<dyn RemoteSolver>> {
        None
    }

    pub(super) async fn close(&self) {
        #[cfg(feature = "spark")]
        if let Some(spark) = &self.spark {
            spark.close().await;
        }
    }
}
