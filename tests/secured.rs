//! Clusters that let in only whom they know: TLS, client certificates, logins. With the feature `tls`, on Apache Kafka.

#[path = "support/windrow.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod windrow;

use std::fs;
use std::path::Path;

use crate::windrow::{sample_with, text};

/// The sample's pipeline with a `[kafka]` table.
fn pipeline(folder: &Path, kafka: &str) -> String {
    pipeline_with(folder, "partitions = 3", kafka)
}

/// The same with another `[stream]` table.
fn pipeline_with(folder: &Path, stream: &str, kafka: &str) -> String {
    let file = sample_with(folder, "rows = 500", stream);
    let before = fs::read_to_string(&file).expect("a file");
    fs::write(&file, format!("{before}\n[kafka]\n{kafka}\n")).expect("a file");
    file
}

/// What `topic describe` says where it fails.
fn refused(file: &str, address: &str, more: &[(&str, &str)]) -> String {
    let mut command = windrow::command(&["topic", "describe", file, "--broker", address]);
    let output = command.envs(more.iter().copied()).output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    text(&output.stderr)
}

#[test]
#[cfg(not(feature = "tls"))]
fn a_build_without_tls_says_which_feature_it_lacks() {
    let folder = tempfile::tempdir().expect("a folder");
    for kafka in
        ["security.protocol = \"SSL\"", "security.protocol = \"SASL_PLAINTEXT\"\nsasl.mechanism = \"SCRAM-SHA-256\""]
    {
        let said = refused(&pipeline(folder.path(), kafka), "127.0.0.1:1", &[]);
        assert!(said.contains("without the cargo feature `tls`") && said.contains("--features tls"), "{said}");
    }
}

#[test]
fn secrets_stand_in_the_environment_or_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = |kafka: &str, arguments: &[&str]| {
        let file = pipeline(folder.path(), kafka);
        let command = [&["topic", "describe", &file, "--broker", "127.0.0.1:1"][..], arguments].concat();
        let output = windrow::windrow(&command);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    assert!(told("sasl.password = \"hidden\"", &[]).contains("give it as WINDROW_KAFKA_SASL_PASSWORD"));
    assert!(told("", &["-X", "sasl.password=hidden"]).contains("others on this machine can see it"));
    assert!(told("file = \"nowhere\"", &[]).contains("nowhere (kafka.file of the pipeline file)"));
    assert!(
        told("sasl.pasword = \"x\"", &[]).contains("kafka.sasl.pasword of the pipeline file: No such configuration")
    );
    assert!(told("", &["-X", "linger.msec=5"]).contains("-X linger.msec: No such configuration property"));
    let file = pipeline(folder.path(), "");
    let mut misspelt = windrow::command(&["topic", "describe", &file, "--broker", "127.0.0.1:1"]);
    let misspelt = misspelt.env("WINDROW_KAFKA_SALS_PASSWORD", "hidden").output().expect("the binary runs");
    let said = text(&misspelt.stderr);
    assert!(said.contains("WINDROW_KAFKA_SALS_PASSWORD: No such configuration") && !said.contains("hidden"), "{said}");
    fs::write(folder.path().join("client.properties"), "# a login\nsasl.username = me\nhidden\n").expect("a file");
    let said = told("file = \"client.properties\"", &[]);
    assert!(
        said.contains("client.properties, line 3: is not of the form KEY=VALUE") && !said.contains("hidden"),
        "{said}"
    );
}

#[cfg(feature = "tls")]
#[path = "secured/clusters.rs"]
mod clusters;
#[cfg(feature = "tls")]
#[path = "support/kafka.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod kafka;
#[cfg(feature = "tls")]
#[path = "secured/provider.rs"]
mod provider;
