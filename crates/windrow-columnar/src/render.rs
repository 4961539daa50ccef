//! Converts column values to text, by the logical type that the file declares.

use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::data_type::{ByteArray, Int96};
use parquet::schema::types::ColumnDescriptor;

use crate::cell::{number_text, timestamp_text};
use crate::{ColumnarError, Style};

/// The meaning of a column's physical values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A number, a boolean or a text, which is written unchanged.
    Plain,
    /// An unsigned integer of 32 or 64 bits.
    Unsigned,
    /// A date, in days since 1970-01-01.
    Date,
    /// A time of day, in units since midnight. The field is the number of units per second.
    TimeOfDay(i64),
    /// A time, in units since 1970-01-01 00:00. The field is the number of units per second.
    Time(i64),
    /// An integer that is divided by ten to the power of the field.
    Decimal(u32),
    /// A UUID of 16 bytes.
    Uuid,
    /// An IEEE 754 binary16 number in little-endian order.
    Half,
}

impl Meaning {
    /// Returns the meaning of a column's values.
    ///
    /// # Errors
    /// Returns [`ColumnarError::ColumnType`] if the values cannot be written as text.
    pub(super) fn of(column: &ColumnDescriptor) -> Result<Self, ColumnarError> {
        let physical = column.physical_type();
        let meaning = match (column.logical_type_ref(), column.converted_type()) {
            (Some(LogicalType::Date), _) | (None, ConvertedType::DATE) => Self::Date,
            (Some(LogicalType::Timestamp(time)), _) => Self::Time(units(&time.unit)),
            (None, ConvertedType::TIMESTAMP_MILLIS) => Self::Time(1_000),
            (None, ConvertedType::TIMESTAMP_MICROS) => Self::Time(1_000_000),
            (Some(LogicalType::Time(time)), _) => Self::TimeOfDay(units(&time.unit)),
            (None, ConvertedType::TIME_MILLIS) => Self::TimeOfDay(1_000),
            (None, ConvertedType::TIME_MICROS) => Self::TimeOfDay(1_000_000),
            (Some(LogicalType::Decimal(decimal)), _) => Self::Decimal(decimal.scale.unsigned_abs()),
            (None, ConvertedType::DECIMAL) => Self::Decimal(column.type_scale().unsigned_abs()),
            (Some(LogicalType::Integer(integer)), _) if !integer.is_signed => Self::Unsigned,
            (
                None,
                ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64,
            ) => Self::Unsigned,
            (Some(LogicalType::Uuid), _) => Self::Uuid,
            (Some(LogicalType::Float16), _) => Self::Half,
            (Some(LogicalType::String | LogicalType::Enum | LogicalType::Json), _) => Self::Plain,
            (Some(LogicalType::Integer(_) | LogicalType::Unknown), _) => Self::Plain,
            (Some(other), _) => return Err(unknown(column, format!("{other:?}"))),
            (None, ConvertedType::BSON | ConvertedType::INTERVAL) => {
                return Err(unknown(column, format!("{:?}", column.converted_type())));
            }
            (None, _) => Self::Plain,
        };
        match (physical, meaning) {
            (Type::FIXED_LEN_BYTE_ARRAY, Self::Plain) => Err(unknown(column, "bytes of a fixed length".to_owned())),
            _ => Ok(meaning),
        }
    }
}

fn unknown(column: &ColumnDescriptor, what: String) -> ColumnarError {
    ColumnarError::ColumnType { column: column.name().to_owned(), what }
}

fn units(unit: &TimeUnit) -> i64 {
    match unit {
        TimeUnit::MILLIS => 1_000,
        TimeUnit::MICROS => 1_000_000,
        TimeUnit::NANOS => 1_000_000_000,
    }
}

/// A value that can be written as text. `render` returns `None` if this value cannot be.
pub(super) trait Render {
    fn render(&self, meaning: Meaning, style: &Style, text: &mut String) -> Option<()>;
}

impl Render for bool {
    fn render(&self, _: Meaning, _: &Style, text: &mut String) -> Option<()> {
        text.push_str(if *self { "true" } else { "false" });
        Some(())
    }
}

impl Render for i32 {
    fn render(&self, meaning: Meaning, style: &Style, text: &mut String) -> Option<()> {
        match meaning {
            Meaning::Unsigned => text.push_str(itoa::Buffer::new().format(self.cast_unsigned())),
            Meaning::Date => {
                let day = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().try_days(*self).ok()?);
                text.push_str(&day.ok()?.to_string());
            }
            _ => return i64::from(*self).render(meaning, style, text),
        }
        Some(())
    }
}

impl Render for i64 {
    fn render(&self, meaning: Meaning, style: &Style, text: &mut String) -> Option<()> {
        match meaning {
            Meaning::Unsigned => text.push_str(itoa::Buffer::new().format(self.cast_unsigned())),
            Meaning::Decimal(scale) => decimal(i128::from(*self), scale, text)?,
            Meaning::Time(1_000_000) if style.time.is_some() => text.push_str(&style.time_text(*self)?),
            Meaning::Time(units) => text.push_str(&timestamp_text(self.div_euclid(units), nanos(*self, units)?)?),
            Meaning::TimeOfDay(units) => {
                let timestamp = timestamp_text(self.div_euclid(units), nanos(*self, units)?)?;
                text.push_str(timestamp.split_once(' ')?.1);
            }
            _ => text.push_str(itoa::Buffer::new().format(*self)),
        }
        Some(())
    }
}

fn nanos(count: i64, units: i64) -> Option<i32> {
    i32::try_from(count.rem_euclid(units) * (1_000_000_000 / units)).ok()
}

impl Render for Int96 {
    fn render(&self, _: Meaning, _: &Style, text: &mut String) -> Option<()> {
        // The timestamps of Impala and of old Spark versions: nanoseconds of the day, then the Julian day number.
        let [low, high, day] = *self.data() else { return None };
        let nanos = i64::try_from(u64::from(high) << 32 | u64::from(low)).ok()?;
        let days = i64::from(day) - 2_440_588;
        let seconds = days.checked_mul(86_400)?.checked_add(nanos / 1_000_000_000)?;
        text.push_str(&timestamp_text(seconds, i32::try_from(nanos % 1_000_000_000).ok()?)?);
        Some(())
    }
}

impl Render for f32 {
    fn render(&self, _: Meaning, _: &Style, text: &mut String) -> Option<()> {
        text.push_str(&number_text(*self));
        Some(())
    }
}

impl Render for f64 {
    fn render(&self, _: Meaning, _: &Style, text: &mut String) -> Option<()> {
        text.push_str(&number_text(*self));
        Some(())
    }
}

impl Render for ByteArray {
    fn render(&self, meaning: Meaning, style: &Style, text: &mut String) -> Option<()> {
        bytes(self.data(), meaning, style, text)
    }
}

impl Render for parquet::data_type::FixedLenByteArray {
    fn render(&self, meaning: Meaning, style: &Style, text: &mut String) -> Option<()> {
        bytes(self.data(), meaning, style, text)
    }
}

fn bytes(bytes: &[u8], meaning: Meaning, style: &Style, text: &mut String) -> Option<()> {
    match meaning {
        Meaning::Decimal(scale) => decimal(signed_integer(bytes)?, scale, text)?,
        Meaning::Half => f32::from(half::f16::from_le_bytes(bytes.try_into().ok()?)).render(meaning, style, text)?,
        Meaning::Uuid => {
            let hex = hex::encode(<[u8; 16]>::try_from(bytes).ok()?);
            let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
            text.push_str(&parts.join("-"));
        }
        _ => text.push_str(std::str::from_utf8(bytes).ok()?),
    }
    Some(())
}

/// Reads a two's complement integer in big-endian order.
fn signed_integer(bytes: &[u8]) -> Option<i128> {
    let sign = if bytes.first()? & 0x80 == 0 { 0 } else { 0xff };
    let mut wide = [sign; 16];
    let from = 16_usize.checked_sub(bytes.len())?;
    wide[from..].copy_from_slice(bytes);
    Some(i128::from_be_bytes(wide))
}

/// Appends a number with `scale` decimal places.
fn decimal(number: i128, scale: u32, text: &mut String) -> Option<()> {
    let digits = number.unsigned_abs().to_string();
    let scale = usize::try_from(scale).ok().filter(|scale| *scale <= 38)?;
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (before, after) = padded.split_at(padded.len() - scale);
    if number < 0 {
        text.push('-');
    }
    text.push_str(before);
    if !after.is_empty() {
        text.push('.');
        text.push_str(after);
    }
    Some(())
}
