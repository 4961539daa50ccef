//! The examples of docs/http-api.md, run by bash and Python against a server with the models of the flights sample.

use std::fs;
use std::process::Command;

use windrow_testing::documents::blocks;
use windrow_testing::served::{serve, serve_by};
use windrow_testing::{command, has, root, run_once, sample_with, text};

#[test]
fn the_examples_of_the_http_api_get_answers() {
    if !has("curl") || !has("python3") || !has("bash") {
        return;
    }
    let page = fs::read_to_string(root().join("docs/http-api.md")).expect("a page");
    let folder = tempfile::tempdir().expect("a folder");
    let file = sample_with(folder.path(), "parts = 3", "");
    let workdir = folder.path().join(".windrow/flights").display().to_string();
    run_once(&file, &workdir, &[]);
    let (_open, open) = serve(&file, &workdir);
    let locked = ["serve", &file, "--workdir", &workdir, "--listen", "127.0.0.1:0"];
    let (_locked, locked) = serve_by(command(&locked).env("WINDROW_API_KEYS", "reader:read:KEY"), &workdir);
    let here = |block: &str| {
        block.replace("http://127.0.0.1:8080", &open).replace("https://windrow.example.org:8080", &locked)
    };
    let [shell, python] = ["sh", "python"].map(|language| {
        let blocks = blocks(&page).into_iter().filter(|block| block.language == language);
        blocks.map(|block| block.text).collect::<Vec<String>>()
    });
    assert!(shell.len() >= 4 && !python.is_empty());
    let shell = shell
        .into_iter()
        .map(|block| ("bash", format!("set -e\n{}", here(&block).replace("curl ", "curl --fail-with-body -sS "))));
    let python = python.into_iter().map(|block| ("python3", here(&block)));
    for (program, script) in shell.chain(python) {
        let ran = Command::new(program).args(["-c", &script]).current_dir(folder.path()).output().expect("it runs");
        let output = text(&ran.stdout);
        assert!(ran.status.success() && !output.contains("urn:windrow:"), "{script}\n{output}\n{}", text(&ran.stderr));
        assert!(["probability", "model", "alias"].iter().any(|member| output.contains(member)), "{script}\n{output}");
    }
}
