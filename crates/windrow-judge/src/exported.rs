//! Reads tables of losses by window, as `windrow export` writes them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use windrow_columnar::TypedCell;
use windrow_evaluation::{BLOCKS, Evidence, ModelLosses};
use windrow_record::{ModelId, Scheme, WindowIndex, parse_number};

use crate::axis::MAX_WINDOWS;
use crate::cells::{text, whole, window_number};
use crate::error::JudgeError;
use crate::faults::{Faults, Place};
use crate::losses::window;
use crate::source::{Cells, Source};

/// The columns that are read, in the order of the cells. The last ones may be missing.
pub(crate) const COLUMNS: [&str; 10] = [
    "model",
    "window",
    "rows",
    "positives",
    "log_loss",
    "squared_error",
    "false_alarms",
    "misses",
    "block",
    "made_for",
];
/// The number of columns by which losses are recognized.
const OF_LOSSES: usize = 5;
/// The number of columns that are needed.
const NEEDED: usize = 8;

/// The purpose, in the export of a pipeline, of a model that is served.
const SERVED: &str = "served";

/// The losses of each model by window, as they were exported.
#[derive(Debug)]
pub(crate) struct ExportedLosses {
    pub(crate) evidence: Evidence,
    /// The histories to compare, from the shortest to the longest.
    pub(crate) histories: Vec<Scheme>,
    pub(crate) models: usize,
    /// True if the losses are those of the eight blocks of each window.
    pub(crate) has_blocks: bool,
}

/// The losses of one model on one window, as far as they were read.
struct Partial {
    losses: ModelLosses,
    /// The purpose of the model. A model may be served and used for the advice; the first one in the table counts.
    made_for: String,
    /// The first row of each block.
    places: [Option<Place>; BLOCKS],
}

/// The numbers of rows and of positive rows of a block, with the first row that gives them.
type BlockCounts = ((u64, u64), Place);

#[derive(Default)]
struct Reading {
    models: HashMap<(u32, ModelId), Partial>,
    /// The numbers of rows and of positive rows of each block.
    counts: BTreeMap<u32, [Option<BlockCounts>; BLOCKS]>,
}

/// Returns `true` if a file has losses instead of predictions.
pub(crate) fn has_losses(source: &Source) -> bool {
    !source.has("p") && COLUMNS[..OF_LOSSES].iter().all(|column| source.has(column))
}

/// Reads all files. `first` is the first one, opened.
///
/// # Errors
/// A file cannot be read, or rows have faults.
pub(crate) fn read(files: &[PathBuf], first: Source) -> Result<ExportedLosses, JudgeError> {
    let mut first = Some(first);
    let mut faults = Faults::new(files);
    let mut reading = Reading::default();
    let mut has_blocks = true;
    for (file, path) in files.iter().enumerate() {
        let source = first.take().map_or_else(|| Source::open(path, &COLUMNS), Ok)?;
        if !has_losses(&source) {
            let first = files[0].display();
            let problem = format!("it has no losses, as {first} has: judge predictions and losses apart");
            return Err(source.problem(problem));
        }
        if let Some(missing) = COLUMNS[..NEEDED].iter().find(|column| !source.has(column)) {
            return Err(source.problem(format!(
                "it has losses, but no column `{missing}`: wrong answers and costs follow from the errors. \
                 `windrow export` writes it"
            )));
        }
        let is_by_block = source.has("block");
        has_blocks &= is_by_block;
        source.visit(&COLUMNS, |row, cells| {
            let place = Place { file, row };
            let added = cells.and_then(|cells| reading.add(place, cells, is_by_block, &faults));
            if let Err(problem) = added {
                faults.add(place, problem);
            }
            !faults.is_full()
        })?;
        faults.check()?;
    }
    let last = reading.counts.keys().next_back().copied().unwrap_or_default();
    if last == 0 {
        return Err(JudgeError::Nothing("the table has no rows".to_owned()));
    }
    // A pipeline may serve models of a history that its advice does not compare.
    let compared =
        reading.models.iter().filter(|((_, model), one)| one.made_for != SERVED || is_of_ladder(model.scheme));
    let histories: BTreeSet<Scheme> = compared.map(|((_, model), _)| model.scheme).collect();
    let mut histories: Vec<Scheme> = histories.into_iter().collect();
    histories.sort_by_key(|history| match history {
        Scheme::Window => 1,
        Scheme::Sliding(length) => length.get(),
        Scheme::Cumulative => u32::MAX,
    });
    let models = reading.models.keys().map(|(_, model)| *model).collect::<BTreeSet<_>>().len();
    let mut windows: BTreeMap<u32, _> = (1..=last).map(|number| (number, window(number, None, 0))).collect();
    for (number, blocks) in reading.counts {
        let Some(window) = windows.get_mut(&number) else { continue };
        let blocks = blocks.into_iter().enumerate();
        for (block, ((rows, positives), _)) in blocks.filter_map(|(at, found)| Some((at, found?))) {
            (window.rows[block], window.positives[block]) = (rows, positives);
        }
    }
    for ((number, _), partial) in reading.models {
        if let Some(window) = windows.get_mut(&number) {
            window.models.push(partial.losses);
        }
    }
    let evidence = Evidence::of_losses(windows.into_values());
    Ok(ExportedLosses { evidence, histories, models, has_blocks })
}

impl Reading {
    /// Adds a row. `faults` has the names of the rows.
    ///
    /// # Errors
    /// The fault of the row, as a phrase.
    fn add(&mut self, place: Place, cells: &Cells<'_>, is_by_block: bool, faults: &Faults) -> Result<(), String> {
        let [model, at, rows, positives, log_loss, squared_error, false_alarms, misses, block, made_for] = *cells;
        let name = model.map(text).unwrap_or_default();
        let model = name.parse::<ModelId>().map_err(|error| format!("model: {error}"))?;
        let number = window_number(at.ok_or("window is empty")?)?;
        let number = u32::try_from(number).ok().and_then(WindowIndex::new).filter(|number| number.get() <= MAX_WINDOWS);
        let number =
            number.ok_or_else(|| format!("window is more than {MAX_WINDOWS}: number the windows 1, 2, 3, ..."))?;
        if number <= model.window {
            return Err(format!("it is a leak: window {number} is not after the newest window of the model {model}"));
        }
        let block = match block.and_then(whole) {
            Some(block @ 1..=8) => block as usize - 1,
            None if !is_by_block => 0,
            _ => return Err(format!("block is not a whole number from 1 to {BLOCKS}")),
        };
        let (rows, positives) = (count("rows", rows)?, count("positives", positives)?);
        if positives > rows {
            return Err("positives is more than rows".to_owned());
        }
        let known = &mut self.counts.entry(number.get()).or_default()[block];
        let (counts, first) = *known.get_or_insert(((rows, positives), place));
        if counts != (rows, positives) {
            return Err(format!(
                "rows and positives are not those of {} in the same block of window {number}: score the same rows with \
                 each model",
                faults.name(first)
            ));
        }
        let (false_alarms, misses) = (count("false_alarms", false_alarms)?, count("misses", misses)?);
        let (log_loss, squared_error) = (sum("log_loss", log_loss)?, sum("squared_error", squared_error)?);
        let made_for = made_for.map(text).unwrap_or_default();
        let partial = self.models.entry((number.get(), model)).or_insert_with(|| Partial {
            losses: ModelLosses {
                model,
                log_loss: [0.0; BLOCKS],
                squared_error: [0.0; BLOCKS],
                false_alarms: [0; BLOCKS],
                misses: [0; BLOCKS],
            },
            made_for: made_for.clone(),
            places: [None; BLOCKS],
        });
        if partial.made_for != made_for {
            return Ok(());
        }
        if let Some(first) = partial.places[block] {
            let first = faults.name(first);
            return Err(format!(
                "the losses of the model {model} on window {number} are given in {first} already: give them once"
            ));
        }
        partial.places[block] = Some(place);
        partial.losses.log_loss[block] = log_loss;
        partial.losses.squared_error[block] = squared_error;
        partial.losses.false_alarms[block] = false_alarms;
        partial.losses.misses[block] = misses;
        Ok(())
    }
}

/// Returns `true` for a history that the advice compares if none are given: 1, 2, 4, 8, ... windows, or all.
fn is_of_ladder(scheme: Scheme) -> bool {
    match scheme {
        Scheme::Sliding(length) => length.is_power_of_two(),
        Scheme::Cumulative | Scheme::Window => true,
    }
}

fn count(name: &str, cell: Option<TypedCell<'_>>) -> Result<u64, String> {
    let count = cell.and_then(whole).and_then(|number| u64::try_from(number).ok());
    count.ok_or_else(|| format!("{name} is not a whole number of at least 0"))
}

fn sum(name: &str, cell: Option<TypedCell<'_>>) -> Result<f64, String> {
    let sum = match cell {
        Some(TypedCell::Number(number)) => Some(number),
        Some(TypedCell::Integer(number)) => Some(number as f64),
        Some(TypedCell::Text(text)) => parse_number(text).ok(),
        _ => None,
    };
    sum.filter(|sum| *sum >= 0.0 && sum.is_finite()).ok_or_else(|| format!("{name} is not a number of at least 0"))
}
