//! Computes the advice from the losses.

use crate::action::next_action;
use crate::advice::{
    ADVICE_FORMAT, Action, Advice, AgeFinding, Basis, BreakFinding, ChangesOverTime, JudgedWindows, NamedPolicy,
    NamedPolicyChange, PolicyAfterBreak, PolicyComparison, Recommendation, RefitSaving, Saving, SavingsOverTime,
    ScheduleFinding, Status, Subject,
};
use crate::alarm::Alarms;
use crate::auc_by_window::PolicyAuc;
use crate::breaks::{Break, find_break, short_history};
use crate::candidates::{Observed, trial_of_all_kinds};
use crate::contrast::{Contrast, Interval};
use crate::cost::{CostRanking, mean_cost};
use crate::evidence::Evidence;
use crate::fit_once::FitOnce;
use crate::follow::PolicyAtWindow;
use crate::grade;
use crate::in_service::{self, AlarmData, InService, advised_fits, has_losses};
use crate::policy::{Policy, Refit};
use crate::policy_finding::{AlarmWindow, ComparedLosses, Effort, Errors, PolicyFinding, PolicyVerdict};
use crate::quality::quality_over_time;
use crate::ranking::{NamedSeries, Ranked, Ranking};
use crate::sensitivity::Naming;
use crate::sentences::sentences;
use crate::steadiness::Followed;
use crate::trial::{MIN_WINDOWS, Series, Trial, histories, judged_histories, longest_history};
use crate::wrong_answers::WrongAnswers;
use windrow_record::Scheme;

/// The number of windows after a break for which its cost is reported.
const BREAK_COST_WINDOWS: u32 = 8;

/// The settings of the advice, and the data it needs besides the losses.
#[expect(missing_debug_implementations, reason = "it holds closures")]
pub struct AdviceSettings<'a> {
    /// The pipeline and the windows that the advice is about.
    pub subject: Subject,
    /// The share of the best policy's gain that is good enough.
    pub keep: f64,
    /// The label delay, in windows.
    pub delay: u32,
    /// The label delay in words, as in `30 days`. `None` if it was given as a number of windows.
    pub delay_text: Option<&'a str>,
    /// The histories to choose from; `None` for the default ones.
    pub histories: Option<&'a [Scheme]>,
    /// The costs of a false alarm, a miss and a fit. If they are given, they decide which policy is named.
    pub cost: Option<[f64; 3]>,
    /// The probability from which the models label a row positive.
    pub threshold: f64,
    /// Returns the name of a window, as in `window 14 (week of 2013-04-01)`.
    pub label: &'a dyn Fn(u32) -> String,
    /// The facts besides the losses of models, the same as for the named policies.
    pub observed: Observed<'a>,
    /// The AUC by window of the policies that are shown, from [`ModelsInUse::auc`](crate::ModelsInUse::auc).
    pub auc: &'a [PolicyAuc],
    /// The policy named after each window so far.
    pub named_policies: &'a [PolicyAtWindow],
}

/// Computes the advice from all losses.
///
/// The named policy is that of the last window in [`AdviceSettings::named_policies`], if there is one.
pub fn advise(evidence: &Evidence, question: &AdviceSettings<'_>) -> Advice {
    let last = evidence.last();
    let compared = judged_histories(last, question.histories, question.delay);
    let trial = trial_of_all_kinds(evidence, last, &compared, question.delay, question.observed);
    let is_short = trial.len() < MIN_WINDOWS;
    let first_advice = is_short.then(|| first_advice_after(evidence, &trial, question));
    let (status, changes) = (Status::TooFew, changes(question));
    let (keep, label_delay) = (question.keep, question.delay);
    let label_delay_text = question.delay_text.map(str::to_owned);
    let mut advice = Advice {
        format: ADVICE_FORMAT,
        subject: question.subject.clone(),
        basis: Basis { keep, label_delay, label_delay_text, judged: None, first_advice },
        recommendation: Recommendation {
            status,
            action: Action::Hold,
            reason: String::new(),
            sentences: Vec::new(),
            named: None,
            changes,
            followed: None,
        },
        comparison: PolicyComparison::default(),
        over_time: ChangesOverTime::default(),
    };
    if let Some(mut ranking) = Ranking::new(&trial, question.keep) {
        ranking.find_confidence_set(&trial);
        Findings { evidence, question, trial: &trial, ranking: &ranking }.fill(&mut advice);
    }
    advice.recommendation.sentences = sentences(&advice, question.label);
    let alarms = alarms(&advice, evidence, question);
    let (action, reason) = next_action(&advice, last, question.named_policies, alarms, question.label);
    (advice.recommendation.action, advice.recommendation.reason) = (action, reason);
    advice
}

/// Returns the alarms that ask for a refit of the model in service after the newest window whose labels are known. They
/// do not if the schedule in office fits after this window anyway, or if refitting on this alarm is worse than the best
/// schedule.
fn alarms(advice: &Advice, evidence: &Evidence, question: &AdviceSettings<'_>) -> Alarms {
    let known = evidence.last().saturating_sub(question.delay);
    let has_drifted = question.observed.has_drifted;
    let data = AlarmData { evidence, delay: question.delay, has_drifted };
    let advised = advised_fits(question.named_policies, known, data);
    let (history, model) = match advised.in_service(known, |fit| has_losses(evidence, fit)) {
        InService::Advised(fit) => (fit.policy.history, fit.window),
        // The policy in office keeps the model that was in service before.
        InService::Unadvised(model) if advised.first.is_some() => (evidence.longest_history(), model),
        InService::Unadvised(_) => return Alarms::default(),
    };
    if let Some(fit) = advised.fits.last().filter(|fit| fit.window == known) {
        // A schedule fits after this window anyway. A policy on alarm fits because its alarm has rung.
        let rings = |refit: Refit| fit.policy.refit == refit;
        return Alarms { drift: rings(Refit::PsiAlarm), loss: rings(Refit::LossAlarm) };
    }
    let is_useful = |refit: Refit| {
        // If a policy never refits, only the alarms count that the advice says to watch.
        if advice.comparison.fit_once.as_ref().is_some_and(|once| !once.watch.contains(&refit)) {
            return false;
        }
        let found = advice.comparison.further.iter().find(|found| found.policy == Policy { history, refit });
        found.is_none_or(|found| found.verdict != PolicyVerdict::Worse && !found.kept.is_negative())
    };
    let Alarms { drift, loss } = Alarms::of(evidence, history, model, known, has_drifted);
    Alarms { drift: drift && is_useful(Refit::PsiAlarm), loss: loss && is_useful(Refit::LossAlarm) }
}

/// Returns the number of windows after which there is advice, if each further one has a labelled row. Windows without a
/// labelled row, and those before the first model, are not judged. They delay the advice.
fn first_advice_after(evidence: &Evidence, trial: &Trial, question: &AdviceSettings<'_>) -> u32 {
    let (last, begin) = (evidence.last(), trial.windows.first().copied());
    let judged = |windows: u32| {
        let longest = longest_history(&judged_histories(windows, question.histories, question.delay));
        let first = begin.unwrap_or(last + 1).max(longest + 1 + question.delay);
        let so_far = trial.windows.iter().filter(|window| **window >= first).count();
        so_far + (windows + 1).saturating_sub(first.max(last + 1)) as usize
    };
    let needed = first_advice(question.histories, question.delay).max(last + 1);
    (needed..).find(|windows| judged(*windows) >= MIN_WINDOWS).unwrap_or(u32::MAX)
}

/// Returns the window after which `judged` windows have been judged.
pub(super) fn first_judged(wanted: Option<&[Scheme]>, delay: u32, judged: usize) -> u32 {
    let is_enough = |windows: u32| {
        let longest = longest_history(&judged_histories(windows, wanted, delay));
        windows.saturating_sub(longest + delay) as usize >= judged
    };
    (1..).find(|windows| is_enough(*windows)).unwrap_or(u32::MAX)
}

/// Returns the number of windows that advice needs, if each has a labelled row. `wanted` limits the histories, `delay`
/// is the label delay in windows.
pub fn first_advice(wanted: Option<&[Scheme]>, delay: u32) -> u32 {
    first_judged(wanted, delay, MIN_WINDOWS)
}

/// Returns `true` if windows with these numbers of labelled rows are enough for advice, with the default histories.
/// `delay` is the label delay in windows.
pub fn is_enough_for_advice(labelled: &[u64], delay: u32) -> bool {
    let windows = u32::try_from(labelled.len()).unwrap_or(u32::MAX);
    let longest = longest_history(&judged_histories(windows, None, delay));
    let judged = labelled.iter().skip((longest + delay) as usize).filter(|rows| **rows > 0);
    judged.count() >= MIN_WINDOWS
}

fn changes(question: &AdviceSettings<'_>) -> Vec<NamedPolicyChange> {
    let runs = question.named_policies.chunk_by(|named, next| named.policy == next.policy);
    let changes = runs.filter_map(|run| {
        let PolicyAtWindow { window, policy, .. } = *run.first()?;
        Some(NamedPolicyChange { window, label: (question.label)(window), policy })
    });
    changes.collect()
}

struct Findings<'a> {
    evidence: &'a Evidence,
    question: &'a AdviceSettings<'a>,
    trial: &'a Trial,
    ranking: &'a Ranking,
}

impl Findings<'_> {
    fn fill(&self, advice: &mut Advice) {
        let Self { trial, ranking, question, .. } = self;
        let Advice { basis, recommendation, comparison, over_time, .. } = advice;
        basis.judged = Some(self.judged());
        let found = find_break(self.evidence, self.evidence.last());
        let lost = found.map(|found| self.losses_after_break(found.window)).unwrap_or_default();
        let policies = trial.series.iter().zip(&ranking.ranked).map(|(series, ranked)| {
            let mut finding = self.finding(trial, series, ranked);
            finding.compared.lost_at_break = lost.iter().find(|(one, _)| *one == series.policy).map(|(_, lost)| *lost);
            finding
        });
        let is_planned = |found: &PolicyFinding| found.policy.is_schedule() || found.policy.refit == Refit::Never;
        let (planned, further): (Vec<_>, Vec<_>) = policies.partition(is_planned);
        comparison.planned = planned;
        comparison.planned.sort_by(|a, b| a.errors.log_loss.total_cmp(&b.errors.log_loss));
        let newest = self.newest_name();
        let subject = self.subject();
        comparison.reference = Some(subject);
        over_time.course = self.course(subject);
        over_time.quality = quality_over_time(trial, self.evidence, subject);
        over_time.auc = question.auc.to_vec();
        if trial.len() < MIN_WINDOWS {
            return;
        }
        let costs = question.cost.and_then(|cost| CostRanking::new(self.evidence, trial, cost, question.keep));
        // The policies are named by this ranking.
        let (judged, by) = costs.as_ref().map_or((*trial, *ranking), |costs| (&costs.trial, &costs.ranking));
        let index = |named: &PolicyAtWindow| judged.series.iter().position(|series| series.is_of(named.policy));
        let against_each = |named: &PolicyAtWindow| {
            !named.provisional && index(named).is_some_and(|index| by.passes_against_each(judged, index))
        };
        recommendation.named = newest.map(|named| NamedPolicy {
            policy: named.policy,
            provisional: named.provisional,
            against_each: against_each(named),
            since: recommendation.changes.last().map_or(named.window, |change| change.window),
        });
        // The advice may ask for a fit at any window.
        let can_follow = !self.evidence.is_one_phase();
        let changes = recommendation.changes.len().saturating_sub(1);
        let (following, followed) = can_follow.then(|| self.following_advice(changes)).flatten().unzip();
        let shown = recommendation.named.as_ref();
        recommendation.status = if can_follow {
            grade::status(shown, followed.as_ref(), ranking.gain)
        } else {
            grade::status_of_one_phase(shown, trial, ranking.gain)
        };
        recommendation.followed = followed;
        comparison.further = further;
        comparison.further.extend(following);
        let named = newest.copied();
        let label = question.label;
        let naming = Naming {
            evidence: self.evidence,
            trial: self.trial,
            ranking: self.ranking,
            costs: costs.as_ref(),
            named,
            label,
        };
        comparison.influence = naming.largest_influence();
        let schedule = costs.as_ref().map_or(ranking.schedule, |costs| Some(costs.cheapest_schedule()));
        let schedule = schedule.filter(|_| newest.is_some_and(|named| !named.policy.is_schedule()));
        comparison.schedule = schedule.map(|NamedSeries { index, provisional }| {
            let policy = trial.series[index].policy;
            ScheduleFinding { policy, provisional }
        });
        comparison.fit_once = newest.and_then(|named| self.fit_once(named.policy));
        comparison.steps = self.steps(subject.history);
        comparison.cost = costs.map(|costs| costs.unit(newest.map(|named| named.policy), question.threshold));
        over_time.ages = self.ages(subject.history);
        over_time.world_change = found.map(|Break { window, jump, deviations }| {
            let (label, calm) = ((question.label)(window), self.policy_after_break(window));
            BreakFinding { window, label, jump, deviations, calm }
        });
    }

    /// Returns the policy named after the newest window. One of an earlier window says nothing if the newest has none.
    fn newest_name(&self) -> Option<&PolicyAtWindow> {
        self.question.named_policies.last().filter(|named| named.window == self.evidence.last())
    }

    /// Returns the named policy or, without one, the best schedule.
    fn subject(&self) -> Policy {
        self.newest_name().map_or(self.trial.series[self.ranking.best].policy, |named| named.policy)
    }

    /// Returns the savings of a policy compared with never refitting, and with refitting every window on all history.
    fn course(&self, policy: Policy) -> Option<SavingsOverTime> {
        let own = self.trial.series_of(policy)?;
        let never = Policy { history: policy.history, refit: Refit::Never };
        let all = Policy { history: Scheme::Cumulative, refit: Refit::Every(1) };
        let saved = [never, all].into_iter().filter_map(|beside| {
            let other = self.trial.series_of(beside).filter(|other| other.policy != own.policy)?;
            let mut sum = 0.0;
            let sums = other.log_loss.iter().zip(&own.log_loss).map(|(other, own)| {
                sum += other - own;
                sum
            });
            Some(Saving { beside, sums: sums.collect() })
        });
        Some(SavingsOverTime { policy, windows: self.trial.windows.clone(), saved: saved.collect() })
    }

    fn judged(&self) -> JudgedWindows {
        let Self { trial, ranking, evidence, .. } = self;
        let rows: f64 = trial.rows.iter().sum();
        let (first, last) = (trial.windows.first().copied(), trial.windows.last().copied());
        let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
        let unlabelled = evidence.unlabelled(first, last) as f64;
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / rows;
        JudgedWindows {
            first,
            last,
            windows: u32::try_from(trial.len()).unwrap_or(u32::MAX),
            rows: rows as u64,
            unlabelled_share: unlabelled / (rows + unlabelled),
            share_log_loss: mean(&trial.share_loss),
            best_log_loss: mean(&trial.series[ranking.best].log_loss),
            gain: ranking.gain.mean,
            gain_interval: (trial.len() >= MIN_WINDOWS).then(|| ranking.gain.interval()),
        }
    }

    fn finding(&self, trial: &Trial, series: &Series, ranked: &Ranked) -> PolicyFinding {
        let rows: f64 = trial.rows.iter().sum();
        let sums = [&series.log_loss, &series.squared_error, &series.false_alarms, &series.misses];
        let totals = sums.map(|sums| sums.iter().sum::<f64>());
        let [log_loss, brier, false_alarms, misses] = totals.map(|total| total / rows);
        let errors = Errors { log_loss, brier, false_alarms, misses };
        let Ranked { to_best, kept, verdict, set_p } = *ranked;
        // Following the advice is judged on fewer windows. The reference is the same policy, on these.
        let fewer = (trial.windows != self.trial.windows)
            .then(|| self.trial.part(|index| trial.windows.contains(&self.trial.windows[index])));
        let same_windows = fewer.as_ref().unwrap_or(self.trial);
        let reference = same_windows.series_of(self.subject()).filter(|_| same_windows.windows == trial.windows);
        let has_few_refits = verdict == PolicyVerdict::TooFew;
        let wrong_answers = WrongAnswers::of(trial, series, has_few_refits, reference);
        let interval = kept.interval.map(|_| to_best.interval());
        let difference = to_best.mean;
        let compared = ComparedLosses { difference, interval, confidence_set_p: set_p, lost_at_break: None };
        let fits = series.policy.fits().unwrap_or(series.refits / trial.len() as f64);
        let (refits, cost) = (series.refits, self.question.cost.map(|costs| mean_cost(series, costs)));
        let fits_per_year = self.question.subject.days.map(|days| fits * 365.25 / days);
        let effort = Effort { fits_per_window: fits, fits_per_year, refits, cost };
        let (policy, same) = (series.policy, series.same.clone());
        let runs = trial.conditions.alarm_runs.iter().find(|runs| runs.policy == policy);
        let rang = runs.and_then(|runs| runs.rang.first()).into_iter().flatten();
        let rang = rang.map(|window| AlarmWindow { window: *window, label: (self.question.label)(*window) }).collect();
        PolicyFinding { policy, same, since: None, verdict, errors, kept, wrong_answers, compared, effort, rang }
    }

    /// Returns the facts about a policy, if it never refits.
    fn fit_once(&self, policy: Policy) -> Option<FitOnce> {
        let Self { trial, question, .. } = self;
        let model = trial.known(*trial.windows.first()?);
        let fit_once = || FitOnce { model, label: (question.label)(model), watch: trial.silent_alarms(policy.history) };
        (policy.refit == Refit::Never).then(fit_once)
    }

    /// Returns the finding on following the advice, on the windows since the first advice, and what it kept by the
    /// ranking that names the policies. The named policy changed `changes` times.
    fn following_advice(&self, changes: usize) -> Option<(PolicyFinding, Followed)> {
        let Self { trial, evidence, question, .. } = self;
        let since = question.named_policies.first()?.window + 1 + trial.delay;
        let wanted: Vec<Scheme> = histories(evidence.last(), question.histories);
        let first = since.max(*trial.windows.first()?);
        let later = Trial::over(evidence, first, evidence.last(), &wanted, trial.delay, 1);
        let series = in_service::series(&later, evidence, question.named_policies, question.observed.has_drifted)?;
        let ranking = Ranking::new(&later, question.keep)?;
        // Following the advice is a single run, so its refits may be too few for a verdict. `since` reports its
        // windows.
        let by_loss = ranking.rank(&later, &series);
        let finding = PolicyFinding { since: Some(first), ..self.finding(&later, &series, &by_loss) };
        let costs = question.cost.and_then(|cost| CostRanking::new(evidence, &later, cost, question.keep));
        let by_cost = costs.map(|costs| costs.rank(&series));
        let followed = grade::followed(&later, by_cost.as_ref().unwrap_or(&by_loss), by_cost.is_some(), changes)?;
        Some((finding, followed))
    }

    fn ages(&self, history: Scheme) -> Vec<AgeFinding> {
        let Self { trial, evidence, .. } = self;
        let loss = |age: u32, window: u32| {
            let model = trial.known(window).checked_sub(age - 1)?;
            Some(evidence.losses(history, model, window)?.log_loss.iter().sum::<f64>())
        };
        let ages = [2, 4, 8, 16, 32].into_iter().filter(|age| *age as usize * 3 <= trial.len());
        let findings = ages.filter_map(|age| {
            let sums: Option<Vec<f64>> =
                trial.windows.iter().map(|window| Some(loss(age, *window)? - loss(1, *window)?)).collect();
            let contrast = Contrast::new(&sums?, &trial.rows);
            Some(AgeFinding { age, difference: contrast.mean, interval: Some(contrast.interval()) })
        });
        findings.collect()
    }

    /// Returns the saving of refitting twice as often, from the longest period to the shortest. An update is worth
    /// its price only by what it saves (Zliobaite, Budka and Stahl 2015).
    fn steps(&self, history: Scheme) -> Vec<RefitSaving> {
        let trial = self.trial;
        let of = |every: u32| trial.series_of(Policy { history, refit: Refit::Every(every) });
        let steps = (0..7).rev().filter_map(|power| {
            let (from, to) = (2_u32 << power, 1_u32 << power);
            let (rare, often) = (of(from)?, of(to)?);
            let sums: Vec<f64> = rare.log_loss.iter().zip(&often.log_loss).map(|(a, b)| a - b).collect();
            let contrast = Contrast::new(&sums, &trial.rows);
            let fits = trial.len() as f64 * (1.0 / f64::from(to) - 1.0 / f64::from(from));
            let each = trial.rows.iter().sum::<f64>() / fits;
            let Interval { low, high } = contrast.interval();
            let interval = Some(Interval { low: low * each, high: high * each });
            Some(RefitSaving { from, to, saved: contrast.mean * each, interval })
        });
        steps.collect()
    }

    /// Returns the loss per row of each planned policy after a break, less that of refitting every window on a short
    /// history.
    fn losses_after_break(&self, window: u32) -> Vec<(Policy, f64)> {
        let evidence = self.evidence;
        let last = (window + BREAK_COST_WINDOWS).min(evidence.last());
        let behind = Trial { series: Vec::new(), ..Trial::over(evidence, window + 1, last, &[], self.trial.delay, 1) };
        let rows: f64 = behind.rows.iter().sum();
        let quickest = Policy { history: short_history(), refit: Refit::Every(1) };
        let Some(quickest) = behind.planned(evidence, quickest) else { return Vec::new() };
        let policies = self.trial.series.iter().map(|series| series.policy);
        let lost = policies.filter_map(|policy| {
            let series = behind.planned(evidence, policy)?;
            let lost = series.log_loss.iter().zip(&quickest.log_loss).map(|(a, b)| a - b).sum::<f64>();
            Some((policy, lost / rows))
        });
        lost.collect()
    }

    /// Judges the policies on the windows for which no history reaches back before the break.
    fn policy_after_break(&self, window: u32) -> Option<PolicyAfterBreak> {
        let Self { evidence, question, trial, .. } = self;
        let behind = evidence.last() - window;
        let histories = histories(behind, question.histories);
        let longest = histories.iter().filter_map(|history| crate::policy::length(*history)).max()?;
        let first = window + longest + trial.delay;
        let oldest = first - 1 - trial.delay;
        let calm = Trial::over(evidence, first, evidence.last(), &histories, trial.delay, oldest);
        let ranking = Ranking::new(&calm, question.keep)?;
        let costs = question.cost.and_then(|cost| CostRanking::new(evidence, &calm, cost, question.keep));
        let has_gain = ranking.has_gain || costs.as_ref().is_some_and(|costs| costs.ranking.has_gain);
        let named = costs.map_or(ranking.named, |costs| Some(costs.cheapest()));
        let NamedSeries { index, provisional } = named.filter(|_| has_gain)?;
        let windows = u32::try_from(calm.len()).unwrap_or(u32::MAX);
        let (policy, kept) = (calm.series[index].policy, ranking.ranked[index].kept);
        Some(PolicyAfterBreak { first, windows, policy, provisional, kept })
    }
}
