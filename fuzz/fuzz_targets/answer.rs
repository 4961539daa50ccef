//! Sends valid requests with arbitrary content to the embedded broker. Each answer must be one that a client can read.

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use windrow_kafka_broker::dry_run::{DryRun, kinds};

/// The number of requests after which the broker is replaced by an empty one, because its data slow down the rest.
const REQUESTS: usize = 5_000;

thread_local! {
    static BROKER: RefCell<Option<(usize, DryRun, tempfile::TempDir)>> = const { RefCell::new(None) };
}

fuzz_target!(|input: Vec<(u8, &[u8])>| {
    BROKER.with_borrow_mut(|broker| {
        if broker.as_ref().is_some_and(|(requests, ..)| *requests > REQUESTS) {
            *broker = None;
        }
        let (requests, broker, _) = broker.get_or_insert_with(|| {
            let folder = tempfile::tempdir().expect("a folder");
            (0, DryRun::new(folder.path()).expect("a broker"), folder)
        });
        for (kind, chosen) in input {
            *requests += 1;
            if let Some((key, version)) = kinds().nth(usize::from(kind)) {
                broker.ask(key, version, chosen);
            }
        }
    });
});
