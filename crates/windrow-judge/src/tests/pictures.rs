//! Tests of the pictures of each kind of table: only those that its fits support.

use windrow_config::EventSpan;
use windrow_evaluation::Origin;
use windrow_evaluation::plot::{AdvicePictures, tables};

use super::kinds::{log, models, table};
use super::{ROWS, Tables};
use crate::Judged;

fn names(judged: &Judged) -> Vec<&'static str> {
    let pictures = AdvicePictures::of(&judged.advice).expect("pictures");
    pictures.pictures().iter().map(|one| one.name).collect()
}

#[test]
fn a_picture_needs_more_than_one_point() {
    let up_to = |age: u32, histories: &[u32]| {
        Tables::new(&table(histories, move |through, window| window - through <= age)).judge()
    };
    assert_eq!(names(&up_to(1, &[0])), ["over-time", "by-window"]);
    assert_eq!(names(&up_to(1, &[0, 1, 2])), ["how-much", "over-time", "by-window"]);
    assert_eq!(names(&up_to(4, &[0])), ["how-often", "over-time", "by-window"]);
    assert_eq!(names(&up_to(4, &[0, 2])), ["how-often", "how-much", "over-time", "by-window"]);
    // Histories without all of it: the title names the best one.
    let judged = up_to(1, &[1, 2]);
    let pictures = AdvicePictures::of(&judged.advice).expect("pictures");
    let pictures = pictures.pictures();
    assert_eq!(
        (pictures[0].name, pictures[0].title),
        ("how-much", "Refitting every window on the last 2 windows did best")
    );
}

#[test]
fn fits_of_every_4th_window_are_compared_by_history() {
    let judged = Tables::new(&table(&[0, 2], |through, window| through % 4 == 0 && window - through <= 4)).judge();
    assert_eq!(names(&judged), ["how-much", "over-time", "by-window"]);
    let tables = tables(&judged.advice, AdvicePictures::of(&judged.advice).as_ref());
    let header = &tables[0].header[0];
    assert_eq!(header, "windows of history, refitting every 4th window");
}

#[test]
fn a_log_has_its_loss_next_to_the_average_rate() {
    let judged = Tables::new(&log()).models(&models()).by(EventSpan::Day).judge();
    let advice = &judged.advice;
    assert_eq!((advice.subject.origin, names(&judged)), (Origin::Log, vec!["over-time", "by-window"]));
    let windows = advice.basis.judged.as_ref().expect("judged windows");
    let losses = &advice.over_time.losses;
    assert_eq!(losses.len(), windows.windows as usize);
    assert!(losses.iter().all(|at| at.rows == u64::from(ROWS)));
    let mean = |of: fn((f64, f64)) -> f64| {
        losses.iter().map(|at| of((at.log_loss, at.share_log_loss))).sum::<f64>() / losses.len() as f64
    };
    assert!((mean(|(own, _)| own) - windows.best_log_loss).abs() < 1e-9);
    assert!((mean(|(_, average)| average) - windows.share_log_loss).abs() < 1e-9);
    assert!(
        advice.subject.facts.iter().any(|fact| fact.starts_with("The table is a log")),
        "{:?}",
        advice.subject.facts
    );
    let tables = tables(advice, AdvicePictures::of(advice).as_ref());
    assert!(tables.iter().any(|table| table.heading == "The models that served"));
    assert!(tables.iter().any(|table| table.heading.starts_with("By window: The loss ")));
}
