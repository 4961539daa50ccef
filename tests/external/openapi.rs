//! The committed API document is valid OpenAPI.

use std::process::Command;

use windrow_testing::{python, root, text};

#[test]
#[ignore = "needs Python with openapi-spec-validator"]
fn the_committed_document_is_valid() {
    let Some(python) = python() else { return };
    let document = root().join("openapi/windrow.json");
    let output =
        Command::new(python).args(["-m", "openapi_spec_validator"]).arg(document).output().expect("Python runs");
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}
