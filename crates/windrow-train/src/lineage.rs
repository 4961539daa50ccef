//! The lineage of a model, from the manifests of its windows.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use windrow_learn::model::{Artifact, Frame, Lineage, WindowLineage};
use windrow_windows::Manifest;

/// Returns the rows and files that a model of these windows is made from.
pub(super) fn lineage<'a>(manifests: impl Iterator<Item = &'a Manifest>, used: &[Arc<Frame>]) -> Lineage {
    let windows: Vec<(WindowLineage, u64)> =
        manifests.zip(used).map(|(manifest, frame)| (of(manifest, frame), manifest.rows.labelled)).collect();
    let sum = |count: fn(&Frame) -> usize| used.iter().map(|frame| count(frame) as u64).sum();
    Lineage {
        id: id(&windows),
        windows: windows.into_iter().map(|(window, _)| window).collect(),
        fit_rows: sum(Frame::labelled),
        fit_positives: sum(Frame::positives),
        holdout_rows: used.last().map_or(0, |frame| frame.held_out() as u64),
    }
}

/// Returns true if a model was made from these windows. Labels that arrived later do not count: the model stays as it
/// was in service.
pub(super) fn is_of<'a>(artifact: &Artifact, manifests: impl Iterator<Item = &'a Manifest>) -> bool {
    let learned = artifact.lineage.windows.iter().map(|one| (one.window, one.sha256.as_str()));
    learned.eq(manifests.map(|manifest| (manifest.window, manifest.rows.file.sha256.as_str())))
}

fn of(manifest: &Manifest, frame: &Frame) -> WindowLineage {
    WindowLineage {
        window: manifest.window,
        rows: manifest.rows.count,
        // Including the labels that arrived after the window was sealed.
        labelled: frame.labelled() as u64,
        sha256: manifest.rows.file.sha256.clone(),
        row_numbers: manifest.rows.numbers.clone(),
        offsets: manifest.messages.offsets.clone(),
    }
}

/// Returns the first 12 hexadecimal digits of the sha256 over the windows' sha256. Each window is given with the number of
/// its labels when it was sealed: if labels have arrived since, their number is part of the digest.
fn id(windows: &[(WindowLineage, u64)]) -> String {
    let mut digest = Sha256::new();
    for (window, sealed) in windows {
        digest.update(&window.sha256);
        if window.labelled != *sealed {
            digest.update(window.labelled.to_string());
        }
    }
    hex::encode(&digest.finalize()[..6])
}
