//! The history of each fit, as a number of windows or all.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroU32;

use windrow_record::{ModelId, Scheme, WindowIndex};

use crate::axis::Axis;
use crate::cells::History;
use crate::faults::Faults;
use crate::fits::Fit;

/// The difference from a whole number of windows, in windows, from which a history is reported as rounded. The first and
/// the last row of a fit are rarely at the very beginning and end of a window.
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
    let whole = |length: f64| NonZeroU32::new(length.round().max(1.0) as u32).unwrap_or(NonZeroU32::MIN);
    let begin = |fit: &Fit| fit.training.from.map(|from| axis.window_of(from));
    let origin = fits.iter().filter_map(begin).min();
    let from_origin: BTreeSet<i64> =
        fits.iter().filter(|fit| begin(fit).is_some() && begin(fit) == origin).map(|fit| fit.window).collect();
    // Several fits that begin with the first data are fits on all data so far. A single one may be the first of a
    // sliding history.
    let has_all = from_origin.len() > 1 || fits.len() == 1;
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
        let id = ModelId { window: number.unwrap_or(WindowIndex::FIRST), scheme: schemes[index] };
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
                ids.push(ModelId { scheme: last(counted), ..id });
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
        // From noon to noon, four days and a half later.
        let begins = [0, 1, 2].map(|day| day * DAY);
        let fits = begins.map(|begin| fit(axis, begin + DAY / 2, begin + 4 * DAY + DAY * 9 / 10));
        let found = models(&fits, axis, 0, &mut Faults::default());
        let (count, length, counted) = found.rounded.expect("a rounded history");
        assert_eq!((count, counted), (3, 4));
        assert!((length - 4.4).abs() < 1e-9, "{length}");
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
