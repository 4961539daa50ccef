//! Sends frames to the embedded broker: arbitrary bytes after a valid request header, or an arbitrary frame.

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use windrow_kafka_broker::dry_run::{DryRun, kinds};

/// The number of frames after which the broker is replaced by an empty one, because its data slow down the rest.
const FRAMES: usize = 5_000;

thread_local! {
    static BROKER: RefCell<Option<(usize, DryRun, tempfile::TempDir)>> = const { RefCell::new(None) };
}

fuzz_target!(|input: (Option<u8>, &[u8])| {
    let (kind, bytes) = input;
    BROKER.with_borrow_mut(|broker| {
        if broker.as_ref().is_some_and(|(frames, ..)| *frames == FRAMES) {
            *broker = None;
        }
        let (frames, broker, _) = broker.get_or_insert_with(|| {
            let folder = tempfile::tempdir().expect("a folder");
            (0, DryRun::new(folder.path()).expect("a broker"), folder)
        });
        *frames += 1;
        let mut frame = Vec::new();
        if let Some((key, version)) = kind.and_then(|kind| kinds().nth(usize::from(kind))) {
            frame.extend((key as i16).to_be_bytes());
            frame.extend(version.to_be_bytes());
            frame.extend(7_i32.to_be_bytes());
            frame.extend((-1_i16).to_be_bytes());
            frame.extend((key.request_header_version(version) >= 2).then_some(0));
        }
        frame.extend(bytes);
        broker.answer(&frame);
    });
});
