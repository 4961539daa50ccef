//! Producer, consumer and trainer are killed at random moments and started again. At the end, the batch files hold the
//! dataset byte for byte, the audit has no finding, and every window has its models.
//!
//! Twenty kills in a plain `cargo test`; `just torture` sets a higher number with WINDROW_TORTURE_KILLS.
//! WINDROW_TORTURE_SEED repeats the moments of an earlier run, as far as a machine repeats its timing.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use windrow_testing::{Running, assert_whole, free_port, json, sample_with, succeed, text, windrow};

use crate::exclusive;

const KILLS: u32 = 20;
const SEED: u64 = 20_130_101;
/// The number of kills after which a round runs to its end. The next round uses another window policy and another
/// number of partitions.
const KILLS_PER_ROUND: u32 = 10;
/// The pause between two kills in milliseconds: from the middle of a start to several windows later.
const PAUSES: std::ops::Range<u64> = 20..700;

/// The rounds: the window policy, the number of partitions, and whether each stage is a separate process.
const ROUNDS: [(&str, u32, bool); 6] = [
    ("rows = 400", 3, true),
    ("event = \"20d\"\nlateness = \"1d\"", 2, false),
    ("event = \"20d\"\nlateness = \"1d\"", 1, true),
    ("rows = 333", 1, false),
    ("parts = 12", 2, true),
    ("parts = 7", 3, false),
];

/// SplitMix64 (Steele, Lea, Flood 2014): gives the same moments for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// A command that is started again until it ends by itself.
struct Stage {
    arguments: Vec<String>,
    running: Running,
    is_done: bool,
}

impl Stage {
    fn start(arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self { running: start(&arguments), arguments, is_done: false }
    }

    /// Kills the command and starts it again. Returns `false` if it has already ended.
    fn kill(&mut self) -> bool {
        if self.has_ended() {
            return false;
        }
        self.running.signal("KILL");
        self.running.end();
        self.running = start(&self.arguments);
        true
    }

    fn has_ended(&mut self) -> bool {
        if let Some(status) = self.running.ended() {
            assert!(status.success(), "{:?}: {}", self.arguments, self.running.output());
            self.is_done = true;
        }
        self.is_done
    }

    fn end(&mut self) {
        if !self.is_done {
            let status = self.running.end();
            assert!(status.success(), "{:?}: {}", self.arguments, self.running.output());
        }
    }
}

fn start(arguments: &[String]) -> Running {
    Running::start(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Runs one stream from its beginning to its end. Returns the number of kills.
fn round((window, partitions, in_processes): (&str, u32, bool), kills: u32, random: &mut Random) -> u32 {
    let folder = tempfile::tempdir().expect("a folder");
    // The 8,019 rows take 3 seconds.
    let stream = format!("partitions = {partitions}\npace = {{ kind = \"exponential\", mean = \"375us\" }}");
    let file = sample_with(folder.path(), window, &stream);
    let workdir: PathBuf = folder.path().join("work");
    let workdir_text = workdir.display().to_string();
    let address = format!("127.0.0.1:{}", free_port());
    let mut broker = None;
    let mut stages = if in_processes {
        let running = Running::start(&["broker", "--listen", &address]);
        running.wait_for("broker: embedded");
        broker = Some(running);
        succeed(&["topic", "create", &file, "--broker", &address]);
        vec![
            Stage::start(&["produce", &file, "--broker", &address]),
            Stage::start(&["consume", &file, "--broker", &address, "--workdir", &workdir_text, "--once"]),
            Stage::start(&["train", &file, "--workdir", &workdir_text, "--once"]),
        ]
    } else {
        let listen = "127.0.0.1:0";
        let run = ["run", &file, "--once", "--broker", "embedded", "--listen", listen, "--workdir", &workdir_text];
        vec![Stage::start(&run)]
    };
    let mut killed = 0;
    while killed < kills && !stages.iter_mut().all(Stage::has_ended) {
        let pause = PAUSES.start + random.below(PAUSES.end - PAUSES.start);
        std::thread::park_timeout(Duration::from_millis(pause));
        let victim = usize::try_from(random.below(stages.len() as u64)).expect("a small number");
        killed += u32::from(stages[victim].kill());
    }
    stages.iter_mut().for_each(Stage::end);

    assert_whole(&workdir);
    let mut audit = vec!["audit", &file, "--workdir", &workdir_text];
    if broker.is_some() {
        audit.extend(["--broker", &address]);
    }
    let audit = windrow(&audit);
    assert!(audit.status.success(), "{}{}", text(&audit.stdout), text(&audit.stderr));
    let windows = json(&workdir.join("batches/end.json"))["windows"].as_u64().expect("a count");
    for window in 1..=windows {
        for scheme in ["cumulative", "window"] {
            assert!(workdir.join(format!("models/{scheme}-{window}/model.json")).exists(), "{scheme}-{window}");
        }
    }
    assert_eq!(fs::read_dir(workdir.join("batches/.open")).expect("a folder").count(), 0, "leftovers");
    killed
}

#[test]
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the environment sets the number of kills, and a long run prints its progress"
)]
fn every_row_is_stored_once_despite_random_kills() {
    let _exclusive = exclusive();
    let asked = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let kills = asked("WINDROW_TORTURE_KILLS").map_or(KILLS, |kills| u32::try_from(kills).expect("a sane number"));
    let mut killed = 0;
    for turn in 0_usize.. {
        if killed >= kills {
            break;
        }
        let seed = asked("WINDROW_TORTURE_SEED").unwrap_or(SEED) + turn as u64;
        let scene = ROUNDS[turn % ROUNDS.len()];
        println!("{killed} of {kills} kills; round {turn}, seed {seed}: {scene:?}");
        killed += round(scene, KILLS_PER_ROUND.min(kills - killed), &mut Random(seed));
    }
    println!("{killed} kills, and every row in its place each time");
}
