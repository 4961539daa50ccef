//! The findings of the advice: on each policy, on the windows judged, and over time.

use crate::advice::{
    Advice, AgeFinding, BreakFinding, JudgedWindows, NamedPolicy, Origin, RefitSaving, Saving, SavingsOverTime,
    ScheduleFinding,
};
use crate::advise::settings::AdviceSettings;
use crate::breaks::{Break, find_break};
use crate::contrast::{Contrast, Interval};
use crate::cost::{CostRanking, mean_cost};
use crate::evidence::Evidence;
use crate::fit_once::FitOnce;
use crate::follow::PolicyAtWindow;
use crate::loss_by_window::{loss_by_window, loss_rises};
use crate::policy::{Policy, Refit};
use crate::policy_finding::{AlarmWindow, ComparedLosses, Effort, Errors, PolicyFinding, PolicyVerdict};
use crate::quality::quality_over_time;
use crate::ranking::{NamedSeries, Ranked, Ranking};
use crate::sensitivity::Naming;
use crate::steadiness::Followed;
use crate::trial::{MIN_WINDOWS, Series, Trial, histories};
use crate::wrong_answers::WrongAnswers;
use crate::{grade, in_service};
use windrow_record::Scheme;

/// The losses and their ranking, from which the findings are computed.
pub(super) struct Findings<'a> {
    pub(super) evidence: &'a Evidence,
    pub(super) question: &'a AdviceSettings<'a>,
    pub(super) trial: &'a Trial,
    pub(super) ranking: &'a Ranking,
}

impl Findings<'_> {
    /// Fills in everything except the sentences and the action.
    pub(super) fn fill(&self, advice: &mut Advice) {
        let Self { trial, ranking, question, .. } = self;
        let Advice { basis, recommendation, comparison, over_time, .. } = advice;
        basis.judged = Some(JudgedWindows::new(trial, self.evidence, &trial.series[ranking.best], ranking.gain));
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
        if let Some(series) = trial.series_of(subject).filter(|_| question.subject.origin == Origin::Table) {
            let rises = loss_rises(self.evidence, subject.history, question.delay);
            over_time.losses = loss_by_window(trial, series, &rises, question.label);
        }
        if trial.len() < MIN_WINDOWS {
            return;
        }
        let costs = question.observed.cost.and_then(|cost| CostRanking::new(self.evidence, trial, cost, question.keep));
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
        let (refits, cost) = (series.refits, self.question.observed.cost.map(|costs| mean_cost(series, costs)));
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
        let series = in_service::series(&later, evidence, question.named_policies, question.observed)?;
        let ranking = Ranking::new(&later, question.keep)?;
        // Following the advice is a single run, so its refits may be too few for a verdict. `since` reports its
        // windows.
        let by_loss = ranking.rank(&later, &series);
        let finding = PolicyFinding { since: Some(first), ..self.finding(&later, &series, &by_loss) };
        let costs = question.observed.cost.and_then(|cost| {
            // The best policy by cost may be of any kind.
            let kinds = trial.part(|index| trial.windows[index] >= first);
            let compared = if kinds.windows == later.windows { &kinds } else { &later };
            CostRanking::new(evidence, compared, cost, question.keep)
        });
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
}
