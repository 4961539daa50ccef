//! Simulates one world many times: which policy is recommended, and what it loses compared with the truly best one.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Mutex;

use rayon::prelude::*;
use windrow_evaluation::{
    Advice, AdviceSettings, BLOCKS, Evidence, LOSSES_FORMAT, ModelLosses, Observed, Policy, PolicyAtWindow,
    PolicyFinding, PolicyVerdict, RecalibratedModel, Refit, Status, Subject, Trial, WindowLosses, advise, find_break,
    histories, judge, named,
};
use windrow_learn::model::recalibrate;
use windrow_record::{ModelId, Scheme, WindowIndex};

use crate::bounds::{Bound, KEPT_SHARE, RuleCounts, RuleFindings};
use crate::learner::{Model, Outside};
use crate::rule_before::RuleBefore;
use crate::shares::share;
use crate::world::{ChangeKind, FEATURES, Window, World};

/// The results of all histories of a world.
pub(crate) struct StudyResult {
    world: World,
    outside: Outside,
    named: BTreeMap<String, usize>,
    seeds: usize,
    regret: f64,
    breaks: usize,
    nothing: usize,
    too_few: usize,
    recalibrated: f64,
    judged: usize,
    /// The findings of the rule before, and of the rule now.
    rules: [RuleCounts; 2],
    pub(crate) notes: Vec<String>,
}

/// The result of one history of a world.
struct Outcome {
    status: Status,
    named: Option<Policy>,
    broke: bool,
    /// The expected loss of every planned policy over the windows judged. That of the others is the observed loss, whose
    /// mean over all histories is the same. `share` is the loss of predicting the share of positives.
    truth: BTreeMap<Policy, f64>,
    share: f64,
    recalibrated: Option<f64>,
    /// The number of windows judged.
    judged: usize,
    /// The schedules with enough refits for a comparison.
    compared: Vec<Policy>,
    /// The findings of the rule before, and of the rule now.
    rules: [RuleFindings; 2],
}

pub(crate) fn study(world: World, outside: Outside, seeds: u64) -> StudyResult {
    let outcomes: Vec<Outcome> = (0..seeds).into_par_iter().map(|seed| one(world, outside, seed)).collect();
    // The true loss of a policy in this world: the mean over all histories.
    let mut truth: BTreeMap<Policy, f64> = BTreeMap::new();
    for (policy, loss) in outcomes.iter().flat_map(|outcome| &outcome.truth) {
        *truth.entry(*policy).or_default() += loss / seeds as f64;
    }
    let share = outcomes.iter().map(|outcome| outcome.share).sum::<f64>() / seeds as f64;
    let planned = || truth.iter().filter(|(policy, _)| matches!(policy.refit, Refit::Every(_)));
    let (best, least) =
        planned().min_by(|a, b| a.1.total_cmp(b.1)).map_or((None, share), |(policy, loss)| (Some(*policy), *loss));
    let gain = share - least;
    let mut found = StudyResult {
        world,
        outside,
        named: BTreeMap::new(),
        seeds: outcomes.len(),
        regret: 0.0,
        breaks: 0,
        nothing: 0,
        too_few: 0,
        recalibrated: 0.0,
        judged: outcomes.first().map_or(0, |outcome| outcome.judged),
        rules: Default::default(),
        notes: Vec::new(),
    };
    let mut listed = 0;
    for outcome in &outcomes {
        found.breaks += usize::from(outcome.broke);
        found.too_few += usize::from(outcome.status == Status::TooFew);
        found.recalibrated += outcome.recalibrated.unwrap_or_default() / seeds as f64;
        // If no policy truly gains, there is nothing to keep.
        let kept = |policy: &Policy| {
            let loss = truth.get(policy).filter(|_| gain > 0.0);
            loss.map_or(0.0, |loss| (share - loss) / gain)
        };
        for (counts, findings) in found.rules.iter_mut().zip(&outcome.rules) {
            counts.add(findings, &outcome.compared, kept);
        }
        let Some(policy) = outcome.named else {
            found.nothing += usize::from(outcome.status != Status::TooFew);
            continue;
        };
        *found.named.entry(policy.to_string()).or_default() += 1;
        let regret = (truth.get(&policy).copied().unwrap_or(share) - least) / gain;
        found.regret += regret;
        listed += 1;
    }
    found.regret /= f64::from(listed.max(1));
    if let Some(best) = best {
        found.notes.push(format!("truly best: {best}; gain {gain:.4} of {share:.4}"));
    }
    let mut by_loss: Vec<(&Policy, &f64)> = planned().collect();
    by_loss.sort_by(|a, b| a.1.total_cmp(b.1));
    let listed: Vec<String> = by_loss
        .iter()
        .take(6)
        .map(|(policy, loss)| format!("{policy} {:.0}%", 100.0 * (share - *loss) / gain))
        .collect();
    found.notes.push(format!("true shares: {}", listed.join("; ")));
    let [_, now] = &found.rules;
    if !now.false_names.is_empty() {
        let listed: Vec<String> = now.false_names.iter().map(|(policy, count)| format!("{policy} {count}")).collect();
        found.notes.push(format!("false names of the rule now: {}", listed.join("; ")));
    }
    if found.recalibrated > 0.0 {
        found.notes.push(format!("only recalibrating keeps {:.0}%", 100.0 * (share - found.recalibrated) / gain));
    }
    found.notes.extend(crate::coverage::walk(world, gain));
    found
}

impl StudyResult {
    pub(crate) fn line(&self) -> String {
        let mut named: Vec<(&String, &usize)> = self.named.iter().collect();
        named.sort_by(|a, b| b.1.cmp(a.1));
        let percent = |count: usize, of: usize| 100.0 * count as f64 / of.max(1) as f64;
        let mut listed: Vec<String> =
            named.iter().take(3).map(|(name, count)| format!("{name} {:.0}%", percent(**count, self.seeds))).collect();
        for (what, count) in [("nothing to schedule", self.nothing), ("too few windows", self.too_few)] {
            if count > 0 {
                listed.push(format!("{what} {:.0}%", percent(count, self.seeds)));
            }
        }
        let [_, now] = &self.rules;
        format!(
            "| {} | {} | {} | {:.0}% | {} | {:.1}% | {} |",
            self.name(),
            self.world.kind.windows(),
            listed.join("; "),
            percent(now.shown, self.seeds),
            share(now.falsely_named(), now.shown),
            100.0 * self.regret,
            share(self.breaks, self.seeds),
        )
    }

    /// Returns the name of the world, and that numbers were not held, if so.
    fn name(&self) -> String {
        let outside = if self.outside == Outside::Held { "" } else { ", not held" };
        format!("{}{outside}", self.world.kind.name())
    }

    /// Returns the lines of the table on the bounds: of the rule before, and of the rule now.
    pub(crate) fn bounds_lines(&self) -> [String; 2] {
        let [before, now] = &self.rules;
        [(before, "before"), (now, "now")].map(|(counts, rule)| counts.line(&self.name(), rule, self.judged))
    }
}

fn one(world: World, outside: Outside, seed: u64) -> Outcome {
    let count = world.kind.windows();
    let windows = world.windows(count, 1_000 * seed + 17);
    let wanted = histories(count as u32, None);
    let models = models(&windows, &wanted);
    let [seen, truth] = evidence(&windows, &models, outside);
    let last = count as u32;
    let known = Mutex::new(BTreeMap::new());
    let recalibrated = |one: RecalibratedModel| {
        let sums = || recalibration(&windows, models.get(&(one.history, one.model as usize))?, outside, one);
        *known.lock().expect("no panic").entry(one).or_insert_with(sums)
    };
    let observed =
        Observed { alarms: &[Refit::LossAlarm], has_drifted: &|_, _| false, recalibrated: &recalibrated, cost: None };
    let mut named_policies: Vec<PolicyAtWindow> = Vec::new();
    let (mut rule_before, mut compared) = (RuleBefore::default(), Vec::new());
    for window in 1..=last {
        let judged = judge(&seen, window, None, 0, KEPT_SHARE, observed);
        let trial = judged.as_ref().map(|(trial, _)| trial);
        rule_before.advance(trial);
        compared = trial.map_or_else(Vec::new, schedules_compared);
        let before = named_policies.last().copied();
        named_policies.extend(judged.and_then(|(trial, ranking)| named(&trial, &ranking, window, before)));
    }
    let trial = Trial::new(&seen, last, &wanted, 0);
    let advice = advise(
        &seen,
        &AdviceSettings {
            subject: Subject::default(),
            keep: KEPT_SHARE,
            delay: 0,
            delay_text: None,
            histories: None,
            threshold: 0.5,
            label: &|window| format!("window {window}"),
            observed,
            auc: &[],
            named_policies: &named_policies,
        },
    );
    let expected = Trial::new(&truth, last, &wanted, 0);
    let rows: f64 = expected.rows.iter().sum();
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / rows;
    let mut by_policy = BTreeMap::new();
    for series in &expected.series {
        for policy in series.same.iter().chain([&series.policy]) {
            by_policy.insert(*policy, mean(&series.log_loss));
        }
    }
    let further = || advice.comparison.further.iter().filter(|found| found.policy.refit != Refit::Advice);
    by_policy.extend(further().map(|found| (found.policy, found.errors.log_loss)));
    let recalibrated = Policy { history: Scheme::Cumulative, refit: Refit::Recalibrated };
    Outcome {
        status: advice.recommendation.status,
        named: advice.named(),
        broke: find_break(&seen, last).is_some(),
        share: mean(&trial.share_loss),
        recalibrated: by_policy.get(&recalibrated).copied(),
        truth: by_policy,
        judged: trial.windows.len(),
        compared,
        rules: [rule_before.findings(), findings(&advice)],
    }
}

/// Returns the schedules with enough refits for a comparison.
fn schedules_compared(trial: &Trial) -> Vec<Policy> {
    let schedules = trial.series.iter().filter(|series| series.policy.is_schedule());
    schedules.filter(|series| series.has_enough_refits()).map(|series| series.policy).collect()
}

/// Returns the findings of the rule now.
fn findings(advice: &Advice) -> RuleFindings {
    let is_shown = |found: &PolicyFinding| found.verdict == PolicyVerdict::GoodEnough;
    let bound = |found: &PolicyFinding| {
        let at_least = found.kept.at_least?;
        Some(Bound { policy: found.policy, at_least, is_shown: is_shown(found) })
    };
    let all = advice.comparison.planned.iter().chain(&advice.comparison.further);
    let bounds = all.filter(|found| found.policy.refit != Refit::Advice).filter_map(bound).collect();
    let shown = advice.named().filter(|named| advice.comparison.finding(*named).is_some_and(is_shown));
    RuleFindings { bounds, shown, is_clear: advice.recommendation.status == Status::Clear }
}

/// Returns the model of each history after each window.
pub(crate) fn models(windows: &[Window], histories: &[Scheme]) -> BTreeMap<(Scheme, usize), Model> {
    let mut models: BTreeMap<(Scheme, usize), Model> = BTreeMap::new();
    for end in 1..=windows.len() {
        for history in histories {
            let length = match history {
                Scheme::Window => 1,
                Scheme::Sliding(length) => length.get() as usize,
                Scheme::Cumulative => end,
            };
            if length < end || *history == Scheme::Cumulative {
                let before = models.get(&(*history, end - 1)).map_or([0.0; FEATURES + 1], |before| before.weights);
                models.insert((*history, end), Model::fit(&windows[end - length.min(end)..end], before));
            }
        }
    }
    models
}

/// Returns the losses of every model on every later window, and the expected losses, from the true probabilities.
pub(crate) fn evidence(
    windows: &[Window],
    models: &BTreeMap<(Scheme, usize), Model>,
    outside: Outside,
) -> [Evidence; 2] {
    let all = windows.iter().enumerate().map(|(window_index, window)| {
        let earlier = models.iter().filter(|((_, end), _)| *end <= window_index);
        let losses = earlier.map(|((history, end), model)| {
            let mut log_loss = [[0.0; BLOCKS]; 2];
            for (row, x) in window.x.iter().enumerate() {
                let z = model.log_odds(x, outside);
                // -log p(truth) is log(1 + e^z) less z times the truth, and its expectation less z times p.
                let (negative, block) = (loss(z, false), row * BLOCKS / window.x.len());
                log_loss[0][block] += negative - if window.y[row] { z } else { 0.0 };
                log_loss[1][block] += negative - z * window.p[row];
            }
            log_loss.map(|log_loss| ModelLosses {
                model: ModelId::new(index(*end), *history),
                log_loss,
                squared_error: [0.0; BLOCKS],
                false_alarms: [0; BLOCKS],
                misses: [0; BLOCKS],
            })
        });
        let (seen, expected): (Vec<_>, Vec<_>) = losses.map(|[seen, expected]| (seen, expected)).unzip();
        let (mut rows, mut positives) = ([0; BLOCKS], [0; BLOCKS]);
        for (row, y) in window.y.iter().enumerate() {
            rows[row * BLOCKS / window.x.len()] += 1;
            positives[row * BLOCKS / window.x.len()] += u64::from(*y);
        }
        [seen, expected].map(|models| WindowLosses {
            format: LOSSES_FORMAT,
            window: index(window_index + 1),
            sha256: String::new(),
            unlabelled: 0,
            rows,
            positives,
            models,
        })
    });
    let (seen, expected): (Vec<_>, Vec<_>) = all.map(|[seen, expected]| (seen, expected)).unzip();
    [seen, expected].map(Evidence::new)
}

fn index(window: usize) -> WindowIndex {
    WindowIndex::new(NonZeroU32::new(window as u32).map_or(1, NonZeroU32::get)).expect("not 0")
}

/// Returns the sums of a recalibrated model on the window that it predicts.
fn recalibration(
    windows: &[Window],
    model: &Model,
    outside: Outside,
    recalibrated: RecalibratedModel,
) -> Option<[f64; 4]> {
    let of = |window: u32| windows.get((window as usize).checked_sub(1)?);
    let line = recalibrated.on.and_then(of).and_then(|earlier| {
        let z: Vec<f64> = earlier.x.iter().map(|x| model.log_odds(x, outside)).collect();
        let held = if outside == Outside::Held { model.share_outside(earlier) } else { 0.0 };
        recalibrate(&z, &earlier.y, held)
    });
    let (a, b) = line.unwrap_or((0.0, 1.0));
    let now = of(recalibrated.window)?;
    let losses = now.x.iter().zip(&now.y).map(|(x, y)| loss(a + b * model.log_odds(x, outside), *y));
    Some([losses.sum(), 0.0, 0.0, 0.0])
}

pub(crate) fn loss(z: f64, y: bool) -> f64 {
    let margin = if y { z } else { -z };
    (-margin.abs()).exp().ln_1p() + if margin >= 0.0 { 0.0 } else { -margin }
}

/// Returns the standard deviation of a step, if the world is a random walk.
pub(crate) fn step(kind: ChangeKind) -> Option<f64> {
    match kind {
        ChangeKind::SlowWalk => Some(crate::world::SLOW_STEP),
        ChangeKind::FastWalk => Some(crate::world::FAST_STEP),
        _ => None,
    }
}
