//! The crates of the workspace around the current directory.

use std::path::{Path, PathBuf};

use crate::fault::Fault;

/// Returns the folder of the root package, and each folder under `crates/` that has a crate root.
pub(crate) fn crate_folders() -> Result<Vec<PathBuf>, Fault> {
    let current = std::env::current_dir()
        .map_err(|error| Fault::new(Path::new("."), format!("{error}; run the program in another directory")))?;
    let root = current.ancestors().find(|folder| is_workspace(folder)).ok_or_else(|| {
        Fault::new(&current, "not in a workspace; run the program in a workspace, or name the folders of the crates")
    })?;
    // Paths relative to the current directory are shorter to read.
    let root = if root == current { PathBuf::new() } else { root.to_path_buf() };
    let mut folders: Vec<PathBuf> = vec![root.clone()];
    let crates = root.join("crates");
    if crates.is_dir() {
        let unreadable = |error| Fault::new(&crates, format!("{error}; check the permissions of the folder"));
        for entry in std::fs::read_dir(&crates).map_err(unreadable)? {
            folders.push(entry.map_err(unreadable)?.path());
        }
    }
    folders.retain(|folder| ["src/lib.rs", "src/main.rs"].iter().any(|root| folder.join(root).is_file()));
    folders.sort();
    Ok(folders)
}

fn is_workspace(folder: &Path) -> bool {
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).ok();
    manifest.and_then(|text| text.parse::<toml::Table>().ok()).is_some_and(|table| table.contains_key("workspace"))
}
