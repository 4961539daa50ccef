//! The `[stream]` table: the topic, and the rate at which rows are sent to it.

use std::num::NonZeroU32;
use std::time::Duration;

use garde::Validate;
use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, MapDeserializer};
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

use crate::values::{Checked, DurationText, ensure};

/// Kafka's limit for the name of a topic, in bytes.
const MAX_TOPIC_LENGTH: usize = 249;

/// The topic, and the rate at which rows are sent to it.
#[derive(Debug, Clone, SmartDefault, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Stream {
    /// The name of the topic. By default, the name of the pipeline.
    #[serde(deserialize_with = "written_topic")]
    #[garde(custom(topic_name))]
    #[schemars(example = &"flights-2013")]
    pub topic: String,
    /// The number of partitions with which the topic is created.
    #[default(NonZeroU32::MIN)]
    #[schemars(example = 3)]
    pub partitions: NonZeroU32,
    /// The producer's delay before each row.
    #[garde(custom(possible_pace))]
    #[serde(deserialize_with = "text_or_table")]
    #[schemars(with = "WrittenPace", example = &"none")]
    pub pace: Pace,
    /// The seed of random delays. The same seed gives the same delays.
    #[schemars(example = 42)]
    pub seed: u64,
    /// True to continue with the remaining rows if the broker has deleted messages before they were read. By default, this is an
    /// error.
    // Not part of a run's identity: it changes no row.
    #[serde(skip_serializing)]
    #[schemars(example = true)]
    pub accept_deleted: bool,
}

/// Reads a topic. An empty text means that the key is missing, so a file must not contain it.
fn written_topic<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let topic = String::deserialize(deserializer)?;
    let problem = "must not be empty; remove the key to use the pipeline's name";
    if topic.is_empty() { Err(de::Error::custom(problem)) } else { Ok(topic) }
}

fn topic_name(topic: &str, (): &()) -> Checked {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    // An empty name means the name of the pipeline.
    let is_topic = topic.len() <= MAX_TOPIC_LENGTH && topic.bytes().all(allowed) && topic != "." && topic != "..";
    ensure(
        is_topic,
        format!("`{topic}` is not a topic name: use letters, digits, '.', '_' and '-', at most {MAX_TOPIC_LENGTH}"),
    )
}

/// The producer's delay before each row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Pace {
    /// No delays: the producer sends as fast as it can.
    #[default]
    None,
    /// The same delay before each row.
    Fixed {
        /// The delay before each row.
        #[serde(with = "humantime_serde")]
        #[schemars(with = "DurationText", example = &"1ms")]
        delay: Duration,
    },
    /// Random delays, uniformly distributed between two bounds.
    Uniform {
        /// The shortest delay before a row.
        #[serde(with = "humantime_serde")]
        #[schemars(with = "DurationText", example = &"0ms")]
        min: Duration,
        /// The longest delay before a row.
        #[serde(with = "humantime_serde")]
        #[schemars(with = "DurationText", example = &"2ms")]
        max: Duration,
    },
    /// Random delays, exponentially distributed: the rows are a Poisson process.
    Exponential {
        /// The mean of the delays.
        #[serde(with = "humantime_serde")]
        #[schemars(with = "DurationText", example = &"75us")]
        mean: Duration,
    },
    /// Delays as in the data: the time between two rows, divided by `speedup`. Needs `dataset.time`.
    Replay {
        /// The ratio of event time to wall-clock time, above 0.
        #[schemars(example = 3600)]
        speedup: f64,
    },
}

fn possible_pace(pace: &Pace, (): &()) -> Checked {
    match pace {
        Pace::Uniform { min, max } => ensure(min <= max, "min must not be greater than max"),
        Pace::Replay { speedup } => ensure(speedup.is_finite() && *speedup > 0.0, "speedup must be a number above 0"),
        Pace::None | Pace::Fixed { .. } | Pace::Exponential { .. } => Ok(()),
    }
}

// The JSON Schema of a pace.
#[derive(JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
#[expect(dead_code, reason = "only its schema is used")]
enum WrittenPace {
    Text(NoPace),
    Table(Pace),
}

#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[expect(dead_code, reason = "only its schema is used")]
enum NoPace {
    None,
}

/// Reads a pace. A pace without other keys may be written as its kind.
fn text_or_table<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pace, D::Error> {
    struct TextOrTable;

    impl<'de> Visitor<'de> for TextOrTable {
        type Value = Pace;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("\"none\" or a table, as in { kind = \"fixed\", delay = \"1ms\" }")
        }

        fn visit_str<E: de::Error>(self, kind: &str) -> Result<Pace, E> {
            Pace::deserialize(MapDeserializer::new([("kind", kind)].into_iter()))
        }

        fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Pace, A::Error> {
            Pace::deserialize(MapAccessDeserializer::new(table))
        }
    }

    deserializer.deserialize_any(TextOrTable)
}
