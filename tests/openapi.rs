//! The committed API document is the one that the flights pipeline gives; `just openapi` renews it.

#[path = "support/windrow.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod windrow;

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::windrow::{fixture, python, succeed, text};

#[test]
fn the_committed_document_is_what_the_flights_give() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipeline = fs::read_to_string(fixture("flights.toml")).expect("a fixture");
    let dataset = fixture("flights.csv.zst").display().to_string();
    let pipeline = pipeline.replace("flights.csv.zst", &dataset).replace("mean = \"75us\"", "mean = \"0us\"");
    let file = folder.path().join("flights.toml");
    fs::write(&file, pipeline).expect("a file");
    let (file, workdir) = (file.display().to_string(), folder.path().join("work").display().to_string());
    succeed(&["run", &file, "--once", "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let document = succeed(&["openapi", &file, "--workdir", &workdir]);

    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/windrow.json");
    if std::env::var_os("WINDROW_BLESS").is_some() {
        fs::create_dir_all(committed.parent().expect("a folder")).expect("a folder");
        fs::write(&committed, &document).expect("a writable clone");
    }
    let expected = fs::read_to_string(&committed).expect("openapi/windrow.json: `just openapi` makes it");
    let differs = expected.lines().zip(document.lines()).enumerate().find(|(_, (old, new))| old != new);
    assert_eq!(differs, None, "openapi/windrow.json is out of date: `just openapi` renews it");
    assert_eq!(expected.len(), document.len(), "openapi/windrow.json is out of date: `just openapi` renews it");

    validate(&committed);
}

/// With openapi-spec-validator, where there is a Python that has it.
fn validate(document: &Path) {
    let Some(python) = python() else { return };
    let output =
        Command::new(python).args(["-m", "openapi_spec_validator"]).arg(document).output().expect("Python runs");
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}
