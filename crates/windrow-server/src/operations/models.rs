//! The operations that describe models: lists, cards, comparisons and lineage.

use std::collections::BTreeMap;
use std::sync::Arc;

use poem::Result;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::body::{Body, OneRow};
use crate::error::ApiError;
use crate::operations::card::{ModelCard, ModelSummary, Numbers, Offsets};
use crate::operations::diff::{Diff, RowChange};
use crate::operations::mirror::Mirror;
use crate::operations::page::{limit, page, parameter};
use crate::operations::several::predict_with_each;
use crate::operations::tag::Tag;
use crate::schema::excerpt;
use crate::state::ApiState;
use windrow_config::Batch;
use windrow_learn::model::WindowLineage;
use windrow_pages::nearest::nearest_known;
use windrow_record::{ModelId, Scheme};
use windrow_registry::Model;
use windrow_windows::batch_file_name;

pub(crate) struct Models(pub(crate) Arc<ApiState>);

/// A page of the published models
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct ModelList {
    /// The models, ordered by window and then by scheme
    models: Vec<ModelSummary>,
    /// The aliases, each with the model that it points to now. `latest` is the accepted model of the newest window
    /// that has one; of several, the cumulative one is preferred. `champion` is the newest accepted model of the scheme
    /// whose models did best on the newest windows; until 12 windows have been judged, it is the accepted model of the
    /// newest window with known labels. `advised` is the model in use if you follow the advice; before there is advice,
    /// it is `champion` or, without one, `latest`
    aliases: BTreeMap<String, String>,
    /// The link to the next page; left out on the last page
    next: Option<String>,
}

/// The files and offsets that models were trained on
#[derive(Debug, Object)]
pub(crate) struct Lineage {
    /// The id of the lineage: a short digest of the windows' SHA-256
    id: String,
    /// The models that were trained on these windows
    models: Vec<String>,
    /// The windows, oldest first
    windows: Vec<LineageWindow>,
}

/// A window that models were trained on
#[derive(Debug, Object)]
pub(crate) struct LineageWindow {
    window: u32,
    /// The path of the batch file in the work directory, or its URL if `batch.url` names an object store
    file: String,
    /// The path of the manifest, in the work directory
    manifest: String,
    /// The SHA-256 of the batch file, in hexadecimal
    sha256: String,
    rows: u64,
    /// The numbers of the rows in the dataset, if they have numbers
    row_numbers: Vec<Numbers>,
    /// The offsets of the rows in the topic
    offsets: Vec<Offsets>,
}

impl LineageWindow {
    fn of(found: &WindowLineage, batch: &Batch) -> Self {
        let folder = batch.url.as_deref().map_or("batches", |url| url.trim_end_matches('/'));
        Self {
            window: found.window.get(),
            file: format!("{folder}/{}", batch_file_name(batch, found.window, &found.sha256)),
            manifest: format!("batches/{}.json", found.window.file_stem()),
            sha256: found.sha256.clone(),
            rows: found.rows,
            row_numbers: Mirror::of(&found.row_numbers),
            offsets: Mirror::of(&found.offsets),
        }
    }
}

#[OpenApi]
impl Models {
    /// List the models
    ///
    /// Lists the published models with their scores, the refused ones with the reason, and the aliases. The list has
    /// pages; `next` is the link to the next page.
    #[oai(path = "/v1/models", method = "get", operation_id = "list_models", tag = "Tag::Models")]
    async fn models(
        &self,
        /// The model after which the page starts
        after: Query<Option<String>>,
        /// The maximum number of models on the page: 1 to 1000, by default 100
        #[oai(name = "limit")]
        asked: Query<Option<u32>>,
        /// Limits the list to models of this window
        window: Query<Option<u32>>,
        /// Limits the list to models of this scheme, as in `cumulative`; a recalibrated model has the scheme of its fit
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
        let filters = [("window", window.map(|it| it.to_string())), ("scheme", scheme.map(|it| it.to_string()))];
        let (models, next) = page(wanted, limit, "/v1/models", &filters, |model| model.name().to_owned());
        Ok(Json(ModelList {
            models: models.into_iter().map(|model| ModelSummary::of(model.artifact())).collect(),
            aliases: snapshot.named().map(|(name, model)| (name.to_owned(), model.name().to_owned())).collect(),
            next,
        }))
    }

    /// Show a model
    ///
    /// Returns the model card: the training data, the solver's report, the coefficients and the scores.
    #[oai(path = "/v1/models/:id", method = "get", operation_id = "show_model", tag = "Tag::Models")]
    async fn model(
        &self,
        /// A model, as in `cumulative-2` or, recalibrated on window 5, `cumulative-2-recalibrated-5`, or an alias, as in
        /// `advised` or `champion`
        id: Path<String>,
    ) -> Result<Json<ModelCard>, ApiError> {
        let served = self.0.served();
        Ok(Json(ModelCard::of(self.0.find(&served, &id)?.artifact())))
    }

    /// Compare two models
    ///
    /// Compares coefficients and scores. The largest changes of coefficients are first.
    #[oai(path = "/v1/models/:id/diff/:other", method = "get", operation_id = "diff_models", tag = "Tag::Models")]
    async fn diff(
        &self,
        /// The first model, or an alias
        id: Path<String>,
        /// The second model, or an alias
        other: Path<String>,
    ) -> Result<Json<Diff>, ApiError> {
        let served = self.0.served();
        Ok(Json(Diff::of(self.0.learned(&served, &id)?, self.0.learned(&served, &other)?)))
    }

    /// Compare two models on a row
    ///
    /// Also compares the predictions for the row, and the contribution of each feature to them.
    #[oai(
        path = "/v1/models/:id/diff/:other",
        method = "post",
        operation_id = "diff_models_on_row",
        tag = "Tag::Models"
    )]
    async fn diff_on_row(
        &self,
        /// The first model, or an alias
        id: Path<String>,
        /// The second model, or an alias
        other: Path<String>,
        row: Body<OneRow>,
    ) -> Result<Json<Diff>, ApiError> {
        let served = self.0.served_snapshot();
        let (diff, asked) = {
            let (first, second) = (self.0.fitted(&served, &id)?, self.0.fitted(&served, &other)?);
            let asked = vec![Arc::clone(first.served), Arc::clone(second.served)];
            (Diff::of((first.model, first.learned), (second.model, second.learned)), asked)
        };
        let mut predictions = predict_with_each(asked, row, true).await?.into_iter();
        // There is one for each model.
        let row = predictions.next().zip(predictions.next()).map(|(first, second)| RowChange::of(first, second));
        Ok(Json(Diff { row, ..diff }))
    }

    /// Show the training data of a prediction
    ///
    /// Lists the batch files, row numbers and offsets that the models of a lineage were trained on.
    #[oai(path = "/v1/lineage/:id", method = "get", operation_id = "show_lineage", tag = "Tag::Models")]
    async fn lineage(
        &self,
        /// The id of a lineage, from a prediction or a model card
        id: Path<String>,
    ) -> Result<Json<Lineage>, ApiError> {
        let served = self.0.served();
        let lineage = |model: &Arc<Model>| model.artifact().lineage.id.clone();
        let of_id: Vec<_> = served.snapshot.models().filter(|model| model.artifact().lineage.id == *id).collect();
        let Some(model) = of_id.first() else {
            let mut known: Vec<String> = served.snapshot.models().map(lineage).collect();
            known.dedup();
            let detail = format!("no model has the lineage `{}`", excerpt(&id));
            return Err(ApiError::not_found("unknown-lineage", detail, nearest_known(&id, &known)));
        };
        let batch = &self.0.pipeline.batch;
        let windows = model.artifact().lineage.windows.iter().map(|window| LineageWindow::of(window, batch)).collect();
        let models = of_id.iter().map(|model| model.name().to_owned()).collect();
        Ok(Json(Lineage { id: id.0, models, windows }))
    }
}
