//! The quality of the predictions from window to window, in the types of the API.

use windrow_evaluation::{self as evaluation, WindowDates};

use crate::operations::advice::interval::Interval95;
use crate::operations::mirror::{Mirror, mirror};

mirror! {
    /// The quality of the predictions in each window judged; the lists of numbers are in the order of `windows`
    struct QualityOverTime of found: evaluation::QualityOverTime {
        /// The windows judged, in ascending order
        windows: Vec<WindowSize>,
        /// The log-loss of the recommended policy or, without one, of the best; then that of fit once with the same
        /// history, if it is another policy. The list `auc` has the AUC of the same policies
        policies: Vec<PolicyQuality>,
        /// The log-loss per row of always predicting the share of positives so far, natural logarithm; one number for
        /// each window
        average_rate: Vec<f64>,
        /// The windows in which the first policy uses a new fit, in the run that begins with the first window judged
        refits: Vec<u32>,
    }

    /// The labelled rows of a window
    struct WindowSize of size: evaluation::WindowSize {
        /// The number of the window
        window: u32,
        /// The date on which the window begins, as in `2019-02-04`, with the time of day if windows are shorter than a
        /// day; left out if windows have no times
        from: Option<String> = None,
        /// The number of labelled rows
        rows: u64,
        /// The number of positive rows among them
        positives: u64,
        /// The share of positive rows, from 0 to 1
        positive_share: f64 = size.positives as f64 / size.rows.max(1) as f64,
        /// `true` if the window has less than half of the rows of the median window
        is_thin: bool,
    }

    /// The log-loss of a policy by window
    struct PolicyQuality of found: evaluation::PolicyQuality {
        /// The windows that a fit learns from: `window`, `sliding4` or `cumulative`
        history: String = found.policy.history.to_string(),
        /// The time of the refits, as in `every 2nd` or `never`
        refit: String = found.policy.refit.to_string(),
        /// The log-loss in each window
        log_loss: Vec<MeanLoss>,
    }

    /// The mean log-loss over the labelled rows of a window
    struct MeanLoss of loss: evaluation::MeanLoss {
        /// The mean of -log p(truth) per row, natural logarithm, as a mean over start windows
        mean: f64,
        /// The 95% interval of the mean, by the spread of the eighths of the window; left out if it is not known
        interval: Option<Interval95>,
    }
}

/// Returns the quality by window, with the dates of the windows. Returns `None` if no policy was judged.
pub(crate) fn quality(advice: &evaluation::Advice) -> Option<QualityOverTime> {
    let mut quality = QualityOverTime::of(advice.over_time.quality.as_ref()?);
    quality.date(&advice.subject.dates);
    Some(quality)
}

impl QualityOverTime {
    /// Adds the dates of the windows.
    fn date(&mut self, dates: &WindowDates) {
        for size in &mut self.windows {
            size.from = dates.date(size.window);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windrow_evaluation::{Interval, Policy, Refit};
    use windrow_record::Scheme;

    #[test]
    fn windows_have_dates_and_shares_and_unknown_intervals_are_left_out() {
        let size = |window: u32, rows: u64| {
            let (positives, is_thin) = (rows / 4, rows < 9);
            evaluation::WindowSize { window, rows, positives, is_thin }
        };
        let loss = |interval| evaluation::MeanLoss { mean: 0.5, interval };
        let policy = Policy { history: Scheme::Window, refit: Refit::Every(2) };
        let log_loss = vec![loss(Some(Interval { low: 0.25, high: 0.75 })), loss(None)];
        let found = evaluation::QualityOverTime {
            windows: vec![size(2, 100), size(3, 0)],
            policies: vec![evaluation::PolicyQuality { policy, log_loss }],
            average_rate: vec![0.625, 0.5],
            refits: vec![2],
        };
        let mut api = QualityOverTime::of(&found);
        let dates = WindowDates::new([0, 7, 14].map(|day| Some(day * 86_400)), Some(21 * 86_400));
        api.date(&dates);
        let [first, second] = &api.windows[..] else { panic!("two windows: {api:?}") };
        assert_eq!((first.from.as_deref(), first.positive_share, first.is_thin), (Some("1970-01-08"), 0.25, false));
        assert_eq!((second.positive_share, second.is_thin), (0.0, true));
        let [own] = &api.policies[..] else { panic!("one policy: {api:?}") };
        assert_eq!((own.history.as_str(), own.refit.as_str()), ("window", "every 2nd"));
        assert_eq!(own.log_loss[0].interval.as_ref().map(|interval| (interval.low, interval.high)), Some((0.25, 0.75)));
        assert!(own.log_loss[1].interval.is_none() && api.average_rate == [0.625, 0.5] && api.refits == [2]);
    }
}
