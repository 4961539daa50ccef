//! The fits that made the predictions: what each learned from, by its dates or windows, and its name if it has one.

use std::collections::HashMap;
use std::path::Path;

use windrow_columnar::TypedCell;

use crate::axis::Axis;
use crate::cells::{History, has_clock, history, text};
use crate::error::JudgeError;
use crate::faults::{Faults, Place};
use crate::source::Source;

/// A fit, as the table describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fit {
    pub(crate) name: Option<String>,
    pub(crate) training: Training,
    /// The window of the newest data, on the axis.
    pub(crate) window: i64,
    /// The first row that names the fit.
    pub(crate) place: Place,
}

/// The data that a fit learned from. Positions are those of the axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Training {
    pub(crate) through: i64,
    pub(crate) from: Option<i64>,
    pub(crate) history: Option<History>,
}

/// All fits, in the order of their first rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fits {
    pub(crate) list: Vec<Fit>,
    known: HashMap<(Option<String>, Training), u32>,
    /// The fit of each name.
    named: HashMap<String, u32>,
    /// The file of models, if there is one.
    registered: Option<Registered>,
    /// True if the file that is read has a column for the history. It then must not be empty.
    has_history: bool,
    /// The name and the training of the row before, and its fit.
    last: Option<(Option<String>, Training, u32)>,
}

/// The content of a file of models.
#[derive(Debug, Clone)]
struct Registered {
    models: HashMap<String, RegisteredModel>,
    /// The names of its rows.
    faults: Faults,
}

/// A model in a file of models.
#[derive(Debug, Clone, Copy)]
struct RegisteredModel {
    training: Training,
    place: Place,
}

/// The cells of a row that describe its fit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FitCells<'a> {
    pub(crate) model: Option<TypedCell<'a>>,
    pub(crate) through: Option<TypedCell<'a>>,
    pub(crate) from: Option<TypedCell<'a>>,
    pub(crate) history: Option<TypedCell<'a>>,
}

impl Training {
    /// Reads what a fit learned from. Returns `None` if `trained_through` is empty.
    fn of(cells: FitCells<'_>, axis: Axis) -> Result<Option<Self>, String> {
        let Some(through) = cells.through else { return Ok(None) };
        let named = |column: &str, problem: String| format!("{column}: {problem}");
        let through = axis.position(through).map_err(|problem| named("trained_through", problem))?;
        let from = cells.from.map(|from| axis.position(from)).transpose();
        let from = from.map_err(|problem| named("trained_from", problem))?;
        let history = cells.history.map(history).transpose()?;
        if axis.needs_clock() && cells.through.is_some_and(|through| !has_clock(through)) {
            return Err("trained_through has no time of day, which windows shorter than a day need".to_owned());
        }
        if from.is_some_and(|from| from > through) {
            return Err("trained_from is after trained_through: exchange them".to_owned());
        }
        if let (Some(from), Some(History::Last(windows))) = (from, history)
            && (axis.length(from, through) - f64::from(windows.get())).abs() > 1.0
        {
            return Err(format!(
                "history is {windows}, but there are {:.1} windows from trained_from to trained_through: correct one, or \
                 remove its column",
                axis.length(from, through)
            ));
        }
        Ok(Some(Self { through, from, history }))
    }

    /// Checks that the history is given, if there is a column for it.
    fn check_history(self, has_column: bool) -> Result<Self, String> {
        if has_column && self.from.is_none() && self.history.is_none() {
            return Err(
                "the history is empty: give `history` (`all`, or a number of windows) or `trained_from` in each \
                        row, or remove the column"
                    .to_owned(),
            );
        }
        Ok(self)
    }

    /// Returns the name of a column that has another value than in the file of models.
    fn contradiction(self, registered: Self) -> Option<&'static str> {
        if self.through != registered.through {
            return Some("trained_through");
        }
        // Without either column, a model in the file has learned from all history.
        let history = registered.history.or(registered.from.is_none().then_some(History::All));
        if self.history.is_some() && history.is_some() && self.history != history {
            return Some("history");
        }
        let is_other = self.from.is_some() && self.from != registered.from;
        (is_other && (registered.from.is_some() || registered.history.is_none())).then_some("trained_from")
    }
}

impl Fits {
    /// Reads a file of models: `model`, `trained_through`, and `trained_from` or `history`.
    ///
    /// # Errors
    /// The file cannot be read, has no such columns, or has a fault.
    pub(crate) fn with_models(path: Option<&Path>, axis: Axis) -> Result<Self, JudgeError> {
        let Some(path) = path else { return Ok(Self::default()) };
        const COLUMNS: [&str; 4] = ["model", "trained_through", "trained_from", "history"];
        let source = Source::open(path, &COLUMNS)?;
        if let Some(missing) = COLUMNS[..2].iter().find(|column| !source.has(column)) {
            let names = source.names().join(", ");
            return Err(source.problem(format!(
                "a file of models needs the columns model and trained_through; it has no `{missing}`, only {names}"
            )));
        }
        let has_history = source.has("trained_from") || source.has("history");
        let mut faults = Faults::new(&[path.to_owned()]);
        let mut models = HashMap::new();
        source.visit(&COLUMNS, |row, cells| {
            let place = Place { file: 0, row };
            let read = cells.and_then(|cells| {
                let [model, through, from, history] = [cells[0], cells[1], cells[2], cells[3]];
                let name = model.map(text).ok_or("model is empty: each row names a model")?;
                let training = Training::of(FitCells { model, through, from, history }, axis)?;
                Ok((name, training.ok_or("trained_through is empty")?.check_history(has_history)?))
            });
            match read {
                Ok((name, training)) => {
                    let first = *models.entry(name.clone()).or_insert(RegisteredModel { training, place });
                    if first.training != training {
                        let first = faults.name(first.place);
                        let problem = format!("the model `{name}` has other dates than in {first}: list it once");
                        faults.add(place, problem);
                    }
                }
                Err(problem) => faults.add(place, problem),
            }
            !faults.is_full()
        })?;
        faults.check()?;
        Ok(Self { registered: Some(Registered { models, faults }), ..Self::default() })
    }

    /// Prepares for the rows of a file. `has_history` is true if it has a column for the history.
    pub(crate) fn begin_file(&mut self, has_history: bool) {
        self.has_history = has_history;
        self.last = None;
    }

    /// Returns the fit of a row, by its index. `faults` has the names of the rows.
    ///
    /// # Errors
    /// The reason, as a phrase, why the row has no fit.
    pub(crate) fn fit(
        &mut self,
        cells: FitCells<'_>,
        axis: Axis,
        place: Place,
        faults: &Faults,
    ) -> Result<u32, String> {
        let given = Training::of(cells, axis)?;
        if let (Some((last_name, last_training, fit)), Some(given)) = (&self.last, given)
            && *last_training == given
            && self.registered.is_none()
            && is_same_name(last_name.as_deref(), cells.model)
        {
            return Ok(*fit);
        }
        let name = cells.model.map(text);
        let training = self.training(name.as_deref(), given)?;
        let fit = match self.known.get(&(name.clone(), training)) {
            Some(fit) => *fit,
            None => self.add(name.clone(), training, (axis, place), faults)?,
        };
        self.last = Some((name, training, fit));
        Ok(fit)
    }

    /// Returns what a fit learned from, by its row or by the file of models.
    fn training(&self, name: Option<&str>, given: Option<Training>) -> Result<Training, String> {
        let registered = name.zip(self.registered.as_ref());
        let registered = registered.and_then(|(name, file)| Some((file, *file.models.get(name)?)));
        match (registered, given) {
            (None, Some(given)) => given.check_history(self.has_history),
            (Some((_, model)), None) => Ok(model.training),
            (Some((file, model)), Some(given)) => match given.contradiction(model.training) {
                None => Ok(model.training),
                Some(column) => {
                    let (name, place) = (name.unwrap_or_default(), file.faults.name(model.place));
                    Err(format!("{column} is not that of the model `{name}` in {place}: correct one of them"))
                }
            },
            (None, None) => match (name, &self.registered) {
                (Some(name), Some(_)) => Err(format!("the model `{name}` is not in the file of models: add it")),
                (Some(_), None) => {
                    Err("trained_through is empty: give it, or --models with the dates of each model".to_owned())
                }
                (None, _) => Err("trained_through is empty, and no model is named".to_owned()),
            },
        }
    }

    fn add(
        &mut self,
        name: Option<String>,
        training: Training,
        (axis, place): (Axis, Place),
        faults: &Faults,
    ) -> Result<u32, String> {
        let fit = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        if let Some(name) = &name {
            let known = *self.named.entry(name.clone()).or_insert(fit);
            if let Some(known) = self.list.get(known as usize) {
                let first = faults.name(known.place);
                let problem = format!("the model `{name}` has other training dates than in {first}");
                return Err(format!("{problem}: give it another name"));
            }
        }
        let window = axis.window_of(training.through);
        self.known.insert((name.clone(), training), fit);
        self.list.push(Fit { name, training, window, place });
        Ok(fit)
    }
}

fn is_same_name(known: Option<&str>, cell: Option<TypedCell<'_>>) -> bool {
    match (known, cell) {
        (None, None) => true,
        (Some(known), Some(TypedCell::Text(text))) => known == text,
        _ => false,
    }
}
