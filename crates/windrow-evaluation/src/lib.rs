//! The statistics of forecasts over time: compares policies of retraining, and reports what the data can show.
//!
//! The crate is pure: it computes findings from losses, without files or a clock. The number of threads makes no
//! difference. Its parts, roughly in the order in which they import each other:
//!
//! - `losses`: [`WindowLosses`], the losses of all models on one window, by block. `evidence`: [`Evidence`], the losses
//!   of all windows. `fits`: [`Fits`], the fits that a table of predictions has.
//! - `needed_pairs`: [`needed_pairs()`], which models are scored on which windows (`pairs`: [`NeededPairs`]). `on_demand`:
//!   losses that are computed when they are read.
//! - `policy`: [`Policy`], when to refit and on how much history. `window_unit`: [`WindowUnit`], the word for a window.
//!   `window_dates`: [`WindowDates`], when windows begin.
//! - `contrast`: [`Contrast`], a difference with an interval that allows for dependence over time. `bootstrap` and
//!   `confidence_set` compare many policies at once.
//! - `trial`: [`Trial`], every policy on the same windows. `alarm`: policies that refit when features drift or losses
//!   rise. `recalibrated`: [`RecalibratedModel`]. `breaks`: [`find_break`], the window in which the data changed.
//!   `candidates`: [`Observed`], and the trial of all kinds of policies. `conditions`: which of them may be named.
//! - `ranking`: [`Ranking`], which policies are good enough. `bounds`: the bounds that decide. `fit_once` and
//!   `alarm_history`: what these two kinds need besides. `order`: which policy comes first.
//! - `follow`: [`judge`] and [`named`], the advice from one window to the next. `cost`: [`CostRanking`], the same by
//!   cost. `named_policies`: [`name_policies`], the policy named after each of many windows. `in_service`:
//!   [`advised_fits`], the models that following the advice has in service.
//! - `champion`: [`champion_scheme`], the scheme whose models serve as `champion`.
//! - `jackknife`, `deletion` and `replacement`: the ranking without one window, or with one model replaced.
//!   `sensitivity`: which of them has the largest influence on the advice. `grade`: how certain the advice is.
//! - `advise`: [`advise()`], all findings in one [`Advice`] (`advice`, `judged` for the windows, `policy_finding` for
//!   each policy, and `steadiness`). `action`: what to do after the newest window.
//! - `sentences`, `titles`: the advice in words. `kind_sentences`, `cost_sentences`, `history_sentences`, `caveats`,
//!   `label_delay`: sentences on one subject. `phrases`, `kept_share`: parts of sentences.
//! - `served`: [`advise_served`], the findings on a log of the models that served. `loss_by_window`: [`LossAtWindow`],
//!   the loss of the models of a table, window by window.
//! - `wrong_answers`: [`WrongAnswers`], false alarms and misses per 1,000 rows, compared with the named policy.
//! - `auc`: [`RowRanking`], how well a score ranks positive rows above negative ones. `auc_by_window`: [`ModelsInUse`],
//!   the models whose AUC the advice shows by window.
//! - `quality`: [`QualityOverTime`], the log-loss and the rows by window. `proportion`: intervals of a share and of an AUC.
//! - [`plot`]: the pictures and tables of an advice.

mod action;
mod advice;
mod advise;
mod alarm;
mod alarm_history;
mod auc;
mod auc_by_window;
mod bootstrap;
mod bounds;
mod breaks;
mod candidates;
mod caveats;
mod champion;
mod conditions;
mod confidence_set;
mod contrast;
mod cost;
mod cost_sentences;
mod deletion;
mod evidence;
mod fit_once;
mod fits;
mod follow;
mod grade;
mod history_sentences;
mod in_service;
mod jackknife;
mod judged;
mod kept_share;
mod kind_sentences;
mod label_delay;
mod loss_by_window;
mod losses;
mod named_policies;
mod needed_pairs;
mod on_demand;
mod order;
mod pairs;
mod phrases;
pub mod plot;
mod policy;
mod policy_finding;
mod proportion;
mod quality;
mod ranking;
mod recalibrated;
mod replacement;
mod sensitivity;
mod sentences;
mod served;
mod steadiness;
mod titles;
mod trial;
mod window_dates;
mod window_unit;
mod wrong_answers;

pub use advice::{
    ADVICE_FORMAT, Action, Advice, AgeFinding, Basis, BreakFinding, ChangesOverTime, CostUnit, JudgedWindows,
    NamedPolicy, NamedPolicyChange, Origin, PolicyAfterBreak, PolicyComparison, Recommendation, RefitSaving, Saving,
    SavingsOverTime, ScheduleFinding, Status, Subject,
};
pub use advise::{AdviceSettings, advise, first_advice, is_enough_for_advice};
pub use alarm::{AlarmData, psi_threshold};
pub use auc::RowRanking;
pub use auc_by_window::{AucAtWindow, ModelsInUse, PolicyAuc};
pub use breaks::{Break, find_break};
pub use candidates::Observed;
pub use champion::champion_scheme;
pub use contrast::{Contrast, Interval};
pub use cost::CostRanking;
pub use evidence::Evidence;
pub use fit_once::FitOnce;
pub use fits::Fits;
pub use follow::{PolicyAtWindow, judge, named};
pub use in_service::{AdvisedFit, AdvisedFits, InService, advised_fits, recalibrated_in_service};
pub use loss_by_window::{LossAtWindow, loss_rises};
pub use losses::{BLOCKS, LOSSES_FORMAT, MIN_PROBABILITY, ModelLosses, WindowLosses, block_rows, is_kept, rounded_sum};
pub use named_policies::{NamingSettings, name_policies, read_for_names};
pub use needed_pairs::needed_pairs;
pub use pairs::NeededPairs;
pub use policy::{Policy, Refit, history_name};
pub use policy_finding::{
    AlarmWindow, ComparedLosses, Effort, Errors, KeptGain, PolicyFinding, PolicyVerdict, WORSE_THAN_AVERAGE,
};
pub use quality::{MeanLoss, PolicyQuality, QualityOverTime, WindowSize};
pub use ranking::{NamedSeries, Ranked, Ranking};
pub use recalibrated::{RecalibratedModel, recalibrated_on};
pub use sentences::WANTED_ROWS;
pub use served::{ServedLog, advise_served, windows_in_words};
pub use steadiness::{Followed, Influence};
pub use titles::first_advice_sentence;
pub use trial::{MIN_WINDOWS, Series, Trial, histories, judged_histories, judged_windows};
pub use window_dates::WindowDates;
pub use window_unit::WindowUnit;
pub use wrong_answers::WrongAnswers;

#[cfg(test)]
mod tests;
