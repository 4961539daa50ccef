//! Random edits of valid bodies: the model answers the rows or reports a problem. The fuzz target `request` checks the
//! same for longer.

use proptest::prelude::*;

use super::{BodyKind, DryRun};

const MODEL: &[u8] = include_bytes!("../../../../../fuzz/fuzz_targets/model.json");
const ROW: &str = r#"{"miles":100,"fare":7.5,"carrier":"UA","at":"2013-01-01 07:00"}"#;
const TABLE: &str = "miles,fare,carrier,at\n100,7.5,UA,2013-01-01 07:00\n";
const TENSORS: &str = r#"{"inputs":[{"name":"miles","shape":[1],"datatype":"FP64","data":[100]},
    {"name":"fare","shape":[1],"datatype":"FP64","data":[7.5]},{"name":"carrier","shape":[1],"datatype":"BYTES","data":["UA"]},
    {"name":"at","shape":[1],"datatype":"BYTES","data":["2013-01-01 07:00"]}]}"#;

#[test]
fn bodies_that_are_almost_right_are_answered_or_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let served = DryRun::new(MODEL, folder.path());
    let right = [
        (BodyKind::Row, ROW.to_owned()),
        (BodyKind::Rows, format!("[{ROW},{ROW}]")),
        (BodyKind::Lines, format!("{ROW}\n{ROW}\n")),
        (BodyKind::Table, TABLE.to_owned()),
        (BodyKind::Tensors(None), TENSORS.to_owned()),
    ];
    for (kind, body) in &right {
        let rows = served.rows(*kind, body.as_bytes(), 100);
        assert!(matches!(rows, Ok(1 | 2)), "{kind:?}: {rows:?}");
    }
    assert_eq!(served.rows(BodyKind::Rows, right[1].1.as_bytes(), 1).map_err(|(status, _)| status), Err(413));
    let edit = (any::<prop::sample::Index>(), 0..4_usize, prop::collection::vec(any::<u8>(), 0..4));
    let edits = (0..right.len(), prop::collection::vec(edit, 1..6), any::<Option<u16>>());
    proptest!(ProptestConfig::with_cases(4_000), |((choice, edits, json) in edits)| {
        let (kind, body) = &right[choice];
        let mut body = body.clone().into_bytes();
        for (position, cut, put) in edits {
            let at = position.index(body.len().max(1)).min(body.len());
            body.splice(at..(at + cut).min(body.len()), put);
        }
        let kind = if let BodyKind::Tensors(_) = kind { BodyKind::Tensors(json.map(usize::from)) } else { *kind };
        match served.rows(kind, &body, 100) {
            Ok(rows) => prop_assert!(rows <= 100),
            Err((status, detail)) => prop_assert!((400..500).contains(&status) && !detail.is_empty(), "{status}"),
        }
    });
}
