//! The page of two models side by side.

use std::sync::Arc;

use maud::{Markup, html};

use crate::comparison::{self, Pair};
use crate::dashboard::frame::{Page, View};
use crate::dashboard::listing::Listing;
use crate::dashboard::numbers::{NO_COEFFICIENTS, score_or_dash};
use crate::dashboard::picture;
use crate::dashboard::table::{self, Row, cells};
use windrow_evaluation::plot::{CumulativePlot, PairCourse};
use windrow_evaluation::{Contrast, WindowDates};
use windrow_learn::model::Learned;
use windrow_record::WindowIndex;
use windrow_record::display::{counted, excerpt, thousands};
use windrow_registry::{ADVISED, Model};

/// Maximum number of models that the form offers: the newest ones, and those with an alias.
const MAX_OFFERED: usize = 500;
/// Maximum number of characters of an unknown name that the page repeats.
const MAX_EXCERPT: usize = 60;
/// The minimum number of windows for an interval of the mean difference.
const MIN_WINDOWS: usize = 12;

/// A window on which both models were scored.
struct CommonWindow {
    window: WindowIndex,
    rows: u64,
    /// The log-loss per row of each model.
    losses: [f64; 2],
    /// The other scores of each model.
    others: [OtherScores; 2],
}

/// The scores of a model on a window, except its log-loss.
#[derive(Default, Clone, Copy)]
struct OtherScores {
    auc: Option<f64>,
    brier: f64,
    accuracy: f64,
}

pub(super) fn page(view: &View) -> Page {
    let named = |parameter: &str| view.query.get(parameter).map(String::as_str).filter(|name| !name.is_empty());
    let first = named("first").unwrap_or("champion");
    let second = named("second").unwrap_or_else(|| other_than(view, first));
    let fitted = |name: &str| view.snapshot.resolve(name).ok().filter(|model| model.learned().is_some()).cloned();
    let found = fitted(first).zip(fitted(second));
    let unknown = [first, second].into_iter().find(|name| fitted(name).is_none());
    let main = html! {
        h1 { "Two models side by side" }
        (form(view, first, second))
        div #compared data-live {
            @match (&found, unknown) {
                (Some((first, second)), _) => (compared(view, first, second)),
                (None, Some(name)) => p { "There is no fitted model " (excerpt(name, MAX_EXCERPT)) " yet." },
                (None, None) => {},
            }
        }
    };
    Page::new("two models", main)
}

/// Returns the alias `advised` or, if it is the same model as `first`, the name of the newest other one.
fn other_than<'v>(view: &'v View, first: &str) -> &'v str {
    let id = |name: &str| view.snapshot.resolve(name).ok().map(|model| model.id());
    let own = id(first);
    if own.is_none() || id(ADVISED) != own {
        return ADVISED;
    }
    let mut models = view.snapshot.models().rev();
    let other = models.find(|model| model.learned().is_some() && Some(model.id()) != own);
    other.map_or(ADVISED, |model| model.name())
}

fn form(view: &View, first: &str, second: &str) -> Markup {
    let models = || view.snapshot.models().rev().filter(|model| model.learned().is_some()).take(MAX_OFFERED);
    let choice = |name: &str, label: &str, chosen: &str| {
        html! {
            label for=(name) { (label) }
            select id=(name) name=(name) {
                @for (alias, model) in view.snapshot.named() {
                    option value=(alias) selected[alias == chosen] { (alias) " (" (model.name()) ")" }
                }
                @for model in models() {
                    option value=(model.name()) selected[model.name() == chosen] { (model.name()) }
                }
            }
        }
    };
    html! {
        form.choose action="/compare" method="get" {
            (choice("first", "First", first))
            (choice("second", "Second", second))
            button type="submit" { "Compare" }
        }
    }
}

fn compared(view: &View, first: &Arc<Model>, second: &Arc<Model>) -> Markup {
    let Some((own, other)) = first.learned().zip(second.learned()) else { return html! {} };
    let windows = common(view, first, second);
    html! {
        p.pages.screen {
            a href={ "/models/" (first.name()) } { (first.name()) }
            a href={ "/models/" (second.name()) } { (second.name()) }
            a href={ "/v1/models/" (first.name()) "/diff/" (second.name()) } { "The comparison as JSON" }
        }
        div.two.even {
            div {
                (numbers(view, [first, second], [own, other]))
                (later_windows(view, [first, second], &windows))
            }
            div { (coefficients(view, [first, second], own, other)) }
        }
    }
}

/// Shows the numbers of both models.
fn numbers(view: &View, models: [&Arc<Model>; 2], learned: [&Learned; 2]) -> Markup {
    let [first, second] = models;
    let common = comparison::common_windows(first, second);
    let dates = view.dates();
    let lineage = |model: &Model| {
        let windows = &model.artifact().lineage.windows;
        let ends = windows.first().zip(windows.last());
        ends.map_or_else(String::new, |(first, last)| dates.range_name(first.window.get(), last.window.get()))
    };
    let rows = models.map(|model| Some(model.artifact().lineage.fit_rows as f64));
    let rows = Pair { first: rows[0], second: rows[1] };
    let whole = |number: Option<f64>| number.map_or_else(|| "\u{2013}".to_owned(), |number| thousands(number as u64));
    let change = rows.change();
    let change = format!("{}{}", if change < 0.0 { "-" } else { "+" }, thousands(change.abs() as u64));
    let mut shown = vec![cells!["rows", whole(rows.first), whole(rows.second), change]];
    let [first_intercept, second_intercept] = learned.map(|learned| Some(learned.logistic()?.intercept.weight));
    if first_intercept.is_some() || second_intercept.is_some() {
        shown.push(pair_row("intercept (log-odds)", Pair { first: first_intercept, second: second_intercept }));
    }
    for score in comparison::scores(learned[0], learned[1]) {
        let name = match score.name {
            "auc" => "AUC".to_owned(),
            "log_loss" => "log-loss".to_owned(),
            "brier" => "Brier score".to_owned(),
            other => other.replace('_', " "),
        };
        let name = format!("{name}, {} rows", score.on.replace("holdout", "held-out"));
        shown.push(pair_row(&name, score.value));
    }
    html! {
        h2 { "Training data" }
        dl.card {
            @for model in models { div { dt { (model.name()) } dd { (lineage(model)) } } }
            div { dt { "In both" } dd { (counted(common.len() as u64, "window", "windows")) } }
        }
        h2 { "Numbers" }
        p.quiet { "The held-out rows of two models differ. The later windows below are the same for both." }
        (table::of("Numbers of both models", &["number", first.name(), second.name(), "change"], shown.into_iter()))
    }
}

fn pair_row(name: &str, pair: Pair) -> Vec<Markup> {
    cells![
        html! { span.long { (name) } },
        score_or_dash(pair.first),
        score_or_dash(pair.second),
        format!("{:+.4}", pair.change())
    ]
}

fn coefficients(view: &View, models: [&Arc<Model>; 2], own: &Learned, other: &Learned) -> Markup {
    let pairs = comparison::coefficients(own, other);
    let rows = pairs.into_iter().map(|(name, pair)| Row::from(pair_row(name, pair))).collect();
    let header = ["coefficient", models[0].name(), models[1].name(), "change"];
    if own.logistic().is_none() && other.logistic().is_none() {
        return html! {
            h2 { "Coefficients" }
            p { (NO_COEFFICIENTS) }
        };
    }
    html! {
        h2 { "Coefficients, the largest change first" }
        p.quiet { "A number is for one standard deviation of the rows that each model was trained on." }
        (Listing { id: "coefficients", title: "Coefficients of both models", header: &header, rows }.show(&view.query))
    }
}

/// Returns the windows after the training windows of both models on which both were scored.
fn common(view: &View, first: &Model, second: &Model) -> Vec<CommonWindow> {
    let scored = view.snapshot.windows().filter_map(|report| {
        let of = |model: &Model| report.scores.iter().find(|score| score.model == model.id())?.window.as_ref();
        let (own, other) = (of(first)?, of(second)?);
        let losses = [own.log_loss, other.log_loss];
        let others = [own, other].map(|of| OtherScores { auc: of.auc, brier: of.brier, accuracy: of.accuracy });
        Some(CommonWindow { window: report.window, rows: own.rows, losses, others })
    });
    scored.collect()
}

/// Shows the losses on the windows on which both models were scored.
fn later_windows(view: &View, models: [&Arc<Model>; 2], windows: &[CommonWindow]) -> Markup {
    let dates = view.dates();
    let row = |at: &CommonWindow| {
        let [first, second] = at.losses;
        cells![
            view.window_link(&dates, at.window),
            at.window,
            thousands(at.rows),
            score_or_dash(Some(first)),
            score_or_dash(Some(second)),
            format!("{:+.4}", second - first),
        ]
    };
    let rows: Vec<Row> = windows.iter().rev().map(|at| Row::from(row(at))).collect();
    let names = [models[0].name(), models[1].name()];
    let header = ["period", "window", "labelled rows", names[0], names[1], "change"];
    let of_windows = by_window(names, windows, dates.clone()).draw();
    html! {
        h2 { "On later windows" }
        @if windows.is_empty() {
            p { "No window after the training windows of both models has been scored by both." }
        } @else {
            p { (verdict(names, windows)) }
            (means(names, windows))
            figure.one { (picture::broad("Picture: log-loss by window", &picture::linked(view, &of_windows))) }
            figure.one { (picture::broad("Picture: log-loss saved", &picture::linked(view, &saved(models, windows, dates.clone()).draw()))) }
            (Listing { id: "later", title: "Log-loss on later windows", header: &header, rows }.show(&view.query))
        }
    }
}

/// Shows the mean scores of both models on the same windows, by rows.
fn means(models: [&str; 2], windows: &[CommonWindow]) -> Markup {
    let rows = [
        pair_row("log-loss", pair_of_means(windows, |at, model| Some(at.losses[model]))),
        pair_row("AUC", pair_of_means(windows, |at, model| at.others[model].auc)),
        pair_row("Brier score", pair_of_means(windows, |at, model| Some(at.others[model].brier))),
        pair_row("accuracy", pair_of_means(windows, |at, model| Some(at.others[model].accuracy))),
    ];
    table::of("Mean scores on later windows", &["mean by rows", models[0], models[1], "change"], rows.into_iter())
}

/// Returns the means of a score of both models. `of` returns that of the model with an index.
fn pair_of_means(windows: &[CommonWindow], of: impl Fn(&CommonWindow, usize) -> Option<f64>) -> Pair {
    Pair { first: mean(windows, |at| of(at, 0)), second: mean(windows, |at| of(at, 1)) }
}

/// Returns the mean of a score by rows, over the windows that have one.
fn mean(windows: &[CommonWindow], of: impl Fn(&CommonWindow) -> Option<f64>) -> Option<f64> {
    let scored = windows.iter().filter_map(|at| Some((at.rows as f64, of(at)?)));
    let (rows, sum) = scored.fold((0.0, 0.0), |(all, sum), (rows, score)| (all + rows, sum + rows * score));
    (rows > 0.0).then(|| sum / rows)
}

/// Returns the picture of the losses of both models by window.
fn by_window(models: [&str; 2], windows: &[CommonWindow], dates: WindowDates) -> PairCourse {
    let lower = |model: usize| windows.iter().filter(|at| at.losses[model] < at.losses[1 - model]).count();
    let better = usize::from(lower(1) >= lower(0));
    let title = match lower(better) {
        0 => "Both models have the same log-loss on each window".to_owned(),
        count => {
            let all = counted(windows.len() as u64, "window", "windows");
            format!("{} has the lower log-loss on {count} of {all}", models[better])
        }
    };
    let losses = windows.iter().map(|at| (at.window.get(), at.losses)).collect();
    PairCourse { title, names: models.map(str::to_owned), windows: losses, dates }
}

/// Returns the sums over the rows of each window of the first model's log-loss less the second's, and the rows.
fn differences(windows: &[CommonWindow]) -> (Vec<f64>, Vec<f64>) {
    let rows = windows.iter().map(|at| at.rows as f64);
    let sums = windows.iter().map(|at| (at.losses[0] - at.losses[1]) * at.rows as f64);
    (sums.collect(), rows.collect())
}

/// Returns which model did better on the same windows, with an interval if there are enough of them.
fn verdict(models: [&str; 2], windows: &[CommonWindow]) -> String {
    let (sums, rows) = differences(windows);
    let contrast = Contrast::new(&sums, &rows);
    let count = counted(windows.len() as u64, "window", "windows");
    if windows.iter().all(|at| at.losses[0] == at.losses[1]) {
        return format!("On the same {count}, both have the same losses.");
    }
    let (better, worse) = if contrast.mean < 0.0 { (models[0], models[1]) } else { (models[1], models[0]) };
    let begin = format!("On the same {count}, {better} loses {:.4} less per row than {worse}", contrast.mean.abs());
    if windows.len() < MIN_WINDOWS {
        return format!("{begin}. {MIN_WINDOWS} windows are needed to separate a difference from chance.");
    }
    let interval = contrast.interval();
    let is_shown = interval.low > 0.0 || interval.high < 0.0;
    let (low, high) = if contrast.mean < 0.0 { (-interval.high, -interval.low) } else { (interval.low, interval.high) };
    let rest = if is_shown { "" } else { ": the data do not show which one is better" };
    format!("{begin} (95%: {low:.4} to {high:.4}){rest}.")
}

fn saved(models: [&Arc<Model>; 2], windows: &[CommonWindow], dates: WindowDates) -> CumulativePlot {
    let (sums, _) = differences(windows);
    let sums = sums.iter().scan(0.0, |sum, one| {
        *sum += one;
        Some(*sum)
    });
    let name = format!("{} compared with {}", models[1].name(), models[0].name());
    let numbers = windows.iter().map(|at| at.window.get()).collect();
    CumulativePlot::of_line("Log-loss saved from window to window", name, numbers, sums.collect(), dates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(windows: u32, differences: impl Fn(u32) -> f64) -> String {
        let at = |number: u32| {
            let window = WindowIndex::new(number).expect("from 1");
            let others = [OtherScores::default(); 2];
            CommonWindow { window, rows: 100, losses: [0.5 + differences(number), 0.5], others }
        };
        verdict(["a", "b"], &(1..=windows).map(at).collect::<Vec<_>>())
    }

    #[test]
    fn scores_are_means_by_rows_of_the_same_windows() {
        let at = |number: u32, rows: u64, auc: Option<f64>, losses: [f64; 2]| {
            let window = WindowIndex::new(number).expect("from 1");
            CommonWindow { window, rows, losses, others: [OtherScores { auc, brier: 0.25, accuracy: 0.75 }; 2] }
        };
        let windows =
            [at(3, 300, Some(0.5), [0.4, 0.6]), at(4, 100, Some(0.7), [0.8, 0.6]), at(5, 9, None, [0.5, 0.4])];
        assert!(mean(&windows, |at| at.others[0].auc).is_some_and(|auc| (auc - 0.55).abs() < 1e-12));
        assert_eq!(mean(&windows[..0], |at| Some(at.losses[0])), None);
        let shown = means(["a", "b"], &windows).into_string();
        assert!(shown.contains(">0.5500<") && shown.contains(">+0.0000<"), "{shown}");
        let title = |windows: &[CommonWindow]| by_window(["a", "b"], windows, WindowDates::default()).title;
        assert_eq!(title(&windows), "b has the lower log-loss on 2 of 3 windows");
        assert_eq!(title(&windows[..1]), "a has the lower log-loss on 1 of 1 window");
        let same = [at(3, 300, None, [0.4, 0.4])];
        assert_eq!(title(&same), "Both models have the same log-loss on each window");
    }

    #[test]
    fn a_difference_has_an_interval_unless_there_is_none() {
        assert_eq!(said(21, |_| 0.0), "On the same 21 windows, both have the same losses.");
        let few = "On the same 3 windows, b loses 0.1000 less per row than a. 12 windows are needed to separate a \
                   difference from chance.";
        assert_eq!(said(3, |_| 0.1), few);
        let open = said(24, |window| if window % 2 == 0 { 0.3 } else { -0.31 });
        assert!(open.contains("a loses 0.0050 less per row than b (95%: -"), "{open}");
        assert!(open.ends_with("): the data do not show which one is better."), "{open}");
        let shown = said(24, |window| if window % 2 == 0 { 0.3 } else { 0.31 });
        assert!(shown.contains("b loses 0.3050 less per row than a (95%: 0.") && shown.ends_with(")."), "{shown}");
    }
}
