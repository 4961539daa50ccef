//! The numeric datatypes of the Open Inference Protocol.

/// A numeric datatype of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numeric {
    Int8,
    Uint8,
    Int16,
    Uint16,
    Int32,
    Uint32,
    Int64,
    Uint64,
    Fp32,
    Fp64,
}

impl Numeric {
    pub(crate) fn of(datatype: &str) -> Option<Self> {
        Some(match datatype {
            "INT8" => Self::Int8,
            "UINT8" => Self::Uint8,
            "INT16" => Self::Int16,
            "UINT16" => Self::Uint16,
            "INT32" => Self::Int32,
            "UINT32" => Self::Uint32,
            "INT64" => Self::Int64,
            "UINT64" => Self::Uint64,
            "FP32" => Self::Fp32,
            "FP64" => Self::Fp64,
            _ => return None,
        })
    }

    /// Bytes of one number.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::Int8 | Self::Uint8 => 1,
            Self::Int16 | Self::Uint16 => 2,
            Self::Int32 | Self::Uint32 | Self::Fp32 => 4,
            Self::Int64 | Self::Uint64 | Self::Fp64 => 8,
        }
    }

    /// The number in these bytes; `None` where there are too few.
    pub(crate) fn read(self, bytes: &[u8]) -> Option<f64> {
        Some(match self {
            Self::Int8 => f64::from(i8::from_le_bytes(*bytes.first_chunk()?)),
            Self::Uint8 => f64::from(u8::from_le_bytes(*bytes.first_chunk()?)),
            Self::Int16 => f64::from(i16::from_le_bytes(*bytes.first_chunk()?)),
            Self::Uint16 => f64::from(u16::from_le_bytes(*bytes.first_chunk()?)),
            Self::Int32 => f64::from(i32::from_le_bytes(*bytes.first_chunk()?)),
            Self::Uint32 => f64::from(u32::from_le_bytes(*bytes.first_chunk()?)),
            Self::Int64 => i64::from_le_bytes(*bytes.first_chunk()?) as f64,
            Self::Uint64 => u64::from_le_bytes(*bytes.first_chunk()?) as f64,
            Self::Fp32 => f64::from(f32::from_le_bytes(*bytes.first_chunk()?)),
            Self::Fp64 => f64::from_le_bytes(*bytes.first_chunk()?),
        })
    }
}
