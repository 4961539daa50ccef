//! The forms in which a request may give a value.

use serde::de::DeserializeSeed as _;
use serde_json::{Value, json};

use crate::schema::fault::{FieldFault, FieldFaults};
use crate::schema::input::{InputSchema, Row};
use crate::schema::json::RowSeed;
use crate::schema::value::InputValue;
use windrow_config::Dataset;
use windrow_learn::model::{Cell, EncodedFeature, Encoder, Encoding, Inputs, Level};

fn category(column: &str, texts: &[&str]) -> EncodedFeature {
    let levels = texts.iter().map(|text| Level::Value((*text).to_owned())).chain([Level::Other]);
    EncodedFeature { column: column.to_owned(), encoding: Encoding::Category { levels: levels.collect() } }
}

/// Reads a row, and passes it on or its faults.
fn read<T>(schema: &InputSchema, row: &Value, take: impl FnOnce(&Row<'_>) -> T) -> Result<T, Vec<FieldFault>> {
    let (text, mut faults) = (row.to_string(), FieldFaults::default());
    let mut reader = serde_json::Deserializer::from_str(&text);
    let row = RowSeed { schema, faults: &mut faults }.deserialize(&mut reader).expect("JSON");
    row.map(|row| take(&row)).ok_or(faults.found)
}

#[test]
fn a_number_is_taken_for_a_category_whose_texts_are_numbers() {
    let encoder = Encoder { features: vec![category("vendor", &["1", "2", "4"]), category("carrier", &["AA", "UA"])] };
    let schema = InputSchema::new(&Inputs::of(&encoder), &Dataset::new("d.csv".into()));
    for (vendor, text) in [(json!(1), "1"), (json!(1.0), "1"), (json!("1"), "1"), (json!(4), "4"), (json!(7), "7")] {
        let row = json!({ "vendor": vendor, "carrier": "UA" });
        let is_it = |row: &Row<'_>| {
            assert_eq!(schema.cells(row), [Cell::Text(text), Cell::Text("UA")], "{vendor}");
            assert_eq!(schema.given_by_feature(row).next().flatten(), Some(vendor.to_string().replace(".0", "")));
            assert_eq!(schema.unknown(row).count(), usize::from(text == "7"), "{vendor}");
        };
        read(&schema, &row, is_it).expect("a row without faults");
    }
    // A text in CSV counts as it is.
    let value = schema.value_of_text(&schema.fields()[0], "1.0");
    let row = schema.row(vec![Some(value), Some(InputValue::Null)], &mut FieldFaults::default());
    assert_eq!(schema.cells(&row.expect("a row")), [Cell::Text("1.0"), Cell::Missing]);
    let missing = json!({ "vendor": null, "carrier": null });
    let cells = read(&schema, &missing, |row| schema.cells(row) == [Cell::Missing, Cell::Missing]);
    assert!(cells.expect("a row"));
}

#[test]
fn other_values_of_a_category_are_faults() {
    let encoder = Encoder { features: vec![category("vendor", &["1", "2", "4"]), category("carrier", &["AA", "UA"])] };
    let schema = InputSchema::new(&Inputs::of(&encoder), &Dataset::new("d.csv".into()));
    let (number, text) = ("a text or a number, or null if it is missing", "a text, or null if it is missing");
    for (field, value, reason, expected) in [
        ("carrier", json!(1), "is not a text", text),
        ("vendor", json!(true), "is not a text", number),
        ("vendor", json!([1]), "is not a text", number),
        ("vendor", json!(9_007_199_254_740_993_u64), "is not exact as a number: send it as a text", number),
        ("vendor", json!(1e300), "is not exact as a number: send it as a text", number),
    ] {
        let mut row = json!({ "vendor": 1, "carrier": "UA" });
        row[field] = value;
        let faults = read(&schema, &row, |_| ()).expect_err("a fault");
        assert_eq!(faults.len(), 1, "{row}: {faults:?}");
        assert_eq!((faults[0].field.as_str(), faults[0].reason.as_str()), (field, reason), "{row}");
        assert_eq!(faults[0].expected.as_deref(), Some(expected), "{row}");
    }
    // Texts that are not finite numbers are texts, and so a number is a fault. Models that know no text, or further ones,
    // take what the others take.
    let columns = [category("size", &["inf", "nan"]), category("none", &[]), category("mixed", &["1", "UA"])];
    let encoder = Encoder { features: columns.into() };
    let schema = InputSchema::new(&Inputs::of(&encoder), &Dataset::new("d.csv".into()));
    let faults = read(&schema, &json!({ "size": 1, "none": 1, "mixed": 1 }), |_| ()).expect_err("a fault");
    assert_eq!((faults.len(), faults[0].field.as_str()), (1, "size"), "{faults:?}");
}

#[test]
fn a_text_is_read_as_the_dataset_reads_it() {
    let number = Encoding::Number { mean: 0.0, deviation: 1.0, missing: 0.0, min: 0.0, max: 9.0, log: false };
    let price = EncodedFeature { column: "price".to_owned(), encoding: number };
    let encoder = Encoder { features: vec![price, category("code", &["1.5", "other"])] };
    let form = windrow_record::NumberForm::try_from("$1,234.50".to_owned()).expect("a form");
    let free = [("FREE".to_owned(), "0".to_owned()), ("k.A.".to_owned(), String::new())];
    let dataset = Dataset {
        numbers: [("price".to_owned(), form)].into(),
        replace: [
            ("price".to_owned(), free.into()),
            ("code".to_owned(), [("x".to_owned(), "other".to_owned())].into()),
        ]
        .into(),
        ..Dataset::new("d.csv".into())
    };
    let schema = InputSchema::new(&Inputs::of(&encoder), &dataset);
    for (price, cell) in [
        (json!("$1,234.50"), Cell::Number(1234.5)),
        (json!("($2)"), Cell::Number(-2.0)),
        (json!("12.5"), Cell::Number(12.5)),
        (json!(12.5), Cell::Number(12.5)),
        (json!("FREE"), Cell::Number(0.0)),
        (json!("k.A."), Cell::Missing),
    ] {
        let row = json!({ "price": price, "code": "x" });
        let cells = read(&schema, &row, |row| schema.cells(row) == [cell, Cell::Text("other")]);
        assert!(cells.expect("a row without faults"), "{price}");
    }
    // The same rules are applied once to CSV, and a text that the model knows stays.
    for (text, cell) in [("$1,234.50", Cell::Number(1234.5)), ("7", Cell::Number(7.0)), ("k.A.", Cell::Missing)] {
        let values = schema.fields().iter().zip([text, "1.5"]);
        let values = values.map(|(field, text)| Some(schema.value_of_text(field, text))).collect();
        let row = schema.row(values, &mut FieldFaults::default()).expect("a row without faults");
        assert_eq!(schema.cells(&row), [cell, Cell::Text("1.5")], "{text}");
    }
    let faults = read(&schema, &json!({ "price": "12 kg", "code": "1.5" }), |_| ()).expect_err("another unit");
    let expected = "a number, or null if it is missing; or a text as in $1,234.50";
    assert_eq!(faults[0].expected.as_deref(), Some(expected));
}
