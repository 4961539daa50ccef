//! Settings for clusters with TLS and logins: the places that may hold secrets. Such clusters are in
//! `tests/external/secured.rs`.

use std::fs;
use std::path::Path;

use windrow_testing::{command, sample_with, text, windrow};

/// Writes the sample's pipeline with a `[kafka]` table.
fn pipeline(folder: &Path, kafka: &str) -> String {
    sample_with(folder, "rows = 500", &format!("partitions = 3\n[kafka]\n{kafka}"))
}

#[test]
#[cfg(not(feature = "tls"))]
fn a_build_without_tls_says_which_feature_it_lacks() {
    let folder = tempfile::tempdir().expect("a folder");
    for kafka in
        ["security.protocol = \"SSL\"", "security.protocol = \"SASL_PLAINTEXT\"\nsasl.mechanism = \"SCRAM-SHA-256\""]
    {
        let output = windrow(&["topic", "describe", &pipeline(folder.path(), kafka), "--broker", "127.0.0.1:1"]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
        let said = text(&output.stderr);
        assert!(said.contains("without the cargo feature `tls`") && said.contains("--features tls"), "{said}");
    }
}

#[test]
fn secrets_stand_in_the_environment_or_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = |kafka: &str, arguments: &[&str]| {
        let file = pipeline(folder.path(), kafka);
        let command = [&["topic", "describe", &file, "--broker", "127.0.0.1:1"][..], arguments].concat();
        let output = windrow(&command);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    assert!(told("sasl.password = \"hidden\"", &[]).contains("give it as WINDROW_KAFKA_SASL_PASSWORD"));
    assert!(told("", &["-X", "sasl.password=hidden"]).contains("other users of this machine can see the command line"));
    assert!(told("file = \"nowhere\"", &[]).contains("nowhere (kafka.file of the pipeline file)"));
    assert!(
        told("sasl.pasword = \"x\"", &[]).contains("kafka.sasl.pasword of the pipeline file: No such configuration")
    );
    assert!(told("", &["-X", "linger.msec=5"]).contains("-X linger.msec: No such configuration property"));
    let file = pipeline(folder.path(), "");
    let mut misspelt = command(&["topic", "describe", &file, "--broker", "127.0.0.1:1"]);
    let misspelt = misspelt.env("WINDROW_KAFKA_SALS_PASSWORD", "hidden").output().expect("the binary runs");
    let said = text(&misspelt.stderr);
    assert!(said.contains("WINDROW_KAFKA_SALS_PASSWORD: No such configuration") && !said.contains("hidden"), "{said}");
    fs::write(folder.path().join("client.properties"), "# a login\nsasl.username = me\nhidden\n").expect("a file");
    let said = told("file = \"client.properties\"", &[]);
    assert!(
        said.contains("client.properties, line 3: expected the form KEY=VALUE") && !said.contains("hidden"),
        "{said}"
    );
}
