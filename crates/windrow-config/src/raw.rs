//! The pipeline file as it is written, before anything is checked but its shape.

use std::path::PathBuf;

use serde::Deserialize;

use crate::batch::BatchFormat;
use crate::duration::Written;
use crate::pipeline::CalendarPart;
use crate::solver::Solver;
use crate::span::WrittenSpan;
use windrow_record::Scheme;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) dataset: Dataset,
    pub(super) target: Target,
    pub(super) features: Features,
    #[serde(default)]
    pub(super) stream: Stream,
    pub(super) window: Window,
    #[serde(default)]
    pub(super) batch: Batch,
    #[serde(default)]
    pub(super) quarantine: Quarantine,
    #[serde(default)]
    pub(super) train: Train,
    #[serde(default)]
    pub(super) advise: Advise,
    #[serde(default)]
    pub(super) serve: Serve,
    #[serde(default)]
    pub(super) kafka: toml::Table,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dataset {
    pub(super) path: PathBuf,
    pub(super) skip: Option<u64>,
    pub(super) columns: Option<Vec<String>>,
    pub(super) delimiter: Option<String>,
    pub(super) quote: Option<String>,
    pub(super) decimal: Option<String>,
    #[serde(default, deserialize_with = "some_list")]
    pub(super) null: Option<Vec<String>>,
    pub(super) time: Option<Time>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Time {
    pub(super) column: String,
    pub(super) format: String,
    pub(super) from: Option<[String; 2]>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    pub(super) column: String,
    pub(super) at_least: Option<f64>,
    pub(super) above: Option<f64>,
    pub(super) at_most: Option<f64>,
    pub(super) below: Option<f64>,
    pub(super) equals: Option<String>,
    #[serde(default, deserialize_with = "some_list")]
    pub(super) one_of: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Features {
    #[serde(default, deserialize_with = "list")]
    pub(super) numeric: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    pub(super) log: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    pub(super) categorical: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    pub(super) calendar: Vec<CalendarPart>,
    pub(super) min_count: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stream {
    pub(super) topic: Option<String>,
    pub(super) partitions: Option<u32>,
    #[serde(default, deserialize_with = "text_or_table")]
    pub(super) pace: Option<Pace>,
    pub(super) seed: Option<u64>,
    pub(super) accept_deleted: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Batch {
    pub(super) format: Option<BatchFormat>,
    pub(super) url: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pace {
    pub(super) kind: PaceKind,
    pub(super) delay: Option<Written>,
    pub(super) min: Option<Written>,
    pub(super) max: Option<Written>,
    pub(super) mean: Option<Written>,
    pub(super) speedup: Option<f64>,
}

/// A list; what stands alone is a list of one.
fn list<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct OneOrMany<T>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for OneOrMany<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a text or a list of texts")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            T::deserialize(serde::de::value::StrDeserializer::new(text)).map(|one| vec![one])
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, items: A) -> Result<Vec<T>, A::Error> {
            Vec::deserialize(serde::de::value::SeqAccessDeserializer::new(items))
        }
    }

    deserializer.deserialize_any(OneOrMany(std::marker::PhantomData))
}

fn some_list<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    list(deserializer).map(Some)
}

/// A pace that takes no further value may be written as its kind alone.
fn text_or_table<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Pace>, D::Error> {
    struct TextOrTable;

    impl<'de> serde::de::Visitor<'de> for TextOrTable {
        type Value = Pace;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("\"none\" or a table, as in { kind = \"fixed\", delay = \"1ms\" }")
        }

        fn visit_str<E: serde::de::Error>(self, kind: &str) -> Result<Pace, E> {
            let kind = PaceKind::deserialize(serde::de::value::StrDeserializer::new(kind))?;
            Ok(Pace { kind, delay: None, min: None, max: None, mean: None, speedup: None })
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, table: A) -> Result<Pace, A::Error> {
            Pace::deserialize(serde::de::value::MapAccessDeserializer::new(table))
        }
    }

    deserializer.deserialize_any(TextOrTable).map(Some)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PaceKind {
    None,
    Fixed,
    Uniform,
    Exponential,
    Replay,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Window {
    pub(super) parts: Option<u32>,
    pub(super) rows: Option<u64>,
    pub(super) every: Option<Written>,
    pub(super) event: Option<WrittenSpan>,
    pub(super) lateness: Option<Written>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Quarantine {
    pub(super) max_share: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Train {
    #[serde(default, deserialize_with = "some_list")]
    pub(super) schemes: Option<Vec<Scheme>>,
    pub(super) l2: Option<OneOrMany>,
    pub(super) solver: Option<Solver>,
    pub(super) spark: Option<Spark>,
    pub(super) holdout: Option<f64>,
    pub(super) threshold: Option<f64>,
    #[serde(default)]
    pub(super) accept: Accept,
    pub(super) keep: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spark {
    pub(super) remote: String,
    pub(super) batches: Option<String>,
}

/// The address may hold a token.
impl std::fmt::Debug for Spark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spark").finish_non_exhaustive()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Accept {
    pub(super) min_auc: Option<f64>,
    pub(super) max_log_loss_increase: Option<f64>,
}

/// A number, or a list of numbers.
#[derive(Debug)]
pub(super) struct OneOrMany(pub(super) Vec<f64>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Numbers;

        impl<'de> serde::de::Visitor<'de> for Numbers {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number or a list of numbers")
            }

            fn visit_f64<E>(self, number: f64) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![number]))
            }

            fn visit_i64<E>(self, number: i64) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![number as f64]))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany, A::Error> {
                let mut numbers = Vec::new();
                while let Some(number) = list.next_element()? {
                    numbers.push(number);
                }
                Ok(OneOrMany(numbers))
            }
        }

        deserializer.deserialize_any(Numbers)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Advise {
    pub(super) keep: Option<f64>,
    pub(super) label_delay: Option<u32>,
    pub(super) histories: Option<Vec<History>>,
    pub(super) cost: Option<Costs>,
}

/// A count of windows, or `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum History {
    Last(u32),
    All,
}

impl<'de> Deserialize<'de> for History {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountOrAll;

        impl serde::de::Visitor<'_> for CountOrAll {
            type Value = History;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a count of windows, or \"all\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<History, E> {
                if text == "all" {
                    Ok(History::All)
                } else {
                    Err(E::invalid_value(serde::de::Unexpected::Str(text), &self))
                }
            }

            fn visit_i64<E: serde::de::Error>(self, count: i64) -> Result<History, E> {
                let count = u32::try_from(count).ok().filter(|count| *count > 0);
                count.map(History::Last).ok_or_else(|| E::custom("a history has at least 1 window"))
            }
        }

        deserializer.deserialize_any(CountOrAll)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Costs {
    pub(super) false_alarm: f64,
    pub(super) miss: f64,
    pub(super) refit: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Serve {
    pub(super) listen: Option<String>,
    pub(super) max_rows: Option<u32>,
    pub(super) max_body: Option<String>,
    pub(super) timeout: Option<Written>,
    pub(super) head_timeout: Option<Written>,
    pub(super) idle_timeout: Option<Written>,
    pub(super) send_timeout: Option<Written>,
    pub(super) requests_per_second: Option<u32>,
    pub(super) concurrency: Option<u32>,
    pub(super) connections: Option<u32>,
    pub(super) keys: Option<PathBuf>,
    pub(super) tls: Option<Tls>,
    #[serde(default, deserialize_with = "list")]
    pub(super) cors: Vec<String>,
    pub(super) access_log: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}
