//! Answers to requests that read and change settings. The settings of topics can be changed. Those of the broker are
//! listed, but cannot be changed.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse as Altered;
use kafka_protocol::messages::describe_configs_response as described;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse as AlteredSome;
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use kafka_protocol::protocol::StrBytes;

use crate::answers::error_fields;
use crate::answers::topics::{SOURCE_DEFAULT, SOURCE_TOPIC};
use crate::blocking::blocking;
use crate::broker::{Broker, NODE_ID};
use crate::catalog::check_name;
use crate::catalog::settings::{DEFINITIONS, Definition, SettingType, Settings};
use crate::refusal::Refusal;
use crate::wire::text;

/// Kafka's numbers for the types of resources that have settings.
const TOPIC_RESOURCE: i8 = 2;
const BROKER_RESOURCE: i8 = 4;
/// Kafka's number for a value from the broker's own configuration.
const SOURCE_BROKER: i8 = 4;
/// Kafka's numbers for the changes of a setting.
const SET_OPERATION: i8 = 0;
const DELETE_OPERATION: i8 = 1;

/// The settings of the broker that clients ask for.
const BROKER_SETTINGS: [Definition; 6] = [
    Definition::fixed("auto.create.topics.enable", SettingType::Flag, "true"),
    Definition::fixed("default.replication.factor", SettingType::Int, "1"),
    Definition::fixed("log.retention.ms", SettingType::Long, "-1"),
    Definition::fixed("message.max.bytes", SettingType::Int, "1048588"),
    Definition::fixed("num.partitions", SettingType::Int, "1"),
    Definition::fixed("offset.metadata.max.bytes", SettingType::Int, "4096"),
];

pub(crate) fn describe(broker: &Broker, request: &DescribeConfigsRequest) -> DescribeConfigsResponse {
    let results = request.resources.iter().map(|asked| {
        let name = asked.resource_name.to_string();
        let keys = asked.configuration_keys.as_deref();
        let is_asked = |name: &str| keys.is_none_or(|keys| keys.iter().any(|key| **key == *name));
        let entry = |definition: &Definition, value: &str, source: i8| {
            let synonyms = if request.include_synonyms { synonyms(definition, value, source) } else { Vec::new() };
            let entry = described::DescribeConfigsResourceResult::default().with_name(text(definition.name));
            let entry = entry.with_value(Some(text(value))).with_config_source(source).with_synonyms(synonyms);
            let entry = entry.with_read_only(source == SOURCE_BROKER).with_config_type(definition.kind as i8);
            entry.with_documentation(None)
        };
        let found = match asked.resource_type {
            TOPIC_RESOURCE => check_name(&name).and_then(|()| {
                let topic = broker.catalog.by_name(&name).map_err(|unknown| (unknown, String::new()))?;
                let known = DEFINITIONS.iter().filter(|definition| is_asked(definition.name)).map(|definition| {
                    let (value, is_given) = topic.settings.value(definition);
                    entry(definition, value, if is_given { SOURCE_TOPIC } else { SOURCE_DEFAULT })
                });
                Ok(known.collect())
            }),
            BROKER_RESOURCE if name.is_empty() => Ok(Vec::new()),
            BROKER_RESOURCE if name == NODE_ID.to_string() => {
                let known = BROKER_SETTINGS.iter().filter(|definition| is_asked(definition.name));
                Ok(known.map(|definition| entry(definition, definition.default, SOURCE_BROKER)).collect())
            }
            BROKER_RESOURCE => Err((ResponseError::InvalidRequest, format!("This broker is number {}.", *NODE_ID))),
            _ => Err((ResponseError::InvalidRequest, "This broker describes only topics and itself.".to_owned())),
        };
        let result = described::DescribeConfigsResult::default().with_resource_type(asked.resource_type);
        let result = result.with_resource_name(text(name));
        match found {
            Ok(configs) => result.with_error_message(None).with_configs(configs),
            Err((error, message)) => result.with_error_code(error.code()).with_error_message(Some(text(message))),
        }
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

/// Returns the sources of a value. The source in effect comes first.
fn synonyms(definition: &Definition, value: &str, source: i8) -> Vec<described::DescribeConfigsSynonym> {
    let one = |value: &str, source| {
        let one = described::DescribeConfigsSynonym::default().with_name(text(definition.name));
        one.with_value(Some(text(value))).with_source(source)
    };
    let mut all = vec![one(value, source)];
    if source == SOURCE_TOPIC {
        all.push(one(definition.default, SOURCE_DEFAULT));
    }
    all
}

/// Sets a topic's settings to the given ones, and all others to their defaults.
pub(crate) fn alter(broker: &Broker, request: &AlterConfigsRequest) -> AlterConfigsResponse {
    let results = request.resources.iter().map(|asked| {
        let (code, message) = change(broker, asked.resource_type, &asked.resource_name, request.validate_only, |_| {
            let mut settings = Settings::default();
            for config in &asked.configs {
                let null = || (ResponseError::InvalidRequest, format!("Null value for {}", &*config.name));
                settings.set(&config.name, Some(config.value.as_deref().ok_or_else(null)?))?;
            }
            Ok(settings)
        });
        let altered = Altered::default().with_error_code(code).with_error_message(message);
        altered.with_resource_type(asked.resource_type).with_resource_name(text(asked.resource_name.to_string()))
    });
    AlterConfigsResponse::default().with_responses(results.collect())
}

/// Changes only the given settings of a topic.
pub(crate) fn alter_some(broker: &Broker, request: &IncrementalAlterConfigsRequest) -> IncrementalAlterConfigsResponse {
    let results = request.resources.iter().map(|asked| {
        let (code, message) = change(broker, asked.resource_type, &asked.resource_name, request.validate_only, |old| {
            let mut settings = old.clone();
            for config in &asked.configs {
                match (config.config_operation, &config.value) {
                    (SET_OPERATION, Some(value)) => settings.set(&config.name, Some(value))?,
                    (DELETE_OPERATION, _) => settings.set(&config.name, None)?,
                    (SET_OPERATION, None) => {
                        return Err((ResponseError::InvalidRequest, format!("Null value for {}", &*config.name)));
                    }
                    _ => {
                        let message = format!("{} is not a list: values cannot be added or removed.", &*config.name);
                        return Err((ResponseError::InvalidConfig, message));
                    }
                }
            }
            Ok(settings)
        });
        let altered = AlteredSome::default().with_error_code(code).with_error_message(message);
        altered.with_resource_type(asked.resource_type).with_resource_name(text(asked.resource_name.to_string()))
    });
    IncrementalAlterConfigsResponse::default().with_responses(results.collect())
}

fn change(
    broker: &Broker,
    kind: i8,
    name: &str,
    only_check: bool,
    change: impl FnOnce(&Settings) -> Result<Settings, Refusal>,
) -> (i16, Option<StrBytes>) {
    if kind != TOPIC_RESOURCE {
        let message = "Only settings of topics can be changed.".to_owned();
        return error_fields(Err((ResponseError::InvalidRequest, message)));
    }
    error_fields(check_name(name).and_then(|()| blocking(|| broker.catalog.configure(name, only_check, change))))
}
