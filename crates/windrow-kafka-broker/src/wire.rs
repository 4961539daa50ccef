//! The vocabulary of Kafka's protocol: the types that dispatch, answers and connections exchange, and the codecs.
//!
//! This module knows nothing of topics, groups and connections, and decides nothing. A count or a length from a client
//! is checked before memory is reserved for it.

mod client;
pub(crate) mod fetch;
pub(crate) mod frame;
pub(crate) mod guard;
pub(crate) mod produce;
mod reply;
mod texts;
mod unanswerable;
mod versions;

pub(crate) use crate::wire::client::Client;
pub(crate) use crate::wire::reply::{Piece, Reply};
pub(crate) use crate::wire::texts::{owned, owned_some, text};
pub(crate) use crate::wire::unanswerable::Unanswerable;
pub(crate) use crate::wire::versions::{TABLE, is_taken};
