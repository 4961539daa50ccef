//! The lineage of a model, from the manifests of its windows.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use windrow_learn::model::{Frame, Lineage, WindowLineage};
use windrow_windows::Manifest;

/// Returns the rows and files that a model of these windows is made from.
pub(super) fn lineage<'a>(manifests: impl Iterator<Item = &'a Manifest>, used: &[Arc<Frame>]) -> Lineage {
    let windows: Vec<WindowLineage> = manifests.map(of).collect();
    let sum = |count: fn(&Frame) -> usize| used.iter().map(|frame| count(frame) as u64).sum();
    Lineage {
        id: id(&windows),
        windows,
        fit_rows: sum(Frame::labelled),
        fit_positives: sum(Frame::positives),
        holdout_rows: used.last().map_or(0, |frame| frame.held_out() as u64),
    }
}

fn of(manifest: &Manifest) -> WindowLineage {
    WindowLineage {
        window: manifest.window,
        rows: manifest.rows.count,
        labelled: manifest.rows.labelled,
        sha256: manifest.rows.file.sha256.clone(),
        row_numbers: manifest.rows.numbers.clone(),
        offsets: manifest.messages.offsets.clone(),
    }
}

/// Returns the first 12 hexadecimal digits of the sha256 over the windows' sha256.
fn id(windows: &[WindowLineage]) -> String {
    let mut digest = Sha256::new();
    for window in windows {
        digest.update(&window.sha256);
    }
    hex::encode(&digest.finalize()[..6])
}
