//! The evidence page: all policies, models by age, features that drifted, every model on every later window.

use std::collections::BTreeMap;

use maud::{Markup, PreEscaped, html};

use crate::dashboard::frame::{Page, View};
use crate::dashboard::listing::Listing;
use crate::dashboard::table::{self, cells};
use crate::dashboard::terms::{definitions, mark, marked};
use crate::dashboard::triangle::triangle;
use crate::dashboard::{picture, too_few};
use crate::terms::{ALARM, AUC, RECALIBRATE, WRONG_ANSWERS, comparison, how_to_check, subject, with_code};
use windrow_evaluation::plot::{AdvicePictures, Ages, AucCourse, Table, tables};
use windrow_evaluation::{Advice, NamedPolicyChange, Origin, Status, first_advice_sentence};
use windrow_record::Scheme;
use windrow_record::display::counted;

/// Maximum number of features that are listed.
const MAX_FEATURES: usize = 5;

pub(super) fn page(view: &View) -> Page {
    let origin = view.origin();
    let main = html! {
        h1 { "Evidence for the advice" }
        p.quiet { (marked(subject(origin), origin)) " " (marked(comparison(origin), origin)) }
        div #evidence data-live {
            @match view.snapshot.advice() {
                Some(advice) => {
                    (sentences(advice))
                    @if advice.recommendation.status == Status::TooFew && view.observed.flow.is_complete {
                        (too_few::advice(view))
                    }
                },
                None if view.observed.flow.is_complete => (too_few::advice(view)),
                None => {
                    p {
                        (first_advice_sentence(
                            view.pipeline.advise.histories.as_deref(),
                            view.pipeline.label_delay().windows,
                        ))
                    }
                },
            }
            @if let Some(advice) = view.snapshot.advice() { (policies(view, advice)) }
            div.two.even {
                div {
                    @if let Some(advice) = view.snapshot.advice() { (savings(view, advice)) (auc_by_window(view, advice)) }
                }
                div {
                    @if let Some(advice) = view.snapshot.advice() { (ages(advice)) (facts(advice)) }
                    @if origin == Origin::Pipeline {
                        h2 { "Features that drifted most" }
                        (drifted(view))
                        h2 { "Every model on every later window" }
                        (triangles(view))
                    }
                }
            }
        }
        (definitions(origin))
    };
    Page::new("evidence", main)
}

fn sentences(advice: &Advice) -> Markup {
    // The first of the changes is the first advice.
    let times = advice.recommendation.changes.len().saturating_sub(1);
    html! {
        @for sentence in &advice.recommendation.sentences { p { (sentence) } }
        @if times > 0 {
            details {
                summary { "The advice has changed " (counted(times as u64, "time", "times")) }
                ul { @for change in &advice.recommendation.changes { li { (dated(advice, change)) ": " (change.policy.name(advice.subject.window_unit)) } } }
            }
        }
    }
}

/// Returns the date and the number of the window after which the advice changed.
fn dated(advice: &Advice, change: &NamedPolicyChange) -> String {
    let dates = &advice.subject.dates;
    dates.date(change.window).map_or_else(|| change.label.clone(), |_| dates.name(change.window))
}

/// Shows every policy: planned, recalibration, refits on alarm, and following the advice. Lists when alarms rang and
/// when refits paid.
fn policies(view: &View, advice: &Advice) -> Markup {
    let origin = advice.subject.origin;
    html! {
        @if let Some(table) = &tables::policies(advice) {
            h2 { (table.heading) }
            p.quiet {
                "Recalibrate" (mark(&RECALIBRATE, origin)) ": only the intercept and the slope are fitted again. "
                @if origin != Origin::Log {
                    "On alarm" (mark(&ALARM, origin)) ": the model is refitted if "
                    @if origin == Origin::Pipeline { "the features drift (PSI) or " }
                    "the loss rises. "
                    @if advice.comparison.cost.is_some() {
                        "When it pays: the model is refitted once its extra errors have cost as much as a refit. "
                    }
                    "As advised: the model is refitted as this page would have advised at each window. "
                }
                "Wrong answers" (mark(&WRONG_ANSWERS, origin)) " are those at the threshold."
            }
            p { (table.note) }
            (policy_listing(view, table))
            @for table in [tables::alarms(advice), tables::refits_that_paid(advice)].iter().flatten() {
                (table::folded(table))
            }
        }
    }
}

fn policy_listing(view: &View, table: &Table) -> Markup {
    let header: Vec<&str> = table.header.iter().map(String::as_str).collect();
    let mut rows = table::rows_of(table);
    // The recommended policy is seen first, without scrolling.
    rows.sort_by_key(|row| !row.is_named);
    Listing { id: "policies", title: &table.heading, header: &header, rows }.show(&view.query)
}

/// Shows the log-loss saved, summed from window to window.
fn savings(view: &View, advice: &Advice) -> Markup {
    html! {
        @if let Some((plot, table)) = AdvicePictures::of(advice).as_ref().and_then(tables::savings) {
            h2 { "Log-loss saved" }
            p.quiet { (tables::SAVINGS) }
            figure.one { (picture::broad("Picture: log-loss saved", &picture::linked(view, &plot))) }
            (table::folded(&table))
        }
    }
}

/// Shows the facts on a table, and how its figures can be checked.
fn facts(advice: &Advice) -> Markup {
    html! {
        @if advice.subject.origin != Origin::Pipeline {
            h2 { "The table" }
            @for sentence in &advice.subject.facts { p { (sentence) } }
            h2 { "How to check it" }
            p { (PreEscaped(with_code(how_to_check(advice.subject.origin)))) " The numbers are also at " a href="/v1/advice" { "/v1/advice" } "." }
        }
    }
}

fn ages(advice: &Advice) -> Markup {
    html! {
        @if let Some(ages) = Ages::of(advice) {
            h2 { "A model and its age" }
            figure.one { (PreEscaped(ages.draw().inline())) }
            (table::folded(&ages.table()))
        }
    }
}

/// Shows the AUC by window of the recommended policy, of fit once, and of all history.
fn auc_by_window(view: &View, advice: &Advice) -> Markup {
    html! {
        @if let Some((course, table)) = AucCourse::of(advice).zip(tables::auc_by_window(advice)) {
            h2 { (table.heading) " " (mark(&AUC, advice.subject.origin)) }
            figure.one { (picture::broad("Picture: AUC by window", &picture::linked(view, &course.draw()))) }
            details {
                summary { "The numbers in the picture" }
                (table::table_with_note(&table))
            }
        }
    }
}

/// Lists the features whose distribution differs most from that of the first full window. Parts of the calendar are not
/// ranked.
fn drifted(view: &View) -> Markup {
    struct DriftSummary {
        largest: f64,
        window: String,
        shifted: usize,
    }
    let dates = view.dates();
    let mut found: BTreeMap<&str, DriftSummary> = BTreeMap::new();
    let compared = || view.snapshot.windows().filter(|report| report.drift_since_first.is_some());
    // The first reports may have been made before the first full window was known.
    let reference = compared().filter_map(|report| report.first_full).max();
    let mut windows = 0;
    for report in compared().filter(|report| report.first_full == reference) {
        let Some(drift) = &report.drift_since_first else { continue };
        windows += 1;
        for feature in drift.without_calendar() {
            let none = DriftSummary { largest: f64::MIN, window: String::new(), shifted: 0 };
            let one = found.entry(&feature.feature).or_insert(none);
            if feature.psi > one.largest {
                (one.largest, one.window) = (feature.psi, dates.name(report.window.get()));
            }
            one.shifted += usize::from(feature.is_shift());
        }
    }
    let mut found: Vec<(&str, DriftSummary)> = found.into_iter().collect();
    found.sort_by(|(_, one), (_, other)| other.largest.total_cmp(&one.largest));
    if windows == 0 {
        return html! { p { "This needs two full windows." } };
    }
    if found.is_empty() {
        return html! { p { "All features are parts of the calendar, which always change with time." } };
    }
    let reference = reference.and_then(|reference| view.snapshot.window(reference));
    let reference = reference.map_or_else(String::new, |report| format!(" ({})", dates.name(report.window.get())));
    let row = |(name, one): &(&str, DriftSummary)| {
        cells![name, format!("{:.3}", one.largest), one.window, format!("{} of {windows}", one.shifted)]
    };
    let rows = found.iter().take(MAX_FEATURES).map(row);
    html! {
        p.quiet {
            "The population stability index compares each window with the first full one" (reference) ". A feature has "
            "shifted if its index is above 0.1 and above what chance explains. The picture of models by age shows "
            "whether that matters. Parts of the calendar are left out: they always change with time."
        }
        (table::of("Features that drifted most", &["feature", "largest index", "in", "windows with a shift"], rows))
    }
}

/// Draws the models of one scheme on all later windows.
fn triangles(view: &View) -> Markup {
    // Models that only the advice needs are not scored on later windows.
    let scored = view.snapshot.models().filter(|model| !model.artifact().is_for_advice);
    let mut schemes: Vec<Scheme> = scored.map(|model| model.id().scheme).collect();
    schemes.sort_unstable();
    schemes.dedup();
    let asked = view.query.get("recipe");
    let chosen = schemes.iter().find(|scheme| asked.is_some_and(|asked| scheme.to_string() == *asked));
    let Some(chosen) = chosen.or(schemes.first()).copied() else {
        return html! { p { "There is no model yet." } };
    };
    html! {
        nav.choice aria-label="Schemes" {
            @for scheme in &schemes {
                a href={ "/evidence?recipe=" (scheme) } aria-current=[(*scheme == chosen).then_some("true")] { (scheme) }
            }
        }
        @match triangle(&view.snapshot, view.dates(), chosen) {
            Some(triangle) => figure.wide { (picture::broad("Picture: every model on every later window", &PreEscaped(triangle.draw().inline()))) },
            None => p { "This needs two windows with models." },
        }
    }
}
