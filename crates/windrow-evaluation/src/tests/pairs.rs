//! Tests of losses that are computed only if they are read: the advice is the same as with the losses of all pairs.

use std::collections::BTreeSet;

use super::kinds::{DRIFT, changes};
use super::whole::broken;
use super::*;

/// Losses of which some are computed only if they are read.
struct OnDemandLosses {
    /// The losses of every model on every window.
    all: Vec<WindowLosses>,
    /// The losses that are known so far.
    evidence: Evidence,
    /// The number of pairs of models that are not published.
    of_advice: usize,
    /// The pairs that are known because the rule names them.
    needed: BTreeSet<(WindowIndex, ModelId)>,
    /// The pairs that were computed because they were read.
    computed: BTreeSet<(WindowIndex, ModelId)>,
}

impl OnDemandLosses {
    /// Models of the last window and of all windows are published, so their losses are known. Of the others, only the
    /// pairs are known that the rule names, except for the pair `forgotten`.
    fn new(all: Vec<WindowLosses>, delay: u32, forgotten: Option<(WindowIndex, ModelId)>) -> Self {
        let rule = needed_pairs(u32::try_from(all.len()).expect("few"), None, delay);
        let is_published = |id: ModelId| matches!(id.scheme, Scheme::Window | Scheme::Cumulative);
        let pairs = all.iter().flat_map(|window| window.models.iter().map(move |losses| (window.window, losses.model)));
        let others: BTreeSet<(WindowIndex, ModelId)> = pairs.filter(|pair| !is_published(pair.1)).collect();
        let is_needed = |pair: &&(WindowIndex, ModelId)| rule.has(pair.1.window, pair.0) && Some(**pair) != forgotten;
        let needed: BTreeSet<(WindowIndex, ModelId)> = others.iter().filter(is_needed).copied().collect();
        let mut known = all.clone();
        for window in &mut known {
            let at = window.window;
            window.models.retain(|losses| is_published(losses.model) || needed.contains(&(at, losses.model)));
        }
        let mut evidence = Evidence::new(known);
        evidence.set_on_demand(rule, others.iter().map(|(_, model)| *model));
        Self { all, evidence, of_advice: others.len(), needed, computed: BTreeSet::new() }
    }

    /// Calls `read` until it reads only known losses, and computes those that are missing in between.
    fn read<T>(&mut self, read: impl Fn(&Evidence) -> T) -> T {
        loop {
            self.evidence.take_read();
            let found = read(&self.evidence);
            let mut missing = self.evidence.take_read();
            missing.retain(|(window, model)| !self.evidence.has_losses(*model, *window));
            if missing.is_empty() {
                return found;
            }
            for (window, model) in missing {
                let whole = &self.all[window.get() as usize - 1];
                let models: Vec<ModelLosses> =
                    whole.models.iter().filter(|losses| losses.model == model).cloned().collect();
                assert!(!models.is_empty(), "{model} has no losses on window {window}");
                self.evidence.insert(WindowLosses { models, ..whole.clone() });
                self.computed.insert((window, model));
            }
        }
    }

    /// Returns the advice, as the advisor computes it.
    fn advice(&mut self, delay: u32, cost: Option<[f64; 3]>, observed: Observed<'_>) -> Advice {
        let last = self.evidence.last();
        let settings = NamingSettings { histories: None, delay, keep: 0.9, observed: Observed { cost, ..observed } };
        self.read(|evidence| read_for_names(evidence, 1..=last, settings));
        self.read(|evidence| advice_observing(evidence, delay, cost, observed))
    }
}

/// A loss by history, the model's newest window and the window.
type World = fn(Scheme, u32, u32) -> f64;

/// The name of a case, its losses, the delay of the labels, the costs, and what was observed.
type Case = (&'static str, World, u32, Option<[f64; 3]>, Observed<'static>);

#[test]
fn the_advice_is_the_same_as_from_the_losses_of_all_pairs() {
    let cost = Some([1.0, 4.0, 60.0]);
    let cases: [Case; 5] = [
        ("stable", stable, 0, None, OBSERVED),
        ("changes, late labels", changes, 2, None, DRIFT),
        ("changes, costs", changes, 0, cost, DRIFT),
        ("a break", broken, 0, None, OBSERVED),
        ("a break, late labels and costs", broken, 1, cost, OBSERVED),
    ];
    for (what, world, delay, cost, observed) in cases {
        let misses = |history: Scheme, model: u32, window: u32| (100.0 * world(history, model, window)) as u64 - 30;
        let all = all_losses(44, world, misses);
        let expected = advice_observing(&Evidence::new(all.clone()), delay, cost, observed);
        let mut losses = OnDemandLosses::new(all, delay, None);
        assert_eq!(losses.advice(delay, cost, observed), expected, "{what}");
        let pairs = losses.needed.len() + losses.computed.len();
        assert!(pairs * 10 < losses.of_advice * 9, "{what}: {pairs} of {}", losses.of_advice);
    }
}

#[test]
fn the_models_that_an_alarm_leaves_in_use_are_found_by_reading() {
    let mut losses = OnDemandLosses::new(all_losses(44, changes, |_, _, _| 5), 0, None);
    losses.advice(0, None, DRIFT);
    // The longest refit period judged has 8 windows, and the data change after every 9th: so an alarm leaves models in
    // use that are 9 windows old.
    assert!(!losses.computed.is_empty());
    let is_older = |(window, model): &(WindowIndex, ModelId)| window.get() - model.window.get() > 8;
    assert!(losses.computed.iter().all(is_older), "{:?}", losses.computed);
    assert!(losses.computed.len() * 4 < losses.needed.len(), "few: {}", losses.computed.len());
}

#[test]
fn losses_that_a_policy_needs_are_never_left_out() {
    // The rule names the pair, but its losses are missing.
    let forgotten = (index(30), ModelId::new(index(28), histories(40, None)[1]));
    let mut losses = OnDemandLosses::new(all_losses(40, stable, |_, _, _| 5), 0, Some(forgotten));
    let expected = advice_on(&Evidence::new(losses.all.clone()), 0);
    assert_eq!(losses.advice(0, None, OBSERVED), expected);
    assert!(losses.computed.contains(&forgotten), "{:?}", losses.computed);
}

#[test]
fn what_is_read_does_not_depend_on_what_is_known() {
    let all = all_losses(44, changes, |_, _, _| 5);
    let read_by = |known: Vec<WindowLosses>| {
        let mut losses = OnDemandLosses::new(all.clone(), 0, None);
        known.into_iter().for_each(|window| assert!(losses.evidence.insert(window)));
        losses.advice(0, None, DRIFT);
        losses.evidence.take_read();
        advice_observing(&losses.evidence, 0, None, DRIFT);
        losses.evidence.take_read()
    };
    let none = read_by(Vec::new());
    assert!(!none.is_empty());
    assert_eq!(read_by(all.clone()), none);
}
