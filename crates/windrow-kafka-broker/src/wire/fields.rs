//! A reader of the fields of a frame, in its own buffer.

/// Fields that cannot be read. A header that cannot be read is reported with its own text.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a produce request")]
pub(crate) struct Malformed;

/// The bytes of a frame that were not read yet.
pub(super) struct FieldReader<'a> {
    pub(super) bytes: &'a mut [u8],
    /// True for the newer encoding, with counts as varints and with tags.
    pub(super) is_flexible: bool,
}

impl<'a> FieldReader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a mut [u8], Malformed> {
        let (taken, rest) = std::mem::take(&mut self.bytes).split_at_mut_checked(count).ok_or(Malformed)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.first_chunk().copied().ok_or(Malformed)
    }

    fn varint(&mut self) -> Result<usize, Malformed> {
        let mut value = 0;
        for index in 0..5 {
            let [byte] = self.array()?;
            value |= usize::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    /// Returns the length of an array or of bytes; `None` if they are null.
    fn length(&mut self) -> Result<Option<usize>, Malformed> {
        if self.is_flexible {
            return Ok(self.varint()?.checked_sub(1));
        }
        Ok(usize::try_from(i32::from_be_bytes(self.array()?)).ok())
    }

    /// Returns the number of elements that follow. Each element has at least one byte, so a larger count than the
    /// remaining bytes is wrong.
    pub(super) fn count(&mut self) -> Result<usize, Malformed> {
        self.length()?.filter(|count| *count <= self.bytes.len()).ok_or(Malformed)
    }

    pub(super) fn text(&mut self) -> Result<Option<String>, Malformed> {
        let length = if self.is_flexible {
            self.varint()?.checked_sub(1)
        } else {
            usize::try_from(i16::from_be_bytes(self.array()?)).ok()
        };
        let Some(length) = length else { return Ok(None) };
        let text = self.take(length)?;
        std::str::from_utf8(text).map(|text| Some(text.to_owned())).map_err(|_| Malformed)
    }

    pub(super) fn nullable(&mut self) -> Result<Option<&'a mut [u8]>, Malformed> {
        self.length()?.map(|length| self.take(length)).transpose()
    }

    pub(super) fn tags(&mut self) -> Result<(), Malformed> {
        if self.is_flexible {
            for _ in 0..self.varint()? {
                let _tag = self.varint()?;
                let length = self.varint()?;
                self.take(length)?;
            }
        }
        Ok(())
    }
}
