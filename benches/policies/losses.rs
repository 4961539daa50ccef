//! The losses of every model on every later window of a stream, and its wrong answers row by row.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use windrow_config::{Pipeline, Schema};
use windrow_dataset::DatasetReader;
use windrow_evaluation::{Evidence, ModelLosses, histories};
use windrow_learn::frames::Frames;
use windrow_learn::model::{ScoredModel, log_odds};
use windrow_record::{ModelId, Scheme, WindowIndex};
use windrow_registry::{Ladder, Purpose, Registry, Snapshot};
use windrow_windows::{BatchStore, Manifest};

/// The most bytes of encoded rows in memory.
const MEMORY: usize = 256 << 20;

/// The losses of a stream that ran to its end.
pub(crate) struct Losses {
    pub(crate) evidence: Evidence,
    /// The histories of the advice, all of them with a model after each window.
    pub(crate) histories: Vec<Scheme>,
    /// The share of the best policy's gain to keep.
    pub(crate) keep: f64,
    threshold: f64,
    manifests: Vec<Manifest>,
    snapshot: Arc<Snapshot>,
    ladders: BTreeMap<WindowIndex, Ladder>,
    frames: Frames,
}

/// The windows on which policies are judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// The number of windows by which labels are late.
    pub(crate) delay: u32,
    /// The last window of the first third. The first model that a policy uses ends with it.
    pub(crate) third: u32,
    /// The first window judged.
    pub(crate) first: u32,
    /// The last window judged.
    pub(crate) last: u32,
}

impl Span {
    /// Returns the newest window that a model may know at `window`.
    pub(crate) fn known(&self, window: u32) -> u32 {
        window.saturating_sub(1 + self.delay)
    }
}

/// Returns the text of an error.
fn text(error: impl Display) -> String {
    error.to_string()
}

impl Losses {
    /// Reads the losses and the models in the work directory of a run that has ended.
    pub(crate) fn read(file: &Path, workdir: &Path) -> Result<Self, String> {
        let pipeline = Pipeline::load(file).map_err(text)?;
        let reader = DatasetReader::open(&pipeline.dataset).map_err(text)?;
        let schema = Arc::new(Schema::bind(&pipeline, reader.columns()).map_err(text)?);
        let store = BatchStore::open(workdir).map_err(text)?;
        let registry = Registry::open(workdir).map_err(text)?;
        let manifests = store.manifests().map_err(text)?;
        let mut frames = Frames::new(store, schema, pipeline.train.holdout, workdir, MEMORY);
        let (mut evidence, mut ladders) = (Evidence::default(), BTreeMap::new());
        for manifest in &manifests {
            let (window, sha256) = (manifest.window, &manifest.rows.file.sha256);
            // If a model is in both, the losses of the published model count, as for the advice.
            for purpose in [Purpose::Advice, Purpose::Serving] {
                if let Some(losses) = registry.evidence().losses(purpose, window, sha256).map_err(text)? {
                    evidence.insert(losses);
                }
            }
            ladders.insert(window, registry.evidence().ladder(window, sha256).map_err(text)?);
            frames.insert(manifest.clone());
        }
        let histories = histories(evidence.last(), None);
        let (keep, threshold) = (pipeline.advise.keep, pipeline.train.threshold);
        let snapshot = registry.snapshot();
        Ok(Self { evidence, histories, keep, threshold, manifests, snapshot, ladders, frames })
    }

    pub(crate) fn windows(&self) -> u32 {
        self.evidence.last()
    }

    /// Returns the windows to judge: those after the first third.
    pub(crate) fn span(&self, delay: u32) -> Result<Span, String> {
        let last = self.windows();
        let third = last / 3;
        let first = third + 1 + delay;
        if third < 2 || first >= last {
            return Err(format!("{last} windows are too few"));
        }
        Ok(Span { delay, third, first, last })
    }

    /// Returns the losses on `window` of the model of a history after window `model`. If this window gave no model, the
    /// model before it is in use.
    pub(crate) fn of(&self, history: Scheme, model: u32, window: u32) -> Option<&ModelLosses> {
        Some(self.evidence.newest(history, model, 1, window)?.1)
    }

    /// Returns the wrong answers on `window` of the model of a history after window `model`.
    pub(crate) fn wrong(&self, history: Scheme, model: u32, window: u32) -> Option<u64> {
        self.of(history, model, window).map(wrong)
    }

    /// Returns the models that the advice compares, from window `first` on: each is a fit.
    pub(crate) fn compared(&self, first: u32) -> usize {
        let windows = first..self.windows();
        let models = self.histories.iter().flat_map(|history| windows.clone().map(move |model| (*history, model)));
        let ids = models.filter_map(|(history, model)| Some(self.evidence.losses(history, model, model + 1)?.model));
        ids.collect::<BTreeSet<ModelId>>().len()
    }

    /// Returns which rows of each window the earlier models of a history get wrong: for windows 2, 3, ... in order, and
    /// for models 1, 2, ... up to the window before, a bit for each labelled row. The first row has the lowest bit of
    /// the first byte. Each model begins with a new byte. The bits of a missing model are 0.
    pub(crate) fn wrong_rows(&mut self, history: Scheme) -> Result<Vec<u8>, String> {
        let Self { evidence, manifests, frames, snapshot, ladders, threshold, .. } = self;
        let (evidence, snapshot, ladders, threshold) = (&*evidence, &**snapshot, &*ladders, *threshold);
        let mut bytes = Vec::new();
        for manifest in manifests.iter().skip(1) {
            let window = manifest.window;
            let frame = frames.frame(window).map_err(text)?;
            let found: Vec<Option<&ModelLosses>> = (1..window.get())
                .map(|model| evidence.newest(history, model, 1, window.get()).map(|(_, losses)| losses))
                .collect();
            let ids: BTreeSet<ModelId> = found.iter().flatten().map(|losses| losses.model).collect();
            let models = ids.iter().map(|id| {
                let published = snapshot.get(*id).and_then(|model| model.learned());
                let of_ladder = || ladders.get(&id.window)?.models.get(&id.scheme)?.as_ref()?.logistic();
                published
                    .and_then(|learned| ScoredModel::of(*id, learned))
                    .or_else(|| of_ladder().map(|model| ScoredModel::from_linear(*id, model, threshold)))
                    .ok_or_else(|| format!("the model {id} is missing, although its losses are stored"))
            });
            let models: Vec<ScoredModel<'_>> = models.collect::<Result<_, _>>()?;
            let (truth, log_odds) = log_odds(&frame, &models, 0..frame.labelled()).map_err(text)?;
            let mut packed = BTreeMap::new();
            for ((id, model), log_odds) in ids.iter().zip(&models).zip(&log_odds) {
                packed.insert(*id, pack(log_odds, &truth, model.threshold));
            }
            for losses in found {
                match losses.and_then(|losses| Some((losses, packed.get(&losses.model)?))) {
                    Some((losses, bits)) => {
                        check(losses, bits, window)?;
                        bytes.extend_from_slice(bits);
                    }
                    None => bytes.resize(bytes.len() + truth.len().div_ceil(8), 0),
                }
            }
            frames.forget_before(window);
        }
        Ok(bytes)
    }
}

/// Returns the number of wrong answers.
pub(crate) fn wrong(losses: &ModelLosses) -> u64 {
    losses.false_alarms.iter().chain(&losses.misses).sum()
}

/// Returns a bit for each row: 1 if the answer is wrong.
fn pack(log_odds: &[f64], truth: &[bool], threshold: f64) -> Vec<u8> {
    let mut bits = vec![0_u8; truth.len().div_ceil(8)];
    for (row, (z, truth)) in log_odds.iter().zip(truth).enumerate() {
        let is_positive = 1.0 / (1.0 + (-z).exp()) >= threshold;
        bits[row / 8] |= u8::from(is_positive != *truth) << (row % 8);
    }
    bits
}

/// Checks that the rows add up to the stored losses.
fn check(losses: &ModelLosses, bits: &[u8], window: WindowIndex) -> Result<(), String> {
    let (stored, counted) = (wrong(losses), bits.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>());
    if stored.abs_diff(counted) > 2 {
        return Err(format!("{} has {stored} wrong answers on window {window}, but {counted} rows", losses.model));
    }
    Ok(())
}
