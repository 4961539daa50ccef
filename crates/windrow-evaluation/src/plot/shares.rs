//! The picture of shares of a gain with their intervals, side by side.

use crate::Interval;
use crate::plot::letters::shortened;
use crate::plot::scale::Scale;
use crate::plot::svg::{Picture, SMALL_LINE};
use crate::policy_finding::share_in_words;
use windrow_record::display::percent;

const WIDTH: u32 = 400;
const HEIGHT: u32 = 380;
/// The lower limit of the scale. Shares below it are drawn at the edge and marked.
const SCALE_MIN: f64 = -0.5;
/// The upper limit of the scale. Intervals that go on beyond a limit end in an arrow.
const SCALE_MAX: f64 = 1.5;

/// Shares of a gain, side by side.
#[derive(Debug, Clone)]
pub(crate) struct Shares {
    pub(crate) title: String,
    /// The label of the horizontal axis, as in `weeks of history, refitting every week`.
    pub(crate) across: String,
    /// The points, from left to right.
    pub(crate) points: Vec<Point>,
    /// The share that is good enough.
    pub(crate) keep: f64,
}

#[derive(Debug, Clone)]
pub(crate) struct Point {
    /// The label of the policy on the horizontal axis.
    pub(crate) label: String,
    /// The share, where 1 is the whole gain.
    pub(crate) share: f64,
    pub(crate) interval: Option<Interval>,
    pub(crate) is_significant: bool,
    pub(crate) is_named: bool,
}

impl Shares {
    pub(crate) fn draw(&self) -> Picture {
        let (mut picture, top) = Picture::new(WIDTH, HEIGHT, &self.title, self.points.iter().map(Point::describe));
        let note = "share of the best gain, 95%; dashed: good enough; hollow: cannot tell; arrow: goes on";
        let across = picture.note(note) - 6.0;
        let (bottom, left, right) = (across - 2.0 * SMALL_LINE - 4.0, 52.0, f64::from(WIDTH) - 12.0);
        let lows = self.points.iter().map(|point| point.interval.map_or(point.share, |interval| interval.low));
        let highs = self.points.iter().map(|point| point.interval.map_or(point.share, |interval| interval.high));
        let lowest = lows.fold(0.0, f64::min).max(SCALE_MIN);
        let highest = highs.fold(1.0, f64::max).min(SCALE_MAX);
        let scale = Scale::new((lowest, highest + 0.05), (bottom, top));
        picture.grid(&scale, (left, right), |tick| percent(tick, 0));
        picture.line("z k", (left, scale.coordinate(self.keep)), (right, scale.coordinate(self.keep)));
        let step = (right - left) / self.points.len().max(1) as f64;
        let middle_of = |number: usize| left + step * (number as f64 + 0.5);
        let is_off = |number: &usize| self.points.get(*number).is_some_and(|point| !scale.holds(point.share));
        for (number, point) in self.points.iter().enumerate() {
            let x = middle_of(number);
            if let Some(Interval { low, high }) = point.interval {
                picture.line("a w", (x, scale.coordinate(low)), (x, scale.coordinate(high)));
                for (end, is_up) in [(low, false), (high, true)] {
                    // The scale holds 0 and 1, so an end outside is beyond the limit on its side.
                    if !scale.holds(end) && is_up == (end > 0.0) {
                        picture.arrow("a", (x, scale.coordinate(end)), is_up);
                    }
                }
            }
            let class = if point.is_significant { "a" } else { "a w h" };
            picture.circle(class, (x, scale.coordinate(point.share)), 5.0);
            if point.is_named {
                picture.circle("b w h", (x, scale.coordinate(point.share)), 10.0);
            }
            let begins = number.checked_sub(1).is_none_or(|before| !is_off(&before));
            if is_off(&number) && begins {
                // Neighbours share one mark. It is next to their intervals, on the side with more room.
                let last = (number..self.points.len()).take_while(is_off).last().unwrap_or(number);
                let is_right = x + middle_of(last) > left + right;
                let (anchor, at) = if is_right { ("end", x - 9.0) } else { ("start", middle_of(last) + 9.0) };
                picture.text("s", anchor, (at, bottom - 10.0), "off scale");
            }
            picture.text("s", "middle", (x, bottom + SMALL_LINE), &shortened("s", &point.label, step));
            picture.mark((x - step / 2.0, top), (step, bottom - top), point.describe(), "/evidence#policies");
        }
        picture.text("s", "middle", ((left + right) / 2.0, across), &self.across);
        picture
    }
}

impl Point {
    fn describe(&self) -> String {
        let ends = self.interval.map(|Interval { low, high }| format!(", {} to {}", percent(low, 0), percent(high, 0)));
        format!("{}: {}{}", self.label, share_in_words(self.share), ends.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_share_is_drawn_and_one_far_below_is_marked() {
        let point = |label: &str, share: f64, is_significant: bool| Point {
            label: label.to_owned(),
            share,
            interval: Some(Interval { low: share - 0.1, high: share + 0.1 }),
            is_significant,
            is_named: label == "2",
        };
        let shares = Shares {
            title: "Refit every 2nd window".to_owned(),
            across: "windows".to_owned(),
            points: vec![point("1", 1.0, true), point("2", 0.97, true), point("never", -1.93, false)],
            keep: 0.9,
        };
        let text = shares.draw().standalone();
        assert_eq!(text.matches("<circle").count(), 4, "three points and a ring");
        assert!(text.contains(">off scale</text>") && text.contains("2: 97%, 87% to 107%"), "{text}");
        assert!(text.contains("never: worse than the average rate, "), "{text}");
        let far = ["32", "64", "never"].map(|label| point(label, -1.93, true));
        let far = Shares { points: [point("1", 1.0, true)].into_iter().chain(far).collect(), ..shares.clone() };
        let text = far.draw().standalone();
        assert_eq!(text.matches(">off scale</text>").count(), 1, "neighbours share one mark: {text}");
        assert_eq!(text.matches("Z\"/>").count(), 3, "one arrow each, downwards: {text}");
        let empty = Shares { points: Vec::new(), ..shares }.draw().standalone();
        assert!(empty.contains("</svg>"));
    }

    #[test]
    fn an_interval_that_goes_on_beyond_the_scale_ends_in_an_arrow() {
        let shares = |low: f64, high: f64| Shares {
            title: "t".to_owned(),
            across: "windows".to_owned(),
            points: vec![Point {
                label: "never".to_owned(),
                share: 0.5,
                interval: Some(Interval { low, high }),
                is_significant: false,
                is_named: false,
            }],
            keep: 0.9,
        };
        let arrows = |low, high| shares(low, high).draw().standalone().matches("Z\"/>").count();
        assert_eq!([arrows(0.2, 0.8), arrows(-0.19, 1.21), arrows(-1.5, 0.8), arrows(-2.0, 2.0)], [0, 0, 1, 2]);
    }

    #[test]
    fn text_stays_in_its_box_with_one_and_with_many_long_names() {
        let point = |number: u32| Point {
            label: format!("{number} of a long name"),
            share: f64::from(number) - 3.0,
            interval: Some(Interval { low: -9.0, high: 9.0 }),
            is_significant: true,
            is_named: number == 3,
        };
        for count in [1, 2, 8, 40] {
            let shares = Shares {
                title: "a title that goes on and on ".repeat(12),
                across: "windows between refits, each on the last of many windows ".repeat(3),
                points: (0..count).map(point).collect(),
                keep: 0.9,
            };
            assert_eq!(shares.draw().texts_outside(), Vec::<String>::new(), "{count}");
        }
    }
}
