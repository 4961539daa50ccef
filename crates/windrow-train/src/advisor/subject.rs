//! The subject of the advice, in words.

use windrow_config::Pipeline;
use windrow_evaluation::Subject;
use windrow_record::display::month;
use windrow_windows::Manifest;

const DAY: f64 = 86_400.0;

/// Returns the subject of advice on a pipeline and its windows.
pub(super) fn subject(pipeline: &Pipeline, manifests: &[Manifest], repeats: bool) -> Subject {
    let times = || manifests.iter().map(|manifest| manifest.times);
    let first = times().find_map(|times| times.events).map(|events| events.first);
    let last = times().rev().find_map(|times| times.events).map(|events| events.last);
    let begin = times().find_map(|times| times.start().or(times.events.map(|events| events.first)));
    let end =
        times().rev().find_map(|times| times.span.map(|span| span.until).or(times.events.map(|events| events.last)));
    let whole = begin.zip(end);
    let windows = u32::try_from(manifests.len()).unwrap_or(u32::MAX);
    let days = whole.map(|(from, until)| (until - from) as f64 / DAY / f64::from(windows.max(1)));
    Subject {
        pipeline: pipeline.name.clone(),
        question: pipeline.target.question(),
        windows,
        unit: pipeline.window.plural(),
        span: first.zip(last).map(|(first, last)| format!("{} to {}", month(first), month(last))),
        days: days.filter(|days| *days > 0.0),
        note: note(pipeline, repeats.then_some(windows)),
    }
}

/// Returns a note on the evidence, if one is needed. `repeats` is the last window before rows repeat.
fn note(pipeline: &Pipeline, repeats: Option<u32>) -> Option<String> {
    let repeats = repeats.map(|windows| format!("Windows behind {windows} repeat rows, and are no evidence."));
    let is_timeless = pipeline.dataset.time.is_none();
    let timeless = is_timeless.then(|| "No column tells the time: the order of the rows is taken for it.".to_owned());
    let said: Vec<String> = repeats.into_iter().chain(timeless).collect();
    (!said.is_empty()).then(|| said.join(" "))
}
