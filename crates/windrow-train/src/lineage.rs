//! The lineage of a model, from the manifests of its windows.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use windrow_learn::frames::Frames;
use windrow_learn::model::{Artifact, Frame, Lineage, Recalibration, WindowLineage};
use windrow_windows::Manifest;

/// Returns the rows and files that a model of these windows is made from.
pub(super) fn lineage<'a>(manifests: impl Iterator<Item = &'a Manifest>, used: &[Arc<Frame>]) -> Lineage {
    let windows: Vec<WindowLineage> = manifests.zip(used).map(|(manifest, frame)| of(manifest, frame)).collect();
    let sum = |count: fn(&Frame) -> usize| used.iter().map(|frame| count(frame) as u64).sum();
    Lineage {
        id: id(&windows),
        windows,
        recalibration: None,
        fit_rows: sum(Frame::labelled),
        fit_positives: sum(Frame::positives),
        holdout_rows: used.last().map_or(0, |frame| frame.held_out() as u64),
    }
}

/// Returns true if a model was made from the windows as they are. Labels that arrived later do not count: the model
/// stays as it was in service.
pub(super) fn is_of(artifact: &Artifact, frames: &Frames) -> bool {
    let (id, windows) = (artifact.id, &artifact.lineage.windows);
    let (first, last) = id.scheme.windows(id.fit().window);
    let on = id.is_recalibrated().then(|| frames.manifests(id.window, id.window)).into_iter().flatten();
    let learned = windows.iter().map(|one| (one.window, one.sha256.as_str()));
    learned.eq(frames.manifests(first, last).chain(on).map(|one| (one.window, one.rows.file.sha256.as_str())))
}

/// Returns the rows and files that a recalibrated model is made from: those of its fit, and the window that it is
/// recalibrated on.
pub(super) fn recalibrated(
    fit: &Lineage,
    on: impl Iterator<Item = WindowLineage>,
    recalibration: Recalibration,
) -> Lineage {
    let windows: Vec<WindowLineage> = fit.windows.iter().cloned().chain(on).collect();
    Lineage { id: id(&windows), windows, recalibration: Some(recalibration), ..*fit }
}

/// Returns the rows and the file of a window.
pub(super) fn of(manifest: &Manifest, frame: &Frame) -> WindowLineage {
    WindowLineage {
        window: manifest.window,
        rows: manifest.rows.count,
        // Including the labels that arrived after the window was sealed.
        labelled: frame.labelled() as u64,
        late_labels: (frame.labelled() as u64).saturating_sub(manifest.rows.labelled),
        sha256: manifest.rows.file.sha256.clone(),
        row_numbers: manifest.rows.numbers.clone(),
        offsets: manifest.messages.offsets.clone(),
    }
}

/// Returns the first 12 hexadecimal digits of the sha256 over the windows' sha256. If labels have arrived since a
/// window was sealed, their number is part of the digest.
fn id(windows: &[WindowLineage]) -> String {
    let mut digest = Sha256::new();
    for window in windows {
        digest.update(&window.sha256);
        if window.late_labels > 0 {
            digest.update(window.late_labels.to_string());
        }
    }
    hex::encode(&digest.finalize()[..6])
}

#[cfg(test)]
mod tests {
    use super::{Lineage, Recalibration, WindowLineage, id, recalibrated};
    use windrow_record::{ModelId, Scheme, WindowIndex};

    #[test]
    fn a_recalibrated_model_is_made_from_its_fit_and_another_window() {
        let window = |number: u32| WindowIndex::new(number).expect("not 0");
        let of = |number: u32| WindowLineage {
            window: window(number),
            rows: 10,
            labelled: 8,
            late_labels: 0,
            sha256: format!("{number:064}"),
            row_numbers: Vec::new(),
            offsets: Vec::new(),
        };
        let windows = vec![of(1), of(2)];
        let fit =
            Lineage { id: id(&windows), windows, recalibration: None, fit_rows: 16, fit_positives: 4, holdout_rows: 2 };
        let on = |number: u32, intercept: f64| {
            let recalibration = Recalibration {
                model: ModelId::new(window(2), Scheme::Cumulative),
                lineage: fit.id.clone(),
                window: window(number),
                rows: 8,
                positives: 3,
                held_share: 0.0,
                intercept,
                slope: 1.1,
            };
            recalibrated(&fit, std::iter::once(of(number)), recalibration)
        };
        let made = on(5, 0.5);
        assert_eq!(made.windows, [of(1), of(2), of(5)]);
        assert_eq!((made.fit_rows, made.fit_positives, made.holdout_rows), (16, 4, 2), "the rows of the fit");
        assert_eq!(
            made.recalibration.map(|one| (one.model.to_string(), one.intercept)),
            Some(("cumulative-2".to_owned(), 0.5))
        );
        // The digest is that of the bytes, whatever was computed from them.
        assert_eq!((made.id.len(), &made.id), (12, &on(5, 0.6).id));
        assert!(made.id != fit.id && made.id != on(6, 0.5).id);
    }
}
