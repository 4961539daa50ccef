//! The `[advise]` table.

use std::num::NonZeroU32;

use crate::parse::Check;
use crate::pipeline::{Advise, Costs};
use crate::raw::{self, History};
use windrow_record::Scheme;

const DEFAULT_KEEP: f64 = 0.9;
/// Losses of older models are not kept.
const LONGEST_DELAY: u32 = 32;

impl Check<'_> {
    pub(super) fn advise(&mut self, raw: raw::Advise) -> Advise {
        let keep = raw.keep.unwrap_or(DEFAULT_KEEP);
        if !(keep > 0.0 && keep < 1.0) {
            self.fault("advise.keep", "must be a share above 0 and below 1");
        }
        let label_delay = raw.label_delay.unwrap_or(0);
        if label_delay > LONGEST_DELAY {
            self.fault("advise.label_delay", format!("must be at most {LONGEST_DELAY} windows"));
        }
        if let Some(histories) = &raw.histories {
            if histories.is_empty() {
                self.fault("advise.histories", "names no history: counts of windows, \"all\", or both");
            }
            for (index, history) in histories.iter().enumerate() {
                if histories[..index].contains(history) {
                    self.fault(&format!("advise.histories[{index}]"), "stands twice");
                }
            }
        }
        let cost = raw.cost.map(|cost| {
            let numbers = [("false_alarm", cost.false_alarm), ("miss", cost.miss), ("refit", cost.refit)];
            for (key, number) in numbers {
                if !(number.is_finite() && number >= 0.0) {
                    self.fault(&format!("advise.cost.{key}"), "must be a finite number of at least 0");
                }
            }
            Costs { false_alarm: cost.false_alarm, miss: cost.miss, refit: cost.refit }
        });
        let histories = raw.histories.map(|histories| histories.into_iter().filter_map(scheme).collect());
        Advise { keep, label_delay, histories, cost }
    }
}

/// `None` for no window, which cannot be written.
fn scheme(history: History) -> Option<Scheme> {
    match history {
        History::All => Some(Scheme::Cumulative),
        History::Last(1) => Some(Scheme::Window),
        History::Last(windows) => NonZeroU32::new(windows).map(Scheme::Sliding),
    }
}
