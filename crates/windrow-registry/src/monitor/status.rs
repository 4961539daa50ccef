//! The status files `status/STAGE.json`, to which a running stage writes its counters once a second.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use windrow_base::files;
use windrow_base::telemetry::{Counters, Counts, PartitionCounts};
use windrow_base::versioned::{self, OtherFormat};

/// The format version of the file. A reader skips any other version.
const FORMAT: u32 = 2;
const FOLDER: &str = "status";
/// The maximum number of bytes that are read of a status file. A longer file does not parse and is skipped.
const MAX_STATUS_BYTES: u64 = 64 * 1024;
/// The maximum number of files that are read.
const MAX_STATUS_FILES: usize = 256;
/// The time without a report after which a stage is silent.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(5);

/// A stage that reports its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The stage that sends rows.
    Producer,
    /// The stage that stores rows in windows.
    Consumer,
    /// The stage that trains models on the windows.
    Trainer,
}

impl Stage {
    /// All stages, in the order in which rows pass them.
    pub(super) const ALL: [Self; 3] = [Self::Producer, Self::Consumer, Self::Trainer];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Consumer => "consumer",
            Self::Trainer => "trainer",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Status {
    format: u32,
    /// The time of the report in RFC 3339 format.
    time: String,
    /// `true` if the stage has completed all its work.
    is_over: bool,
    counts: Counts,
    /// The counts by partition of the topic, from partition 0; empty for a stage that reads no topic.
    partitions: Vec<PartitionCounts>,
}

/// The status file of one process.
#[derive(Debug, Clone)]
pub struct StatusFile {
    path: PathBuf,
}

impl StatusFile {
    /// Returns the status file of a stage. `member` distinguishes several processes of one stage.
    pub fn new(workdir: &Path, stage: Stage, member: Option<&str>) -> Self {
        let name = member.map_or_else(|| stage.name().to_owned(), |member| format!("{}-{member}", stage.name()));
        Self { path: workdir.join(FOLDER).join(format!("{name}.json")) }
    }

    /// Writes the current counters. Blocks on disk I/O.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn write(&self, counters: &Counters, time: String, is_over: bool) -> io::Result<()> {
        let (counts, partitions) = (counters.counts(), counters.partitions.counts());
        let status = Status { format: FORMAT, time, is_over, counts, partitions };
        files::replace(&self.path, &serde_json::to_vec(&status)?)
    }

    /// Removes the file, for a member that leaves its group. Blocks on disk I/O.
    pub fn remove(&self) {
        // A file that cannot be removed is later reported as a silent stage.
        let _ = fs::remove_file(&self.path);
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct StageReport {
    pub(super) counts: Counts,
    pub(super) is_over: bool,
    /// The time since the last report; `None` if the stage is not silent.
    pub(super) silent_for: Option<Duration>,
}

#[derive(Debug, Default)]
pub(super) struct StatusReader {
    heard: HashMap<String, (Status, Instant)>,
    /// Files with another format version. Each is logged once, although it is read at every call.
    refused: HashSet<String>,
}

impl StatusReader {
    /// Reads the status files and returns the last report of each stage. `time` is the current time in RFC 3339 format.
    ///
    /// The age of a first report is computed from `time` and the report's own time. Later reports are timed by the
    /// clock of this process, so that clocks that differ or jump affect at most the first report.
    pub(super) fn read_reports(&mut self, workdir: &Path, time: &str) -> BTreeMap<Stage, StageReport> {
        let found = self.read(&workdir.join(FOLDER));
        self.heard.retain(|name, _| found.contains_key(name));
        let now = Instant::now();
        for (name, status) in found {
            let heard = self.heard.get(&name).filter(|(before, _)| *before == status).map(|(_, heard)| *heard);
            let is_first = !self.heard.contains_key(&name);
            let heard = heard.unwrap_or_else(|| {
                let age = if is_first { age(&status.time, time) } else { Duration::ZERO };
                now.checked_sub(age).unwrap_or(now)
            });
            self.heard.insert(name, (status, heard));
        }
        Stage::ALL.into_iter().filter_map(|stage| Some((stage, self.of(stage, now)?))).collect()
    }

    fn read(&mut self, folder: &Path) -> BTreeMap<String, Status> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(MAX_STATUS_FILES);
        let files = entries.filter_map(|entry| {
            let (name, path) = (entry.file_name().into_string().ok()?.strip_suffix(".json")?.to_owned(), entry.path());
            let mut text = Vec::new();
            File::open(&path).ok()?.take(MAX_STATUS_BYTES).read_to_end(&mut text).ok()?;
            match versioned::parse(&text, FORMAT, path.display(), |_| None::<OtherFormat>) {
                Ok(status) => Some((name, status)),
                Err(other) => {
                    if let Some(error) = other.filter(|_| self.refused.insert(name)) {
                        tracing::warn!(%error, "the status of a stage is ignored");
                    }
                    None
                }
            }
        });
        files.collect()
    }

    /// Returns the last reported counts by partition of the consumers that are not silent, from partition 0.
    pub(super) fn partitions(&self) -> Vec<PartitionCounts> {
        let now = Instant::now();
        let speaking = self.of_stage(Stage::Consumer).filter(|heard| report_of(heard, now).silent_for.is_none());
        speaking.fold(Vec::new(), |all, (status, _)| PartitionCounts::combine(&all, &status.partitions))
    }

    /// Returns the last reports of the processes of a stage.
    fn of_stage(&self, stage: Stage) -> impl Iterator<Item = &(Status, Instant)> {
        let is_ours = move |name: &str| {
            name.strip_prefix(stage.name()).is_some_and(|member| member.is_empty() || member.starts_with('-'))
        };
        self.heard.iter().filter(move |(name, _)| is_ours(name)).map(|(_, heard)| heard)
    }

    fn of(&self, stage: Stage, now: Instant) -> Option<StageReport> {
        let ours = || self.of_stage(stage);
        let report_of = |heard: &(Status, Instant)| report_of(heard, now);
        let speaking = ours().map(report_of).filter(|heard| heard.silent_for.is_none());
        let together = speaking.reduce(|one, other| {
            let mut counts = one.counts.combine(other.counts);
            // All members of a group report the same dataset. Each producer reports its own.
            if stage == Stage::Producer {
                counts.dataset = one.counts.dataset.saturating_add(other.counts.dataset);
            }
            StageReport { counts, is_over: one.is_over && other.is_over, silent_for: None }
        });
        together.or_else(|| ours().max_by_key(|(_, heard)| *heard).map(report_of))
    }
}

/// Returns a report with the time for which its stage has been silent.
fn report_of((status, heard): &(Status, Instant), now: Instant) -> StageReport {
    let silence = now.saturating_duration_since(*heard);
    let silent_for = (!status.is_over && silence >= SILENCE_TIMEOUT).then_some(silence);
    StageReport { counts: status.counts, is_over: status.is_over, silent_for }
}

/// Returns the time from `then` to `now`, or zero if the clocks disagree or a time is not valid.
fn age(then: &str, now: &str) -> Duration {
    let parsed = |text: &str| text.parse::<jiff::Timestamp>().ok();
    let between = parsed(then).zip(parsed(now)).map(|(then, now)| now.as_second() - then.as_second());
    Duration::from_secs(between.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-01-01T10:00:00Z";

    fn write_status(folder: &Path, stage: Stage, member: Option<&str>, sent: u64, time: &str, is_over: bool) {
        let counters = Counters::default();
        counters.sent.set(sent);
        StatusFile::new(folder, stage, member).write(&counters, time.to_owned(), is_over).expect("room on the disk");
    }

    #[test]
    fn a_stage_is_running_silent_or_ended() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut listener = StatusReader::default();
        assert!(listener.read_reports(folder.path(), NOW).is_empty(), "nothing is there yet");
        write_status(folder.path(), Stage::Producer, None, 7, NOW, false);
        write_status(folder.path(), Stage::Consumer, None, 0, "2026-01-01T09:58:00Z", false);
        write_status(folder.path(), Stage::Trainer, None, 0, "2026-01-01T09:58:00Z", true);
        let heard = listener.read_reports(folder.path(), NOW);
        assert_eq!(heard[&Stage::Producer].silent_for, None);
        assert_eq!(heard[&Stage::Producer].counts.sent, 7);
        assert!(heard[&Stage::Consumer].silent_for.is_some_and(|silence| silence.as_secs() / 2 == 60));
        assert!(heard[&Stage::Trainer].is_over && heard[&Stage::Trainer].silent_for.is_none());
        // A changed report counts as new, whatever its time.
        write_status(folder.path(), Stage::Consumer, None, 1, "2025-01-01T00:00:00Z", false);
        assert_eq!(listener.read_reports(folder.path(), NOW)[&Stage::Consumer].silent_for, None);
        // A clock that is ahead does not make a stage silent.
        write_status(folder.path(), Stage::Trainer, Some("x"), 1, "2099-01-01T00:00:00Z", false);
        assert_eq!(listener.read_reports(folder.path(), NOW)[&Stage::Trainer].silent_for, None);
    }

    #[test]
    fn members_are_summed_without_the_silent_ones() {
        let folder = tempfile::tempdir().expect("a folder");
        for (member, sent, time) in [("a", 5, NOW), ("b", 6, NOW), ("c", 100, "2026-01-01T09:00:00Z")] {
            write_status(folder.path(), Stage::Producer, Some(member), sent, time, false);
        }
        assert_eq!(StatusReader::default().read_reports(folder.path(), NOW)[&Stage::Producer].counts.sent, 11);
    }

    #[test]
    fn the_partitions_of_all_members_are_reported() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |member: &str, partition: usize, rows: u64, time: &str| {
            let counters = Counters::default();
            counters.partitions.add_read(partition, rows);
            counters.partitions.set_lags([(partition, Some(rows + 1))]);
            let file = StatusFile::new(folder.path(), Stage::Consumer, Some(member));
            file.write(&counters, time.to_owned(), false).expect("room on the disk");
        };
        write("a", 0, 5, NOW);
        write("b", 2, 7, NOW);
        write("c", 1, 90, "2026-01-01T09:00:00Z");
        let mut listener = StatusReader::default();
        listener.read_reports(folder.path(), NOW);
        let count = |read, lag| PartitionCounts { read, lag };
        assert_eq!(listener.partitions(), [count(5, Some(6)), count(0, None), count(7, Some(8))]);
    }

    #[test]
    fn an_invalid_status_file_is_skipped() {
        let folder = tempfile::tempdir().expect("a folder");
        let status = folder.path().join(FOLDER);
        fs::create_dir_all(status.join("consumer.json")).expect("a folder");
        fs::write(status.join("producer.json"), "{\"format\":2").expect("a file");
        let other = "{\"format\":9,\"time\":\"\",\"is_over\":true,\"counts\":{}}";
        fs::write(status.join("trainer.json"), other).expect("a file");
        fs::write(status.join("producer-x.json"), vec![b' '; 1 << 20]).expect("a file");
        let mut listener = StatusReader::default();
        assert!(listener.read_reports(folder.path(), NOW).is_empty());
        assert!(listener.refused.iter().eq(["trainer"]), "what is not JSON may be half of a file");
    }
}
