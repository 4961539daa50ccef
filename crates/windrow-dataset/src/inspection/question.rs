//! Questions that only the user can answer.

/// A question that the file does not answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The text of the question.
    pub text: String,
    /// The answers that the user can choose from.
    pub choices: Vec<Choice>,
    /// The option that takes an answer of the user's own words. `None` if the choices are all that there is.
    pub open: Option<&'static str>,
}

/// An answer that the user can choose: an option with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The command-line option that gives this answer.
    pub option: &'static str,
    /// The value of the option.
    pub value: String,
    /// The meaning of the answer.
    pub meaning: String,
}

impl Choice {
    pub(crate) fn new(option: &'static str, value: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self { option, value: value.into(), meaning: meaning.into() }
    }
}

impl Question {
    /// Returns true if the question is about this option.
    pub fn is_about(&self, option: &str) -> bool {
        self.open == Some(option) || self.choices.iter().any(|choice| choice.option == option)
    }
}
