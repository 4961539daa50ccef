//! Sends requests with arbitrary content to a model, which must answer its rows or report what is wrong with them.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use windrow_server::{BodyKind, DryRun};

/// A model of one number, one logarithm, one text and one time.
const MODEL: &[u8] = include_bytes!("model.json");

static SERVED: LazyLock<DryRun> =
    LazyLock::new(|| DryRun::new(MODEL, &std::env::temp_dir().join(format!("windrow-fuzz-{}", std::process::id()))));

fuzz_target!(|input: (u8, u16, &[u8])| {
    let (kind, json, body) = input;
    let kind = match kind % 6 {
        0 => BodyKind::Row,
        1 => BodyKind::Rows,
        2 => BodyKind::Lines,
        3 => BodyKind::Table,
        4 => BodyKind::Tensors(None),
        _ => BodyKind::Tensors(Some(usize::from(json))),
    };
    match SERVED.rows(kind, body, 100) {
        Ok(rows) => assert!(rows <= 100),
        Err((status, detail)) => assert!((400..500).contains(&status) && !detail.is_empty()),
    }
});
