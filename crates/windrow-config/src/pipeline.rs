//! The pipeline file as values whose rules hold.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::batch::Batch;
use crate::dataset::Dataset;
use crate::duration;
use crate::kafka::Kafka;
use crate::lines::Lines;
use crate::solver::{Solver, Spark};
use crate::span::EventSpan;
use windrow_record::{CellError, Scheme, parse_number};

/// All that a pipeline file says, with the defaults filled in.
#[derive(Debug, Clone, Serialize)]
pub struct Pipeline {
    /// Names the topic, the work directory and the API: `[a-z0-9-]+`.
    pub name: String,
    /// Where the rows come from.
    pub dataset: Dataset,
    /// What is predicted.
    pub target: Target,
    /// What it is predicted from.
    pub features: FeatureColumns,
    /// How the rows travel.
    pub stream: Stream,
    /// How the stream is cut.
    pub window: WindowPolicy,
    /// How its windows are stored.
    #[serde(skip_serializing_if = "Batch::is_default")]
    pub batch: Batch,
    /// What becomes of rows that cannot be taken.
    pub quarantine: Quarantine,
    /// How models are made.
    pub train: Train,
    /// What the advice is asked for.
    pub advise: Advise,
    /// Where they are served.
    pub serve: Serve,
    /// How the Kafka client is set; part of no run, so that it may change.
    #[serde(skip)]
    pub kafka: Kafka,
    /// The pipeline file, for errors that are found later.
    #[serde(skip)]
    pub file: PathBuf,
    #[serde(skip)]
    pub(super) lines: Lines,
}

/// The `[target]` table.
#[derive(Debug, Clone, Serialize)]
pub struct Target {
    /// The column to look at.
    pub column: String,
    /// When a row is positive.
    #[serde(flatten)]
    pub rule: TargetRule,
}

impl Target {
    /// What is predicted, in words, as in `tip_share at least 0.25?`.
    #[must_use]
    pub fn question(&self) -> String {
        let rule = match &self.rule {
            TargetRule::AtLeast(bound) => format!("at least {bound}"),
            TargetRule::Above(bound) => format!("above {bound}"),
            TargetRule::AtMost(bound) => format!("at most {bound}"),
            TargetRule::Below(bound) => format!("below {bound}"),
            TargetRule::Equals(text) => text.clone(),
            TargetRule::OneOf(texts) => texts.join(" or "),
        };
        format!("{} {rule}?", self.column)
    }
}

/// When a row belongs to the positive class.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetRule {
    /// A number of at least this.
    AtLeast(f64),
    /// A number above this.
    Above(f64),
    /// A number of at most this.
    AtMost(f64),
    /// A number below this.
    Below(f64),
    /// This text.
    Equals(String),
    /// One of these texts.
    OneOf(Vec<String>),
}

impl TargetRule {
    /// Whether a cell that is not missing belongs to the positive class.
    ///
    /// # Errors
    /// The rule compares numbers and the cell is not a number.
    #[inline]
    pub(crate) fn holds(&self, cell: &str) -> Result<bool, CellError> {
        Ok(match self {
            Self::AtLeast(bound) => parse_number(cell)? >= *bound,
            Self::Above(bound) => parse_number(cell)? > *bound,
            Self::AtMost(bound) => parse_number(cell)? <= *bound,
            Self::Below(bound) => parse_number(cell)? < *bound,
            Self::Equals(text) => cell == text,
            Self::OneOf(texts) => texts.iter().any(|text| text == cell),
        })
    }
}

/// The `[features]` table: names of columns.
#[derive(Debug, Clone, Serialize)]
pub struct FeatureColumns {
    /// Standardised numbers.
    pub numeric: Vec<String>,
    /// Numbers x taken as log(1 + x), then standardised.
    pub log: Vec<String>,
    /// One-hot texts.
    pub categorical: Vec<String>,
    /// One-hot parts of the dataset's time.
    pub calendar: Vec<CalendarPart>,
    /// Values seen fewer times than this share the level 'other'.
    pub min_count: u64,
}

/// A part of a time, used as a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CalendarPart {
    /// 0 to 23.
    Hour,
    /// 1 (Monday) to 7 (Sunday).
    Weekday,
    /// 1 to 12.
    Month,
}

impl CalendarPart {
    /// Its name in the pipeline file and in coefficient names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Weekday => "weekday",
            Self::Month => "month",
        }
    }
}

/// The `[stream]` table.
#[derive(Debug, Clone, Serialize)]
pub struct Stream {
    /// The topic's name.
    pub topic: String,
    /// How many partitions it is created with.
    pub partitions: NonZeroU32,
    /// How long the producer waits between rows.
    pub pace: Pace,
    /// The same seed gives the same delays.
    pub seed: u64,
    /// Whether a consumer takes what is left where the broker has deleted messages before they were read. Not written into
    /// files: it changes no row.
    #[serde(skip)]
    pub accept_deleted: bool,
}

/// How long the producer waits before each row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Pace {
    /// Not at all.
    None,
    /// Always as long.
    Fixed {
        /// The delay.
        #[serde(with = "duration")]
        delay: Duration,
    },
    /// Equally likely delays between two bounds.
    Uniform {
        /// The shortest delay.
        #[serde(with = "duration")]
        min: Duration,
        /// The longest delay.
        #[serde(with = "duration")]
        max: Duration,
    },
    /// Delays of a Poisson stream.
    Exponential {
        /// The mean delay.
        #[serde(with = "duration")]
        mean: Duration,
    },
    /// As the rows' times lie apart, so many times as fast.
    Replay {
        /// Event time over wall-clock time.
        speedup: f64,
    },
}

/// The `[window]` table: how the stream is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WindowPolicy {
    /// So many equal parts of the dataset.
    Parts(NonZeroU32),
    /// So many rows each.
    Rows(NonZeroU64),
    /// So much processing time each.
    Every(#[serde(with = "duration")] Duration),
    /// So much event time each.
    Event {
        /// The length of a window.
        span: EventSpan,
        /// How far behind the newest row a row may come.
        #[serde(with = "duration")]
        lateness: Duration,
    },
}

impl WindowPolicy {
    /// What a window is called that begins at this time, in seconds since 1970, as in `week of 2013-04-01`; `None` where
    /// windows are not cut by event time.
    #[must_use]
    pub fn period(self, from: Option<i64>) -> Option<String> {
        match self {
            Self::Event { span, .. } => from.map(|from| span.name(from)),
            Self::Parts(_) | Self::Rows(_) | Self::Every(_) => None,
        }
    }

    /// What several windows are called, as in `weeks` or `windows of 5000 rows`.
    #[must_use]
    pub fn plural(self) -> String {
        match self {
            Self::Parts(_) => "equal windows".to_owned(),
            Self::Rows(rows) => format!("windows of {rows} rows"),
            Self::Every(every) => format!("windows of {} of arrival", humantime::format_duration(every)),
            Self::Event { span, .. } => span.plural(),
        }
    }
}

/// The `[quarantine]` table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quarantine {
    /// The share of the messages, from 0 to 1, that may go to quarantine before the run ends with the reasons.
    pub max_share: f64,
}

/// The `[train]` table.
#[derive(Debug, Clone, Serialize)]
pub struct Train {
    /// Which models are made from each window.
    pub schemes: Vec<Scheme>,
    /// The weights of the penalty that are tried, one or more: l2/2 * |w|^2 beside the sum of the rows' losses.
    #[serde(serialize_with = "one_or_many")]
    pub l2: Vec<f64>,
    /// What finds the optimum.
    pub solver: Solver,
    /// The cluster of [`Solver::Spark`]; part of no run, so that it may move.
    #[serde(skip)]
    pub spark: Option<Spark>,
    /// The share of each window, its last rows, that is kept out of the fit.
    pub holdout: f64,
    /// The probability from which the answer is 'positive'.
    pub threshold: f64,
    /// What a model must do to be called `latest` or `champion`.
    pub accept: Accept,
    /// Of how many of the newest windows the models are kept; all where there is no number. The champion stays, and so does
    /// what an alias stands for.
    pub keep: Option<NonZeroU32>,
}

/// The `train.accept` table: rules on the held-out rows of a model's newest window; none by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Accept {
    /// The least AUC.
    pub min_auc: Option<f64>,
    /// The most that the log-loss may be above that of the champion before it, on the same rows.
    pub max_log_loss_increase: Option<f64>,
}

impl Accept {
    /// Whether there is any rule.
    #[must_use]
    pub fn has_rules(&self) -> bool {
        self.min_auc.is_some() || self.max_log_loss_increase.is_some()
    }
}

/// As it stands in the file: a number where there is one alone.
fn one_or_many<S: serde::Serializer>(numbers: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    match numbers {
        [one] => serializer.serialize_f64(*one),
        many => many.serialize(serializer),
    }
}

/// The `[advise]` table: what is good enough, and what there is to choose from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Advise {
    /// The share of the best policy's gain that is good enough.
    pub keep: f64,
    /// How many windows labels come late.
    pub label_delay: u32,
    /// The histories to choose from; the last 1, 2, 4, 8, ... windows and all where not given.
    pub histories: Option<Vec<Scheme>>,
    /// What errors and fits cost, in a unit of one's own.
    pub cost: Option<Costs>,
}

/// The `advise.cost` table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Costs {
    /// A negative row that is labelled positive.
    pub false_alarm: f64,
    /// A positive row that is not.
    pub miss: f64,
    /// A fit.
    pub refit: f64,
}

/// The `[serve]` table.
#[derive(Debug, Clone, Serialize)]
pub struct Serve {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Whether somebody chose that: else a free port does where it is taken.
    #[serde(skip)]
    pub is_listen_chosen: bool,
    /// The most rows of one batch request.
    pub max_rows: usize,
    /// The most bytes of one request's body.
    pub max_body: usize,
    /// How long one request may take, its body included.
    #[serde(with = "duration")]
    pub timeout: Duration,
    /// How long the head of a request may take to arrive.
    #[serde(with = "duration")]
    pub head_timeout: Duration,
    /// How long a connection may stay open between two requests.
    #[serde(with = "duration")]
    pub idle_timeout: Duration,
    /// How long a client may take none of its answer.
    #[serde(with = "duration")]
    pub send_timeout: Duration,
    /// How many requests a second each API key allows; as many as come where it is not set.
    pub requests_per_second: Option<NonZeroU32>,
    /// How many requests may be worked on at once.
    pub concurrency: usize,
    /// How many connections may be open at once.
    pub connections: usize,
    /// The file of API keys; without it, and without keys from the environment, none is asked for.
    pub keys: Option<PathBuf>,
    /// Certificate and key, to serve HTTPS.
    pub tls: Option<Tls>,
    /// The origins, as in `https://example.org`, whose pages may call the API from a browser.
    pub cors: Vec<String>,
    /// Whether every request is logged.
    pub access_log: bool,
}

/// The `serve.tls` table: files in PEM form, resolved against the folder of the pipeline file.
#[derive(Debug, Clone, Serialize)]
pub struct Tls {
    /// The certificate, and those that lead to its root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}
