//! The page of one model: its card, the reliability of its probabilities, its coefficients over time, its lineage.

use std::sync::Arc;

use maud::{Markup, PreEscaped, html};

use crate::dashboard::frame::{Page, View};
use crate::dashboard::listing::Listing;
use crate::dashboard::models::aliases;
use crate::dashboard::numbers::{NO_COEFFICIENTS, bytes, digest, score, score_or_dash};
use crate::dashboard::picture;
use crate::dashboard::table::{self, Row, cells};
use crate::nearest::nearest_known;
use windrow_evaluation::plot::{Bin, Curve, Multiples, Reliability};
use windrow_learn::model::{
    Acceptance, Coefficient, ConfusionMatrix, Fitted, Foreign, Learned, Logistic, Outcome, Recalibration, Score,
    WindowLineage,
};
use windrow_record::display::{counted, excerpt, percent, thousands};
use windrow_registry::Model;

/// Maximum number of characters of an unknown name that the page repeats.
const MAX_EXCERPT: usize = 60;
/// Maximum number of coefficients that are drawn across windows.
const MAX_CURVES: usize = 8;

pub(super) fn page(view: &View) -> Page {
    let name = &view.name;
    let model = match view.snapshot.resolve(name) {
        Ok(model) => model,
        Err(unknown) => {
            let sentence = match nearest_known(name, &unknown.known).as_slice() {
                [] => format!("There is no model yet: {}.", view.observed.flow.state),
                nearest => format!("The nearest are {}; the page of the models lists all.", nearest.join(", ")),
            };
            return Page::missing(format!("There is no model {}", excerpt(name, MAX_EXCERPT)), &sentence);
        }
    };
    let main = html! {
        h1 { (model.name()) }
        div #model data-live {
            div.two.even {
                div {
                    (card(view, model))
                    @if let Some(learned) = model.learned() {
                        p.pages.screen {
                            a href={ "/try?model=" (model.name()) } { "Try it" }
                            @if let Some(before) = before(view, model) {
                                a href={ "/compare?first=" (before.name()) "&second=" (model.name()) } { "Compare with " (before.name()) }
                            }
                            a href={ "/v1/models/" (model.name()) } { "The card as JSON" }
                        }
                        @if let Some((of, on)) = judged(view, model, learned) {
                            (reliability(of, on))
                            (answers(of, on, learned.threshold))
                        }
                    }
                    (lineage(view, model))
                }
                div {
                    @match model.learned().map(|learned| &learned.fitted) {
                        Some(Fitted::Logistic(logistic)) => (coefficients(view, model, logistic)),
                        Some(Fitted::Foreign(_)) => { h2 { "What moves the probability" } p { (NO_COEFFICIENTS) } },
                        None => {},
                    }
                }
            }
        }
    };
    Page::new(model.name(), main)
}

/// Returns the fitted model of the same scheme before a model.
fn before<'v>(view: &'v View, model: &Model) -> Option<&'v Arc<Model>> {
    let id = model.id();
    let is_before = |other: &&Arc<Model>| other.id().scheme == id.scheme && other.id().window < id.window;
    view.snapshot.models().rev().filter(is_before).find(|other| other.learned().is_some())
}

fn card(view: &View, model: &Model) -> Markup {
    let artifact = model.artifact();
    let aliases = aliases(&view.snapshot, model);
    let (rows, positives) = (artifact.lineage.fit_rows, artifact.lineage.fit_positives);
    html! {
        dl.card {
            div { dt { "Predicts" } dd { (view.pipeline.target.question()) } }
            @if !aliases.is_empty() { div { dt { "Aliases" } dd { (aliases) } } }
            @if artifact.is_for_advice { div { dt { "Made for" } dd { "the alias advised, as the advice asks" } } }
            @if let Some(found) = &artifact.lineage.recalibration { div { dt { "Recalibrated" } dd { (recalibration(view, found)) } } }
            div { dt { "Learned from" } dd { (learned_from(view, model)) ": " (thousands(rows)) " rows, " (percent(positives as f64 / rows.max(1) as f64, 1)) " positive" } }
            @match &artifact.outcome {
                Outcome::Refused { reason } => div { dt { "No model" } dd { (reason) } },
                Outcome::Learned(learned) => (fitted(view, model, learned)),
            }
            @if let Acceptance::Rejected { reason } = &artifact.verdict { div { dt { "Rejected" } dd { (reason) } } }
            div { dt { "Made" } dd { (artifact.created) } }
        }
    }
}

/// Returns the dates of the windows that a model learned from, with their numbers.
fn learned_from(view: &View, model: &Model) -> String {
    let lineage = &model.artifact().lineage;
    let ends = lineage.windows.first().zip(lineage.windows.last());
    let dates = ends.and_then(|(first, last)| view.dates().range(first.window.get(), last.window.get()));
    dates.map_or_else(|| lineage.span(), |dates| format!("{dates} ({})", lineage.span()))
}

/// Describes a recalibration, with a link to the fitted model.
fn recalibration(view: &View, found: &Recalibration) -> Markup {
    let sign = if found.intercept < 0.0 { "\u{2212}" } else { "+" };
    html! {
        "on " (view.dates().name(found.window.get())) ", " (thousands(found.rows)) " rows: the log-odds of "
        a href={ "/models/" (found.model) } { (found.model) }
        " times " (score(found.slope)) " " (sign) " " (score(found.intercept.abs()))
    }
}

fn fitted(view: &View, model: &Model, learned: &Learned) -> Markup {
    let next = view.snapshot.score_on_next_window(model.id());
    let holdout = learned.scores.get("holdout");
    html! {
        @if !model.artifact().is_for_advice { div { dt { "On the next window" } dd { (describe_score(next)) } } }
        @if !model.id().is_recalibrated() { div { dt { "On held-out rows" } dd { (describe_score(holdout)) } } }
        div { dt { "Threshold" } dd { "positive if the probability is at least " (learned.threshold) } }
        div {
            dt { "Fit" }
            dd {
                @match &learned.fitted {
                    Fitted::Logistic(logistic) => (by_solver(logistic)),
                    Fitted::Foreign(foreign) => (by_learner(foreign)),
                }
            }
        }
    }
}

fn by_solver(logistic: &Logistic) -> Markup {
    let solver = &logistic.solver;
    html! {
        (solver.method.name()) ", penalty " (solver.l2) ", " (solver.passes) " passes; "
        @if solver.converged { "converged" } @else { strong.bad { "not converged" } }
    }
}

/// Describes the learner outside of this program that fitted a model, and the files of the model.
fn by_learner(foreign: &Foreign) -> Markup {
    let versions: Vec<String> =
        foreign.learner.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    html! {
        (foreign.learner.name) " (" (versions.join(", ")) "), code " code { (digest(&foreign.learner.digest)) }
        ", seed " (foreign.seed) ", " (bytes(foreign.bytes)) " in "
        (counted(foreign.files, "file", "files")) ", digest " code { (digest(&foreign.digest)) }
    }
}

/// Describes a score, compared with always predicting the share of positives.
fn describe_score(score: Option<&Score>) -> String {
    let Some(of) = score else { return "not scored yet".to_owned() };
    let auc = of.auc.map_or_else(String::new, |auc| format!(", AUC {auc:.3}"));
    let (loss, baseline) = (score_or_dash(Some(of.log_loss)), score_or_dash(Some(of.baseline_log_loss)));
    format!("log-loss {loss} (baseline {baseline}: always the share of positives){auc}, {} rows", thousands(of.rows))
}

/// Returns the score that shows most about a model, with the name of the rows: that on the next window or, before that
/// is there, on held-out rows.
fn judged<'v>(view: &'v View, model: &Model, learned: &'v Learned) -> Option<(&'v Score, &'static str)> {
    let next = view.snapshot.score_on_next_window(model.id()).map(|score| (score, "the next window"));
    next.or_else(|| learned.scores.get("holdout").map(|score| (score, "held-out rows")))
}

fn reliability(of: &Score, on: &str) -> Markup {
    let bins = of.reliability.iter().filter_map(|bin| {
        let (predicted, observed) = (bin.mean_probability?, bin.positive_share?);
        Some(Bin { predicted, observed, rows: bin.rows, ends: (bin.from, bin.to) })
    });
    let bins: Vec<Bin> = bins.collect();
    let agreeing = bins.iter().filter(|bin| bin.agrees()).count();
    let title = format!("On {on}, {agreeing} of {} bins agree with the predictions", bins.len());
    let picture = Reliability { title, bins };
    let row = |bin: &Bin| {
        let (low, high) = bin.interval();
        let interval = format!("{} to {}", percent(low, 0), percent(high, 0));
        cells![percent(bin.predicted, 0), percent(bin.observed, 0), interval, thousands(bin.rows)]
    };
    let rows = picture.bins.iter().map(row);
    html! {
        h2 { "Are its probabilities calibrated?" }
        figure.one #reliability { (PreEscaped(picture.draw().linked())) }
        details {
            summary { "The numbers in the picture" }
            (table::of("Reliability", &["predicted", "observed", "95% interval", "rows"], rows))
            p.quiet { "Expected calibration error: " (format!("{:.1}", 100.0 * of.calibration_error)) " points, " (thousands(of.rows)) " rows." }
        }
    }
}

/// Shows the answers at the threshold by prediction and truth, with the shares that are right.
fn answers(of: &Score, on: &str, threshold: f64) -> Markup {
    let ConfusionMatrix { true_positives, false_positives, true_negatives, false_negatives } = of.confusion;
    let share = |right: u64, wrong: u64| {
        let all = right + wrong;
        if all > 0 { percent(right as f64 / all as f64, 1) } else { "\u{2013}".to_owned() }
    };
    let (right, wrong) = (true_positives + true_negatives, false_positives + false_negatives);
    let rows = [
        cells![
            "positive",
            thousands(true_positives),
            thousands(false_negatives),
            share(true_positives, false_negatives)
        ],
        cells![
            "negative",
            thousands(false_positives),
            thousands(true_negatives),
            share(true_negatives, false_positives)
        ],
        cells![
            "right",
            share(true_positives, false_positives),
            share(true_negatives, false_negatives),
            share(right, wrong)
        ],
    ];
    html! {
        h2 { "Are its answers right?" }
        p {
            "On " (on) ", at the threshold " (threshold) ": " (thousands(wrong)) " of " (thousands(of.rows))
            " answers are wrong, " (thousands(false_positives)) " false alarms and " (thousands(false_negatives))
            " misses. To predict the more frequent class of the training rows for every row is right for "
            (percent(of.baseline_accuracy, 1)) "."
        }
        (table::of("Answers at the threshold", &["truth", "predicted positive", "predicted negative", "right"], rows.into_iter()))
    }
}

fn coefficients(view: &View, model: &Model, logistic: &Logistic) -> Markup {
    let mut largest: Vec<&Coefficient> = logistic.coefficients.iter().collect();
    largest.sort_by(|one, other| other.weight.abs().total_cmp(&one.weight.abs()));
    let row = |one: &&Coefficient| {
        let ratio = one.odds_ratio.map(|ratio| format!("{ratio:.3}"));
        let name = html! { span.long { (one.name) } };
        cells![name, score(one.weight), score_or_dash(one.standard_error), ratio.unwrap_or_default()]
    };
    let rows = largest.iter().map(|one| Row::from(row(one))).collect();
    let header = ["coefficient", "weight (log-odds)", "standard error", "odds ratio"];
    let listing = Listing { id: "coefficients", title: "Coefficients, the largest first", header: &header, rows };
    let followed: Vec<&str> = largest.iter().take(MAX_CURVES).map(|one| one.name.as_str()).collect();
    html! {
        h2 { "What moves the probability" }
        @if let Some(multiples) = across_windows(view, model, &followed) {
            figure.wide { (picture::broad("Picture: coefficients across windows", &PreEscaped(multiples.draw().inline()))) }
        }
        p.quiet {
            "The weight of a number is for one standard deviation. The weight of a level is for the rows with this level."
            @if model.id().is_recalibrated() {
                " All weights, and their standard errors, are those of the fit times the slope. The errors hold for this "
                "slope and leave out its own error."
            }
        }
        (listing.show(&view.query))
    }
}

/// Draws the coefficients of the model's scheme across windows, up to this model. Returns `None` with fewer than two
/// fits. Recalibrated models are left out: their weights only differ by the slope.
fn across_windows(view: &View, model: &Model, names: &[&str]) -> Option<Multiples> {
    let id = model.id();
    let mut curves: Vec<Curve> =
        names.iter().map(|name| Curve { name: (*name).to_owned(), values: Vec::new() }).collect();
    let mut fits = 0_u32;
    let same = |other: &&Arc<Model>| {
        other.id().scheme == id.scheme && other.id().window <= id.fit().window && !other.id().is_recalibrated()
    };
    for other in view.snapshot.models().filter(same) {
        let Some(logistic) = other.artifact().logistic() else { continue };
        fits += 1;
        for (name, curve) in names.iter().zip(&mut curves) {
            let found = logistic.coefficients.iter().find(|one| one.name == *name);
            curve.values.extend(found.map(|one| (other.id().window.get(), one.weight)));
        }
    }
    let first = curves.iter().filter_map(|curve| curve.values.first()).map(|(window, _)| *window).min()?;
    let turned = curves.iter().filter(|curve| {
        curve.values.iter().any(|(_, value)| *value > 0.0) && curve.values.iter().any(|(_, value)| *value < 0.0)
    });
    let title = match turned.count() {
        0 => format!("None of its largest coefficients changed sign in {fits} fits"),
        turned => format!("{turned} of its {} largest coefficients changed sign in {fits} fits", curves.len()),
    };
    let windows = (first, id.fit().window.get());
    let (unit, dates) = ("log-odds".to_owned(), view.dates());
    (fits > 1).then_some(Multiples { title, unit, windows, dates, curves })
}

fn lineage(view: &View, model: &Model) -> Markup {
    let lineage = &model.artifact().lineage;
    let dates = view.dates();
    let row = |window: &WindowLineage| {
        cells![
            view.window_link(&dates, window.window),
            window.window,
            thousands(window.rows),
            thousands(window.labelled),
            html! { code { (digest(&window.sha256)) } },
        ]
    };
    let rows = lineage.windows.iter().rev().map(|window| Row::from(row(window))).collect();
    let header = ["period", "window", "rows", "labelled", "sha256"];
    let listing = Listing { id: "lineage", title: "Windows that the model was made from", header: &header, rows };
    html! {
        h2 { "Training data" }
        p { "Lineage " a href={ "/v1/lineage/" (lineage.id) } { code { (lineage.id) } } ": models with the same lineage were trained on the same bytes." }
        (listing.show(&view.query))
    }
}
