//! Rows for the tests of this module.

use std::path::Path;
use std::sync::Arc;

use crate::frames::SpillStore;
use crate::model::artifact::Learned;
use crate::model::chunk::{CHUNK_ROWS, ChunkStore};
use crate::model::design::Design;
use crate::model::encoder::Encoder;
use crate::model::fit::FitSettings;
use crate::model::frame::{ChunkBuilder, Frame, FrameBuilder, ParsedRows};
use crate::model::logistic::Logistic;
use crate::model::predictor::Predictor;
use crate::model::table::Subset;
use windrow_config::{Pipeline, RowFault, Schema};
use windrow_record::{RecordParser, RecordReader};

/// The logistic regression of a model that a fit of this crate gave.
pub(super) fn logistic(learned: &Learned) -> &Logistic {
    learned.logistic().expect("a logistic regression")
}

/// The predictor of such a model.
pub(super) fn predictor(learned: &Learned) -> Predictor {
    Predictor::new(logistic(learned), learned.threshold)
}

/// Returns the schema of a pipeline, and its dataset in windows of `rows` rows.
pub(super) fn read(pipeline: &Pipeline, csv: &[u8], rows: usize) -> (Schema, Vec<Arc<Frame>>) {
    read_holding_out(pipeline, csv, rows, pipeline.train.holdout)
}

/// The same as [`read`], with another share of held-out rows.
pub(super) fn read_holding_out(pipeline: &Pipeline, csv: &[u8], rows: usize, share: f64) -> (Schema, Vec<Arc<Frame>>) {
    let (schema, windows) = parse(pipeline, csv, rows);
    let frames = windows.expect("rows that can be read").into_iter().map(|parsed| {
        let mut frame = FrameBuilder::new(&Arc::new(schema.clone()), in_memory());
        for rows in parsed {
            frame.append(rows).expect("memory keeps what it is given");
        }
        Arc::new(frame.finish(share).expect("memory can be read"))
    });
    let frames = frames.collect();
    (schema, frames)
}

/// A store that never writes a file.
pub(super) fn in_memory() -> Arc<dyn ChunkStore> {
    SpillStore::new(Path::new(""), usize::MAX).for_window()
}

/// Returns the parsed rows of each window, a chunk at a time. Without rows, there is one empty window.
pub(super) fn parse(pipeline: &Pipeline, csv: &[u8], rows: usize) -> (Schema, Result<Vec<Vec<ParsedRows>>, RowFault>) {
    let mut reader = RecordReader::new(csv, pipeline.dataset.delimiter);
    let mut parser = RecordParser::new(pipeline.dataset.delimiter);
    let mut records = Vec::new();
    while let Some(record) = reader.next_record().expect("memory can be read") {
        records.push(record.bytes.to_vec());
    }
    let columns: Vec<String> = parser.parse(&records.remove(0)).expect("fields").iter().map(str::to_owned).collect();
    let schema = Schema::bind(pipeline, &columns).expect("the columns are there");
    let mut parse = |chunk: &[Vec<u8>]| -> Result<ParsedRows, RowFault> {
        let mut builder = ChunkBuilder::new(&schema);
        for record in chunk {
            builder.push(&parser.parse(record).expect("one record"))?;
        }
        Ok(builder.finish())
    };
    let mut windows: Vec<&[Vec<u8>]> = records.chunks(rows).collect();
    windows.resize(windows.len().max(1), &[]);
    let parsed = windows.iter().map(|window| window.chunks(CHUNK_ROWS).map(&mut parse).collect::<Result<_, _>>());
    let parsed = parsed.collect();
    (schema, parsed)
}

/// A pipeline file. `text` has the lines after the dataset's path.
pub(super) fn pipeline(text: &str) -> Pipeline {
    let text = format!("name = \"sample\"\n[dataset]\npath = \"sample.csv\"\n{text}\n[window]\nparts = 3\n");
    Pipeline::parse(Path::new("sample.toml"), &text).expect("a good pipeline file")
}

/// The sample of the flights in three windows. `rule` defines which flights are positive.
pub(super) fn flights(rule: &str) -> (Schema, Vec<Arc<Frame>>, FitSettings) {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/flights-sample.toml"));
    let text = std::fs::read_to_string(path).expect("the fixture");
    let pipeline = Pipeline::parse(path, &text.replace("at_least = 15", rule)).expect("a good pipeline file");
    let file = std::fs::File::open(&pipeline.dataset.path).expect("the fixture");
    let csv = zstd::decode_all(file).expect("a good zstd file");
    let (schema, frames) = read(&pipeline, &csv, 2_673);
    (schema, frames, FitSettings::from(&pipeline))
}

/// The encoder and the design of some windows.
pub(super) fn design(schema: &Schema, frames: &[Arc<Frame>], settings: &FitSettings) -> (Encoder, Design) {
    let encoder =
        Encoder::learn(&schema.features, frames, Subset::Whole, settings.min_count).expect("numbers of a sane range");
    let design = Design::new(&encoder, frames, Subset::Whole);
    (encoder, design)
}

/// The design of [`mixed`] rows.
pub(super) fn mixed_design(rows: usize) -> Design {
    let (schema, frames, settings) = mixed(rows);
    design(&schema, &frames, &settings).1
}

/// Rows with one feature of each kind, with missing cells and rare values. They are the same each time.
pub(super) fn mixed(rows: usize) -> (Schema, Vec<Arc<Frame>>, FitSettings) {
    let mut state = 42_u64;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut csv = "late,distance,fare,carrier,time\n".to_owned();
    for _ in 0..rows {
        let distance = if next(10) == 0 { String::new() } else { (next(2_000) as f64 / 8.0).to_string() };
        let fare = next(500) as f64 / 10.0;
        let carrier = ["AA", "B6", "UA", "\"Z,9\"", ""][usize::try_from(next(5)).expect("small")];
        let late = (next(100) < 20 + u64::from(carrier == "UA") * 30) as u8;
        csv += &format!("{late},{distance},{fare},{carrier},2013-0{}-01 {:02}:00\n", 1 + next(9), next(24));
    }
    let pipeline = pipeline(
        "time = { column = \"time\", format = \"%Y-%m-%d %H:%M\" }\n[target]\ncolumn = \"late\"\nequals = \"1\"\n\
         [features]\nnumeric = [\"distance\"]\nlog = [\"fare\"]\ncategorical = [\"carrier\"]\n\
         calendar = [\"hour\", \"month\"]\nmin_count = 5",
    );
    let (schema, frames) = read_holding_out(&pipeline, csv.as_bytes(), rows.div_ceil(2), 0.1);
    (schema, frames, FitSettings::from(&pipeline))
}

/// The design of rows with eight categories of 3 to 20 values, some rare, and three numbers.
pub(super) fn joined_design(rows: usize) -> Design {
    categories(rows, &[3, 4, 5, 6, 7, 9, 12, 20])
}

/// The design of rows with 23 categories of 3 to 100 values, some rare, and three numbers.
pub(super) fn wide_design(rows: usize) -> Design {
    let values = [100, 48, 30, 20, 18, 14, 10, 10, 10, 9, 9, 9, 9, 8, 8, 7, 7, 7, 5, 5, 4, 4, 3];
    categories(rows, &values)
}

/// The design of rows with categories and three numbers. `values` has the number of values of each category. The rows are
/// the same each time.
fn categories(rows: usize, values: &[u32]) -> Design {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1_u64 << 31) as f64
    };
    let names: Vec<String> = (1..=values.len()).map(|at| format!("c{at}")).collect();
    let mut csv = format!("late,n1,n2,n3,{}\n", names.join(","));
    for _ in 0..rows {
        let numbers = [next(), next(), next()];
        // The later a value, the rarer it is.
        let picked: Vec<u64> = values.iter().map(|count| f64::from(*count).powf(next()) as u64 - 1).collect();
        let effects = picked.iter().map(|value| (value * 7_919 % 13) as f64 / 13.0 - 0.5);
        let log_odds = numbers[0] - 2.0 + 0.7 * effects.sum::<f64>();
        let late = u8::from(next() < 1.0 / (1.0 + (-log_odds).exp()));
        let numbers = numbers.map(|number| number.to_string()).join(",");
        let picked: Vec<String> = picked.into_iter().map(|value| format!("v{value}")).collect();
        csv += &format!("{late},{numbers},{}\n", picked.join(","));
    }
    let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let pipeline = pipeline(&format!(
        "[target]\ncolumn = \"late\"\nequals = \"1\"\n[features]\nnumeric = [\"n1\", \"n2\", \"n3\"]\n\
         categorical = [{}]\nmin_count = 5",
        names.join(", ")
    ));
    let (schema, frames) = read(&pipeline, csv.as_bytes(), rows.div_ceil(4));
    design(&schema, &frames, &FitSettings::from(&pipeline)).1
}
