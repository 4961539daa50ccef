//! Promoting and rolling back.

use std::sync::Arc;

use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;

use crate::api::answers::aliases::{Alias, AliasHistory, AliasList, Change, Promotion, Reason};
use crate::api::context::Context;
use crate::api::keys::Caller;
use crate::api::operations::{Tag, off_the_runtime};
use crate::api::payload::Facts;
use crate::api::problem::Refusal;
use crate::registry::{AliasChange, AliasError, AliasName, Author, Registry};
use crate::telemetry::Event;

pub(crate) struct Aliases(pub(crate) Arc<Context>);

#[OpenApi]
impl Aliases {
    /// List the aliases
    #[oai(path = "/v1/aliases", method = "get", operation_id = "list_aliases", tag = "Tag::Aliases")]
    async fn aliases(&self) -> Json<AliasList> {
        Json(AliasList::of(&self.0.served().snapshot))
    }

    /// Show an alias
    #[oai(path = "/v1/aliases/:alias", method = "get", operation_id = "show_alias", tag = "Tag::Aliases")]
    async fn alias(
        &self,
        /// One's own alias, as in `production`
        alias: Path<String>,
    ) -> Result<Json<Alias>, Refusal> {
        let (served, name) = (self.0.served(), alias.parse::<AliasName>()?);
        let found = served.snapshot.aliases().get(name.as_str());
        let found = found.map(|model| Json(Alias { alias: name.to_string(), model: model.to_string() }));
        found.ok_or_else(|| AliasError::Unknown { alias: name }.into())
    }

    /// Show the history of an alias
    ///
    /// Who promoted what, when, and why; also of an alias that was removed.
    #[oai(path = "/v1/aliases/:alias/history", method = "get", operation_id = "alias_history", tag = "Tag::Aliases")]
    async fn history(
        &self,
        /// One's own alias, as in `production`
        alias: Path<String>,
    ) -> Result<Json<AliasHistory>, Refusal> {
        let (served, name) = (self.0.served(), alias.parse::<AliasName>()?);
        let found = AliasHistory::of(&served.snapshot, &name).map(Json);
        found.ok_or_else(|| AliasError::Unknown { alias: name }.into())
    }

    /// Promote a model
    ///
    /// Lets the alias stand for the model from the next request on, in every server of the work directory within a second.
    #[oai(path = "/v1/aliases/:alias", method = "put", operation_id = "promote", tag = "Tag::Aliases")]
    async fn promote(
        &self,
        /// One's own alias: letters, digits and hyphens, a lower-case letter first
        alias: Path<String>,
        promotion: Facts<Promotion>,
        request: &Request,
    ) -> Result<Json<Change>, Refusal> {
        let name: AliasName = alias.parse()?;
        let model = self.0.find(&self.0.served(), &promotion.0.model)?.id();
        let author = self.author(request, promotion.0.why);
        self.change(move |registry| registry.promote(name, model, author)).await
    }

    /// Roll an alias back
    ///
    /// Lets it stand for the model before.
    #[oai(path = "/v1/aliases/:alias/rollback", method = "post", operation_id = "roll_back", tag = "Tag::Aliases")]
    async fn roll_back(
        &self,
        /// One's own alias
        alias: Path<String>,
        reason: Facts<Reason>,
        request: &Request,
    ) -> Result<Json<Change>, Refusal> {
        let (name, author) = (alias.parse()?, self.author(request, reason.0.why));
        self.change(move |registry| registry.roll_back(name, author)).await
    }

    /// Remove an alias
    ///
    /// Its history stays.
    #[oai(path = "/v1/aliases/:alias", method = "delete", operation_id = "remove_alias", tag = "Tag::Aliases")]
    async fn remove(
        &self,
        /// One's own alias
        alias: Path<String>,
        request: &Request,
    ) -> Result<Json<Change>, Refusal> {
        let (name, author) = (alias.parse()?, self.author(request, String::new()));
        self.change(move |registry| registry.remove_alias(name, author)).await
    }
}

impl Aliases {
    fn author(&self, request: &Request, why: String) -> Author {
        let by = request.data::<Caller>().map_or("anonymous", |caller| caller.name()).to_owned();
        Author { at: (self.0.clock)(), by, why }
    }

    /// Changes the journal, and lets the next request see it.
    async fn change(
        &self,
        change: impl FnOnce(&Registry) -> Result<AliasChange, AliasError> + Send + 'static,
    ) -> Result<Json<Change>, Refusal> {
        let registry = Arc::clone(&self.0.registry);
        let changed = off_the_runtime(move || change(&registry)).await?;
        self.0.take_up().await;
        self.0.progress.tell(Event::AliasChanged {
            alias: changed.alias.to_string(),
            from: changed.from.map(|id| id.to_string()),
            to: changed.to.map(|id| id.to_string()),
            by: changed.by.clone(),
        });
        Ok(Json(Change::of(&changed)))
    }
}
