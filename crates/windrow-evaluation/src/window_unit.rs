//! The word for a window: a unit of time, such as `month`, or `window`.

use serde::{Deserialize, Serialize};

/// The unit of time that each window spans. Sentences name the windows by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowUnit {
    /// Windows that do not span one unit of time, such as windows of rows or of 14 days.
    #[default]
    Window,
    /// Windows of one hour.
    Hour,
    /// Windows of one day.
    Day,
    /// Windows of seven days.
    Week,
    /// Windows of one month of the calendar.
    Month,
    /// Windows of one quarter of a year.
    Quarter,
}

impl WindowUnit {
    /// Returns the unit with this plural name, as in `months`; `Window` for any other text.
    pub fn named(many: &str) -> Self {
        let units = [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Quarter];
        units.into_iter().find(|unit| unit.many() == many).unwrap_or_default()
    }

    /// Returns the word for one window, as in `month`.
    pub fn one(self) -> &'static str {
        self.many().trim_end_matches('s')
    }

    /// Returns the word for several windows, as in `months`.
    pub fn many(self) -> &'static str {
        match self {
            Self::Window => "windows",
            Self::Hour => "hours",
            Self::Day => "days",
            Self::Week => "weeks",
            Self::Month => "months",
            Self::Quarter => "quarters",
        }
    }
}
