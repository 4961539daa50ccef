//! One field of a request: its kind, and the check of its value.

use crate::schema::fault::FieldFault;
use crate::schema::known::{KnownTexts, is_exact};
use crate::schema::value::InputValue;
use windrow_config::CellRules;
use windrow_learn::model::Input;
use windrow_record::{EventTime, TimeFormat, parse_number};

/// A column that a request must have.
#[derive(Debug)]
pub(crate) struct InputField {
    pub(crate) name: String,
    pub(crate) kind: FieldKind,
    /// The rules by which the dataset's reader reads texts.
    pub(crate) rules: CellRules,
}

#[derive(Debug, PartialEq)]
pub(crate) enum FieldKind {
    /// A finite number. If `log` is true, the number must be above -1, because the encoder takes log(1 + x).
    Number { log: bool },
    /// A text, or a number if all known texts are numbers. Any other text counts as 'other'.
    Text { known: KnownTexts },
    /// A time in the dataset's format, or in RFC 3339.
    Time(TimeFormat),
}

impl FieldKind {
    pub(crate) fn of(input: &Input) -> Self {
        match input {
            Input::Number { log, .. } => Self::Number { log: *log },
            Input::Category { levels } => Self::Text { known: KnownTexts::new(levels.clone()) },
            Input::Calendar { format, .. } => Self::Time(format.clone()),
        }
    }

    fn expected(&self) -> String {
        match self {
            Self::Number { log: false } => "a number, or null if it is missing".to_owned(),
            Self::Number { log: true } => "a number above -1, or null if it is missing".to_owned(),
            Self::Text { known } if known.are_numbers() => "a text or a number, or null if it is missing".to_owned(),
            Self::Text { .. } => "a text, or null if it is missing".to_owned(),
            Self::Time(format) => {
                let form = format.as_str();
                format!("a time of the form {form} or as in 2024-05-01T12:00:00Z (RFC 3339), or null if it is missing")
            }
        }
    }
}

impl InputField {
    /// Reads a text as the dataset's reader does: a replaced text or a written number becomes its value. Any other value stays. `nulls` are the texts that mean 'missing'.
    pub(crate) fn rewritten<'b>(&self, value: InputValue<'b>, nulls: &[String]) -> InputValue<'b> {
        let InputValue::Text(text) = &value else { return value };
        let is_as_it_is = match &self.kind {
            FieldKind::Number { .. } => false,
            // A text that the model knows is in the usual form already.
            FieldKind::Text { known } => known.contains(text),
            FieldKind::Time(_) => true,
        };
        if self.rules.is_empty() || is_as_it_is {
            return value;
        }
        let cell = self.rules.rewrite(text);
        if cell != *text && nulls.iter().any(|null| *null == cell) {
            return InputValue::Null;
        }
        match (&self.kind, parse_number(&cell)) {
            (FieldKind::Number { .. }, Ok(number)) => InputValue::Number(number),
            _ => InputValue::Text(cell.into_owned().into()),
        }
    }

    /// Returns the fault of a value, or `None`. Stores a valid time in `time`.
    pub(crate) fn check(&self, value: Option<&InputValue<'_>>, time: &mut Option<EventTime>) -> Option<FieldFault> {
        let Some(value) = value else { return Some(self.fault("is missing", None)) };
        let fault = |reason: &str| Some(self.fault(reason, Some(value.to_string())));
        let is_number = |text: &str| text.trim().parse::<f64>().is_ok_and(f64::is_finite);
        match (&self.kind, value) {
            (_, InputValue::Null)
            | (FieldKind::Number { log: false }, InputValue::Number(_))
            | (FieldKind::Text { .. }, InputValue::Text(_)) => None,
            (FieldKind::Number { .. }, InputValue::Number(number)) if *number > -1.0 => None,
            (FieldKind::Number { .. }, InputValue::Number(_)) => fault("is not above -1"),
            (FieldKind::Number { .. }, InputValue::Text(text)) if is_number(text) => {
                fault("is a number written as a text")
            }
            (FieldKind::Number { .. }, _) => fault("is not a number"),
            (FieldKind::Text { known }, InputValue::Number(number)) if known.are_numbers() => {
                if is_exact(*number) {
                    None
                } else {
                    fault("is not exact as a number: send it as a text")
                }
            }
            (FieldKind::Time(format), InputValue::Text(text)) => {
                *time = format.parse_or_rfc3339(text).ok();
                if time.is_some() { None } else { fault("is not a time of either form") }
            }
            (FieldKind::Text { .. } | FieldKind::Time(_), _) => fault("is not a text"),
        }
    }

    pub(crate) fn fault(&self, reason: &str, given: Option<String>) -> FieldFault {
        let mut expected = self.kind.expected();
        if let (FieldKind::Number { .. }, Some(form)) = (&self.kind, self.rules.form()) {
            expected.push_str(&format!("; or a text as in {}", form.as_str()));
        }
        let (field, reason, expected) = (self.name.clone(), reason.to_owned(), Some(expected));
        FieldFault { field, reason, given, expected, ..FieldFault::default() }
    }
}
