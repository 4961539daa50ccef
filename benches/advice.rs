//! A test of the advice on simulated worlds whose true probabilities are known. Each world is simulated many times. The
//! tables show which policies are recommended and what they lose compared with the truly best policy. They also show
//! how often an interval covers the true value, and how often a break is reported. The table of the bounds has the rule
//! of the bounds before it was changed, and the rule now, on the same losses. A model holds a number within the range of
//! the rows that it was fitted to. Worlds with many numbers outside are also simulated with models that extrapolate.
//!
//!     just bench-advice              # 200 seeds a world, 2,000 for coverage; about twenty minutes
//!     just bench-advice 1000 worlds  # the tables of docs/advice.md, with `200 coverage`; about 50 minutes
//!     just bench-advice 20           # fewer
//!     just bench-advice 20 break     # one world; `worlds` for all of them without coverage, `coverage` for coverage only
//!
//! `WINDROW_BENCH_SIZE=small`: two seeds; seconds.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

#[path = "advice/bounds.rs"]
mod bounds;
#[path = "advice/coverage.rs"]
mod coverage;
#[path = "advice/learner.rs"]
mod learner;
#[path = "advice/rule_before.rs"]
mod rule_before;
#[path = "advice/shares.rs"]
mod shares;
#[path = "advice/study.rs"]
mod study;
#[path = "support/support.rs"]
#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod support;
#[path = "advice/world.rs"]
mod world;

use std::num::NonZeroU64;
use std::process::ExitCode;

use learner::Outside;
use support::size::{Size, argument, bench};
use world::{ChangeKind, World};

fn main() -> ExitCode {
    bench(run)
}

fn run(size: Size) -> Result<(), String> {
    let seeds = argument(0, "the number of seeds")?.map_or(size.pick(200, 2), NonZeroU64::get);
    let only: Option<String> = argument(1, "the name of a world")?;
    let known: Vec<&str> = ChangeKind::ALL.into_iter().map(ChangeKind::name).chain(["worlds", "coverage"]).collect();
    if let Some(other) = only.as_deref().filter(|name| !known.contains(name)) {
        return Err(format!("unknown world `{other}`: the worlds are {}", known.join(", ")));
    }
    let is_wanted = |name: &str| match only.as_deref() {
        Some("worlds") => name != "coverage",
        only => only.is_none_or(|only| only == name),
    };
    println!("{seeds} seeds a world; {} rows a window, {} features", world::ROWS, world::FEATURES);
    println!(
        "\n| world | windows | named most often | shown good enough | regret beyond tolerance | mean regret | break reported |"
    );
    println!("|---|---|---|---|---|---|---|");
    let mut lines = Vec::new();
    for kind in ChangeKind::ALL.into_iter().filter(|kind| is_wanted(kind.name())) {
        let both = [Outside::Held, Outside::Extrapolated];
        for outside in both.into_iter().filter(|it| *it == Outside::Held || kind.has_rows_outside()) {
            let found = study::study(World { kind }, outside, seeds);
            println!("{}", found.line());
            lines.extend(found.bounds_lines());
            for note in found.notes {
                eprintln!("    {note}");
            }
        }
    }
    if !lines.is_empty() {
        println!("\n{}", bounds::HEADING);
        lines.iter().for_each(|line| println!("{line}"));
    }
    if is_wanted("coverage") {
        coverage::print(seeds * 10);
    }
    Ok(())
}
