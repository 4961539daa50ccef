//! The operations that describe models: lists, cards, comparisons and lineage.

use std::collections::BTreeMap;
use std::sync::Arc;

use poem::Result;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::api::body::{Body, OneRow};
use crate::api::error::ApiError;
use crate::api::operations::card::{ModelCard, ModelSummary, Numbers, Offsets};
use crate::api::operations::diff::{Diff, RowChange};
use crate::api::operations::mirror::{Mirror, mirror};
use crate::api::operations::page::{limit, page, parameter};
use crate::api::operations::prediction::predict;
use crate::api::operations::tag::Tag;
use crate::api::state::State;
use windrow_learn::model::WindowLineage;
use windrow_record::{ModelId, Scheme};
use windrow_registry::Model;

/// The operations that describe models.
pub(crate) struct Models(pub(crate) Arc<State>);

/// A page of the published models
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct ModelList {
    /// The models, by window and then by scheme
    models: Vec<ModelSummary>,
    /// Names that stand for a model, which may be another one later
    /// `latest`: the accepted model of the newest window, the cumulative one where there are several. `champion`: the
    /// accepted model of the best log-loss on the held-out rows of the newest window that all have been scored on
    aliases: BTreeMap<String, String>,
    /// Where the next page is; left out on the last one
    next: Option<String>,
}

/// The files and offsets behind a model
#[derive(Debug, Object)]
pub(crate) struct Lineage {
    /// Names them
    id: String,
    /// The models that were made from them
    models: Vec<String>,
    /// Oldest first
    windows: Vec<LineageWindow>,
}

mirror! {
    /// A window behind a model
    struct LineageWindow of found: WindowLineage {
        window: u32,
        /// Its batch file, in the work directory
        file: String = format!("batches/{}.csv", found.window.file_stem()),
        /// Its manifest, in the work directory
        manifest: String = format!("batches/{}.json", found.window.file_stem()),
        /// The sha256 of the file
        sha256: String,
        rows: u64,
        /// The numbers of its rows in the dataset, where they have any
        row_numbers: Vec<Numbers>,
        /// Where its rows stood in the topic
        offsets: Vec<Offsets>,
    }
}

#[OpenApi]
impl Models {
    /// List the models
    ///
    /// The published models with their scores, those that could not be learned with the reason, and the aliases. In pages:
    /// `next` leads to the following one.
    #[oai(path = "/v1/models", method = "get", operation_id = "list_models", tag = "Tag::Models")]
    async fn models(
        &self,
        /// The page behind this model
        after: Query<Option<String>>,
        /// The most models of the page, 1000 at most
        #[oai(name = "limit")]
        asked: Query<Option<u32>>,
        /// Models of this window alone
        window: Query<Option<u32>>,
        /// Models of this scheme alone, as in `cumulative`
        scheme: Query<Option<String>>,
    ) -> Result<Json<ModelList>, ApiError> {
        let limit = limit(&asked)?;
        let after = after.0.map(|text| parameter::<ModelId>("after", &text)).transpose()?;
        let scheme = scheme.0.map(|text| parameter::<Scheme>("scheme", &text)).transpose()?;
        let snapshot = Arc::clone(&self.0.served().snapshot);
        let wanted = snapshot.models().filter(|model| {
            let id = model.id();
            after.is_none_or(|after| id > after)
                && window.is_none_or(|window| id.window.get() == window)
                && scheme.is_none_or(|scheme| id.scheme == scheme)
        });
        let filters =
            [("window", window.map(|window| window.to_string())), ("scheme", scheme.map(|scheme| scheme.to_string()))];
        let (models, next) = page(wanted, limit, "/v1/models", &filters, |model| model.name().to_owned());
        Ok(Json(ModelList {
            models: models.into_iter().map(|model| ModelSummary::of(model.artifact())).collect(),
            aliases: snapshot.named().map(|(name, model)| (name.to_owned(), model.name().to_owned())).collect(),
            next,
        }))
    }

    /// Show a model
    ///
    /// The model card: what it was made from, how, its coefficients and its scores.
    #[oai(path = "/v1/models/:id", method = "get", operation_id = "show_model", tag = "Tag::Models")]
    async fn model(
        &self,
        /// A model, as in `cumulative-2`, or an alias, as in `latest` or `champion`
        id: Path<String>,
    ) -> Result<Json<ModelCard>, ApiError> {
        let served = self.0.served();
        Ok(Json(ModelCard::of(self.0.find(&served, &id)?.artifact())))
    }

    /// Compare two models
    ///
    /// Coefficients and scores side by side, the largest changes first.
    #[oai(path = "/v1/models/:id/diff/:other", method = "get", operation_id = "diff_models", tag = "Tag::Models")]
    async fn diff(
        &self,
        /// The one: a model or an alias
        id: Path<String>,
        /// The other: a model or an alias
        other: Path<String>,
    ) -> Result<Json<Diff>, ApiError> {
        let served = self.0.served();
        Ok(Json(Diff::of(self.0.fitted(&served, &id)?, self.0.fitted(&served, &other)?)))
    }

    /// Compare two models on a row
    ///
    /// The same, with the answers of both to the row and what each feature adds to them.
    #[oai(
        path = "/v1/models/:id/diff/:other",
        method = "post",
        operation_id = "diff_models_on_row",
        tag = "Tag::Models"
    )]
    async fn diff_on_row(
        &self,
        /// The one: a model or an alias
        id: Path<String>,
        /// The other: a model or an alias
        other: Path<String>,
        row: Body<OneRow>,
    ) -> Result<Json<Diff>, ApiError> {
        let served = self.0.served();
        let (first, second) = (self.0.fitted(&served, &id)?, self.0.fitted(&served, &other)?);
        let row = &row.bytes;
        let change = RowChange::of(predict(first, row, true)?, predict(second, row, true)?);
        Ok(Json(Diff { row: Some(change), ..Diff::of(first, second) }))
    }

    /// Show what a prediction rests on
    ///
    /// From the lineage that an answer names to the batch files, row numbers and offsets behind its model.
    #[oai(path = "/v1/lineage/:id", method = "get", operation_id = "show_lineage", tag = "Tag::Models")]
    async fn lineage(
        &self,
        /// The lineage of an answer or a model card
        id: Path<String>,
    ) -> Result<Json<Lineage>, ApiError> {
        let served = self.0.served();
        let lineage = |model: &Arc<Model>| model.artifact().lineage.id.clone();
        let of_id: Vec<_> = served.snapshot.models().filter(|model| model.artifact().lineage.id == *id).collect();
        let Some(model) = of_id.first() else {
            let mut known: Vec<String> = served.snapshot.models().map(lineage).collect();
            known.dedup();
            let detail = format!("no model has the lineage `{}`", *id);
            return Err(ApiError::not_found("unknown-lineage", detail, known));
        };
        let windows = Mirror::of(&model.artifact().lineage.windows);
        let models = of_id.iter().map(|model| model.name().to_owned()).collect();
        Ok(Json(Lineage { id: id.0, models, windows }))
    }
}
