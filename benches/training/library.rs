//! The same training through the library, which gives access to the counts of passes and rows.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use windrow_config::{Pipeline, Schema, Solver};
use windrow_learn::frames::SpillStore;
use windrow_learn::model::{CHUNK_ROWS, ChunkBuilder, FitSettings, Frame, FrameBuilder, Learned, Logistic, fit};
use windrow_record::{RecordParser, RecordReader};

use crate::Dataset;
use crate::support::rows;
use crate::support::size::Size;
use crate::support::table::Table;

/// The frames of a dataset, and the settings of the fit.
pub(crate) struct Frames {
    pub(crate) schema: Arc<Schema>,
    pub(crate) settings: FitSettings,
    pub(crate) frames: Vec<Arc<Frame>>,
}

/// Returns the frames of the fixture in three windows; only its first rows in the small size.
pub(crate) fn frames(dataset: &Dataset, size: Size) -> Frames {
    let text = first_rows(dataset, size.pick(usize::MAX, 12_000));
    let rows = text.lines().count() - 1;
    parse(dataset, &text, rows.div_ceil(3))
}

/// Returns the header line and the first `count` rows of a fixture.
fn first_rows(dataset: &Dataset, count: usize) -> String {
    rows::text(dataset.name).split_inclusive('\n').take(count.saturating_add(1)).collect()
}

fn parse(dataset: &Dataset, text: &str, window: usize) -> Frames {
    let pipeline = Pipeline::parse(Path::new("bench.toml"), &dataset.pipeline().text()).expect("a good pipeline");
    let mut records = RecordReader::new(text.as_bytes(), b',');
    let mut parser = RecordParser::new(b',');
    let header = records.next_record().expect("memory").expect("a header line");
    let columns: Vec<String> = parser.parse(header.bytes).expect("fields").iter().map(str::to_owned).collect();
    let schema = Arc::new(Schema::bind(&pipeline, &columns).expect("the columns are there"));
    let mut frames = Vec::new();
    let mut is_at_end = false;
    while !is_at_end {
        let mut frame = FrameBuilder::new(&schema, SpillStore::new(Path::new(""), usize::MAX).for_window());
        let mut rows = 0;
        while rows < window && !is_at_end {
            let mut chunk = ChunkBuilder::new(&schema);
            for _ in 0..CHUNK_ROWS.min(window - rows) {
                match records.next_record().expect("memory") {
                    Some(record) => chunk.push(&parser.parse(record.bytes).expect("fields")).expect("a good row"),
                    None => is_at_end = true,
                }
            }
            rows += CHUNK_ROWS.min(window - rows);
            frame.append(chunk.finish()).expect("memory");
        }
        let frame = frame.finish(0.1).expect("memory");
        if frame.rows() > 0 {
            frames.push(Arc::new(frame));
        }
    }
    Frames { schema, settings: FitSettings::from(&pipeline), frames }
}

/// Returns the logistic regression of a fit.
fn logistic(learned: &Learned) -> &Logistic {
    learned.logistic().expect("a logistic model")
}

/// Compares linfa-logistic with Newton steps on `count` rows. In the full size, linfa-logistic needs about a minute.
pub(crate) fn linfa(dataset: &Dataset, count: usize) {
    let Frames { schema, settings, frames } = parse(dataset, &first_rows(dataset, count), count);
    println!("\n{count} flights, one model");
    let table = Table::new("solver", &["fit, s", "objective"]);
    for (name, solver) in [("windrow", Solver::Newton), ("linfa-logistic", Solver::Linfa)] {
        let began = Instant::now();
        let learned = fit(&frames, &schema, &FitSettings { solver, ..settings.clone() }, None).expect("a model");
        let took = began.elapsed().as_secs_f64();
        table.row(name, &[format!("{took:.3}"), format!("{:.6}", logistic(&learned).solver.objective)]);
    }
}

/// Measures how the time of parsing and fitting grows with the rows.
pub(crate) fn growth(dataset: &Dataset, sizes: [usize; 3]) {
    println!("\nflights, repeated with noise: one model from nothing");
    let table = Table::new("rows", &["parse, s", "us per row", "fit, s", "ns per row", "passes"]);
    for rows in sizes {
        let text = noisy(dataset, rows);
        let began = Instant::now();
        let Frames { schema, settings, frames } = parse(dataset, &text, rows);
        let parsed = began.elapsed().as_secs_f64();
        let began = Instant::now();
        let learned = fit(&frames, &schema, &settings, None).expect("a model");
        let fitted = began.elapsed().as_secs_f64();
        let cells = [
            format!("{parsed:.2}"),
            format!("{:.2}", 1e6 * parsed / rows as f64),
            format!("{fitted:.3}"),
            format!("{:.0}", 1e9 * fitted / rows as f64),
            logistic(&learned).solver.passes.to_string(),
        ];
        table.row(&rows.to_string(), &cells);
    }
}

/// Writes flights year after year, with different noise in each year.
pub(crate) fn write_rows(dataset: &Dataset, rows: usize, path: &Path) {
    fs::write(path, noisy(dataset, rows)).expect("room on the disk");
}

/// Returns the header line and a number of flights. Numeric features get noise from the second year on.
fn noisy(dataset: &Dataset, count: usize) -> String {
    let text = rows::text(dataset.name);
    let (header, body) = rows::parts(&text);
    let numeric = dataset.for_peers["numeric"].as_array().expect("a list");
    let is_noisy: Vec<bool> = header.split(',').map(|name| numeric.iter().any(|other| other == name)).collect();
    let mut out = format!("{header}\n");
    for (row_index, (year, row)) in rows::years(body).take(count).enumerate() {
        for (index, cell) in row.split(',').enumerate() {
            let separator = if index == 0 { "" } else { "," };
            match cell.parse::<f64>() {
                Ok(number) if is_noisy[index] && year > 0 => {
                    let noise = ((row_index * (index + 7)) as f64 * 0.61).sin() / 100.0;
                    write!(out, "{separator}{:.4}", number * (1.0 + noise)).expect("memory");
                }
                _ => write!(out, "{separator}{cell}").expect("memory"),
            }
        }
        out.push('\n');
    }
    out
}
