//! A question that only the user can answer, because the file does not say.

/// Something that the file does not tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// What the question is about.
    pub kind: QuestionKind,
    /// The question, as it is asked.
    pub text: String,
    /// The option that answers it on the command line; empty where each answer has its own.
    pub option: &'static str,
    /// Answers: what is said, and what that means.
    pub choices: Vec<(String, String)>,
}

/// What a question is about.
#[derive(Debug, Clone, PartialEq)]
pub enum QuestionKind {
    /// Which column is the target.
    Target,
    /// Which column holds the time of a row.
    Time,
    /// A column of whole numbers: left out, a number, or a category.
    Unclear(String),
}

/// The options that answer a question about an unclear column, in the order of its choices.
pub const UNCLEAR_OPTIONS: [&str; 3] = ["--leave-out", "--numeric", "--categorical"];
