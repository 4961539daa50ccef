//! The settings of a topic, by Kafka's names.
//!
//! Settings that take effect can be changed. A setting with only one possible value accepts that value. Everything else
//! is refused by name, so that no client relies on a setting that has no effect.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;

use crate::log::Retention;
use crate::refusal::Refusal;

/// The types of settings, by Kafka's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SettingType {
    Text = 2,
    Int = 3,
    Long = 5,
    List = 7,
    Flag = 1,
}

#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    pub(crate) kind: SettingType,
    pub(crate) default: &'static str,
    /// The smallest and the largest number; `None` if the default is the only value.
    bounds: Option<(i64, i64)>,
}

const fn number(name: &'static str, kind: SettingType, default: &'static str, least: i64, most: i64) -> Definition {
    Definition { name, kind, default, bounds: Some((least, most)) }
}

impl Definition {
    /// Defines a setting that has only one value.
    pub(crate) const fn fixed(name: &'static str, kind: SettingType, default: &'static str) -> Self {
        Self { name, kind, default, bounds: None }
    }
}

const MAX_MESSAGE: &str = "max.message.bytes";
const RETENTION_BYTES: &str = "retention.bytes";
const RETENTION_MS: &str = "retention.ms";
const SEGMENT_BYTES: &str = "segment.bytes";
const INT: i64 = i32::MAX as i64;

/// All settings, in the order of their names.
pub(crate) const DEFINITIONS: [Definition; 9] = [
    Definition::fixed("cleanup.policy", SettingType::List, "delete"),
    Definition::fixed("compression.type", SettingType::Text, "producer"),
    number(MAX_MESSAGE, SettingType::Int, "1048588", 0, INT),
    Definition::fixed("message.timestamp.type", SettingType::Text, "CreateTime"),
    Definition::fixed("min.insync.replicas", SettingType::Int, "1"),
    number(RETENTION_BYTES, SettingType::Long, "-1", i64::MIN, i64::MAX),
    number(RETENTION_MS, SettingType::Long, "-1", -1, i64::MAX),
    // The index of a growing segment is in memory, so segments are smaller than Kafka's default of 1 GiB.
    number(SEGMENT_BYTES, SettingType::Int, "268435456", 1024 * 1024, INT),
    Definition::fixed("unclean.leader.election.enable", SettingType::Flag, "false"),
];

/// The settings of a topic: the given values, and defaults for all others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    given: BTreeMap<String, String>,
}

impl Settings {
    /// Restores settings from the journal. They were checked when they were given.
    pub(crate) fn restored(given: BTreeMap<String, String>) -> Self {
        Self { given }
    }

    pub(crate) fn given(&self) -> &BTreeMap<String, String> {
        &self.given
    }

    /// Returns the value in effect, and whether it was given.
    pub(crate) fn value(&self, definition: &Definition) -> (&str, bool) {
        match self.given.get(definition.name) {
            Some(given) => (given, true),
            None => (definition.default, false),
        }
    }

    /// Sets a value; `None` restores the default.
    pub(crate) fn set(&mut self, name: &str, value: Option<&str>) -> Result<(), Refusal> {
        let invalid = |text: String| (ResponseError::InvalidConfig, text);
        let Some(definition) = DEFINITIONS.iter().find(|definition| definition.name == name) else {
            return Err(invalid(format!("Unknown topic config name: {name}")));
        };
        let Some(value) = value.map(str::trim) else {
            self.given.remove(name);
            return Ok(());
        };
        let is_good = match definition.bounds {
            Some((least, most)) => value.parse::<i64>().is_ok_and(|number| (least..=most).contains(&number)),
            None => value.eq_ignore_ascii_case(definition.default),
        };
        if !is_good {
            let allowed = match definition.bounds {
                Some((least, most)) => format!("a number from {least} to {most}"),
                None => format!("{}, the only value that this broker supports", definition.default),
            };
            return Err(invalid(format!("Invalid value {value} for configuration {name}: expected {allowed}")));
        }
        self.given.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    fn number(&self, name: &str) -> i64 {
        let default = DEFINITIONS.iter().find(|definition| definition.name == name).map(|known| known.default);
        let text = self.given.get(name).map(String::as_str).or(default);
        text.and_then(|text| text.parse().ok()).unwrap_or(-1)
    }

    /// Returns the size of the largest accepted batch in bytes.
    pub(crate) fn max_message(&self) -> usize {
        usize::try_from(self.number(MAX_MESSAGE)).unwrap_or(0)
    }

    pub(crate) fn retention(&self) -> Retention {
        Retention {
            segment_bytes: u64::try_from(self.number(SEGMENT_BYTES)).unwrap_or(u64::MAX),
            age: Some(self.number(RETENTION_MS)).filter(|age| *age >= 0),
            bytes: u64::try_from(self.number(RETENTION_BYTES)).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effective_settings_can_be_set_and_others_are_rejected_by_name() {
        let mut settings = Settings::default();
        settings.set(RETENTION_MS, Some("86400000")).expect("a number");
        settings.set("cleanup.policy", Some("delete")).expect("what happens anyway");
        assert_eq!(settings.retention().age, Some(86_400_000));
        for (name, value) in [
            (RETENTION_MS, "soon"),
            (RETENTION_MS, "-2"),
            (SEGMENT_BYTES, "14"),
            ("cleanup.policy", "compact"),
            ("min.insync.replicas", "2"),
            ("no.such.setting", "1"),
        ] {
            let (error, text) = settings.set(name, Some(value)).expect_err(value);
            assert_eq!(error, ResponseError::InvalidConfig);
            assert!(text.contains(name), "{text}");
        }
        settings.set(RETENTION_MS, None).expect("the default");
        assert_eq!(settings.retention(), Settings::default().retention());
        assert_eq!(settings.max_message(), 1_048_588);
    }
}
