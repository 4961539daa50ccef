//! Types for numbers and names, so that a row number cannot be mistaken for an offset.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The position of a row in its dataset, counted from 1; the header line does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowNumber(NonZeroU64);

impl RowNumber {
    /// The number of the first row.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// Creates a row number; `None` for 0, because rows are counted from 1.
    #[inline]
    pub fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// Returns the number of the row, from 1.
    #[inline]
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// Returns the number of the next row.
    #[inline]
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl From<NonZeroU64> for RowNumber {
    #[inline]
    fn from(number: NonZeroU64) -> Self {
        Self(number)
    }
}

/// The position of a window in its stream, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WindowIndex(NonZeroU32);

impl WindowIndex {
    /// The index of the first window.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// Creates an index; `None` for 0, because windows are counted from 1.
    #[inline]
    pub fn new(index: u32) -> Option<Self> {
        NonZeroU32::new(index).map(Self)
    }

    /// Returns the index as a number.
    #[inline]
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// Returns the index of the next window.
    #[inline]
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Returns the common name of the window's files, without an extension, as in `window-00001`.
    pub fn file_stem(self) -> String {
        format!("window-{:05}", self.0)
    }
}

/// The number of a partition of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Partition(pub i32);

/// The position of a message in its partition, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Offset(pub i64);

impl Offset {
    /// Returns the next offset, where reading continues.
    #[inline]
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Returns the offset as an element of a set of `u64`. A negative offset gives 0; a delivered message never has
    /// one.
    #[inline]
    pub fn bits(self) -> u64 {
        u64::try_from(self.0).unwrap_or_default()
    }
}

/// The id of one replay of a dataset, so that rows of different replays are not confused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RunId(String);

impl RunId {
    /// Creates a run id from the text in a message or a manifest.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text of the id.
    #[inline]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! display_inner {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    )*};
}
display_inner!(RowNumber, WindowIndex, Partition, Offset, RunId);

/// The windows that a model is trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// The windows 1 to k.
    Cumulative,
    /// Window k without older windows.
    Window,
    /// The given number of windows, up to and including window k.
    Sliding(NonZeroU32),
}

impl Scheme {
    /// Returns the first and the last window that the model of window `k` is trained on.
    pub fn windows(self, k: WindowIndex) -> (WindowIndex, WindowIndex) {
        match self {
            Self::Cumulative => (WindowIndex::FIRST, k),
            Self::Window => (k, k),
            Self::Sliding(length) => {
                let first = k.get().saturating_sub(length.get() - 1);
                (WindowIndex::new(first).unwrap_or(WindowIndex::FIRST), k)
            }
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cumulative => f.pad("cumulative"),
            Self::Window => f.pad("window"),
            Self::Sliding(length) => f.pad(&format!("sliding{length}")),
        }
    }
}

impl FromStr for Scheme {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        match text {
            "cumulative" => Ok(Self::Cumulative),
            "window" => Ok(Self::Window),
            _ => sliding(text).ok_or_else(|| IdError::Scheme(text.to_owned())),
        }
    }
}

/// Parses `sliding4`, and the forms that users write in a file: `sliding=4`, `sliding = 4`.
fn sliding(text: &str) -> Option<Scheme> {
    let length = text.strip_prefix("sliding")?.trim_start();
    let length = length.strip_prefix('=').map_or(length, str::trim_start);
    let is_number = !length.starts_with('0') && length.bytes().all(|byte| byte.is_ascii_digit());
    length.parse().ok().filter(|_| is_number).map(Scheme::Sliding)
}

/// The part of the name of a recalibrated model between its fit and the window that it was recalibrated on.
const RECALIBRATED: &str = "-recalibrated-";

/// The name of a model: its scheme and its newest window, as in `cumulative-2`. A recalibrated model has the name of its
/// fit and the window that it was recalibrated on, as in `cumulative-2-recalibrated-5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId {
    /// The newest window that the model is made from. It is the first field, so that models sort by the time when they
    /// can exist.
    pub window: WindowIndex,
    /// The windows that the model is fitted to.
    pub scheme: Scheme,
    /// The newest window of the fit, if the model was recalibrated on `window`. It is before `window`.
    fitted: Option<WindowIndex>,
}

impl ModelId {
    /// Creates the id of a model that is fitted to the windows of a scheme, up to `window`.
    pub fn new(window: WindowIndex, scheme: Scheme) -> Self {
        Self { window, scheme, fitted: None }
    }

    /// Returns the id of this model's fit, recalibrated on another window. Returns `None` if that window is not after the
    /// newest one of the fit.
    #[must_use]
    pub fn recalibrated(self, on: WindowIndex) -> Option<Self> {
        let fit = self.fit();
        (on > fit.window).then_some(Self { window: on, fitted: Some(fit.window), ..fit })
    }

    /// Returns `true` if the model was recalibrated after its fit.
    pub fn is_recalibrated(self) -> bool {
        self.fitted.is_some()
    }

    /// Returns the id of the fitted model, without a recalibration.
    #[must_use]
    pub fn fit(self) -> Self {
        Self::new(self.fitted.unwrap_or(self.window), self.scheme)
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { window, scheme, fitted } = self;
        match fitted {
            None => f.pad(&format!("{scheme}-{window}")),
            Some(fitted) => f.pad(&format!("{scheme}-{fitted}{RECALIBRATED}{window}")),
        }
    }
}

impl FromStr for ModelId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let id = match text.rsplit_once(RECALIBRATED) {
            None => fitted(text),
            Some((fit, on)) => fitted(fit).zip(window(on)).and_then(|(fit, on)| fit.recalibrated(on)),
        };
        // A scheme can be written in several ways, but only one of them is valid in a model id.
        id.filter(|id| id.to_string() == text).ok_or_else(|| IdError::Model(text.to_owned()))
    }
}

/// Parses the name of a fit, as in `cumulative-2`.
fn fitted(text: &str) -> Option<ModelId> {
    let (scheme, newest) = text.rsplit_once('-')?;
    Some(ModelId::new(window(newest)?, scheme.parse().ok()?))
}

/// Parses the number of a window. It has only digits, without a sign or a leading zero, so that a model has only one
/// name.
fn window(text: &str) -> Option<WindowIndex> {
    let is_number = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).and_then(WindowIndex::new)
}

/// A text that is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is not a model id.
    #[error("`{0}` is not a model id (these look like cumulative-2, window-3 or sliding4-7)")]
    Model(String),
    /// The text is not a training scheme.
    #[error("`{0}` is not a training scheme (expected cumulative, window or sliding=N)")]
    Scheme(String),
}

macro_rules! serde_as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
serde_as_text!(Scheme, ModelId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_id_reads_back_as_it_was_written() {
        for text in ["cumulative-1", "window-3", "cumulative-12345", "sliding4-7", "sliding4-7-recalibrated-12"] {
            assert_eq!(text.parse::<ModelId>().map(|id| id.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn a_recalibrated_model_is_named_by_its_fit_and_its_window() {
        let window = |index| WindowIndex::new(index).expect("not 0");
        let fit = ModelId::new(window(7), Scheme::Cumulative);
        let id = fit.recalibrated(window(12)).expect("a later window");
        assert_eq!(id.to_string(), "cumulative-7-recalibrated-12");
        assert_eq!((id.window, id.fit(), id.is_recalibrated(), fit.is_recalibrated()), (window(12), fit, true, false));
        assert_eq!(id.recalibrated(window(9)), fit.recalibrated(window(9)), "the fit is recalibrated again");
        assert_eq!([1, 7].map(|on| fit.recalibrated(window(on))), [None, None], "a window that it has learned from");
        assert!(ModelId::new(window(12), Scheme::Cumulative) < id && id < ModelId::new(window(13), Scheme::Cumulative));
    }

    #[test]
    fn an_invalid_model_id_is_rejected() {
        let texts = "window window- window-0 window-01 window-+1 window--1 weekly-1 -1 window-99999999999 sliding-1 \
                     sliding0-1 sliding=4-1 window-recalibrated-2 window-2-recalibrated window-2-recalibrated-2 \
                     window-2-recalibrated-1 window-2-recalibrated-03 window-1-recalibrated-2-recalibrated-3 \
                     sliding=4-1-recalibrated-2 -recalibrated-2";
        for text in texts.split(' ').chain([""]) {
            assert!(text.parse::<ModelId>().is_err(), "{text} was taken");
        }
    }

    #[test]
    fn a_sliding_scheme_sees_the_last_windows() {
        for text in ["sliding3", "sliding=3", "sliding = 3"] {
            let scheme: Scheme = text.parse().expect(text);
            let window = |index| WindowIndex::new(index).expect("not 0");
            let seen = |k| scheme.windows(window(k));
            assert_eq!([seen(1), seen(3), seen(9)], [(1, 1), (1, 3), (7, 9)].map(|(a, b)| (window(a), window(b))));
            assert_eq!(scheme.to_string(), "sliding3");
        }
        for text in ["sliding", "sliding=", "sliding=0", "sliding=-1", "sliding=+1", "sliding4294967296"] {
            assert!(text.parse::<Scheme>().is_err(), "{text} was taken");
        }
    }

    #[test]
    fn models_sort_by_the_window_they_wait_for() {
        let texts = ["window-2", "cumulative-10", "cumulative-2", "window-1"];
        let mut ids = texts.map(|text| text.parse::<ModelId>().expect(text));
        ids.sort();
        let sorted: Vec<String> = ids.iter().map(ToString::to_string).collect();
        assert_eq!(sorted, ["window-1", "cumulative-2", "window-2", "cumulative-10"]);
    }
}
