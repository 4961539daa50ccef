//! A message as a reader returns it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};

use windrow_record::{Envelope, Offset, Partition};

/// A message that was read.
pub struct Delivery<'a> {
    message: BorrowedMessage<'a>,
}

impl fmt::Debug for Delivery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("partition", &self.partition())
            .field("offset", &self.offset())
            .field("bytes", &self.value().len())
            .finish()
    }
}

impl<'a> Delivery<'a> {
    pub(crate) fn of(message: BorrowedMessage<'a>) -> Self {
        Self { message }
    }

    /// The partition of the message.
    #[inline]
    #[must_use]
    pub fn partition(&self) -> Partition {
        Partition(self.message.partition())
    }

    /// The offset of the message in its partition.
    #[inline]
    #[must_use]
    pub fn offset(&self) -> Offset {
        Offset(self.message.offset())
    }

    /// The value of the message. Empty if it has none.
    #[inline]
    #[must_use]
    pub fn value(&self) -> &[u8] {
        self.message.payload().unwrap_or_default()
    }

    /// Reads the headers, which say what the value is.
    ///
    /// # Errors
    /// The reason why a header cannot be read.
    pub fn envelope(&self) -> Result<Envelope<'_>, String> {
        let Some(headers) = self.message.headers() else { return Ok(Envelope::Foreign) };
        // rdkafka panics on a header whose name is not UTF-8, which any producer can send.
        let open = || Envelope::open(headers.iter().map(|header| (header.key, header.value)));
        catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(|_| Err("the name of a header is not UTF-8".to_owned()))
    }
}
