//! A value of each of two work directories.

use serde::Serialize;

/// A value of the first work directory (A), and one of the second (B).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Pair<T> {
    /// The value of the first directory.
    pub(crate) a: T,
    /// The value of the second directory.
    pub(crate) b: T,
}

impl<T> Pair<T> {
    /// Returns what a function makes of both values.
    pub(crate) fn map<'p, U>(&'p self, of: impl Fn(&'p T) -> U) -> Pair<U> {
        Pair { a: of(&self.a), b: of(&self.b) }
    }

    /// Does the same as [`Self::map`] with a function that can fail.
    pub(crate) fn try_map<'p, U, E>(&'p self, of: impl Fn(&'p T) -> Result<U, E>) -> Result<Pair<U>, E> {
        Ok(Pair { a: of(&self.a)?, b: of(&self.b)? })
    }
}

impl<T: PartialEq> Pair<T> {
    /// Returns `true` if the values differ.
    pub(crate) fn differs(&self) -> bool {
        self.a != self.b
    }
}

impl<T> Pair<Option<T>> {
    /// Returns both values, if both are there.
    pub(crate) fn both(&self) -> Option<(&T, &T)> {
        self.a.as_ref().zip(self.b.as_ref())
    }
}
