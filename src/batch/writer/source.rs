//! Whose stream it is.

use crate::record::RunId;

/// Who sends the rows of a store: one replay, or other producers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The replay of this name.
    Replay(RunId),
    /// Producers that are not Windrow.
    Foreign,
}

impl Source {
    pub(crate) fn of(run: Option<&str>) -> Self {
        run.map_or(Self::Foreign, |run| Self::Replay(RunId::new(run)))
    }

    pub(crate) fn is(&self, run: Option<&str>) -> bool {
        match self {
            Self::Replay(id) => run == Some(id.as_str()),
            Self::Foreign => run.is_none(),
        }
    }

    pub(crate) fn run(&self) -> Option<RunId> {
        match self {
            Self::Replay(run) => Some(run.clone()),
            Self::Foreign => None,
        }
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Self::Replay(id) => format!("the replay {id}"),
            Self::Foreign => "a producer that is not Windrow".to_owned(),
        }
    }
}
