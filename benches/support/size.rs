//! The size of a benchmark: full, for its figures, or small, to check that it runs.

use std::fmt::Display;
use std::process::ExitCode;
use std::str::FromStr;

use crate::support::environment;

const SIZE_VARIABLE: &str = "WINDROW_BENCH_SIZE";

/// The value of `WINDROW_BENCH_SIZE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// The variable is not set.
    Full,
    /// `small`: few rows and one round. The benchmark ends within seconds, and its figures mean nothing.
    Small,
}

impl Size {
    fn read() -> Result<Self, String> {
        match environment(SIZE_VARIABLE).as_deref() {
            None => Ok(Self::Full),
            Some("small") => Ok(Self::Small),
            Some(other) => {
                Err(format!("{SIZE_VARIABLE} is `{other}`: set it to `small`, or leave it unset for the full size"))
            }
        }
    }

    /// Returns the value for this size.
    pub(crate) fn pick<T>(self, full: T, small: T) -> T {
        match self {
            Self::Full => full,
            Self::Small => small,
        }
    }
}

/// Runs a benchmark in the size that the environment names. A wrong size or argument is reported in one sentence on
/// standard error.
#[expect(clippy::print_stderr, reason = "the error of a person who starts a benchmark")]
pub(crate) fn bench(body: impl FnOnce(Size) -> Result<(), String>) -> ExitCode {
    let ended = Size::read().and_then(|size| {
        if size == Size::Small {
            println!("{SIZE_VARIABLE}=small: a test that the benchmark runs; the figures mean nothing\n");
        }
        body(size)
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the argument at `index` of the command line, counted from 0, without the flag that `cargo bench` adds.
pub(crate) fn argument<T: FromStr<Err: Display>>(index: usize, name: &str) -> Result<Option<T>, String> {
    let text = std::env::args().skip(1).filter(|argument| argument != "--bench").nth(index);
    text.map(|text| text.parse().map_err(|error| format!("{name} is `{text}`: {error}"))).transpose()
}
