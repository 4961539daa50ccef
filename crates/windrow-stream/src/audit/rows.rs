//! Checks that row numbers have no gaps and no duplicates, that offsets have no duplicates, and that sums agree.

use std::collections::BTreeMap;

use roaring::RoaringTreemap;

use crate::audit::report::Ledger;
use crate::audit::{Finding, FindingKind};
use windrow_config::{Cut, WindowPolicy};
use windrow_record::Partition;
use windrow_record::display::thousands;
use windrow_windows::{MessageCounts, OffsetRange, RowRange};

/// Adds a range of numbers. Returns the ranges that were there already.
pub(crate) fn insert_range(numbers: &mut RoaringTreemap, range: RowRange) -> Vec<RowRange> {
    // This is nearly always the case, and the only one that has to be fast.
    let is_new = numbers.max().is_none_or(|most| most < range.first);
    let doubled = if is_new {
        Vec::new()
    } else {
        let mut own = RoaringTreemap::new();
        range.insert_into(&mut own);
        RowRange::of_set(&(own & &*numbers), 1)
    };
    range.insert_into(numbers);
    doubled
}

/// Checks the rows and offsets that all windows together account for.
pub(crate) fn account(ledger: &mut Ledger, cut: &Cut) {
    offsets(ledger);
    sums(ledger);
    if ledger.run.is_some() {
        gaps(ledger, cut);
    }
    let (rows, least, most) = (ledger.accounted.len(), ledger.accounted.min(), ledger.accounted.max());
    let text = match (least, most) {
        (Some(least), Some(most)) if least == most => format!("1 row number, {least}"),
        (Some(least), Some(most)) => {
            format!("{} row numbers from {least} to {most}, none of them twice", thousands(rows))
        }
        _ => "no rows".to_owned(),
    };
    ledger.check("doubles", FindingKind::DoubledRow, text);
    let text = match (&ledger.run, ledger.end.is_some()) {
        (None, _) => {
            return ledger.skipped("gaps", "not checked: the rows come from another producer, without numbers");
        }
        (_, true) => "every row of the replay is in a window or in quarantine".to_owned(),
        (_, false) if cut.span().is_some() => "not checked: the stream has not ended".to_owned(),
        (_, false) => "every row of the sealed windows is in its file or in quarantine".to_owned(),
    };
    ledger.check("gaps", FindingKind::MissingRow, text);
}

fn gaps(ledger: &mut Ledger, cut: &Cut) {
    let mut expected = RoaringTreemap::new();
    match &ledger.end {
        Some(end) => {
            let sent = end.sent.or_else(|| Some(RowRange::new(1, ledger.accounted.max()?)));
            if let Some(sent) = sent {
                expected.insert_range(sent.first..=sent.last);
                ledger.totals.read = Some(sent.last - sent.first + 1);
            }
            let beyond = &ledger.accounted - &expected;
            let fault = "in a file or in quarantine, but never sent by the replay";
            ledger.find_rows(FindingKind::DoubledRow, &beyond, fault);
        }
        // The first row of the replay is not known before its end. The first row that is there takes its place.
        None => {
            let least = ledger.accounted.min().unwrap_or(1);
            let is_judged = least == 1 || !matches!(cut.policy, WindowPolicy::Parts(_));
            for manifest in ledger.manifests.iter().filter(|_| is_judged) {
                let rows = cut.rows_of_window(manifest.window).map(|(first, last)| (first.max(least), last));
                if let Some((first, last)) = rows.filter(|(first, last)| first <= last) {
                    expected.insert_range(first..=last);
                }
            }
        }
    }
    let missing = expected - &ledger.accounted;
    ledger.find_rows(FindingKind::MissingRow, &missing, "neither in a window nor in quarantine");
}

fn offsets(ledger: &mut Ledger) {
    let mut seen: BTreeMap<(Option<&str>, Partition), RoaringTreemap> = BTreeMap::new();
    let mut found = Vec::new();
    for manifest in &ledger.manifests {
        for range in manifest.messages.all() {
            let OffsetRange { partition, first, last } = *range;
            let set = seen.entry((manifest.messages.log.as_deref(), partition)).or_default();
            let doubled = insert_range(set, RowRange::new(first.bits(), last.bits()));
            if !doubled.is_empty() {
                let fault = format!("offsets {first} to {last} are also accounted for in an earlier window");
                found.push(Finding::of(FindingKind::Offset, fault).of_window(manifest.window).at(partition, first));
            }
        }
    }
    found.into_iter().for_each(|finding| ledger.find(finding));
    ledger.check("offsets", FindingKind::Offset, "no message is accounted for twice".to_owned());
}

fn sums(ledger: &mut Ledger) {
    let Some(end) = ledger.end.clone() else { return };
    let mut totals = MessageCounts::default();
    ledger.manifests.iter().for_each(|manifest| totals += manifest.counts());
    let trailing: u64 = end.repeated_offsets.iter().filter_map(OffsetRange::count).sum();
    let sums = [
        ("windows", u64::from(end.windows), ledger.manifests.len() as u64),
        ("rows", end.rows, totals.stored),
        ("messages in quarantine", end.quarantined, totals.quarantined),
        ("repeated messages", end.repeated, totals.repeated + trailing),
    ];
    for (what, stated, counted) in sums {
        if stated != counted {
            let fault = format!("end.json says {stated} {what}, but the manifests say {counted}");
            ledger.find(Finding::of(FindingKind::Manifest, fault));
        }
    }
    ledger.totals.repeated += trailing;
}
