//! The subject of the advice, in words.

use windrow_config::{Pipeline, WindowPolicy};
use windrow_evaluation::{Origin, Subject, WindowDates, WindowUnit};
use windrow_record::display::months;
use windrow_windows::Manifest;

const DAY: f64 = 86_400.0;

/// Returns the subject of advice on a pipeline and its windows.
pub(super) fn subject(pipeline: &Pipeline, manifests: &[Manifest], repeats: bool) -> Subject {
    let times = || manifests.iter().map(|manifest| manifest.times);
    let first = times().find_map(|times| times.events).map(|events| events.first);
    let last = times().rev().find_map(|times| times.events).map(|events| events.last);
    let begin = times().find_map(|times| times.start().or(times.events.map(|events| events.first)));
    let end = times().rev().find_map(|times| times.span.map(|span| span.until).or(times.events.map(|one| one.last)));
    let whole = begin.zip(end);
    let windows = u32::try_from(manifests.len()).unwrap_or(u32::MAX);
    let days = whole.map(|(from, until)| (until - from) as f64 / DAY / f64::from(windows.max(1)));
    Subject {
        origin: Origin::Pipeline,
        pipeline: pipeline.name.clone(),
        question: pipeline.target.question(),
        windows,
        unit: pipeline.window.plural(),
        window_unit: window_unit(pipeline.window),
        span: first.zip(last).map(|(first, last)| months(first, last)),
        days: days.filter(|days| *days > 0.0),
        dates: dates(manifests),
        note: note(pipeline, repeats.then_some(windows)),
        facts: Vec::new(),
    }
}

/// Returns the times at which the windows begin: the bounds of event windows, and the first rows of others.
fn dates(manifests: &[Manifest]) -> WindowDates {
    let begin = |manifest: &Manifest| {
        let times = manifest.times;
        times.start().or(times.events.map(|events| events.first))
    };
    let end = manifests.iter().rev().map(|manifest| manifest.times).find_map(|times| {
        // The end of a window is the moment after its last row.
        times.span.map(|span| span.until).or(times.events.map(|events| events.last.saturating_add(1)))
    });
    WindowDates::new(manifests.iter().map(begin), end)
}

/// Returns the unit of time that each window spans.
fn window_unit(window: WindowPolicy) -> WindowUnit {
    let WindowPolicy::Event { span, .. } = window else { return WindowUnit::Window };
    WindowUnit::named(span.unit())
}

/// Returns a note on the evidence, if one is needed. `repeats` is the last window before rows repeat.
fn note(pipeline: &Pipeline, repeats: Option<u32>) -> Option<String> {
    let repeats = repeats.map(|last| format!("The windows after window {last} repeat rows, so they are not used."));
    let is_timeless = pipeline.dataset.time.is_none();
    let timeless = is_timeless.then(|| "Without a time column, the order of the rows counts as their time.".to_owned());
    let notes: Vec<String> = repeats.into_iter().chain(timeless).collect();
    (!notes.is_empty()).then(|| notes.join(" "))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use windrow_config::EventSpan;

    #[test]
    fn windows_of_one_unit_of_time_are_named_by_it() {
        let cases = [
            ("1h", WindowUnit::Hour),
            ("day", WindowUnit::Day),
            ("1d", WindowUnit::Day),
            ("week", WindowUnit::Week),
            ("7d", WindowUnit::Week),
            ("month", WindowUnit::Month),
            ("quarter", WindowUnit::Quarter),
            ("14d", WindowUnit::Window),
        ];
        for (text, unit) in cases {
            let span = EventSpan::try_from(text.to_owned()).expect("a span");
            assert_eq!(window_unit(WindowPolicy::Event { span, lateness: Duration::ZERO }), unit, "{text}");
        }
        assert_eq!(window_unit(WindowPolicy::Every(Duration::from_secs(3_600))), WindowUnit::Window);
    }
}
