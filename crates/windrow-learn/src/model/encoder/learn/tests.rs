use crate::model::encoder::{Encoder, Encoding, Level};
use crate::model::error::Unlearnable;
use crate::model::samples::{pipeline, read_holding_out};
use crate::model::table::Subset;

/// Learns from windows of `rows` rows each. The last rows of the newest window, a share of `holdout`, are left out.
fn learn(features: &str, csv: &str, rows: usize, holdout: f64) -> Result<Encoder, Unlearnable> {
    let head = "time = { column = \"t\", format = \"%Y-%m-%d %H:%M\" }\n[target]\ncolumn = \"y\"\nequals = \"1\"";
    let pipeline = pipeline(&format!("{head}\n[features]\n{features}"));
    let (schema, frames) = read_holding_out(&pipeline, csv.as_bytes(), rows, holdout);
    Encoder::learn(&schema.features, &frames, Subset::Training, pipeline.features.min_count)
}

fn numbers(feature: &str, cells: &[&str]) -> Result<Encoding, Unlearnable> {
    let rows: String = cells.iter().map(|cell| format!("1,{cell},\n")).collect();
    let features = format!("{feature} = [\"x\"]");
    learn(&features, &format!("y,x,t\n{rows}"), 2, 0.0).map(|encoder| encoder.features[0].encoding.clone())
}

fn levels(min_count: u64, holdout: f64, cells: &[&str]) -> Vec<String> {
    let rows: String = cells.iter().map(|cell| format!("1,{cell},\n")).collect();
    let features = format!("categorical = [\"x\"]\nmin_count = {min_count}");
    let encoder = learn(&features, &format!("y,x,t\n{rows}"), usize::MAX, holdout);
    encoder.expect("texts have no range").names()
}

#[test]
fn numbers_are_described_by_mean_and_deviation_after_imputing() {
    // Two missing cells become the mean 4: 1, 2, 3, 10, 4, 4 with variance 50/6.
    let encoding = numbers("numeric", &["10", "", "1", "3", "2", ""]);
    let deviation = (50.0_f64 / 6.0).sqrt();
    let Ok(Encoding::Number { log: false, missing, mean, deviation: found, min, max }) = encoding else {
        panic!("not a number: {encoding:?}")
    };
    assert_eq!((missing, min, max), (mean, 1.0, 10.0));
    assert!((mean - 4.0).abs() < 1e-14 && (found - deviation).abs() < 1e-14, "{mean} {found}");
}

#[test]
fn a_logarithm_is_taken_before_all_but_the_range() {
    let encoding = numbers("log", &["52.5", "0", "1234567.89"]);
    let expected = (52.5_f64.ln_1p() + 1_234_567.89_f64.ln_1p()) / 3.0;
    let Ok(Encoding::Number { log: true, mean, min, max, .. }) = encoding else { panic!("{encoding:?}") };
    assert!((mean - expected).abs() < 1e-12, "{mean} {expected}");
    assert_eq!((min, max), (0.0, 1_234_567.89));
}

#[test]
fn the_range_of_a_logarithm_has_the_rows_that_it_was_learned_from() {
    // Numbers of more than twelve digits do not come back from their logarithms exactly.
    for cells in
        [["1234.5678901234567", "0.1234567890123456"], ["-0.9999999999999", "1e300"], ["1e-17", "98765432.123456789"]]
    {
        let encoding = numbers("log", &cells).expect("a sane range");
        let range = encoding.range().expect("a number");
        for cell in cells {
            let x = cell.parse::<f64>().expect("a number").ln_1p();
            assert!(!range.is_outside(x) && range.hold(x) == x, "{cell}: {encoding:?}");
        }
        let Encoding::Number { min, max, .. } = encoding else { panic!("{encoding:?}") };
        let apart = cells.map(|cell| cell.parse::<f64>().expect("a number"));
        let (low, high) = (apart[0].min(apart[1]), apart[0].max(apart[1]));
        assert!((min - low).abs() <= 1e-12 * (1.0 + low.abs()), "{min} {low}");
        assert!((max - high).abs() <= 1e-12 * (1.0 + high.abs()), "{max} {high}");
    }
}

#[test]
fn constant_columns_have_deviation_one() {
    for (cells, expected) in [(["0.1"; 7], 0.1), ([""; 7], 0.0), (["-3e300"; 7], -3e300)] {
        let encoding = numbers("numeric", &cells);
        let Ok(Encoding::Number { missing, mean, deviation, min, max, .. }) = encoding else { panic!("{encoding:?}") };
        assert_eq!((missing, mean, deviation, min, max), (expected, expected, 1.0, expected, expected));
    }
}

#[test]
fn huge_and_tiny_numbers_are_standardised_without_overflow() {
    for (cells, mean, deviation) in [(["-1e300", "1e300"], 0.0, 1e300), (["3e-250", "1e-250"], 2e-250, 1e-250)] {
        let encoding = numbers("numeric", &cells);
        let Ok(Encoding::Number { mean: found_mean, deviation: found, .. }) = encoding else { panic!("{encoding:?}") };
        assert!((found_mean - mean).abs() <= 1e-14 * deviation, "{found_mean}");
        assert!((found / deviation - 1.0).abs() < 1e-14, "{found}");
    }
    assert_eq!(numbers("numeric", &["-1.7e308", "1.7e308"]), Err(Unlearnable::TooFarApart("x".to_owned())));
}

#[test]
fn levels_are_sorted_and_rare_ones_share_other() {
    let cells = ["b", "a", "b", "c", "a", "", "b"];
    assert_eq!(levels(1, 0.0, &cells), ["x=a", "x=b", "x=c", "x=(missing)", "x=(other)"]);
    assert_eq!(levels(2, 0.0, &cells), ["x=a", "x=b", "x=(other)"]);
    assert_eq!(levels(4, 0.0, &cells), ["x=(other)"]);
}

#[test]
fn a_value_that_only_held_out_rows_have_is_unseen() {
    let cells = ["a", "b", "c", "d", "e", "f", "g", "h", "", "z"];
    assert_eq!(levels(0, 0.2, &cells).last().map(String::as_str), Some("x=(other)"));
    assert!(!levels(0, 0.2, &cells).iter().any(|name| name == "x=z" || name == "x=(missing)"));
}

#[test]
fn counts_add_up_over_windows() {
    let csv = "y,x,t\n1,a,\n1,b,\n1,c,\n1,a,\n";
    let encoder = learn("categorical = [\"x\"]\nmin_count = 2", csv, 2, 0.0).expect("texts have no range");
    assert_eq!(encoder.names(), ["x=a", "x=(other)"]);
}

#[test]
fn calendar_levels_stand_in_numeric_order() {
    let csv = "y,x,t\n1,1,2013-01-01 10:00\n1,2,2013-01-01 09:00\n0,3,\n1,4,2013-01-01 23:00\n";
    let features = "numeric = [\"x\"]\nlog = [\"y2\"]\ncalendar = [\"hour\", \"month\"]\nmin_count = 1";
    let encoder =
        learn(features, &csv.replace("x,t", "x,t,y2").replace(":00\n", ":00,5\n").replace(",\n", ",,5\n"), 2, 0.0);
    let encoder = encoder.expect("a sane range");
    let names = "x log(y2) hour=9 hour=10 hour=23 hour=(missing) hour=(other) month=1 month=(missing) month=(other)";
    assert_eq!(encoder.names().join(" "), names);
    assert_eq!(encoder.width(), 10);
    let Encoding::Calendar { levels, .. } = &encoder.features[2].encoding else { panic!("hour is a calendar part") };
    assert_eq!(levels[3..], [Level::Missing, Level::Other]);
}

#[test]
fn merged_windows_give_the_encoder_of_all_their_rows() {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    for spread in [3, 50, 100_000] {
        for rows in [1, 2, 999, 3_000] {
            let cell = |x: u64| if x.is_multiple_of(11) { String::new() } else { (x % spread).to_string() };
            let csv: String = (0..rows).map(|_| format!("1,{},\n", cell(next()))).collect();
            let statistics = |window| {
                let learned = learn("numeric = [\"x\"]", &format!("y,x,t\n{csv}"), window, 0.0).expect("a sane range");
                let Encoding::Number { mean, deviation, min, max, .. } = learned.features[0].encoding else { panic!() };
                ([min, max], mean, deviation)
            };
            let (expected, its_mean, its_deviation) = statistics(usize::MAX);
            for window in [1_000, 400, 7] {
                let (exact, mean, deviation) = statistics(window);
                assert_eq!(exact, expected, "{spread} {rows} {window}");
                assert!((mean - its_mean).abs() <= 1e-12 * its_deviation, "{mean} {its_mean}");
                assert!((deviation / its_deviation - 1.0).abs() < 1e-12, "{deviation} {its_deviation}");
            }
        }
    }
}
