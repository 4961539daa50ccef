//! The AUC of models that only the advice needs (`advice/auc.json`), by window.
//!
//! An AUC depends on the model and the rows of the window, and not on the advice, so an advisor that runs again computes
//! only what is missing. It removes what its advice does not need: the file must not depend on when the advisor ran. The
//! AUC of published models is in the reports of the windows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use windrow_record::{ModelId, WindowIndex};

/// The format version of the file. A reader refuses any other version.
pub(crate) const AUC_FORMAT: u32 = 1;

/// The AUC of models, by window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelAucs {
    /// The format version of the file.
    pub(crate) format: u32,
    windows: BTreeMap<u32, WindowAucs>,
}

/// The AUC of models on one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct WindowAucs {
    /// The SHA-256 of the window's batch file, in hexadecimal.
    sha256: String,
    /// The AUC by model. `None` if the rows of the window have one class only.
    models: BTreeMap<ModelId, Option<f64>>,
}

impl Default for ModelAucs {
    fn default() -> Self {
        Self { format: AUC_FORMAT, windows: BTreeMap::new() }
    }
}

impl ModelAucs {
    /// Returns the AUC of a model on the window whose batch file has this SHA-256. The outer `None` means that it is not
    /// known, and the inner one that the window has one class only.
    pub fn get(&self, window: WindowIndex, sha256: &str, model: ModelId) -> Option<Option<f64>> {
        let known = self.windows.get(&window.get()).filter(|known| known.sha256 == sha256)?;
        known.models.get(&model).copied()
    }

    /// Adds the AUC of a model on a window. What is known of another batch file of this window is removed.
    pub fn insert(&mut self, window: WindowIndex, sha256: &str, model: ModelId, auc: Option<f64>) {
        let new = || WindowAucs { sha256: sha256.to_owned(), models: BTreeMap::new() };
        let known = self.windows.entry(window.get()).or_insert_with(new);
        if known.sha256 != sha256 {
            *known = new();
        }
        known.models.insert(model, auc);
    }

    /// Removes the AUC of models that are not needed on a window, which is given as its number.
    pub fn retain(&mut self, is_needed: impl Fn(u32, ModelId) -> bool) {
        self.windows.retain(|window, known| {
            known.models.retain(|model, _| is_needed(*window, *model));
            !known.models.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EvidenceStore;

    fn id(text: &str) -> ModelId {
        text.parse().expect("a model id")
    }

    fn index(window: u32) -> WindowIndex {
        WindowIndex::new(window).expect("not 0")
    }

    #[test]
    fn a_stored_auc_is_read_back_and_a_damaged_file_counts_as_missing() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = EvidenceStore::new(folder.path());
        assert_eq!(store.model_aucs().expect("no file"), ModelAucs::default());
        let mut aucs = ModelAucs::default();
        aucs.insert(index(9), "aa", id("sliding4-7"), Some(2.0 / 3.0));
        aucs.insert(index(9), "aa", id("sliding4-8"), None);
        store.put_model_aucs(&aucs).expect("room on the disk");
        let read = store.model_aucs().expect("a file");
        assert_eq!(read, aucs, "to the last digit");
        assert_eq!(read.get(index(9), "aa", id("sliding4-7")), Some(Some(2.0 / 3.0)));
        assert_eq!(read.get(index(9), "aa", id("sliding4-8")), Some(None), "one class only");
        assert_eq!(read.get(index(9), "aa", id("sliding4-6")), None);
        assert_eq!(read.get(index(8), "aa", id("sliding4-7")), None);
        let path = folder.path().join("advice/auc.json");
        let text = std::fs::read_to_string(&path).expect("a file");
        std::fs::write(&path, &text[..text.len() / 2]).expect("a file");
        assert_eq!(store.model_aucs().expect("a damaged file"), ModelAucs::default());
    }

    #[test]
    fn an_auc_of_another_batch_file_is_not_used() {
        let mut aucs = ModelAucs::default();
        aucs.insert(index(9), "aa", id("sliding4-7"), Some(0.7));
        assert_eq!(aucs.get(index(9), "bb", id("sliding4-7")), None);
        aucs.insert(index(9), "bb", id("sliding4-8"), Some(0.6));
        assert_eq!(aucs.get(index(9), "aa", id("sliding4-7")), None, "the old one is removed");
        assert_eq!(aucs.get(index(9), "bb", id("sliding4-8")), Some(Some(0.6)));
    }

    #[test]
    fn what_is_not_needed_leaves_nothing() {
        let mut aucs = ModelAucs::default();
        aucs.insert(index(9), "aa", id("sliding4-7"), Some(0.7));
        let expected = aucs.clone();
        aucs.insert(index(9), "aa", id("sliding4-8"), Some(0.6));
        aucs.insert(index(10), "bb", id("sliding4-7"), Some(0.5));
        aucs.retain(|window, model| window == 9 && model == id("sliding4-7"));
        assert_eq!(aucs, expected);
    }
}
