//! Is the advice right? Worlds whose true probabilities are known, simulated many times: what is named, what it loses beside
//! the truly best policy, how often an interval holds what it estimates, how often a break is reported.
//!
//!     just bench-advice            # 200 seeds a world, 2,000 for coverage; the tables of docs/advice.md
//!     just bench-advice 20         # fewer

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

#[path = "advice/coverage.rs"]
mod coverage;
#[path = "advice/learner.rs"]
mod learner;
#[path = "advice/study.rs"]
mod study;
#[path = "advice/world.rs"]
mod world;

use world::{Kind, World};

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let seeds: u64 = arguments.next().and_then(|seeds| seeds.parse().ok()).unwrap_or(200);
    let only = arguments.next();
    let is_wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    println!("{seeds} seeds a world; {} rows a window, {} features", world::ROWS, world::FEATURES);
    println!(
        "\n| world | windows | named most often | shown good enough | regret beyond tolerance | mean regret | break reported |"
    );
    println!("|---|---|---|---|---|---|---|");
    for kind in Kind::ALL.into_iter().filter(|kind| is_wanted(kind.name())) {
        let found = study::study(World { kind }, seeds);
        println!("{}", found.line());
        for note in found.notes {
            eprintln!("    {note}");
        }
    }
    if is_wanted("coverage") {
        coverage::print(seeds * 10);
    }
}
