//! Clients of other projects on the embedded broker: groups whose members are closed and killed, every codec, reading
//! by time, administration.
//!
//! The Python clients need the Python that `WINDROW_TEST_PYTHON` names. Kafka's own tools need the distribution in the
//! folder that `WINDROW_TEST_KAFKA` names. kcat must be installed. `.ci/run` provides all three.

use std::path::PathBuf;
use std::process::Command;

use windrow_testing::kafka::kafka;
use windrow_testing::{broker, has, python, root, text};

fn script(name: &str) -> PathBuf {
    root().join("tests/clients").join(name)
}

/// Runs a client's steps on a broker of their own. Every step must print `ok`, and there must be at least `least`
/// steps.
fn steps_pass(command: &mut Command, least: usize) {
    let (_broker, address) = broker();
    let output = command.arg(&address).output().expect("the client runs");
    let (output_text, faults) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{output_text}\n{faults}");
    let passed = output_text.lines().filter(|line| line.starts_with("ok ")).count();
    assert!(passed >= least, "{passed} of {least} steps:\n{output_text}");
}

#[test]
#[ignore = "needs Python with confluent-kafka"]
fn confluent_kafka() {
    let Some(python) = python() else { return };
    steps_pass(Command::new(python).arg(script("broker_confluent.py")), 16);
}

#[test]
#[ignore = "needs Python with kafka-python"]
fn kafka_python() {
    let Some(python) = python() else { return };
    steps_pass(Command::new(python).arg(script("broker_kafka_python.py")), 4);
}

#[test]
#[ignore = "needs Python with aiokafka"]
fn aiokafka() {
    let Some(python) = python() else { return };
    steps_pass(Command::new(python).arg(script("broker_aiokafka.py")), 4);
}

#[test]
#[ignore = "needs kcat"]
fn kcat() {
    if !has("kcat") {
        return;
    }
    steps_pass(&mut Command::new(script("broker_kcat.sh")), 12);
}

#[test]
#[ignore = "needs a Kafka distribution and Java"]
fn kafkas_own_tools() {
    let Some(kafka) = kafka() else { return };
    steps_pass(Command::new(script("broker_java.sh")).arg(kafka), 27);
}
