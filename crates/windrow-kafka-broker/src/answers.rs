//! Requests answered: from a message to calls of catalog, logs and groups, and back to a message. No state.

pub(super) mod cluster;
pub(super) mod commits;
pub(super) mod configs;
pub(super) mod fetch;
pub(super) mod groups;
pub(super) mod offsets;
pub(super) mod produce;
pub(super) mod topics;
