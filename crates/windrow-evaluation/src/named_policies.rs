//! Names a policy after each window. The windows are judged concurrently, and the policies are named in order.

use std::ops::RangeInclusive;

use rayon::prelude::*;

use crate::candidates::{Observed, trial_of_all_kinds};
use crate::cost::CostRanking;
use crate::evidence::Evidence;
use crate::follow::{PolicyAtWindow, judge, named};
use crate::trial::{Trial, judged_histories};
use windrow_record::Scheme;

/// The number of windows that are judged at once. It bounds the memory.
const WINDOWS_AT_ONCE: usize = 32;

/// The settings by which policies are named.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "it holds closures")]
pub struct NamingSettings<'a> {
    /// The histories to choose from; `None` for the default ones.
    pub histories: Option<&'a [Scheme]>,
    /// The label delay, in windows.
    pub delay: u32,
    /// The share of the best policy's gain that is good enough.
    pub keep: f64,
    /// The facts and costs besides the losses of models.
    pub observed: Observed<'a>,
}

/// Reads the losses that [`name_policies`] reads, and names no policy. It takes much less time, so losses that are computed
/// on demand are found before the policies are ranked.
pub fn read_for_names(evidence: &Evidence, windows: RangeInclusive<u32>, settings: NamingSettings<'_>) {
    let NamingSettings { histories, delay, observed, .. } = settings;
    windows.into_par_iter().for_each(|window| {
        let judged = judged_histories(window, histories, delay);
        drop(trial_of_all_kinds(evidence, window, &judged, delay, observed));
    });
}

/// Names a policy after each of these windows, with the data known then, and appends it to `named_policies`, which has
/// those of the windows before. After some windows, no policy is named. Returns the trial of the last window; `None` if
/// there are too few windows to judge.
pub fn name_policies(
    evidence: &Evidence,
    windows: RangeInclusive<u32>,
    settings: NamingSettings<'_>,
    named_policies: &mut Vec<PolicyAtWindow>,
) -> Option<Trial> {
    let NamingSettings { histories, delay, keep, observed } = settings;
    let judge_window = |window: u32| {
        let (trial, ranking) = judge(evidence, window, histories, delay, keep, observed)?;
        let costs = observed.cost.and_then(|cost| CostRanking::new(evidence, &trial, cost, keep));
        Some((trial, ranking, costs))
    };
    let windows: Vec<u32> = windows.collect();
    let mut newest = None;
    for some in windows.chunks(WINDOWS_AT_ONCE) {
        let judged: Vec<_> = some.par_iter().map(|window| (*window, judge_window(*window))).collect();
        for (window, found) in judged {
            let before = named_policies.last().copied();
            named_policies.extend(found.as_ref().and_then(|(trial, ranking, costs)| match costs {
                Some(costs) => costs.named(ranking, window, before),
                None => named(trial, ranking, window, before),
            }));
            newest = found.map(|(trial, ..)| trial);
        }
    }
    newest
}
