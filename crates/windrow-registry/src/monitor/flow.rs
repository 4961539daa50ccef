//! The progress of the rows, stage by stage, as numbers and as text.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::monitor::sealed::SealedWindow;
use crate::monitor::status::{Stage, StageReport};
use windrow_base::telemetry::Counts;
use windrow_record::display::{counted, duration, thousands};
use windrow_windows::StreamEnd;

/// The progress of the rows through the stages.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Flow {
    /// A short summary, as in `41%, lag 0`.
    pub state: String,
    /// `true` if every row has been sealed and every window trained on.
    pub is_complete: bool,
    /// The number of rows of the dataset; `None` if no producer has reported it.
    pub(crate) dataset_rows: Option<u64>,
    /// The number of messages in the topic that the consumer has not read; `None` if unknown.
    pub(crate) lag: Option<u64>,
    /// The steps: sent, in the topic, sealed, trained, served.
    pub steps: Vec<FlowStep>,
    /// The present work of each stage: producer, consumer, trainer.
    pub stages: Vec<StageActivity>,
    /// The number of rows in quarantine.
    pub quarantined: u64,
    pub(crate) windows: usize,
    pub(crate) models: usize,
}

/// One step on the way of the rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FlowStep {
    /// The state of the rows after this step, such as `sealed`.
    pub name: &'static str,
    /// The number of rows that have passed this step; `None` if the stage is silent or has never reported.
    pub rows: Option<u64>,
    /// The text to show: a number, or the time since the stage last reported.
    pub text: String,
    /// Further text to show, such as the number of windows.
    pub detail: String,
    /// `true` if the stage has reported before and is silent now.
    pub is_silent: bool,
}

/// The present work of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageActivity {
    /// The name of the stage, as in `consumer`.
    pub name: &'static str,
    /// The activity, as in `fills window 12: 1,200 of 4,000 rows`.
    pub text: String,
}

pub(super) struct FlowInputs<'a> {
    pub(super) heard: &'a BTreeMap<Stage, StageReport>,
    pub(super) windows: &'a [SealedWindow],
    pub(super) end: Option<&'a StreamEnd>,
    pub(super) trained: TrainingProgress,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct TrainingProgress {
    /// The newest window up to which all have models, or the record of why there is none; 0 before the first.
    pub(super) window: u32,
    pub(super) models: usize,
}

impl Flow {
    pub(super) fn of(parts: &FlowInputs<'_>) -> Self {
        let is_complete = parts.end.is_some_and(|end| parts.trained.window >= end.windows);
        // A stage that has finished its work may be silent, even if it was killed.
        let heard = |stage: Stage| {
            let is_done = if stage == Stage::Trainer { is_complete } else { parts.end.is_some() };
            let heard = parts.heard.get(&stage)?;
            Some(if is_done { StageReport { is_over: true, silent_for: None, ..*heard } } else { *heard })
        };
        let rows = |until: u32| -> u64 {
            parts.windows.iter().take_while(|window| window.window.get() <= until).map(|window| window.rows).sum()
        };
        let sealed = rows(u32::MAX);
        let in_files: u64 = parts.windows.iter().map(|window| window.quarantined).sum();
        let consumer = heard(Stage::Consumer);
        let at_work = consumer.filter(|consumer| !consumer.is_over && consumer.silent_for.is_none());
        // A report from before the newest window was sealed counts rows that are among the sealed ones already.
        let newest = parts.windows.last().map_or(0, |window| u64::from(window.window.get()));
        let is_open = |counts: &Counts| counts.window == 0 || counts.window > newest;
        let open = at_work.filter(|consumer| is_open(&consumer.counts));
        let open = open.map_or(0, |consumer| consumer.counts.window_rows);
        let quarantined = at_work.map_or(0, |consumer| consumer.counts.quarantined).max(in_files);
        let lag = if parts.end.is_some() { Some(0) } else { at_work.and_then(|consumer| consumer.counts.lag) };
        let read = sealed + in_files + open + lag.unwrap_or(0);
        let producer = heard(Stage::Producer);
        let dataset_rows = producer.map(|producer| producer.counts.dataset).filter(|rows| *rows > 0);
        // Another kind of producer reports no counters. The topic then holds the messages read and the lag.
        let in_topic = match producer.filter(|producer| producer.silent_for.is_none()) {
            Some(producer) => Some(producer.counts.delivered.max(read)),
            None if parts.end.is_some() || at_work.is_some() => Some(read),
            None => None,
        };
        // The stages report at different moments. A row that is in the topic has been sent.
        let sent = producer.map(|producer| producer.counts.sent.max(in_topic.unwrap_or(0)));
        let sealed_windows = parts.windows.len();
        let of_dataset = dataset_rows.map_or_else(String::new, |rows| format!("of {}", thousands(rows)));
        let windows = counted(sealed_windows as u64, "window", "windows");
        let (trained, models) = (Some(rows(parts.trained.window)), parts.trained.models);
        let trained_windows = counted(u64::from(parts.trained.window), "window", "windows");
        let lag_told = lag.map_or_else(String::new, |lag| format!("lag {}", thousands(lag)));
        let steps = vec![
            FlowStep::new("sent", producer.as_ref(), sent, &of_dataset),
            FlowStep::new("in the topic", None, in_topic, &lag_told),
            FlowStep::new("sealed", consumer.as_ref(), Some(sealed), &windows),
            FlowStep::new("trained", heard(Stage::Trainer).as_ref(), trained, &trained_windows),
            FlowStep {
                name: "served",
                rows: trained,
                text: thousands(models as u64),
                detail: if models == 1 { "model" } else { "models" }.to_owned(),
                is_silent: false,
            },
        ];
        let share = dataset_rows.map(|rows| 100 * (sealed + in_files + open).min(rows) / rows);
        let state = state(parts, is_complete, share, lag);
        let stages = activities(parts, is_complete);
        Self { state, is_complete, dataset_rows, lag, steps, stages, quarantined, windows: sealed_windows, models }
    }
}

/// Returns what each stage does now. A stage that has never reported may be another program, or may not run.
fn activities(parts: &FlowInputs<'_>, is_complete: bool) -> Vec<StageActivity> {
    let activity = |stage: Stage| {
        let heard = parts.heard.get(&stage);
        let is_done = if stage == Stage::Trainer { is_complete } else { parts.end.is_some() };
        let text = match (stage, heard) {
            (Stage::Producer, _) if is_done => "has sent all rows".to_owned(),
            (Stage::Consumer, _) if is_done => "has sealed all windows".to_owned(),
            (Stage::Trainer, _) if is_done => "has trained on all windows".to_owned(),
            (_, None) => "has not reported".to_owned(),
            (_, Some(StageReport { silent_for: Some(silence), .. })) => {
                format!("last heard {} ago", duration(*silence))
            }
            (_, Some(heard)) => working(stage, &heard.counts, parts),
        };
        let left = heard.filter(|heard| stage == Stage::Trainer && !heard.is_over && heard.silent_for.is_none());
        let text = match left.and_then(|heard| heard.counts.study_left).filter(|left| *left > 0) {
            Some(left) => format!("{text}; models for the advice: about {} left", duration(Duration::from_secs(left))),
            None => text,
        };
        StageActivity { name: stage.name(), text }
    };
    Stage::ALL.map(activity).to_vec()
}

/// Returns what a stage that reports does now.
fn working(stage: Stage, counts: &Counts, parts: &FlowInputs<'_>) -> String {
    let of = |all: u64| if all > 0 { format!(" of {}", thousands(all)) } else { String::new() };
    match stage {
        Stage::Producer => format!("sends rows: {}{}", thousands(counts.sent), of(counts.dataset)),
        Stage::Consumer if counts.window > 0 => {
            let rows = format!("{}{}", thousands(counts.window_rows), of(counts.window_expected));
            format!("fills window {}: {rows} rows", counts.window)
        }
        Stage::Consumer => "waits for rows".to_owned(),
        Stage::Trainer => {
            let sealed = parts.windows.last().map_or(0, |window| window.window.get());
            let next = parts.trained.window + 1;
            if sealed >= next { format!("trains on window {next}") } else { format!("waits for window {next}") }
        }
    }
}

fn state(parts: &FlowInputs<'_>, is_complete: bool, share: Option<u64>, lag: Option<u64>) -> String {
    if is_complete {
        return "complete".to_owned();
    }
    let is_waited_for = |stage: Stage| stage == Stage::Trainer || parts.end.is_none();
    let silent = parts.heard.iter().filter(|(stage, _)| is_waited_for(**stage));
    let silent = silent.filter_map(|(stage, heard)| Some((stage, heard.silent_for?))).next();
    if let Some((stage, silence)) = silent {
        return format!("{} last heard {} ago", stage.name(), duration(silence));
    }
    if let Some(end) = parts.end {
        let left = end.windows.saturating_sub(parts.trained.window);
        return format!("all rows sealed, {} to train", counted(u64::from(left), "window", "windows"));
    }
    match (share, lag) {
        (Some(share), Some(lag)) => format!("{share}%, lag {}", thousands(lag)),
        (Some(share), None) => format!("{share}%"),
        (None, Some(lag)) => format!("live, lag {}", thousands(lag)),
        (None, None) if parts.heard.is_empty() && parts.windows.is_empty() => "waiting for the first row".to_owned(),
        (None, None) if parts.heard.is_empty() => "no stage has reported".to_owned(),
        (None, None) => "starting".to_owned(),
    }
}

impl FlowStep {
    fn new(name: &'static str, heard: Option<&StageReport>, rows: Option<u64>, detail: &str) -> Self {
        let silence = heard.and_then(|heard| heard.silent_for);
        let rows = rows.filter(|_| silence.is_none());
        let text = match (silence, rows) {
            (Some(silence), _) => format!("last heard {} ago", duration(silence)),
            (None, Some(rows)) => thousands(rows),
            (None, None) => "no report".to_owned(),
        };
        let detail = if rows.is_some() { detail.to_owned() } else { String::new() };
        Self { name, rows, text, detail, is_silent: silence.is_some() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windrow_record::WindowIndex;
    use windrow_windows::FileDigest;

    fn window(number: u32) -> SealedWindow {
        let (window, reason) = (WindowIndex::new(number).expect("from 1"), String::new());
        let (rows, labelled, quarantined, repeated) = (100, 90, 1, 0);
        let file = FileDigest { bytes: 9, sha256: String::new() };
        SealedWindow { window, rows, labelled, quarantined, repeated, file, reason, times: None }
    }

    fn heard(counts: Counts, silent: Option<u64>) -> StageReport {
        StageReport { counts, is_over: false, silent_for: silent.map(Duration::from_secs) }
    }

    fn flow(heard: &[(Stage, StageReport)], windows: u32, trained: u32) -> Flow {
        let (heard, windows) = (heard.iter().copied().collect(), (1..=windows).map(window).collect::<Vec<_>>());
        let trained = TrainingProgress { window: trained, models: 2 * trained as usize };
        Flow::of(&FlowInputs { heard: &heard, windows: &windows, end: None, trained })
    }

    #[test]
    fn the_flow_follows_from_reported_statuses_and_stored_files() {
        assert_eq!(flow(&[], 0, 0).state, "waiting for the first row");
        let sending = Counts { dataset: 1000, sent: 450, delivered: 440, ..Counts::default() };
        let storing = Counts { window_rows: 8, lag: Some(30), quarantined: 3, ..Counts::default() };
        let producer = (Stage::Producer, heard(sending, None));
        let live = flow(&[producer, (Stage::Consumer, heard(storing, None))], 4, 3);
        assert_eq!(live.state, "41%, lag 30");
        let listed: Vec<(&str, Option<u64>)> = live.steps.iter().map(|step| (step.text.as_str(), step.rows)).collect();
        let expected = [("450", 450), ("442", 442), ("400", 400), ("300", 300), ("6", 300)];
        let expected = expected.map(|(text, rows)| (text, Some(rows)));
        assert_eq!(listed, expected, "what was read is in the topic, confirmed or not");
        assert_eq!((live.quarantined, live.models, live.windows), (4, 6, 4));
        let before = Counts { window: 4, window_rows: 99, ..storing };
        let before = flow(&[producer, (Stage::Consumer, heard(before, None))], 4, 3);
        assert_eq!((before.steps[0].rows, before.steps[1].rows), (Some(450), Some(440)), "no row is counted twice");
        let does = |flow: &Flow| flow.stages.iter().map(|stage| stage.text.clone()).collect::<Vec<_>>();
        assert_eq!(does(&live), ["sends rows: 450 of 1,000", "waits for rows", "has not reported"]);
        let filling = Counts { window: 5, window_rows: 8, window_expected: 100, ..storing };
        let stages = [(Stage::Consumer, heard(filling, None)), (Stage::Trainer, heard(Counts::default(), None))];
        let expected = ["has not reported", "fills window 5: 8 of 100 rows", "trains on window 4"];
        assert_eq!(does(&flow(&stages, 4, 3)), expected);
        assert_eq!(does(&flow(&stages, 4, 4))[2], "waits for window 5");
        let fitting = Counts { study_left: Some(180), ..Counts::default() };
        let of_trainer = |report: StageReport| does(&flow(&[(Stage::Trainer, report)], 4, 4)).remove(2);
        let expected = "waits for window 5; models for the advice: about 3 min left";
        assert_eq!(of_trainer(heard(fitting, None)), expected);
        assert_eq!(of_trainer(heard(fitting, Some(9))), "last heard 9 s ago", "never a stale estimate");
        let ending = Counts { study_left: Some(0), ..Counts::default() };
        assert_eq!(of_trainer(heard(ending, None)), "waits for window 5", "less than a second is left");
        let silent = flow(&[producer, (Stage::Consumer, heard(storing, Some(12)))], 4, 3);
        assert_eq!(does(&silent)[1], "last heard 12 s ago");
        assert_eq!(silent.state, "consumer last heard 12 s ago");
        assert_eq!((silent.steps[2].text.as_str(), silent.steps[2].rows), ("last heard 12 s ago", None));
        assert_eq!(silent.lag, None, "never a stale number");
        let foreign = flow(&[(Stage::Consumer, heard(storing, None))], 4, 4);
        assert_eq!((foreign.steps[0].text.as_str(), foreign.steps[1].rows), ("no report", Some(442)));
        assert_eq!(foreign.state, "live, lag 30");
    }

    #[test]
    fn a_stream_that_is_through_is_complete_when_all_is_trained() {
        let (windows, rows, quarantined, repeated) = (2, 200, 2, 0);
        let (repeated_offsets, deleted) = (Vec::new(), Vec::new());
        let end = StreamEnd { format: 1, windows, rows, quarantined, repeated, repeated_offsets, sent: None, deleted };
        // A consumer that was killed after its last row, or a member of a group.
        let killed = heard(Counts::default(), Some(7200));
        let (heard, windows) = (BTreeMap::from([(Stage::Consumer, killed)]), [window(1), window(2)]);
        let of = |window| {
            let trained = TrainingProgress { window, models: 1 };
            Flow::of(&FlowInputs { heard: &heard, windows: &windows, end: Some(&end), trained })
        };
        assert_eq!((of(1).state.as_str(), of(1).is_complete), ("all rows sealed, 1 window to train", false));
        assert_eq!((of(2).state.as_str(), of(2).is_complete, of(2).lag), ("complete", true, Some(0)));
        assert_eq!(of(1).steps[2].text, "200");
        let does: Vec<String> = of(2).stages.into_iter().map(|stage| stage.text).collect();
        assert_eq!(does, ["has sent all rows", "has sealed all windows", "has trained on all windows"]);
    }
}
