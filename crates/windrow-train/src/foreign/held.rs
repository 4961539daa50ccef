//! Published models that are held while the learner reads them.
//!
//! Trainer and advisor work at once, and each removes models that `train.keep` does not keep. A held model has a folder
//! of its own with links to its files, so the learner can read it after its removal.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use windrow_learn::learner::measure_folder;

/// The models that this process holds.
#[derive(Debug, Default)]
pub(super) struct HeldFolders {
    /// The folders by the paths that were asked for. Locked while a folder is created or removed.
    folders: Mutex<BTreeMap<PathBuf, Held>>,
}

/// A folder that is held.
#[derive(Debug)]
struct Held {
    /// The folder, which has another path than the one that was asked for if that one was not free.
    place: PathBuf,
    users: usize,
}

/// A folder with the files of a published model. The last user removes it.
#[derive(Debug)]
pub(crate) struct HeldFolder {
    /// The path that was asked for.
    wanted: PathBuf,
    path: PathBuf,
    all: Arc<HeldFolders>,
}

impl HeldFolders {
    /// Holds the model in the folder `from`, which has this number of files and bytes, as the folder `path`. Returns
    /// `None` if files are missing, because the model was removed.
    ///
    /// A model has the same path each time, because a learner keeps the models that it has read by their paths. Only if
    /// a folder is still there that cannot be removed, a number is added.
    pub(super) fn hold(
        self: &Arc<Self>,
        path: PathBuf,
        from: &Path,
        size: (u64, u64),
    ) -> io::Result<Option<Arc<HeldFolder>>> {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = folders.get_mut(&path) {
            held.users += 1;
            let place = held.place.clone();
            return Ok(Some(Arc::new(HeldFolder { wanted: path, path: place, all: Arc::clone(self) })));
        }
        let place = free_place(&path);
        let linked = fs::create_dir(&place).and_then(|()| place_below(from, &place, link));
        // If the model is removed at the same time, some of its files may not have been listed.
        let is_whole = measure_folder(&place).is_ok_and(|measured| measured == size);
        if linked.is_err() || !is_whole {
            remove(&place);
        }
        match linked {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) if is_whole => {}
            _ => return Ok(None),
        }
        folders.insert(path.clone(), Held { place: place.clone(), users: 1 });
        Ok(Some(Arc::new(HeldFolder { wanted: path, path: place, all: Arc::clone(self) })))
    }
}

impl HeldFolder {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for HeldFolder {
    fn drop(&mut self) {
        let mut folders = self.all.folders.lock().unwrap_or_else(PoisonError::into_inner);
        match folders.get_mut(&self.wanted) {
            Some(held) if held.users > 1 => held.users -= 1,
            _ => {
                folders.remove(&self.wanted);
                remove(&self.path);
            }
        }
    }
}

/// Returns the path, or the first one with a number after it at which there is nothing. Removes what was left there. On
/// NFS, a folder cannot be removed while a learner has a file in it open.
fn free_place(path: &Path) -> PathBuf {
    let (mut place, mut number) = (path.to_owned(), 0_u32);
    loop {
        remove(&place);
        if fs::symlink_metadata(&place).is_err() {
            return place;
        }
        number += 1;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!("-{number}"));
        place = path.with_file_name(name);
    }
}

/// Removes a folder. If it fails, the folder is removed at the end of the process.
fn remove(folder: &Path) {
    let _ = fs::remove_dir_all(folder);
}

/// Calls `place` with each plain file below `from` and its new path below `to`, which exists. Creates the folders.
pub(super) fn place_below(from: &Path, to: &Path, place: impl Fn(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
    let mut below = vec![PathBuf::new()];
    while let Some(part) = below.pop() {
        for entry in fs::read_dir(from.join(&part))? {
            let entry = entry?;
            let (kind, name) = (entry.file_type()?, part.join(entry.file_name()));
            if kind.is_dir() {
                fs::create_dir(to.join(&name))?;
                below.push(name);
            } else if kind.is_file() {
                place(&entry.path(), &to.join(&name))?;
            }
        }
    }
    Ok(())
}

/// Links a file, or copies it if the file system has no links.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    link_or_copy(from, to, |from, to| fs::hard_link(from, to))
}

/// Links a file with `link`, or copies it if that fails. On a network, a link may be reported as failed after it was
/// made, and a copy into it would empty the file that it links to. So it is removed first.
fn link_or_copy(from: &Path, to: &Path, link: impl Fn(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
    match link(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            match fs::remove_file(to) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            io::copy(&mut File::open(from)?, &mut File::create_new(to)?).map(drop)
        }
        linked => linked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_fails_becomes_a_copy() {
        let work = tempfile::tempdir().expect("a folder");
        let (from, to) = (work.path().join("model"), work.path().join("held"));
        fs::write(&from, "abc").expect("a file");
        let failed = || io::Error::from(io::ErrorKind::AlreadyExists);
        let read = |path: &Path| fs::read(path).expect("a file");
        link_or_copy(&from, &to, |_, _| Err(failed())).expect("a copy");
        assert_eq!((read(&from), read(&to)), (b"abc".to_vec(), b"abc".to_vec()));
        fs::remove_file(&to).expect("a file");
        // The link is made, and its answer is lost.
        link_or_copy(&from, &to, |from, to| fs::hard_link(from, to).and(Err(failed()))).expect("a copy");
        assert_eq!((read(&from), read(&to)), (b"abc".to_vec(), b"abc".to_vec()));
    }

    #[test]
    fn a_model_is_held_next_to_what_cannot_be_removed() {
        let work = tempfile::tempdir().expect("a folder");
        let (from, path) = (work.path().join("model"), work.path().join("held"));
        fs::create_dir(&from).expect("a folder");
        fs::write(from.join("first"), "abc").expect("a file");
        // Only folders are removed.
        fs::write(&path, "stays").expect("a file");
        let folders = Arc::<HeldFolders>::default();
        let hold = || folders.hold(path.clone(), &from, (1, 3)).expect("room on the disk").expect("a model");
        let [first, second] = [hold(), hold()];
        assert_eq!((first.path(), second.path()), (&*work.path().join("held-1"), &*work.path().join("held-1")));
        assert_eq!(fs::read(first.path().join("first")).expect("a file"), b"abc");
        drop(first);
        assert!(second.path().exists(), "it has another user");
        drop(second);
        assert!(!work.path().join("held-1").exists() && path.exists());
        fs::remove_file(&path).expect("a file");
        assert_eq!(hold().path(), path, "the place is free again");
    }

    #[test]
    fn a_held_model_outlives_its_removal_until_its_last_user_ends() {
        let work = tempfile::tempdir().expect("a folder");
        let (from, path) = (work.path().join("model"), work.path().join("held"));
        fs::create_dir_all(from.join("trees")).expect("a folder");
        fs::write(from.join("trees/first"), "abc").expect("a file");
        let folders = Arc::<HeldFolders>::default();
        let hold = |size| folders.hold(path.clone(), &from, size).expect("room on the disk");
        assert!(hold((2, 6)).is_none() && !path.exists(), "a file is missing");
        let first = hold((1, 3)).expect("a model");
        fs::remove_dir_all(&from).expect("a folder");
        let second = hold((1, 3)).expect("a model");
        drop(first);
        assert_eq!(fs::read(second.path().join("trees/first")).expect("a file"), b"abc");
        drop(second);
        assert!(!path.exists());
        assert!(hold((1, 3)).is_none() && !path.exists(), "it was removed");
    }
}
