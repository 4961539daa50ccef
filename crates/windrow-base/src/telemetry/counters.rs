//! The counters of a process, each declared once.
//!
//! Each line of the declaration gives:
//!
//! - the field that stages change
//! - the type of its value in a snapshot and in the status file
//! - the function that combines the values of several processes
//! - the metric with its help text

use serde::{Deserialize, Serialize};

use crate::telemetry::number::{Countdown, Counter, Gauge};
use crate::telemetry::partitions::PartitionCounters;

macro_rules! counters {
    ($($name:ident: $cell:ident = $value:ty, $combine:ident, $kind:ident($metric:literal), $about:literal;)*) => {
        /// The rows that each stage has processed since this process started.
        #[derive(Debug, Default)]
        pub struct Counters {
            $(#[doc = $about] pub $name: $cell,)*
            /// The rows read and the lag of each partition of the topic.
            pub partitions: PartitionCounters,
        }

        /// The values of [`Counters`] at one moment.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Counts {
            $(#[doc = $about] pub $name: $value,)*
        }

        impl Counters {
            /// Returns the present values of all counters.
            pub fn counts(&self) -> Counts {
                Counts { $($name: self.$name.get(),)* }
            }
        }

        impl Counts {
            /// Combines the counts of two processes of one stage that share a dataset.
            #[must_use]
            pub fn combine(self, other: Self) -> Self {
                Self { $($name: $combine(self.$name, other.$name),)* }
            }

            /// Returns each count as a metric, with its help text and its value; `None` if the value is not known.
            pub fn metrics(&self) -> Vec<(Metric, &'static str, Option<u64>)> {
                vec![$((Metric::$kind($metric), $about, Option::<u64>::from(self.$name)),)*]
            }
        }
    };
}

counters! {
    dataset: Counter = u64, largest, Named("dataset_rows"), "Rows of the dataset; 0 if not known";
    sent: Counter = u64, sum, State("sent"), "Rows handed to the client library";
    delivered: Counter = u64, sum, State("delivered"), "Rows that the broker has confirmed";
    received: Counter = u64, sum, State("received"), "Rows read from the broker";
    stored: Counter = u64, sum, State("stored"), "Rows written into a window, sealed or not";
    quarantined: Counter = u64, sum, State("quarantined"), "Rows put into quarantine";
    repeated: Counter = u64, sum, State("repeated"), "Repeated rows, which were not stored again";
    window: Counter = u64, largest, Named("window"), "The window that is being filled; 0 if not known";
    window_rows: Counter = u64, sum, Named("window_rows"), "Rows of the window that is being filled";
    window_expected: Counter = u64, largest, Named("window_expected_rows"), "Rows that this window will have; 0 if not known";
    lag: Gauge = Option<u64>, sum_of_known, Named("lag_messages"), "Messages in the topic that are not read yet; NaN if not known";
    study_left: Countdown = Option<u64>, sum_of_known, Named("advice_left_seconds"), "Estimated seconds until the models for the advice are fitted; NaN if not known";
}

/// The name of the metric that exports a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// A label value of the metric `rows`: a state of the rows.
    State(&'static str),
    /// The name of a separate metric.
    Named(&'static str),
}

fn sum(one: u64, other: u64) -> u64 {
    one.saturating_add(other)
}

fn largest(one: u64, other: u64) -> u64 {
    one.max(other)
}

fn sum_of_known(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    Some(sum(one?, other?))
}
