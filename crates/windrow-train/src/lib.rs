//! The stages that learn from the batch files.
//!
//! - [`trainer`]: makes every model that can be made from sealed windows, and scores all models on them.
//! - [`advisor`]: fits the models that only the advice needs, recommends how often to retrain and on how much history,
//!   and keeps the alias `advised`.
//! - `making`: makes one model for the registry. `acceptance`: the rules that it must pass, and the report of a window.
//!   `scoring`: losses and scores of models on a window. `lineage`: the rows that a model was made from.
//!
//! - [`ForeignLearner`]: a learner outside of this program, with the files that it reads. `foreign_fit`: its fits,
//!   several at once. `foreign_model`: makes one of its models.
//!
//! Both stages take a [`Learning`] and may fail with a [`TrainError`]. The stages do not import each other. They know
//! nothing of brokers or HTTP.

mod acceptance;
pub mod advisor;
mod error;
mod foreign;
mod foreign_fit;
mod foreign_model;
mod learning;
mod lineage;
mod making;
mod scoring;
pub mod trainer;

pub use error::TrainError;
pub use foreign::{ForeignLearner, ForeignSettings, LEARNER_FOLDER, LEARNER_LOCK, RepeatReport};
pub use learning::Learning;
