//! The progress of the models that only the advice needs, with the time left.

use std::time::Instant;

use windrow_record::display::duration;

/// The progress of the models that only the advice needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct LadderProgress {
    /// The number of windows whose models are fitted.
    pub(super) done: u32,
    /// The number of windows in all, as far as it is known.
    pub(super) of: u32,
    /// The estimated end of the fits, if it is known.
    pub(super) ends: Option<Instant>,
}

impl LadderProgress {
    pub(super) fn text(self) -> String {
        format!("models fitted for {} of {} windows", self.done, self.of)
    }

    /// Returns the time left after a separator. The text is empty if the time is not known, or is over.
    pub(super) fn time_left(self, separator: &str, now: Instant) -> String {
        let left = self.ends.map(|ends| ends.saturating_duration_since(now)).filter(|left| left.as_secs() > 0);
        left.map_or_else(String::new, |left| format!("{separator}about {} left", duration(left)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_time_left_runs_down_until_the_next_estimate() {
        let now = Instant::now();
        let ends = now.checked_add(Duration::from_secs(190));
        let progress = LadderProgress { done: 3, of: 65, ends };
        assert_eq!(progress.text(), "models fitted for 3 of 65 windows");
        let after = |seconds: u64| progress.time_left(", ", now + Duration::from_secs(seconds));
        assert_eq!([0, 100, 190, 500].map(after), [", about 3 min left", ", about 90 s left", "", ""]);
        assert_eq!(LadderProgress { ends: None, ..progress }.time_left(", ", now), "", "before the first estimate");
    }
}
