//! The statistics of forecasts over time: how policies of retraining compare, and what can be told of them.
//!
//! Pure: losses in, findings out, the same each time; no files, no clock, no threads of its own. [`WindowLosses`] is what is
//! known of the models on one window, [`Evidence`] all windows together. [`Contrast`] is a difference with an interval that
//! knows time, [`stationary_bootstrap`] and [`confidence_set`] compare many at once. [`Trial`] scores every policy on the
//! same windows, [`Ranking`] says which is good enough, [`find_break`] where the world changed, [`named`] what the advice
//! says from one window to the next, and [`advise`] puts it all into one [`Advice`].

mod advice;
mod advise;
mod alarm;
mod bootstrap;
mod breaks;
mod champion;
mod confidence_set;
mod contrast;
mod evidence;
mod follow;
mod losses;
pub mod plot;
mod policy;
mod ranking;
mod sentences;
mod titles;
mod trial;

pub use advice::{
    ADVICE_FORMAT, Advice, AgeFinding, BreakFinding, Calm, CostUnit, Course, Judged, Named, NamedChange, PolicyFinding,
    Saved, Status, Step, Subject, Verdict,
};
pub use advise::{Question, advise};
pub use alarm::{Detector, page_hinkley, psi_threshold};
pub use bootstrap::stationary_bootstrap;
pub use breaks::{Break, find_break};
pub use champion::{FEWEST_TO_RANK, recipe_in_office};
pub use confidence_set::confidence_set;
pub use contrast::{Contrast, Interval, cosine_terms};
pub use evidence::Evidence;
pub use follow::{Followed, judge, named};
pub use losses::{BLOCKS, LOSSES_FORMAT, ModelLosses, OLDEST_AGE, WindowLosses, is_kept};
pub use policy::{Policy, Refit};
pub use ranking::{FEWEST_REFITS, FEWEST_WINDOWS, Ranked, Ranking};
pub use titles::{Titles, age_title, awaited, finding, subject, titles};
pub use trial::{Series, Trial, histories, intervals};

#[cfg(test)]
mod tests;
