//! The API as its callers see it: right answers, and an error with an explanation for every wrong request.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use proptest::prelude::*;
use serde_json::{Value, json};
use windrow_testing::http::{JSON, ask};
use windrow_testing::served::{pipeline, row, serve, server};
use windrow_testing::{STEP_TIMEOUT, http, json, succeed, wait_until};

#[test]
fn wrong_requests_get_answers_that_teach() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    let with = |field: &str, value: Value| {
        let mut row = row();
        row[field] = value;
        row.to_string()
    };
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let bodies: Vec<(&str, String)> = vec![
        ("nothing", String::new()),
        ("no JSON", "{\"miles\": ".to_owned()),
        ("NaN", row().to_string().replace("7.5", "NaN")),
        ("beyond the range of numbers", row().to_string().replace("7.5", "1e400")),
        ("too deep", with("miles", json!(0)).replace(":0", &format!(":{deep}"))),
        ("no object", "[1, 2]".to_owned()),
        ("null", "null".to_owned()),
        ("a missing field", json!({"miles": 1, "fare": 1, "carrier": "UA"}).to_string()),
        ("an unknown field", with("mile", json!(3))),
        ("a field twice", row().to_string().replacen('{', "{\"miles\": 5, ", 1)),
        ("a text for a number", with("miles", json!("far"))),
        ("a number as a text", with("miles", json!("100"))),
        ("a number for a text", with("carrier", json!(5))),
        ("a truth for a number", with("miles", json!(true))),
        ("an array for a number", with("miles", json!([1]))),
        ("no logarithm", with("fare", json!(-1))),
        ("another time", with("at", json!("07:00"))),
        ("many faults", json!({"miles": "far", "fares": 1, "at": 7}).to_string()),
        ("too large", format!("{{\"carrier\": \"{}\"}}", "x".repeat(70_000))),
    ];
    let mut answers = String::new();
    for (what, body) in &bodies {
        let (status, kind, answer) = http("POST", &format!("{url}/v1/models/cumulative-2/predict"), Some(body));
        assert_eq!(kind, "application/problem+json", "{what}: {answer}");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!(answer["status"], status, "{what}");
        writeln!(answers, "--- {what}: {status}\n{answer:#}").expect("memory");
    }
    let elsewhere = [
        ("an unknown model", "POST", "/v1/models/cumulative-9/predict"),
        ("a window that cannot be learned from", "POST", "/v1/models/window-3/predict"),
        ("an unknown path", "GET", "/v2/modells"),
        ("a wrong method", "POST", "/v1/models"),
        ("another wrong method", "GET", "/v1/models/latest/predict"),
    ];
    for (what, method, path) in elsewhere {
        let (status, kind, answer) = http(method, &format!("{url}{path}"), Some(&row().to_string()));
        assert_eq!(kind, "application/problem+json", "{what}: {answer}");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        writeln!(answers, "--- {what}: {status}\n{answer:#}").expect("memory");
    }
    insta::assert_snapshot!(answers);
}

#[test]
fn a_misspelt_model_gets_the_nearest_three_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    let known = |status: u16, answer: &str| {
        assert!(status == 404 && answer.len() < 1000, "{status}: {answer}");
        serde_json::from_str::<Value>(answer).expect("JSON")["known"].clone()
    };
    let (long, newest) = ("x".repeat(6000), json!(["advised", "champion", "latest"]));
    for (name, nearest) in [
        ("widnow-2", json!(["window-2", "window-3", "window-1"])),
        ("cumulative-17", json!(["cumulative-3", "cumulative-2", "cumulative-1"])),
        ("lastest", json!(["latest"])),
        ("nobody", newest.clone()),
        ("%00", newest.clone()),
        (long.as_str(), newest.clone()),
    ] {
        for path in ["v1/models/NAME", "v2/models/NAME", "v1/models/latest/diff/NAME"] {
            let (status, _, answer) = http("GET", &format!("{url}/{}", path.replace("NAME", name)), None);
            assert_eq!(known(status, &answer), nearest, "{path} {name:.40}");
        }
    }
    let promotion = json!({"model": "x".repeat(60_000)}).to_string();
    let answer = ask("PUT", &format!("{url}/v1/aliases/prod"), &[JSON], promotion.as_bytes());
    assert_eq!(known(answer.status, &answer.body), newest);
    // A name of a megabyte is refused, or the connection is closed.
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).expect("it listens");
    stream.set_read_timeout(Some(STEP_TIMEOUT)).expect("a limit");
    let mut answer = String::new();
    let sent =
        write!(stream, "GET /v1/models/{} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "x".repeat(1 << 20));
    let read = sent.and_then(|()| stream.read_to_string(&mut answer));
    assert!(read.is_err() || answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer:.400}");
    assert_eq!(http("GET", &format!("{url}/health/live"), None).0, 200);
}

#[test]
fn right_requests_are_answered_by_the_model_that_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    let predict = |model: &str, row: &Value| {
        let (status, _, answer) = http("POST", &format!("{url}/v1/models/{model}/predict"), Some(&row.to_string()));
        assert_eq!(status, 200, "{answer}");
        serde_json::from_str::<Value>(&answer).expect("JSON")
    };
    // The answer must be the one that the model's card records for its example.
    for id in ["cumulative-1", "cumulative-2", "window-2", "cumulative-3"] {
        let model = json(&folder.path().join(format!("work/models/{id}/model.json")));
        let example = &model["outcome"]["examples"][0];
        let answer = predict(id, &example["row"]);
        assert_eq!(answer["probability"], example["probability"], "{id}");
        assert_eq!(answer["model"], id);
        assert_eq!(answer["lineage"], model["lineage"]["id"]);
    }
    // Window 3 has no model of its own, so the newest model is the cumulative one.
    assert_eq!(predict("latest", &row())["model"], "cumulative-3");
    // There is no advice yet, so the advised model is the champion.
    assert_eq!(predict("advised", &row())["model"], "cumulative-3");
    let (status, _, alias) = http("GET", &format!("{url}/v1/aliases/advised/history"), None);
    let alias: Value = serde_json::from_str(&alias).expect("JSON");
    assert_eq!((status, alias), (200, json!({"alias": "advised", "model": "cumulative-3", "history": []})));
    // An unknown value counts as 'other', and null as missing; neither is an error.
    let mut strange = row();
    strange["carrier"] = json!("ZZ");
    strange["miles"] = Value::Null;
    predict("latest", &strange);

    // The newest model of each scheme, and every model with an alias; or all.
    let predictions = |query: &str| {
        let (status, _, answer) = http("POST", &format!("{url}/v1/predict{query}"), Some(&row().to_string()));
        assert_eq!(status, 200, "{answer}");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let asked = answer["predictions"].as_array().expect("a list").iter();
        let asked: Vec<String> = asked.map(|one| one["model"].as_str().expect("a name").to_owned()).collect();
        (asked.join(" "), answer["others"].clone())
    };
    assert_eq!(predictions(""), ("window-2 cumulative-3".to_owned(), json!(3)));
    let promotion = json!({"model": "cumulative-1"}).to_string();
    assert_eq!(ask("PUT", &format!("{url}/v1/aliases/first"), &[JSON], promotion.as_bytes()).status, 200);
    assert_eq!(predictions(""), ("cumulative-1 window-2 cumulative-3".to_owned(), json!(2)));
    let all = "cumulative-1 window-1 cumulative-2 window-2 cumulative-3";
    assert_eq!(predictions("?models=all"), (all.to_owned(), json!(0)));
    for query in ["?models=most", "?models=latest,champion", &format!("?models={}", "x".repeat(6000))] {
        let (status, _, answer) = http("POST", &format!("{url}/v1/predict{query}"), Some(&row().to_string()));
        let expected = "is not a valid value of the parameter models";
        assert!(status == 422 && answer.contains(expected) && answer.len() < 1000, "{query:.40}: {answer}");
    }

    let (_, _, list) = http("GET", &format!("{url}/v1/models"), None);
    let list: Value = serde_json::from_str(&list).expect("JSON");
    assert_eq!(list["models"].as_array().map(Vec::len), Some(6));
    assert_eq!(list["models"][5]["status"], "refused");
    let (_, _, card) = http("GET", &format!("{url}/v1/models/window-2"), None);
    let card: Value = serde_json::from_str(&card).expect("JSON");
    let named = card["coefficients"].as_array().expect("a list").iter().filter_map(|one| one["name"].as_str());
    let named: Vec<&str> = named.take(4).collect();
    assert_eq!(named, ["miles", "log(fare)", "carrier=AA", "carrier=B6"]);
    assert_eq!(card["windows"][0]["rows"], 100);

    // The page loads nothing from other hosts.
    let (status, kind, page) = http("GET", &format!("{url}/docs"), None);
    assert_eq!((status, kind.starts_with("text/html")), (200, true));
    assert!(page.contains("openapi.json") && !page.contains("src=\"http") && !page.contains("href=\"http"));
}

#[test]
fn models_appear_while_the_server_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, workdir) = (pipeline(folder.path()), folder.path().join("work"));
    let (_server, url) = serve(&file, &workdir.display().to_string());
    let (status, kind, answer) = http("GET", &format!("{url}/health/ready"), None);
    assert_eq!((status, kind.as_str()), (503, "application/problem+json"));
    assert!(answer.contains("no model yet"), "{answer}");
    assert_eq!(http("POST", &format!("{url}/v1/predict"), Some(&row().to_string())).0, 503);

    let elsewhere = folder.path().join("elsewhere").display().to_string();
    succeed(&["run", &file, "--once", "--broker", "embedded", "--workdir", &elsewhere, "--listen", "127.0.0.1:0"]);
    fs::create_dir_all(workdir.join("models")).expect("a folder");
    // A model that cannot be read does not affect the others.
    fs::create_dir_all(workdir.join("models/window-7")).expect("a folder");
    fs::write(workdir.join("models/window-7/model.json"), "{\"format\": 99}").expect("a file");
    for id in ["cumulative-1", "window-1"] {
        let from = format!("{elsewhere}/models/{id}");
        fs::rename(from, workdir.join("models").join(id)).expect("moved");
    }
    wait_until("the server notices new models", || {
        http("GET", &format!("{url}/openapi.json"), None).2.contains("/v1/models/window-1/predict")
    });
    assert_eq!(http("POST", &format!("{url}/v1/models/window-1/predict"), Some(&row().to_string())).0, 200);
    assert_eq!(http("GET", &format!("{url}/health/ready"), None).0, 200);
}

#[test]
fn every_request_gets_a_prediction_or_a_problem() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~é\u{0}]{0,20}".prop_map(Value::from),
        Just(json!([1, {"a": null}])),
        Just(json!("2013-01-01 07:00")),
    ];
    let names = prop_oneof![Just("miles"), Just("fare"), Just("carrier"), Just("at"), Just("late"), Just("")];
    let object = prop::collection::vec((names, leaf), 0..8).prop_map(|fields| {
        Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()).to_string()
    });
    let body = prop_oneof![4 => object, 1 => "\\PC{0,60}", 1 => "[\\[\\]{}\":,0-9a-z]{0,40}"];
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(1000));
    let result = runner.run(&body, |body| {
        let (status, kind, answer) = http("POST", &format!("{url}/v1/models/latest/predict"), Some(&body));
        let is_problem = (400..500).contains(&status) && kind == "application/problem+json";
        let is_prediction = status == 200 && answer.contains("\"probability\"");
        prop_assert!(is_problem || is_prediction, "{status} {kind} {answer}");
        Ok(())
    });
    result.expect("no surprise");
}
