//! Small pictures without axes, for the cells of tables: spark lines, and the distributions of two windows.

use std::fmt::Write as _;

use crate::plot::scale::Scale;
use crate::plot::svg::escaped;

const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 20.0;
/// The maximum number of points. Longer series are drawn as means of neighbouring values.
const MAX_POINTS: usize = 40;
/// The height of a picture of two distributions.
const BINS_HEIGHT: f64 = 32.0;

/// Draws a spark line on a scale that several lines may share, with a description for tooltips and screen readers. Returns
/// nothing without values.
pub fn spark(values: &[f64], range: (f64, f64), described: &str) -> String {
    let size = values.len().div_ceil(MAX_POINTS).max(1);
    let points: Vec<f64> = values.chunks(size).map(|some| some.iter().sum::<f64>() / some.len() as f64).collect();
    if points.is_empty() {
        return String::new();
    }
    let across = Scale::new((0.0, points.len().saturating_sub(1) as f64), (2.0, WIDTH - 4.0));
    let up = Scale::new(range, (HEIGHT - 3.0, 3.0));
    let at = |index: usize, value: f64| (across.coordinate(index as f64), up.coordinate(value));
    let mut path = String::new();
    for (index, value) in points.iter().enumerate() {
        let (x, y) = at(index, *value);
        // Writing to a String cannot fail.
        let _ = write!(path, "{}{x:.1} {y:.1}", if index == 0 { "M" } else { "L" });
    }
    let (x, y) = at(points.len() - 1, points.last().copied().unwrap_or_default());
    format!(
        "<svg class=\"spark\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\"><title>{}</title><path class=\"a h\" d=\"{path}\"/>\
         <circle class=\"a\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\"/></svg>",
        escaped(described)
    )
}

/// Draws the shares of two distributions in the same bins, the earlier one as bars and the later one as a line, with a
/// description for tooltips and screen readers. Returns nothing without bins.
pub fn distributions(before: &[f64], now: &[f64], described: &str) -> String {
    let bins = before.len().min(now.len());
    if bins == 0 {
        return String::new();
    }
    let highest = before.iter().chain(now).copied().fold(1e-9, f64::max);
    let across = Scale::new((0.0, bins as f64), (1.0, WIDTH - 1.0));
    let (bottom, top) = (BINS_HEIGHT - 1.0, 2.0);
    let up = Scale::new((0.0, highest), (bottom, top));
    let (mut bars, mut path) = (String::new(), format!("M1.0 {bottom:.1}"));
    for (bin, (before, now)) in before.iter().zip(now).enumerate() {
        let (begin, end) = (across.coordinate(bin as f64), across.coordinate(bin as f64 + 1.0));
        let (bar, line) = (up.coordinate(*before), up.coordinate(*now));
        let (width, height) = (end - begin - 1.0, bottom - bar);
        // Writing to a String cannot fail.
        let _ = write!(
            bars,
            "<rect class=\"n\" x=\"{:.1}\" y=\"{bar:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>",
            begin + 0.5
        );
        let _ = write!(path, "L{begin:.1} {line:.1}L{end:.1} {line:.1}");
    }
    format!(
        "<svg class=\"bins\" viewBox=\"0 0 {WIDTH} {BINS_HEIGHT}\" role=\"img\"><title>{}</title>{bars}\
         <path class=\"a w h\" d=\"{path}L{:.1} {bottom:.1}\"/></svg>",
        escaped(described),
        WIDTH - 1.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_distributions_share_their_bins() {
        let text = distributions(&[0.5, 0.5, 0.0], &[0.0, 0.25, 0.75], "x <before>");
        assert_eq!(text.matches("<rect").count(), 3, "{text}");
        assert!(text.contains("x &lt;before&gt;") && text.contains("d=\"M1.0 31.0L1.0 31.0L40.3 31.0L40.3 "), "{text}");
        assert!(text.contains("L119.0 2.0L119.0 31.0\""), "the highest bin reaches the top: {text}");
        assert_eq!(distributions(&[], &[], "nothing"), "");
    }

    #[test]
    fn a_long_series_is_drawn_with_few_points() {
        let values: Vec<f64> = (0..500).map(f64::from).collect();
        let text = spark(&values, (0.0, 500.0), "from 0 to <499>");
        assert!(text.matches(['M', 'L']).count() <= MAX_POINTS && text.contains("&lt;499&gt;"), "{text}");
        assert_eq!(spark(&[], (0.0, 1.0), "nothing"), "");
        let one = spark(&[0.5], (0.5, 0.5), "one");
        assert!(one.contains("d=\"M59.0 10.0\"") && one.contains("cx=\"59.0\""), "{one}");
    }
}
