//! Names that stand for models, and how they came to.

use poem_openapi::{Enum, Object};
use serde::Deserialize;

use crate::registry::{AliasChange, AliasName, Deed, Snapshot};

/// All aliases
#[derive(Debug, Object)]
pub(crate) struct AliasList {
    /// `latest` and `champion`, then one's own, sorted
    pub(crate) aliases: Vec<Alias>,
}

/// A name that stands for a model
#[derive(Debug, Object)]
pub(crate) struct Alias {
    pub(crate) alias: String,
    pub(crate) model: String,
}

/// Every change of an alias
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct AliasHistory {
    pub(crate) alias: String,
    /// What it stands for now; left out where it was removed
    pub(crate) model: Option<String>,
    /// Oldest first
    pub(crate) history: Vec<Change>,
}

/// One change of an alias
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
#[oai(rename = "AliasChange")]
pub(crate) struct Change {
    pub(crate) alias: String,
    pub(crate) deed: AliasDeed,
    /// The model before
    pub(crate) from: Option<String>,
    /// The model since
    pub(crate) to: Option<String>,
    /// When, RFC 3339, UTC
    pub(crate) at: String,
    /// Who, by the name of the API key; `anonymous` where none is asked for
    pub(crate) by: String,
    /// Why
    pub(crate) why: String,
}

/// What was done to an alias
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
pub(crate) enum AliasDeed {
    Promoted,
    RolledBack,
    Removed,
}

/// What an alias is to stand for
#[derive(Debug, Object, Deserialize)]
#[oai(deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub(crate) struct Promotion {
    /// The model, as in `cumulative-2`, or an alias that stands for one now
    pub(crate) model: String,
    /// Why, for the history
    #[oai(default)]
    #[serde(default)]
    pub(crate) why: String,
}

/// Why an alias is changed
#[derive(Debug, Object, Deserialize)]
#[oai(deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reason {
    /// Why, for the history
    #[oai(default)]
    #[serde(default)]
    pub(crate) why: String,
}

impl AliasList {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let alias = |(alias, model): (&str, &std::sync::Arc<crate::registry::Model>)| Alias {
            alias: alias.to_owned(),
            model: model.name().to_owned(),
        };
        Self { aliases: snapshot.named().map(alias).collect() }
    }
}

impl AliasHistory {
    /// `None` where there never was such an alias.
    pub(crate) fn of(snapshot: &Snapshot, name: &AliasName) -> Option<Self> {
        let aliases = snapshot.aliases();
        let history: Vec<Change> =
            aliases.history().iter().filter(|change| change.alias == *name).map(Change::of).collect();
        let model = aliases.get(name.as_str()).map(|id| id.to_string());
        (!history.is_empty()).then(|| Self { alias: name.to_string(), model, history })
    }
}

impl Change {
    pub(crate) fn of(change: &AliasChange) -> Self {
        Self {
            alias: change.alias.to_string(),
            deed: match change.deed {
                Deed::Promoted => AliasDeed::Promoted,
                Deed::RolledBack => AliasDeed::RolledBack,
                Deed::Removed => AliasDeed::Removed,
            },
            from: change.from.map(|id| id.to_string()),
            to: change.to.map(|id| id.to_string()),
            at: change.at.clone(),
            by: change.by.clone(),
            why: change.why.clone(),
        }
    }
}
