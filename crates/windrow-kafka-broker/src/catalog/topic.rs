//! One topic, and the names that a topic can have.

use std::sync::Arc;

use kafka_protocol::ResponseError;
use uuid::Uuid;

use crate::catalog::settings::Settings;
use crate::log::PartitionLog;
use crate::refusal::Refusal;

/// The maximum length of a topic name in bytes, as in Kafka.
const MAX_NAME_LENGTH: usize = 249;

/// A topic at one moment. A change replaces the whole value.
#[derive(Debug, Clone)]
pub(crate) struct Topic {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) settings: Settings,
    pub(crate) logs: Vec<Arc<PartitionLog>>,
}

impl Topic {
    pub(crate) fn partitions(&self) -> i32 {
        i32::try_from(self.logs.len()).unwrap_or(i32::MAX)
    }

    pub(crate) fn log(&self, partition: i32) -> Option<&Arc<PartitionLog>> {
        self.logs.get(usize::try_from(partition).ok()?)
    }
}

pub(crate) fn check_name(name: &str) -> Result<(), Refusal> {
    let is_good = !matches!(name, "" | "." | "..")
        && name.len() <= MAX_NAME_LENGTH
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if is_good {
        return Ok(());
    }
    let text =
        "Topic name is invalid: use 1 to 249 letters, digits, '.', '_' and '-', but neither '.' nor '..' as the name.";
    Err((ResponseError::InvalidTopicException, text.to_owned()))
}
