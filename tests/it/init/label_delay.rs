//! The label delay: how long after its row a label is known, as `windrow init` asks for it and as a pipeline file says it.

use std::fs;

use crate::init::shapes::plain;
use crate::init::{done, fails};

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
        ("30d", "label_delay = \"30d\"", "label delay: 30d is 5 windows, so advice needs 25 windows"),
        ("2 weeks", "label_delay = \"2 weeks\"", "label delay: 2 weeks is 2 windows, so advice needs 18 windows"),
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
        (&["--label-delay", "30d", "--window", "parts=20"], no_length.to_owned()),
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
