//! Tests of what is judged with each kind of table, and what is not.

use std::collections::BTreeSet;
use std::fs::{self, File};

use windrow_columnar::{Column, ColumnType, Value, Writer};
use windrow_config::EventSpan;
use windrow_evaluation::plot::tables;
use windrow_evaluation::{Action, Policy, PolicyFinding, PolicyVerdict, Refit, Status};
use windrow_record::Scheme;

use super::{ROWS, Tables, label, loss, probability, quality};
use crate::{Judged, TableKind, judge_files};

const WINDOWS: u32 = 40;

/// Returns a table with the rows of windows 2 to 40. A fit is in the table if `has` says so, given its newest window, its
/// history (0 for all) and the window that it scores.
pub(super) fn table(histories: &[u32], has: impl Fn(u32, u32) -> bool) -> String {
    let mut text = "window,y,p,trained_through,history,row\n".to_owned();
    for window in 2..=WINDOWS {
        for through in (1..window).filter(|through| has(*through, window)) {
            for history in histories {
                for row in 0..ROWS {
                    // A shorter history is worse.
                    let penalty = if *history == 0 { 0.0 } else { 0.2 + 0.2 / f64::from(*history) };
                    let p = probability(window, row, quality(window - through) - penalty);
                    let name = if *history == 0 { "all".to_owned() } else { history.to_string() };
                    let y = u8::from(label(window, row));
                    text.push_str(&format!("{window},{y},{p},{through},{name},{row}\n"));
                }
            }
        }
    }
    text
}

fn finding(judged: &Judged, refit: Refit) -> Option<&PolicyFinding> {
    let policy = Policy { history: Scheme::Cumulative, refit };
    judged.advice.comparison.finding(policy)
}

/// Asserts the log-loss per row of a policy on the judged windows, given the ages of its models in a window.
fn assert_loss(judged: &Judged, refit: Refit, ages: impl Fn(u32) -> Vec<u32>) {
    let windows = judged.advice.basis.judged.as_ref().expect("judged windows");
    let windows = windows.first..=windows.last;
    let mean = |window: u32| {
        let ages = ages(window);
        let sum: f64 = ages.iter().map(|age| loss(window, quality(*age))).sum();
        sum / ages.len() as f64
    };
    let expected: f64 = windows.clone().map(mean).sum::<f64>() / f64::from(ROWS * windows.count() as u32);
    let found = finding(judged, refit).expect("a finding").errors.log_loss;
    assert!((found - expected).abs() < 1e-6, "{refit:?}: {found} {expected}");
}

pub(super) fn text(judged: &Judged) -> String {
    let table = &judged.table;
    [&table.judged, &table.not_judged, &table.needed, &table.notes].map(|list| list.join(" ")).join(" ")
}

#[test]
fn a_backtest_has_the_periods_that_its_ages_reach() {
    let judged = Tables::new(&table(&[0, 2], |through, window| window - through <= 4)).judge();
    assert_eq!(judged.table.kind, TableKind::Backtest);
    assert_loss(&judged, Refit::Every(1), |_| vec![1]);
    assert_loss(&judged, Refit::Every(2), |window| vec![1, 2.min(window - 1)]);
    assert_loss(&judged, Refit::Every(4), |window| (1..=4).map(|age| age.min(window - 1)).collect());
    assert!(finding(&judged, Refit::Every(8)).is_none() && finding(&judged, Refit::Never).is_none());
    let all = text(&judged);
    assert!(all.contains("Periods up to 4 windows are judged"), "{all}");
    assert!(all.contains("To judge periods up to 8 windows, score each fit on its next 8 windows."), "{all}");
    assert!(all.contains("Drift alarms are not judged"), "{all}");
    let further: BTreeSet<String> =
        judged.advice.comparison.further.iter().map(|found| found.policy.refit.to_string()).collect();
    assert!(!further.contains("on PSI alarm") && !further.contains("recalibrate"), "{further:?}");
    // The shorter history is worse, so the advice is on all history.
    let named = judged.advice.recommendation.named.as_ref().expect("a named policy");
    assert_eq!(named.policy.history, Scheme::Cumulative);
    assert_ne!(judged.advice.recommendation.status, Status::TooFew);
    let note = judged.advice.subject.note.clone().expect("a note");
    assert!(judged.advice.recommendation.sentences.contains(&note));
}

#[test]
fn with_old_models_fit_once_and_recalibration_are_judged() {
    let judged = Tables::new(&table(&[0], |_, _| true)).judge();
    let first = judged.advice.basis.judged.as_ref().expect("judged windows").first;
    assert_loss(&judged, Refit::Never, |window| vec![window - (first - 1)]);
    assert_loss(&judged, Refit::Every(8), |window| (1..=8).map(|age| age.min(window - 1)).collect());
    let recalibrated = judged.advice.comparison.further.iter().find(|found| found.policy.refit == Refit::Recalibrated);
    let never = finding(&judged, Refit::Never).expect("a finding").errors.log_loss;
    // The log-odds of an old model are only too small, which a slope repairs.
    assert!(recalibrated.expect("a finding").errors.log_loss < never);
    assert!(!text(&judged).contains("Fitting once"), "{}", text(&judged));
}

#[test]
fn walk_forward_compares_histories_and_not_periods() {
    let judged = Tables::new(&table(&[0, 1, 2], |through, window| window - through == 1)).judge();
    assert_eq!(judged.table.kind, TableKind::WalkForward);
    assert_loss(&judged, Refit::Every(1), |_| vec![1]);
    assert!(finding(&judged, Refit::Every(2)).is_none());
    let histories: BTreeSet<Scheme> =
        judged.advice.comparison.planned.iter().map(|found| found.policy.history).collect();
    assert_eq!(histories.len(), 3);
    assert!(judged.advice.comparison.planned.iter().all(|found| found.policy.refit == Refit::Every(1)));
    assert!(text(&judged).contains("Longer periods are not judged: each fit was scored on the next window only."));
}

#[test]
fn labels_that_come_late_need_older_models() {
    let walk = Tables::new(&table(&[0], |through, window| window - through == 1)).delayed("2");
    let error = walk.error();
    assert!(error.contains("labels are known 2 windows later") && error.contains("at most 1 before it"), "{error}");
    let later = Tables::new(&table(&[0], |through, window| window - through == 3)).delayed("2").judge();
    assert_loss(&later, Refit::Every(1), |_| vec![3]);
}

#[test]
fn fits_of_every_4th_window_are_one_phase() {
    let judged = Tables::new(&table(&[0], |through, window| through % 4 == 0 && window - through <= 4)).judge();
    assert_eq!(judged.table.kind, TableKind::OnePhase);
    assert_loss(&judged, Refit::Every(4), |window| vec![(window - 1) % 4 + 1]);
    assert!(judged.advice.comparison.planned.iter().all(|found| found.policy.refit == Refit::Every(4)));
    let all = text(&judged);
    assert!(
        all.contains("There are fits of every 4th window only.") && all.contains("It begins with window 4."),
        "{all}"
    );
    assert!(all.contains("To judge all phases, fit after every window."), "{all}");
}

/// Returns a log of days 1 to 40 of January and February 2024. A new version serves from noon of every 5th day on.
pub(super) fn log() -> String {
    let mut text = "time,y,p,model\n".to_owned();
    for day in 1..=WINDOWS {
        for row in 0..ROWS {
            let date = if day <= 31 { format!("2024-01-{day:02}") } else { format!("2024-02-{:02}", day - 31) };
            let minute = row * 24 * 60 / ROWS;
            let version = (day * 2 + row / (ROWS / 2) - 1) / 10;
            let (y, p) = (u8::from(label(day, row)), probability(day, row, 1.0));
            text.push_str(&format!("{date} {:02}:{:02},{y},{p},v{version}\n", minute / 60, minute % 60));
        }
    }
    text
}

/// Returns the models of the log. Each learned from the rows up to noon of the day before it served.
pub(super) fn models() -> String {
    let rows = (0..=8).map(|version: u32| match version * 5 {
        0 => format!("v{version},2023-12-31 12:00\n"),
        day @ 1..=32 => format!("v{version},2024-01-{:02} 12:00\n", day - 1),
        day => format!("v{version},2024-02-{:02} 12:00\n", day - 32),
    });
    format!("model,trained_through\n{}", rows.collect::<String>())
}

#[test]
fn a_log_is_compared_with_the_average_rate_only() {
    let judged = Tables::new(&log()).models(&models()).by(EventSpan::Day).judge();
    assert_eq!(judged.table.kind, TableKind::Log);
    let advice = &judged.advice;
    assert_eq!((advice.recommendation.named.as_ref(), advice.recommendation.action), (None, Action::Hold));
    let first = &advice.recommendation.sentences[0];
    assert!(first.starts_with("The models that served improve on predicting the average rate so far: by "), "{first}");
    let planned = &advice.comparison.planned;
    assert_eq!(planned.iter().map(|found| found.policy.refit).collect::<Vec<_>>(), [Refit::Served]);
    assert_eq!(planned[0].verdict, PolicyVerdict::Reference, "what others are compared with");
    assert_eq!((planned[0].kept.share, planned[0].kept.interval), (Some(1.0), None), "it is compared with itself");
    let table = tables::policies(advice).expect("a table");
    assert_eq!(table.rows[0].cells[..4], ["as served", "100%", "", "0"]);
    assert_eq!(advice.comparison.further[0].policy.refit, Refit::Recalibrated);
    assert!(
        advice.recommendation.sentences.iter().any(|sentence| sentence.contains("does not separate a model's age"))
    );
    assert_eq!((judged.table.left_out, judged.table.fits), (0, 9));
    let windows = advice.basis.judged.as_ref().expect("judged windows");
    let losses: f64 = (2..=WINDOWS).map(|day| loss(day, 1.0)).sum::<f64>() / f64::from(ROWS * (WINDOWS - 1));
    assert_eq!((windows.windows, windows.rows), (WINDOWS - 1, u64::from(ROWS * (WINDOWS - 1))));
    assert!((windows.best_log_loss - losses).abs() < 1e-6, "{} {losses}", windows.best_log_loss);
}

/// Returns a log of 60 days. A version serves each day from 10:00 on that learned from the rows before 9:00 of the day. `days`
/// is the number of days for which a version serves.
fn daily_log(days: u32) -> String {
    let mut text = "time,y,p,trained_through\n".to_owned();
    for day in 0..60 {
        let date = |day: u32| format!("2024-{:02}-{:02}", 1 + day / 28, 1 + day % 28);
        for row in 0..ROWS {
            let (y, p) = (u8::from(label(day, row)), probability(day, row, 1.0));
            text.push_str(&format!("{} 10:{row:02},{y},{p},{} 09:00\n", date(day), date(day - day % days)));
        }
    }
    text
}

#[test]
fn versions_of_each_day_are_a_log_of_weeks() {
    // Most rows are in the newest week of their model. A log has them all.
    let judged = Tables::new(&daily_log(1)).by(EventSpan::Week).judge();
    assert_eq!((judged.table.kind, judged.table.fits, judged.table.left_out), (TableKind::Log, 60, 0));
    // Two versions have one distance, which is not a schedule.
    let judged = Tables::new(&daily_log(32)).by(EventSpan::Day).judge();
    assert_eq!((judged.table.kind, judged.table.fits), (TableKind::Log, 2));
    assert_eq!(judged.advice.basis.judged.as_ref().map(|windows| windows.rows), Some(u64::from(59 * ROWS)));
}

#[test]
fn a_date_that_stands_for_all_data_adds_no_windows() {
    let walk = table(&[0], |through, window| window - through == 1);
    let rows = walk.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let [window, y, p, through] = [fields[0], fields[1], fields[2], fields[3]];
        let [window, through] = [window, through].map(|number| 4_000 + number.parse::<u32>().expect("a number"));
        format!("{window},{y},{p},{through},1,{}\n", fields[5])
    });
    let text: String = ["window,y,p,trained_through,trained_from,row\n".to_owned()].into_iter().chain(rows).collect();
    let judged = Tables::new(&text).judge();
    assert_eq!(judged.advice.subject.windows, WINDOWS);
    assert!(judged.table.notes.iter().any(|note| note == "Window 1 of the answer is window 4001 of the table."));
    assert_eq!(finding(&judged, Refit::Every(1)).map(|found| found.policy.history), Some(Scheme::Cumulative));
}

#[test]
fn a_loss_that_rises_in_the_newest_window_asks_for_a_refit() {
    let text = log();
    // The labels of the last day are reversed.
    let broken: String = text
        .lines()
        .map(|line| match line.strip_prefix("2024-02-09") {
            Some(rest) if rest.contains(",0,") => format!("2024-02-09{}\n", rest.replacen(",0,", ",1,", 1)),
            Some(rest) => format!("2024-02-09{}\n", rest.replacen(",1,", ",0,", 1)),
            None => format!("{line}\n"),
        })
        .collect();
    let judged = Tables::new(&broken).models(&models()).by(EventSpan::Day).judge();
    let recommendation = &judged.advice.recommendation;
    assert_eq!(recommendation.action, Action::RefitNow);
    assert!(
        recommendation.reason.starts_with("Refit now: the loss alarm rings after window "),
        "{}",
        recommendation.reason
    );
}

#[test]
fn losses_by_window_give_planned_policies() {
    let mut by_block =
        "model,made_for,window,block,rows,positives,log_loss,squared_error,false_alarms,misses\n".to_owned();
    for window in 2..=WINDOWS {
        for through in 1..window {
            let loss = loss(window, quality(window - through)) / 8.0;
            for block in 1..=8 {
                by_block.push_str(&format!("cumulative-{through},served,{window},{block},4,1,{loss},0.5,1,1\n"));
            }
        }
    }
    let judged = Tables::new(&by_block).judge();
    assert_eq!((judged.table.kind, judged.table.fits), (TableKind::Losses, u64::from(WINDOWS - 1)));
    assert_loss(&judged, Refit::Every(1), |_| vec![1]);
    assert_loss(&judged, Refit::Every(2), |window| vec![1, 2.min(window - 1)]);
    assert!(finding(&judged, Refit::Never).is_some());
    // The loss alarm needs blocks.
    let alarm =
        |judged: &Judged| judged.advice.comparison.further.iter().any(|one| one.policy.refit == Refit::LossAlarm);
    assert!(alarm(&judged));
    let by_window: String = by_block
        .lines()
        .filter(|line| line.contains(",1,4,1,") || line.starts_with("model"))
        .map(|line| format!("{}\n", line.replacen(",1,4,1,", ",32,8,", 1).replace("window,block,", "window,")))
        .collect();
    let by_window = Tables::new(&by_window).judge();
    assert!(!alarm(&by_window) && text(&by_window).contains("Loss alarms are not judged"));
    // A table without the losses of older models has no longer periods, and no model takes the place of another one.
    let is_young = |line: &&str| {
        let fields: Vec<&str> = line.split(',').collect();
        let through = fields[0].strip_prefix("cumulative-").and_then(|through| through.parse::<u32>().ok());
        through.is_none_or(|through| fields[2].parse::<u32>().expect("a window") - through <= 2)
    };
    let young: String = by_block.lines().filter(is_young).map(|line| format!("{line}\n")).collect();
    let young = Tables::new(&young).judge();
    assert_loss(&young, Refit::Every(1), |_| vec![1]);
    assert_loss(&young, Refit::Every(2), |window| vec![1, 2.min(window - 1)]);
    assert!(finding(&young, Refit::Every(4)).is_none() && finding(&young, Refit::Never).is_none());
    assert!(finding(&judged, Refit::Every(4)).is_some());
    assert!(text(&young).contains("but only up to 2: the table lacks losses of older models"), "{}", text(&young));
    assert!(!text(&judged).contains("lacks losses"));
}

#[test]
fn csv_json_lines_and_parquet_give_the_same_answer() {
    let csv = table(&[0, 2], |through, window| window - through <= 2);
    let tables = Tables::new(&csv);
    let names = ["window", "y", "p", "trained_through", "history", "row"];
    let column = |name: &&str| {
        let kind = match *name {
            "p" => ColumnType::Number,
            "history" => ColumnType::Text,
            _ => ColumnType::Integer,
        };
        Column { name: (*name).to_owned(), kind }
    };
    let columns: Vec<Column> = names.iter().map(column).collect();
    let parquet = tables.folder.path().join("scores.parquet");
    let mut writer = Writer::new(File::create(&parquet).expect("a file"), &columns).expect("a writer");
    let mut json = String::new();
    for line in csv.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let mut row = Vec::new();
        for (column, field) in columns.iter().zip(&fields) {
            row.push(match column.kind {
                ColumnType::Text => Value::Text(field),
                ColumnType::Number => Value::Number(field.parse().expect("a number")),
                _ => Value::Integer(field.parse().expect("a whole number")),
            });
        }
        writer.push(row).expect("a row");
        let member = |(name, field): (&&str, &&str)| match *name {
            "history" => format!("\"{name}\": \"{field}\""),
            _ => format!("\"{name}\": {field}"),
        };
        json.push_str(&format!("{{{}}}\n", names.iter().zip(&fields).map(member).collect::<Vec<_>>().join(", ")));
    }
    writer.finish().expect("a file");
    let lines = tables.folder.path().join("scores.jsonl");
    fs::write(&lines, json).expect("a file");
    let expected = tables.judge();
    for file in [parquet, lines] {
        let found = judge_files(&[file], &tables.options).expect("an answer");
        assert_eq!((found.advice, found.table), (expected.advice.clone(), expected.table.clone()));
    }
}

#[test]
fn the_order_of_the_files_does_not_matter() {
    let whole = table(&[0, 2], |through, window| window - through <= 2);
    let (header, rows) = whole.split_once('\n').expect("a header");
    let lines: Vec<&str> = rows.lines().collect();
    let (early, late) = lines.split_at(lines.len() / 3);
    let file = |lines: &[&str]| format!("{header}\n{}\n", lines.join("\n"));
    let reversed: Vec<&str> = late.iter().rev().copied().collect();
    let answers = [
        Tables::new(&whole).judge(),
        Tables::new(&file(early)).and(&file(late)).judge(),
        Tables::new(&file(&reversed)).and(&file(early)).judge(),
    ];
    assert!(answers[1..].iter().all(|answer| answer.advice == answers[0].advice));
}

#[test]
fn the_rows_of_a_models_newest_window_are_left_out() {
    let mut text = "time,y,p,trained_through\n".to_owned();
    for day in 2..=28 {
        for through in [day - 1, day] {
            for row in 0..ROWS {
                let (y, p) = (u8::from(label(day, row)), probability(day, row, 1.0));
                // The model of this day learned from the rows of its first hour.
                let clock = if through == day { "00:30" } else { "12:00" };
                text.push_str(&format!("2024-01-{day:02} 13:{row:02},{y},{p},2024-01-{through:02} {clock}\n"));
            }
        }
    }
    // The last two fits of one day have different dates, so that they are two models.
    let error = Tables::new(&text).by(EventSpan::Day).error();
    assert!(error.contains("two models of one history have the same newest window"), "{error}");
    let same = text.replace("00:30", "12:00");
    let judged = Tables::new(&same).by(EventSpan::Day).judge();
    assert_eq!((judged.table.left_out, judged.table.kind), (u64::from(27 * ROWS), TableKind::WalkForward));
}

#[test]
fn the_times_of_labels_give_the_delay() {
    let mut text = "time,y,p,trained_through,label_known\n".to_owned();
    for day in 5..=28 {
        for row in 0..ROWS {
            let (y, p) = (u8::from(label(day, row)), probability(day, row, 1.0));
            // 31 of 32 labels are known a day and an hour later.
            let known = if row == 0 { "2024-03-01".to_owned() } else { format!("2024-01-{:02} 14:00", day + 1) };
            text.push_str(&format!("2024-01-{day:02} 13:{row:02},{y},{p},2024-01-{:02},{known}\n", day - 2));
        }
    }
    let tables = Tables::new(&text).by(EventSpan::Day);
    let judged = tables.judge();
    assert_eq!((judged.delay.windows, judged.advice.basis.label_delay), (1, 1));
    assert!(judged.table.notes.iter().any(|note| note.starts_with("95% of the labels are known at most 1 window")));
    // The option wins. Without a delay, the model one window old would be in use, which the table does not have.
    assert!(tables.delayed("0").error().starts_with("no schedule can be judged: each window needs"));
}
