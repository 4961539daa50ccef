//! The names that people give to models, and every change of them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use windrow_record::ModelId;
use windrow_record::display::excerpt;

/// The names that the registry itself gives.
pub(super) const RESERVED: [&str; 2] = ["latest", "champion"];
const LONGEST_NAME: usize = 63;

/// A name that people give to a model: letters, digits and hyphens, a lower-case letter first; not `latest` or `champion`,
/// and not spelt like a model's own name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct AliasName(String);

impl AliasName {
    /// The name as it is spelt.
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
        let bad = |reason| Err(BadAliasName { given: excerpt(text, LONGEST_NAME).into_owned(), reason });
        if RESERVED.contains(&text) {
            return bad("the registry gives this name itself");
        }
        if text.parse::<ModelId>().is_ok() {
            return bad("this is how models are named");
        }
        let is_short = (1..=LONGEST_NAME).contains(&text.len());
        let is_spelt = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if !(is_short && is_spelt && text.starts_with(|first: char| first.is_ascii_lowercase())) {
            return bad("use lower-case letters, digits and hyphens, a letter first, 63 at most");
        }
        Ok(Self(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for AliasName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What is no name for a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` cannot be an alias: {reason}")]
pub struct BadAliasName {
    /// The text.
    pub given: String,
    /// Why not.
    pub reason: &'static str,
}

/// How a name came to stand for another model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AliasAction {
    /// It was given to a model.
    Promoted,
    /// It went back to the model before.
    RolledBack,
    /// It was taken away.
    Removed,
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AliasChange {
    /// The version of the line's form.
    pub format: u32,
    /// When, RFC 3339, UTC.
    pub at: String,
    /// Who, by the name of the API key; `anonymous` where none is asked for.
    pub by: String,
    /// The name.
    pub alias: AliasName,
    /// What was done.
    pub action: AliasAction,
    /// What it stood for before.
    pub from: Option<ModelId>,
    /// What it stands for since.
    pub to: Option<ModelId>,
    /// Why, in the words of the person who did it.
    pub why: String,
}

/// Who changes an alias, when and why.
#[derive(Debug, Clone)]
pub struct Author {
    /// When, RFC 3339, UTC.
    pub at: String,
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
}

/// All names, and how they came to be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Aliases {
    history: Vec<AliasChange>,
    /// Of each name: the models that it was promoted to and not rolled back from, the present one last.
    promoted: BTreeMap<AliasName, Vec<ModelId>>,
}

impl Aliases {
    /// The names in use and what they stand for, sorted.
    pub fn current(&self) -> impl Iterator<Item = (&AliasName, ModelId)> {
        self.promoted.iter().filter_map(|(name, models)| Some((name, *models.last()?)))
    }

    /// What a name stands for.
    pub fn get(&self, name: &str) -> Option<ModelId> {
        self.current().find(|(known, _)| known.as_str() == name).map(|(_, model)| model)
    }

    /// Every change, oldest first.
    pub fn history(&self) -> &[AliasChange] {
        &self.history
    }

    /// What a name stood for before what it stands for now, the newest first; what it stands for now is not among them.
    pub(super) fn before(&self, name: &AliasName) -> impl Iterator<Item = ModelId> {
        let models = self.promoted.get(name).map(Vec::as_slice).unwrap_or_default();
        let (current, before) = models.split_last().map_or((None, models), |(last, before)| (Some(*last), before));
        before.iter().rev().copied().filter(move |model| Some(*model) != current)
    }

    /// The change that made a name stand for what it stands for now.
    pub(super) fn last_change(&self, name: &AliasName) -> Option<&AliasChange> {
        self.history.iter().rev().find(|change| change.alias == *name)
    }

    pub(super) fn push(&mut self, change: AliasChange) {
        let models = self.promoted.entry(change.alias.clone()).or_default();
        match (change.action, change.to) {
            (AliasAction::Promoted, Some(model)) => models.push(model),
            (AliasAction::RolledBack, Some(model)) => {
                // Models that had been removed by then were passed over.
                models.pop();
                while models.last().is_some_and(|last| *last != model) {
                    models.pop();
                }
                if models.is_empty() {
                    models.push(model);
                }
            }
            (AliasAction::Removed, _) | (AliasAction::Promoted | AliasAction::RolledBack, None) => models.clear(),
        }
        self.history.push(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_models() {
        for good in ["prod", "a", "blue-2", "window"] {
            assert_eq!(good.parse::<AliasName>().expect("a name").as_str(), good);
        }
        for bad in ["", "latest", "champion", "window-2", "cumulative-1", "Prod", "2nd", "-a", "a b", &"a".repeat(64)] {
            assert!(bad.parse::<AliasName>().is_err(), "{bad}");
        }
    }
}
