//! A store whose files are objects.
//!
//! Manifests and quarantine files are copied into the work directory, because all readers look for them there. Batch
//! files are downloaded when they are read.
//!
//! As in a folder, only the manifest seals a window; it is created once and never replaced. The name of a batch file
//! contains its digest, so files that another or a killed consumer left under other names do no harm.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::names::{digits, file_name};
use crate::spill::CompleteFile;
use crate::store::{END_FILE, json, parse, persist};
use crate::{BatchError, BatchStore, FileDigest, Manifest, StreamEnd};
use windrow_base::files;
use windrow_record::WindowIndex;

impl BatchStore {
    /// The name of a sealed window's batch file under the folder or URL of the batch files.
    #[must_use]
    pub fn batch_name(&self, window: WindowIndex, sha256: &str) -> String {
        file_name(window, self.format().extension(), self.objects().map(|_| sha256))
    }

    /// The path or URL of a sealed window's batch file, for messages.
    pub fn batch_location(&self, manifest: &Manifest) -> PathBuf {
        match self.objects() {
            Some(objects) => objects.location(&self.batch_name(manifest.window, &manifest.rows.file.sha256)),
            None => self.batch_path(manifest.window),
        }
    }

    /// Opens a sealed window's batch file at its beginning. If it is an object, its digest is compared with the
    /// manifest.
    ///
    /// # Errors
    /// The file cannot be read, or the object differs from its manifest.
    pub fn batch_file(&self, manifest: &Manifest) -> Result<File, BatchError> {
        let Some(objects) = self.objects() else {
            let path = self.batch_path(manifest.window);
            return File::open(&path).map_err(BatchError::read(&path));
        };
        let rows = &manifest.rows.file;
        objects.download(&self.batch_name(manifest.window, &rows.sha256), rows, self.folder())
    }

    /// Checks that the files of the sealed windows have the lengths in their manifests. A truncated or missing file is
    /// thus reported before the writer continues.
    pub(crate) fn check_lengths(&self, manifests: &[Manifest]) -> Result<(), BatchError> {
        let there = self.objects().map(|objects| objects.list()).transpose()?;
        let length = |path: &Path, name: &str| match &there {
            Some(there) => there.get(name).copied().ok_or_else(|| "the file does not exist".to_owned()),
            None => {
                fs::metadata(path).map(|file| file.len()).map_err(|error| format!("the file cannot be read: {error}"))
            }
        };
        for manifest in manifests {
            let (window, rows) = (manifest.window, &manifest.rows.file);
            let batch = (self.batch_location(manifest), self.batch_name(window, &rows.sha256), rows.bytes);
            let aside = manifest.quarantine.file.as_ref().map(|file| {
                let name = quarantine_name(window, &file.sha256);
                let path =
                    self.objects().map_or_else(|| self.quarantine_path(window), |objects| objects.location(&name));
                (path, name, file.bytes)
            });
            for (path, name, promised) in [Some(batch), aside].into_iter().flatten() {
                let reason = match length(&path, &name) {
                    Ok(found) if found == promised => continue,
                    Ok(found) => format!("it has {found} bytes, but its manifest says {promised}"),
                    Err(reason) => format!("its manifest exists, but {reason}"),
                };
                return Err(BatchError::Damaged { path, reason });
            }
        }
        Ok(())
    }

    /// Checks that the object store has all windows that the work directory has. Another or an emptied store must not
    /// be filled from the middle.
    ///
    /// # Errors
    /// [`BatchError::OtherStore`] if the store lacks a window or has another one, or an error if the store or the
    /// directory cannot be read.
    pub fn reconcile(&self) -> Result<(), BatchError> {
        let Some(objects) = self.objects() else { return Ok(()) };
        let there = objects.list()?;
        let mut known: Vec<String> =
            self.copies()?.into_iter().map(|window| format!("{}.json", window.file_stem())).collect();
        known.extend(self.end_path().exists().then(|| END_FILE.to_owned()));
        for name in known {
            let path = self.folder().join(&name);
            let here = fs::metadata(&path).map_err(BatchError::read(&path))?.len();
            if there.get(&name) != Some(&here) {
                let (url, workdir) = (objects.url().to_owned(), self.folder().to_owned());
                return Err(BatchError::OtherStore { url, name, workdir });
            }
        }
        Ok(())
    }

    /// Copies the manifest of a window into the work directory, if it is only in the object store. The quarantine file
    /// is copied first, so a manifest is never there without it.
    pub(crate) fn copy_manifest(&self, window: WindowIndex) -> Result<(), BatchError> {
        let path = self.manifest_path(window);
        let Some(objects) = self.objects().filter(|_| !path.exists()) else { return Ok(()) };
        let name = format!("{}.json", window.file_stem());
        let Some(text) = objects.read(&name)? else { return Ok(()) };
        let manifest: Manifest = parse(&text, &objects.location(&name))?;
        if let Some(file) = &manifest.quarantine.file {
            let name = quarantine_name(window, &file.sha256);
            let mut aside = objects.download(&name, file, self.folder())?;
            let to = self.quarantine_path(window);
            let mut copy = files::temp_file_beside(&to).map_err(BatchError::write(&to))?;
            std::io::copy(&mut aside, &mut copy).map_err(BatchError::write(&to))?;
            files::persist(copy, &to).map_err(BatchError::write(&to))?;
        }
        files::write_durable(&path, &text).map(drop).map_err(BatchError::write(&path))
    }

    /// Copies the summary of an ended stream into the work directory, if it is only in the object store.
    pub(crate) fn copy_end(&self) -> Result<(), BatchError> {
        let path = self.end_path();
        let Some(objects) = self.objects().filter(|_| !path.exists()) else { return Ok(()) };
        let Some(text) = objects.read(END_FILE)? else { return Ok(()) };
        parse::<StreamEnd>(&text, &objects.location(END_FILE))?;
        files::write_durable(&path, &text).map(drop).map_err(BatchError::write(&path))
    }

    /// Stores the rows of a window, which are CSV, in the format of the store. Returns the digest of the batch file.
    pub(crate) fn store_rows(&self, csv: CompleteFile, window: WindowIndex) -> Result<FileDigest, BatchError> {
        let whole = self.format().convert(csv)?;
        match self.objects() {
            None => persist(whole, &self.batch_path(window)),
            Some(objects) => {
                objects.upload(&self.batch_name(window, &whole.digest.sha256), &whole.path)?;
                fs::remove_file(&whole.path).map_err(BatchError::write(&whole.path))?;
                Ok(whole.digest)
            }
        }
    }

    /// Stores the quarantine file of a window. A copy stays in the work directory.
    pub(crate) fn store_quarantine(&self, whole: CompleteFile, window: WindowIndex) -> Result<FileDigest, BatchError> {
        if let Some(objects) = self.objects() {
            objects.upload(&quarantine_name(window, &whole.digest.sha256), &whole.path)?;
        }
        persist(whole, &self.quarantine_path(window))
    }

    /// Writes the manifest of a window, which seals it. If another consumer has sealed it with the same rows, returns
    /// the manifest of that one.
    ///
    /// # Errors
    /// Another consumer has sealed the window with other rows, or a file cannot be written.
    pub(crate) fn store_manifest(&self, manifest: Manifest) -> Result<Manifest, BatchError> {
        let name = format!("{}.json", manifest.window.file_stem());
        let seals_the_same = |one: &Manifest, other: &Manifest| {
            (&one.rows.file, &one.rows.numbers) == (&other.rows.file, &other.rows.numbers)
                && (&one.quarantine.file, &one.messages.offsets) == (&other.quarantine.file, &other.messages.offsets)
        };
        self.store_json(manifest, &name, seals_the_same)
    }

    /// Writes the summary of an ended stream.
    ///
    /// # Errors
    /// Another consumer has ended the stream with other rows, or a file cannot be written.
    pub(crate) fn store_end(&self, end: StreamEnd) -> Result<StreamEnd, BatchError> {
        let counts = |of: &StreamEnd| (of.windows, of.rows, of.quarantined);
        self.store_json(end, END_FILE, |one, other| counts(one) == counts(other))
    }

    fn store_json<T: Serialize + DeserializeOwned>(
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
            let found: T = parse(&there, &objects.location(name))?;
            if !is_same(&value, &found) {
                return Err(BatchError::SealedByOther { path: objects.location(name) });
            }
            (found, there)
        };
        files::write_durable(&to, &text).map_err(BatchError::write(&to))?;
        Ok(value)
    }
}

fn quarantine_name(window: WindowIndex, sha256: &str) -> String {
    format!("quarantine/{}-{}.jsonl", window.file_stem(), digits(sha256))
}
