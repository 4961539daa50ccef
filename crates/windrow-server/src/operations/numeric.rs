//! The numeric datatypes of the Open Inference Protocol.

#[derive(Debug, Clone, Copy)]
pub(crate) struct Numeric {
    pub(crate) name: &'static str,
    /// The width of a number in bytes.
    pub(crate) width: usize,
    /// Reads the number at the start of the bytes. Returns `None` if there are too few bytes.
    pub(crate) read: fn(&[u8]) -> Option<f64>,
}

macro_rules! numeric {
    ($name:literal, $kind:ty) => {
        Numeric {
            name: $name,
            width: size_of::<$kind>(),
            read: |bytes| Some(<$kind>::from_le_bytes(*bytes.first_chunk()?) as f64),
        }
    };
}

pub(crate) static NUMERICS: [Numeric; 10] = [
    numeric!("INT8", i8),
    numeric!("INT16", i16),
    numeric!("INT32", i32),
    numeric!("INT64", i64),
    numeric!("UINT8", u8),
    numeric!("UINT16", u16),
    numeric!("UINT32", u32),
    numeric!("UINT64", u64),
    numeric!("FP32", f32),
    numeric!("FP64", f64),
];

impl Numeric {
    pub(crate) fn of(datatype: &str) -> Option<&'static Self> {
        NUMERICS.iter().find(|numeric| numeric.name == datatype)
    }
}
