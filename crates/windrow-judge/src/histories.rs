//! The history of each fit, as a number of windows or all.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroU32;

use windrow_record::{ModelId, Scheme, WindowIndex};

use crate::axis::Axis;
use crate::cells::History;
use crate::faults::Faults;
use crate::fits::Fit;

/// The part of a window up to which a history may be longer than a whole number of windows. A larger part counts as one
/// more window: rows may come at some hours of a day only, so a history of two days can be much shorter than two days.
const ROUNDING: f64 = 0.1;

/// The models of the fits.
#[derive(Debug, Default)]
pub(crate) struct Models {
    /// The names of each fit as a model. A fit on all data so far may have a second name, by its number of windows.
    pub(crate) ids: Vec<Vec<ModelId>>,
    /// The number of fits whose history was rounded, with an example: the windows, and what they count as.
    pub(crate) rounded: Option<(u64, f64, u32)>,
}

/// Finds the model of each fit. `first` is the first window on the axis, which has number 1. Two fits of one history and
/// window are faults.
pub(crate) fn models(fits: &[Fit], axis: Axis, first: i64, faults: &mut Faults) -> Models {
    let lengths: Vec<Option<f64>> = fits
        .iter()
        .map(|fit| {
            Some(axis.length(fit.training.from.filter(|_| fit.training.history.is_none())?, fit.training.through))
        })
        .collect();
    let whole = |length: f64| NonZeroU32::new((length - ROUNDING).ceil().max(1.0) as u32).unwrap_or(NonZeroU32::MIN);
    let begin = |fit: &Fit| fit.training.from.map(|from| axis.window_of(from));
    let origin = fits.iter().filter_map(begin).min();
    let from_origin: BTreeSet<i64> =
        fits.iter().filter(|fit| begin(fit).is_some() && begin(fit) == origin).map(|fit| fit.window).collect();
    let later = fits.iter().zip(&lengths).filter(|(fit, _)| begin(fit) != origin);
    let later: BTreeSet<NonZeroU32> = later.filter_map(|(_, length)| length.map(whole)).collect();
    let is_sliding = |(fit, length): (&Fit, &Option<f64>)| {
        begin(fit) != origin || length.is_none_or(|one| later.contains(&whole(one)))
    };
    // Fits that begin with the first data are fits on all data so far, if they go on to the newest fits. Otherwise they
    // are the first ones of sliding histories.
    let has_all = fits.len() == 1
        || (goes_on(&from_origin, fits.iter().map(|fit| fit.window).max())
            && !fits.iter().zip(&lengths).all(is_sliding));
    let scheme = |(fit, length): (&Fit, &Option<f64>)| match (fit.training.history, length) {
        (Some(History::All), _) | (None, None) => Scheme::Cumulative,
        (Some(History::Last(windows)), _) => last(windows),
        (None, Some(_)) if has_all && begin(fit) == origin => Scheme::Cumulative,
        (None, Some(length)) => last(whole(*length)),
    };
    let schemes: Vec<Scheme> = fits.iter().zip(&lengths).map(scheme).collect();
    let sliding: BTreeSet<Scheme> = schemes.iter().copied().filter(|scheme| *scheme != Scheme::Cumulative).collect();
    let mut found = Models::default();
    let mut known: HashMap<ModelId, usize> = HashMap::new();
    for (index, (fit, length)) in fits.iter().zip(&lengths).enumerate() {
        let number = u32::try_from(fit.window - first + 1).ok().and_then(WindowIndex::new);
        let id = ModelId::new(number.unwrap_or(WindowIndex::FIRST), schemes[index]);
        if let Some(before) = known.insert(id, index) {
            let before = &fits[before];
            let same = format!(
                "two models of one history have the same newest window, {}: this one and that of {}. Keep one of \
                 them, or use shorter windows",
                axis.label(id.window.get(), fit.window),
                faults.name(before.place)
            );
            faults.add(fit.place, same);
        }
        let mut ids = vec![id];
        if let Some(length) = length {
            let counted = whole(*length);
            if id.scheme == Scheme::Cumulative && sliding.contains(&last(counted)) {
                ids.push(ModelId::new(id.window, last(counted)));
            }
            if id.scheme != Scheme::Cumulative && (length - f64::from(counted.get())).abs() > ROUNDING {
                let (count, example, counted) = found.rounded.unwrap_or((0, *length, counted.get()));
                found.rounded = Some((count + 1, example, counted));
            }
        }
        found.ids.push(ids);
    }
    // A fit that has the second name as its own one keeps it.
    let firsts: BTreeMap<ModelId, usize> = found.ids.iter().enumerate().map(|(index, ids)| (ids[0], index)).collect();
    for (index, ids) in found.ids.iter_mut().enumerate() {
        ids.retain(|id| firsts.get(id).is_none_or(|first| *first == index));
    }
    found
}

/// Returns `true` if the newest of some fits, given by their newest windows, is the newest of all, or only as much older
/// as two of them are apart.
fn goes_on(windows: &BTreeSet<i64>, newest: Option<i64>) -> bool {
    let mut newest_first = windows.iter().rev();
    let (Some(last), Some(before), Some(newest)) = (newest_first.next(), newest_first.next(), newest) else {
        return false;
    };
    *last >= newest - (last - before)
}

/// Returns the scheme of a number of windows.
fn last(windows: NonZeroU32) -> Scheme {
    if windows == NonZeroU32::MIN { Scheme::Window } else { Scheme::Sliding(windows) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Place;
    use crate::fits::Training;
    use windrow_config::EventSpan;

    const DAY: i64 = 86_400_000_000;

    fn fit(axis: Axis, from: i64, through: i64) -> Fit {
        let training = Training { through, from: Some(from), history: None };
        Fit { name: None, training, window: axis.window_of(through), place: Place { file: 0, row: 1 } }
    }

    fn names(fits: &[Fit], axis: Axis, first: i64) -> Vec<String> {
        let found = models(fits, axis, first, &mut Faults::default());
        found.ids.iter().map(|ids| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn fits_from_the_first_data_on_are_fits_on_all_data() {
        let axis = Axis::Number;
        let fits = [fit(axis, 1, 4), fit(axis, 1, 5), fit(axis, 2, 5), fit(axis, 5, 5)];
        assert_eq!(names(&fits, axis, 1), ["cumulative-4 sliding4-4", "cumulative-5", "sliding4-5", "window-5"]);
        // A single fit from the first data on is the first one of a sliding history.
        let fits = [fit(axis, 1, 4), fit(axis, 2, 5), fit(axis, 3, 6)];
        assert_eq!(names(&fits, axis, 1), ["sliding4-4", "sliding4-5", "sliding4-6"]);
    }

    #[test]
    fn a_history_that_is_no_whole_number_of_windows_is_rounded() {
        let axis = Axis::Time(EventSpan::Day);
        // The data begin at noon and end in the evening, four days later.
        let begins = [0, 1, 2].map(|day| day * DAY);
        let fits = begins.map(|begin| fit(axis, begin + DAY / 2, begin + 4 * DAY + DAY * 9 / 10));
        let found = models(&fits, axis, 0, &mut Faults::default());
        let (count, length, counted) = found.rounded.expect("a rounded history");
        assert_eq!((count, counted), (3, 5));
        assert!((length - 4.4).abs() < 1e-9, "{length}");
    }

    #[test]
    fn days_with_rows_in_business_hours_only_are_whole_days() {
        let axis = Axis::Time(EventSpan::Day);
        let hour = DAY / 24;
        // Rows from 9 to 17, on 1, 2 and 4 days.
        let fits = [1, 2, 4].map(|days| fit(axis, (10 - days) * DAY + 9 * hour, 9 * DAY + 17 * hour));
        assert_eq!(names(&fits, axis, 0), ["window-10", "sliding2-10", "sliding4-10"]);
        // 28 days from noon on are four weeks.
        let axis = Axis::Time(EventSpan::Week);
        let fits = [0, 7].map(|day| fit(axis, day * DAY + DAY / 2, (day + 28) * DAY + DAY / 2));
        let found = models(&fits, axis, axis.window_of(0), &mut Faults::default());
        assert!(found.ids.iter().all(|ids| ids[0].to_string().starts_with("sliding4-")), "{:?}", found.ids);
        assert_eq!(found.rounded, None);
    }

    #[test]
    fn the_first_fits_of_sliding_histories_are_not_fits_on_all_data() {
        let axis = Axis::Number;
        // Sliding histories of 1, 2 and 4 windows, made from window 1 on.
        let sliding = |last: i64| {
            (1..=last).flat_map(move |through| {
                let begins = [1, 2, 4].map(|length| through + 1 - length).into_iter().filter(|begin| *begin >= 1);
                begins.map(move |begin| fit(axis, begin, through))
            })
        };
        for last in [6, 20] {
            let fits: Vec<Fit> = sliding(last).collect();
            let found = names(&fits, axis, 1);
            assert!(found.iter().all(|name| !name.contains("cumulative")), "{found:?}");
        }
        // If there are fits on all data so far, those from the first data on are both.
        let fits: Vec<Fit> = sliding(6).chain((5..=6).chain([3]).map(|through| fit(axis, 1, through))).collect();
        let found = names(&fits, axis, 1);
        assert!(found.iter().any(|name| name == "cumulative-6") && found[0] == "cumulative-1 window-1", "{found:?}");
    }

    #[test]
    fn two_models_of_one_history_and_window_are_refused() {
        let axis = Axis::Number;
        let mut faults = Faults::new(&["a.csv".into()]);
        let fits = [fit(axis, 2, 5), fit(axis, 2, 5)];
        models(&fits, axis, 1, &mut faults);
        let text = faults.check().expect_err("a fault").to_string();
        assert!(
            text.starts_with("a.csv, row 1: two models of one history have the same newest window, window 5"),
            "{text}"
        );
    }
}
