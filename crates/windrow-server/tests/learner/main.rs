//! The HTTP API with models of a learner outside of this program. The learner here is one in Rust, so no process is
//! started.

mod fake;
mod server;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use windrow_learn::model::calibrated;
use windrow_registry::Registry;

use crate::fake::Failure;
use crate::server::{COMMAND, Server, logistic, pipeline, publish};

/// A row whose probability is 0.1.
const ROW: &str = r#"{"miles":100,"fare":7.5,"carrier":"UA","at":"2013-01-01 07:00"}"#;

fn row(miles: f64) -> String {
    json!({ "miles": miles, "fare": 7.5, "carrier": "UA", "at": "2013-01-01 07:00" }).to_string()
}

fn probability(answer: &Value) -> f64 {
    answer["probability"].as_f64().unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn a_row_is_answered_by_the_learner_under_each_name() {
    let server = Server::start(true);
    for name in ["cumulative-2", "latest", "champion", "advised"] {
        let answer = server.post(&format!("/v1/models/{name}/predict"), ROW);
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
        let expected = json!({
            "model": "cumulative-2", "lineage": "8ef8022b3185", "probability": 0.1, "label": false, "threshold": 0.5
        });
        assert_eq!(answer.json(), expected, "{name}");
    }
    let asked = server.learner.asked();
    let place = server.registry.learner_folder(server.registry.snapshot().latest().expect("a model").artifact());
    assert_eq!(Some(&asked[0].folder), place.as_ref());
    // The learner gets numbers, logarithms, texts and parts of times.
    let expected = json!({ "miles": 100.0, "log(fare)": 7.5_f64.ln_1p(), "carrier": "UA", "hour(at)": 7 });
    assert_eq!(Value::Object(asked[0].rows[0].clone()), expected);
    let positive = server.post("/v1/models/latest/predict", &row(500.0)).json();
    assert_eq!((probability(&positive), &positive["label"]), (0.5, &json!(true)));
}

#[test]
fn a_number_outside_is_listed_but_not_held_and_nothing_is_explained() {
    let server = Server::start(true);
    let body = row(900.0).replace("UA", "ZZ");
    let answer = server.post("/v1/models/latest/predict?explain=true", &body).json();
    assert_eq!(probability(&answer), 0.9);
    assert_eq!(answer["outside"], json!([{ "field": "miles", "value": 900.0, "low": 0.0, "high": 499.0 }]));
    assert_eq!(answer["unknown"][0]["field"], "carrier");
    assert_eq!(answer.get("explanation"), None);
    assert!(answer["not_explained"].as_str().is_some_and(|text| text.starts_with("not available: ")), "{answer}");
    assert_eq!(server.learner.asked()[0].rows[0]["carrier"], "ZZ");
}

#[test]
fn a_faulty_request_does_not_reach_the_learner() {
    let server = Server::start(true);
    let faulty = r#"{"miles":"far","fare":7.5,"carrier":"UA"}"#;
    let answer = server.post("/v1/models/latest/predict", faulty);
    assert_eq!((answer.status, answer.json()["errors"].as_array().map(Vec::len)), (422, Some(2)));
    // The fault is in the last row, after several slices.
    let lines = format!("{ROW}\n").repeat(2_500) + faulty;
    let answer = server.post_as("/v1/models/latest/predict/batch", "application/x-ndjson", &lines);
    assert_eq!((answer.status, answer.json()["errors"][0]["row"].clone()), (422, json!(2_501)));
    let tensor = |name: &str, data: Value| json!({ "name": name, "shape": [1], "datatype": "BYTES", "data": data });
    let tensors = json!({ "inputs": [tensor("carrier", json!(["UA"])), tensor("at", json!(["2013-01-01 07:00"]))] });
    assert_eq!(server.post("/v2/models/latest/infer", &tensors.to_string()).status, 422);
    assert!(server.learner.asked().is_empty());
}

#[test]
fn many_rows_are_answered_in_their_order() {
    let server = Server::start(true);
    let miles: Vec<f64> = (0..2_500).map(|index| f64::from(index % 1_000)).collect();
    let table: String = miles
        .iter()
        .fold("miles,fare,carrier,at\n".to_owned(), |text, miles| text + &format!("{miles},7.5,UA,2013-01-01 07:00\n"));
    let lines: String = miles.iter().map(|miles| row(*miles) + "\n").collect();
    let array = format!("[{}]", miles.iter().map(|miles| row(*miles)).collect::<Vec<_>>().join(","));
    let expected: Vec<f64> = miles.iter().map(|miles| miles / 1_000.0).collect();
    let path = "/v1/models/latest/predict/batch";

    let answer = server.post(path, &array).json();
    let found: Vec<f64> = answer["predictions"].as_array().expect("rows").iter().map(probability).collect();
    assert_eq!(found, expected);
    assert_eq!(answer["ranges"], json!({ "miles": { "low": 0.0, "high": 499.0 } }));
    assert_eq!(answer["predictions"][500]["outside"], json!(["miles"]));
    assert_eq!(
        (&answer["predictions"][499]["label"], &answer["predictions"][500]["label"]),
        (&json!(false), &json!(true))
    );

    let answer = server.post_as(path, "application/x-ndjson", &lines).text;
    let found: Vec<f64> = answer.lines().map(|line| probability(&serde_json::from_str(line).expect("JSON"))).collect();
    assert_eq!(found, expected);

    let answer = server.post_as(path, "text/csv", &table).text;
    let found: Vec<f64> = answer
        .lines()
        .skip(1)
        .map(|line| line.split(',').next().and_then(|p| p.parse().ok()).expect("a number"))
        .collect();
    assert_eq!(found, expected);

    let texts = |text: &'static str| vec![text; miles.len()];
    let tensor = |name: &str, datatype: &str, data: Value| json!({ "name": name, "shape": [miles.len()], "datatype": datatype, "data": data });
    let tensors = json!({ "inputs": [
        tensor("miles", "FP64", json!(miles)),
        tensor("fare", "FP64", json!(vec![7.5; miles.len()])),
        tensor("carrier", "BYTES", json!(texts("UA"))),
        tensor("at", "BYTES", json!(texts("2013-01-01 07:00"))),
    ] });
    let answer = server.post("/v2/models/latest/infer", &tensors.to_string()).json();
    assert_eq!(answer["outputs"][0]["data"], json!(expected), "{answer}");

    let slices: Vec<usize> = server.learner.asked().iter().map(|asked| asked.rows.len()).collect();
    assert_eq!(slices, [1_000, 1_000, 500].repeat(4));
}

#[test]
fn slices_are_bounded_by_their_bytes() {
    let server = Server::start(true);
    // 100 rows of some 30 KB each take six slices.
    let long = row(100.0).replace("UA", &"x".repeat(30_000));
    let lines = format!("{long}\n").repeat(100);
    let answer = server.post_as("/v1/models/latest/predict/batch", "application/x-ndjson", &lines);
    assert_eq!((answer.status, answer.text.lines().count()), (200, 100));
    let asked = server.learner.asked();
    let bytes = asked.iter().map(|asked| serde_json::to_vec(&asked.rows).expect("JSON").len());
    assert!(bytes.clone().all(|bytes| bytes <= 513 << 10), "{:?}", bytes.collect::<Vec<_>>());
    assert_eq!(asked.len(), 6);
    let longest = row(100.0).replace("UA", &"x".repeat(600_000));
    let answer = server.post("/v1/models/latest/predict/batch", &format!("[{longest}]"));
    assert_eq!(answer.status, 413, "{}", answer.text);
    assert!(answer.json()["detail"].as_str().is_some_and(|detail| detail.contains("the learner")), "{}", answer.text);
    assert_eq!(server.learner.asked().len(), 6);
}

#[test]
fn a_recalibrated_model_has_the_folder_of_its_fit() {
    let server = Server::start(true);
    server.publish("cumulative-2-recalibrated-3", "aa", Some((0.5, 2.0)));
    let answer = server.post("/v1/models/cumulative-2-recalibrated-3/predict", ROW).json();
    assert_eq!(probability(&answer), calibrated(0.1, (0.5, 2.0)));
    assert_eq!(probability(&server.post("/v1/models/cumulative-2/predict", ROW).json()), 0.1);
    let asked = server.learner.asked();
    assert_eq!(asked[0].folder, asked[1].folder);
    let both = server.post("/v1/predict?models=all", ROW).json();
    let found: Vec<f64> = both["predictions"].as_array().expect("models").iter().map(probability).collect();
    assert_eq!(found, [0.1, calibrated(0.1, (0.5, 2.0))]);
    let difference = server.post("/v1/models/cumulative-2/diff/cumulative-2-recalibrated-3", ROW);
    assert_eq!(difference.status, 200, "{}", difference.text);
    assert_eq!(difference.json()["row"]["second"]["probability"], calibrated(0.1, (0.5, 2.0)));
}

#[test]
fn each_failure_has_its_status_and_its_sentence() {
    let server = Server::start(true);
    for (failure, status, kind, part) in [
        (Failure::Busy, 503, "urn:windrow:overloaded", "as its queue takes"),
        (Failure::Died, 503, "urn:windrow:learner-died", "twice in a row while it predicted with cumulative-2"),
        (Failure::Stopped, 503, "urn:windrow:not-ready", "the server is ending"),
        (Failure::Failed, 500, "urn:windrow:internal-error", "reports an error instead of a prediction"),
        (Failure::Hello, 503, "urn:windrow:not-ready", "cannot be started"),
        (Failure::Unstartable, 503, "urn:windrow:not-ready", "cannot be started"),
    ] {
        server.learner.fail(Some(failure));
        let tensors = r#"{"inputs":[{"name":"miles","shape":[1],"datatype":"FP64","data":[100]},
            {"name":"fare","shape":[1],"datatype":"FP64","data":[7.5]},
            {"name":"carrier","shape":[1],"datatype":"BYTES","data":["UA"]},
            {"name":"at","shape":[1],"datatype":"BYTES","data":["2013-01-01 07:00"]}]}"#;
        let array = format!("[{ROW}]");
        for (path, body) in [
            ("/v1/models/latest/predict", ROW),
            ("/v1/models/latest/predict/batch", array.as_str()),
            ("/v1/predict", ROW),
            ("/v1/models/latest/diff/cumulative-2", ROW),
            ("/v2/models/latest/infer", tensors),
        ] {
            let answer = server.post(path, body);
            assert_eq!(
                (answer.status, answer.json()["type"].as_str()),
                (status, Some(kind)),
                "{path}: {}",
                answer.text
            );
            assert!(answer.text.contains(part) && !answer.text.contains("secret"), "{path}: {}", answer.text);
            assert_eq!(answer.retry_after.is_some(), status == 503, "{path}: {failure:?}");
        }
        let ready = if failure == Failure::Unstartable { 503 } else { 200 };
        assert_eq!(server.get("/health/ready").status, ready, "{failure:?}");
    }
    server.learner.fail(None);
    assert_eq!(server.get("/health/ready").status, 200);
    assert_eq!(server.post("/v1/models/latest/predict", ROW).status, 200);
}

#[test]
fn a_model_that_is_removed_or_of_another_learner_is_not_asked() {
    let server = Server::start(true);
    server.publish("cumulative-3", "bb", None);
    let answer = server.post("/v1/models/cumulative-3/predict", ROW);
    assert_eq!(answer.status, 503);
    assert!(answer.text.contains("of another learner"), "{}", answer.text);
    assert_eq!(server.get("/v2/models/cumulative-3/ready").status, 503);
    assert_eq!(server.get("/v2/models/cumulative-2/ready").status, 200);
    for path in ["/health/ready", "/v2/health/ready"] {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.json()["type"].as_str()), (503, Some("urn:windrow:not-ready")), "{path}");
        assert!(answer.text.contains("cumulative-3 is of another learner"), "{path}: {}", answer.text);
    }
    // The next model is of the learner that runs.
    server.publish("cumulative-4", "aa", None);
    for path in ["/health/ready", "/v2/health/ready"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    assert!(server.learner.asked().is_empty());
    // The files are removed while the request waits.
    let snapshot = server.registry.snapshot();
    let model = snapshot.resolve("cumulative-2").expect("a model");
    let folder = server.registry.learner_folder(model.artifact()).expect("a folder");
    std::fs::remove_dir_all(folder).expect("a folder");
    server.learner.fail(Some(Failure::Failed));
    let answer = server.post("/v1/models/cumulative-2/predict", ROW);
    assert_eq!((answer.status, answer.retry_after.as_deref()), (503, Some("1")), "{}", answer.text);
    assert!(answer.text.contains("removed or made again"), "{}", answer.text);
}

#[test]
fn without_a_learner_there_is_no_prediction() {
    let server = Server::start(false);
    let answer = server.post("/v1/models/latest/predict", ROW);
    assert_eq!(answer.status, 503);
    assert!(answer.text.contains("does not run in this server"), "{}", answer.text);
    assert_eq!(server.get("/v2/models/latest/ready").status, 503);
    assert_eq!(server.get("/v1/models/latest").status, 200, "the card needs no learner");
    for path in ["/health/ready", "/v2/health/ready"] {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.retry_after.is_some()), (503, true), "{path}: {}", answer.text);
        assert!(answer.text.contains("does not run in this server"), "{path}: {}", answer.text);
    }
    assert_eq!(server.get("/health/live").status, 200);
    assert!(!server.get("/metrics").text.contains("windrow_learner"));
}

#[test]
fn a_slow_learner_does_not_slow_other_requests() {
    let server = Server::start(true);
    server.learner.close();
    thread::scope(|scope| {
        let requests: Vec<_> = (0..16).map(|_| scope.spawn(|| server.post("/v1/models/latest/predict", ROW))).collect();
        server.wait_for("all requests wait", || server.learner.asked().len() == requests.len());
        for path in ["/v1/models", "/v1/models/latest", "/health/ready", "/metrics", "/openapi.json", "/models/latest"]
        {
            assert_eq!(server.get(path).status, 200, "{path}");
        }
        assert_eq!(server.post("/v1/models/latest/predict", "{}").status, 422);
        server.learner.open();
        for request in requests {
            assert_eq!(request.join().expect("no panic").status, 200);
        }
    });
}

#[test]
fn a_request_whose_client_has_left_does_not_wait_for_the_learner() {
    let mut pipeline = Arc::unwrap_or_clone(pipeline(COMMAND));
    // A client that has closed its connection is known to have left when its request has taken this long: until then, it
    // may have closed only its sending half.
    pipeline.serve.timeout = Duration::from_secs(5);
    let server = Server::start_with(true, &Arc::new(pipeline));
    server.learner.close();
    let tensors =
        |name: &str, kind: &str, value: Value| json!({ "name": name, "shape": [1], "datatype": kind, "data": [value] });
    let tensors = json!({ "inputs": [
        tensors("miles", "FP64", json!(100)),
        tensors("fare", "FP64", json!(7.5)),
        tensors("carrier", "BYTES", json!("UA")),
        tensors("at", "BYTES", json!("2013-01-01 07:00")),
    ] });
    let array = format!("[{ROW}]");
    let requests = [
        ("/v1/models/latest/predict", ROW.to_owned(), 1),
        ("/v1/models/latest/predict/batch", array, 1),
        ("/v1/predict", ROW.to_owned(), 1),
        // Both models are asked at once.
        ("/v1/models/latest/diff/cumulative-2", ROW.to_owned(), 2),
        ("/v2/models/latest/infer", tensors.to_string(), 1),
    ];
    let mut number = 0;
    for (path, body, asked) in &requests {
        number += asked;
        let client = server.send(path, body);
        server.wait_for("the request waits", || server.learner.asked().len() == number);
        drop(client);
        server.wait_for("the request has left", || server.learner.left() == number);
    }
    server.learner.open();
    assert_eq!(server.post("/v1/models/latest/predict", ROW).status, 200);
    assert_eq!(server.learner.asked().len(), number + 1);
}

#[test]
fn several_models_are_asked_at_once_and_answer_in_their_order() {
    let server = Server::start(true);
    for id in ["cumulative-3", "cumulative-4"] {
        server.publish(id, "aa", None);
    }
    server.learner.close_for("cumulative-2");
    let asked = thread::scope(|scope| {
        let request = scope.spawn(|| server.post("/v1/predict?models=all", ROW));
        // The learner has two processes. One of them waits, so the third model is asked after the second has answered.
        server.wait_for("all models are asked", || server.learner.asked().len() == 3);
        server.learner.open();
        let answer = request.join().expect("no panic").json();
        let models = answer["predictions"].as_array().expect("models").iter().map(|one| one["model"].clone());
        assert_eq!(models.collect::<Vec<_>>(), ["cumulative-2", "cumulative-3", "cumulative-4"]);
        server.learner.asked()
    });
    assert!(asked[2].folder.to_string_lossy().contains("cumulative-4"), "{asked:?}");
}

#[test]
fn after_a_failure_of_one_model_the_others_are_not_waited_for() {
    let server = Server::start(true);
    server.publish("cumulative-3", "aa", None);
    server.learner.close_for("cumulative-2");
    server.learner.fail(Some(Failure::Busy));
    // The first model never answers, and the queue is full for the second one.
    let paths = ["/v1/predict?models=all", "/v1/models/cumulative-2/diff/cumulative-3"];
    for (number, path) in (1..).zip(paths) {
        let answer = server.post(path, ROW);
        let found = (answer.status, answer.json()["type"].clone(), answer.retry_after);
        assert_eq!(found, (503, json!("urn:windrow:overloaded"), Some("1".to_owned())), "{path}");
        server.wait_for("the first model is not asked any more", || server.learner.left() == number);
    }
}

#[test]
fn an_answer_is_of_one_model_also_during_a_swap() {
    let server = Server::start(true);
    server.learner.close();
    thread::scope(|scope| {
        let before = scope.spawn(|| server.post("/v1/models/latest/predict", ROW).json());
        server.wait_for("the request waits", || server.learner.asked().len() == 1);
        server.publish("cumulative-3", "aa", None);
        server.learner.open();
        assert_eq!(before.join().expect("no panic")["model"], "cumulative-2");
    });
    assert_eq!(server.post("/v1/models/latest/predict", ROW).json()["model"], "cumulative-3");
    let folders: Vec<_> = server.learner.asked().into_iter().map(|asked| asked.folder).collect();
    assert!(folders[0].to_string_lossy().contains("cumulative-2"), "{folders:?}");
    assert!(folders[1].to_string_lossy().contains("cumulative-3"), "{folders:?}");
}

#[test]
fn health_and_metrics_show_the_processes() {
    let server = Server::start(true);
    let expected = json!({ "workers": 2, "busy": 1, "idle": 1, "waiting": 3, "starts": 5, "deaths": 4 });
    assert_eq!(server.get("/health/ready").json(), json!({ "status": "ready", "learner": expected }));
    assert_eq!(server.get("/health/live").json(), json!({ "status": "live" }));
    let metrics = server.get("/metrics").text;
    for line in [
        "windrow_learner_workers{state=\"busy\"} 1.0",
        "windrow_learner_workers{state=\"idle\"} 1.0",
        "windrow_learner_workers_limit 2.0",
        "windrow_learner_waiting 3.0",
        "windrow_learner_starts_total 5",
        "windrow_learner_deaths_total 4",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}:\n{metrics}");
    }
    server.post("/v1/models/latest/predict", ROW);
    let metrics = server.get("/metrics").text;
    assert!(metrics.contains("windrow_prediction_probability_count{model=\"cumulative-2\"} 1"), "{metrics}");
}

#[test]
fn the_document_has_the_models_of_a_learner_and_says_what_they_lack() {
    let folder = tempfile::tempdir().expect("a folder");
    let registry = Registry::open(folder.path()).expect("a folder");
    publish(&registry, folder.path(), "cumulative-2", "aa", None);
    let document: Value = serde_json::from_str(&windrow_server::document(&pipeline(COMMAND), registry)).expect("JSON");
    let predict = &document["paths"]["/v1/models/cumulative-2/predict"]["post"];
    let schema = &document["components"]["schemas"]["Row_cumulative_2"];
    assert_eq!(schema["required"], json!(["miles", "fare", "carrier", "at"]));
    let described = schema["properties"]["miles"]["description"].as_str().expect("a text");
    assert!(described.contains("from 0 to 499") && described.contains("as it is"), "{described}");
    let body = &predict["requestBody"]["content"]["application/json"];
    assert_eq!(body["example"]["miles"], 200);
    let answers = &predict["responses"];
    let media = answers["200"]["content"].as_object().expect("media").values().next().expect("an example");
    assert_eq!(media["example"]["probability"], 0.340924, "that of the stored example");
    assert_eq!(answers["422"]["content"]["application/problem+json"]["example"]["errors"][0]["field"], "miles");
    assert!(document["paths"]["/v1/models/cumulative-2/predict/batch"]["post"].is_object());
    let schemas = &document["components"]["schemas"];
    assert!(schemas["Prediction"]["properties"]["not_explained"].is_object());
    assert!(schemas["Health"]["properties"]["learner"].is_object() && schemas["LearnerHealth"].is_object());
    assert!(!schemas["OutsideNumber"]["required"].as_array().expect("names").contains(&json!("held")));
}

#[test]
fn the_document_of_another_solver_does_not_mention_learners() {
    let folder = tempfile::tempdir().expect("a folder");
    let registry = Registry::open(folder.path()).expect("a folder");
    registry.publish(&logistic("cumulative-2")).expect("room on the disk");
    let document: Value = serde_json::from_str(&windrow_server::document(&pipeline(""), registry)).expect("JSON");
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["Prediction"]["properties"].get("not_explained"), None);
    assert_eq!(schemas["Health"]["properties"].get("learner"), None);
    assert_eq!((schemas.get("LearnerHealth"), schemas.get("LearnerFit")), (None, None));
    assert_eq!(schemas["OutsideNumber"]["required"], json!(["field", "value", "low", "high", "held"]));
}
