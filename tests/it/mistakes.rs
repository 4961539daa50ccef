//! Mistakes of users, and Windrow's messages for them: the location, the key, the solution, and the exit code.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::Path;

use windrow_testing::{fixture, free_port, run_arguments, succeed, text, windrow};

/// Returns the exit code and the standard error of a command, without the path of the folder.
fn output(folder: &Path, arguments: &[&str]) -> String {
    let output = windrow(arguments);
    let stderr = text(&output.stderr).replace(&folder.display().to_string(), "FOLDER");
    format!("exit {}\n{stderr}", output.status.code().unwrap_or(-1))
}

#[test]
fn an_invalid_pipeline_file_is_reported_with_line_and_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let sample = fs::read_to_string(fixture("flights-sample.toml")).expect("a fixture");
    let dataset = fixture("flights-sample.csv.zst").display().to_string();
    let sample = sample.replace("flights-sample.csv.zst", &dataset);
    let cases: [(&str, &str, &str); 36] = [
        ("not TOML", "[target]", "[target"),
        ("an unknown key", "parts = 3", "part = 3"),
        ("an unknown table", "[window]", "[windows]"),
        ("a wrong type", "at_least = 15", "at_least = \"15\""),
        ("no rule", "at_least = 15", ""),
        ("two rules", "at_least = 15", "at_least = 15\nbelow = 3"),
        ("an invalid name", "name = \"flights-sample\"", "name = \"Flights 2013\""),
        ("no such column", "\"distance\"", "\"distanse\""),
        ("the target as a feature", "\"distance\"", "\"arr_delay\""),
        ("a feature twice", "\"distance\"", "\"temp\""),
        ("a time format without a year", "%Y-%m-%d %H:%M", "%H:%M"),
        ("two window policies", "parts = 3", "parts = 3\nrows = 5"),
        ("no rows in a window", "parts = 3", "rows = 0"),
        ("lateness without event time", "parts = 3", "parts = 3\nlateness = \"1d\""),
        ("no duration", "parts = 3", "every = \"5 parsecs\""),
        ("an unknown solver", "[window]", "[train]\nsolver = \"sgd\"\n[window]"),
        (
            "a cluster that is not named, for files that it cannot read",
            "[window]",
            "[train]\nsolver = \"spark\"\n[window]",
        ),
        ("an invalid address", "[window]", "[train.spark]\nremote = \"spark://host:7077\"\nbatches = \"\"\n[window]"),
        (
            "a time that a cluster cannot read",
            "time = { column = \"sched_dep\", format = \"%Y-%m-%d %H:%M\" }",
            "time = { column = \"sched_dep\", format = \"%Y-%m-%d %H:%M%z\" }\n[batch]\nformat = \"parquet\"\n[train]\n\
             solver = \"spark\"\nspark = { remote = \"sc://localhost\" }",
        ),
        ("shares beyond one", "[window]", "[train]\nholdout = 1.0\nl2 = -1\n[window]"),
        ("no scheme", "[window]", "[train]\nschemes = [\"cumulative\", \"weekly\"]\n[window]"),
        ("a scheme that is another", "[window]", "[train]\nschemes = [\"window\", \"sliding=1\"]\n[window]"),
        (
            "a choice and rules without held-out rows",
            "[window]",
            "[train]\nholdout = 0\nl2 = [1, 2]\naccept = { min_auc = 2 }\n[window]",
        ),
        ("a penalty that is a text", "[window]", "[train]\nl2 = \"1\"\n[window]"),
        ("a pace without its delay", "[window]", "[stream]\npace = { kind = \"fixed\", mean = \"1s\" }\n[window]"),
        ("a pace without its settings", "[window]", "[stream]\npace = \"fixed\"\n[window]"),
        ("a pace that there is not", "[window]", "[stream]\npace = \"slow\"\n[window]"),
        ("a pace that is a number", "[window]", "[stream]\npace = 3\n[window]"),
        (
            "a text where a table should be",
            "time = { column = \"sched_dep\", format = \"%Y-%m-%d %H:%M\" }",
            "time = \"sched_dep\"",
        ),
        ("no address", "[window]", "[serve]\nlisten = \"localhost\"\n[window]"),
        (
            "limits that let nothing through",
            "[window]",
            "[serve]\nmax_rows = 0\nmax_body = \"1B\"\ntimeout = \"0s\"\nhead_timeout = \"0s\"\nidle_timeout = \"0s\"\n\
             send_timeout = \"0s\"\nconcurrency = 0\nconnections = 0\n[window]",
        ),
        ("no requests", "[window]", "[serve]\nrequests_per_second = 0\n[window]"),
        ("no origin", "[window]", "[serve]\ncors = [\"*\", \"https://example.org/page\"]\n[window]"),
        ("an invalid store", "[window]", "[batch]\nurl = \"s3://key:secret@bucket\"\n[window]"),
        ("a format that there is not", "[window]", "[batch]\nformat = \"orc\"\n[window]"),
        ("no models to keep", "[window]", "[train]\nkeep = 0\n[window]"),
    ];
    let mut all = String::new();
    for (what, from, to) in cases {
        let file = folder.path().join("p.toml");
        assert!(sample.contains(from), "{what}");
        fs::write(&file, sample.replacen(from, to, 1)).expect("a file");
        let workdir = folder.path().join("work").display().to_string();
        let file = file.display().to_string();
        let output = output(folder.path(), &["run", &file, "--once", "--broker", "embedded", "--workdir", &workdir]);
        writeln!(all, "--- {what}\n{output}").expect("memory");
        assert!(!folder.path().join("work").exists(), "{what}: something was made all the same");
    }
    insta::assert_snapshot!(all);
}

#[test]
fn files_that_are_not_what_they_should_be() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let whole = fs::read(fixture("flights-sample.csv.zst")).expect("a fixture");
    fs::write(path("cut.csv.zst"), &whole[..whole.len() / 2]).expect("a file");
    fs::write(path("empty.csv"), "").expect("a file");
    fs::write(path("notes.txt"), "a,b\n").expect("a file");
    let quote = "sched_dep,arr_delay,distance\n\"2013";
    fs::write(path("quote.csv"), format!("{quote}{}", "x".repeat(17 << 20))).expect("a file");
    let mut all = String::new();
    for dataset in ["none.csv", "cut.csv.zst", "empty.csv", "notes.txt", "quote.csv"] {
        let pipeline = format!(
            "name = \"p\"\ndataset = {{ path = \"{dataset}\" }}\ntarget = {{ column = \"arr_delay\", at_least = 15 }}\n\
             features = {{ numeric = [\"distance\"] }}\nwindow = {{ rows = 100 }}\n"
        );
        fs::write(path("p.toml"), pipeline).expect("a file");
        let (file, workdir) = (path("p.toml"), path(&format!("work-{dataset}")));
        let output = windrow(&run_arguments(&file.display().to_string(), &workdir.display().to_string()));
        let stderr = text(&output.stderr).replace(&folder.path().display().to_string(), "FOLDER");
        let error = stderr.lines().filter(|line| line.starts_with("error")).collect::<Vec<_>>().join("\n");
        writeln!(all, "--- {dataset}\nexit {}\n{error}", output.status.code().unwrap_or(-1)).expect("memory");
    }
    insta::assert_snapshot!(all);
}

#[test]
fn a_path_that_leads_nowhere_gets_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::copy(fixture("flights-sample.csv.zst"), path("sales.csv.zst")).expect("a file");
    let sample = fs::read_to_string(fixture("flights-sample.toml")).expect("a fixture");
    fs::write(path("sales.toml"), sample.replace("flights-sample.csv.zst", "slaes.csv.zst")).expect("a file");
    fs::write(path("folder.toml"), sample.replace("flights-sample.csv.zst", ".")).expect("a file");
    let commands = [
        "check", "run", "produce", "consume", "train", "serve", "advise", "audit", "report", "export", "models",
        "openapi",
    ];
    for command in commands {
        let missing = output(folder.path(), &[command, &path("slaes.toml")]);
        let expected =
            "exit 2\nerror: the pipeline file FOLDER/slaes.toml does not exist; did you mean FOLDER/sales.toml?\n";
        assert_eq!(missing, expected, "{command}");
        let file = output(folder.path(), &[command, &path("sales.toml"), "--workdir", &path("sales.toml")]);
        let expected = "exit 2\nerror: --workdir: FOLDER/sales.toml is a file; give the path of a directory\n";
        assert!(command == "check" || file == expected, "{command}: {file}");
        // A directory may be meant as a data file.
        if command != "run" {
            let directory = output(folder.path(), &[command, &path("")]);
            let expected = "is a directory; give the path of a file, as in FOLDER/folder.toml\n";
            assert!(directory.starts_with("exit 2\n") && directory.ends_with(expected), "{command}: {directory}");
        }
    }
    let dataset = "(dataset.path in the pipeline file)";
    let (sales, work) = (path("sales.toml"), path("work"));
    let embedded = ["--once", "--broker", "embedded", "--listen", "127.0.0.1:0", "--workdir", &work];
    let run = [&["run", &sales][..], &embedded].concat();
    let cases: [(&[&str], i32, String); 9] = [
        (&["topic", "create", &path("slaes.toml")], 2, "did you mean FOLDER/sales.toml?".to_owned()),
        (&["init", &path("sales.cvs.zst")], 1, "; did you mean FOLDER/sales.csv.zst?".to_owned()),
        (&["run", &path("sale.csv")], 1, "; did you mean FOLDER/sales.csv.zst?".to_owned()),
        (&["init", &path("")], 1, "is a directory; give the path of a file, as in FOLDER/sales.csv.zst".to_owned()),
        (
            &["init", &path("sales.cvs.zst"), "--repaired-copy", &path("copy.csv.zst")],
            1,
            "error: the data file FOLDER/sales.cvs.zst does not exist; did you mean FOLDER/sales.csv.zst?".to_owned(),
        ),
        (&["init", &path("sales.csv.zst"), "--out", &path("")], 2, "--out: FOLDER/ is a directory".to_owned()),
        (
            &["check", &sales],
            1,
            format!("the dataset FOLDER/slaes.csv.zst {dataset} does not exist; did you mean FOLDER/sales.csv.zst?"),
        ),
        (
            &run,
            1,
            format!("the dataset FOLDER/slaes.csv.zst {dataset} does not exist; did you mean FOLDER/sales.csv.zst?"),
        ),
        (&["check", &path("folder.toml")], 1, format!("the dataset FOLDER/. {dataset} is a directory; give")),
    ];
    for (arguments, code, expected) in cases {
        let printed = output(folder.path(), arguments);
        assert!(printed.starts_with(&format!("exit {code}\n")), "{arguments:?}: {printed}");
        assert!(printed.contains(&expected), "{arguments:?}: {printed}");
    }
}

#[test]
fn missing_brokers_ports_and_folders() {
    let folder = tempfile::tempdir().expect("a folder");
    let sample = fixture("flights-sample.toml").display().to_string();
    let nobody = format!("127.0.0.1:{}", free_port());
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("an address").to_string();
    let file = folder.path().join("file");
    fs::write(&file, "").expect("a file");
    let (file, work) = (file.display().to_string(), folder.path().join("work").display().to_string());
    let cases: [(&str, i32, &[&str], &str); 9] = [
        ("no broker", 1, &["produce", &sample, "--broker", &nobody], "no broker answers at"),
        ("no broker for a topic", 1, &["topic", "create", &sample, "--broker", &nobody], "no broker answers at"),
        ("a broker's name", 2, &["produce", &sample, "--broker", "embedded"], "windrow broker"),
        ("no broker at all", 2, &["run", &sample, "--broker", "kafka"], "`kafka` is not a broker"),
        (
            "a port that is taken",
            1,
            &["run", &sample, "--broker", "embedded", "--workdir", &work, "--listen", &taken],
            "--listen",
        ),
        ("a broker's port that is taken", 1, &["broker", "--listen", &taken], "--listen"),
        (
            "a file as work directory",
            2,
            &["run", &sample, "--broker", "embedded", "--listen", "127.0.0.1:0", "--workdir", &file],
            "FOLDER/file is a file; give the path of a directory",
        ),
        ("no models yet", 1, &["models", &sample, "--workdir", &work], "no models in"),
        (
            "an invalid property",
            2,
            &["topic", "create", &sample, "--broker", &nobody, "-X", "acks=perhaps"],
            "-X acks: Invalid value",
        ),
    ];
    for (what, code, arguments, expected) in cases {
        let output = output(folder.path(), arguments);
        assert!(output.starts_with(&format!("exit {code}\n")), "{what}: {output}");
        assert!(output.contains(expected), "{what}: {output}");
    }
}

#[test]
fn an_early_failure_leaves_the_directory_unchanged() {
    let folder = tempfile::tempdir().expect("a folder");
    let (sample, work) = (fixture("flights-sample.toml").display().to_string(), folder.path().join("work"));
    let nobody = format!("127.0.0.1:{}", free_port());
    let work_text = work.display().to_string();
    let arguments = ["run", &sample, "--once", "--listen", "127.0.0.1:0", "--workdir", &work_text, "--broker"];
    let failed = output(folder.path(), &[&arguments[..], &[&nobody]].concat());
    assert!(failed.starts_with("exit 1") && failed.contains("no broker answers"), "{failed}");
    assert!(!work.exists());
    succeed(&[&arguments[..], &["embedded"]].concat());
}
