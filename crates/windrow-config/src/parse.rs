//! From the text of a pipeline file to a [`Pipeline`], or to everything that is wrong with it.

mod advise;
mod dataset;
mod kafka;
mod serve;
mod train;

use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeTable;

use crate::batch::Batch;
use crate::dataset::Dataset;
use crate::duration::Written;
use crate::lines::{Lines, line_of};
use crate::pipeline::{FeatureColumns, Pace, Pipeline, Quarantine, Stream, Target, TargetRule, WindowPolicy};
use crate::raw::{self, PaceKind};
use crate::span::EventSpan;
use crate::{ConfigError, Fault};

/// What a category must be seen to have a coefficient of its own, when the file does not say.
const DEFAULT_MIN_COUNT: u64 = 50;
/// The part of a stream that may be refused, when the file does not say.
const DEFAULT_MAX_SHARE: f64 = 0.01;
/// Kafka's own limit for the name of a topic.
const LONGEST_TOPIC: usize = 249;

impl Pipeline {
    /// Reads and checks a pipeline file.
    ///
    /// # Errors
    /// The file cannot be read, is not of the right shape (told at the first fault), or says what cannot be (all at once).
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let is_named_so = path.extension().is_some_and(|extension| extension == "toml");
        let data = || ConfigError::Data { path: path.to_owned() };
        let text = match std::fs::read_to_string(path) {
            // Bytes that are no text.
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData && !is_named_so => return Err(data()),
            text => text.map_err(|source| ConfigError::Read { path: path.to_owned(), source })?,
        };
        if !is_named_so && DeTable::parse(&text).is_err() {
            return Err(data());
        }
        Self::parse(path, &text)
    }

    /// Checks the text of a pipeline file; `path` serves its errors, and relative paths in it.
    ///
    /// # Errors
    /// The first fault in the file's shape, or else all that it says and cannot be.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let invalid = |faults| ConfigError::Invalid { path: path.to_owned(), faults };
        let table = DeTable::parse(text).map_err(|error| invalid(vec![from_toml(text, &Lines::default(), &error)]))?;
        let lines = Lines::read(text, table.get_ref());
        let file: raw::File = toml::from_str(text).map_err(|error| invalid(vec![from_toml(text, &lines, &error)]))?;
        let mut check = Check { lines: &lines, faults: Vec::new() };
        let checked = check.file(path, file);
        let Check { mut faults, .. } = check;
        match checked {
            Some(pipeline) if faults.is_empty() => Ok(Self { lines, ..pipeline }),
            _ => {
                faults.sort_by_key(|fault| fault.line);
                Err(invalid(faults))
            }
        }
    }

    /// The error that something found later is wrong with keys of this file.
    pub(super) fn invalid(&self, faults: impl IntoIterator<Item = (String, String)>) -> ConfigError {
        let faults = faults.into_iter().map(|(key, problem)| Fault { line: self.lines.line(&key), key, problem });
        ConfigError::Invalid { path: self.file.clone(), faults: faults.collect() }
    }
}

fn from_toml(text: &str, lines: &Lines, error: &toml::de::Error) -> Fault {
    let span = error.span();
    Fault {
        line: span.as_ref().map(|span| line_of(text, span.start)),
        key: span.and_then(|span| lines.key_at(span.start)).unwrap_or_default().to_owned(),
        problem: in_plain_words(error.message()),
    }
}

/// serde names Rust's types; a person knows numbers.
fn in_plain_words(message: &str) -> String {
    let mut message = message.trim().replace('\n', ", ").replace("expected f64", "expected a number");
    if let Some((before, after)) = message.split_once("expected struct ") {
        let rest = after.trim_start_matches(|letter: char| letter.is_alphanumeric() || letter == '_');
        message = format!("{before}expected a table{rest}");
    }
    ["u64", "u32"]
        .iter()
        .fold(message, |message, kind| message.replace(&format!("expected {kind}"), "expected a whole number"))
}

/// Gathers faults, so that a person sees all of them at once.
struct Check<'a> {
    lines: &'a Lines,
    pub faults: Vec<Fault>,
}

impl Check<'_> {
    pub(super) fn fault(&mut self, key: &str, problem: impl Into<String>) {
        self.faults.push(Fault { line: self.lines.line(key), key: key.to_owned(), problem: problem.into() });
    }

    /// Whether the file names a time; one with a fault has been told already.
    fn has_time(&self, dataset: &Dataset) -> bool {
        dataset.time.is_some() || self.faults.iter().any(|fault| fault.key.starts_with("dataset.time"))
    }

    fn file(&mut self, path: &Path, file: raw::File) -> Option<Pipeline> {
        let name = file.name;
        if name.is_empty() || !name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
            self.fault("name", format!("`{name}` is not a name: use lower-case letters, digits and hyphens"));
        }
        let dataset = self.dataset(path, file.dataset);
        let target = self.target(file.target);
        let features = self.features(file.features, &target, &dataset);
        let stream = self.stream(&name, file.stream, &dataset);
        let window = self.window(&file.window, &dataset);
        let quarantine = self.quarantine(&file.quarantine);
        let train = self.train(file.train);
        let advise = self.advise(file.advise);
        let kafka = self.kafka(path.parent().unwrap_or(Path::new("")), file.kafka);
        let serve = self.serve(path.parent().unwrap_or(Path::new("")), file.serve);
        let pipeline = Pipeline {
            name,
            dataset,
            target: target?,
            features,
            stream,
            window: window?,
            batch: self.batch(file.batch),
            quarantine,
            train,
            advise,
            serve: serve?,
            kafka,
            file: path.to_owned(),
            lines: Lines::default(),
        };
        for (key, problem) in pipeline.solver_faults() {
            self.fault(&key, problem);
        }
        Some(pipeline)
    }

    fn target(&mut self, raw: raw::Target) -> Option<Target> {
        let numbers = [
            ("at_least", raw.at_least, TargetRule::AtLeast as fn(f64) -> TargetRule),
            ("above", raw.above, TargetRule::Above),
            ("at_most", raw.at_most, TargetRule::AtMost),
            ("below", raw.below, TargetRule::Below),
        ];
        for (key, bound, _) in &numbers {
            if bound.is_some_and(|bound| !bound.is_finite()) {
                self.fault(&format!("target.{key}"), "must be a finite number");
            }
        }
        if raw.one_of.as_ref().is_some_and(Vec::is_empty) {
            self.fault("target.one_of", "names no text");
        }
        let numbers = numbers.into_iter().filter_map(|(_, bound, rule)| bound.map(rule));
        let texts = [raw.equals.map(TargetRule::Equals), raw.one_of.map(TargetRule::OneOf)].into_iter().flatten();
        let mut rules = numbers.chain(texts);
        match (rules.next(), rules.next()) {
            (Some(rule), None) => Some(Target { column: raw.column, rule }),
            _ => {
                self.fault("target", "needs exactly one of at_least, above, at_most, below, equals, one_of");
                None
            }
        }
    }

    fn features(&mut self, raw: raw::Features, target: &Option<Target>, dataset: &Dataset) -> FeatureColumns {
        let lists = [("numeric", &raw.numeric), ("log", &raw.log), ("categorical", &raw.categorical)];
        let mut seen: Vec<&str> = Vec::new();
        for (list, columns) in lists {
            for (index, column) in columns.iter().enumerate() {
                let key = format!("features.{list}[{index}]");
                if seen.contains(&column.as_str()) {
                    self.fault(&key, format!("`{column}` is a feature already"));
                }
                if target.as_ref().is_some_and(|target| target.column == *column) {
                    self.fault(&key, format!("`{column}` is the target: a model must not see what it is to foretell"));
                }
                if dataset.time.as_ref().is_some_and(|time| time.column == *column) {
                    self.fault(
                        &key,
                        format!("`{column}` is the time: use features.calendar for its hour, weekday or month"),
                    );
                }
                seen.push(column);
            }
        }
        for (index, part) in raw.calendar.iter().enumerate() {
            if raw.calendar[..index].contains(part) {
                self.fault(&format!("features.calendar[{index}]"), format!("`{}` is a feature already", part.name()));
            }
        }
        if !raw.calendar.is_empty() && !self.has_time(dataset) {
            self.fault("features.calendar", "needs dataset.time, the column that says when a row happened");
        }
        if seen.is_empty() && raw.calendar.is_empty() {
            self.fault("features", "names no column: a model needs something to learn from");
        }
        FeatureColumns {
            numeric: raw.numeric,
            log: raw.log,
            categorical: raw.categorical,
            calendar: raw.calendar,
            min_count: raw.min_count.unwrap_or(DEFAULT_MIN_COUNT),
        }
    }

    fn stream(&mut self, name: &str, raw: raw::Stream, dataset: &Dataset) -> Stream {
        let is_given = raw.topic.is_some();
        let topic = raw.topic.unwrap_or_else(|| name.to_owned());
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let is_topic = (1..=LONGEST_TOPIC).contains(&topic.len()) && topic.bytes().all(allowed);
        // A name that cannot be a topic's is reported as a name.
        if is_given && (!is_topic || topic == "." || topic == "..") {
            self.fault(
                "stream.topic",
                format!("`{topic}` is not a topic name: use letters, digits, '.', '_' and '-', at most 249"),
            );
        }
        let partitions = NonZeroU32::new(raw.partitions.unwrap_or(1)).unwrap_or_else(|| {
            self.fault("stream.partitions", "must be at least 1");
            NonZeroU32::MIN
        });
        let pace = raw.pace.map_or(Pace::None, |pace| self.pace(&pace, dataset));
        let (seed, accept_deleted) = (raw.seed.unwrap_or(0), raw.accept_deleted.unwrap_or(false));
        Stream { topic, partitions, pace, seed, accept_deleted }
    }

    fn pace(&mut self, raw: &raw::Pace, dataset: &Dataset) -> Pace {
        let given = [
            ("delay", raw.delay.is_some(), PaceKind::Fixed),
            ("min", raw.min.is_some(), PaceKind::Uniform),
            ("max", raw.max.is_some(), PaceKind::Uniform),
            ("mean", raw.mean.is_some(), PaceKind::Exponential),
            ("speedup", raw.speedup.is_some(), PaceKind::Replay),
        ];
        for (key, is_given, kind) in given {
            match (is_given, kind == raw.kind) {
                (true, false) => self.fault(&format!("stream.pace.{key}"), "does not go with this kind of pace"),
                (false, true) => self.fault("stream.pace", format!("needs `{key}` for this kind of pace")),
                _ => {}
            }
        }
        let duration = |written: Option<Written>| written.map_or(Duration::ZERO, |written| written.0);
        match raw.kind {
            PaceKind::None => Pace::None,
            PaceKind::Fixed => Pace::Fixed { delay: duration(raw.delay) },
            PaceKind::Uniform => {
                let (min, max) = (duration(raw.min), duration(raw.max));
                if min > max {
                    self.fault("stream.pace.min", "is more than stream.pace.max");
                }
                Pace::Uniform { min, max }
            }
            PaceKind::Exponential => Pace::Exponential { mean: duration(raw.mean) },
            PaceKind::Replay => {
                let speedup = raw.speedup.unwrap_or(1.0);
                if !(speedup.is_finite() && speedup > 0.0) {
                    self.fault("stream.pace.speedup", "must be a number above 0");
                }
                if !self.has_time(dataset) {
                    self.fault("stream.pace", "replay needs dataset.time, the column that says when a row happened");
                }
                Pace::Replay { speedup }
            }
        }
    }

    fn window(&mut self, raw: &raw::Window, dataset: &Dataset) -> Option<WindowPolicy> {
        let given = [raw.parts.is_some(), raw.rows.is_some(), raw.every.is_some(), raw.event.is_some()];
        if given.iter().filter(|given| **given).count() != 1 {
            self.fault("window", "needs exactly one of parts, rows, every, event");
            return None;
        }
        if raw.lateness.is_some() && raw.event.is_none() {
            self.fault("window.lateness", "goes with window.event only");
        }
        if let Some(parts) = raw.parts {
            return self.at_least_one("window.parts", NonZeroU32::new(parts)).map(WindowPolicy::Parts);
        }
        if let Some(rows) = raw.rows {
            return self.at_least_one("window.rows", NonZeroU64::new(rows)).map(WindowPolicy::Rows);
        }
        if let Some(Written(every)) = raw.every {
            return self.at_least_one("window.every", (!every.is_zero()).then_some(every)).map(WindowPolicy::Every);
        }
        if !self.has_time(dataset) {
            self.fault("window.event", "needs dataset.time, the column that says when a row happened");
        }
        let is_long_enough = |span: &EventSpan| !matches!(span, EventSpan::Fixed(length) if length.as_secs() == 0);
        let span = raw.event.map(|written| written.0).filter(is_long_enough);
        let span = self.at_least_one("window.event", span)?;
        let lateness = raw.lateness.map_or(Duration::ZERO, |written| written.0);
        Some(WindowPolicy::Event { span, lateness })
    }

    fn batch(&mut self, raw: raw::Batch) -> Batch {
        let is_store = |url: &str| match (url.strip_prefix("s3://"), url.strip_prefix("file://")) {
            (Some(rest), _) => !rest.starts_with('/') && !rest.is_empty() && !rest.contains(['@', '?', '#', ' ']),
            (_, Some(folder)) => folder.len() > 1 && folder.starts_with('/'),
            _ => false,
        };
        if raw.url.as_deref().is_some_and(|url| !is_store(url)) {
            self.fault(
                "batch.url",
                "must be s3://BUCKET/PREFIX or file:///FOLDER; credentials come from the environment",
            );
        }
        Batch { format: raw.format.unwrap_or_default(), url: raw.url }
    }

    fn at_least_one<T>(&mut self, key: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.fault(key, "must be at least 1 (for event time: at least 1s)");
        }
        value
    }

    fn quarantine(&mut self, raw: &raw::Quarantine) -> Quarantine {
        let max_share = raw.max_share.unwrap_or(DEFAULT_MAX_SHARE);
        if !(0.0..=1.0).contains(&max_share) {
            self.fault("quarantine.max_share", "must be a share between 0 and 1");
        }
        Quarantine { max_share }
    }
}

pub(super) fn resolve(folder: &Path, path: PathBuf) -> PathBuf {
    if path.is_absolute() { path } else { folder.join(path) }
}
