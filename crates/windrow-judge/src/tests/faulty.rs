//! The sentence for each fault of a table.

use std::fs::{self, File};

use windrow_columnar::{Column, ColumnType, Value, Writer};
use windrow_config::EventSpan;

use super::Tables;
use crate::judge_files;

const HEADER: &str = "window,y,p,trained_through,trained_from,model,row\n";

#[test]
fn each_fault_has_its_row_and_a_sentence() {
    for (rows, expected) in [
        ("3,1,1.5,2,1,a,1\n", "0.csv, row 1: p is `1.5`: a probability is a number from 0 to 1"),
        ("3,1,,2,1,a,1\n", "0.csv, row 1: p is empty or not a number: each row needs a probability"),
        ("3,2,0.5,2,1,a,1\n", "0.csv, row 1: y is `2`: it must be 0, 1, true, false or empty"),
        (",1,0.5,2,1,a,1\n", "0.csv, row 1: window is empty"),
        ("0,1,0.5,2,1,a,1\n", "0.csv, row 1: `0` is not a window: windows are whole numbers from 1"),
        (
            "3,1,0.5,,1,a,1\n",
            "0.csv, row 1: trained_through is empty: give it, or --models with the dates of each model",
        ),
        ("3,1,0.5,,1,,1\n", "0.csv, row 1: trained_through is empty, and no model is named"),
        ("3,1,0.5,2,x,a,1\n", "0.csv, row 1: trained_from: `x` is not a window: windows are whole numbers from 1"),
        ("4,1,0.5,2,3,a,1\n", "0.csv, row 1: trained_from is after trained_through: exchange them"),
        ("3,1,0.5,2,1,a\n", "0.csv, row 1: it has 6 fields instead of 7"),
        (
            "3,1,0.5,2,1,a,1\n4,1,0.5,3,1,a,1\n",
            "0.csv, row 2: the model `a` has other training dates than in 0.csv, row 1",
        ),
        (
            "4,1,0.5,2,1,a,1\n4,1,0.5,2,1,b,1\n",
            "0.csv, row 2: two models of one history have the same newest window, window 2: this one and that of 0",
        ),
        ("2,1,0.5,2,1,a,1\n", "0.csv, row 1: it is a leak: the row (window 2) is not after trained_through (window 2)"),
        (
            "4,1,0.5,2,1,a,1\n20002,1,0.5,2,1,a,1\n",
            "the table spans more than 2000 windows, from window 1 (0.csv, row 1) to window 20002 (0.csv, row 2)",
        ),
        (
            "4,1,0.5,2,1,a,7\n3,1,0.5,2,1,a,7\n3,1,0.5,2,1,a,6\n3,1,0.5,2,1,a,7\n",
            "0.csv, row 4: it is the row `7` of window 3, as 0.csv, row 2 is, for the same model (column `row`)",
        ),
        ("3,,0.5,2,1,a,1\n", "nothing can be judged: no row has a label yet"),
        ("", "the table has no rows"),
    ] {
        let error = Tables::new(&format!("{HEADER}{rows}")).error();
        assert!(error.starts_with(expected), "{rows}: {error}");
    }
}

#[test]
fn all_faults_are_listed_up_to_ten() {
    let rows = |count: usize| format!("{HEADER}{}", "3,1,7,2,1,a,1\n".repeat(count));
    assert_eq!(Tables::new(&rows(3)).error().lines().count(), 3);
    let many = Tables::new(&rows(50)).error();
    assert_eq!(many.lines().count(), 11, "{many}");
    assert!(many.ends_with("and possibly more: reading stopped here"), "{many}");
}

#[test]
fn a_row_and_a_file_are_given_once() {
    // The identities are texts.
    let text = "window,y,p,trained_through,row\n3,1,0.5,2,a\n3,0,0.5,2,b\n";
    let error = Tables::new(text).and(text).error();
    let expected = "1.csv, row 1: it is the row `a` of window 3, as 0.csv, row 1 is, for the same model (column `row`)";
    assert!(error.starts_with(expected), "{error}");
    let mut tables = Tables::new(text);
    tables.files.push(tables.folder.path().join(".").join("0.csv"));
    assert_eq!(tables.error(), "./0.csv is given twice, first as 0.csv: give each file once");
}

#[test]
fn windows_of_a_second_and_fits_of_a_row_are_refused() {
    let mut text = "time,y,p,trained_through\n".to_owned();
    for second in 0..2_100 {
        text.push_str(&format!("2024-01-05 10:{:02}:{:02},1,0.5,2024-01-05 09:00\n", second / 60, second % 60));
    }
    let error = Tables::new(&text).by("1s".to_owned().try_into().expect("a span")).error();
    let expected = "the table spans more than 2000 windows, from 2024-01-05T09:00:00Z (0.csv, row 1) to \
                    2024-01-05T10:33:20Z (0.csv, row 2001): give longer windows, as in --window week, and check";
    assert!(error.starts_with(expected), "{error}");
    let mut text = "window,y,p,trained_through,model\n".to_owned();
    for row in 0..=200_000 {
        text.push_str(&format!("3,1,0.5,2,{row}\n"));
    }
    assert!(Tables::new(&text).error().starts_with("the table has more than 200000 fits: `model` and"));
}

#[test]
fn labels_that_are_too_late_are_no_fault_of_the_option() {
    let text = "time,y,p,trained_through,label_known\n2024-01-05,1,0.5,2024-01-04,2024-04-01\n";
    let error = Tables::new(text).by(EventSpan::Day).error();
    let expected = "by label_known, 95% of the labels are known 86 windows later, and a label delay must be at most 32 \
                    windows: use longer windows";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn nothing_is_guessed_of_an_empty_cell() {
    let rows = |header: &str, rows: &[&str]| Tables::new(&format!("{header}\n{}\n", rows.join("\n")));
    let error = rows("window,y,p,trained_through,history", &["3,1,0.5,2,4", "3,1,0.5,2,"]).error();
    assert!(error.starts_with("0.csv, row 2: the history is empty: give `history`"), "{error}");
    let error = rows("window,y,p,trained_through,row", &["3,1,0.5,2,4", "3,1,0.5,2,"]).error();
    assert!(error.starts_with("0.csv, row 2: row is empty"), "{error}");
    let error = rows("window,y,p,trained_through,row", &["3,1,0.5,2,4"]).and("window,y,p,trained_through\n3,1,0.5,2\n");
    assert!(error.error().starts_with("1.csv: either all files have a column `row`, or none has one; 0.csv has one"));
    let error = rows("window,y,p,trained_through,label_known", &["3,1,0.5,2,3", "3,1,0.5,2,2"]).error();
    assert_eq!(error, "0.csv, row 2: label_known is before the row: a label is known after its row");
    let header = "time,y,p,trained_through,label_known";
    // A date without a time is any time of its day.
    let days =
        rows(header, &["2024-01-05 08:00,1,0.5,2024-01-04,2024-01-05", "2024-01-05 08:00,1,0.5,2024-01-04,2024-01-04"]);
    assert!(days.by(EventSpan::Day).error().starts_with("0.csv, row 2: label_known is before the row"));
    let hours = rows(header, &["2024-01-05 08:00,1,0.5,2024-01-05,2024-01-05 09:00"]);
    let error = hours.by("1h".to_owned().try_into().expect("a span")).error();
    assert_eq!(error, "0.csv, row 1: trained_through has no time of day, which windows shorter than a day need");
}

#[test]
fn missing_columns_are_named() {
    for (header, expected) in [
        ("y,p,trained_through", "0.csv: it has neither a column `time` nor a column `window`; its columns are y, p,"),
        (
            "time,y,p,trained_through",
            "0.csv: it has times, so the length of a window is needed: give it, as in --window",
        ),
        ("window,p,trained_through", "0.csv: it has no column `y`; its columns are window, p, trained_through"),
        ("window,y,p", "0.csv: it has no column `trained_through`: the time or the window of the newest data"),
    ] {
        let error = Tables::new(&format!("{header}\n1,1,1,1\n")).error();
        assert!(error.starts_with(expected), "{header}: {error}");
    }
    let error = Tables::new("window,y,p,trained_through\n3,1,0.5,2\n").by(EventSpan::Day).error();
    assert_eq!(error, "0.csv: it has numbers of windows instead of times: leave out --window");
}

#[test]
fn two_columns_of_one_name_are_refused() {
    let error = Tables::new("window,y,p,p,trained_through\n3,1,0.5,0.5,2\n").error();
    assert_eq!(error, "0.csv: two columns are named `p`: rename one of them");
    let tables = Tables::new("");
    assert_eq!(tables.error(), "0.csv: it is empty");
    let columns = ["y", "p", "window", "p"].map(|name| Column { name: name.to_owned(), kind: ColumnType::Integer });
    let parquet = tables.folder.path().join("scores.parquet");
    let mut writer = Writer::new(File::create(&parquet).expect("a file"), &columns).expect("a writer");
    writer.push([1, 1, 3, 0].map(Value::Integer)).expect("a row");
    writer.finish().expect("a file");
    let error = judge_files(&[parquet], &tables.options).expect_err("an error").to_string();
    assert!(error.ends_with("scores.parquet: two columns are named `p`: rename one of them"), "{error}");
}

#[test]
fn a_file_that_is_no_table_is_explained_without_a_pipeline() {
    let tables = Tables::new("");
    for (name, bytes, expected) in [
        ("utf-16.csv", b"\xff\xfet\0i\0".as_slice(), "it is UTF-16: write it as UTF-8"),
        ("latin.csv", b"time,\xff\n1,2\n".as_slice(), "the header line is not UTF-8: write the file as UTF-8"),
        ("array.json", b"[{\"y\":1}]".as_slice(), "it is a JSON array; write one object on each line"),
        ("broken.zip", b"PK\x03\x04zzz".as_slice(), "it is a broken zip archive"),
        ("broken.csv.gz", b"\x1f\x8b\x08garbage".as_slice(), "it cannot be read beyond row 1: "),
    ] {
        let path = tables.folder.path().join(name);
        fs::write(&path, bytes).expect("a file");
        let error = judge_files(&[path], &tables.options).expect_err("an error").to_string();
        assert!(error.contains(&format!("{name}: {expected}")), "{error}");
        assert!(["dataset", "pipeline", "windrow init"].iter().all(|word| !error.contains(word)), "{error}");
    }
}

#[test]
#[cfg(unix)]
fn a_device_is_no_table() {
    let mut tables = Tables::new("");
    tables.files = vec!["/dev/null".into()];
    let error = tables.error();
    assert!(error.starts_with("/dev/null: it is a pipe or a device") && error.ends_with("to a file first"), "{error}");
}

#[test]
fn a_leak_in_time_is_refused_with_both_times() {
    let rows = "time,y,p,trained_through\n2024-01-05 10:00,1,0.5,2024-01-05 10:00:01\n";
    let error = Tables::new(rows).by(EventSpan::Day).error();
    let expected = "0.csv, row 1: it is a leak: the row (2024-01-05T10:00:00Z) is not after trained_through \
                    (2024-01-05T10:00:01Z), so its model may have learned from it. Remove it, or correct trained_through";
    assert_eq!(error, expected);
}

#[test]
fn models_that_scored_other_rows_are_refused() {
    let row = |window: u32, through: u32, y: u32, id: u32| format!("{window},{y},0.5,{through},1,m{through},{id}\n");
    let fits = |ids: [&[u32]; 2]| {
        let mut text = HEADER.to_owned();
        for (through, ids) in [1, 2].into_iter().zip(ids) {
            text.extend(ids.iter().map(|id| row(3, through, id % 2, *id)));
        }
        text
    };
    let fewer = Tables::new(&fits([&[1, 2, 3], &[1, 2]])).error();
    assert!(
        fewer.starts_with("models scored different rows of window 3: the model `m2` (0.csv, row 4) has 2 rows"),
        "{fewer}"
    );
    let of_one = "0.csv, row 1 and 0.csv, row 4 are one row (column `row`). 0.csv, row 3 is a row that only one of";
    assert!(fewer.contains(of_one), "{fewer}");
    let other = Tables::new(&fits([&[1, 2, 3], &[1, 2, 5]])).error();
    assert!(other.contains("has other rows than the model") && other.contains(of_one), "{other}");
    // The model m2 has another label of row 3.
    let relabelled = fits([&[1, 2, 3], &[1, 2]]) + &row(3, 2, 0, 3);
    let relabelled = Tables::new(&relabelled).error();
    let expected = "0.csv, row 3 and 0.csv, row 6 are one row (column `row`) with two labels. Score the same rows";
    assert!(relabelled.contains(expected), "{relabelled}");
    // Without identities, only the counts can be compared.
    let without = |text: &str| {
        text.lines().map(|line| format!("{}\n", line.rsplit_once(',').expect("fields").0)).collect::<String>()
    };
    let fewer = Tables::new(&without(&fits([&[1, 2, 3], &[1, 2]]))).error();
    assert!(fewer.ends_with("add a column `row` that identifies each row"), "{fewer}");
}

#[test]
fn the_window_whose_rows_differ_is_named() {
    let row = |window: u32, through: u32, y: u32| format!("{window},{y},0.5,{through},1,m{through}\n");
    let mut text = HEADER.rsplit_once(',').expect("fields").0.to_owned() + "\n";
    for window in 3..6 {
        for through in [1, 2] {
            // One label of window 5 differs.
            let flipped = u32::from(window == 5 && through == 2);
            text.extend([1, 0, flipped].map(|y| row(window, through, y)));
        }
    }
    let error = Tables::new(&text).error();
    assert!(error.starts_with("models scored different rows of window 5: "), "{error}");
    assert!(error.contains("3 rows, 1 of them positive") && error.contains("3 rows, 2 of them positive"), "{error}");
}

#[test]
fn a_history_that_contradicts_its_first_row_is_refused() {
    let row = |history: &str| format!("window,y,p,trained_through,trained_from,history\n5,1,0.5,4,1,{history}\n");
    let error = Tables::new(&row("1")).error();
    let expected = "0.csv, row 1: history is 1, but there are 4.0 windows from trained_from to trained_through: correct \
                    one, or remove its column";
    assert!(error.starts_with(expected), "{error}");
    for fitting in ["4", "all", ""] {
        let judged = Tables::new(&row(fitting)).try_judge();
        assert!(judged.err().is_none_or(|error| !error.to_string().contains("trained_from")), "{fitting}");
    }
}

#[test]
fn a_file_of_models_is_checked() {
    let log = "window,y,p,model\n3,1,0.5,a\n4,0,0.5,b\n";
    let error = Tables::new(log).models("model,trained_through\na,2\n").error();
    assert_eq!(error, "0.csv, row 2: the model `b` is not in the file of models: add it");
    let error = Tables::new(log).models("model,trained_through\na,2\na,3\n").error();
    assert_eq!(error, "models.csv, row 2: the model `a` has other dates than in models.csv, row 1: list it once");
    let error = Tables::new(log).models("model,trained_through,history\na,2,4\nb,3,\n").error();
    assert!(error.starts_with("models.csv, row 2: the history is empty"), "{error}");
    let own = "window,y,p,model,trained_through,trained_from,history\n3,1,0.5,a,2,,8\n4,0,0.5,b,3,2,\n";
    let error = Tables::new(own).models("model,trained_through,trained_from,history\na,2,,4\nb,3,1,\n").error();
    assert_eq!(
        error,
        "0.csv, row 1: history is not that of the model `a` in models.csv, row 1: correct one of them\n\
         0.csv, row 2: trained_from is not that of the model `b` in models.csv, row 2: correct one of them"
    );
    let error = Tables::new(log).models("name,trained_through\na,2\n").error();
    assert!(error.contains("it has no `model`, only name, trained_through"), "{error}");
}

#[test]
fn rows_of_two_files_that_contradict_each_other_are_both_named() {
    let first = format!("{HEADER}4,1,0.5,2,1,a,1\n");
    let error = Tables::new(&first).and(&format!("{HEADER}4,1,0.5,3,1,a,1\n")).error();
    let expected = "1.csv, row 1: the model `a` has other training dates than in 0.csv, row 1: give it another name";
    assert_eq!(error, expected);
    let error = Tables::new(&first).and(&format!("{HEADER}4,1,0.5,2,1,b,1\n")).error();
    let expected = "1.csv, row 1: two models of one history have the same newest window, window 2: this one and that \
                    of 0.csv, row 1. Keep one of them";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn losses_need_the_errors_of_each_model() {
    let losses = |columns: &str, cells: &str| {
        let rows: String = (2..20).map(|window| format!("window-{},{window},40,10,9.5{cells}\n", window - 1)).collect();
        Tables::new(&format!("model,window,rows,positives,log_loss{columns}\n{rows}"))
    };
    for (columns, missing) in [("", "squared_error"), (",squared_error,misses", "false_alarms")] {
        let error = losses(columns, if columns.is_empty() { "" } else { ",4.5,2" }).error();
        assert!(error.contains(&format!("it has losses, but no column `{missing}`")), "{error}");
    }
    let error = losses(",squared_error,false_alarms,misses", ",4.5,,2").error();
    assert!(error.contains("row 1: false_alarms is not a whole number of at least 0"), "{error}");
    let judged = losses(",squared_error,false_alarms,misses", ",4.5,3,2").judge();
    assert!(judged.advice.comparison.planned.iter().all(|found| found.errors.false_alarms > 0.0));
}

#[test]
fn losses_are_checked() {
    const LOSSES: &str = "squared_error,false_alarms,misses,model,window,block,rows,positives,log_loss\n";
    for (rows, expected) in [
        ("weekly-1,2,1,4,1,2.5\n", "0.csv, row 1: model: `weekly-1` is not a model id"),
        (
            "window-2,2,1,4,1,2.5\n",
            "0.csv, row 1: it is a leak: window 2 is not after the newest window of the model window-2",
        ),
        ("window-1,2,9,4,1,2.5\n", "0.csv, row 1: block is not a whole number from 1 to 8"),
        ("window-1,2,1,4,5,2.5\n", "0.csv, row 1: positives is more than rows"),
        ("window-1,2,1,4,1,-1\n", "0.csv, row 1: log_loss is not a number of at least 0"),
        (
            "window-1,2,1,4,1,2\nwindow-1,2,1,4,1,2\n",
            "0.csv, row 2: the losses of the model window-1 on window 2 are given in 0.csv, row 1 already",
        ),
        (
            "window-1,3,1,4,1,2\nwindow-2,3,1,5,1,2\n",
            "0.csv, row 2: rows and positives are not those of 0.csv, row 1 in the same block of window 3",
        ),
    ] {
        let rows: String = rows.lines().map(|row| format!("0.5,1,1,{row}\n")).collect();
        let error = Tables::new(&format!("{LOSSES}{rows}")).error();
        assert!(error.starts_with(expected), "{rows}: {error}");
    }
}
