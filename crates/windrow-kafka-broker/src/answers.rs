//! The functions that answer requests: from a request to calls of catalog, logs and groups, and back to a response. No
//! state.

pub(super) mod cluster;
pub(super) mod commits;
pub(super) mod configs;
pub(super) mod fetch;
pub(super) mod groups;
pub(super) mod offsets;
pub(super) mod produce;
pub(super) mod topics;
