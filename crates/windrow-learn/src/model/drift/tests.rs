use crate::model::drift::{Distribution, FeatureProfile, Histogram, Profile};
use crate::model::samples::{mixed, pipeline, read};

/// The profile of rows with one number and one text.
fn profile(rows: impl IntoIterator<Item = (String, &'static str)>) -> Profile {
    let pipeline = pipeline(
        "[target]\ncolumn = \"y\"\nequals = \"1\"\n[features]\nnumeric = [\"n\"]\ncategorical = [\"c\"]\nmin_count = 1",
    );
    let rows: String = rows.into_iter().enumerate().map(|(row, (n, c))| format!("{},{n},{c}\n", row % 4 / 3)).collect();
    let (_, frames) = read(&pipeline, format!("y,n,c\n{rows}").as_bytes(), usize::MAX);
    frames[0].profile().clone()
}

fn numbers(cells: impl IntoIterator<Item = f64>) -> Profile {
    profile(cells.into_iter().map(|cell| (cell.to_string(), "a")))
}

#[test]
fn a_profile_counts_all_labelled_rows() {
    let rows = [("1", "b"), ("", "a"), ("3", "b"), ("1", "")].map(|(n, c)| (n.to_owned(), c));
    let profile = profile(rows);
    assert_eq!((profile.rows, profile.positives, profile.positive_share()), (4, 1, Some(0.25)));
    let numbers = Distribution::Numbers(Histogram { values: vec![1.0, 3.0], below: vec![0, 2], at_most: vec![2, 3] });
    let texts = Distribution::Texts { values: vec!["a".to_owned(), "b".to_owned()], counts: vec![1, 2] };
    let expected = [("n", numbers), ("c", texts)].map(|(name, distribution)| {
        let feature = name.to_owned();
        FeatureProfile { feature, is_calendar: false, missing: 1, distribution }
    });
    assert_eq!(profile.features, expected);
}

#[test]
fn a_window_does_not_drift_from_itself() {
    let (_, frames, _) = mixed(6_000);
    for feature in frames[0].profile().drift_since(frames[0].profile()).expect("rows").features {
        assert!(feature.psi.abs() < 1e-12 && feature.ks.is_none_or(|ks| ks < 1e-12), "{feature:?}");
    }
    // These windows have the same distribution, and differ only by chance.
    let drift = frames[1].profile().drift_since(frames[0].profile()).expect("rows");
    let names: Vec<&str> = drift.features.iter().map(|feature| feature.feature.as_str()).collect();
    assert_eq!(names, ["distance", "fare", "carrier", "hour", "month"]);
    let ranked: Vec<&str> = drift.without_calendar().map(|feature| feature.feature.as_str()).collect();
    assert_eq!(ranked, ["distance", "fare", "carrier"], "parts of the calendar change with time");
    assert!(drift.features.iter().all(|feature| feature.psi < 0.05), "{drift:?}");
    assert!(drift.features.iter().chain([&drift.target]).all(|feature| !feature.is_shift()), "{drift:?}");
}

#[test]
fn psi_is_its_formula() {
    // Shares of 0.5 and 0.5 become 0.8 and 0.2.
    let texts = |a: usize| profile((0..100).map(|row| ("1".to_owned(), if row < a { "a" } else { "b" })));
    let psi = texts(80).drift_since(&texts(50)).expect("rows").features[1].psi;
    let expected = 0.3 * (0.8_f64 / 0.5).ln() - 0.3 * (0.2_f64 / 0.5).ln();
    assert!((psi - expected).abs() < 1e-12, "{psi} {expected}");
    // A new value shares a bin with the rare ones, and an empty bin counts as 0.0001.
    let other = profile((0..100).map(|row| ("1".to_owned(), if row < 50 { "a" } else { "z" })));
    let psi = other.drift_since(&texts(100)).expect("rows").features[1].psi;
    let expected = -0.5 * 0.5_f64.ln() + (0.5 - 1e-4) * (0.5_f64 / 1e-4).ln();
    assert!((psi - expected).abs() < 1e-12, "{psi} {expected}");
}

#[test]
fn missing_cells_are_a_bin() {
    let missing = |some: usize| {
        profile((0..200).map(|row| (if row < some { String::new() } else { (row % 7).to_string() }, "a")))
    };
    assert!(missing(100).drift_since(&missing(0)).expect("rows").features[0].psi > 1.0);
    let all = missing(200).drift_since(&missing(0)).expect("rows");
    assert_eq!(all.features[0].ks, None, "there is nothing to order");
    assert!(all.features[0].psi.is_finite());
}

#[test]
fn ks_is_the_largest_distance_of_the_distribution_functions() {
    let zeros_and_ones = |ones: usize| numbers((0..1_000).map(|row| f64::from(row < ones)));
    let ks = zeros_and_ones(700).drift_since(&zeros_and_ones(250)).expect("rows").features[0].ks.expect("numbers");
    assert!((ks - 0.45).abs() < 1e-12, "a feature of few values is compared as a whole: {ks}");
    // Uniform on 0 to 1 and on 0.3 to 1.3.
    let uniform = |from: f64| numbers((0..20_000).map(move |row| from + f64::from(row * 7_919 % 20_000) / 20_000.0));
    let drift = uniform(0.3).drift_since(&uniform(0.0)).expect("rows");
    let ks = drift.features[0].ks.expect("numbers");
    assert!((ks - 0.3).abs() < 1.0 / 128.0, "{ks}");
    assert!(drift.features[0].psi > 0.25);
    let apart = numbers([5.0; 50]).drift_since(&numbers([4.0; 50])).expect("rows").features[0].ks;
    assert_eq!(apart, Some(1.0));
}

#[test]
fn drift_from_a_window_without_rows_is_unknown() {
    let (empty, some) = (profile([]), numbers([1.0, 2.0]));
    assert_eq!((some.drift_since(&empty), empty.drift_since(&some)), (None, None));
}
