//! The label delay: how long after its row a label is known, as `windrow init` asks for it and as a pipeline file says it.

use std::fs;

use crate::init::shapes::plain;
use crate::init::{Answers, DOWN, ENTER, done, fails, in_terminal};

#[test]
fn the_label_delay_is_written_and_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    fs::write(here.join("plain.csv"), plain()).expect("a file");
    let init = ["init", "plain.csv", "--target", "late", "--force", "--window", "week"];
    let with = |more: &[&str]| done(here, &[&init[..], more].concat());
    let pipeline = || fs::read_to_string(here.join("plain.toml")).expect("a pipeline file");
    let output = with(&[]);
    let line = "  label delay: 0 is assumed; --label-delay or advise.label_delay changes it\n";
    assert!(output.contains(line), "{output}");
    assert!(!pipeline().contains("[advise]"), "{}", pipeline());
    for (given, written, said) in [
        ("30d", "label_delay = \"30d\"", "label delay: 30 days is 5 windows, so advice needs 25 windows"),
        ("2 weeks", "label_delay = \"2 weeks\"", "label delay: 2 weeks is 2 windows, so advice needs 18 windows"),
        // `1m` is a minute, and not a month.
        ("1m", "label_delay = \"1m\"", "label delay: 1 minute is 1 window, so advice needs 17 windows"),
        ("2", "label_delay = 2", "label delay: 2 windows, so advice needs 18 windows"),
    ] {
        let output = with(&["--label-delay", given]);
        assert!(output.contains(said) && !output.contains("is assumed"), "{output}");
        assert!(pipeline().contains(&format!("[advise]\n{written}  # ")), "{}", pipeline());
        let check = done(here, &["check", "plain.toml"]);
        assert!(check.contains("no faults"), "{check}");
    }
    let output = with(&["--label-delay", "0"]);
    assert!(!output.contains("label delay") && !pipeline().contains("[advise]"), "{output}");
}

#[test]
fn a_label_delay_that_does_not_fit_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    fs::write(here.join("plain.csv"), plain()).expect("a file");
    let init = ["init", "plain.csv", "--target", "late"];
    let no_length = "`30d` is a duration, but windows that are cut by the number of rows have no length in time: give a \
                     number of windows, as in 2";
    let cases: [(&[&str], String); 4] = [
        (&["--label-delay", "soon"], "`soon` is neither a number of windows nor a duration, as in 2 or 30d".to_owned()),
        (
            &["--label-delay", "30d", "--window", "parts=20"],
            format!("{no_length}, or choose windows of time, as in --window day"),
        ),
        (&["--label-delay", "33", "--window", "day"], "must be at most 32 windows".to_owned()),
        (&["--label-delay", "40d", "--window", "day"], "`40d` is longer than 32 windows".to_owned()),
    ];
    for (more, expected) in cases {
        let output = fails(here, &[&init[..], more].concat(), 2);
        assert!(output.contains(&format!("--label-delay: {expected}")), "{more:?}: {output}");
    }
    // The same sentence follows from a pipeline file, with its line and key.
    done(here, &[&init[..], &["--window", "rows=100"]].concat());
    let file = here.join("plain.toml");
    let pipeline = fs::read_to_string(&file).expect("a pipeline file");
    let line = pipeline.lines().count() + 3;
    fs::write(&file, format!("{pipeline}\n[advise]\nlabel_delay = \"30d\"\n")).expect("a file");
    for command in ["check", "train", "run", "advise"] {
        let output = fails(here, &[command, "plain.toml"], 2);
        assert!(output.contains(&format!("plain.toml:{line}: advise.label_delay: {no_length}")), "{command}: {output}");
    }
}

#[test]
fn the_label_delay_is_chosen_or_written_in_a_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    fs::write(here.join("plain.csv"), plain()).expect("a file");
    let question = "when are the labels of the rows known?";
    let (third, fourth) = (format!("{}{ENTER}", DOWN.repeat(3)), format!("{}{ENTER}", DOWN.repeat(4)));
    let no_length = "`30d` is a duration, but windows that are cut by the number of rows have no length in time";
    let cases: [(&[&str], Answers<'_>, &str); 4] = [
        (&["--window", "week"], &[(question, third.as_str())], "label_delay = \"30d\""),
        // A text that is not valid is asked again.
        (
            &["--window", "week"],
            &[
                (question, fourth.as_str()),
                ("the time from a row to its label", "30 dys\r"),
                ("`30 dys` is neither a number of windows nor a duration", "2 weeks\r"),
            ],
            "label_delay = \"2 weeks\"",
        ),
        // Without a length in time, only a number of windows is valid.
        (
            &["--window", "parts=20"],
            &[(question, third.as_str()), ("the number of windows from a row", "30d\r"), (no_length, "3\r")],
            "label_delay = 3",
        ),
        // If the windows do not allow the delay, the question is asked again, with the reason.
        (
            &["--window", "day", "--label-delay", "40d"],
            &[("`40d` is longer than 32 windows", third.as_str())],
            "label_delay = \"30d\"",
        ),
    ];
    for (more, answers, written) in cases {
        let arguments = [&["init", "plain.csv", "--target", "late", "--force"], more].concat();
        let (output, code) = in_terminal(here, answers, "1", &arguments);
        assert!(code == Some(0) && output.contains("plain.toml was written"), "{more:?}: {output}");
        let pipeline = fs::read_to_string(here.join("plain.toml")).expect("a pipeline file");
        assert!(pipeline.contains(&format!("[advise]\n{written}  # ")), "{more:?}: {pipeline}");
    }
}
