//! The tensors of an inference request. Each field has one tensor over all rows.
//!
//! Numbers may have any numeric datatype. Texts and times have the datatype BYTES. A category whose texts are numbers
//! may have a numeric datatype too. The data is in JSON, or in the binary form of Triton's clients: little-endian
//! numbers, and texts after their length in four bytes. null, NaN and the pipeline's null texts are missing cells.
//!
//! A tensor is kept as it was received, with at most four bytes per cell for its positions. It is read row by row.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::operations::numeric::Numeric;
use crate::operations::object::{Object, given};
use crate::schema::{FieldKind, InputField, InputSchema, InputValue, excerpt};

/// The datatype of numbers in answers and in the metadata.
pub(crate) const NUMBER: &str = "FP64";
/// The datatype of texts and times.
pub(crate) const TEXT: &str = "BYTES";

/// Maximum depth of the arrays inside the outermost array of a tensor's data.
const MAX_DEPTH: usize = 8;

#[derive(Deserialize)]
pub(crate) struct Tensor<'b> {
    #[serde(borrow)]
    pub(crate) name: Cow<'b, str>,
    pub(crate) shape: Shape,
    #[serde(borrow)]
    pub(crate) datatype: Cow<'b, str>,
    #[serde(default)]
    pub(crate) parameters: Object<TensorParameters>,
    #[serde(borrow)]
    pub(crate) data: Option<&'b RawValue>,
}

#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// The product of the sides. `None` if it exceeds `u64`.
    pub(crate) cells: Option<u64>,
    /// True for a vector: at most one side has a length other than 1.
    pub(crate) is_vector: bool,
}

impl<'b> Deserialize<'b> for Shape {
    fn deserialize<D: serde::Deserializer<'b>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sides;

        impl<'b> serde::de::Visitor<'b> for Sides {
            type Value = Shape;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an array of numbers")
            }

            fn visit_seq<A: serde::de::SeqAccess<'b>>(self, mut sides: A) -> Result<Shape, A::Error> {
                let (mut cells, mut long_sides) = (Some(1_u64), 0_usize);
                while let Some(side) = sides.next_element::<u64>()? {
                    cells = cells.and_then(|cells| cells.checked_mul(side));
                    long_sides += usize::from(side != 1);
                }
                Ok(Shape { cells, is_vector: long_sides <= 1 })
            }
        }

        deserializer.deserialize_seq(Sides)
    }
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct TensorParameters {
    /// The length of the data in bytes, if it is in binary form.
    #[serde(default, deserialize_with = "given")]
    pub(crate) binary_data_size: Option<usize>,
}

/// The cells of one field.
pub(crate) enum Column<'b> {
    /// JSON, with the position of each value in the array.
    Json { array: &'b str, starts: Vec<u32> },
    /// Numbers in binary form.
    Numbers { datatype: &'static Numeric, raw: &'b [u8] },
    /// Texts in binary form, with the position of each text's length.
    Texts { raw: &'b [u8], starts: Vec<u32> },
}

/// Returns the datatype that clients should send for a field.
pub(crate) fn datatype(field: &InputField) -> &'static str {
    match field.kind {
        FieldKind::Number { .. } => NUMBER,
        FieldKind::Text { .. } | FieldKind::Time(_) => TEXT,
    }
}

impl<'b> Column<'b> {
    /// Reads the column of a field in JSON. Fails if it has more than `most` cells.
    pub(crate) fn of_json(field: &InputField, datatype: &str, data: &'b RawValue, most: usize) -> Result<Self, String> {
        check_datatype(field, datatype)?;
        let array = data.get();
        if u32::try_from(array.len()).is_err() {
            return Err("is larger than 4 GiB".to_owned());
        }
        let mut starts = Vec::new();
        if collect(array, array, MAX_DEPTH, most, &mut starts).is_err() {
            let reason = "has data that is not an array of cells";
            return Err(if starts.len() > most { too_many(most) } else { reason.to_owned() });
        }
        Ok(Self::Json { array, starts })
    }

    /// Reads the column of a field in binary form. Fails if it has more than `most` cells.
    pub(crate) fn of_binary(field: &InputField, datatype: &str, raw: &'b [u8], most: usize) -> Result<Self, String> {
        check_datatype(field, datatype)?;
        if let Some(numeric) = Numeric::of(datatype) {
            let width = numeric.width;
            return match raw.len() {
                length if !length.is_multiple_of(width) => Err(format!("is not a whole number of {datatype}")),
                length if length / width > most => Err(too_many(most)),
                _ => Ok(Self::Numbers { datatype: numeric, raw }),
            };
        }
        let (mut starts, mut rest) = (Vec::new(), raw);
        while !rest.is_empty() {
            let start = u32::try_from(raw.len() - rest.len()).map_err(|_| "is larger than 4 GiB".to_owned())?;
            let (_, behind) = text_at(rest).ok_or_else(|| "is cut short".to_owned())?;
            if starts.len() == most {
                return Err(too_many(most));
            }
            starts.push(start);
            rest = behind;
        }
        Ok(Self::Texts { raw, starts })
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Json { starts, .. } | Self::Texts { starts, .. } => starts.len(),
            Self::Numbers { datatype, raw } => raw.len() / datatype.width,
        }
    }

    /// Returns the value of a row. Returns `None` if the column has no such row.
    pub(crate) fn value(&self, schema: &InputSchema, field: &InputField, row: usize) -> Option<InputValue<'b>> {
        match self {
            Self::Json { array, starts } => {
                let mut reader = serde_json::Deserializer::from_str(&array[*starts.get(row)? as usize..]);
                let value = InputValue::deserialize(&mut reader).ok()?;
                let is_number = matches!(field.kind, FieldKind::Number { .. });
                Some(match value {
                    // A null text means missing, as in CSV.
                    InputValue::Text(text) if !is_number && schema.is_null(&text) => InputValue::Null,
                    other => other,
                })
            }
            Self::Numbers { datatype, raw } => {
                let number = (datatype.read)(raw.get(row * datatype.width..)?)?;
                Some(match number.is_nan() {
                    true => InputValue::Null,
                    // A row cannot hold an infinity. As a text, it becomes a fault that shows the value.
                    false if number.is_infinite() && matches!(field.kind, FieldKind::Number { .. }) => {
                        InputValue::Text(Cow::Owned(number.to_string()))
                    }
                    false => InputValue::Number(number),
                })
            }
            Self::Texts { raw, starts } => {
                let (text, _) = text_at(raw.get(*starts.get(row)? as usize..)?)?;
                Some(match std::str::from_utf8(text) {
                    Ok(text) => schema.value_of_text(field, text),
                    // Text that is not UTF-8. `Object` is a fault in every field.
                    Err(_) => InputValue::Object,
                })
            }
        }
    }
}

fn too_many(most: usize) -> String {
    format!("has more than {most} cells (serve.max_rows): send them in parts")
}

fn check_datatype(field: &InputField, datatype: &str) -> Result<(), String> {
    match &field.kind {
        FieldKind::Number { .. } if Numeric::of(datatype).is_some() => Ok(()),
        FieldKind::Text { known } if known.are_numbers() && Numeric::of(datatype).is_some() => Ok(()),
        FieldKind::Text { .. } | FieldKind::Time(_) if datatype == TEXT => Ok(()),
        _ => Err(format!("has the datatype {}", excerpt(datatype))),
    }
}

/// Collects the position of each value of `array` in `whole`. The array may be flat, or nested as its shape.
///
/// # Errors
/// Returns an error if `array` is not a JSON array, has more than `max` values, or is nested deeper than `sides`.
fn collect(whole: &str, array: &str, sides: usize, max: usize, starts: &mut Vec<u32>) -> Result<(), serde_json::Error> {
    struct Starts<'s> {
        whole: &'s str,
        sides: usize,
        max: usize,
        starts: &'s mut Vec<u32>,
    }

    impl<'b> serde::de::Visitor<'b> for Starts<'_> {
        type Value = ();

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: serde::de::SeqAccess<'b>>(self, mut items: A) -> Result<(), A::Error> {
            use serde::de::Error as _;
            while let Some(value) = items.next_element::<&RawValue>()? {
                if value.get().starts_with('[') {
                    let sides = self.sides.checked_sub(1).ok_or_else(|| A::Error::custom("nested too deeply"))?;
                    collect(self.whole, value.get(), sides, self.max, self.starts).map_err(A::Error::custom)?;
                    continue;
                }
                // Each value is a slice of `whole`, which is shorter than 4 GiB.
                let start = value.get().as_ptr() as usize - self.whole.as_ptr() as usize;
                self.starts.push(u32::try_from(start).map_err(A::Error::custom)?);
                if self.starts.len() > self.max {
                    return Err(A::Error::custom("too many"));
                }
            }
            Ok(())
        }
    }

    let mut reader = serde_json::Deserializer::from_str(array);
    serde::Deserializer::deserialize_seq(&mut reader, Starts { whole, sides, max, starts })
}

/// Splits off a text that begins with its length in four bytes. Returns the text and the rest.
fn text_at(raw: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = raw.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests;
