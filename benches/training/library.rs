//! The same training through the library, where passes and rows can be counted.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use windrow_config::{Pipeline, Schema, Solver};
use windrow_learn::model::{CHUNK_ROWS, ChunkBuilder, FitSettings, Frame, FrameBuilder, InMemory, fit};
use windrow_record::{RecordParser, RecordReader};

use crate::Dataset;

/// Frames, and what they are trained by.
pub(crate) struct Frames {
    pub(crate) schema: Arc<Schema>,
    pub(crate) settings: FitSettings,
    pub(crate) frames: Vec<Arc<Frame>>,
}

/// The fixture in three windows.
pub(crate) fn frames(dataset: &Dataset) -> Frames {
    let text = text(dataset);
    let rows = text.iter().filter(|byte| **byte == b'\n').count() - 1;
    parse(dataset, &text, rows.div_ceil(3))
}

/// The whole fixture, as CSV.
fn text(dataset: &Dataset) -> Vec<u8> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let packed = fs::read(fixtures.join(format!("{}.csv.zst", dataset.name))).expect("the fixture");
    zstd::decode_all(&packed[..]).expect("zstd")
}

fn parse(dataset: &Dataset, text: &[u8], window: usize) -> Frames {
    let pipeline = Pipeline::parse(Path::new("bench.toml"), &dataset.pipeline(None)).expect("a good pipeline");
    let mut records = RecordReader::new(text, b',');
    let mut parser = RecordParser::new(b',');
    let header = records.next_record().expect("memory").expect("a header line");
    let columns: Vec<String> = parser.parse(header.bytes).expect("fields").iter().map(str::to_owned).collect();
    let schema = Arc::new(Schema::bind(&pipeline, &columns).expect("the columns are there"));
    let mut frames = Vec::new();
    let mut is_through = false;
    while !is_through {
        let mut frame = FrameBuilder::new(&schema, Arc::new(InMemory));
        let mut rows = 0;
        while rows < window && !is_through {
            let mut chunk = ChunkBuilder::new(&schema);
            for _ in 0..CHUNK_ROWS.min(window - rows) {
                match records.next_record().expect("memory") {
                    Some(record) => chunk.push(&parser.parse(record.bytes).expect("fields")).expect("a good row"),
                    None => is_through = true,
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

/// linfa-logistic beside Newton steps, on as many rows as it does in a minute or so.
pub(crate) fn linfa(dataset: &Dataset) {
    const ROWS: usize = 30_000;
    let text = text(dataset);
    let some: Vec<u8> = text.split_inclusive(|byte| *byte == b'\n').take(ROWS + 1).flatten().copied().collect();
    let Frames { schema, settings, frames } = parse(dataset, &some, ROWS);
    println!("{ROWS} flights, one model\n\n{:<34}{:>10}{:>16}", "", "fit, s", "objective");
    for (name, solver) in [("windrow", Solver::Newton), ("linfa-logistic", Solver::Linfa)] {
        let began = Instant::now();
        let learned = fit(&frames, &schema, &FitSettings { solver, ..settings.clone() }, None).expect("a model");
        println!("{name:<34}{:>10.3}{:>16.6}", began.elapsed().as_secs_f64(), learned.solver.objective);
    }
    println!();
}

/// Time by rows.
pub(crate) fn growth(dataset: &Dataset, most: usize) {
    println!("flights, repeated with noise: one model from nothing\n");
    println!("{:<14}{:>12}{:>16}{:>10}{:>16}{:>9}", "rows", "parse, s", "us per row", "fit, s", "ns per row", "passes");
    let mut rows = 30_000;
    while rows <= most {
        let mut text = Vec::new();
        noisy(dataset, rows, &mut text);
        let began = Instant::now();
        let Frames { schema, settings, frames } = parse(dataset, &text, rows);
        let parsed = began.elapsed().as_secs_f64();
        let began = Instant::now();
        let learned = fit(&frames, &schema, &settings, None).expect("a model");
        let fitted = began.elapsed().as_secs_f64();
        println!(
            "{rows:<14}{parsed:>12.2}{:>16.2}{fitted:>10.3}{:>16.0}{:>9}",
            1e6 * parsed / rows as f64,
            1e9 * fitted / rows as f64,
            learned.solver.passes
        );
        rows *= 10;
    }
    println!();
}

/// Writes so many rows of the fixture, again and again, each time with other temperatures.
pub(crate) fn write_rows(dataset: &Dataset, rows: usize, path: &Path) {
    let mut file = BufWriter::new(File::create(path).expect("a file"));
    let mut text = Vec::new();
    noisy(dataset, rows, &mut text);
    file.write_all(&text).expect("room on the disk");
    file.flush().expect("room on the disk");
}

/// The header line and so many rows; numbers of the features get noise from the second round on.
fn noisy(dataset: &Dataset, rows: usize, out: &mut Vec<u8>) {
    let text = String::from_utf8(text(dataset)).expect("UTF-8");
    let (header, body) = text.split_once('\n').expect("a header line");
    let names: Vec<&str> = header.split(',').collect();
    let numeric = dataset.for_peers["numeric"].as_array().expect("a list");
    let is_noisy: Vec<bool> = names.iter().map(|name| numeric.iter().any(|other| other == name)).collect();
    out.extend_from_slice(header.as_bytes());
    out.push(b'\n');
    let whole = body.lines().count();
    let mut line = String::new();
    for (place, row) in body.lines().cycle().take(rows).enumerate() {
        let is_first_round = place < whole;
        line.clear();
        for (index, cell) in row.split(',').enumerate() {
            let separator = if index == 0 { "" } else { "," };
            match cell.parse::<f64>() {
                Ok(number) if is_noisy[index] && !is_first_round => {
                    let noise = ((place * (index + 7)) as f64 * 0.61).sin() / 100.0;
                    write!(line, "{separator}{:.4}", number * (1.0 + noise)).expect("memory");
                }
                _ => write!(line, "{separator}{cell}").expect("memory"),
            }
        }
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
}
