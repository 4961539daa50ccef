//! Aliases: names for models, with promotion and rollback.

use std::sync::Arc;

use poem::{Request, Result};
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;

use crate::body::{Body, Fields};
use crate::error::ApiError;
use crate::keys::Caller;
use crate::operations::mirror::{Mirror, mirror};
use crate::operations::tag::Tag;
use crate::request::{RequestScope, WorkPermit};
use crate::state::ApiState;
use windrow_base::runtime::blocking;
use windrow_base::telemetry::Event;
use windrow_registry::{AliasError, AliasName, Author, Registry};

pub(crate) struct Aliases(pub(crate) Arc<ApiState>);

/// The list of all aliases
#[derive(Debug, Object)]
pub(crate) struct AliasList {
    /// `latest`, `champion` and `advised`, then the aliases that users gave, sorted by name
    aliases: Vec<Alias>,
}

/// An alias and the model that it points to
#[derive(Debug, Object)]
pub(crate) struct Alias {
    alias: String,
    model: String,
}

/// The history of an alias
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct AliasHistory {
    alias: String,
    /// The model that the alias points to now; left out if the alias was removed
    model: Option<String>,
    /// The changes, oldest first
    history: Vec<AliasChange>,
}

mirror! {
    /// One change of an alias
    struct AliasChange of change: windrow_registry::AliasChange {
        alias: String,
        action: AliasAction,
        /// The model before the change; left out if the alias had none
        from: Option<String>,
        /// The model after the change; left out if the alias was removed
        to: Option<String>,
        /// The time of the change, RFC 3339, UTC
        at: String,
        /// The name of the API key that made the change; `anonymous` if the server requires no key, `windrow` if the
        /// advice made the change
        by: String,
        /// The digest of the batch files that the model learned from, at the time of the change
        lineage: Option<String>,
        /// The reason that the user gave, or the policy that the advice names
        why: String,
    }
}

mirror! {
    /// The kind of a change of an alias
    enum AliasAction of windrow_registry::AliasAction {
        /// A user pointed the alias to a model
        Promoted,
        /// The advice pointed the alias to a model
        Advised,
        /// The alias was pointed back to an earlier model
        RolledBack,
        /// The model of the alias was made again, because a window that it learned from was opened again
        Renewed,
        /// The alias was removed
        Removed,
    }
}

/// The model that an alias will point to, and the reason
#[derive(Debug, Object, Deserialize)]
#[oai(deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub(crate) struct Promotion {
    /// The model, as in `cumulative-2`, or an alias that points to one now
    model: String,
    /// The reason for the change, for the history
    #[oai(default)]
    #[serde(default)]
    why: String,
}

/// The reason for a change of an alias
#[derive(Debug, Object, Deserialize)]
#[oai(deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reason {
    /// The reason for the change, for the history
    #[oai(default)]
    #[serde(default)]
    why: String,
}

#[OpenApi]
impl Aliases {
    /// List the aliases
    #[oai(path = "/v1/aliases", method = "get", operation_id = "list_aliases", tag = "Tag::Aliases")]
    async fn aliases(&self) -> Json<AliasList> {
        let served = self.0.served();
        let named = served.snapshot.named();
        let named = named.map(|(alias, model)| Alias { alias: alias.to_owned(), model: model.name().to_owned() });
        Json(AliasList { aliases: named.collect() })
    }

    /// Show an alias
    #[oai(path = "/v1/aliases/:alias", method = "get", operation_id = "show_alias", tag = "Tag::Aliases")]
    async fn alias(
        &self,
        /// An alias that users gave, as in `production`, or `advised`
        alias: Path<String>,
    ) -> Result<Json<Alias>, ApiError> {
        let (served, name) = (self.0.served(), alias.parse::<AliasName>()?);
        let found = served.snapshot.alias(&name);
        let found = found.map(|model| Json(Alias { alias: name.to_string(), model: model.to_string() }));
        found.ok_or_else(|| AliasError::Unknown(name).into())
    }

    /// Show the history of an alias
    ///
    /// Lists each change with its author, time and reason. The history of a removed alias is also available.
    #[oai(path = "/v1/aliases/:alias/history", method = "get", operation_id = "alias_history", tag = "Tag::Aliases")]
    async fn history(
        &self,
        /// An alias that users gave, as in `production`, or `advised`
        alias: Path<String>,
    ) -> Result<Json<AliasHistory>, ApiError> {
        let (served, name) = (self.0.served(), alias.parse::<AliasName>()?);
        let changes = served.snapshot.aliases().history().iter();
        let history: Vec<AliasChange> = changes.filter(|change| change.alias == name).map(AliasChange::of).collect();
        let model = served.snapshot.alias(&name).map(|id| id.to_string());
        if history.is_empty() && model.is_none() {
            return Err(AliasError::Unknown(name).into());
        }
        Ok(Json(AliasHistory { alias: name.to_string(), model, history }))
    }

    /// Promote a model
    ///
    /// Points the alias to the model, from the next request on. Other servers of the work directory follow within a
    /// second. If the alias already points to the model, nothing changes, and the answer is the change that did so.
    #[oai(path = "/v1/aliases/:alias", method = "put", operation_id = "promote", tag = "Tag::Aliases")]
    async fn promote(
        &self,
        /// The alias: 1 to 63 lower-case letters, digits and hyphens, starting with a letter
        alias: Path<String>,
        promotion: Body<Fields<Promotion>>,
        request: &Request,
    ) -> Result<Json<AliasChange>, ApiError> {
        let Promotion { model, why } = promotion.parse()?;
        let name: AliasName = alias.parse()?;
        let model = self.0.find(&self.0.served(), &model)?.id();
        let author = self.author(request, why);
        self.change(promotion.permit, move |registry, confirm| registry.promote(name, model, author, confirm)).await
    }

    /// Roll an alias back
    ///
    /// Points the alias to the newest of its earlier models that can still be promoted. `advised` stays there until the
    /// next fit that the advice asks for.
    #[oai(path = "/v1/aliases/:alias/rollback", method = "post", operation_id = "roll_back", tag = "Tag::Aliases")]
    async fn roll_back(
        &self,
        /// An alias that users gave, or `advised`
        alias: Path<String>,
        reason: Body<Fields<Reason>>,
        request: &Request,
    ) -> Result<Json<AliasChange>, ApiError> {
        let author = self.author(request, reason.parse()?.why);
        let name = alias.parse()?;
        self.change(reason.permit, move |registry, confirm| registry.roll_back(name, author, confirm)).await
    }

    /// Remove an alias
    ///
    /// Removes the alias and keeps its history. Without its alias, `advised` is the champion.
    #[oai(path = "/v1/aliases/:alias", method = "delete", operation_id = "remove_alias", tag = "Tag::Aliases")]
    async fn remove(
        &self,
        /// An alias that users gave, or `advised`
        alias: Path<String>,
        request: &Request,
    ) -> Result<Json<AliasChange>, ApiError> {
        let (name, author) = (alias.parse()?, self.author(request, String::new()));
        let permit = RequestScope::of(request)?.begin_work()?;
        self.change(permit, move |registry, confirm| registry.remove_alias(name, author, confirm)).await
    }
}

impl Aliases {
    fn author(&self, request: &Request, why: String) -> Author {
        let by = request.data::<Caller>().map_or("anonymous", |caller| &caller.name).to_owned();
        Author { at: (self.0.clock)(), by, why }
    }

    /// Writes the change to the journal and renews the served models, so that the next request sees it. If the request
    /// was abandoned before, nothing changes.
    async fn change<F>(&self, permit: WorkPermit, change: F) -> Result<Json<AliasChange>, ApiError>
    where
        F: FnOnce(&Registry, &dyn Fn() -> bool) -> Result<windrow_registry::AliasChange, AliasError> + Send + 'static,
    {
        let registry = Arc::clone(&self.0.registry);
        let changed = blocking(move || change(&registry, &|| permit.commit())).await?;
        self.0.renew().await;
        let [from, to] = [changed.from, changed.to].map(|id| id.map(|id| id.to_string()));
        let (alias, by) = (changed.alias.to_string(), changed.by.clone());
        self.0.progress.report(Event::AliasChanged { alias, from, to, by });
        Ok(Json(AliasChange::of(&changed)))
    }
}
