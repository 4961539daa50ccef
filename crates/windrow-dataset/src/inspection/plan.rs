//! Derives the contents of a pipeline file from a scan and the user's options, or the questions that are left.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::inspection::column::{Column, is_plain_missing_text};
use crate::inspection::error::InspectionError;
use crate::inspection::numbers::Sentinel;
use crate::inspection::options::Options;
use crate::inspection::question::{Choice, Question};
use crate::inspection::roles::{Role, role};
use crate::inspection::row_time::{self, FoundTime};
use crate::inspection::scan::Scan;
use crate::inspection::target::{self, Target};
use crate::inspection::typing::{Typed, Typing};
use windrow_config::{Dataset, TimeColumn};
use windrow_record::display::{counted, shell_word, thousands};
use windrow_record::{NumberForm, Separators, TimeFormat};

/// The maximum number of renamed columns that are listed.
const MAX_LISTED_NAMES: usize = 5;

/// The contents of the pipeline file, except for the windows.
#[derive(Debug, Clone)]
pub(crate) struct PipelinePlan {
    pub(crate) dataset: Dataset,
    pub(crate) target: Target,
    pub(crate) numeric: Vec<String>,
    pub(crate) categorical: Vec<String>,
    /// The parts of the calendar that vary.
    pub(crate) calendar: Vec<&'static str>,
    /// The columns that are not used, with the reason.
    pub(crate) left_out: Vec<(String, String)>,
    /// Notes for the user, each a sentence.
    pub(crate) notes: Vec<String>,
}

impl PipelinePlan {
    /// Makes the plan for a scanned file. `leaks` are the columns that give the target away, with the reason.
    ///
    /// # Errors
    /// An option is not valid, or the user must answer questions first.
    pub(crate) fn new(
        scan: &Scan,
        options: &Options,
        leaks: &BTreeMap<String, String>,
    ) -> Result<Self, InspectionError> {
        check_names(scan, options)?;
        let (mut questions, mut about_time, mut notes) = (Vec::new(), Vec::new(), renamed(scan));
        let time = or_asked(row_time::find(scan, options, &mut notes), &mut about_time)?.flatten();
        // The question about the target is the first one.
        let target = or_asked(target::read(options.target.as_deref(), scan), &mut questions)?;
        // The choices depend on the time, so a question about the time is answered first.
        if options.is_interactive && options.label_delay.is_none() && about_time.is_empty() {
            questions.push(ask_label_delay(has_window_length(options, time.is_some())));
        }
        questions.append(&mut about_time);
        let target_column = target.as_ref().map(|target| target.column.as_str());
        let of_time: Vec<&str> = time.iter().flat_map(FoundTime::columns).collect();
        let mut columns = ChosenColumns::default();
        for (index, (name, column)) in scan.names.iter().zip(&scan.columns).enumerate() {
            if Some(name.as_str()) == target_column || of_time.contains(&name.as_str()) {
                continue;
            }
            if let Some(reason) = leaks.get(name) {
                columns.left_out.push((name.clone(), reason.clone()));
                continue;
            }
            let is_given = options.categorical.contains(name) || options.numeric.contains(name);
            if column.may_be_time() && !is_given && !options.leave_out.contains(name) {
                columns.add_time(name, column, time.as_ref());
                continue;
            }
            let mut typing = Typing::of(scan, index, options)?;
            let is_open = options.is_interactive && !is_given && !options.leave_out.contains(name);
            if let (Typing::Mixed(typed), true) = (&typing, is_open) {
                questions.push(typed.question(name, column));
                continue;
            }
            typing = typing.or_usual();
            let (role, note) = role(name, column, &typing, options);
            match role {
                Role::LeftOut(reason) => columns.left_out.push((name.clone(), reason)),
                Role::Unclear(levels) => questions.push(unclear(name, levels)),
                Role::Category => columns.categorical.push(name.clone()),
                Role::Number => {
                    if let Typing::Number(typed) = typing {
                        columns.notes.extend(typed.note(name, column));
                        columns.typed.insert(name, typed);
                    }
                    columns.numeric.push(name.clone());
                }
            }
            columns.notes.extend(note);
        }
        if !questions.is_empty() {
            return Err(InspectionError::Questions(questions));
        }
        // Not reached: without a target there was a question.
        let Some(target) = target else { return Err(InspectionError::Usage("--target is missing".to_owned())) };
        if let Some(index) = scan.index_of(&target.column).filter(|_| target.is_compared())
            && let Typing::Number(typed) | Typing::Mixed(typed) = Typing::of(scan, index, options)?
        {
            columns.notes.extend(typed.note(&target.column, &scan.columns[index]));
            columns.typed.insert(&scan.names[index], typed);
        }
        notes.append(&mut columns.notes);
        notes.push(time.as_ref().map_or_else(
            || "no time column: the order of the rows is used as the time".to_owned(),
            FoundTime::describe,
        ));
        if options.label_delay.is_none() {
            notes.push("label delay: 0 is assumed; --label-delay or advise.label_delay changes it".to_owned());
        }
        if scan.repeated_headers > 0 {
            let rows = counted(scan.repeated_headers, "row repeats", "rows repeat");
            notes.push(format!("{rows} the header line"));
        }
        notes.extend(sentinels(scan, &columns.typed));
        let calendar = time.as_ref().map(FoundTime::calendar).unwrap_or_default();
        let dataset = columns.dataset(scan, &target, time.map(|time| time.column), options)?;
        let ChosenColumns { numeric, categorical, left_out, .. } = columns;
        Ok(Self { dataset, target, numeric, categorical, calendar, left_out, notes })
    }

    /// Returns true if there is nothing to learn from.
    pub(crate) fn has_no_feature(&self) -> bool {
        self.numeric.is_empty() && self.categorical.is_empty() && self.calendar.is_empty()
    }
}

/// The columns by their role.
#[derive(Debug, Default)]
struct ChosenColumns<'s> {
    numeric: Vec<String>,
    categorical: Vec<String>,
    left_out: Vec<(String, String)>,
    days_since: BTreeMap<String, TimeFormat>,
    /// The number columns, and a target that is compared with a number.
    typed: BTreeMap<&'s str, Typed<'s>>,
    notes: Vec<String>,
}

impl ChosenColumns<'_> {
    /// Adds a column of times that is not the time of the row. The days from a date to the time of the row are a number.
    fn add_time(&mut self, name: &str, column: &Column, time: Option<&FoundTime>) {
        let option = shell_word(name);
        let formats = column.times.fitting();
        let is_constant = column.values.len() == Some(1);
        let date = formats.first().filter(|_| formats.len() == 1 && !is_constant);
        let Some(((candidate, _), time)) = date.zip(time) else {
            self.left_out.push((
                name.to_owned(),
                format!("a time, but not the time of the row (--categorical {option} uses it)"),
            ));
            return;
        };
        let row = &time.column.column;
        self.notes
            .push(format!("{name}: used as a number, the days from {name} to {row} (--leave-out {option} if not)"));
        self.days_since.insert(name.to_owned(), candidate.format.clone());
        self.numeric.push(name.to_owned());
    }

    /// Returns the `[dataset]` table.
    fn dataset(
        &self,
        scan: &Scan,
        target: &Target,
        time: Option<TimeColumn>,
        options: &Options,
    ) -> Result<Dataset, InspectionError> {
        let mut null: BTreeSet<String> = BTreeSet::from([String::new()]);
        null.extend(options.null_everywhere(&scan.names).map(str::to_owned));
        let mut replace: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let values = self.text_values(scan, target);
        for (name, column) in scan.names.iter().zip(&scan.columns) {
            let typed = self.typed.get(name.as_str());
            let is_target = *name == target.column;
            let is_number = typed.is_some() || self.days_since.contains_key(name);
            if !is_number && !is_target && !self.categorical.contains(name) {
                continue;
            }
            let replaced = options.replace_of(name, &scan.names)?;
            let mut here: BTreeMap<String, String> =
                replaced.into_iter().map(|(text, to)| (text.to_owned(), to.to_owned())).collect();
            let of_column = options.null_of(name, &scan.names).filter(|text| !null.contains(*text));
            let mut words: BTreeSet<String> = of_column.map(str::to_owned).collect();
            // Other words may be values of a target that is a text.
            let is_missing =
                |word: &&String| (is_number || is_plain_missing_text(word.trim())) && !target.names(name, word);
            if is_number || is_target {
                words.extend(column.missing.keys().filter(is_missing).cloned());
            }
            words.extend(typed.iter().flat_map(|typed| &typed.words).map(|(word, _)| (*word).to_owned()));
            for word in words.into_iter().filter(|word| !word.is_empty()) {
                // A word that is a value of a category means 'missing' only in this column. So does a word with spaces
                // around it, because its other spellings are not known.
                let is_value = !is_plain_missing_text(word.trim()) && values.contains(word.trim());
                let is_own = options.null_of(name, &scan.names).any(|text| text == word);
                if is_value || is_own || column.is_spaced(word.trim()) {
                    here.entry(word.trim().to_owned()).or_default();
                } else if !here.contains_key(word.trim()) {
                    null.insert(word);
                }
            }
            if !here.is_empty() {
                replace.insert(name.clone(), here);
            }
        }
        // A text that is missing everywhere needs no rule of its own.
        for texts in replace.values_mut() {
            texts.retain(|text, to| !to.is_empty() || !null.contains(text));
        }
        replace.retain(|_, texts| !texts.is_empty());
        let (decimal, numbers) = self.forms(&values);
        let (null, days_since) = (null.into_iter().collect(), self.days_since.clone());
        Ok(Dataset { decimal, numbers, replace, days_since, null, time, ..scan.dataset.clone() })
    }

    /// Returns the values of the columns that are used as texts.
    fn text_values<'t>(&self, scan: &'t Scan, target: &Target) -> HashSet<&'t str> {
        let is_text =
            |name: &String| self.categorical.contains(name) || (*name == target.column && !target.is_compared());
        let columns = scan.names.iter().zip(&scan.columns).filter(|(name, _)| is_text(name));
        columns.flat_map(|(_, column)| column.texts_by_count()).map(|(text, _)| text.trim()).collect()
    }

    /// Returns the decimal separator of the file, if all written numbers have a comma, and otherwise the form of each
    /// column. `texts` are the values of the columns that are used as texts.
    fn forms(&self, texts: &HashSet<&str>) -> (Option<u8>, BTreeMap<String, NumberForm>) {
        let forms: BTreeMap<String, NumberForm> =
            self.typed.iter().filter_map(|(name, typed)| Some(((*name).to_owned(), typed.form.clone()?))).collect();
        let comma = NumberForm::new("", "", Separators::PointComma);
        let is_comma = |typed: &Typed<'_>| typed.form.as_ref().map_or(typed.numbers.are_whole(), |form| *form == comma);
        // The separator of the file counts for its texts too.
        let changes_texts = texts.iter().any(|text| comma.plain(text).is_some_and(|plain| plain != **text));
        match !forms.is_empty() && self.typed.values().all(is_comma) && !changes_texts {
            true => (Some(b','), BTreeMap::new()),
            false => (None, forms),
        }
    }
}

/// Returns what was found. If the user must answer questions first, returns `None` and adds the questions.
fn or_asked<T>(found: Result<T, InspectionError>, asked: &mut Vec<Question>) -> Result<Option<T>, InspectionError> {
    match found {
        Err(InspectionError::Questions(questions)) => {
            asked.extend(questions);
            Ok(None)
        }
        found => found.map(Some),
    }
}

/// Returns notes on the columns whose names were empty, repeated or surrounded by spaces.
fn renamed(scan: &Scan) -> Vec<String> {
    let some = scan.renamed.iter().take(MAX_LISTED_NAMES);
    let mut notes: Vec<String> = some.map(|(name, was)| format!("the column `{was}` is renamed to {name}")).collect();
    if scan.renamed.len() > MAX_LISTED_NAMES {
        let more = (scan.renamed.len() - MAX_LISTED_NAMES) as u64;
        notes.push(format!("and {}", counted(more, "more column is renamed", "more columns are renamed")));
    }
    notes
}

fn check_names(scan: &Scan, options: &Options) -> Result<(), InspectionError> {
    let lists = [
        ("--numeric", &options.numeric),
        ("--categorical", &options.categorical),
        ("--leave-out", &options.leave_out),
        ("--keep", &options.keep),
    ];
    for (option, names) in lists {
        if let Some(name) = names.iter().find(|name| scan.index_of(name).is_none()) {
            return Err(scan.no_column(option, name));
        }
    }
    let exclusive = [lists[0], lists[1], lists[2]];
    for (index, (option, names)) in exclusive.into_iter().enumerate() {
        let other = |name: &&String| exclusive[index + 1..].iter().find(|(_, others)| others.contains(name));
        if let Some((name, (other, _))) = names.iter().find_map(|name| Some((name, other(&name)?))) {
            return Err(InspectionError::Usage(format!("{name} is in {option} and in {other}: choose one of them")));
        }
    }
    let has_numbers = |index: usize| scan.columns[index].reading(false).is_some();
    let is_no_number = |name: &&String| scan.index_of(name).is_some_and(|index| !has_numbers(index));
    let Some(name) = options.numeric.iter().find(is_no_number) else { return Ok(()) };
    Err(InspectionError::Usage(format!("--numeric: {name} holds text, not numbers; use --categorical for it")))
}

/// Returns true if the windows have a length in time, by the option and by whether rows have times.
fn has_window_length(options: &Options, has_times: bool) -> bool {
    let key = options.window.as_deref().and_then(|window| window.split_once('=')).map(|(key, _)| key.trim());
    match key {
        Some("parts" | "rows") => false,
        Some("every") => true,
        _ => has_times,
    }
}

/// Asks when labels are known. The choices are durations if windows have a length in time, and otherwise numbers of
/// windows.
pub(crate) fn ask_label_delay(has_window_length: bool) -> Question {
    let later: &[(&str, &str)] = if has_window_length {
        &[("1d", "1 day later"), ("1w", "1 week later"), ("30d", "30 days later")]
    } else {
        &[("1", "1 window later"), ("2", "2 windows later")]
    };
    let choices = [("0", "at once, or at the end of each window")].iter().chain(later);
    let choices = choices.map(|(value, meaning)| Choice::new("--label-delay", *value, *meaning)).collect();
    Question { text: "when are the labels of the rows known?".to_owned(), choices, open: Some("--label-delay") }
}

fn unclear(name: &str, levels: usize) -> Question {
    let levels = thousands(levels as u64);
    let text = format!("{name}: whole numbers with {levels} different values; is it an id, a number or a category?");
    let choices = [
        ("--leave-out", "an id of single things: leave it out"),
        ("--numeric", "a quantity: use it as a number"),
        ("--categorical", "a code for a group: use it as a category"),
    ];
    let choices = choices.map(|(option, meaning)| Choice::new(option, name, meaning)).to_vec();
    Question { text, choices, open: None }
}

/// Returns notes on numbers that may mean 'missing'.
fn sentinels(scan: &Scan, typed: &BTreeMap<&str, Typed<'_>>) -> Vec<String> {
    let of = |(name, typed): (&&str, &Typed<'_>)| {
        let column = scan.index_of(name).map(|index| &scan.columns[index]);
        let describe = |sentinel: Sentinel| {
            let text = column.and_then(|column| column.text_of(sentinel.number)).map(str::to_owned);
            let text = text.unwrap_or_else(|| sentinel.number.to_string());
            sentinel.describe(name, &format!("use --null={}", shell_word(text.trim())))
        };
        typed.numbers.sentinels().into_iter().map(describe).collect::<Vec<_>>()
    };
    typed.iter().flat_map(of).collect()
}
