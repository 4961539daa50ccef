//! The settings of the advice.

use crate::advice::Subject;
use crate::auc_by_window::PolicyAuc;
use crate::candidates::Observed;
use crate::follow::PolicyAtWindow;
use windrow_record::Scheme;

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
