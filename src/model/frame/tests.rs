use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::model::samples::{pipeline, read, try_read};

const FEATURES: &str = "null = [\"\", \"NA\"]\ntime = { column = \"t\", format = \"%Y-%m-%d %H:%M\" }\n\
     [target]\ncolumn = \"y\"\nat_least = 15\n\
     [features]\nnumeric = [\"n\"]\nlog = [\"l\"]\ncategorical = [\"c\"]\ncalendar = [\"hour\", \"weekday\"]";

fn frame(csv: &str) -> Arc<Frame> {
    let (_, frames) = read(&pipeline(FEATURES), csv.as_bytes(), usize::MAX);
    Arc::clone(&frames[0])
}

#[test]
fn cells_become_columns_and_rows_without_a_target_are_only_counted() {
    let frame = frame(
        "y,n,l,c,t\n15,1.5,0,b,2013-01-01 05:15\n,9,9,9,2013-01-01 05:15\n14,NA,,a,2013-01-01 05:15\n-2,3,1,NA,\n\
         99,4,2,b,2013-01-06 23:00\n",
    );
    assert_eq!((frame.rows(), frame.labelled()), (5, 4));
    assert_eq!(frame.labels, [true, false, false, true]);
    let Column::Numbers(numbers) = frame.column(0) else { panic!("n is a number") };
    assert_eq!((numbers[0], numbers[1].is_nan(), numbers[2]), (1.5, true, 3.0));
    let Column::Numbers(logs) = frame.column(1) else { panic!("l is a number") };
    assert_eq!((logs[0], logs[1].is_nan(), logs[2]), (0.0, true, 1.0_f64.ln_1p()));
    assert_eq!(texts(&frame, 2), [Some("b"), Some("a"), None, Some("b")]);
    assert_eq!(texts(&frame, 3), [Some("5"), Some("5"), None, Some("23")]);
    assert_eq!(texts(&frame, 4), [Some("2"), Some("2"), None, Some("7")]);
}

fn texts(frame: &Frame, feature: usize) -> Vec<Option<&str>> {
    let Column::Codes { codes, values } = frame.column(feature) else { panic!("{feature} is a category") };
    codes.iter().map(|code| values.get(*code as usize).map(String::as_str)).collect()
}

#[test]
fn examples_are_what_a_request_may_hold() {
    let frame = frame("y,n,l,c,t\n,7,7,x,2013-01-01 05:15\n1,1400,0.5,NaN,2013-01-01 05:15\n1,-1e3,NA,NA,\n");
    let expected = [
        json!({"n": 1400, "l": 0.5, "c": "NaN", "t": "2013-01-01 05:15"}),
        json!({"n": -1000.0, "l": null, "c": null, "t": null}),
    ];
    assert_eq!(frame.examples().iter().cloned().map(Value::Object).collect::<Vec<_>>(), expected);
}

#[test]
fn a_row_that_cannot_be_read_leaves_no_trace() {
    let (schema, _) = read(&pipeline(FEATURES), b"y,n,l,c,t\n", 1);
    let mut parser = crate::record::RecordParser::new(b',');
    let mut builder = FrameBuilder::new(&schema);
    let rows = [
        ("1,1,1,a,2013-01-01 05:15", true),
        ("x,1,1,a,2013-01-01 05:15", false),
        ("1,x,1,a,2013-01-01 05:15", false),
        ("1,1,-1,a,2013-01-01 05:15", false),
        ("1,1,1,a,yesterday", false),
        ("1,1,1,a", false),
        ("1,1,1,a,2013-01-01 05:15,", false),
        ("1,2,1,b,2013-01-01 06:15", true),
    ];
    for (row, good) in rows {
        let fields = parser.parse(row.as_bytes()).expect("one record");
        assert_eq!(builder.push(&fields).is_ok(), good, "{row}");
    }
    let frame = builder.finish();
    assert_eq!(frame.labelled(), 2);
    assert_eq!(texts(&frame, 2), [Some("a"), Some("b")]);
    assert_eq!(texts(&frame, 3), [Some("5"), Some("6")]);
}

#[test]
fn a_fault_names_the_column_and_the_cell() {
    let (_, frames) = try_read(&pipeline(FEATURES), b"y,n,l,c,t\n1,1,-3,a,2013-01-01 05:15\n", 1);
    let fault = frames.expect_err("-3 has no log(1 + x)");
    assert_eq!(fault.to_string(), "l: log(1 + x) needs a number above -1, not -3");
}

#[test]
fn the_last_rows_are_held_out() {
    let rows: String = (0..25).map(|row| format!("{row},1,1,a,\n")).collect();
    let frame = frame(&format!("y,n,l,c,t\n{rows}"));
    for (holdout, fit_len, fit_positives) in [(0.0, 25, 10), (0.1, 23, 8), (0.5, 13, 0), (0.99, 1, 0)] {
        assert_eq!((frame.fit_len(holdout), frame.fit_positives(holdout)), (fit_len, fit_positives), "{holdout}");
        assert_eq!(frame.fit_rows(holdout).len() + frame.held_out_rows(holdout).len(), 25);
    }
}
