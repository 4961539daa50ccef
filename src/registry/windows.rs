//! `windows/window-00001.json`: what is known of a window, written whole, read with care.

use std::fs;
use std::io;
use std::path::Path;

use crate::model::{WINDOW_FORMAT, WindowReport};
use crate::record::WindowIndex;
use crate::registry::RegistryError;
use crate::registry::files::{Stamp, stamp, write_whole};

pub(super) fn list(folder: &Path) -> Result<Vec<(WindowIndex, Stamp)>, RegistryError> {
    let failed = |source| RegistryError::Read { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let index = name.strip_prefix("window-").and_then(|name| name.strip_suffix(".json"));
        let window = index.and_then(|index| index.parse().ok()).and_then(WindowIndex::new);
        if let (Some(window), Ok(metadata)) = (window, entry.metadata()) {
            found.push((window, stamp(&metadata)));
        }
    }
    Ok(found)
}

pub(super) fn read(folder: &Path, window: WindowIndex) -> Result<WindowReport, RegistryError> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        format: u32,
    }

    let path = folder.join(name(window));
    let text = fs::read(&path).map_err(|source| RegistryError::Read { path: path.clone(), source })?;
    let damaged = |reason: String| RegistryError::Damaged { path: path.clone(), reason };
    let Versioned { format } = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
    if format > WINDOW_FORMAT {
        return Err(RegistryError::Newer { path, format });
    }
    let report: WindowReport = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
    if report.window == window { Ok(report) } else { Err(damaged(format!("it is of window {}", report.window))) }
}

pub(super) fn write(folder: &Path, report: &WindowReport) -> Result<Stamp, RegistryError> {
    write_whole(folder, &name(report.window), report)
}

fn name(window: WindowIndex) -> String {
    format!("{}.json", window.file_stem())
}
