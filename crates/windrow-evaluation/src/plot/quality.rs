//! The picture of the quality from window to window: log-loss or AUC, and below it, on the same dates, the share of
//! positives and the rows of each window.

use crate::plot::scale::{Scale, count_label};
use crate::plot::svg::{Picture, SMALL_LINE};
use crate::plot::window_axis::WindowAxis;
use crate::proportion::{auc_interval, share_interval};
use crate::window_dates::WindowDates;
use crate::{Advice, Interval, PolicyAuc, Refit, WindowSize};
use windrow_record::display::{percent, thousands};

const WIDTH: u32 = 620;
const HEIGHT: u32 = 380;
/// The height of each of the two small plots, and of the space above it for its name.
const SMALL_PLOT: f64 = 40.0;
const NAME: f64 = 20.0;
/// The styles of the lines: of the policy that is shown, of never refitting, and of predicting the average rate.
const CLASSES: [&str; 3] = ["a w", "b w", "z w k"];
/// The styles of the bands around the first two lines.
const BANDS: [&str; 2] = ["a f", "b f"];

/// The score that the upper plot shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// The log-loss per row; lower is better.
    LogLoss,
    /// The area under the ROC curve; higher is better.
    Auc,
}

/// The quality from window to window.
#[derive(Debug, Clone)]
pub(crate) struct Quality {
    pub(crate) title: String,
    pub(crate) measure: Measure,
    /// The windows judged, in ascending order.
    pub(crate) windows: Vec<WindowSize>,
    pub(crate) dates: WindowDates,
    /// The lines: of the policy that is shown, of never refitting if it is another one, and of the average rate.
    pub(crate) lines: Vec<QualityLine>,
    /// The windows with a new fit of the policy that is shown.
    pub(crate) refits: Vec<u32>,
    /// The window in which the data changed, with its label.
    pub(crate) change: Option<(u32, String)>,
}

/// A line of the upper plot.
#[derive(Debug, Clone)]
pub(crate) struct QualityLine {
    pub(crate) name: String,
    /// The index in the styles.
    pub(crate) style: usize,
    /// The values by window; `None` for a window without one.
    pub(crate) values: Vec<Option<(f64, Option<Interval>)>>,
}

impl Quality {
    /// Collects the log-loss by window. Returns `None` if no policy has been judged.
    pub(crate) fn of_log_loss(advice: &Advice, title: String) -> Option<Self> {
        let quality = advice.over_time.quality.as_ref().filter(|quality| !quality.windows.is_empty())?;
        let mut lines: Vec<QualityLine> = Vec::new();
        for found in &quality.policies {
            let values = found.log_loss.iter().map(|at| Some((at.mean, at.interval))).collect();
            lines.push(QualityLine::of(advice, lines.len(), found.policy.refit, values));
        }
        let values = quality.average_rate.iter().map(|loss| Some((*loss, None))).collect();
        lines.push(QualityLine { name: "average rate".to_owned(), style: 2, values });
        Some(Self::with(advice, Measure::LogLoss, title, lines))
    }

    /// Collects the AUC by window. Returns `None` if no window has one.
    pub(crate) fn of_auc(advice: &Advice) -> Option<Self> {
        let quality = advice.over_time.quality.as_ref()?;
        let mut lines: Vec<QualityLine> = Vec::new();
        for policy in quality.policies.iter().map(|found| found.policy) {
            let Some(found) = advice.over_time.auc.iter().find(|found| found.policy == policy) else { continue };
            lines.push(QualityLine::of(advice, lines.len(), policy.refit, auc_values(found, &quality.windows)));
        }
        if !lines.iter().flat_map(|line| &line.values).any(Option::is_some) {
            return None;
        }
        let values = vec![Some((0.5, None)); quality.windows.len()];
        lines.push(QualityLine { name: "average rate".to_owned(), style: 2, values });
        let title = "How well the models rank the rows, by window";
        Some(Self::with(advice, Measure::Auc, title.to_owned(), lines))
    }

    fn with(advice: &Advice, measure: Measure, title: String, lines: Vec<QualityLine>) -> Self {
        let quality = advice.over_time.quality.as_ref();
        let windows = quality.map(|quality| quality.windows.clone()).unwrap_or_default();
        let refits = quality.map(|quality| quality.refits.clone()).unwrap_or_default();
        let dates = advice.subject.dates.clone();
        let change = advice.over_time.world_change.as_ref();
        let change = change.map(|found| {
            let date = dates.date(found.window).unwrap_or_else(|| format!("window {}", found.window));
            (found.window, format!("the data changed: {date}"))
        });
        Self { title, measure, windows, dates, lines, refits, change }
    }

    /// Draws the picture as SVG.
    pub(crate) fn draw(&self) -> Picture {
        let (mut picture, top) = Picture::new(WIDTH, HEIGHT, &self.title, self.described());
        let (left, right) = (60.0, f64::from(WIDTH) - 12.0);
        let rows_bottom = picture.note(self.note()) - SMALL_LINE - 8.0;
        let share_bottom = rows_bottom - SMALL_PLOT - NAME;
        let bottom = share_bottom - SMALL_PLOT - NAME;
        let legend: Vec<(&str, &str)> =
            self.lines.iter().map(|line| (CLASSES[line.style.min(2)], line.name.as_str())).collect();
        let top = picture.legend(&legend, (8.0, top - 8.0)) + 22.0;
        let ends = (self.windows.first(), self.windows.last());
        let ends = (ends.0.map_or(0, |size| size.window), ends.1.map_or(1, |size| size.window));
        let across = WindowAxis::new(&self.dates, ends, (left, right));
        self.shade_thin(&mut picture, &across, (top, rows_bottom));
        self.draw_change(&mut picture, &across, (top, rows_bottom));
        self.draw_scores(&mut picture, &across, (left, right), (top, bottom));
        self.draw_refits(&mut picture, &across, bottom);
        picture.text("s", "start", (left, share_bottom - SMALL_PLOT - 6.0), "share of positives");
        self.draw_shares(&mut picture, &across, (left, right), (share_bottom - SMALL_PLOT, share_bottom));
        picture.text("s", "start", (left, rows_bottom - SMALL_PLOT - 6.0), "labelled rows");
        self.draw_rows(&mut picture, &across, (left, right), (rows_bottom - SMALL_PLOT, rows_bottom));
        across.draw(&mut picture, rows_bottom, f64::from(WIDTH));
        let windows: Vec<u32> = self.windows.iter().map(|size| size.window).collect();
        for (index, (begin, end)) in across.places(&windows) {
            let address = format!("/windows/{}", windows[index]);
            picture.mark((begin, top), (end - begin, rows_bottom - top), self.values_at(index), address);
        }
        picture
    }

    fn draw_scores(
        &self,
        picture: &mut Picture,
        across: &WindowAxis<'_>,
        (left, right): (f64, f64),
        (top, bottom): (f64, f64),
    ) {
        let scale = Scale::new(self.range(), (bottom, top));
        picture.grid(&scale, (left, right), scale.labels());
        let point = |index: usize, value: f64| (across.middle(self.windows[index].window), scale.coordinate(value));
        for (number, line) in self.lines.iter().enumerate() {
            picture.begin(number);
            for run in runs(&line.values) {
                let band: Option<Vec<(usize, Interval)>> =
                    run.iter().map(|(index, (_, interval))| Some((*index, (*interval)?))).collect();
                if let Some((band, class)) = band.zip(BANDS.get(line.style)).filter(|(band, _)| band.len() > 1) {
                    let upper = band.iter().map(|(index, interval)| point(*index, interval.high));
                    let lower = band.iter().rev().map(|(index, interval)| point(*index, interval.low));
                    picture.area(class, upper.chain(lower));
                }
                let class = CLASSES[line.style.min(2)];
                match run.as_slice() {
                    [(index, (value, interval))] => {
                        if let Some(Interval { low, high }) = interval {
                            picture.line(class, point(*index, *low), point(*index, *high));
                        }
                        picture.circle(class, point(*index, *value), 3.0);
                    }
                    run => picture.path(class, run.iter().map(|(index, (value, _))| point(*index, *value))),
                }
            }
            picture.end();
        }
    }

    /// Returns the range of the scores. Bands may be cut off, because those of a thin window are wide.
    fn range(&self) -> (f64, f64) {
        let values = || self.lines.iter().flat_map(|line| &line.values).flatten().map(|(value, _)| *value);
        let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        if low > high {
            return (0.0, 1.0);
        }
        let room = 0.08 * (high - low).max(1e-3);
        (low - room, high + room)
    }

    /// Draws the shares of positives with their intervals.
    fn draw_shares(
        &self,
        picture: &mut Picture,
        across: &WindowAxis<'_>,
        (left, right): (f64, f64),
        (top, bottom): (f64, f64),
    ) {
        let share = |size: &WindowSize| size.positives as f64 / size.rows.max(1) as f64;
        let highest = self.windows.iter().map(share).fold(0.01, f64::max);
        let scale = Scale::new((0.0, (1.2 * highest).min(1.0)), (bottom, top));
        picture.label_ends(&scale, (left, right), highest, &percent(highest, 0));
        let at = |size: &WindowSize, value: f64| (across.middle(size.window), scale.coordinate(value));
        let interval = |size: &WindowSize| {
            let found = share_interval(share(size), size.rows as f64);
            found.unwrap_or(Interval { low: 0.0, high: 1.0 })
        };
        if let [only] = self.windows.as_slice() {
            picture.circle("z", at(only, share(only)), 3.0);
            return;
        }
        let upper = self.windows.iter().map(|size| at(size, interval(size).high));
        let lower = self.windows.iter().rev().map(|size| at(size, interval(size).low));
        picture.area("m", upper.chain(lower));
        picture.path("z w", self.windows.iter().map(|size| at(size, share(size))));
    }

    /// Draws the rows of each window as bars, those of thin windows in another colour.
    fn draw_rows(
        &self,
        picture: &mut Picture,
        across: &WindowAxis<'_>,
        (left, right): (f64, f64),
        (top, bottom): (f64, f64),
    ) {
        let most = self.windows.iter().map(|size| size.rows).max().unwrap_or_default();
        let scale = Scale::new((0.0, 1.1 * most.max(1) as f64), (bottom, top));
        picture.label_ends(&scale, (left, right), most as f64, &count_label(most));
        for size in &self.windows {
            let (begin, end) = across.ends(size.window);
            let (gap, y) = (0.1 * (end - begin), scale.coordinate(size.rows as f64));
            let class = if size.is_thin { "b" } else { "n" };
            picture.rectangle(class, (begin + gap, y), (end - begin - 2.0 * gap, bottom - y));
        }
    }

    /// Shades the thin windows over the height of all plots.
    fn shade_thin(&self, picture: &mut Picture, across: &WindowAxis<'_>, (top, bottom): (f64, f64)) {
        for size in self.windows.iter().filter(|size| size.is_thin) {
            let (begin, end) = across.ends(size.window);
            picture.rectangle("m", (begin, top), (end - begin, bottom - top));
        }
    }

    fn draw_change(&self, picture: &mut Picture, across: &WindowAxis<'_>, (top, bottom): (f64, f64)) {
        let Some((window, label)) = &self.change else { return };
        let x = across.begin(*window);
        picture.line("z k", (x, top), (x, bottom));
        let is_right = x > f64::from(WIDTH) / 2.0;
        let (anchor, x) = if is_right { ("end", x - 4.0) } else { ("start", x + 4.0) };
        picture.text("s", anchor, (x, top - 4.0), label);
    }

    fn draw_refits(&self, picture: &mut Picture, across: &WindowAxis<'_>, bottom: f64) {
        for window in &self.refits {
            let x = across.begin(*window);
            picture.line("a w", (x, bottom - 6.0), (x, bottom));
        }
    }

    /// Returns the values of a window in words.
    fn values_at(&self, index: usize) -> String {
        let Some(size) = self.windows.get(index) else { return String::new() };
        let mut text = self.dates.name(size.window);
        for line in &self.lines {
            if let Some(Some((value, interval))) = line.values.get(index) {
                text.push_str(&format!("; {}: {value:.3}", line.name));
                if let Some(Interval { low, high }) = interval {
                    text.push_str(&format!(" ({low:.3} to {high:.3})"));
                }
            }
        }
        let share = percent(size.positives as f64 / size.rows.max(1) as f64, 1);
        text.push_str(&format!("; {} rows, {share} positive", thousands(size.rows)));
        let refit = if self.refits.contains(&size.window) { "; refitted before" } else { "" };
        text + refit + if size.is_thin { "; few rows" } else { "" }
    }

    /// Returns the last values in words, for screen readers.
    fn described(&self) -> Vec<String> {
        let last = |line: &QualityLine| line.values.iter().rev().find_map(|value| value.map(|(value, _)| value));
        let lines = self.lines.iter().filter_map(|line| Some(format!("{}: {:.3} in the end", line.name, last(line)?)));
        let thin = self.windows.iter().filter(|size| size.is_thin).map(|size| self.dates.name(size.window));
        let thin = thin.map(|name| format!("{name} has few rows"));
        lines.chain(self.change.iter().map(|(_, label)| label.clone())).chain(thin).collect()
    }

    fn note(&self) -> &'static str {
        match self.measure {
            Measure::LogLoss => {
                "log-loss per row, lower is better; bands: 95%, by the eighths of a window; ticks: refits; shaded: fewer \
                 than half of the usual rows"
            }
            Measure::Auc => {
                "area under the ROC curve, higher is better; bands: 95%, as if rows were independent; ticks: refits; \
                 shaded: fewer than half of the usual rows"
            }
        }
    }
}

impl QualityLine {
    fn of(advice: &Advice, style: usize, refit: Refit, values: Vec<Option<(f64, Option<Interval>)>>) -> Self {
        let name = match refit {
            _ if style > 0 => "never refitting".to_owned(),
            _ if advice.named().is_some() => "as recommended".to_owned(),
            Refit::Never => "never refitting".to_owned(),
            refit => format!("the best so far, refitting {}", refit.name(advice.subject.window_unit)),
        };
        Self { name, style, values }
    }
}

fn auc_values(found: &PolicyAuc, windows: &[WindowSize]) -> Vec<Option<Value>> {
    let at = |size: &WindowSize| {
        let auc = found.windows.iter().find(|at| at.window == size.window)?.auc?;
        let (positives, negatives) = (size.positives as f64, size.rows.saturating_sub(size.positives) as f64);
        Some((auc, auc_interval(auc, positives, negatives)))
    };
    windows.iter().map(at).collect()
}

/// A value of a line, with its interval.
type Value = (f64, Option<Interval>);
/// A value of a line, with its index.
type Indexed = (usize, Value);

/// Splits the values at the windows without one.
fn runs(values: &[Option<Value>]) -> Vec<Vec<Indexed>> {
    let all: Vec<(usize, Option<Value>)> = values.iter().copied().enumerate().collect();
    let runs = all.split(|(_, value)| value.is_none()).filter(|run| !run.is_empty());
    runs.map(|run| run.iter().filter_map(|(index, value)| Some((*index, (*value)?))).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a picture of windows of 14 days. The second last window has few rows.
    fn quality(count: u32, name: &str, dates: WindowDates) -> Quality {
        let size = |window: u32| {
            let rows = if window + 1 == count { 564 } else { 2_900 };
            WindowSize { window, rows, positives: rows / 3, is_thin: rows < 1_450 }
        };
        let interval = Some(Interval { low: 0.5, high: 0.7 });
        let line = |name: &str, style: usize, interval: Option<Interval>| QualityLine {
            name: name.to_owned(),
            style,
            values: (1..=count).map(|window| Some((0.6 + 0.01 * f64::from(window % 7), interval))).collect(),
        };
        let lines = vec![line(name, 0, interval), line("never refitting", 1, interval), line("average", 2, None)];
        Quality {
            title: format!("{name} does best"),
            measure: Measure::LogLoss,
            windows: (1..=count).map(size).collect(),
            dates,
            lines,
            refits: (1..=count).step_by(4).collect(),
            change: Some((count.div_ceil(2), "the data changed".to_owned())),
        }
    }

    fn fortnights(count: u32) -> WindowDates {
        WindowDates::new((0..i64::from(count)).map(|day| Some(day * 14 * 86_400)), Some(i64::from(count) * 14 * 86_400))
    }

    #[test]
    fn lines_bands_refits_rows_and_thin_windows_are_drawn_by_date() {
        let text = quality(40, "as recommended", fortnights(40)).draw().standalone();
        // Three lines, two bands, and the shares with their band.
        assert_eq!(text.matches("<path").count(), 7, "{text}");
        assert_eq!(text.matches("class=\"n\"").count(), 39, "{text}");
        assert_eq!((text.matches("<rect class=\"b\"").count(), text.matches("<rect class=\"m\"").count()), (1, 1));
        assert_eq!(text.matches("class=\"o\"").count(), 40, "each window says its values");
        assert!(text.contains(">Jan 1971</text>") && text.contains(">2,900</text>"), "{text}");
        let said = "1971-06-17 (window 39); as recommended: 0.640 (0.500 to 0.700); never refitting: 0.640";
        assert!(text.contains(said) && text.contains("; 564 rows, 33.3% positive; few rows</title>"), "{text}");
    }

    #[test]
    fn a_window_without_a_value_leaves_a_gap() {
        let mut quality = quality(12, "as recommended", WindowDates::default());
        quality.lines.truncate(1);
        quality.lines[0].values[5] = None;
        quality.lines[0].values[7] = None;
        let text = quality.draw().standalone();
        // Windows 1 to 5 and 9 to 12 with their bands, window 7 as a point, and the shares with their band.
        assert_eq!((text.matches("<path").count(), text.matches("<circle").count()), (6, 1), "{text}");
    }

    #[test]
    fn text_stays_in_its_box_with_one_two_and_500_windows_and_long_names() {
        for count in [1, 2, 12, 500] {
            for dates in [WindowDates::default(), fortnights(count)] {
                let names = ["as recommended".to_owned(), "a policy with a long name ".repeat(9)];
                for name in names {
                    let mut quality = quality(count, &name, dates.clone());
                    for measure in [Measure::LogLoss, Measure::Auc] {
                        quality.measure = measure;
                        assert_eq!(quality.draw().texts_outside(), Vec::<String>::new(), "{count} {name}");
                    }
                }
            }
        }
    }
}
