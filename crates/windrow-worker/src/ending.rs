//! The end of a process, as an exit code and in words.

use std::fmt;

use rustix::process::{Signal, WaitIdStatus};

/// The signals that end learners, with their names. Their numbers depend on the system.
const SIGNALS: [(Signal, &str); 14] = [
    (Signal::HUP, "SIGHUP"),
    (Signal::INT, "SIGINT"),
    (Signal::QUIT, "SIGQUIT"),
    (Signal::ILL, "SIGILL"),
    (Signal::ABORT, "SIGABRT"),
    (Signal::BUS, "SIGBUS"),
    (Signal::FPE, "SIGFPE"),
    (Signal::KILL, "SIGKILL, as the system sends if memory runs out"),
    (Signal::SEGV, "SIGSEGV"),
    (Signal::PIPE, "SIGPIPE"),
    (Signal::ALARM, "SIGALRM"),
    (Signal::TERM, "SIGTERM"),
    (Signal::XCPU, "SIGXCPU"),
    (Signal::SYS, "SIGSYS"),
];
/// The exit code of a process that signal 0 would have ended, as shells report it.
const SIGNAL_CODE: i32 = 128;
/// The largest number of a signal.
const MAX_SIGNAL: i32 = 64;

/// The end of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The process ended with this exit code.
    Code(i32),
    /// The signal with this number ended the process.
    Signal(i32),
}

impl Ending {
    /// Returns the end of a process whose state changed, or `None` if it has not ended.
    pub(crate) fn of(status: &WaitIdStatus) -> Option<Self> {
        status.exit_status().map(Self::Code).or_else(|| status.terminating_signal().map(Self::Signal))
    }

    /// Returns the end of a learner, given that of its supervisor, whose exit code can mean a signal.
    pub(crate) fn of_supervised(self) -> Self {
        match self {
            Self::Code(code) if (1..=MAX_SIGNAL).contains(&code.saturating_sub(SIGNAL_CODE)) => {
                Self::Signal(code - SIGNAL_CODE)
            }
            other => other,
        }
    }

    /// Returns the exit code that a supervisor ends with.
    pub(crate) fn exit_code(self) -> u8 {
        let code = match self {
            // Some systems report more than the lowest eight bits.
            Self::Code(code) => code & 0xff,
            Self::Signal(signal) => SIGNAL_CODE.saturating_add(signal),
        };
        u8::try_from(code).unwrap_or(u8::MAX)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "ended with exit code {code}"),
            Self::Signal(number) => match SIGNALS.iter().find(|(signal, _)| signal.as_raw() == *number) {
                Some((_, name)) => write!(f, "was ended by signal {number} ({name})"),
                None => write!(f, "was ended by signal {number}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_described_in_words() {
        assert_eq!(Ending::Code(3).to_string(), "ended with exit code 3");
        assert_eq!(Ending::Signal(15).to_string(), "was ended by signal 15 (SIGTERM)");
        assert_eq!(Ending::Signal(61).to_string(), "was ended by signal 61");
    }

    #[test]
    fn a_supervisor_passes_on_the_end_of_a_learner() {
        assert_eq!([Ending::Code(0), Ending::Code(3), Ending::Signal(9)].map(Ending::exit_code), [0, 3, 137]);
        for ending in [Ending::Code(0), Ending::Code(128), Ending::Code(200), Ending::Signal(9)] {
            assert_eq!(Ending::Code(i32::from(ending.exit_code())).of_supervised(), ending);
        }
        assert_eq!(Ending::Signal(9).of_supervised(), Ending::Signal(9), "the supervisor itself was killed");
    }
}
