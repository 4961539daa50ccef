use std::time::Duration;

use super::*;
use crate::{EventSpan, WindowPolicy};

/// Places the times of one partition; returns the window of each, and `None` for a row that is in none.
fn windows(times: &[i64]) -> Vec<Option<i64>> {
    let (span, lateness) = (EventSpan::Fixed(Duration::from_secs(10)), Duration::from_secs(5));
    let mut placement = Placement::new(Cut::new(WindowPolicy::Event { span, lateness }, None), 1);
    let mut progress = PartitionProgress::default();
    let mut spans = vec![None; times.len()];
    for (row, time) in times.iter().enumerate() {
        let mut accepted = Vec::new();
        if let Some((held, Ok(()))) = progress.resolve(*time, &placement) {
            accepted.push(held);
        }
        let before = progress.at();
        match progress.advance(*time, &placement) {
            Ok(RowDistance::Near) => accepted.push((row, before)),
            Ok(RowDistance::Ahead) => progress.hold(*time, (row, before)),
            Err(_) => {}
        }
        for (row, before) in accepted {
            let placed = placement.place(before, RowNumber::FIRST, Some(times[row]));
            spans[row] = placed.is_ok().then(|| times[row].div_euclid(10));
        }
    }
    let first = spans.iter().flatten().min().copied();
    let (from, _) = placement.span_of(WindowIndex::FIRST).expect("a row was placed");
    assert_eq!(Some(from.div_euclid(10)), first, "window 1 is the earliest");
    spans.into_iter().map(|span| span.zip(first).map(|(span, first)| span - first + 1)).collect()
}

#[test]
fn a_last_row_far_ahead_is_a_mistake() {
    let policy = |days: u64| {
        let span = EventSpan::Fixed(Duration::from_secs(days * 86_400));
        WindowPolicy::Event { span, lateness: Duration::ZERO }
    };
    let at_end = |policy: WindowPolicy, times: [i64; 2]| {
        let placement = Placement::new(Cut::new(policy, None), 1);
        let mut progress = PartitionProgress::default();
        progress.reach(Some(times[0]));
        progress.hold(times[1], "the last row");
        progress.resolve_at_end(&placement).map(|(row, verdict)| (row, verdict.map_err(|reason| reason.to_string())))
    };
    let [begin, year_2099] = [1_388_534_400, 4_070_908_800];
    let expected = "outlier: its time is 2099-01-01 00:00, which would make 4,435 empty windows, and no later row \
                    confirms it: correct the time, or use longer windows";
    assert_eq!(at_end(policy(7), [begin, year_2099]), Some(("the last row", Err(expected.to_owned()))));
    let accepted = Some(("the last row", Ok(())));
    assert_eq!(at_end(policy(7), [begin, begin + 100 * 7 * 86_400]), accepted, "a gap of 99 weeks");
    assert_eq!(at_end(policy(400), [begin, year_2099]), accepted, "the windows are long");
    let rows = WindowPolicy::Rows(std::num::NonZeroU64::MIN);
    assert_eq!(at_end(rows, [1, 90_000]), accepted, "row numbers have an end marker");
    assert_eq!(PartitionProgress::<()>::default().resolve_at_end(&Placement::new(Cut::new(rows, None), 1)), None);
}

#[test]
fn a_row_is_in_the_window_of_its_time() {
    assert_eq!(windows(&[15, 19, 31, 29, 8]), [Some(1), Some(1), Some(3), Some(2), None], "8 is late");
    assert_eq!(windows(&[14, 12, 9, 3]), [Some(2), Some(2), Some(1), Some(1)], "earlier windows come first");
    assert_eq!(windows(&[15, 900, 20, 21]), [Some(1), None, Some(2), Some(2)], "the next row contradicts 900");
    assert_eq!(windows(&[15, 20, 900, 901]), [Some(1), Some(2), Some(90), Some(90)], "the next row confirms 900");
    assert_eq!(windows(&[15, 20, 9_000_000, 9_000_001]), [Some(1), Some(2), None, None], "too far for anything");
}

#[test]
fn a_row_that_only_the_end_confirms_proves_nothing() {
    let span = EventSpan::Fixed(Duration::from_secs(10));
    let placement = Placement::new(Cut::new(WindowPolicy::Event { span, lateness: Duration::ZERO }, None), 1);
    let held = || {
        let mut progress = PartitionProgress::default();
        progress.continue_from(Some(15));
        progress.hold(90, "the last row");
        progress
    };
    let mut ended = held();
    assert!(ended.resolve_at_end(&placement).is_some_and(|(_, verdict)| verdict.is_ok()));
    assert_eq!((ended.at(), ended.proven()), (Some(90), Some(15)));
    let mut followed = held();
    assert!(followed.resolve(91, &placement).is_some_and(|(_, verdict)| verdict.is_ok()));
    assert_eq!((followed.at(), followed.proven()), (Some(90), Some(90)));
    assert_eq!(followed.advance(91, &placement), Ok(RowDistance::Near));
    assert_eq!(followed.proven(), Some(91));
}
