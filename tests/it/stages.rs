//! The stages as separate processes, with the embedded broker in another one.

use windrow_testing::{
    Running, assert_whole, broker_with_topic, fixture, free_port, http, sample_with, succeed, text, wait_until, windrow,
};

#[test]
fn five_processes_do_what_one_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let workdir = folder.path().join("work");
    let (workdir_text, sample) = (workdir.display().to_string(), fixture("flights-sample.toml").display().to_string());
    let address = format!("127.0.0.1:{}", free_port());
    let api = format!("127.0.0.1:{}", free_port());

    // Server and trainer start first, and wait for the files of the other stages.
    let serve = Running::start(&["serve", &sample, "--workdir", &workdir_text, "--listen", &api]);
    let mut train = Running::start(&["train", &sample, "--workdir", &workdir_text, "--once"]);
    let mut broker = Running::start(&["broker", "--listen", &address]);
    broker.wait_for("broker: embedded");
    let created = succeed(&["topic", "create", &sample, "--broker", &address]);
    assert!(created.contains("created the topic `flights-sample`"), "{created}");
    let mut consume = Running::start(&["consume", &sample, "--broker", &address, "--workdir", &workdir_text, "--once"]);
    succeed(&["produce", &sample, "--broker", &address]);
    assert!(consume.end().success(), "{}", consume.output());
    assert!(train.end().success(), "{}", train.output());

    assert_whole(&workdir);
    let described = succeed(&["topic", "describe", &sample, "--broker", &address]);
    assert!(described.contains("8,020 records"), "8,019 rows and the end marker: {described}");

    // The server finds the trainer's models within its polling interval.
    serve.wait_for("API: http");
    let models = format!("http://{api}/v1/models");
    wait_until("the server notices new models", || http("GET", &models, None).2.contains("cumulative-3"));

    // A second replay finds every row in the topic, and sends none again.
    let again = windrow(&["produce", &sample, "--broker", &address]);
    assert!(again.status.success(), "{}", text(&again.stderr));
    assert!(text(&again.stderr).contains("nothing is left to send: all 8,019 rows"), "{}", text(&again.stderr));
    assert!(succeed(&["topic", "describe", &sample, "--broker", &address]).contains("8,020 records"));

    // A consumer that is started again finds its work done.
    succeed(&["consume", &sample, "--broker", &address, "--workdir", &workdir_text, "--once"]);
    assert_whole(&workdir);

    succeed(&["topic", "delete", &sample, "--broker", &address]);
    let gone = windrow(&["topic", "describe", &sample, "--broker", &address]);
    assert_eq!(gone.status.code(), Some(1), "{}", text(&gone.stdout));
    let (status, _) = broker.interrupt();
    assert!(status.success(), "{}", broker.output());
}

#[test]
fn a_killed_consumer_resumes_after_the_last_manifest() {
    let folder = tempfile::tempdir().expect("a folder");
    let workdir = folder.path().join("work");
    let file = sample_with(folder.path(), "rows = 1000", "pace = { kind = \"fixed\", delay = \"500us\" }");
    let workdir_text = workdir.display().to_string();
    let (_broker, address) = broker_with_topic(&file);
    let mut produce = Running::start(&["produce", &file, "--broker", &address]);
    let consume = ["consume", &file, "--broker", &address, "--workdir", &workdir_text, "--once"];
    for window in [2, 4] {
        let mut consumer = Running::start(&consume);
        consumer.wait_for(&format!("window {window} ("));
        consumer.signal("KILL");
        consumer.end();
    }
    succeed(&consume);
    assert!(produce.end().success(), "{}", produce.output());
    assert_whole(&workdir);
}

#[test]
fn a_second_consumer_in_the_same_folder_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let workdir = folder.path().join("work").display().to_string();
    let sample = fixture("flights-sample.toml").display().to_string();
    let (_broker, address) = broker_with_topic(&sample);
    let consume = ["consume", &sample, "--broker", &address, "--workdir", &workdir];
    let mut first = Running::start(&consume);
    first.wait_for("stored 0");
    let second = windrow(&consume);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("another"), "{}", text(&second.stderr));
    // A lock ends with its process, even after SIGKILL.
    first.signal("KILL");
    first.end();
    let mut third = Running::start(&consume);
    third.wait_for("stored 0");
    assert!(third.interrupt().0.success(), "{}", third.output());
}
