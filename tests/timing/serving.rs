//! Operations of the API in addition to single predictions: batches, explanations, comparisons, lineage, aliases,
//! tensors, metrics.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};
use windrow_testing::http::{HttpAnswer, JSON, ask};
use windrow_testing::served::{pipeline, row, serve, server, server_with, with_table};
use windrow_testing::{Running, STEP_TIMEOUT, command, http, succeed, text, windrow};

use crate::exclusive;

fn post(url: &str, body: &Value) -> HttpAnswer {
    ask("POST", url, &[JSON], body.to_string().as_bytes())
}

fn get(url: &str) -> HttpAnswer {
    ask("GET", url, &[], b"")
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

#[test]
fn a_batch_gives_the_same_answers_as_single_rows_in_every_format() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    let mut other = row();
    other["miles"] = Value::Null;
    other["carrier"] = json!("ZZ");
    let rows = [row(), other, row()];
    let single = format!("{url}/v1/models/cumulative-2/predict");
    let expected: Vec<f64> = rows.iter().map(|row| number(&post(&single, row).json()["probability"])).collect();
    let batch = format!("{single}/batch");

    let answer = post(&batch, &json!(rows));
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    let result = answer.json();
    assert_eq!((result["model"].as_str(), answer.header("windrow-model")), (Some("cumulative-2"), "cumulative-2"));
    assert_eq!(result["lineage"], answer.header("windrow-lineage"));
    let of = |rows: &Value| -> Vec<f64> {
        rows.as_array().expect("a list").iter().map(|row| number(&row["probability"])).collect()
    };
    assert_eq!(of(&result["predictions"]), expected);

    let lines: String = rows.iter().map(|row| format!("{row}\n\n")).collect();
    let answer = ask("POST", &batch, &[("content-type", "application/x-ndjson")], lines.as_bytes());
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let found: Vec<Value> = answer.body.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(of(&Value::from(found)), expected);

    // Columns that the model does not need are ignored, and empty cells are missing values.
    let table = "late,at,miles,fare,carrier\n3,2013-01-01 07:00,100,7.5,UA\n,2013-01-01 07:00,,7.5,ZZ\n0,2013-01-01 07:00,100,7.50,\"UA\"\n";
    let answer = ask("POST", &batch, &[("content-type", "text/csv; charset=utf-8")], table.as_bytes());
    assert_eq!(answer.header("content-type"), "text/csv", "{}", answer.body);
    let mut found = answer.body.lines();
    assert_eq!(found.next(), Some("probability,label,outside"));
    let found: Vec<f64> =
        found.map(|line| line.split(',').next().expect("a cell").parse().expect("a number")).collect();
    assert_eq!(found, expected);
    // The `accept` header selects another format.
    let answer = ask("POST", &batch, &[JSON, ("accept", "text/csv")], json!(rows).to_string().as_bytes());
    assert_eq!((answer.header("content-type"), answer.body.lines().count()), ("text/csv", 4));
    // A batch may be empty.
    assert_eq!(post(&batch, &json!([])).json()["predictions"], json!([]));
}

#[test]
fn a_fault_refuses_the_whole_batch_and_every_fault_has_its_row() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server_with(folder.path(), "max_rows = 150\nmax_body = \"64KiB\"");
    let batch = format!("{url}/v1/models/cumulative-2/predict/batch");
    let mut wrong = row();
    wrong["miles"] = json!("far");
    let answer = post(&batch, &json!([row(), wrong, 3, {"mile": 1}]));
    assert_eq!((answer.status, answer.header("content-type")), (422, "application/problem+json"));
    let result = answer.json();
    let faults: Vec<String> = result["errors"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|fault| format!("{} {} {}", fault["row"], fault["field"], fault["reason"]).replace('"', ""))
        .collect();
    assert_eq!(
        faults,
        [
            "2 miles is not a number",
            "3  is not a JSON object",
            "4 mile is not a field of this model",
            "4 miles is missing",
            "4 fare is missing",
            "4 carrier is missing",
            "4 at is missing"
        ]
    );
    let result = post(&batch, &Value::from(vec![json!(7); 120])).json();
    assert_eq!(result["errors"].as_array().map(Vec::len), Some(100));
    assert!(result["detail"].as_str().is_some_and(|detail| detail.contains("or more")), "{result}");

    let csv = |text: &str| ask("POST", &batch, &[("content-type", "text/csv")], text.as_bytes());
    let lines = |text: &str| ask("POST", &batch, &[("content-type", "application/x-ndjson")], text.as_bytes());
    let cases = [
        (csv(""), 400, "the body is empty"),
        (csv("at,mile,fare,carrier\n"), 422, "\"did_you_mean\":\"mile\""),
        (csv("at,miles,fare,carrier,miles\n"), 422, "is given twice in the header line"),
        (csv("at,miles,fare,carrier\n2013-01-01 07:00,1\n"), 422, "the same number of fields"),
        (csv("at,miles,fare,carrier\nnoon,1,1,UA\n"), 422, "is not a time of either form"),
        (lines("{\n"), 400, "line 1 is not JSON"),
        (lines(&format!("{}\n[]", row())), 422, "is not a JSON object"),
        (post(&batch, &row()), 400, "is not an array of rows"),
        (ask("POST", &batch, &[JSON], b"[{]"), 400, "is not an array of rows"),
        (post(&batch, &Value::from(vec![row(); 151])), 413, "more than 150 rows"),
        (lines(&format!("{}\n", row()).repeat(151)), 413, "more than 150 rows"),
        (ask("POST", &batch, &[JSON], &[b' '; 70_000]), 413, "larger than the limit of 65536 bytes"),
        (ask("POST", &batch, &[("content-type", "text/plain")], b"x"), 415, "text/csv"),
    ];
    for (answer, status, expected) in cases {
        assert_eq!(answer.status, status, "{expected}: {}", answer.body);
        assert!(answer.body.contains(expected), "{expected}: {}", answer.body);
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
}

#[test]
fn contributions_add_up_to_the_last_digit() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    let mut strange = row();
    strange["miles"] = Value::Null;
    strange["carrier"] = json!("UAA");
    strange["fare"] = json!(1e6);
    for row in [row(), strange.clone()] {
        let result = post(&format!("{url}/v1/models/cumulative-2/predict?explain=true"), &row).json();
        let explained = &result["explanation"];
        let parts = explained["contributions"].as_array().expect("a list");
        let sum = parts.iter().fold(number(&explained["baseline"]), |sum, part| sum + number(&part["log_odds"]));
        assert_eq!(sum.to_bits(), number(&explained["log_odds"]).to_bits());
        let probability = 1.0 / (1.0 + (-sum).exp());
        assert_eq!(probability.to_bits(), number(&result["probability"]).to_bits());
        let features: Vec<&str> = parts.iter().filter_map(|part| part["feature"].as_str()).collect();
        assert_eq!(features, ["miles", "fare", "carrier", "hour"]);
    }
    let result = post(&format!("{url}/v1/models/latest/predict?explain=true"), &strange).json();
    assert_eq!(result["explanation"]["contributions"][2]["level"], "(other)");
    assert_eq!(result["unknown"], json!([{"field": "carrier", "given": "UAA", "did_you_mean": "UA"}]));
}

#[test]
fn models_are_compared_and_a_prediction_leads_to_its_files() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    let diff = get(&format!("{url}/v1/models/cumulative-1/diff/latest")).json();
    assert_eq!((diff["first"].as_str(), diff["second"].as_str()), (Some("cumulative-1"), Some("cumulative-3")));
    assert_eq!(diff["common_windows"], json!([1]));
    let changes: Vec<f64> = diff["coefficients"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| number(&one["weight"]["change"]).abs())
        .collect();
    assert!(changes.is_sorted_by(|a, b| a >= b) && changes[0] > 0.0, "{changes:?}");
    let on_row = post(&format!("{url}/v1/models/cumulative-1/diff/latest"), &row()).json();
    let of = |which: &str| number(&on_row["row"][which]["explanation"]["log_odds"]);
    let sum: f64 = on_row["row"]["contributions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|part| number(&part["log_odds"]["change"]))
        .sum();
    assert!((sum - (of("second") - of("first"))).abs() < 1e-12);

    let answer = post(&format!("{url}/v1/models/cumulative-2/predict"), &row()).json();
    let lineage = get(&format!("{url}/v1/lineage/{}", answer["lineage"].as_str().expect("a text"))).json();
    assert_eq!(lineage["models"], json!(["cumulative-2"]));
    for (index, window) in lineage["windows"].as_array().expect("a list").iter().enumerate() {
        let work = folder.path().join("work");
        let manifest = windrow_testing::json(&work.join(window["manifest"].as_str().expect("a path")));
        assert!(work.join(window["file"].as_str().expect("a path")).exists());
        let rows = &manifest["rows"];
        assert_eq!((&rows["file"]["sha256"], &rows["numbers"]), (&window["sha256"], &window["row_numbers"]));
        assert_eq!(window["offsets"], json!([{"partition": 0, "first": 100 * index, "last": 100 * index + 99}]));
    }
    assert_eq!(get(&format!("{url}/v1/lineage/00")).status, 404);

    let windows = get(&format!("{url}/v1/windows")).json();
    assert_eq!(windows["windows"].as_array().map(Vec::len), Some(3));
    assert_eq!(get(&format!("{url}/v1/windows/2")).json(), windows["windows"][1]);
    for wrong in ["0", "4", "two"] {
        assert_eq!(get(&format!("{url}/v1/windows/{wrong}")).status, 404, "{wrong}");
    }
    let scores = get(&format!("{url}/v1/scores")).json();
    let report = windrow_testing::json(&folder.path().join("work/windows/window-00002.json"));
    let found = scores["scores"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|score| score["window"] == 2 && score["model"] == "cumulative-1" && score["score"]["on"] == "window");
    assert_eq!(found.expect("a score")["score"]["log_loss"], report["scores"][0]["window"]["log_loss"]);
}

#[test]
fn an_alias_is_promoted_rolled_back_and_remembered() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (first, url) = server(folder.path());
    let (file, workdir) = (folder.path().join("p.toml"), folder.path().join("work"));
    let (other, other_url) = serve(&file.display().to_string(), &workdir.display().to_string());
    let alias = format!("{url}/v1/aliases/prod");
    let put = |url: &str, body: &Value| ask("PUT", url, &[JSON], body.to_string().as_bytes());
    assert_eq!(get(&alias).status, 404);
    assert_eq!(put(&alias, &json!({"model": "window-1", "why": "the first"})).json()["to"], "window-1");
    let change = put(&alias, &json!({"model": "latest"})).json();
    assert_eq!((change["from"].as_str(), change["to"].as_str()), (Some("window-1"), Some("cumulative-3")));
    let asked = |url: &str| post(&format!("{url}/v1/models/prod/predict"), &row()).json()["model"].clone();
    assert_eq!(asked(&url), "cumulative-3", "the next request sees it");
    assert_eq!(get(&alias).json()["model"], "cumulative-3");
    let rolled = post(&format!("{alias}/rollback"), &json!({"why": "worse"})).json();
    assert_eq!((rolled["action"].as_str(), rolled["to"].as_str()), (Some("rolled_back"), Some("window-1")));
    // A second server on the same work directory follows the change.
    let deadline = std::time::Instant::now() + STEP_TIMEOUT;
    while asked(&other_url) != "window-1" {
        assert!(std::time::Instant::now() < deadline, "the other server does not notice");
    }
    let cases = [
        (put(&format!("{url}/v1/aliases/latest"), &json!({"model": "window-1"})), 422, "this name is reserved"),
        (put(&format!("{url}/v1/aliases/window-1"), &json!({"model": "window-1"})), 422, "the form of a model id"),
        (put(&alias, &json!({"model": "window-9"})), 404, "there is no model `window-9`"),
        (put(&alias, &json!({"model": "window-3"})), 409, "no model could be trained on its windows"),
        (put(&alias, &json!({"modl": "window-1"})), 422, "unknown field `modl`, expected `model` or `why`"),
        (put(&alias, &json!({"why": 3})), 422, "invalid type: integer `3`, expected a string"),
        (ask("PUT", &alias, &[JSON], b"{"), 400, "the body is not as expected"),
        (ask("PUT", &alias, &[], b"{}"), 415, "send application/json"),
        (post(&format!("{alias}/rollback"), &json!({})), 409, "nothing to go back to"),
        (ask("DELETE", &format!("{url}/v1/aliases/staging"), &[], b""), 404, "there is no alias `staging`"),
    ];
    for (answer, status, expected) in cases {
        assert_eq!(answer.status, status, "{expected}: {}", answer.body);
        assert!(answer.body.contains(expected), "{expected}: {}", answer.body);
    }
    // Aliases are kept across a restart.
    drop((first, other));
    let (_server, url) = serve(&file.display().to_string(), &workdir.display().to_string());
    assert_eq!(asked(&url), "window-1");
    assert_eq!(ask("DELETE", &format!("{url}/v1/aliases/prod"), &[], b"").status, 200);
    assert_eq!(post(&format!("{url}/v1/models/prod/predict"), &row()).status, 404);
    assert_eq!(get(&format!("{url}/v1/aliases/prod")).status, 404);
    let history = get(&format!("{url}/v1/aliases/prod/history")).json();
    assert!(history["model"].is_null());
    let actions: Vec<&str> =
        history["history"].as_array().expect("a list").iter().filter_map(|one| one["action"].as_str()).collect();
    assert_eq!(actions, ["promoted", "promoted", "rolled_back", "removed"]);
    assert_eq!(history["history"][0]["why"], "the first");
}

#[test]
fn removed_old_models_are_not_made_again() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (file, workdir) = (pipeline(folder.path()), folder.path().join("work").display().to_string());
    let text = std::fs::read_to_string(&file).expect("a file").replace("rows = 100", "rows = 50");
    std::fs::write(&file, format!("{text}\n[train]\nschemes = [\"window\"]\nkeep = 2\n")).expect("a file");
    succeed(&["run", &file, "--once", "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let kept = || {
        let entries = std::fs::read_dir(Path::new(&workdir).join("models")).expect("a folder");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    let models = kept();
    // Windows 5 and 6 cannot be learned from, so the champion of window 4 is kept with their records.
    assert!(models.contains(&"window-6".to_owned()) && !models.contains(&"window-1".to_owned()), "{models:?}");
    succeed(&["train", &file, "--once", "--workdir", &workdir]);
    assert_eq!(kept(), models, "nothing is made again");
    assert!(Path::new(&workdir).join("windows/window-00001.json").exists(), "what was found stays");
}

#[test]
fn tensors_are_answered_as_rows_are() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    let model = format!("{url}/v2/models/cumulative-2");
    for path in ["/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/latest/ready"] {
        assert_eq!(get(&format!("{url}{path}")).status, 200, "{path}");
    }
    let metadata = get(&model).json();
    assert_eq!(metadata["inputs"][0], json!({"name": "miles", "datatype": "FP64", "shape": [-1]}));
    assert_eq!(metadata["inputs"][3], json!({"name": "at", "datatype": "BYTES", "shape": [-1]}));
    let tensor = |name: &str, datatype: &str, data: Value| json!({"name": name, "datatype": datatype, "shape": [data.as_array().map_or(0, Vec::len)], "data": data});
    let inputs = |miles: Value| {
        json!([
            tensor("at", "BYTES", json!(["2013-01-01 07:00", "2013-01-01 07:00"])),
            tensor("carrier", "BYTES", json!(["UA", "ZZ"])),
            tensor("fare", "FP32", json!([7.5, 7.5])),
            tensor("miles", "FP64", miles),
        ])
    };
    let answer = post(&format!("{model}/infer"), &json!({"id": "a", "inputs": inputs(json!([100, null]))})).json();
    let mut other = row();
    other["miles"] = Value::Null;
    other["carrier"] = json!("ZZ");
    let expected: Vec<Value> = [row(), other]
        .iter()
        .map(|row| post(&format!("{url}/v1/models/cumulative-2/predict"), row).json()["probability"].clone())
        .collect();
    assert_eq!((answer["id"].as_str(), answer["model_name"].as_str()), (Some("a"), Some("cumulative-2")));
    assert_eq!(
        answer["outputs"][0],
        json!({"name": "probability", "datatype": "FP64", "shape": [2], "data": expected})
    );
    assert_eq!(answer["outputs"][1]["datatype"], "BOOL");
    let request = json!({"inputs": inputs(json!([1, 2])), "outputs": [{"name": "label"}]});
    let only = post(&format!("{model}/infer"), &request).json();
    assert_eq!(only["outputs"].as_array().map(Vec::len), Some(1));

    let wrong = [
        (json!({"inputs": inputs(json!(["far", 1]))}), 422, "row 1: miles is not a number"),
        (json!({"inputs": inputs(json!([1]))}), 422, "does not have the length"),
        (json!({"inputs": [tensor("mile", "FP64", json!([1]))]}), 422, "\"did_you_mean\":\"miles\""),
        (json!({"inputs": [tensor("miles", "BYTES", json!(["1"]))]}), 422, "has the datatype BYTES"),
        (json!({"inputs": [], "outputs": [{"name": "logit"}]}), 422, "unknown output `logit`"),
        (json!({"rows": []}), 400, "missing field `inputs`"),
    ];
    for (body, status, expected) in wrong {
        let answer = post(&format!("{model}/infer"), &body);
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(answer.body.contains(expected) && answer.json()["error"].is_string(), "{expected}: {}", answer.body);
    }
    assert_eq!(get(&format!("{url}/v2/models/window-3/ready")).status, 409);
    let large = ask("POST", &format!("{model}/infer"), &[JSON], &vec![b' '; 33 << 20]);
    assert_eq!(large.status, 413);
    assert!(large.json()["error"].is_string(), "{}", large.body);
}

#[test]
fn a_server_that_is_not_ready_reports_its_progress() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (file, workdir) = (pipeline(folder.path()), folder.path().join("work").display().to_string());
    let text = std::fs::read_to_string(&file).expect("a file");
    std::fs::write(&file, format!("{text}\n[stream]\npace = {{ kind = \"fixed\", delay = \"100ms\" }}\n"))
        .expect("a file");
    let run = Running::start(&["run", &file, "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let url = run.wait_for("API: http").split_whitespace().nth(1).expect("an address").to_owned();
    let deadline = std::time::Instant::now() + STEP_TIMEOUT;
    loop {
        let (status, _, body) = http("GET", &format!("{url}/health/ready"), None);
        assert_eq!(status, 503, "{body}");
        if body.contains("% of window 1 (") {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{body}");
    }
    let answer = post(&format!("{url}/v1/models/latest/predict"), &row());
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
    assert!(answer.body.contains("no model yet: "), "{}", answer.body);
    assert!(http("GET", &format!("{url}/v2/models/cumulative-1/ready"), None).2.contains("\"error\":\"no model yet"));
    assert_eq!(http("GET", &format!("{url}/v2/health/live"), None).0, 200);
}

#[test]
fn events_are_sent_as_they_happen() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    let address = url.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).expect("it listens");
    stream.set_read_timeout(Some(STEP_TIMEOUT)).expect("a limit");
    write!(stream, "GET /v1/events HTTP/1.1\r\nhost: {address}\r\n\r\n").expect("it reads");
    let mut lines = BufReader::new(stream).lines();
    let head: Vec<String> = lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    assert!(head.iter().any(|line| line.eq_ignore_ascii_case("content-type: text/event-stream")), "{head:?}");
    let body = json!({"model": "window-1"}).to_string();
    assert_eq!(ask("PUT", &format!("{url}/v1/aliases/prod"), &[JSON], body.as_bytes()).status, 200);
    let mut events = lines.map_while(Result::ok).filter(|line| line.starts_with("data:"));
    // A new listener first gets the progress of the rows.
    let first = events.next().expect("an event");
    let first: Value = serde_json::from_str(first.trim_start_matches("data:")).expect("JSON");
    assert_eq!((&first["event"], &first["facts"]["state"]), (&json!("progress"), &json!("complete")), "{first}");
    assert_eq!(
        first["facts"]["steps"][2],
        json!({"name": "sealed", "rows": 300, "text": "300", "detail": "3 windows", "is_silent": false})
    );
    let event = events.find(|line| !line.contains("\"progress\"")).expect("an event");
    assert!(event.contains("\"event\":\"alias_changed\"") && event.contains("\"to\":\"window-1\""), "{event}");
    // A minute without events would look like a lost server, so progress is sent again.
    assert!(events.next().expect("an event").contains("\"progress\""));
}

#[test]
fn metrics_cover_rows_models_and_requests() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    let predict = format!("{url}/v1/models/latest/predict");
    for _ in 0..3 {
        assert_eq!(post(&predict, &row()).status, 200);
    }
    assert_eq!(post(&predict, &json!({})).status, 422);
    assert_eq!(get(&format!("{url}/nowhere")).status, 404);
    let answer = get(&format!("{url}/metrics"));
    assert!(answer.header("content-type").starts_with("application/openmetrics-text; version=1.0.0"));
    for line in [
        "windrow_http_requests_total{operation=\"predict\",status=\"200\"} 3",
        "windrow_http_requests_total{operation=\"predict\",status=\"422\"} 1",
        "windrow_http_requests_total{operation=\"none\",status=\"404\"} 1",
        "windrow_http_request_duration_seconds_count{operation=\"predict\"} 4",
        "windrow_prediction_probability_count{model=\"cumulative-3\"} 3",
        "windrow_rows_total{state=\"stored\"} 300",
        "windrow_alias{alias=\"latest\",model=\"cumulative-3\"} 1",
        "windrow_models 5",
    ] {
        assert!(answer.body.contains(line), "{line}\n{}", answer.body);
    }
    assert!(answer.body.contains("windrow_model_log_loss{model=\"cumulative-1\",window=\"2\",rows=\"window\"}"));
    assert!(answer.body.ends_with("# EOF\n"));
}

#[test]
fn an_invalid_file_of_keys_is_reported() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let file = pipeline(folder.path());
    with_table(&file, "keys = \"keys.toml\"");
    let serve = ["serve", &file, "--listen", "127.0.0.1:0"];
    let stderr_of = |output: std::process::Output| text(&output.stderr);
    let missing = windrow(&serve);
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr_of(missing).contains("cannot read the API keys in"));
    std::fs::write(folder.path().join("keys.toml"), "[[key]]\nname = \"ops\"\nscope = \"root\"\nsha256 = \"\"\n")
        .expect("a file");
    assert!(stderr_of(windrow(&serve)).contains("root"));
    let output = command(&serve).env("WINDROW_API_KEYS", "ops").output().expect("the binary runs");
    assert!(!output.status.success());
    let made = succeed(&["key", "ops", "--admin"]);
    assert!(made.contains("[[key]]\nname = \"ops\"\nscope = \"admin\"\nsha256 = \""), "{made}");
}
