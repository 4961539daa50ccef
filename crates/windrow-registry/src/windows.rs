//! The window reports `windows/window-00001.json`. They are written atomically and validated when read.

use std::path::Path;

use crate::error::RegistryError;
use crate::files::{Stamp, entries, read_json, stamp, write_json};
use windrow_learn::model::{WINDOW_FORMAT, WindowReport};
use windrow_record::WindowIndex;

pub(super) fn list(folder: &Path) -> Result<Vec<(WindowIndex, Stamp)>, RegistryError> {
    let mut found = Vec::new();
    for entry in entries(folder)? {
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
    let path = folder.join(name(window));
    let report: WindowReport = read_json(&path, WINDOW_FORMAT)?;
    if report.window == window {
        Ok(report)
    } else {
        Err(RegistryError::Damaged { path, reason: format!("it belongs to window {}", report.window) })
    }
}

pub(super) fn write(folder: &Path, report: &WindowReport) -> Result<Stamp, RegistryError> {
    write_json(&folder.join(name(report.window)), report)
}

fn name(window: WindowIndex) -> String {
    format!("{}.json", window.file_stem())
}
