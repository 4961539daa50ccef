//! The journal `aliases.jsonl`: one line for each change of an alias.
//!
//! The journal is the only source of truth: the model of an alias follows from its lines, so that every promotion
//! leaves a record. A line is appended under a file lock and synced to disk. Readers skip a last line that a crash cut
//! short, and the next append overwrites it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::alias::{AliasAction, AliasChange, AliasName, Aliases, Author};
use crate::error::AliasError;
use crate::files::{Stamp, stamp, stamp_of};
use windrow_base::{files, versioned};
use windrow_record::ModelId;

/// The format version of a journal line. A reader refuses any other version.
const FORMAT: u32 = 4;

#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
}

impl Journal {
    pub(super) fn new(workdir: &Path) -> Self {
        Self { path: workdir.join("aliases.jsonl") }
    }

    /// Returns the stamp of the file, which changes with each append; `None` if the file does not exist.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        stamp_of(&self.path)
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
        for (index, line) in complete_lines(text).split_inclusive(|byte| *byte == b'\n').enumerate() {
            let number = index + 1;
            let damaged = |error: serde_json::Error| {
                let (path, reason) = (self.path.clone(), error.to_string());
                AliasError::Damaged { path, line: number, reason }
            };
            let location = format!("line {number} of {}", self.path.display());
            aliases.push(versioned::parse(line, FORMAT, location, damaged)?);
        }
        Ok(aliases)
    }

    /// Locks the journal against changes by other processes until the returned value is dropped.
    pub(super) fn lock(&self) -> Result<LockedJournal, AliasError> {
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
        Ok(LockedJournal { file, whole: complete_lines(&text).len() as u64, aliases })
    }

    /// Reads the journal under its lock and appends the change that `decide` returns. If `decide` returns `None`,
    /// nothing is written and the last change of `alias` is returned.
    ///
    /// `confirm` is called last, when only a disk error can still prevent the change. If it returns `false`, the change
    /// is abandoned.
    pub(super) fn append(
        &self,
        alias: AliasName,
        author: Author,
        decide: impl FnOnce(&Aliases) -> Result<Option<NewChange>, AliasError>,
        confirm: &dyn Fn() -> bool,
    ) -> Result<JournalUpdate, AliasError> {
        let LockedJournal { mut file, whole, mut aliases } = self.lock()?;
        let read = |file: &File| file.metadata().map(|metadata| stamp(&metadata)).ok();
        let Some(NewChange { action, to, lineage }) = decide(&aliases)? else {
            let change = aliases.last_change(&alias).cloned().ok_or(AliasError::Unknown(alias))?;
            return Ok(JournalUpdate { change, aliases, stamp: read(&file) });
        };
        if !confirm() {
            return Err(AliasError::Abandoned);
        }
        let from = aliases.get(alias.as_str());
        let Author { at, by, why } = author;
        let change = AliasChange { format: FORMAT, at, by, alias, action, from, to, lineage, why };
        write_line(&mut file, whole, &change).map_err(|source| {
            // Removes the part of the line that was written. If this fails too, the next reader skips it.
            let _ = file.set_len(whole);
            AliasError::Write { path: self.path.clone(), source }
        })?;
        if let Some(folder) = self.path.parent().filter(|_| whole == 0) {
            let failed = |source| AliasError::Write { path: self.path.clone(), source };
            files::sync_folder(folder).map_err(failed)?;
        }
        aliases.push(change.clone());
        // The stamp is read before the lock is released: a line that another process appends changes it.
        Ok(JournalUpdate { change, aliases, stamp: read(&file) })
    }
}

pub(super) struct LockedJournal {
    file: File,
    /// The length of all complete lines, in bytes.
    whole: u64,
    pub(super) aliases: Aliases,
}

pub(super) struct JournalUpdate {
    pub(super) change: AliasChange,
    pub(super) aliases: Aliases,
    /// The stamp of the file with this change as its last line.
    pub(super) stamp: Option<Stamp>,
}

/// The action on an alias, and its model afterwards.
#[derive(Debug)]
pub(super) struct NewChange {
    pub(super) action: AliasAction,
    pub(super) to: Option<ModelId>,
    /// The lineage of that model.
    pub(super) lineage: Option<String>,
}

/// Returns the complete lines, without a last line that was cut short.
fn complete_lines(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ModelId {
        text.parse().expect("an id")
    }

    fn append(journal: &Journal, action: AliasAction, to: Option<&str>) -> AliasChange {
        let by = Author { at: "now".to_owned(), by: "ops".to_owned(), why: "a \"reason\"\nof two lines".to_owned() };
        let alias = "prod".parse().expect("a name");
        let change = NewChange { action, to: to.map(id), lineage: to.map(|to| format!("lineage of {to}")) };
        journal.append(alias, by, |_| Ok(Some(change)), &|| true).expect("room on the disk").change
    }

    fn before(journal: &Journal) -> Option<ModelId> {
        let name: AliasName = "prod".parse().expect("a name");
        journal.read().expect("a journal").before(&name).next()
    }

    #[test]
    fn an_alias_rolls_back_step_by_step_and_every_change_is_recorded() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::new(folder.path());
        assert_eq!(journal.read().expect("nothing yet"), Aliases::default());
        for to in ["window-1", "window-2", "window-3"] {
            append(&journal, AliasAction::Promoted, Some(to));
        }
        assert_eq!(before(&journal), Some(id("window-2")));
        append(&journal, AliasAction::RolledBack, Some("window-2"));
        assert_eq!(journal.read().expect("a journal").get("prod"), Some(id("window-2")));
        assert_eq!(before(&journal), Some(id("window-1")));
        append(&journal, AliasAction::RolledBack, Some("window-1"));
        assert_eq!(before(&journal), None);
        let removed = append(&journal, AliasAction::Removed, None);
        assert_eq!((removed.from, removed.to), (Some(id("window-1")), None));
        let aliases = journal.read().expect("a journal");
        assert_eq!((aliases.current().count(), aliases.history().len()), (0, 6));
    }

    #[test]
    fn a_line_that_was_cut_short_is_passed_over_and_cut_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::new(folder.path());
        append(&journal, AliasAction::Promoted, Some("window-1"));
        let whole = fs::read(&journal.path).expect("a file");
        for cut in 1..whole.len() {
            let torn = [&whole[..], &whole[..cut]].concat();
            let torn = torn.strip_suffix(b"\n").unwrap_or(&torn);
            fs::write(&journal.path, torn).expect("a file");
            assert_eq!(journal.read().expect("a journal").history().len(), 1);
        }
        append(&journal, AliasAction::Promoted, Some("window-2"));
        assert_eq!(journal.read().expect("a journal").history().len(), 2);
    }

    #[test]
    fn an_invalid_line_is_reported_by_its_number() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::new(folder.path());
        append(&journal, AliasAction::Promoted, Some("window-1"));
        let whole = fs::read_to_string(&journal.path).expect("a file");
        for (wrong, expected) in [
            ("{}\n".to_owned(), "is damaged: missing field `format`"),
            ("\n".to_owned(), "is damaged: EOF"),
            (whole.replace("\"format\":4", "\"format\":1"), "has format 1, but this version of Windrow reads format 4"),
        ] {
            fs::write(&journal.path, format!("{whole}{wrong}")).expect("a file");
            let error = journal.read().expect_err(expected).to_string();
            assert!(error.contains("line 2 of") && error.contains(expected), "{error}");
        }
    }
}
