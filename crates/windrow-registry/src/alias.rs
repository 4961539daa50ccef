//! The aliases of models, and the history of their changes.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use windrow_record::ModelId;
use windrow_record::display::excerpt;

/// The names that the registry assigns itself.
pub(super) const RESERVED: [&str; 2] = ["latest", "champion"];
/// The alias of the model that following the advice has in service. The advice moves it, and users can move it too.
pub const ADVISED: &str = "advised";
const MAX_NAME_LENGTH: usize = 63;

/// An alias: 1 to 63 lower-case letters, digits and hyphens, starting with a letter. It is neither `latest` nor
/// `champion`, and does not have the form of a model id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct AliasName(String);

impl AliasName {
    /// Returns the name `advised`.
    pub fn advised() -> Self {
        Self(ADVISED.to_owned())
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AliasName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AliasName {
    type Err = BadAliasName;

    fn from_str(text: &str) -> Result<Self, BadAliasName> {
        let bad = |reason| Err(BadAliasName { given: excerpt(text, MAX_NAME_LENGTH).into_owned(), reason });
        if RESERVED.contains(&text) {
            return bad("this name is reserved for the registry");
        }
        if text.parse::<ModelId>().is_ok() {
            return bad("it has the form of a model id");
        }
        let is_short = (1..=MAX_NAME_LENGTH).contains(&text.len());
        let is_spelt = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if !(is_short && is_spelt && text.starts_with(|first: char| first.is_ascii_lowercase())) {
            return bad("use at most 63 lower-case letters, digits and hyphens, and begin with a letter");
        }
        Ok(Self(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for AliasName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The error for a text that cannot be an alias.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` cannot be an alias: {reason}")]
pub struct BadAliasName {
    /// The text, shortened if it is too long.
    pub given: String,
    /// The reason, as a phrase.
    pub reason: &'static str,
}

/// The kind of a change of an alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AliasAction {
    /// A user pointed the alias to a model.
    Promoted,
    /// The advice pointed the alias to a model.
    Advised,
    /// The alias was pointed back to an earlier model.
    RolledBack,
    /// The model of the alias was made again, because a window that it learned from was opened again.
    Renewed,
    /// The alias was removed.
    Removed,
}

/// One change of an alias, stored as one line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AliasChange {
    /// The format version of the line.
    pub format: u32,
    /// The time of the change, in RFC 3339 format and UTC.
    pub at: String,
    /// The name of the API key that made the change; `anonymous` if the server asks for no key, `windrow` if the advice
    /// made the change.
    pub by: String,
    /// The alias that was changed.
    pub alias: AliasName,
    /// The kind of the change.
    pub action: AliasAction,
    /// The model of the alias before the change, if it had one.
    pub from: Option<ModelId>,
    /// The model of the alias after the change; `None` if the alias was removed.
    pub to: Option<ModelId>,
    /// The lineage of that model. A model that is made again can have another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<String>,
    /// The reason that the user gave, or the policy that the advice names.
    pub why: String,
}

/// The author of a change, with its time and reason.
#[derive(Debug, Clone)]
pub struct Author {
    /// The time of the change, in RFC 3339 format and UTC.
    pub at: String,
    /// The name of the author.
    pub by: String,
    /// The reason that the author gave.
    pub why: String,
}

/// All aliases and the history of their changes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Aliases {
    history: Vec<AliasChange>,
    /// For each alias, the models to which it was pointed and not rolled back from. The current model is the last.
    promoted: BTreeMap<AliasName, Vec<ModelId>>,
}

impl Aliases {
    /// Returns the aliases in use and their models, sorted by name.
    pub fn current(&self) -> impl Iterator<Item = (&AliasName, ModelId)> {
        self.promoted.iter().filter_map(|(name, models)| Some((name, *models.last()?)))
    }

    /// Returns the current model of an alias.
    pub fn get(&self, name: &str) -> Option<ModelId> {
        self.current().find(|(known, _)| known.as_str() == name).map(|(_, model)| model)
    }

    /// Returns the model to which the advice last pointed the alias `advised`. A user may have moved the alias since.
    pub fn last_advised(&self) -> Option<ModelId> {
        self.history.iter().rev().find(|change| change.action == AliasAction::Advised)?.to
    }

    /// Returns every change, oldest first.
    pub fn history(&self) -> &[AliasChange] {
        &self.history
    }

    /// Returns the earlier models of an alias, the newest first, without the current model.
    pub(super) fn before(&self, name: &AliasName) -> impl Iterator<Item = ModelId> {
        let models = self.promoted.get(name).map(Vec::as_slice).unwrap_or_default();
        let (current, before) = models.split_last().map_or((None, models), |(last, before)| (Some(*last), before));
        before.iter().rev().copied().filter(move |model| Some(*model) != current)
    }

    /// Returns the last change of an alias.
    pub(super) fn last_change(&self, name: &AliasName) -> Option<&AliasChange> {
        self.history.iter().rev().find(|change| change.alias == *name)
    }

    /// Returns the lineage of the model that an alias points to, at the time of the last change.
    pub(super) fn lineage(&self, name: &AliasName) -> Option<&str> {
        self.last_change(name)?.lineage.as_deref()
    }

    pub(super) fn push(&mut self, change: AliasChange) {
        let models = self.promoted.entry(change.alias.clone()).or_default();
        match (change.action, change.to) {
            (AliasAction::Promoted | AliasAction::Advised, Some(model)) => models.push(model),
            // The alias points to the same model as before.
            (AliasAction::Renewed, Some(_)) => {}
            (AliasAction::RolledBack, Some(model)) => {
                // A rollback skips models that were removed by then.
                models.pop();
                while models.last().is_some_and(|last| *last != model) {
                    models.pop();
                }
                if models.is_empty() {
                    models.push(model);
                }
            }
            (AliasAction::Removed, _) | (_, None) => models.clear(),
        }
        self.history.push(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinguished_from_model_ids() {
        for good in ["prod", "a", "blue-2", "window"] {
            assert_eq!(good.parse::<AliasName>().expect("a name").as_str(), good);
        }
        for bad in ["", "latest", "champion", "window-2", "cumulative-1", "Prod", "2nd", "-a", "a b", &"a".repeat(64)] {
            assert!(bad.parse::<AliasName>().is_err(), "{bad}");
        }
    }
}
