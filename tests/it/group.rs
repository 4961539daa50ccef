//! Several consumers that share the partitions of one topic, join, leave, and are killed.

use windrow_testing::{
    Running, assert_same, assert_whole, batch_rows, broker_with_topic, fixture_rows, json, sample_with, succeed, text,
    wait_until, windrow,
};

#[test]
fn members_that_join_leave_and_are_killed_lose_and_duplicate_nothing() {
    for window in ["rows = 500", "event = \"30d\"\nlateness = \"1d\"", "parts = 5"] {
        let folder = tempfile::tempdir().expect("a folder");
        // The 8,019 rows take 8 seconds.
        let file = sample_with(folder.path(), window, "partitions = 4\npace = { kind = \"fixed\", delay = \"1ms\" }");
        let workdir = folder.path().join("work");
        let workdir_text = workdir.display().to_string();
        let (_broker, address) = broker_with_topic(&file);
        let member = || {
            Running::start(&[
                "consume",
                &file,
                "--broker",
                &address,
                "--workdir",
                &workdir_text,
                "--once",
                "--group",
                "readers",
                "-X",
                "session.timeout.ms=6000",
                "-X",
                "heartbeat.interval.ms=300",
            ])
        };
        let (mut first, mut second) = (member(), member());
        let mut producer = Running::start(&["produce", &file, "--broker", &address]);
        let sealed = |window: u32| {
            let path = workdir.join(format!("batches/window-{window:05}.json"));
            wait_until("the window is put together", || path.exists());
        };
        sealed(1);
        // One member joins, one is killed in the middle of a window, and one leaves on Ctrl-C.
        let mut third = member();
        sealed(2);
        first.signal("KILL");
        first.end();
        sealed(3);
        let (status, _) = second.interrupt();
        assert!(status.success(), "{}", second.output());
        let mut fourth = member();
        assert!(producer.end().success(), "{}", producer.output());
        for member in [&mut third, &mut fourth] {
            assert!(member.end().success(), "{window}: {}", member.output());
        }
        assert_whole(&workdir);
        let audit = windrow(&["audit", &file, "--workdir", &workdir_text, "--broker", &address]);
        assert!(audit.status.success(), "{window}: {}", text(&audit.stdout));
        // A member that starts after the end has nothing to do.
        assert!(member().end().success());
    }
}

#[test]
fn a_group_writes_the_files_that_one_consumer_writes() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = sample_with(folder.path(), "event = \"30d\"", "partitions = 3");
    let (_broker, address) = broker_with_topic(&file);
    succeed(&["produce", &file, "--broker", &address]);
    let (one, group) = (folder.path().join("one"), folder.path().join("group"));
    for (workdir, more) in [(&one, &[][..]), (&group, &["--group", "readers"][..])] {
        let workdir = workdir.display().to_string();
        let consume = ["consume", &file, "--broker", &address, "--workdir", &workdir, "--once"];
        succeed(&[&consume[..], more].concat());
    }
    let end = json(&one.join("batches/end.json"));
    assert_eq!(end["windows"], json(&group.join("batches/end.json"))["windows"]);
    for window in 1..=end["windows"].as_u64().expect("a count") {
        let manifests = [&one, &group].map(|folder| json(&folder.join(format!("batches/window-{window:05}.json"))));
        for key in ["times", "rows", "quarantine"] {
            assert_eq!(manifests[0][key], manifests[1][key], "window {window}: {key}");
        }
    }
    // A partial window lists its rows as few ranges, although they are not adjacent.
    let partial = json(&group.join("partials/partition-00001/batches/window-00002.json"));
    let ranges = partial["rows"]["numbers"].as_array().expect("a list");
    assert!(ranges.len() == 1 && ranges[0]["step"] == 3, "{ranges:?}");
    // A directory is filled by either a single consumer or a group.
    let one = one.display().to_string();
    let mixed = windrow(&["consume", &file, "--broker", &address, "--workdir", &one, "--once", "--group", "readers"]);
    assert_eq!(mixed.status.code(), Some(2));
    assert!(text(&mixed.stderr).contains("without --group"), "{}", text(&mixed.stderr));
}

#[test]
fn a_replay_from_a_later_row_is_shared_and_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = sample_with(folder.path(), "rows = 100", "partitions = 3");
    let (_broker, address) = broker_with_topic(&file);
    succeed(&["produce", &file, "--broker", &address, "--from-row", "5001"]);
    let workdir = folder.path().join("work");
    let workdir_text = workdir.display().to_string();
    succeed(&["consume", &file, "--broker", &address, "--workdir", &workdir_text, "--once", "--group", "readers"]);
    let all = fixture_rows();
    let later: Vec<u8> = all.split_inclusive(|byte| *byte == b'\n').skip(5000).flatten().copied().collect();
    assert_same(&batch_rows(&workdir), &later);
    let audit = windrow(&["audit", &file, "--workdir", &workdir_text, "--broker", &address]);
    assert!(audit.status.success(), "{}", text(&audit.stdout));
    assert!(text(&audit.stdout).contains("3,019 read = 3,019 delivered"), "{}", text(&audit.stdout));
}

#[test]
fn several_producers_share_a_replay_and_a_killed_one_resumes() {
    let folder = tempfile::tempdir().expect("a folder");
    let pace = "partitions = 5\npace = { kind = \"fixed\", delay = \"500us\" }";
    let file = sample_with(folder.path(), "rows = 500", pace);
    let (_broker, address) = broker_with_topic(&file);
    let workdir = folder.path().join("work");
    let workdir_text = workdir.display().to_string();
    let began = std::time::Instant::now();
    let produce = |share: &str| {
        Running::start(&["produce", &file, "--broker", &address, "--workdir", &workdir_text, "--share", share])
    };
    let mut consumer = Running::start(&["consume", &file, "--broker", &address, "--workdir", &workdir_text, "--once"]);
    let (mut first, mut second, mut third) = (produce("1/3"), produce("2/3"), produce("3/3"));
    consumer.wait_for("window 2 (");
    second.kill();
    consumer.wait_for("window 2 (");
    second = produce("2/3");
    for producer in [&mut first, &mut second, &mut third] {
        assert!(producer.end().success(), "{}", producer.output());
    }
    assert!(consumer.end().success(), "{}", consumer.output());
    // Each producer also waits for the others' rows: together they keep the pace of one.
    assert!(began.elapsed() > std::time::Duration::from_millis(8019 / 2), "{:?}", began.elapsed());
    // The first producer sends partitions 0 and 3, which have a fifth of the rows each.
    assert!(first.output().contains("3,208 rows"), "{}", first.output());
    assert_eq!(json(&workdir.join("status/producer-3-of-3.json"))["counts"]["sent"], 1604);
    let status = json(&workdir.join("status/consumer.json"));
    let partitions = status["partitions"].as_array().expect("a list").iter();
    let partitions: Vec<_> = partitions.map(|one| (one["read"].as_u64().unwrap_or(0), one["lag"].as_u64())).collect();
    assert!(partitions.len() == 5 && partitions.iter().all(|one| one.0 > 1500 && one.1 == Some(0)), "{status}");
    let read: u64 = partitions.iter().map(|one| one.0).sum();
    assert_eq!(Some(read), status["counts"]["received"].as_u64(), "{status}");
    assert_whole(&workdir);
    succeed(&["audit", &file, "--workdir", &workdir_text, "--broker", &address]);
    for (share, expected) in [("4/3", "as in 2/4"), ("1/9", "the topic has only 5 partitions")] {
        let refused = windrow(&["produce", &file, "--broker", &address, "--workdir", &workdir_text, "--share", share]);
        assert!(!refused.status.success() && text(&refused.stderr).contains(expected), "{}", text(&refused.stderr));
    }
}
