use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::model::chunk::Chunk;
use crate::model::encoder::Encoder;
use crate::model::samples::{in_memory, parse, pipeline, read, read_holding_out};

const FEATURES: &str = "null = [\"\", \"NA\"]\ntime = { column = \"t\", format = \"%Y-%m-%d %H:%M\" }\n\
     [target]\ncolumn = \"y\"\nat_least = 15\n\
     [features]\nnumeric = [\"n\"]\nlog = [\"l\"]\ncategorical = [\"c\"]\ncalendar = [\"hour\", \"weekday\"]";

fn frame(csv: &str, holdout: f64) -> Arc<Frame> {
    let (_, mut frames) = read_holding_out(&pipeline(FEATURES), csv.as_bytes(), usize::MAX, holdout);
    frames.remove(0)
}

#[test]
fn cells_become_columns_and_rows_without_a_target_are_only_counted() {
    let frame = frame(
        "y,n,l,c,t\n15,1.5,0,b,2013-01-01 05:15\n,9,9,9,2013-01-01 05:15\n14,NA,,a,2013-01-01 05:15\n-2,3,1,NA,\n\
         99,4,2,b,2013-01-06 23:00\n",
        0.0,
    );
    assert_eq!((frame.rows(), frame.labelled()), (5, 4));
    let chunk = whole(&frame);
    assert_eq!(chunk.labels, [true, false, false, true]);
    let numbers: Vec<f64> = chunk.numbers.iter().copied().step_by(2).collect();
    assert_eq!((numbers[0], numbers[1].is_nan(), numbers[2]), (1.5, true, 3.0));
    let logs: Vec<f64> = chunk.numbers.iter().copied().skip(1).step_by(2).collect();
    assert_eq!((logs[0], logs[1].is_nan(), logs[2]), (0.0, true, 1.0_f64.ln_1p()));
    assert_eq!(texts(&frame, 0), [Some("b"), Some("a"), None, Some("b")]);
    assert_eq!(texts(&frame, 1), [Some("5"), Some("5"), None, Some("23")]);
    assert_eq!(texts(&frame, 2), [Some("2"), Some("2"), None, Some("7")]);
}

/// All rows of a frame.
fn whole(frame: &Frame) -> Chunk {
    let pieces = frame.table.map_pieces(0..frame.labelled(), |chunk, _| chunk.clone()).expect("memory can be read");
    pieces.into_iter().fold(Chunk::default(), |mut all, piece| {
        all.numbers.extend(piece.numbers);
        all.codes.extend(piece.codes);
        all.labels.extend(piece.labels);
        all
    })
}

/// The cells of a feature that is not a number.
fn texts(frame: &Frame, feature: usize) -> Vec<Option<&str>> {
    let dictionaries = &frame.table.dictionaries;
    let code = |code: &u32| code.checked_sub(1).map(|index| dictionaries[feature][index as usize].as_str());
    whole(frame).codes.iter().skip(feature).step_by(dictionaries.len()).map(code).collect()
}

#[test]
fn chunks_with_different_dictionaries_share_one() {
    let values = ["q", "b", "a", "b", "z", "a", "q", ""];
    let rows: String = values.iter().cycle().take(10_000).map(|text| format!("1,1,1,{text},\n")).collect();
    let frame = frame(&format!("y,n,l,c,t\n{rows}"), 0.0);
    assert!(frame.table.pieces(0..frame.table.rows).count() > 2);
    let expected: Vec<_> = values.iter().cycle().take(10_000).map(|text| (!text.is_empty()).then_some(*text)).collect();
    assert_eq!(texts(&frame, 0), expected);
    let pieces: Vec<_> = frame.table.pieces(4_000..8_500).map(|(_, rows)| rows).collect();
    assert_eq!(pieces, [4_000..4_096, 0..4_096, 0..308]);
}

#[test]
fn examples_are_what_a_request_may_hold() {
    let frame = frame("y,n,l,c,t\n,7,7,x,2013-01-01 05:15\n1,1400,0.5,NaN,2013-01-01 05:15\n1,-1e3,NA,NA,\n", 0.0);
    let expected = [
        json!({"n": 1400, "l": 0.5, "c": "NaN", "t": "2013-01-01 05:15"}),
        json!({"n": -1000.0, "l": null, "c": null, "t": null}),
    ];
    assert_eq!(frame.examples().iter().cloned().map(Value::Object).collect::<Vec<_>>(), expected);
}

#[test]
fn a_row_that_cannot_be_read_leaves_no_trace() {
    let (schema, _) = read(&pipeline(FEATURES), b"y,n,l,c,t\n", 1);
    let mut parser = windrow_record::RecordParser::new(b',');
    let mut builder = ChunkBuilder::new(&schema);
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
    let parsed = builder.finish();
    let mut frame = FrameBuilder::new(&Arc::new(schema.clone()), in_memory());
    frame.append(parsed).expect("memory keeps what it is given");
    let frame = frame.finish(0.0).expect("memory can be read");
    assert_eq!(frame.labelled(), 2);
    assert_eq!(texts(&frame, 0), [Some("a"), Some("b")]);
    assert_eq!(texts(&frame, 1), [Some("5"), Some("6")]);
}

#[test]
fn a_fault_names_the_column_and_the_cell() {
    let (_, frames) = parse(&pipeline(FEATURES), b"y,n,l,c,t\n1,1,-3,a,2013-01-01 05:15\n", 1);
    let fault = frames.expect_err("-3 has no log(1 + x)");
    assert_eq!(fault.to_string(), "l: log(1 + x) needs a number above -1, not -3");
}

#[test]
fn the_last_rows_are_held_out() {
    let rows: String = (0..25).map(|row| format!("{row},1,1,a,\n")).collect();
    for (holdout, fit_len, fit_positives) in [(0.0, 25, 10), (0.1, 23, 8), (0.5, 13, 0), (0.99, 1, 0)] {
        let frame = frame(&format!("y,n,l,c,t\n{rows}"), holdout);
        assert_eq!(frame.counts(Subset::Training), (fit_len, fit_positives), "{holdout}");
        assert_eq!(frame.range(Subset::Training).len() + frame.range(Subset::HeldOut).len(), 25);
    }
}

#[test]
fn the_first_held_out_row_follows_from_its_index_among_all_rows() {
    // The indices of the rows without a target, the number of rows, the held-out share, and the number of rows before
    // the first held-out one.
    for (unlabelled, rows, holdout, before) in [
        (vec![], 10, 0.2, 8),
        (vec![0, 1, 2], 10, 0.2, 9),
        (vec![9], 10, 0.2, 8),
        (vec![7, 8], 10, 0.25, 6),
        (vec![5, 6, 7, 8, 9], 10, 0.2, 4),
        (vec![2, 3], 10, 0.0, 10),
        ((0..9_000).filter(|row| row % 3 != 0).collect(), 9_000, 0.5, 4_498),
        ((0..10).collect(), 10, 0.5, 0),
    ] {
        let line = |row: usize| if unlabelled.contains(&row) { ",1,1,a,\n" } else { "20,1,1,a,\n" };
        let csv: String = (0..rows).map(line).collect();
        let frame = frame(&format!("y,n,l,c,t\n{csv}"), holdout);
        let labelled = (0..before as usize).filter(|row| !unlabelled.contains(row)).count();
        assert_eq!(labelled, frame.labelled() - frame.held_out(), "{rows} {holdout}");
        assert_eq!(frame.first_held_out(), before, "{} {rows} {holdout}", unlabelled.len());
    }
}

#[test]
fn an_outline_gives_the_same_encoder_as_the_rows() {
    let pipeline = pipeline(FEATURES);
    let csv: String = (0..600).map(|row| format!("{},{row},{},v{},\n", row % 40, row % 9, row % 5)).collect();
    let (schema, frames) = read(&pipeline, format!("y,n,l,c,t\n{csv}").as_bytes(), 200);
    let outlines = [Arc::new(frames[0].outline()), Arc::new(frames[1].outline()), Arc::clone(&frames[2])];
    let learn = |frames: &[Arc<Frame>]| Encoder::learn(&schema.features, frames, Subset::Training, 5).expect("numbers");
    assert_eq!(learn(&frames), learn(&outlines));
    let counts = |frame: &Frame| (frame.rows(), frame.labelled(), frame.held_out());
    for (frame, outline) in frames.iter().zip(&outlines) {
        assert_eq!(counts(frame), counts(outline));
        assert_eq!((frame.positives(), frame.profile()), (outline.positives(), outline.profile()));
    }
    assert_eq!(outlines[0].table.pieces(0..outlines[0].labelled()).count(), 0, "it has no rows");
}
