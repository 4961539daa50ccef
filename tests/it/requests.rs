//! The forms that values in a request may have, whatever the form of the data file.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use windrow_testing::http::{JSON, ask};
use windrow_testing::served::{row, serve};
use windrow_testing::{Running, http, json, run_once};

/// Starts a server over three windows whose category `vendor` has the values 1, 2 and 4, and whose times have a given
/// format. `time` writes the time of an hour since 2013-01-01. Returns the server and its URL.
fn server(folder: &Path, format: &str, time: impl Fn(u32) -> String) -> (Running, String) {
    let mut dataset = "at,late,miles,vendor,carrier\n".to_owned();
    for row in 0..300_u32 {
        let late = u8::from((row * 7) % 10 < 4);
        let (vendor, carrier) = ([1, 2, 4][row as usize % 3], ["UA", "AA"][row as usize % 2]);
        writeln!(dataset, "{},{late},{},{vendor},{carrier}", time(row), (row * 37) % 500).expect("memory");
    }
    fs::write(folder.join("d.csv"), dataset).expect("a file");
    let file = folder.join("p.toml");
    let text = format!(
        "name = \"p\"\n[dataset]\npath = \"d.csv\"\ntime = {{ column = \"at\", format = \"{format}\" }}\n\
         [target]\ncolumn = \"late\"\nequals = \"1\"\n[features]\nnumeric = [\"miles\"]\n\
         categorical = [\"vendor\", \"carrier\"]\ncalendar = [\"hour\", \"weekday\"]\nmin_count = 2\n[window]\nrows = 100\n"
    );
    fs::write(&file, text).expect("a file");
    let (file, workdir) = (file.display().to_string(), folder.join("work").display().to_string());
    run_once(&file, &workdir, &[]);
    serve(&file, &workdir)
}

/// Writes an hour since 2013-01-01, which is a Tuesday, as seconds since 1970.
fn seconds(hour: u32) -> String {
    (1_356_998_400 + u64::from(hour) * 3600).to_string()
}

/// Asks the latest model about a row with one other value. Returns the status and the answer.
fn asked(url: &str, field: &str, value: &Value) -> (u16, Value) {
    let mut row = json!({"miles": 100, "vendor": "1", "carrier": "UA", "at": "1357027200"});
    row[field] = value.clone();
    let (status, _, answer) =
        http("POST", &format!("{url}/v1/models/latest/predict?explain=true"), Some(&row.to_string()));
    (status, serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}")))
}

/// Returns the levels that an answer names for its one-hot features: vendor, carrier, hour and weekday.
fn levels(answer: &Value) -> Vec<&str> {
    let parts = answer["explanation"]["contributions"].as_array().expect("a list").iter();
    parts.filter_map(|part| part["level"].as_str()).collect()
}

#[test]
fn a_category_may_be_a_number_if_its_texts_are_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path(), "seconds", seconds);
    let (_, expected) = asked(&url, "vendor", &json!("1"));
    for same in [json!(1), json!(1.0)] {
        let (status, answer) = asked(&url, "vendor", &same);
        assert_eq!((status, levels(&answer)[0]), (200, "1"), "{same}: {answer}");
        assert_eq!(answer["probability"], expected["probability"], "{same}");
    }
    let (status, answer) = asked(&url, "vendor", &json!(3));
    assert_eq!((status, levels(&answer)[0]), (200, "(other)"), "{answer}");
    assert_eq!(answer["unknown"], json!([{"field": "vendor", "given": "3"}]));
    for (field, value, reason) in [
        ("vendor", json!(true), "is not a text"),
        ("vendor", json!(9_007_199_254_740_993_u64), "is not exact as a number: send it as a text"),
        ("carrier", json!(1), "is not a text"),
    ] {
        let (status, answer) = asked(&url, field, &value);
        assert_eq!((status, answer["errors"][0]["reason"].as_str()), (422, Some(reason)), "{value}: {answer}");
    }
    // Numbers that JSON does not have are not JSON.
    for text in ["NaN", "Infinity", "-Infinity", "1e999", "0x1", "01", "+1", "1."] {
        let body = format!("{{\"miles\": 1, \"vendor\": {text}, \"carrier\": \"UA\", \"at\": null}}");
        let answer = ask("POST", &format!("{url}/v1/models/latest/predict"), &[JSON], body.as_bytes());
        assert_eq!(answer.status, 400, "{text}: {}", answer.body);
    }
    // As texts, they are unknown values.
    for text in ["NaN", "inf", "1.0", " 1"] {
        assert_eq!(asked(&url, "vendor", &json!(text)).0, 200, "{text}");
    }
    // A batch and tensors follow the same rule.
    let rows = json!([{"miles": 100, "vendor": 1, "carrier": "UA", "at": "1357027200"}]);
    let batch = ask("POST", &format!("{url}/v1/models/latest/predict/batch"), &[JSON], rows.to_string().as_bytes());
    assert_eq!(batch.json()["predictions"][0]["probability"], expected["probability"]);
    for (datatype, data) in [("INT64", json!([1])), ("FP32", json!([1.0])), ("BYTES", json!(["1"]))] {
        let tensor = |name: &str, datatype: &str, data: &Value| {
            let shape = [data.as_array().map_or(0, Vec::len)];
            json!({"name": name, "datatype": datatype, "shape": shape, "data": data})
        };
        let inputs = json!({"inputs": [
            tensor("miles", "FP64", &json!([100])),
            tensor("vendor", datatype, &data),
            tensor("carrier", "BYTES", &json!(["UA"])),
            tensor("at", "BYTES", &json!(["1357027200"])),
        ]});
        let answer = ask("POST", &format!("{url}/v2/models/latest/infer"), &[JSON], inputs.to_string().as_bytes());
        assert_eq!(answer.json()["outputs"][0]["data"][0], expected["probability"], "{datatype}: {}", answer.body);
    }
    // The document says so.
    let document: Value = serde_json::from_str(&http("GET", &format!("{url}/openapi.json"), None).2).expect("JSON");
    let fields = &document["components"]["schemas"]["Row_cumulative_3"]["properties"];
    assert_eq!(fields["vendor"]["anyOf"][0], json!({"type": "string", "nullable": true}));
    assert_eq!(fields["vendor"]["anyOf"][1]["type"], "number");
    assert!(fields["vendor"]["example"].is_number() && fields["carrier"]["type"] == "string", "{fields:#}");
    let about = fields["vendor"]["description"].as_str().expect("a text");
    assert!(about.ends_with("A number counts as the known text with the same value."), "{about}");
}

/// Checks the hour and the weekday that a model takes from times, and that it refuses others.
fn check_times(format: &str, time: impl Fn(u32) -> String, taken: &[(&str, &str, &str)]) {
    let folder = tempfile::tempdir().expect("a folder");
    let own = time(8);
    let (_server, url) = server(folder.path(), format, time);
    for (text, hour, weekday) in taken.iter().chain(&[(own.as_str(), "8", "2"), ("2013-01-01T08:00:00Z", "8", "2")]) {
        let (status, answer) = asked(&url, "at", &json!(text));
        assert_eq!((status, levels(&answer)[2..].to_vec()), (200, vec![*hour, *weekday]), "{format} {text}: {answer}");
    }
    let long = "2".repeat(60_000);
    for text in [
        "2013-01-01T08:00:00+99:99",
        "2013-01-01T24:00:00Z",
        "2013-02-30T08:00:00Z",
        "2013-01-01T08:00:00 Z",
        "20130101T080000Z",
        "2013-01-01T08:00:00\u{2212}05:00",
        "2013-01-01",
        "noon",
        "",
        &long,
    ] {
        let (status, answer) = asked(&url, "at", &json!(text));
        assert_eq!((status, &answer["errors"][0]["field"]), (422, &json!("at")), "{format}: {answer}");
        let expected = format!("a time of the form {format} or as in 2024-05-01T12:00:00Z (RFC 3339), or null");
        assert!(answer["errors"][0]["expected"].as_str().expect("a text").starts_with(&expected), "{answer}");
        assert!(answer.to_string().len() < 1000, "{format}: {} bytes", answer.to_string().len());
    }
    let document: Value = serde_json::from_str(&http("GET", &format!("{url}/openapi.json"), None).2).expect("JSON");
    let about = &document["components"]["schemas"]["Row_cumulative_3"]["properties"]["at"]["description"];
    assert!(about.as_str().is_some_and(|about| about.contains(", or RFC 3339; its hour ")), "{about}");
}

/// Writes an hour since 2013-01-01 by its day of January and its hour.
fn written(hour: u32, write: impl Fn(u32, u32) -> String) -> String {
    write(1 + hour / 24, hour % 24)
}

#[test]
fn a_time_may_be_of_rfc_3339_and_counts_as_written() {
    let local = |hour| written(hour, |day, hour| format!("{day:02}.01.2013 {hour:02}:00"));
    let taken = [
        ("2013-01-01T08:00:00+02:00", "8", "2"),
        ("2013-01-01T23:30:00-05:00", "23", "2"),
        ("2013-01-02t07:59:59.999z", "7", "3"),
        ("2013-01-01 08:00:00", "8", "2"),
        ("2013-01-01T08:00", "8", "2"),
    ];
    check_times("%d.%m.%Y %H:%M", local, &taken);
    let offset = |hour| written(hour, |day, hour| format!("2013-01-{day:02}T{hour:02}:00:00+01:00"));
    check_times("%Y-%m-%dT%H:%M:%S%:z", offset, &taken);
}

#[test]
fn a_time_of_rfc_3339_is_converted_if_the_file_is_in_utc() {
    let taken = [
        ("2013-01-01T08:00:00+02:00", "6", "2"),
        ("2013-01-01T01:00:00+02:00", "23", "1"),
        ("2013-01-01T08:00:00", "8", "2"),
    ];
    check_times("seconds", seconds, &taken);
    let zulu = |hour| written(hour, |day, hour| format!("2013-01-{day:02}T{hour:02}:00:00Z"));
    check_times("%Y-%m-%dT%H:%M:%SZ", zulu, &taken);
}

#[test]
fn a_number_outside_the_training_rows_counts_as_the_nearer_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = windrow_testing::served::server(folder.path());
    let model = json(&folder.path().join("work/models/window-2/model.json"));
    let range = |feature: usize| {
        let encoding = &model["outcome"]["encoder"]["features"][feature]["encoding"];
        (encoding["min"].as_f64().expect("a number"), encoding["max"].as_f64().expect("a number"))
    };
    let ((near, far), (cheap, dear)) = (range(0), range(1));
    let with = |miles: f64, fare: f64| {
        let mut row = row();
        (row["miles"], row["fare"]) = (json!(miles), json!(fare));
        row
    };
    let ask = |path: &str, kind: &str, body: &str| {
        let answer =
            ask("POST", &format!("{url}/v1/models/window-2/predict{path}"), &[("content-type", kind)], body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    };
    let (given, held) = (with(far + 900.0, -0.5), with(far, cheap));
    let answer = ask("?explain=true", "application/json", &given.to_string()).json();
    let expected = ask("", "application/json", &held.to_string()).json();
    assert_eq!(answer["probability"], expected["probability"]);
    assert_eq!(expected.get("outside"), None, "the ends are within: {expected}");
    let outside = json!([
        {"field": "miles", "value": far + 900.0, "low": near, "high": far, "held": far},
        {"field": "fare", "value": -0.5, "low": cheap, "high": dear, "held": cheap},
    ]);
    assert_eq!(answer["outside"], outside);
    // The contributions are those of the held numbers, and say so.
    let parts = answer["explanation"]["contributions"].as_array().expect("a list");
    assert_eq!((&parts[0]["held"], &parts[1]["held"]), (&json!(far), &json!(cheap)));
    assert_eq!((parts[1]["given"].as_str(), parts[2].get("held")), (Some("-0.5"), None));
    let number = |value: &Value| value.as_f64().expect("a number");
    let baseline = number(&answer["explanation"]["baseline"]);
    let sum = parts.iter().fold(baseline, |sum, part| sum + number(&part["log_odds"]));
    assert_eq!(sum.to_bits(), number(&answer["explanation"]["log_odds"]).to_bits());

    // Batches list only the names, in each format. JSON has the ranges once.
    let outside = json!(["miles", "fare"]);
    let rows = json!([held, given]);
    let answer = ask("/batch", "application/json", &rows.to_string()).json();
    let ranges = json!({"miles": {"low": near, "high": far}, "fare": {"low": cheap, "high": dear}});
    assert_eq!(answer["ranges"], ranges);
    assert_eq!(answer["predictions"][0].get("outside"), None);
    assert_eq!(answer["predictions"][1]["outside"], outside);
    assert_eq!(answer["predictions"][1]["probability"], expected["probability"]);
    let within = ask("/batch", "application/json", &json!([held]).to_string()).json();
    assert_eq!((within.get("ranges"), &within["predictions"][0]["label"]), (None, &expected["label"]));
    let answer = ask("/batch", "application/x-ndjson", &format!("{held}\n{given}\n")).body;
    let last: Value = serde_json::from_str(answer.lines().nth(1).expect("two lines")).expect("JSON");
    assert_eq!(last["outside"], outside);
    let table =
        format!("at,miles,fare,carrier\n2013-01-01 07:00,{},-0.5,UA\n2013-01-01 07:00,{far},,UA\n", far + 900.0);
    let answer = ask("/batch", "text/csv", &table).body;
    let fields: Vec<&str> = answer.lines().map(|line| line.rsplit(',').next().expect("a cell")).collect();
    assert_eq!(fields, ["outside", "miles;fare", ""], "{answer}");

    // The newest models list the numbers outside; all models together do not.
    let lists = |query: &str| {
        let url = format!("{url}/v1/predict{query}");
        let answer = http::ask("POST", &url, &[JSON], given.to_string().as_bytes()).json();
        let predictions = answer["predictions"].as_array().expect("a list").clone();
        predictions.iter().filter(|prediction| prediction.get("outside").is_some()).count()
    };
    assert!(lists("") > 0);
    assert_eq!(lists("?models=all"), 0);
}
