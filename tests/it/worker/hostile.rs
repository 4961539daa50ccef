//! Learners that crash, hang, lie and print.

use std::fs;
use std::time::Instant;

use crate::worker::{LONG, SHORT, Trial, died};
use windrow_learn::learner::{Learner as _, LearnerError};

#[test]
fn a_learner_that_crashes_at_its_start_is_reported_with_its_log() {
    let Some(trial) = Trial::new("sys.exit('libgomp.so.1: no such file')\n", LONG) else { return };
    let (reason, log) = died(trial.pool.identity());
    assert_eq!(
        (reason.as_str(), log),
        ("it ended with exit code 1 during hello", vec!["libgomp.so.1: no such file".to_owned()])
    );
    assert_eq!(trial.counts(), (2, 2), "it is tried twice");
}

#[test]
fn a_prediction_does_not_start_a_learner_that_crashes_at_its_start_twice() {
    let Some(trial) = Trial::new("sys.exit('libgomp.so.1: no such file')\n", LONG) else { return };
    let refused = trial.predict();
    assert!(matches!(refused, Err(LearnerError::Unstartable)), "{refused:?}");
    assert_eq!(trial.counts(), (1, 1));
}

#[test]
fn a_learner_that_dies_in_each_prediction_is_not_started_by_each_one() {
    let Some(trial) = Trial::new("def predict(request):\n    os._exit(3)\n", LONG) else { return };
    let (began, mut refused) = (Instant::now(), 0);
    for _ in 0..100 {
        match trial.predict() {
            Err(LearnerError::Unstartable) => refused += 1,
            other => drop(died(other)),
        }
    }
    let (starts, deaths) = trial.counts();
    // A request that starts a process is tried once more.
    assert_eq!((starts + 2 * refused, deaths), (200, starts));
    assert!(starts <= 2 * (1 + began.elapsed().as_secs()), "a second or more is between two requests: {starts}");
    trial.end();
}

#[test]
fn a_fit_that_crashes_once_is_tried_again_in_an_empty_folder() {
    let changes = "whole_fit = fit\n\
                   def fit(request):\n    if is_first('crashed'):\n        \
                   os.makedirs(os.path.join(request['folder'], 'a/b'))\n        os._exit(3)\n    whole_fit(request)\n";
    let Some(trial) = Trial::new(changes, LONG) else { return };
    trial.fit().expect("the second process fits the model");
    assert_eq!(fs::read_dir(trial.path("model")).expect("a folder").count(), 1, "nothing of the first process is left");
    assert_eq!(trial.counts(), (2, 1));
    trial.end();
}

#[test]
fn a_learner_that_always_crashes_is_reported_with_signal_and_log() {
    let changes = "def fit(request):\n    for number in range(40): print('row', number, 'x' * 1000, file=sys.stderr)\n    \
                   print('\\033[2Jlast', file=sys.stderr, flush=True)\n    os.kill(os.getpid(), signal.SIGKILL)\n";
    let Some(trial) = Trial::new(changes, LONG) else { return };
    let (reason, log) = died(trial.fit());
    assert!(reason.starts_with("it was ended by signal 9 (SIGKILL"), "{reason}");
    assert!(reason.ends_with("during the fit of cumulative-1"), "{reason}");
    assert_eq!(log.len(), 20);
    assert!(log[0].starts_with("row 21 ") && log[0].chars().count() == 500, "{log:?}");
    assert_eq!(log[19], " [2Jlast", "control characters do not reach a terminal");
    assert_eq!(trial.counts(), (2, 2));
    trial.end();
}

#[test]
fn a_learner_that_hangs_is_killed_after_its_time() {
    let Some(trial) = Trial::new("def fit(request):\n    time.sleep(600)\n", SHORT) else { return };
    let (reason, log) = died(trial.fit());
    assert_eq!(reason, "it did not answer within 300ms (train.command.timeout) during the fit of cumulative-1");
    assert!(log.is_empty(), "{log:?}");
    trial.end();
}

#[test]
fn a_learner_that_prints_is_understood() {
    let changes = "def say(request, **result):\n    \
                   os.write(1, b'\\xff not UTF-8\\n\\n[LightGBM] [Info] {\"id\": 1}\\n{\"id\": 99, \"result\": {}}\\n{{{\\n')\n    \
                   os.write(2, b'warning\\n' + b'x' * 3000000 + b'\\n')\n    \
                   print('  ' + json.dumps({'more': 1, 'result': result, 'id': request['id']}), 'rubbish', sep='\\n')\n    \
                   print('no end of the line', end='', flush=True)\n    os.write(1, b'\\n')\n";
    let Some(trial) = Trial::new(changes, LONG) else { return };
    trial.fit().expect("a model");
    for _ in 0..3 {
        assert_eq!(trial.predict().expect("probabilities"), [0.25, 0.5]);
        assert_eq!(trial.score().expect("scores").len(), 2);
    }
    assert_eq!(trial.counts(), (1, 0));
    trial.end();
}

#[test]
fn a_learner_without_an_answer_to_the_request_is_killed_after_its_time() {
    for print in
        ["'rubbish'", "'{\"id\": 3'", "json.dumps({'id': 77, 'result': {}})", "json.dumps({'id': '2', 'result': {}})"]
    {
        let changes = format!("def predict(request):\n    print({print}, flush=True)\n");
        let Some(trial) = Trial::new(&changes, SHORT) else { return };
        let (reason, log) = died(trial.predict());
        assert_eq!(reason, "it did not answer within 300ms during a prediction", "{print}");
        assert_eq!(log.len(), 1, "the line is in the log: {log:?}");
        trial.end();
    }
}

#[test]
fn a_wrong_answer_is_a_death() {
    for (answer, fault) in [
        ("say(request, probabilities=[0.5, float('nan')])", "it answered with NaN"),
        ("say(request, probabilities=[0.5, 1.5])", "it gave 1.5 as the probability of row 2"),
        ("say(request, probabilities=[-0.5, 0.5])", "it gave -0.5 as the probability of row 1"),
        ("say(request, probabilities=[0.5])", "it gave a wrong number of probabilities: 1 instead of 2"),
        ("say(request, probabilities=[0.5] * 3)", "it gave a wrong number of probabilities: 3 instead of 2"),
        ("say(request, probabilities=[None, 0.5])", "it gave a result that is not valid"),
        ("say(request, probabilities='high')", "it gave a result that is not valid"),
        ("say(request)", "it gave a result that is not valid"),
        (
            "print(json.dumps({'id': request['id']}), flush=True)",
            "it gave an answer with neither a result nor an error",
        ),
        ("print(json.dumps({'id': request['id']})[:-1], flush=True)", "it answered with a line that is not JSON"),
        ("fail(request, 'sad', 'x')", "it gave an error that is not valid"),
        ("print('x' * 2**21, flush=True); time.sleep(600)", "it printed a line of more than 1 MiB"),
        ("while True: sys.stdout.write('x' * 65536)", "it printed a line of more than 1 MiB"),
        ("os.close(1); time.sleep(600)", "it closed its standard output"),
        ("os._exit(0)", "it ended with exit code 0"),
    ] {
        let Some(trial) = Trial::new(&format!("def predict(request):\n    {answer}\n"), LONG) else { return };
        let (reason, _) = died(trial.predict());
        assert!(reason.starts_with(fault) && reason.ends_with(" during a prediction"), "{answer}: {reason}");
        assert_eq!(trial.counts(), (2, 2), "{answer}");
        trial.end();
    }
}

#[test]
fn a_wrong_file_of_scores_is_a_death() {
    for (write, rows, fault) in [
        ("out.write(struct.pack('<6d', 0, 0, 0, 1, 1, float('nan')))", 3, "it gave NaN as the probability of row 3"),
        ("out.write(struct.pack('<6d', 0, 1.5, 0, 1, 1, 1))", 3, "it gave 1.5 as the probability of row 2"),
        ("out.write(struct.pack('<5d', 0, 0, 0, 1, 1))", 3, "it wrote 40 bytes of scores instead of 48"),
        ("out.write(struct.pack('<4d', 0, 0, 1, 1))", 2, "it scored 2 of 3 rows"),
        ("os.remove(request['out'])", 3, "it left no file of scores that can be read"),
        ("os.remove(request['out']); os.symlink('learner.py', request['out'])", 3, "it left something else"),
        ("os.remove(request['out']); os.mkfifo(request['out'])", 3, "it left something else"),
    ] {
        let changes = format!(
            "def score(request):\n    with open(request['out'], 'wb') as out:\n        {write}\n    say(request, rows={rows})\n"
        );
        let Some(trial) = Trial::new(&changes, LONG) else { return };
        let (reason, _) = died(trial.score());
        assert!(reason.starts_with(fault) && reason.ends_with("during the scores of window-2.parquet"), "{reason}");
        trial.end();
    }
}

#[test]
fn a_wrong_model_folder_is_a_death() {
    for (make, fault) in [
        ("pass", "the model folder is empty"),
        ("os.symlink('/etc/hostname', folder + '/link')", "is neither a plain file nor a folder"),
        ("os.mkfifo(folder + '/pipe')", "is neither a plain file nor a folder"),
        (
            "[open(folder + '/' + str(number), 'w').close() for number in range(1001)]",
            "more than 1000 files or folders",
        ),
        ("os.truncate(os.open(folder + '/large', os.O_CREAT | os.O_RDWR), 2**30 + 1)", "more than 1 GiB together"),
        ("os.rmdir(folder); os.symlink('.', folder)", "it put something else in place of the model folder"),
        ("os.rmdir(folder)", "it put something else in place of the model folder"),
    ] {
        let changes = format!("def fit(request):\n    folder = request['folder']\n    {make}\n    say(request)\n");
        let Some(trial) = Trial::new(&changes, LONG) else { return };
        let (reason, _) = died(trial.fit());
        assert!(reason.contains(fault) && reason.ends_with("during the fit of cumulative-1"), "{make}: {reason}");
        assert!(trial.path("learner.py").exists(), "links are not followed");
        trial.end();
    }
}

/// Returns the message about a wrong answer to `hello`.
fn hello_fault(trial: &Trial) -> String {
    match trial.predict() {
        Err(LearnerError::Hello { message }) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_learner_that_changes_is_refused() {
    let changes = "whole_hello = hello\n\
                   def hello(request):\n    whole_hello(request, digest='d' * 64 if is_first('started') else 'e' * 64)\n\
                   def predict(request):\n    os._exit(3)\n";
    let Some(trial) = Trial::new(changes, LONG) else { return };
    let message = hello_fault(&trial);
    let digests = ["d", "e"].map(|letter| letter.repeat(64));
    assert!(message.contains("has changed") && digests.iter().all(|digest| message.contains(digest)), "{message}");
    trial.end();
}

#[test]
fn a_learner_of_another_protocol_is_refused() {
    let changes = "whole_hello = hello\ndef hello(request):\n    whole_hello(request, protocol=2)\n";
    let Some(trial) = Trial::new(changes, LONG) else { return };
    let message = hello_fault(&trial);
    assert!(message.starts_with("the learner `python3 learner.py` speaks version 2 of the protocol"), "{message}");
    assert_eq!(trial.counts(), (1, 0), "it is not tried again");
    trial.end();
}

#[test]
fn a_learner_that_does_not_answer_at_its_start_is_refused() {
    let changes = "print('still importing', flush=True)\ntime.sleep(600)\n";
    let Some(trial) = Trial::with(changes, |settings| settings.limits.hello = SHORT * 10) else { return };
    let message = hello_fault(&trial);
    assert!(message.contains("did not answer `hello` within 3s; the last line that it printed: "), "{message}");
    assert_eq!(trial.counts(), (1, 0), "it is not tried again");
    trial.end();
}

#[test]
fn a_command_that_cannot_be_started_is_refused() {
    for (command, reason) in [("no-such-learner", "No such file"), ("./learner.py", "Permission denied")] {
        let set = |settings: &mut windrow_worker::Settings| settings.command = vec![command.to_owned()];
        let Some(trial) = Trial::with("", set) else { return };
        match trial.pool.identity() {
            Err(error @ LearnerError::Start { .. }) => {
                let begin = format!("cannot start the learner `{command}`: {command}: {reason}");
                assert!(error.to_string().starts_with(&begin), "{error}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(trial.counts(), (1, 0), "it is not tried again");
    }
}
