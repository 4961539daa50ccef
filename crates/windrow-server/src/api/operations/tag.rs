//! The groups of operations in the API document.

use poem_openapi::Tags;

/// The group of an operation.
#[derive(Tags)]
pub(crate) enum Tag {
    /// All models, and names that stand for one
    Models,
    /// What is known of the windows of the stream
    Windows,
    /// How often to retrain, and on how much history
    Advice,
    /// Names of one's own for models, with their history
    Aliases,
    /// The Open Inference Protocol, version 2, as KServe, Triton and MLServer speak it
    Inference,
    /// Whether the server is well
    Health,
}
