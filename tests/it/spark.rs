//! `train.solver = "spark"` without a Spark server. With one, see `tests/external/spark.rs`.

use std::fs;
#[cfg(feature = "spark")]
use std::io::Write;
#[cfg(feature = "spark")]
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use windrow_testing::{refused, sample_with};

/// Writes the pipeline of the sample with windows of Parquet, to be trained at `remote`.
fn sample(folder: &Path, remote: &str) -> String {
    let stream = "partitions = 1\n[batch]\nformat = \"parquet\"";
    let file = sample_with(folder, "parts = 3", &format!("{stream}\n[train.spark]\nremote = \"{remote}\""));
    let before = fs::read_to_string(&file).expect("a file");
    fs::write(&file, before.replace("solver = \"auto\"", "solver = \"newton\"")).expect("a file");
    file
}

#[test]
#[cfg(not(feature = "spark"))]
fn a_build_without_spark_names_the_missing_feature_before_it_creates_anything() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = sample(folder.path(), "sc://127.0.0.1:1");
    let workdir = folder.path().join("work");
    let workdir_text = workdir.display().to_string();
    let output = refused(&["run", &file, "--solver", "spark", "--broker", "embedded", "--workdir", &workdir_text]);
    assert!(output.contains("--features spark") && output.lines().count() == 1, "{output}");
    assert!(!workdir.exists());
}

#[test]
#[cfg(feature = "spark")]
fn an_address_without_spark_is_reported_in_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let workdir = folder.path().join("work").display().to_string();
    let output_of = |remote: &str| {
        let file = sample(folder.path(), remote);
        let quiet = ["--broker", "embedded", "--listen", "127.0.0.1:0", "--once", "--solver", "spark"];
        let output = refused(&[&["run", &file, "--workdir", &workdir][..], &quiet].concat());
        assert_eq!(output.trim_end().lines().count(), 1, "{output}");
        assert!(!folder.path().join("work").exists(), "{remote}: something was made all the same");
        output
    };
    let output = output_of("sc://127.0.0.1:1");
    assert!(output.contains("cannot be reached") && output.contains("start-connect-server.sh"), "{output}");
    let output = output_of("sc://127.0.0.1:1/path");
    assert!(output.contains("train.spark.remote"), "{output}");
    let output = output_of("sc://example.invalid:1/;token=hidden");
    assert!(output.contains("insecure") && !output.contains("hidden"), "{output}");

    // A server with another protocol, and one that does not answer.
    let talking = listener(Some(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
    let output = output_of(&format!("sc://127.0.0.1:{talking}"));
    assert!(output.contains("Spark at sc://127.0.0.1"), "{output}");
    let silent = listener(None);
    let output = output_of(&format!("sc://127.0.0.1:{silent}"));
    assert!(output.contains("has not answered"), "{output}");
}

/// Accepts connections, and sends the same answer to all, or nothing.
#[cfg(feature = "spark")]
fn listener(answer: Option<&'static [u8]>) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for mut client in listener.incoming().flatten() {
            if let Some(answer) = answer {
                let _ = client.write_all(answer);
            }
            held.push(client);
        }
    });
    port
}
