//! The lines between host and learner, version 1 of the protocol.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::log::plain;
use windrow_learn::learner::LearnerSchema;

pub(crate) const VERSION: u32 = 1;
/// The most bytes of a line, without its end.
pub(crate) const MAX_LINE: usize = 1 << 20;
/// The number of characters that are kept of a learner's message.
const MAX_MESSAGE: usize = 2_000;

/// A request. All paths are absolute.
#[derive(Debug, Serialize)]
#[serde(tag = "method", rename_all = "lowercase")]
pub(crate) enum Request<'a> {
    Hello { protocol: u32, schema: &'a LearnerSchema },
    Fit { model: &'a str, files: &'a [PathBuf], levels: &'a BTreeMap<String, Vec<String>>, folder: &'a Path, seed: u32 },
    Score { models: &'a [PathBuf], file: &'a Path, out: &'a Path },
    Predict { folder: &'a Path, rows: &'a [Map<String, Value>] },
}

impl Request<'_> {
    /// Returns the request as a line with its end.
    ///
    /// # Errors
    /// The line is too long, or a path is not UTF-8. The message says so in a sentence.
    pub(crate) fn line(&self, id: u64) -> Result<Vec<u8>, String> {
        #[derive(Serialize)]
        struct Numbered<'a> {
            id: u64,
            #[serde(flatten)]
            request: &'a Request<'a>,
        }
        let written = serde_json::to_vec(&Numbered { id, request: self });
        let mut line = written.map_err(|error| format!("cannot write {} as JSON: {error}", self.task()))?;
        if line.len() > MAX_LINE {
            return Err(format!(
                "{} takes {} bytes, and a learner gets at most 1 MiB in a request: leave out a category with many or \
                 long values in the pipeline file",
                self.task(),
                line.len()
            ));
        }
        line.push(b'\n');
        Ok(line)
    }

    /// Returns the key of the pipeline file for the time limit, in brackets. Empty if the limit is fixed.
    pub(crate) fn limit_key(&self) -> &'static str {
        match self {
            Self::Fit { .. } | Self::Score { .. } => " (train.command.timeout)",
            Self::Hello { .. } | Self::Predict { .. } => "",
        }
    }

    /// Returns a name of the request, for messages.
    pub(crate) fn task(&self) -> String {
        match self {
            Self::Hello { .. } => "hello".to_owned(),
            Self::Fit { model, .. } => format!("the fit of {model}"),
            Self::Score { file, .. } => {
                let name = file.file_name().unwrap_or_default();
                format!("the scores of {}", Path::new(name).display())
            }
            Self::Predict { .. } => "a prediction".to_owned(),
        }
    }
}

/// A valid answer to a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Result(Value),
    /// The learner's reason why nothing can be learned.
    Unlearnable(String),
    /// The learner's own message.
    Failed(String),
}

#[derive(Debug, Deserialize)]
struct Reported {
    kind: Kind,
    message: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Unlearnable,
    Failed,
}

/// Returns the answer to the request `id`, or `None` if the line is not an answer to it.
///
/// # Errors
/// The line has the request's id but is not a valid answer. The text continues a sentence about the learner.
pub(crate) fn read_answer(line: &str, id: u64) -> Option<Result<Answer, String>> {
    let mut object = match serde_json::from_str::<Value>(line) {
        Ok(Value::Object(object)) => object,
        Ok(_) => return None,
        // Python's json module writes NaN, which JSON does not have.
        Err(_) if has_id(line, id) && line.contains("NaN") => {
            return Some(Err("answered with NaN, which is not JSON".to_owned()));
        }
        Err(error) => return has_id(line, id).then(|| Err(format!("answered with a line that is not JSON ({error})"))),
    };
    if object.get("id").and_then(Value::as_u64) != Some(id) {
        return None;
    }
    let mut take = |name: &str| object.remove(name).filter(|value| !value.is_null());
    Some(match (take("result"), take("error")) {
        (Some(result), None) => Ok(Answer::Result(result)),
        (None, Some(error)) => read_error(error),
        (None, None) => Err("gave an answer with neither a result nor an error".to_owned()),
        (Some(_), Some(_)) => Err("gave an answer with both a result and an error".to_owned()),
    })
}

fn read_error(error: Value) -> Result<Answer, String> {
    let read = serde_json::from_value::<Reported>(error);
    let Reported { kind, message } = read.map_err(|error| format!("gave an error that is not valid ({error})"))?;
    let message = plain(message.trim(), MAX_MESSAGE);
    Ok(match kind {
        Kind::Unlearnable => Answer::Unlearnable(message),
        Kind::Failed => Answer::Failed(message),
    })
}

/// Returns true if a line that is not JSON names the id of a request.
fn has_id(line: &str, id: u64) -> bool {
    line.match_indices("\"id\"").any(|(at, key)| {
        let value = line[at + key.len()..].trim_start().strip_prefix(':').unwrap_or_default().trim_start();
        let digits = value.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(value.len());
        value[..digits].parse::<u64>() == Ok(id)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use windrow_learn::learner::{LearnerFeature, LearnerKind};

    fn text(request: &Request<'_>) -> String {
        String::from_utf8(request.line(7).expect("a short request")).expect("UTF-8")
    }

    #[test]
    fn requests_are_lines_of_json() {
        let hour =
            LearnerFeature { name: "hour(departure)".to_owned(), kind: LearnerKind::Calendar, codes: Some(vec![0, 1]) };
        let schema = LearnerSchema { target: "late".to_owned(), features: vec![hour] };
        assert_eq!(
            text(&Request::Hello { protocol: VERSION, schema: &schema }),
            "{\"id\":7,\"method\":\"hello\",\"protocol\":1,\"schema\":{\"target\":\"late\",\"features\":[\
             {\"name\":\"hour(departure)\",\"kind\":\"calendar\",\"codes\":[0,1]}]}}\n"
        );
        let levels = BTreeMap::from([("carrier".to_owned(), vec!["AA".to_owned(), "UA".to_owned()])]);
        let (files, folder) = ([PathBuf::from("/w/1.parquet")], Path::new("/m"));
        let fit = Request::Fit { model: "cumulative-14", files: &files, levels: &levels, folder, seed: 12 };
        assert_eq!(
            text(&fit),
            "{\"id\":7,\"method\":\"fit\",\"model\":\"cumulative-14\",\"files\":[\"/w/1.parquet\"],\
             \"levels\":{\"carrier\":[\"AA\",\"UA\"]},\"folder\":\"/m\",\"seed\":12}\n"
        );
        let models = [PathBuf::from("/m")];
        assert_eq!(
            text(&Request::Score { models: &models, file: Path::new("/w/2.parquet"), out: Path::new("/o") }),
            "{\"id\":7,\"method\":\"score\",\"models\":[\"/m\"],\"file\":\"/w/2.parquet\",\"out\":\"/o\"}\n"
        );
        let row = json!({"distance": 812.0, "log(fare)": null, "carrier": "two\nlines"});
        let rows = [row.as_object().expect("an object").clone()];
        assert_eq!(
            text(&Request::Predict { folder, rows: &rows }),
            "{\"id\":7,\"method\":\"predict\",\"folder\":\"/m\",\
             \"rows\":[{\"distance\":812.0,\"log(fare)\":null,\"carrier\":\"two\\nlines\"}]}\n"
        );
    }

    #[test]
    fn a_request_of_more_than_a_mebibyte_is_not_sent() {
        let row = json!({"carrier": "x".repeat(MAX_LINE)});
        let rows = [row.as_object().expect("an object").clone()];
        let error = Request::Predict { folder: Path::new("/m"), rows: &rows }.line(1).expect_err("too long");
        assert!(error.starts_with("a prediction takes 1048"), "{error}");
    }

    #[test]
    fn an_answer_has_the_id_of_the_request() {
        let answered = |line: &str| read_answer(line, 3).expect("an answer").expect("a valid answer");
        assert_eq!(answered("{\"id\":3,\"result\":{}}"), Answer::Result(json!({})));
        assert_eq!(
            answered(" {\"result\": {\"rows\": 2}, \"error\": null, \"id\": 3}"),
            Answer::Result(json!({"rows": 2}))
        );
        let error = |kind: &str| format!("{{\"id\":3,\"error\":{{\"kind\":\"{kind}\",\"message\":\"one\\nclass\"}}}}");
        assert_eq!(answered(&error("unlearnable")), Answer::Unlearnable("one class".to_owned()));
        assert_eq!(answered(&error("failed")), Answer::Failed("one class".to_owned()));
        for log in [
            "",
            "3",
            "[3]",
            "{\"id\":4,\"result\":{}}",
            "{\"id\":\"3\",\"result\":{}}",
            "{\"id\":3.5,\"result\":{}}",
            "{\"result\":{}}",
            "{'id': 3, 'result': {}}",
            "{\"id\": 33, \"result\": NaN}",
            "{\"id\"",
        ] {
            assert_eq!(read_answer(log, 3), None, "{log}");
        }
    }

    #[test]
    fn rubbish_with_the_id_of_the_request_is_a_fault() {
        for (line, fault) in [
            ("{\"id\":3}", "neither a result"),
            ("{\"id\":3,\"result\":null}", "neither a result"),
            ("{\"id\":3,\"result\":{},\"error\":{}}", "both a result"),
            ("{\"id\":3,\"error\":\"no\"}", "an error that is not valid"),
            ("{\"id\":3,\"error\":{\"kind\":\"sad\",\"message\":\"\"}}", "an error that is not valid"),
            ("{\"result\": {\"probabilities\": [NaN]}, \"id\" : 3}", "NaN"),
            ("{\"id\": 3, \"result\": {\"probabilities\": [1e999]}}", "not JSON"),
            ("{\"id\": 3, \"result\": {", "not JSON"),
        ] {
            let found = read_answer(line, 3).expect("an answer").expect_err("a fault");
            assert!(found.contains(fault), "{line}: {found}");
        }
    }
}
