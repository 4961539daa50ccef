//! The `windrow` command: arguments in, exit code out.

use std::process::ExitCode;

/// For the C code of the Kafka client too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    windrow::cli::main()
}
