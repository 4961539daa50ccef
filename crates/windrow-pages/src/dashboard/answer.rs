//! The first page: how often to refit, on how much history, and the evidence in brief.

use maud::{Markup, html};

use crate::dashboard::flow::row_flow;
use crate::dashboard::frame::{Page, View};
use crate::dashboard::terms::{definitions, mark, marked};
use crate::dashboard::{picture, table, too_few};
use crate::terms::{EVIDENCE, LOG_LOSS, REFIT, SHARE_KEPT, Term, WRONG_ANSWERS, subject};
use windrow_evaluation::plot::{AdvicePictures, Measure, picture_tables};
use windrow_evaluation::{Advice, Origin, PolicyFinding, PolicyVerdict, Status, first_advice_sentence};
use windrow_record::display::{counted, percent, thousands};

/// Maximum number of sentences between the heading and the last sentence.
const MAX_SENTENCES: usize = 4;

struct Figure {
    name: &'static str,
    term: &'static Term,
    number: String,
    about: Markup,
}

pub(super) fn page(view: &View) -> Page {
    let advice = view.snapshot.advice();
    let pictures = advice.and_then(|advice| AdvicePictures::of(advice));
    let origin = view.origin();
    let main = html! {
        section.answer #answer data-live {
            div.said {
                p.quiet { (marked(subject(origin), origin)) }
                @match advice {
                    Some(advice) => (sentences(view, advice)),
                    None => (waiting(view)),
                }
            }
            @if let Some(advice) = advice {
                dl.figures {
                    @for figure in figures(advice) {
                        div {
                            dt { (figure.name) " " (mark(figure.term, origin)) }
                            dd { strong { (figure.number) } span.quiet { (figure.about) } }
                        }
                    }
                }
            }
        }
        section.pictures.each[origin != Origin::Pipeline] #pictures data-live aria-label="Pictures" {
            @if let Some(pictures) = &pictures { (shown(view, pictures)) }
        }
        @if origin == Origin::Pipeline {
            section.way.alone[pictures.is_none()] #way data-live aria-label="The progress of the rows" {
                (row_flow(&view.observed))
            }
        }
        @if let Some(pictures) = &pictures {
            section.behind #behind data-live aria-label="The numbers in the pictures" {
                @for table in &picture_tables(pictures) { (table::folded(table)) }
            }
        }
        (definitions(origin))
    };
    let title = advice.and_then(|advice| advice.recommendation.sentences.first()).map_or("waiting", String::as_str);
    Page::new(title.trim_end_matches('.'), main)
}

/// Shows the pictures of a pipeline as on the first screen, and those of a table one by one.
fn shown(view: &View, pictures: &AdvicePictures) -> Markup {
    let is_auc = pictures.has_auc() && view.query.get("score").is_some_and(|score| score == "auc");
    let measure = if is_auc { Measure::Auc } else { Measure::LogLoss };
    let Some([quality, how_often, how_much]) = pictures.first_screen(measure) else {
        return html! {
            @for one in pictures.pictures() {
                @let svg = picture::linked(view, &one.picture);
                @if one.is_broad() {
                    figure { (picture::broad(&format!("Picture: {}", one.title), &svg)) }
                } @else {
                    figure.narrow { (svg) }
                }
            }
        };
    };
    let choices = [("log-loss", "Log-loss", !is_auc), ("auc", "AUC", is_auc)];
    html! {
        figure {
            (picture::broad("Picture: the quality over time", &picture::linked(view, &quality)))
            div.below {
                (picture::lines("quality", &pictures.lines(measure)))
                @if pictures.has_auc() {
                    nav.choice.switch aria-label="The score over time" {
                        @for (score, name, is_chosen) in choices {
                            a href={ "/?score=" (score) "#pictures" } aria-current=[is_chosen.then_some("true")] { (name) }
                        }
                    }
                }
            }
        }
        figure { (picture::linked(view, &how_often)) }
        figure { (picture::linked(view, &how_much)) }
    }
}

fn sentences(view: &View, advice: &Advice) -> Markup {
    let mut sentences = advice.recommendation.sentences.iter();
    let first = sentences.next();
    if advice.recommendation.status == Status::TooFew && view.observed.flow.is_complete {
        return html! {
            h1 { (first.map_or("", String::as_str)) }
            (too_few::advice(view))
        };
    }
    // The last sentence is always shown, because it is the condition under which the advice holds. With too few windows,
    // there is no condition, and another sentence is the last one.
    let last = sentences.next_back();
    html! {
        h1 { (first.map_or("", String::as_str)) }
        @for sentence in sentences.by_ref().take(MAX_SENTENCES) { p { (sentence) } }
        @if let Some(last) = last { p { (last) } }
        @if sentences.next().is_some() { p { a href="/evidence" { "More, and all policies" } } }
    }
}

fn waiting(view: &View) -> Markup {
    let delay = view.pipeline.label_delay().windows;
    let windows = view.observed.windows.len();
    html! {
        @if view.observed.flow.is_complete {
            h1 { "There is no advice for this stream" }
            (too_few::advice(view))
        } @else {
            h1 { (first_advice_sentence(view.pipeline.advise.histories.as_deref(), delay)) }
            p { (counted(windows as u64, "window is", "windows are")) " sealed." }
        }
    }
}

/// Returns the share of the gain kept, the wrong answers of never refitting, the fits per year, and the strength of the
/// evidence.
fn figures(advice: &Advice) -> Vec<Figure> {
    let mut figures = Vec::new();
    let log_loss = &mark(&LOG_LOSS, advice.subject.origin);
    figures.extend(improvement(advice));
    if let Some(found) = advice.named().and_then(|named| advice.comparison.finding(named)) {
        let about = match found.kept.interval {
            _ if advice.comparison.is_best(found) => html! {
                "the lowest log-loss " (log_loss) " of all schedules that can be compared"
            },
            Some(interval) if interval.is_point() => html! {
                "of the best improvement in log-loss " (log_loss)
            },
            Some(interval) => html! {
                (bound(found).unwrap_or_else(|| interval.percent())) " of the best improvement in log-loss "
                (log_loss)
            },
            None => html! {
                "of the best improvement in log-loss " (log_loss) "; " (found.verdict.without_interval())
            },
        };
        let number = found.kept.share.map_or_else(|| "\u{2013}".to_owned(), |_| found.kept.percent());
        figures.push(Figure { name: "Share kept", term: &SHARE_KEPT, number, about });
        figures.extend(without_refits(advice, found));
        figures.push(fits(advice, found));
    }
    let (number, about) = match advice.recommendation.status {
        Status::Clear => ("clear", "the verdict holds at 95%"),
        Status::Partly => match &advice.recommendation.named {
            None => ("partly", "an improvement is not shown yet"),
            Some(named) if named.provisional => ("partly", "it is not shown to be good enough"),
            Some(named) if named.against_each => ("partly", "following the advice is not shown to be good enough"),
            Some(_) => ("partly", "good enough compared with the best so far; a close second may be the true best"),
        },
        Status::TooFew => ("too few", "more windows are needed"),
    };
    let judged = advice.basis.judged.as_ref();
    let judged = judged.map(|judged| format!(": {} windows, {} rows", judged.windows, thousands(judged.rows)));
    let followed = advice.recommendation.followed.as_ref();
    let followed = followed.map(|followed| format!(". Following the advice {}", followed.in_words()));
    let about = html! { (about) (judged.unwrap_or_default()) (followed.unwrap_or_default()) };
    figures.push(Figure { name: "Evidence", term: &EVIDENCE, number: number.to_owned(), about });
    figures
}

/// Returns the improvement of the models of a log over predicting the average rate.
fn improvement(advice: &Advice) -> Option<Figure> {
    let judged = advice.basis.judged.as_ref().filter(|_| advice.subject.origin == Origin::Log)?;
    let interval = judged.gain_interval.map(|interval| format!(" ({:.4} to {:.4})", interval.low, interval.high));
    let about =
        html! { (interval.unwrap_or_default()) " log-loss per row, compared with predicting the average rate so far" };
    Some(Figure { name: "Improvement", term: &LOG_LOSS, number: format!("{:+.4}", judged.gain), about })
}

/// Returns the wrong answers of never refitting, compared with those of the recommended schedule.
fn without_refits(advice: &Advice, found: &PolicyFinding) -> Option<Figure> {
    let once = advice.comparison.without_refits(found.policy)?;
    once.wrong_answers.more?;
    let text = once.wrong_answers.with_interval();
    let (number, interval) = text.split_once(' ').unwrap_or((text.as_str(), ""));
    let about = html! { (interval) " wrong answers per 1,000 rows, compared with the recommendation" };
    Some(Figure { name: "Never refitting", term: &WRONG_ANSWERS, number: number.to_owned(), about })
}

/// Returns the bound that shows a schedule good enough, as in `at least 96%`.
fn bound(found: &PolicyFinding) -> Option<String> {
    let bound = found.kept.at_least.filter(|_| found.verdict == PolicyVerdict::GoodEnough)?;
    Some(format!("at least {}", percent(bound, 0)))
}

/// Returns the fits per year, or per 100 windows if windows have no times, compared with a fit in every window.
fn fits(advice: &Advice, found: &PolicyFinding) -> Figure {
    let every_window = advice.subject.days.map(|days| 365.25 / days);
    let (name, fits, about) = match found.effort.fits_per_year.zip(every_window) {
        Some((fits, most)) => {
            let about = html! { "instead of " (format!("{most:.0}")) " with a refit in every window" };
            ("Refits per year", fits, about)
        }
        None => {
            let about = html! { "instead of 100 with a refit in every window" };
            ("Refits per 100 windows", found.effort.fits(), about)
        }
    };
    Figure { name, term: &REFIT, number: format!("{fits:.0}"), about }
}
