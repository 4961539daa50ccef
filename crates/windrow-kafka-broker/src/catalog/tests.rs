//! Tests of topics that are created, grown, emptied and deleted while the broker is killed between any two steps.

use super::*;
use crate::batch::{batch_of, check};

fn open(folder: &Path, disk: &Arc<Disk>) -> Catalog {
    let (journal, found) = Journal::open(folder, Arc::clone(disk)).expect("a good journal");
    Catalog::open(folder, Arc::clone(disk), Arc::new(journal), found, 0).expect("good logs").0
}

fn append(topic: &Topic, partition: i32) -> bool {
    let mut bytes = batch_of(1, None, 0);
    let header = check(&bytes).expect("a good batch");
    topic.log(partition).is_some_and(|log| log.append(&mut bytes, header, 0).is_ok())
}

fn named(catalog: &Catalog) -> Arc<Topic> {
    catalog.by_name("t").expect("it was made")
}

/// The start and the end of each partition of the topic; `None` if the topic does not exist.
type TopicOffsets = Option<Vec<(i64, i64)>>;

fn state(catalog: &Catalog) -> TopicOffsets {
    let bounds = |log: &Arc<PartitionLog>| (log.bounds().start, log.bounds().end);
    catalog.by_name("t").ok().map(|topic| topic.logs.iter().map(bounds).collect())
}

/// A change, which returns true if it was acknowledged, and the state after it.
type Change = (fn(&Catalog) -> bool, TopicOffsets);

fn changes() -> [Change; 8] {
    let create = |catalog: &Catalog| catalog.create("t", 1, Settings::default(), false).is_ok();
    [
        (create, Some(vec![(0, 0)])),
        (|catalog| append(&named(catalog), 0), Some(vec![(0, 1)])),
        (|catalog| catalog.add_partitions("t", 2, false).is_ok(), Some(vec![(0, 1), (0, 0)])),
        (|catalog| append(&named(catalog), 1), Some(vec![(0, 1), (0, 1)])),
        (|catalog| catalog.delete_before(&named(catalog), 0, 1).is_ok(), Some(vec![(1, 1), (0, 1)])),
        (|catalog| catalog.delete(named(catalog).id).is_ok(), None),
        (create, Some(vec![(0, 0)])),
        (|catalog| append(&named(catalog), 0), Some(vec![(0, 1)])),
    ]
}

#[test]
fn a_kill_between_any_two_steps_leaves_what_was_acknowledged() {
    let mut was_whole = false;
    for steps in 0..80 {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = Arc::new(Disk::default());
        let catalog = open(folder.path(), &disk);
        disk.faults.stop_after(steps);
        let done = changes().iter().take_while(|(change, _)| change(&catalog)).count();
        was_whole |= done == changes().len();
        drop(catalog);
        let after = |done: usize| done.checked_sub(1).and_then(|last| changes()[last].1.clone());
        for _ in 0..2 {
            let catalog = open(folder.path(), &Arc::default());
            let found = state(&catalog);
            // A change that was not acknowledged may still have taken effect.
            let is_known = found == after(done) || (done < changes().len() && found == after(done + 1));
            assert!(is_known, "{steps} steps, {done} changes: {found:?}");
            let folders = catalog.disk.names(&catalog.folder).expect("readable");
            let known: Vec<_> = catalog.all().iter().map(|topic| topic.id.to_string()).collect();
            assert!(folders.iter().all(|folder| known.contains(folder)), "{steps} steps: {folders:?} of {known:?}");
        }
    }
    assert!(was_whole, "80 steps are enough for all changes");
}

#[test]
fn producer_ids_are_unique_across_kills() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut given = std::collections::HashSet::new();
    for steps in 0..20 {
        let disk = Arc::new(Disk::default());
        let catalog = open(folder.path(), &disk);
        disk.faults.stop_after(steps);
        for _ in 0..3 {
            if let Ok(id) = catalog.producer_id() {
                assert!(given.insert(id), "{id} was given before");
            }
        }
    }
    assert!(given.len() > 30);
}
