//! The groups of operations in the API document.

use poem_openapi::Tags;

/// The group of an operation.
#[derive(Tags)]
pub(crate) enum Tag {
    /// The models: list, cards, comparisons, lineage and predictions
    Models,
    /// The windows of the stream, the scores of the models on them, and the events
    Windows,
    /// The advice on how often to refit (to train again), and on how much history
    Advice,
    /// Names that users give to models, with their history
    Aliases,
    /// The Open Inference Protocol, version 2, which KServe, Triton and MLServer also implement
    Inference,
    /// The health and the metrics of the server, and this document
    Health,
}
