//! The stages that learn from the batch files.
//!
//! - [`trainer`]: makes every model that can be made from sealed windows, and scores all models on them.
//! - [`advisor`]: fits the models that only the advice needs, and recommends how often to retrain and on how much
//!   history.
//!
//! Both take a [`Learning`] and may fail with a [`TrainError`]. The stages do not import each other. They know nothing
//! of brokers or HTTP.

pub mod advisor;
mod error;
mod learning;
pub mod trainer;

pub use error::TrainError;
pub use learning::Learning;
