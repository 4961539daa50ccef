//! Tests of the advice on synthetic losses, which are made here.
//!
//! `windows`: the windows that are judged. `names`, `by_cost` and `kinds`: the names by log-loss, by cost, and of all
//! kinds of policies. `conditions`: what one window or model decides, and the grade. `office`: the models in service.
//! `recalibration`: recalibrated models in service. `delay`: labels that are late. `whole`: the advice as a whole.
//! `pairs`: losses that are computed only if they are read. `trials`: trials with given losses.

mod by_cost;
mod conditions;
mod delay;
mod kinds;
mod names;
mod office;
mod pairs;
mod recalibration;
pub(crate) mod trials;
mod whole;
mod windows;

use super::*;
use windrow_record::{ModelId, Scheme, WindowIndex};

const ROWS: u64 = 800;

fn index(window: u32) -> WindowIndex {
    WindowIndex::new(window).expect("not 0")
}

/// Returns reproducible pseudo-random numbers around 0.
fn noise(a: u32, b: u32) -> f64 {
    let mut state = (u64::from(a) << 32 | u64::from(b)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    state ^= state >> 29;
    state = state.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state ^= state >> 32;
    (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
}

/// Returns windows with a loss per row by history, the model's newest window and the window. A fifth of the rows are
/// positive.
fn evidence(windows: u32, loss: impl Fn(Scheme, u32, u32) -> f64) -> Evidence {
    evidence_with_misses(windows, loss, |_, _, _| 5)
}

/// Returns windows with a loss per row and a number of misses in each block.
fn evidence_with_misses(
    windows: u32,
    loss: impl Fn(Scheme, u32, u32) -> f64,
    misses: impl Fn(Scheme, u32, u32) -> u64,
) -> Evidence {
    Evidence::new(all_losses(windows, loss, misses))
}

/// Returns the losses of every model on every window on which they are kept.
fn all_losses(
    windows: u32,
    loss: impl Fn(Scheme, u32, u32) -> f64,
    misses: impl Fn(Scheme, u32, u32) -> u64,
) -> Vec<WindowLosses> {
    let mut all = histories(windows, None);
    all.push(Scheme::Cumulative);
    let windows = (1..=windows).map(|window| {
        let models = (1..window).filter(|model| is_kept(index(*model), index(window)));
        let models = models.flat_map(|model| {
            let own = all.iter().filter(move |history| match history {
                Scheme::Sliding(length) => length.get() < model,
                _ => true,
            });
            own.map(move |history| (*history, model)).collect::<Vec<_>>()
        });
        let losses = models.map(|(scheme, model)| {
            let sum = loss(scheme, model, window) * (ROWS / BLOCKS as u64) as f64;
            ModelLosses {
                model: ModelId::new(index(model), scheme),
                log_loss: [sum; BLOCKS],
                squared_error: [sum / 3.0; BLOCKS],
                false_alarms: [3; BLOCKS],
                misses: [misses(scheme, model, window); BLOCKS],
            }
        });
        WindowLosses {
            format: LOSSES_FORMAT,
            window: index(window),
            sha256: String::new(),
            unlabelled: 8,
            rows: [ROWS / BLOCKS as u64; BLOCKS],
            positives: [20; BLOCKS],
            models: losses.collect(),
        }
    });
    windows.collect()
}

/// Returns a loss that hardly changes over time: age costs a little, history helps a little.
fn stable(history: Scheme, model: u32, window: u32) -> f64 {
    let few = match history {
        Scheme::Window => 0.02,
        Scheme::Sliding(length) => 0.02 / f64::from(length.get()),
        Scheme::Cumulative => 0.001,
    };
    0.4 + few + 0.0001 * f64::from(window - model) + 0.02 * noise(window, 7) + 0.001 * noise(window, model)
}

/// Features drift in five windows, and no model is recalibrated.
const OBSERVED: Observed<'static> = Observed {
    alarms: &Observed::ALARMS,
    has_drifted: &|since, now| now - since >= 5,
    recalibrated: &|_| None,
    cost: None,
};

fn advice_on(evidence: &Evidence, delay: u32) -> Advice {
    advice_with(evidence, delay, None)
}

/// Returns the advice by the costs of a false alarm, a miss and a fit, if they are given.
fn advice_with(evidence: &Evidence, delay: u32, cost: Option<[f64; 3]>) -> Advice {
    advice_observing(evidence, delay, cost, OBSERVED)
}

/// Returns the advice, given what is known besides the losses.
fn advice_observing(evidence: &Evidence, delay: u32, cost: Option<[f64; 3]>, observed: Observed<'_>) -> Advice {
    let mut named_policies = Vec::new();
    let observed = Observed { cost, ..observed };
    let settings = NamingSettings { histories: None, delay, keep: 0.9, observed };
    name_policies(evidence, 1..=evidence.last(), settings, &mut named_policies);
    advice_naming(evidence, delay, cost, &named_policies, observed)
}

/// Returns the advice, given the policies named after each window.
fn advice_after(evidence: &Evidence, delay: u32, cost: Option<[f64; 3]>, named_policies: &[PolicyAtWindow]) -> Advice {
    advice_naming(evidence, delay, cost, named_policies, OBSERVED)
}

/// Returns the advice, given the policies named after each window and what is known besides the losses.
fn advice_naming(
    evidence: &Evidence,
    delay: u32,
    cost: Option<[f64; 3]>,
    named_policies: &[PolicyAtWindow],
    observed: Observed<'_>,
) -> Advice {
    let (keep, last) = (0.9, evidence.last());
    let [pipeline, unit] = ["sample", "weeks"].map(str::to_owned);
    let (window_unit, days) = (WindowUnit::Week, Some(7.0));
    let subject = Subject { pipeline, windows: last, unit, window_unit, days, ..Subject::default() };
    let question = AdviceSettings {
        subject,
        keep,
        delay,
        delay_text: None,
        histories: None,
        threshold: 0.5,
        label: &|window| format!("window {window} (week of 2013-04-01)"),
        observed: Observed { cost, ..observed },
        auc: &[],
        named_policies,
    };
    advise(evidence, &question)
}

/// Returns windows of which those that `has` refuses have no rows, or no models of their own.
fn thinned(windows: u32, has_rows: impl Fn(u32) -> bool, has_models: impl Fn(u32) -> bool) -> Evidence {
    let full = evidence(windows, stable);
    Evidence::new((1..=windows).map(|window| {
        let models = (1..window).filter(|model| has_models(*model)).flat_map(|model| {
            histories(windows, None).into_iter().map(move |scheme| ModelId::new(index(model), scheme))
        });
        let losses = models.filter_map(|id| {
            let found = full.losses(id.scheme, id.window.get(), window)?;
            Some(ModelLosses { model: id, ..found.clone() })
        });
        let rows = if has_rows(window) { ROWS / BLOCKS as u64 } else { 0 };
        WindowLosses {
            format: LOSSES_FORMAT,
            window: index(window),
            sha256: String::new(),
            unlabelled: 0,
            rows: [rows; BLOCKS],
            positives: [rows / 5; BLOCKS],
            models: losses.collect(),
        }
    }))
}
