//! The helpers of all benchmarks: their size, their pipeline files and rows, the processes they measure, their tables.

pub(crate) mod peers;
pub(crate) mod pipeline;
pub(crate) mod process;
pub(crate) mod rows;
pub(crate) mod size;
pub(crate) mod table;

/// Returns an environment variable, if it is set and not empty.
#[expect(clippy::disallowed_methods, reason = "the environment chooses the size of a benchmark and its peers")]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
