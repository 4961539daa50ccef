//! The statistics of forecasts over time: compares policies of retraining, and reports what the data can show.
//!
//! The crate is pure: it computes findings from losses, deterministically, without files, a clock or threads of its
//! own. Its parts, roughly in the order in which they import each other:
//!
//! - `losses`: [`WindowLosses`], the losses of all models on one window, by block. `evidence`: [`Evidence`], the losses
//!   of all windows. `fits`: [`Fits`], the fits that a table of predictions has.
//! - `policy`: [`Policy`], when to refit and on how much history. `window_unit`: [`WindowUnit`], the word for a window.
//! - `contrast`: [`Contrast`], a difference with an interval that allows for dependence over time. `bootstrap` and
//!   `confidence_set` compare many policies at once.
//! - `trial`: [`Trial`], every policy on the same windows. `alarm`: policies that refit when features drift or losses
//!   rise.
//! - `ranking`: [`Ranking`], which policies are good enough. `breaks`: [`find_break`], the window in which the data
//!   changed.
//! - `follow`: [`judge`] and [`named`], the advice from one window to the next. `cost`: [`CostRanking`], the same by
//!   cost. `in_service`: [`advised_fits`], the models that following the advice has in service.
//! - `champion`: [`champion_scheme`], the scheme whose models serve as `champion`.
//! - `advise`: [`advise()`], all findings in one [`Advice`] (`advice`, and `policy_finding` for each policy).
//!   `action`: what to do after the newest window. `sentences`, `cost_sentences`, `label_delay` and `titles` put the
//!   advice into words.
//! - `served`: [`advise_served`], the findings on a log of the models that served.
//! - `auc`: [`RowRanking`], how well a score ranks positive rows above negative ones.
//! - [`plot`]: the pictures and tables of an advice.

mod action;
mod advice;
mod advise;
mod alarm;
mod auc;
mod bootstrap;
mod breaks;
mod champion;
mod confidence_set;
mod contrast;
mod cost;
mod cost_sentences;
mod evidence;
mod fits;
mod follow;
mod in_service;
mod label_delay;
mod losses;
pub mod plot;
mod policy;
mod policy_finding;
mod ranking;
mod sentences;
mod served;
mod titles;
mod trial;
mod window_unit;

pub use advice::{
    ADVICE_FORMAT, Action, Advice, AgeFinding, Basis, BreakFinding, ChangesOverTime, CostUnit, JudgedWindows,
    NamedPolicy, NamedPolicyChange, PolicyAfterBreak, PolicyComparison, Recommendation, RefitSaving, Saving,
    SavingsOverTime, Status, Subject,
};
pub use advise::{AdviceSettings, advise, first_advice, is_enough_for_advice};
pub use alarm::psi_threshold;
pub use auc::RowRanking;
pub use breaks::{Break, find_break};
pub use champion::champion_scheme;
pub use contrast::{Contrast, Interval};
pub use cost::CostRanking;
pub use evidence::Evidence;
pub use fits::Fits;
pub use follow::{PolicyAtWindow, judge, named};
pub use in_service::{AdvisedFit, AdvisedFits, InService, advised_fits};
pub use losses::{BLOCKS, LOSSES_FORMAT, ModelLosses, WindowLosses, block_rows, is_kept, rounded_sum};
pub use policy::{Policy, Refit, history_name};
pub use policy_finding::{ComparedLosses, Effort, Errors, KeptGain, PolicyFinding, PolicyVerdict};
pub use ranking::{NamedSeries, Ranked, Ranking};
pub use sentences::WANTED_ROWS;
pub use served::{ServedLog, advise_served, loss_rises};
pub use titles::first_advice_sentence;
pub use trial::{Series, Trial, histories, judged_histories};
pub use window_unit::WindowUnit;

#[cfg(test)]
mod tests;
