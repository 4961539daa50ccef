//! Questions that only the user can answer.

/// A question that the file does not answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The subject of the question.
    pub kind: QuestionKind,
    /// The text of the question.
    pub text: String,
    /// The command-line option that answers the question. Empty if each choice has an option of its own.
    pub option: &'static str,
    /// The possible answers: the value of the option, and its meaning.
    pub choices: Vec<(String, String)>,
}

/// The subject of a question.
#[derive(Debug, Clone, PartialEq)]
pub enum QuestionKind {
    /// The target: its column or its rule.
    Target,
    /// The time of a row: its column or its format.
    Time,
    /// A column of whole numbers, which may be left out, a number, or a category.
    Unclear(String),
}

/// The options that answer a question about an unclear column, in the order of the question's choices.
pub const UNCLEAR_OPTIONS: [&str; 3] = ["--leave-out", "--numeric", "--categorical"];
