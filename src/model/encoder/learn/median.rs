//! The exact medians of several windows' training rows, in at most one pass over them.

use std::io;
use std::sync::Arc;

use crate::model::frame::Frame;
use crate::model::summary::NumberSummary;
use crate::model::table::Subset;

/// The median of each numeric feature over the training rows of all frames, the mean of the middle two for an even count;
/// 0 where every cell is missing.
pub(super) fn medians(frames: &[Arc<Frame>]) -> io::Result<Vec<f64>> {
    let [first, ..] = frames else { return Ok(Vec::new()) };
    let features = first.table().numbers;
    let summaries = |feature: usize| frames.iter().map(move |frame| &frame.summary().numbers[feature]);
    if frames.len() == 1 {
        return Ok(summaries_of(first));
    }
    let mut brackets: Vec<Bracket> = (0..features).map(|feature| Bracket::new(summaries(feature))).collect();
    for frame in frames {
        let wanted: Vec<(usize, f64, f64)> = brackets
            .iter()
            .enumerate()
            .filter(|(_, bracket)| bracket.has_to_look())
            .map(|(feature, bracket)| (feature, bracket.low, bracket.high))
            .collect();
        if wanted.is_empty() {
            break;
        }
        let table = frame.table();
        let width = table.numbers;
        let pieces = table.map_pieces(frame.range(Subset::Training), |chunk, range| {
            let cells = &chunk.numbers[range.start * width..range.end * width];
            let found = wanted.iter().map(|(feature, low, high)| {
                let (mut at_most_low, mut inside) = (0, Vec::new());
                // A missing cell is NaN, which is on neither side.
                for x in cells[*feature..].iter().step_by(width) {
                    at_most_low += u64::from(x <= low);
                    if x > low && x < high {
                        inside.push(*x);
                    }
                }
                (at_most_low, inside)
            });
            found.collect::<Vec<_>>()
        })?;
        for piece in pieces {
            for ((feature, ..), (at_most_low, inside)) in wanted.iter().zip(piece) {
                brackets[*feature].at_most_low += at_most_low;
                brackets[*feature].inside.extend(inside);
            }
        }
    }
    Ok(brackets.into_iter().map(Bracket::median).collect())
}

fn summaries_of(frame: &Frame) -> Vec<f64> {
    frame.summary().numbers.iter().map(|summary| summary.median).collect()
}

/// Two values between which the middle ones lie, the upper one included.
#[derive(Debug)]
struct Bracket {
    present: u64,
    low: f64,
    high: f64,
    smallest: f64,
    at_most_low: u64,
    inside: Vec<f64>,
}

impl Bracket {
    fn new<'a>(summaries: impl Iterator<Item = &'a NumberSummary> + Clone) -> Self {
        let present = summaries.clone().map(|summary| summary.present).sum::<u64>();
        let (lower, upper) = (present.saturating_sub(1) / 2, present / 2);
        let mut values: Vec<f64> = summaries.clone().flat_map(|s| s.ranks.iter().map(|(_, x)| *x)).collect();
        values.sort_unstable_by(f64::total_cmp);
        values.dedup();
        // So many values are at most x, for certain and at the most.
        let at_least = |x: f64| summaries.clone().map(|s| known(s, x)).sum::<u64>();
        let at_most = |x: f64| summaries.clone().map(|s| possible(s, x)).sum::<u64>();
        let low = values[..values.partition_point(|x| at_most(*x) <= lower)].last().copied();
        let high = values[values.partition_point(|x| at_least(*x) <= upper)..].first().copied();
        Self {
            present,
            low: low.unwrap_or(f64::NEG_INFINITY),
            high: high.unwrap_or_default(),
            smallest: values.first().copied().unwrap_or_default(),
            at_most_low: 0,
            inside: Vec::new(),
        }
    }

    /// Where nothing can be below the upper value, it is the median.
    fn has_to_look(&self) -> bool {
        self.present > 0 && self.smallest < self.high
    }

    fn median(mut self) -> f64 {
        if self.present == 0 {
            return 0.0;
        }
        self.inside.sort_unstable_by(f64::total_cmp);
        let at = |rank: u64| {
            let place = usize::try_from(rank.saturating_sub(self.at_most_low)).unwrap_or(usize::MAX);
            self.inside.get(place).copied().unwrap_or(self.high)
        };
        at((self.present - 1) / 2).midpoint(at(self.present / 2))
    }
}

/// How many of a window's values are at most `x`, as far as its ranks tell.
fn known(summary: &NumberSummary, x: f64) -> u64 {
    let below = summary.ranks.partition_point(|(_, value)| *value <= x);
    summary.ranks[..below].last().map_or(0, |(rank, _)| rank + 1)
}

/// How many of a window's values can be at most `x`.
fn possible(summary: &NumberSummary, x: f64) -> u64 {
    let below = summary.ranks.partition_point(|(_, value)| *value <= x);
    summary.ranks.get(below).map_or(summary.present, |(rank, _)| *rank)
}
