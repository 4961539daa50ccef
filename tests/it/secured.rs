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
fn a_build_without_tls_names_the_missing_feature() {
    let folder = tempfile::tempdir().expect("a folder");
    for kafka in
        ["security.protocol = \"SSL\"", "security.protocol = \"SASL_PLAINTEXT\"\nsasl.mechanism = \"SCRAM-SHA-256\""]
    {
        let output = windrow(&["topic", "describe", &pipeline(folder.path(), kafka), "--broker", "127.0.0.1:1"]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
        let output_text = text(&output.stderr);
        assert!(
            output_text.contains("without the cargo feature `tls`") && output_text.contains("--features tls"),
            "{output_text}"
        );
    }
}

#[test]
fn secrets_stand_in_the_environment_or_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let output_of = |kafka: &str, arguments: &[&str]| {
        let file = pipeline(folder.path(), kafka);
        let command = [&["topic", "describe", &file, "--broker", "127.0.0.1:1"][..], arguments].concat();
        let output = windrow(&command);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    assert!(output_of("sasl.password = \"hidden\"", &[]).contains("give it as WINDROW_KAFKA_SASL_PASSWORD"));
    assert!(
        output_of("", &["-X", "sasl.password=hidden"]).contains("other users of this machine can see the command line")
    );
    assert!(output_of("file = \"nowhere\"", &[]).contains("nowhere (kafka.file of the pipeline file)"));
    assert!(
        output_of("sasl.pasword = \"x\"", &[])
            .contains("kafka.sasl.pasword of the pipeline file: No such configuration")
    );
    assert!(output_of("", &["-X", "linger.msec=5"]).contains("-X linger.msec: No such configuration property"));
    let file = pipeline(folder.path(), "");
    let mut misspelt = command(&["topic", "describe", &file, "--broker", "127.0.0.1:1"]);
    let misspelt = misspelt.env("WINDROW_KAFKA_SALS_PASSWORD", "hidden").output().expect("the binary runs");
    let output_text = text(&misspelt.stderr);
    assert!(
        output_text.contains("WINDROW_KAFKA_SALS_PASSWORD: No such configuration") && !output_text.contains("hidden"),
        "{output_text}"
    );
    fs::write(folder.path().join("client.properties"), "# a login\nsasl.username = me\nhidden\n").expect("a file");
    let output_text = output_of("file = \"client.properties\"", &[]);
    assert!(
        output_text.contains("client.properties, line 3: expected the form KEY=VALUE")
            && !output_text.contains("hidden"),
        "{output_text}"
    );
}
