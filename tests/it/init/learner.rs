//! The learners that `windrow init --learner` writes.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use crate::init::shapes::plain;
use crate::init::{done, fails, in_terminal};
use windrow_testing::{command, root, text};

const LIBRARIES: [(&str, &str, &str); 3] = [
    ("lightgbm", "LGBMClassifier of LightGBM", "windrow pandas pyarrow scikit-learn lightgbm"),
    ("xgboost", "XGBClassifier of XGBoost", "windrow pandas pyarrow scikit-learn xgboost"),
    ("sklearn", "HistGradientBoostingClassifier of scikit-learn", "windrow pandas pyarrow scikit-learn"),
];

/// Returns the program of a library, as it is in the repository.
fn program(library: &str) -> String {
    fs::read_to_string(root().join(format!("src/cli/init/model_{library}.py"))).expect("a program")
}

/// Returns a folder with a data file.
fn scene() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("sales.csv"), plain()).expect("a file");
    folder
}

/// Writes a program `python3` that leaves a file if it is started.
fn python_that_tells(folder: &Path) {
    let path = folder.join("python3");
    let mut file = File::create(&path).expect("a file");
    writeln!(file, "#!/bin/sh\n: >'{}'", folder.join("started").display()).expect("a file");
    drop(file);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a program");
}

#[test]
fn each_library_gets_a_program_and_a_pipeline_that_names_it() {
    for (library, classifier, packages) in LIBRARIES {
        let folder = scene();
        let here = folder.path();
        let bin = tempfile::tempdir().expect("a folder");
        python_that_tells(bin.path());
        let run = |arguments: &[&str]| {
            let output =
                command(arguments).current_dir(here).env("PATH", bin.path()).output().expect("the binary runs");
            assert!(output.status.success(), "{arguments:?}\n{}{}", text(&output.stdout), text(&output.stderr));
            text(&output.stdout)
        };
        let output = run(&["init", "sales.csv", "--target", "late", "--learner", library]);
        let written = format!("\nmodel.py was written: it learns with the {classifier}\n");
        let next = format!(
            "\ninstall:   pip install {packages}\n\nrun it:    windrow run sales.toml\ncheck it:  windrow check sales.toml\n"
        );
        assert!(output.contains(&written) && output.ends_with(&next), "{output}");
        assert!(!output.contains("running it takes"), "the time of a fit is not known: {output}");
        assert_eq!(fs::read_to_string(here.join("model.py")).expect("a program"), program(library));
        let pipeline = fs::read_to_string(here.join("sales.toml")).expect("a pipeline file");
        for part in ["\n[train]\nsolver = \"command\"  # ", "\n[train.command]\nrun = [\"python3\", \"model.py\"]  # "]
        {
            assert!(pipeline.contains(part), "{part}: {pipeline}");
        }
        // The command of the first line makes the same file again.
        assert!(pipeline.contains(&format!("windrow init sales.csv --target late --learner {library}`")), "{pipeline}");
        assert!(run(&["check", "sales.toml"]).contains("no faults"));
        assert!(!bin.path().join("started").exists(), "{library}: the program was started");
    }
}

#[test]
fn a_program_of_the_user_is_never_overwritten() {
    let folder = scene();
    let here = folder.path();
    let init = ["init", "sales.csv", "--target", "late", "--learner", "lightgbm"];
    fs::write(here.join("model.py"), "mine").expect("a file");
    let more: [&[&str]; 2] = [&[], &["--force"]];
    for force in more {
        let output = fails(here, &[&init[..], force].concat(), 2);
        assert!(output.contains("model.py exists already, with other content"), "{output}");
        assert!(output.contains("move it away, or choose --out in another folder"), "{output}");
        assert_eq!(fs::read_to_string(here.join("model.py")).expect("a file"), "mine");
        assert!(!here.join("sales.toml").exists(), "nothing is written before all is known");
    }
    fs::create_dir(here.join("other")).expect("a folder");
    let output = done(here, &[&init[..], &["--out", "other/sales.toml"]].concat());
    assert!(output.contains("\nother/model.py was written: "), "{output}");
    assert_eq!(fs::read_to_string(here.join("other/model.py")).expect("a program"), program("lightgbm"));
    // A link that leads nowhere is not followed.
    fs::remove_file(here.join("model.py")).expect("a file");
    symlink(here.join("elsewhere.py"), here.join("model.py")).expect("a link");
    assert!(fails(here, &init, 2).contains("model.py exists already"));
    assert!(!here.join("elsewhere.py").exists());
    fs::remove_file(here.join("model.py")).expect("a link");
    let output = fails(here, &[&init[..], &["--out", "model.py"]].concat(), 2);
    assert!(output.contains("--out: model.py is the name of the learner"), "{output}");
    // The same program can stay when the pipeline file is written again.
    done(here, &init);
    done(here, &[&init[..], &["--force"]].concat());
}

#[test]
fn questions_keep_the_learner_and_none_is_about_it() {
    let folder = scene();
    let here = folder.path();
    let output = fails(here, &["init", "sales.csv", "--learner", "xgboost"], 2);
    assert!(output.contains("windrow init sales.csv --learner xgboost --target late"), "{output}");
    assert!(!here.join("model.py").exists());
    let asked = ["init", "sales.csv", "--learner", "sklearn", "--label-delay", "0"];
    let (output, code) = in_terminal(here, &[("what should be predicted?", "\r")], "1", &asked);
    assert!(code == Some(0) && output.contains("model.py was written"), "{output}");
    let output = fails(here, &["init", "sales.csv", "--learner", "torch"], 2);
    assert!(output.contains("lightgbm, xgboost, sklearn"), "{output}");
    // A run of a data file uses the built-in learner.
    assert!(fails(here, &["run", "sales.csv", "--learner", "sklearn"], 2).contains("--learner"));
}
