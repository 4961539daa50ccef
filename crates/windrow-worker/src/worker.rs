//! A worker: one process of a learner that has answered `hello`, and the checks of its answers.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::ending::Ending;
use crate::fault::{Death, Fault};
use crate::process::{Process, Unanswered};
use crate::protocol::{Answer, Request, VERSION};
use crate::scores::{ScoreFile, check};
use crate::settings::Settings;
use crate::supervisor::{NOT_FOUND, NOT_STARTED};
use windrow_learn::learner::{FitTask, LearnerError, LearnerIdentity, measure_folder};

/// The most characters of a learner's name, digest or version, and the most versions.
const MAX_IDENTITY: usize = 200;

/// The id of the first request, `hello`.
const HELLO_ID: u64 = 1;

/// A process of a learner that has answered `hello`.
#[derive(Debug)]
pub(crate) struct Worker {
    process: Process,
    /// The time before its start.
    began: Instant,
    last_id: u64,
    /// The name of the last request.
    task: String,
    /// The key for the time limit of the last request, for messages.
    limit_key: &'static str,
}

#[derive(Debug, Deserialize)]
struct Scored {
    rows: usize,
}

#[derive(Debug, Deserialize)]
struct Predicted {
    probabilities: Vec<f64>,
}

impl Worker {
    /// Starts a process, and waits for its answer to `hello`.
    pub(crate) fn start(settings: &Settings) -> Result<(Self, LearnerIdentity), Fault> {
        let began = Instant::now();
        let start_error = |source| LearnerError::Start { command: settings.command.join(" "), source };
        let process = Process::start(settings).map_err(|source| Fault::Final(start_error(source)))?;
        let mut worker = Self { process, began, last_id: 0, task: String::new(), limit_key: "" };
        let request = Request::Hello { protocol: VERSION, schema: &settings.schema };
        let limit = settings.limits.hello;
        let result = match worker.exchange(&request, limit, &settings.stop)? {
            Err(Unanswered::Late) => {
                let log = worker.process.kill();
                let last = log.last().map_or("nothing", String::as_str);
                let fault = format!("did not answer `hello` within {limit:?}; the last line that it printed: {last}");
                return Err(hello_fault(settings, &fault));
            }
            Err(Unanswered::Ended(Ending::Code(code))) if [NOT_FOUND, NOT_STARTED].map(i32::from).contains(&code) => {
                let log = worker.process.kill();
                let kind = if code == i32::from(NOT_FOUND) { ErrorKind::NotFound } else { ErrorKind::PermissionDenied };
                let reason = log.last().cloned().unwrap_or_else(|| format!("exit code {code}"));
                return Err(Fault::Final(start_error(io::Error::new(kind, reason))));
            }
            other => worker.result(other, limit)?,
        };
        let identity = read_identity(result).map_err(|fault| hello_fault(settings, &fault))?;
        Ok((worker, identity))
    }

    /// Fits a model, and checks its folder.
    pub(crate) fn fit(&mut self, task: &FitTask<'_>, settings: &Settings) -> Result<(), Fault> {
        let FitTask { files, levels, folder, seed, model } = *task;
        self.ask(&Request::Fit { model, files, levels, folder, seed }, settings.limits.fit, &settings.stop)?;
        if !is_folder(folder) {
            return Err(self.death("put something else in place of the model folder"));
        }
        match measure_folder(folder) {
            Ok(_) => Ok(()),
            Err(fault) => Err(self.death(&format!("left a folder that is not a model ({fault})"))),
        }
    }

    /// Removes all that an earlier worker left in a model folder.
    pub(crate) fn empty(&mut self, folder: &Path) -> Result<(), Fault> {
        empty(folder).map_err(|error| {
            self.death(&format!("found a model folder ({}) that cannot be emptied ({error})", folder.display()))
        })
    }

    /// Returns the probabilities of each model for the rows of a file.
    pub(crate) fn score(
        &mut self,
        models: &[PathBuf],
        file: &Path,
        rows: usize,
        settings: &Settings,
    ) -> Result<Vec<Vec<f64>>, Fault> {
        let out = ScoreFile::new(&settings.scratch);
        let request = Request::Score { models, file, out: out.path() };
        let scored: Scored = self.answer(&request, settings.limits.score, &settings.stop)?;
        if scored.rows != rows {
            return Err(self.death(&format!("scored {} of {rows} rows", scored.rows)));
        }
        out.read(models.len(), rows).map_err(|fault| self.death(&fault))
    }

    /// Returns the probabilities of a few rows.
    pub(crate) fn predict(
        &mut self,
        model: &Path,
        rows: &[Map<String, Value>],
        settings: &Settings,
    ) -> Result<Vec<f64>, Fault> {
        let request = Request::Predict { folder: model, rows };
        let Predicted { probabilities } = self.answer(&request, settings.limits.predict, &settings.stop)?;
        let (given, wanted) = (probabilities.len(), rows.len());
        if given != wanted {
            return Err(self.death(&format!("gave a wrong number of probabilities: {given} instead of {wanted}")));
        }
        check(&probabilities).map_err(|fault| self.death(&fault))?;
        Ok(probabilities)
    }

    /// Returns the time before the start of the process.
    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    /// Returns true if it has got no request but `hello`.
    pub(crate) fn is_new(&self) -> bool {
        self.last_id <= HELLO_ID
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.process.has_ended()
    }

    /// Closes standard input, which ends the process.
    pub(crate) fn close(&mut self) {
        self.process.close();
    }

    /// Sends a request, and returns its result in the form that it must have.
    fn answer<T: DeserializeOwned>(
        &mut self,
        request: &Request<'_>,
        limit: Duration,
        stop: &CancellationToken,
    ) -> Result<T, Fault> {
        let result = self.ask(request, limit, stop)?;
        serde_json::from_value(result)
            .map_err(|error| self.death(&format!("gave a result that is not valid ({error})")))
    }

    fn ask(&mut self, request: &Request<'_>, limit: Duration, stop: &CancellationToken) -> Result<Value, Fault> {
        let answer = self.exchange(request, limit, stop)?;
        self.result(answer, limit)
    }

    fn exchange(
        &mut self,
        request: &Request<'_>,
        limit: Duration,
        stop: &CancellationToken,
    ) -> Result<Result<Answer, Unanswered>, Fault> {
        self.last_id += 1;
        (self.task, self.limit_key) = (request.task(), request.limit_key());
        let line = request.line(self.last_id).map_err(|message| Fault::Final(LearnerError::Unsent { message }))?;
        Ok(self.process.ask(self.last_id, line, limit, stop))
    }

    fn result(&mut self, answer: Result<Answer, Unanswered>, limit: Duration) -> Result<Value, Fault> {
        Err(match answer {
            Ok(Answer::Result(result)) => return Ok(result),
            Ok(Answer::Unlearnable(reason)) => Fault::Final(LearnerError::Unlearnable(reason)),
            Ok(Answer::Failed(message)) => Fault::Final(LearnerError::Failed { message }),
            Err(Unanswered::Stopped) => Fault::Final(LearnerError::Stopped),
            Err(Unanswered::Late) => self.death(&format!("did not answer within {limit:?}{}", self.limit_key)),
            Err(Unanswered::Ended(ending)) => self.death(&ending.to_string()),
            Err(Unanswered::Wrong(fault)) => self.death(&fault),
        })
    }

    /// Kills the process. The event continues a sentence about the learner.
    fn death(&mut self, event: &str) -> Fault {
        let log = self.process.kill();
        Fault::Death(Death { reason: format!("it {event} during {}", self.task), log })
    }
}

fn hello_fault(settings: &Settings, fault: &str) -> Fault {
    let message = format!("the learner `{}` {fault}", settings.command.join(" "));
    Fault::Final(LearnerError::Hello { message })
}

/// Returns the identity in the answer to `hello`.
///
/// # Errors
/// The answer is not valid. The text continues a sentence about the learner.
fn read_identity(result: Value) -> Result<LearnerIdentity, String> {
    let protocol = result.get("protocol").cloned().unwrap_or_default();
    if protocol != VERSION {
        return Err(format!(
            "speaks version {protocol} of the protocol, and this program version {VERSION}: install the Python package \
             of this version of Windrow"
        ));
    }
    let read = serde_json::from_value::<LearnerIdentity>(result);
    let identity = read.map_err(|error| format!("gave an answer to `hello` that is not valid ({error})"))?;
    let is_short = |text: &String| text.chars().count() <= MAX_IDENTITY && !text.chars().any(char::is_control);
    let LearnerIdentity { name, versions, digest } = &identity;
    let are_short = [name, digest].into_iter().chain(versions.keys()).chain(versions.values()).all(is_short);
    if name.is_empty() || digest.is_empty() || versions.len() > MAX_IDENTITY || !are_short {
        return Err(format!(
            "gave an answer to `hello` that is not valid: name and digest must not be empty, no text may be longer than \
             {MAX_IDENTITY} characters or have control characters, and there may be at most {MAX_IDENTITY} versions"
        ));
    }
    Ok(identity)
}

/// Returns true if a path is a folder, and not a link to one.
fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// Makes a folder an empty one. Links are removed, not followed.
fn empty(folder: &Path) -> io::Result<()> {
    if is_folder(folder) {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        return Ok(());
    }
    match fs::remove_file(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::create_dir(folder)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_to_hello_is_checked() {
        let versions = json!({"python": "3.12"});
        let hello = |protocol: Value, name: &str, digest: &str| {
            let mut answer = json!({"protocol": protocol, "name": name, "digest": digest, "more": []});
            answer["versions"] = versions.clone();
            answer
        };
        let identity = read_identity(hello(json!(1), "test.Learner", "abc")).expect("a valid answer");
        assert_eq!((identity.name.as_str(), identity.digest.as_str()), ("test.Learner", "abc"));
        assert_eq!(identity.versions["python"], "3.12");
        let long = "x".repeat(MAX_IDENTITY + 1);
        for (answer, expected) in [
            (hello(json!(2), "test.Learner", "abc"), "speaks version 2 of the protocol"),
            (json!({"name": "test.Learner"}), "speaks version null of the protocol"),
            (json!([]), "speaks version null of the protocol"),
            (json!({"protocol": 1, "name": "test.Learner"}), "missing field `versions`"),
            (hello(json!(1), "", "abc"), "must not be empty"),
            (hello(json!(1), "test.Learner", ""), "must not be empty"),
            (hello(json!(1), &long, "abc"), "longer than"),
            (hello(json!(1), "test\nLearner", "abc"), "control characters"),
        ] {
            let fault = read_identity(answer).expect_err("a fault");
            assert!(fault.contains(expected), "{fault}");
        }
    }

    #[test]
    fn a_folder_is_emptied_without_following_links() {
        let parent = tempfile::tempdir().expect("a folder");
        let [folder, other] = ["model", "other"].map(|name| parent.path().join(name));
        let kept = other.join("kept");
        fs::create_dir(&other).expect("a folder");
        fs::write(&kept, "x").expect("a file");
        let is_empty = || fs::read_dir(&folder).expect("a folder").next().is_none();
        empty(&folder).expect("a new folder");
        assert!(is_empty());
        fs::create_dir_all(folder.join("a/b")).expect("folders");
        fs::write(folder.join("a/b/file"), "x").expect("a file");
        symlink(&other, folder.join("link")).expect("a link");
        empty(&folder).expect("an empty folder");
        assert!(is_empty() && kept.exists());
        fs::remove_dir(&folder).expect("an empty folder");
        symlink(&other, &folder).expect("a link");
        assert!(!is_folder(&folder));
        empty(&folder).expect("a new folder");
        assert!(is_folder(&folder) && is_empty() && kept.exists());
    }
}
