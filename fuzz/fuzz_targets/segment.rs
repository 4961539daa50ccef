//! Reads log files whose checksums are right but whose other content is arbitrary. The messages read must be whole, and
//! the log must be the same when it is opened again.

#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use windrow_kafka_broker::dry_run::{batch, messages_in};

#[derive(Debug, Arbitrary)]
struct Batch {
    attributes: i16,
    last_offset_delta: u8,
    times: (i64, i64),
    producer: (i64, i16, i32),
    count: i32,
    records: Vec<u8>,
}

#[derive(Debug, Arbitrary)]
struct Segment {
    batches: Vec<Batch>,
    /// A position, and the byte that replaces the original there.
    damage: Option<(u16, u8)>,
    rest: Vec<u8>,
}

fuzz_target!(|segment: Segment| {
    let (mut bytes, mut offset) = (Vec::new(), 0_i64);
    for Batch { attributes, last_offset_delta, times, producer, count, records } in segment.batches {
        let delta = i32::from(last_offset_delta);
        let mut batch = batch(attributes, delta, times, producer, count, &records);
        batch[..8].copy_from_slice(&offset.to_be_bytes());
        bytes.extend(batch);
        offset += i64::from(delta) + 1;
    }
    bytes.extend(segment.rest);
    if let Some((at, byte)) = segment.damage
        && let Some(there) = bytes.get_mut(usize::from(at))
    {
        *there = byte;
    }
    let folder = tempfile::tempdir().expect("a folder");
    messages_in(folder.path(), &bytes).expect("a folder that can be written");
});
