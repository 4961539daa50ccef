//! Accounts for the files that the rows came from.

use crate::audit::report::Ledger;
use crate::audit::{Finding, FindingKind};
use crate::growth::Extract;
use windrow_record::display::{counted, thousands};

/// The number of digits of a file's sha256 that are shown.
const DIGEST_DIGITS: usize = 12;

/// Checks that each extract goes on after the one before. Does nothing if there is only one.
pub(crate) fn account(ledger: &mut Ledger, extracts: &[Extract]) {
    if extracts.len() < 2 {
        return;
    }
    for pair in extracts.windows(2) {
        let [before, next] = pair else { continue };
        let has_gap = next.begins.get() > next.known + 1 || before.last.is_some_and(|last| next.known > last);
        if has_gap {
            let fault = format!(
                "run.json: the extract of {} begins with row {} and does not go on after that of {}",
                next.at, next.begins, before.at
            );
            ledger.find(Finding::of(FindingKind::Extract, fault));
        }
    }
    let described = extracts.iter().enumerate().map(|(index, extract)| {
        // The rows that the next extract found in files came from this one or from earlier ones.
        let last = extracts.get(index + 1).map(|next| next.known).or(extract.last);
        described(extract, last)
    });
    let text = described.collect::<Vec<_>>().join("; ");
    ledger.extracts = extracts.to_vec();
    ledger.check("extracts", FindingKind::Extract, text);
}

/// Describes what came from an extract. `last` is the last row of it that was read.
fn described(extract: &Extract, last: Option<u64>) -> String {
    let sha256 = extract.sha256.get(..DIGEST_DIGITS).unwrap_or(&extract.sha256);
    let first = thousands(extract.known + 1);
    let rows = match last {
        Some(last) if last > extract.known => format!("rows {first} to {}", thousands(last)),
        Some(_) => "no new row".to_owned(),
        None => format!("rows from {first} on"),
    };
    let mut parts = vec![format!("{rows} from {sha256} ({})", extract.at)];
    if extract.begins.get() > 1 {
        parts.push(format!("it begins with row {}", thousands(extract.begins.get())));
    }
    if extract.labels > 0 {
        parts.push(counted(extract.labels, "label of a sealed window", "labels of sealed windows"));
    }
    match extract.reopened.as_slice() {
        [] => {}
        [window] => parts.push(format!("window {window} was opened again")),
        [first, .., last] => parts.push(format!("windows {first} to {last} were opened again")),
    }
    parts.join(", ")
}
