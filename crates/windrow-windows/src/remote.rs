//! A store whose files are objects: manifests and quarantine files are copied into the work directory, where everybody looks for
//! them; batch files are fetched when they are read.
//!
//! The manifest is what counts, here as in a folder, and it is created and never replaced. A batch file bears its digest in its
//! name: what a rival or a killed consumer has left under another name harms nothing.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::spill::Whole;
use crate::store::{END, json, keep, parse};
use crate::{BatchError, BatchStore, FileDigest, Manifest, StreamEnd};
use windrow_base::files;
use windrow_record::WindowIndex;

/// So many digits of a file's sha256 are in its name.
const DIGITS: usize = 12;

impl BatchStore {
    /// The name of a sealed window's batch file under the folder or URL of the batch files.
    #[must_use]
    pub fn batch_name(&self, window: WindowIndex, sha256: &str) -> String {
        let (stem, extension) = (window.file_stem(), self.format().extension());
        match self.objects() {
            Some(_) => format!("{stem}-{}.{extension}", digits(sha256)),
            None => format!("{stem}.{extension}"),
        }
    }

    /// Where a sealed window's batch file is, for people.
    pub fn batch_place(&self, manifest: &Manifest) -> PathBuf {
        match self.objects() {
            Some(objects) => objects.place(&self.batch_name(manifest.window, &manifest.rows.file.sha256)),
            None => self.batch_path(manifest.window),
        }
    }

    /// A sealed window's batch file, to be read from its beginning; one that is an object is held to its manifest.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn batch_file(&self, manifest: &Manifest) -> Result<File, BatchError> {
        let Some(objects) = self.objects() else {
            let path = self.batch_path(manifest.window);
            return File::open(&path).map_err(BatchError::read(&path));
        };
        objects.download(
            &self.batch_name(manifest.window, &manifest.rows.file.sha256),
            &manifest.rows.file,
            self.folder(),
        )
    }

    /// Makes sure that the sealed windows' files are as long as they were: what was cut off or removed since is reported before
    /// anything is built on it.
    pub(crate) fn check_lengths(&self, manifests: &[Manifest]) -> Result<(), BatchError> {
        let there = self.objects().map(|objects| objects.list()).transpose()?;
        let length = |path: &Path, name: &str| match &there {
            Some(there) => there.get(name).copied().ok_or_else(|| "it is not".to_owned()),
            None => fs::metadata(path).map(|file| file.len()).map_err(|error| format!("it cannot be read: {error}")),
        };
        for manifest in manifests {
            let (window, rows) = (manifest.window, &manifest.rows.file);
            let batch = (self.batch_place(manifest), self.batch_name(window, &rows.sha256), rows.bytes);
            let aside = manifest.quarantine.file.as_ref().map(|file| {
                let name = quarantine_name(window, &file.sha256);
                let path = self.objects().map_or_else(|| self.quarantine_path(window), |objects| objects.place(&name));
                (path, name, file.bytes)
            });
            for (path, name, promised) in [Some(batch), aside].into_iter().flatten() {
                let reason = match length(&path, &name) {
                    Ok(found) if found == promised => continue,
                    Ok(found) => format!("it has {found} bytes where its manifest says {promised}"),
                    Err(reason) => format!("its manifest is there and {reason}"),
                };
                return Err(BatchError::Damaged { path, reason });
            }
        }
        Ok(())
    }

    /// Makes sure that what the work directory knows of the windows is what the object store holds: another store, or one that was
    /// emptied, must not be filled on from the middle.
    ///
    /// # Errors
    /// It is not, or the store cannot be read.
    pub fn reconcile(&self) -> Result<(), BatchError> {
        let Some(objects) = self.objects() else { return Ok(()) };
        let there = objects.list()?;
        let mut known: Vec<String> =
            self.copies()?.into_iter().map(|window| format!("{}.json", window.file_stem())).collect();
        known.extend(self.end_path().exists().then(|| END.to_owned()));
        for name in known {
            let path = self.folder().join(&name);
            let here = fs::metadata(&path).map_err(BatchError::read(&path))?.len();
            if there.get(&name) != Some(&here) {
                return Err(BatchError::OtherStore {
                    url: objects.url().to_owned(),
                    name,
                    workdir: self.folder().to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Copies the manifest of a window into the work directory, behind the quarantine file that it names, where it is not there
    /// and the object store has it.
    pub(crate) fn copy_manifest(&self, window: WindowIndex) -> Result<(), BatchError> {
        let path = self.manifest_path(window);
        let Some(objects) = self.objects().filter(|_| !path.exists()) else { return Ok(()) };
        let name = format!("{}.json", window.file_stem());
        let Some(text) = objects.read(&name)? else { return Ok(()) };
        let manifest: Manifest = parse(&text, &objects.place(&name))?;
        if let Some(file) = &manifest.quarantine.file {
            let name = quarantine_name(window, &file.sha256);
            let mut aside = objects.download(&name, file, self.folder())?;
            let to = self.quarantine_path(window);
            let mut copy = files::beside(&to).map_err(BatchError::write(&to))?;
            std::io::copy(&mut aside, &mut copy).map_err(BatchError::write(&to))?;
            files::place(copy, &to).map_err(BatchError::write(&to))?;
        }
        files::write_whole(&path, &text).map(drop).map_err(BatchError::write(&path))
    }

    /// The same for what was written when the stream was through.
    pub(crate) fn copy_end(&self) -> Result<(), BatchError> {
        let path = self.end_path();
        let Some(objects) = self.objects().filter(|_| !path.exists()) else { return Ok(()) };
        let Some(text) = objects.read(END)? else { return Ok(()) };
        parse::<StreamEnd>(&text, &objects.place(END))?;
        files::write_whole(&path, &text).map(drop).map_err(BatchError::write(&path))
    }

    /// Puts the rows of a window, as CSV, where they stay, in the format of the store.
    pub(crate) fn keep_rows(&self, csv: Whole, window: WindowIndex) -> Result<FileDigest, BatchError> {
        let whole = self.format().convert(csv)?;
        match self.objects() {
            None => keep(whole, &self.batch_path(window)),
            Some(objects) => {
                objects.upload(&self.batch_name(window, &whole.digest.sha256), &whole.path)?;
                fs::remove_file(&whole.path).map_err(BatchError::write(&whole.path))?;
                Ok(whole.digest)
            }
        }
    }

    /// The same for its quarantine, of which a copy stays in the work directory.
    pub(crate) fn keep_quarantine(&self, whole: Whole, window: WindowIndex) -> Result<FileDigest, BatchError> {
        if let Some(objects) = self.objects() {
            objects.upload(&quarantine_name(window, &whole.digest.sha256), &whole.path)?;
        }
        keep(whole, &self.quarantine_path(window))
    }

    /// Seals a window: from then on it is what this says. Where another consumer has sealed it with the same rows, what that one
    /// wrote counts.
    ///
    /// # Errors
    /// Another consumer has sealed it with other rows, or a file cannot be written.
    pub(crate) fn keep_manifest(&self, manifest: Manifest) -> Result<Manifest, BatchError> {
        let name = format!("{}.json", manifest.window.file_stem());
        let seals_the_same = |one: &Manifest, other: &Manifest| {
            (&one.rows.file, &one.rows.numbers) == (&other.rows.file, &other.rows.numbers)
                && (&one.quarantine.file, &one.messages.offsets) == (&other.quarantine.file, &other.messages.offsets)
        };
        self.keep_json(manifest, &name, seals_the_same)
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// Another consumer has ended it with other rows, or a file cannot be written.
    pub(crate) fn keep_end(&self, end: StreamEnd) -> Result<StreamEnd, BatchError> {
        let counts = |of: &StreamEnd| (of.windows, of.rows, of.quarantined);
        self.keep_json(end, END, |one, other| counts(one) == counts(other))
    }

    fn keep_json<T: Serialize + DeserializeOwned>(
        &self,
        value: T,
        name: &str,
        is_same: impl FnOnce(&T, &T) -> bool,
    ) -> Result<T, BatchError> {
        let to = self.folder().join(name);
        let Some(objects) = self.objects() else {
            self.write_json(&value, &to)?;
            return Ok(value);
        };
        let text = json(&value).map_err(|error| BatchError::write(&to)(error.into()))?;
        let (value, text) = if objects.create(name, text.clone())? {
            (value, text)
        } else {
            let there = objects.read(name)?.unwrap_or_default();
            let found: T = parse(&there, &objects.place(name))?;
            if !is_same(&value, &found) {
                return Err(BatchError::Rival { path: objects.place(name) });
            }
            (found, there)
        };
        files::write_whole(&to, &text).map_err(BatchError::write(&to))?;
        Ok(value)
    }
}

fn digits(sha256: &str) -> &str {
    sha256.get(..DIGITS).unwrap_or(sha256)
}

fn quarantine_name(window: WindowIndex, sha256: &str) -> String {
    format!("quarantine/{}-{}.jsonl", window.file_stem(), digits(sha256))
}
