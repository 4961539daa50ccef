//! `aliases.jsonl`: the names that people give to models, and every change of them, a line each.
//!
//! The journal is the truth: what a name stands for follows from its lines, so that nothing is promoted without a trace.
//! A line is appended under a lock and synced; one that a crash cut short is passed over and cut off by the next.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::record::ModelId;
use crate::registry::files::{Stamp, stamp};

/// The version of a line's form. A reader refuses a higher one.
const FORMAT: u32 = 1;
/// The names that the registry itself gives.
pub(super) const RESERVED: [&str; 2] = ["latest", "champion"];
const LONGEST_NAME: usize = 63;

/// A name that people give to a model: letters, digits and hyphens, a lower-case letter first; not `latest` or `champion`,
/// and not spelt like a model's own name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct AliasName(String);

impl AliasName {
    /// The name as it is spelt.
    #[must_use]
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
        let bad = |reason| Err(BadAliasName { given: text.chars().take(LONGEST_NAME).collect(), reason });
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
pub enum Deed {
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
    pub deed: Deed,
    /// What it stood for before.
    pub from: Option<ModelId>,
    /// What it stands for since.
    pub to: Option<ModelId>,
    /// Why, in the words of whoever did it.
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
    #[must_use]
    pub fn get(&self, name: &str) -> Option<ModelId> {
        self.current().find(|(known, _)| known.as_str() == name).map(|(_, model)| model)
    }

    /// Every change, oldest first.
    #[must_use]
    pub fn history(&self) -> &[AliasChange] {
        &self.history
    }

    /// What a name stood for before what it stands for now.
    pub(super) fn before(&self, name: &AliasName) -> Option<ModelId> {
        let models = self.promoted.get(name)?;
        models.len().checked_sub(2).and_then(|place| models.get(place)).copied()
    }

    fn push(&mut self, change: AliasChange) {
        let models = self.promoted.entry(change.alias.clone()).or_default();
        match (change.deed, change.to) {
            (Deed::Promoted, Some(model)) => models.push(model),
            (Deed::RolledBack, _) => drop(models.pop()),
            (Deed::Removed, _) | (Deed::Promoted, None) => models.clear(),
        }
        self.history.push(change);
    }
}

/// The journal's file.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
}

impl Journal {
    pub(super) fn new(workdir: &Path) -> Self {
        Self { path: workdir.join("aliases.jsonl") }
    }

    /// Tells whether the file is the one that was read before; `None` where it is not there.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        fs::metadata(&self.path).ok().map(|metadata| stamp(&metadata))
    }

    pub(super) fn read(&self) -> Result<Aliases, AliasError> {
        match fs::read(&self.path) {
            Ok(text) => self.parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Aliases::default()),
            Err(source) => Err(AliasError::Read { path: self.path.clone(), source }),
        }
    }

    fn parse(&self, text: &[u8]) -> Result<Aliases, AliasError> {
        let mut aliases = Aliases::default();
        for (place, line) in whole_lines(text).split_inclusive(|byte| *byte == b'\n').enumerate() {
            let damaged = |reason: String| AliasError::Damaged { path: self.path.clone(), line: place + 1, reason };
            let change: AliasChange = serde_json::from_slice(line).map_err(|error| damaged(error.to_string()))?;
            if change.format > FORMAT {
                return Err(damaged(format!("it has format {}, which this windrow is too old to read", change.format)));
            }
            aliases.push(change);
        }
        Ok(aliases)
    }

    /// Keeps every process from changing an alias until what is returned is dropped.
    pub(super) fn hold(&self) -> Result<Held, AliasError> {
        let failed = |source| AliasError::Write { path: self.path.clone(), source };
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&self.path);
        let mut file = open.map_err(failed)?;
        file.lock().map_err(failed)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(failed)?;
        let aliases = self.parse(&text)?;
        Ok(Held { file, whole: whole_lines(&text).len() as u64, aliases })
    }

    /// Appends the change that `decide` makes of what the journal says now, whoever else writes to it.
    pub(super) fn append(
        &self,
        decide: impl FnOnce(&Aliases) -> Result<NewChange, AliasError>,
    ) -> Result<(AliasChange, Aliases), AliasError> {
        let Held { mut file, whole, mut aliases } = self.hold()?;
        let NewChange { alias, deed, to, author } = decide(&aliases)?;
        let from = aliases.get(alias.as_str());
        let Author { at, by, why } = author;
        let change = AliasChange { format: FORMAT, at, by, alias, deed, from, to, why };
        write_line(&mut file, whole, &change).map_err(|source| {
            // What was written of the line is taken back; where that fails too, the next reader passes over it.
            let _ = file.set_len(whole);
            AliasError::Write { path: self.path.clone(), source }
        })?;
        aliases.push(change.clone());
        Ok((change, aliases))
    }
}

/// The journal, locked.
#[derive(Debug)]
pub(super) struct Held {
    file: File,
    /// How many of its bytes are whole lines.
    whole: u64,
    pub(super) aliases: Aliases,
}

/// A change before it is known what it changes.
pub(super) struct NewChange {
    pub(super) alias: AliasName,
    pub(super) deed: Deed,
    pub(super) to: Option<ModelId>,
    pub(super) author: Author,
}

/// All but a last line that was cut short.
fn whole_lines(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
    &text[..end]
}

fn write_line(file: &mut File, at: u64, change: &AliasChange) -> io::Result<()> {
    let mut line = serde_json::to_vec(change)?;
    line.push(b'\n');
    file.set_len(at)?;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(&line)?;
    file.sync_all()
}

/// Why an alias cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum AliasError {
    /// The journal cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The journal holds what is no change.
    #[error("line {line} of {} is damaged: {reason}; mend or remove that line", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The journal cannot be written.
    #[error("cannot write {}: {source}; the aliases are as they were", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is nothing that the name could stand for.
    #[error("{model} cannot have an alias: {reason}")]
    NoModel {
        /// The model.
        model: ModelId,
        /// Why not.
        reason: String,
    },
    /// The name stands for nothing.
    #[error("there is no alias `{alias}`")]
    Unknown {
        /// The name.
        alias: AliasName,
    },
    /// The name has stood for one model alone.
    #[error("`{alias}` has stood for one model alone: there is nothing to go back to")]
    NothingBefore {
        /// The name.
        alias: AliasName,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ModelId {
        text.parse().expect("an id")
    }

    fn change(alias: &str, deed: Deed, to: Option<&str>) -> NewChange {
        let author =
            Author { at: "now".to_owned(), by: "ops".to_owned(), why: "a \"reason\"\nof two lines".to_owned() };
        NewChange { alias: alias.parse().expect("a name"), deed, to: to.map(id), author }
    }

    fn append(journal: &Journal, change: NewChange) -> AliasChange {
        journal.append(|_| Ok(change)).expect("room on the disk").0
    }

    #[test]
    fn a_name_goes_back_step_by_step_and_all_is_remembered() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::new(folder.path());
        assert_eq!(journal.read().expect("nothing yet"), Aliases::default());
        for to in ["window-1", "window-2", "window-3"] {
            append(&journal, change("prod", Deed::Promoted, Some(to)));
        }
        let name: AliasName = "prod".parse().expect("a name");
        assert_eq!(journal.read().expect("a journal").before(&name), Some(id("window-2")));
        append(&journal, change("prod", Deed::RolledBack, Some("window-2")));
        let aliases = journal.read().expect("a journal");
        assert_eq!((aliases.get("prod"), aliases.before(&name)), (Some(id("window-2")), Some(id("window-1"))));
        append(&journal, change("prod", Deed::RolledBack, Some("window-1")));
        assert_eq!(journal.read().expect("a journal").before(&name), None);
        let removed = append(&journal, change("prod", Deed::Removed, None));
        assert_eq!((removed.from, removed.to), (Some(id("window-1")), None));
        let aliases = journal.read().expect("a journal");
        assert_eq!((aliases.current().count(), aliases.history().len()), (0, 6));
    }

    #[test]
    fn a_line_that_was_cut_short_is_passed_over_and_cut_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::new(folder.path());
        append(&journal, change("prod", Deed::Promoted, Some("window-1")));
        let whole = fs::read(&journal.path).expect("a file");
        for cut in 1..whole.len() {
            let torn = [&whole[..], &whole[..cut]].concat();
            let torn = torn.strip_suffix(b"\n").unwrap_or(&torn);
            fs::write(&journal.path, torn).expect("a file");
            assert_eq!(journal.read().expect("a journal").history().len(), 1);
        }
        append(&journal, change("prod", Deed::Promoted, Some("window-2")));
        assert_eq!(journal.read().expect("a journal").history().len(), 2);
    }

    #[test]
    fn a_line_that_is_no_change_is_told_by_its_number() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::new(folder.path());
        append(&journal, change("prod", Deed::Promoted, Some("window-1")));
        let whole = fs::read_to_string(&journal.path).expect("a file");
        for wrong in ["{}\n".to_owned(), "\n".to_owned(), whole.replace("\"format\":1", "\"format\":9")] {
            fs::write(&journal.path, format!("{whole}{wrong}")).expect("a file");
            let error = journal.read().expect_err("damaged").to_string();
            assert!(error.contains("line 2 of"), "{error}");
        }
    }

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
