//! The committed API document is equal to the one that the sample of the flights gives; `just openapi` updates it.

use std::fs;

use windrow_testing::{fixture, root, succeed};

#[test]
fn the_committed_document_is_what_the_sample_gives() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, workdir) = (fixture("flights-sample.toml").display().to_string(), folder.path().join("work"));
    let workdir = workdir.display().to_string();
    succeed(&["run", &file, "--once", "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let document = succeed(&["openapi", &file, "--workdir", &workdir]);

    let committed = root().join("openapi/windrow.json");
    if std::env::var_os("WINDROW_BLESS").is_some() {
        fs::create_dir_all(committed.parent().expect("a folder")).expect("a folder");
        fs::write(&committed, &document).expect("a writable clone");
    }
    let expected = fs::read_to_string(&committed).expect("openapi/windrow.json: `just openapi` makes it");
    let differs = expected.lines().zip(document.lines()).enumerate().find(|(_, (old, new))| old != new);
    assert_eq!(differs, None, "openapi/windrow.json is out of date: `just openapi` renews it");
    assert_eq!(expected.len(), document.len(), "openapi/windrow.json is out of date: `just openapi` renews it");
}
