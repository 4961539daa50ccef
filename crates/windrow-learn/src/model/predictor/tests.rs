use proptest::prelude::*;

use super::*;
use crate::model::artifact::Learned;
use crate::model::fit::fit;
use crate::model::samples::{logistic, mixed, predictor};
use windrow_record::TimeFormat;

/// A model of a number, a logarithm, a category and two parts of the calendar.
fn learned() -> Learned {
    let (schema, frames, settings) = mixed(1_000);
    fit(&frames, &schema, &settings, None).expect("these rows can be learned from")
}

/// The smallest and the largest number of a feature in the training rows.
fn ends(learned: &Learned, feature: usize) -> (f64, f64) {
    let encoding = &logistic(learned).encoder.features[feature].encoding;
    let Encoding::Number { min, max, .. } = encoding else { panic!("{encoding:?}") };
    (*min, *max)
}

fn time(text: &str) -> Cell<'static> {
    let format = TimeFormat::new("%Y-%m-%d %H:%M").expect("a good format");
    Cell::Time(format.parse(text).expect("a time"))
}

/// A row with a distance and a fare.
fn row(distance: Cell<'static>, fare: Cell<'static>) -> [Cell<'static>; 5] {
    let time = time("2013-01-01 05:00");
    [distance, fare, Cell::Text("UA"), time, time]
}

#[test]
fn a_number_beyond_the_training_rows_counts_as_the_nearer_end() {
    let learned = learned();
    let predictor = predictor(&learned);
    let of = |distance: f64, fare: f64| predictor.predict(&row(Cell::Number(distance), Cell::Number(fare)));
    let ((near, far), (cheap, dear)) = (ends(&learned, 0), ends(&learned, 1));
    assert!(near < far && cheap < dear, "{near} {far} {cheap} {dear}");
    for (given, held) in [(f64::MIN, near), (near - 1e-6, near), (near, near), (far + 1e-6, far), (f64::MAX, far)] {
        assert_eq!(of(given, dear), of(held, dear), "distance {given}");
    }
    // The cell is held before the logarithm is taken.
    for (given, held) in [(-0.999, cheap), (cheap, cheap), (dear, dear), (dear + 1e-6, dear), (f64::MAX, dear)] {
        assert_eq!(of(near, given), of(near, held), "fare {given}");
    }
    assert_ne!(of(near, dear), of(far, dear), "within the range, the number decides");
}

#[test]
fn missing_numbers_and_parts_of_the_calendar_are_not_held() {
    let learned = learned();
    let predictor = predictor(&learned);
    let mean = |feature: usize| match logistic(&learned).encoder.features[feature].encoding {
        Encoding::Number { missing, .. } => missing,
        _ => panic!("not a number"),
    };
    let (missing, known) =
        (row(Cell::Missing, Cell::Missing), row(Cell::Number(mean(0)), Cell::Number(mean(1).exp_m1())));
    assert!((predictor.predict(&missing).log_odds - predictor.predict(&known).log_odds).abs() < 1e-12);
    assert_eq!(predictor.outside(&missing).count(), 0);
    // The training rows have no December, which counts as 'other' as before.
    let winter = [missing[0], missing[1], missing[2], missing[3], time("2013-12-01 05:00")];
    let contributions = predictor.contributions(&winter);
    assert_eq!((contributions[4].level.as_deref(), contributions[4].held), (Some("(other)"), None));
    assert_eq!(predictor.outside(&winter).count(), 0);
}

#[test]
fn numbers_outside_are_listed_and_their_contributions_add_up() {
    let learned = learned();
    let predictor = predictor(&learned);
    let ((near, far), (cheap, dear)) = (ends(&learned, 0), ends(&learned, 1));
    let cells = row(Cell::Number(far + 1000.0), Cell::Number(cheap - 0.5));
    let outside = predictor.outside(&cells).map(|(outside, value)| (predictor.describe(outside), value));
    let distance = OutsideNumber { column: "distance", low: near, high: far, held: Some(far) };
    let fare = OutsideNumber { column: "fare", low: cheap, high: dear, held: Some(cheap) };
    let expected = [(Some(distance), far + 1000.0), (Some(fare), cheap - 0.5)];
    assert_eq!(outside.collect::<Vec<_>>(), expected);
    let contributions = predictor.contributions(&cells);
    let held: Vec<Option<f64>> = contributions.iter().map(|part| part.held).collect();
    assert_eq!(held, [Some(far), Some(cheap), None, None, None]);
    let sum = contributions.iter().fold(predictor.baseline(), |sum, part| sum + part.log_odds);
    assert_eq!(sum.to_bits(), predictor.predict(&cells).log_odds.to_bits());
    // The ends themselves are inside.
    let ends = row(Cell::Number(near), Cell::Number(dear));
    assert_eq!(predictor.outside(&ends).count(), 0);
}

#[test]
fn any_number_gives_log_odds_between_those_of_the_ends() {
    let learned = learned();
    let predictor = predictor(&learned);
    let ((near, far), (cheap, dear)) = (ends(&learned, 0), ends(&learned, 1));
    let of = |distance: f64, fare: f64| predictor.predict(&row(Cell::Number(distance), Cell::Number(fare))).log_odds;
    let is_between = |z: f64, ends: [f64; 2]| z >= ends[0].min(ends[1]) && z <= ends[0].max(ends[1]);
    proptest!(|(number in any::<f64>())| {
        prop_assert!(is_between(of(number, dear), [of(near, dear), of(far, dear)]), "distance {number}");
        // log(1 + x) needs a number above -1.
        let fare = if number > -1.0 { number } else { -number };
        prop_assert!(is_between(of(near, fare), [of(near, cheap), of(near, dear)]), "fare {fare}");
    });
}
