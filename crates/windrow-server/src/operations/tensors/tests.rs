use serde_json::value::RawValue;

use crate::operations::numeric::Numeric;
use crate::operations::tensors::{Column, TEXT};
use crate::schema::{FieldKind, InputField, InputSchema, InputValue, KnownTexts};
use windrow_config::{CellRules, Dataset};
use windrow_learn::model::Inputs;

#[test]
fn numbers_of_every_datatype_are_read() {
    let cases: [(&str, Vec<u8>, &[f64]); 7] = [
        ("INT8", vec![255, 3], &[-1.0, 3.0]),
        ("UINT16", vec![1, 2], &[513.0]),
        ("INT32", (-7_i32).to_le_bytes().to_vec(), &[-7.0]),
        ("INT64", (-7_i64).to_le_bytes().to_vec(), &[-7.0]),
        ("FP32", 0.5_f32.to_le_bytes().to_vec(), &[0.5]),
        ("FP64", [0.1_f64.to_le_bytes(), f64::MAX.to_le_bytes()].concat(), &[0.1, f64::MAX]),
        ("UINT64", Vec::new(), &[]),
    ];
    let field =
        InputField { name: "x".to_owned(), kind: FieldKind::Number { log: false }, rules: CellRules::default() };
    for (datatype, raw, expected) in cases {
        let numeric = Numeric::of(datatype).expect("a datatype");
        let numbers: Vec<f64> = raw.chunks(numeric.width).filter_map(numeric.read).collect();
        assert_eq!(numbers, expected, "{datatype}");
        assert_eq!(Column::of_binary(&field, datatype, &raw, 9).expect("a column").len(), expected.len());
    }
    for (datatype, length) in [("FP64", 9), ("BYTES", 0), ("FP64", 80)] {
        assert!(Column::of_binary(&field, datatype, &vec![0; length], 9).is_err(), "{datatype}");
    }
}

#[test]
fn texts_stand_behind_their_lengths() {
    let field = InputField {
        name: "x".to_owned(),
        kind: FieldKind::Text { known: KnownTexts::default() },
        rules: CellRules::default(),
    };
    let raw = [&[2, 0, 0, 0][..], b"UA", &[0, 0, 0, 0]].concat();
    assert_eq!(Column::of_binary(&field, TEXT, &raw, 2).expect("two texts").len(), 2);
    assert!(Column::of_binary(&field, TEXT, &raw, 1).is_err());
    for cut in 1..raw.len() {
        assert_eq!(Column::of_binary(&field, TEXT, &raw[..cut], 2).is_ok(), cut == 6, "{cut}");
    }
}

#[test]
fn data_may_be_nested_as_its_shape_is() {
    let field =
        InputField { name: "x".to_owned(), kind: FieldKind::Number { log: false }, rules: CellRules::default() };
    let raw = |text: &str| RawValue::from_string(text.to_owned()).expect("JSON");
    for text in ["[1, null,-3e0]", "[[1],[ null ,-3]]", "[[[1,null,-3]]]"] {
        let data = raw(text);
        let column = Column::of_json(&field, "FP32", &data, 3).expect("a column");
        assert_eq!(column.len(), 3, "{text}");
        assert!(Column::of_json(&field, "FP32", &data, 2).is_err());
    }
    assert!(Column::of_json(&field, "FP32", &raw("7"), 3).is_err());
    assert!(Column::of_json(&field, "FP32", &raw(&("[".repeat(200) + &"]".repeat(200))), 3).is_err());
}

#[test]
fn a_category_whose_texts_are_numbers_may_come_as_numbers() {
    let field = |texts: &[&str]| {
        let known = KnownTexts::new(texts.iter().map(|text| (*text).to_owned()).collect());
        InputField { name: "x".to_owned(), kind: FieldKind::Text { known }, rules: CellRules::default() }
    };
    let (numbers, texts) = (field(&["1", "2"]), field(&["AA", "UA"]));
    let raw = [2_i32, 7].map(i32::to_le_bytes).concat();
    let column = Column::of_binary(&numbers, "INT32", &raw, 2).expect("a column");
    let schema = InputSchema::new(&Inputs::default(), &Dataset::new("d.csv".into()));
    assert_eq!(column.value(&schema, &numbers, 1), Some(InputValue::Number(7.0)));
    assert!(Column::of_binary(&texts, "INT32", &raw, 2).is_err());
}
