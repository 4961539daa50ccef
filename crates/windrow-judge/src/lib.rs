//! Judges the predictions of any model: reads tables of predictions, and gives the advice that a pipeline gives for its own
//! models.
//!
//! Guarantees: nothing is guessed. A table that contradicts itself is refused, with a sentence for each fault and its row.
//! A policy is judged only on losses that the table has. A row is kept in 24 bytes; while a table is read, lists grow to twice
//! as much. The same rows give the same answer, in whatever order the files are given, if no two rows of a model have the
//! same time, or if each row has a whole number from 0 to 2^32 - 1 in `row`.
//!
//! - `source`: a file as rows of cells. `cells`: cells as times, labels and probabilities.
//! - `axis`: [`Axis`], the windows that rows are cut into. `fits`: the models that made the predictions.
//! - `faults`: the faults of a table. `error`: [`JudgeError`].
//! - `intake`: reads tables of predictions. `rows`: what is kept of them. `exported`: reads tables of losses.
//! - `repeats`: rows and files that are given twice.
//!   `reread`: rows that contradict each other, found by reading again.
//! - `delay`: the label delay that the labels' times show.
//! - `histories`: the history of each fit. `compared`: the histories that are compared. `losses`: the losses by window and block. `table`: the kind of a table.
//! - `recalibration`: fits that are recalibrated instead of refitted.
//! - `answer`: the advice. `report`: [`TableReport`], what a table has, what is judged and what is not.
//! - `judging`: [`judge_files`], from files to the answer.
//!
//! The crate knows nothing of pipelines, work directories or servers.

mod answer;
mod axis;
mod cells;
mod compared;
mod delay;
mod error;
mod exported;
mod faults;
mod fits;
mod histories;
mod intake;
mod judging;
mod losses;
mod recalibration;
mod repeats;
mod report;
mod reread;
mod rows;
mod source;
mod table;

pub use self::axis::Axis;
pub use self::error::JudgeError;
pub use self::judging::{JudgeOptions, Judged, judge_files};
pub use self::report::{TableKind, TableReport};

#[cfg(test)]
mod tests;
