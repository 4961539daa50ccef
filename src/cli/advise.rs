//! `windrow advise`: how often to retrain, and on how much history; about 30 lines, whatever the number of windows.

use tokio_util::sync::CancellationToken;

use crate::cli::args::AdviseArgs;
use crate::cli::error::CliError;
use crate::cli::print::{json, stdout, wrapped};
use crate::cli::progress::{Display, ProgressOptions};
use crate::cli::setup::{app, with_solver};
use windrow_evaluation::{Advice, Interval, Origin, Policy, PolicyFinding, Refit};
use windrow_record::Scheme;
use windrow_record::display::{counted, percent, thousands};

/// The width of a narrow terminal.
const LINE_WIDTH: usize = 80;
/// The maximum number of policies in the table without `--all`.
const MAX_POLICIES: usize = 9;

pub(crate) async fn execute(args: AdviseArgs, display: &Display, stop: CancellationToken) -> Result<(), CliError> {
    let app = with_solver(app(&args.at)?, &args.training)?;
    let delay = args.label_delay.as_ref().map(|delay| delay.in_windows(app.pipeline.window)).transpose();
    let delay = delay.map_err(|error| CliError::Usage(format!("--label-delay: {error}")))?;
    let advising = app.advise(args.training.bytes(), delay, args.cost, stop.clone());
    let advice = display.follow(&app.progress, ProgressOptions::default(), advising).await;
    if args.answer.exit_code && stop.is_cancelled() {
        // Exit code 0 would mean that the policy in office holds.
        return Err(CliError::Failed("stopped before there was an answer".to_owned()));
    }
    let Some(advice) = advice? else {
        if stop.is_cancelled() {
            return Ok(());
        }
        return Err(CliError::Failed(format!(
            "there are no models in {} yet: train them with `windrow run` or `windrow train`",
            app.workdir.display()
        )));
    };
    let printed = if args.json {
        json(&advice)
    } else {
        stdout(&(text(&advice, args.answer.all) + &reason(&advice, args.answer.exit_code)))
    };
    match printed {
        // The answer is the same if the reader, such as `head`, does not read all of it.
        Ok(()) | Err(CliError::BrokenPipe) if args.answer.exit_code => {
            Err(CliError::Advised(advice.recommendation.action))
        }
        printed => printed,
    }
}

/// Returns the first paragraph of the advice: the question and the recommendation.
pub(crate) fn paragraph(advice: &Advice) -> String {
    let (question, windows) = (advice.subject.title(), advice.subject.windows());
    let is_wide = question.chars().count() + windows.chars().count() + 3 > LINE_WIDTH;
    let mut text = format!("{question}{}{windows}\n\n", if is_wide { "\n" } else { "   " });
    for sentence in &advice.recommendation.sentences {
        text.push_str(&wrapped(sentence));
    }
    text
}

/// Returns the page of the advice. With `all`, it lists every policy.
pub(crate) fn text(advice: &Advice, all: bool) -> String {
    paragraph(advice) + &comparison(advice, "Policies, mean of all start windows", all)
}

/// Does the same as [`text`] for policies that were judged in one phase.
pub(crate) fn text_of_one_phase(advice: &Advice, all: bool) -> String {
    paragraph(advice) + &comparison(advice, "Policies, from one start window", all)
}

/// Does the same as [`text`] for a log of the models that served.
pub(crate) fn text_of_log(advice: &Advice, all: bool) -> String {
    paragraph(advice) + &comparison(advice, "The models that served", all)
}

/// Returns the reason of the exit code as the last line, if an exit code was asked for.
pub(crate) fn reason(advice: &Advice, is_asked: bool) -> String {
    if is_asked { format!("\n{}\n", advice.recommendation.reason) } else { String::new() }
}

/// Returns the table of the policies, with the evidence below it.
fn comparison(advice: &Advice, title: &str, all: bool) -> String {
    let Some(judged) = &advice.basis.judged else { return String::new() };
    let windows = format!("windows {} to {}, {} rows", judged.first, judged.last, thousands(judged.rows));
    let mut text = format!("\n{title:<35}{windows:>44}\n");
    let yearly = advice.subject.days.is_some();
    let fits = if yearly { "fits/yr" } else { "fits/100" };
    let wrong_and_fits = format!("wrong {fits}");
    let history = advice.subject.window_unit.many();
    text.push_str(&format!("  {history:<9}refit        keeps  95%      at least{wrong_and_fits:>18}  verdict\n"));
    let shown = if all { advice.comparison.planned.iter().collect() } else { chosen(advice) };
    for found in &shown {
        text.push_str(&line(advice, found));
    }
    for found in &advice.comparison.further {
        if all || found.policy.refit == Refit::Advice || advice.is_named(found) {
            text.push_str(&line(advice, found));
        }
    }
    text.push_str(&evidence(advice, all));
    let more = advice.comparison.planned.len() - shown.len();
    if more > 0 {
        text.push_str(&format!("{more} more policies: --all     numbers: --json\n"));
    }
    text
}

/// Selects the best schedule, the recommended one, those with half and double its refit period, and the extremes. If
/// another policy is recommended, the schedule next to it takes its place.
fn chosen(advice: &Advice) -> Vec<&PolicyFinding> {
    let policies = &advice.comparison.planned;
    let is_never = |found: &&PolicyFinding| found.policy.refit == Refit::Never;
    let every = |found: &PolicyFinding| match found.policy.refit {
        Refit::Every(every) => every,
        _ => u32::MAX,
    };
    let schedule = advice.comparison.schedule.map(|schedule| schedule.policy);
    let named = schedule.or(advice.named()).and_then(|schedule| advice.comparison.finding(schedule));
    let named_every = named.map_or(1, every);
    let neighbour = |factor: fn(u32) -> u32| {
        let history = named.map(|named| named.policy.history);
        policies.iter().find(|found| Some(found.policy.history) == history && every(found) == factor(named_every))
    };
    let of = |history: Scheme, refit: Refit| advice.comparison.finding(Policy { history, refit });
    let wanted = [
        advice.comparison.best(),
        named,
        neighbour(|every| every / 2),
        neighbour(|every| every.saturating_mul(2)),
        of(Scheme::Window, Refit::Every(1)),
        of(Scheme::Cumulative, Refit::Every(1)),
        policies.iter().filter(|found| !is_never(found)).max_by_key(|found| every(found)),
        advice.named().and_then(|named| policies.iter().find(|found| found.is_of(named))),
        of(Scheme::Cumulative, Refit::Never),
    ];
    let mut chosen: Vec<&PolicyFinding> = Vec::with_capacity(MAX_POLICIES);
    for found in wanted.into_iter().flatten() {
        if chosen.iter().all(|known| known.policy != found.policy) {
            chosen.push(found);
        }
    }
    chosen.sort_by(|a, b| a.errors.log_loss.total_cmp(&b.errors.log_loss));
    chosen
}

fn line(advice: &Advice, found: &PolicyFinding) -> String {
    let is_best = advice.comparison.is_best(found);
    let policy = match found.policy.refit {
        refit @ (Refit::Advice | Refit::Served) => format!("{refit:<22}"),
        refit => {
            // The header has the unit.
            let history = found.policy.length().map_or_else(|| "all".to_owned(), |length| format!("last {length}"));
            format!("{history:<9}{refit:<13}")
        }
    };
    let keeps = found.kept.percent();
    let interval = advice.interval_shown(found).map_or_else(String::new, Interval::percent);
    let bound = found
        .kept
        .at_least
        .map_or_else(String::new, |bound| if bound < 0.0 { "none".to_owned() } else { percent(bound, 0) });
    let fits = found.effort.fits();
    let fits = if fits == 0.0 || fits >= 9.5 { format!("{fits:.0}") } else { format!("{fits:.1}") };
    let verdict = match (is_best, found.since) {
        (true, _) => "best".to_owned(),
        (_, Some(since)) => format!("since w. {since}"),
        _ => found.verdict.name().to_owned(),
    };
    let mark = if advice.is_named(found) { ">" } else { " " };
    let wrong = found.wrong_answers.in_short();
    format!("{mark} {policy}{keeps:>5}  {interval:<11}{bound:>6}{wrong:>11}{fits:>7}  {verdict}\n")
}

/// Returns the lines below the table: the evidence that the table does not show. With `all`, it has the windows in which
/// alarms rang, and after which a refit paid.
fn evidence(advice: &Advice, all: bool) -> String {
    let mut text = String::new();
    let mut fact = |name: &str, description: &str| {
        let options = textwrap::Options::new(LINE_WIDTH).subsequent_indent("                 ");
        text.push_str(&(textwrap::fill(&format!("{name:<17}{description}"), options) + "\n"));
    };
    let unit = advice.subject.window_unit;
    let ages: Vec<_> = advice.over_time.ages.iter().take(3).collect();
    if let Some((oldest, interval)) = ages.last().and_then(|found| Some((found, found.interval?))) {
        let description = match (interval.low > 0.0, interval.high < 0.0) {
            (true, _) => "older is worse".to_owned(),
            (_, true) => "older is better".to_owned(),
            _ => {
                let most = interval.high.max(0.0);
                format!("the data do not show a difference yet: at {} at most {most:.4}", oldest.age)
            }
        };
        let ages: Vec<String> = ages.iter().map(|found| format!("{} {:+.4}", found.age, found.difference)).collect();
        fact(&format!("Age in {}", unit.many()), &format!("1 0   {}", ages.join("   ")));
        fact("", &description);
    }
    let best_of = |refit: Refit| {
        let of = advice.comparison.further.iter().filter(move |found| found.policy.refit == refit);
        of.min_by(|a, b| a.errors.log_loss.total_cmp(&b.errors.log_loss))
    };
    if let Some(found) = best_of(Refit::Recalibrated) {
        fact("Recalibrate only", &keeps(found));
    }
    let when_it_pays = advice.comparison.further.iter().filter(|found| found.policy.refit == Refit::WhenItPays);
    let cost = |found: &PolicyFinding| found.effort.cost.unwrap_or_default();
    // The named policy comes first, and then the cheapest one.
    let order = |a: &&PolicyFinding, b: &&PolicyFinding| {
        advice.is_named(b).cmp(&advice.is_named(a)).then_with(|| cost(a).total_cmp(&cost(b)))
    };
    let when_it_pays = when_it_pays.min_by(order);
    for (name, found, when) in [
        ("On PSI alarm", best_of(Refit::PsiAlarm), "rang in"),
        ("On loss alarm", best_of(Refit::LossAlarm), "rang in"),
        ("When it pays", when_it_pays, "refitted after"),
    ] {
        if let Some(found) = found {
            let refits = counted(found.effort.refits.round() as u64, "refit", "refits");
            fact(name, &format!("{refits}, {}", keeps(found)));
            let windows: Vec<String> = found.rang.iter().map(|alarm| alarm.window.to_string()).collect();
            if all && !windows.is_empty() {
                fact("", &format!("{when}: {}", windows.join(", ")));
            }
        }
    }
    let named = advice.named().map(|named| named.refit);
    let step = advice.comparison.steps.iter().find(|step| Some(Refit::Every(step.from)) == named);
    let step = step.and_then(|step| Some((step, step.interval?))).filter(|_| advice.comparison.cost.is_none());
    let step = step.filter(|(_, interval)| !interval.is_point());
    if let Some((step, interval)) = step {
        let description = format!("{:.1} nats ({:.1} to {:.1})", step.saved, interval.low, interval.high);
        fact("More often", &format!("each further fit saves {description}"));
    }
    if let Some(cost) = &advice.comparison.cost {
        fact("Cheapest", &format!("{}: {:.1} per {}", cost.cheapest.name(unit), cost.per_window, unit.one()));
        let interval = cost.interval.map(|interval| format!(" ({:.1} to {:.1})", interval.low, interval.high));
        let more = format!("the recommended one costs {:.1} more{}", cost.difference, interval.unwrap_or_default());
        if advice.named().is_some() {
            fact("", if cost.difference > 0.0 { &more } else { "this is the recommended one" });
        }
        fact("", &format!("always predicting the commoner class: {:.1}", cost.commoner_class));
    }
    if let Some(judged) = &advice.basis.judged {
        if judged.unlabelled_share > 0.0 {
            let share = percent(judged.unlabelled_share, 1);
            fact("Without label", &format!("{share} of the rows; they are not scored"));
        }
        let (average, best) = (judged.share_log_loss, judged.best_log_loss);
        let is_log = advice.subject.origin == Origin::Log;
        let whole = if is_log { "what served" } else { "the best" };
        text.push_str(&format!(
            "0% is predicting the average rate so far ({average:.4}), 100% is {whole} ({best:.4}).\n"
        ));
        if !is_log {
            let keep = percent(advice.basis.keep, 0);
            text.push_str(&format!("Good enough: \"at least\" is {keep} or more, even if not as good as the best.\n"));
        }
        text.push_str(
            "Intervals are about these windows: another stretch of time may differ.\n\
             To refit is to train the model again.\n",
        );
        let reference = match (advice.named(), is_log) {
            (Some(_), _) => "the recommended policy (>)",
            (None, true) => "what served",
            (None, false) => "the best schedule",
        };
        let wrong = format!(
            "Wrong: more (+) or fewer (-) wrong answers per 1,000 rows at the threshold than {reference}, with half the \
             95% interval. Fewer is better."
        );
        text.push_str(&(textwrap::fill(&wrong, LINE_WIDTH) + "\n"));
    }
    text
}

/// Returns the share that a policy keeps with its verdict and its wrong answers, as in `keeps 98% (92 to 104): cannot
/// tell, wrong +3 ±2`. A negative share needs no verdict.
fn keeps(found: &PolicyFinding) -> String {
    if found.kept.is_negative() {
        "does worse than predicting the average rate".to_owned()
    } else {
        let wrong = found.wrong_answers.in_short();
        format!("keeps {}: {}, wrong {wrong}", found.kept.with_interval(), found.verdict_in_words())
    }
}
