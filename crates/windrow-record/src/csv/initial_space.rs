//! Removes the spaces before fields, as `skipinitialspace` does in Python's `csv` module and in pandas.

use std::io::{self, Read};

use crate::csv::{BYTE_ORDER_MARK, is_line_break};

/// A reader of CSV that drops the spaces after each delimiter and at the start of each record. A quote after such spaces
/// begins a quoted field. Spaces inside quotes are kept.
///
/// It knows only as much of CSV as decides where a field begins, by the same rules as `csv_core`. No line is added or
/// removed, so line numbers stay right.
#[derive(Debug)]
pub struct SkipInitialSpace<R> {
    source: R,
    delimiter: u8,
    quote: u8,
    place: Place,
    /// The number of bytes of the byte order mark so far, or its length if other bytes have followed.
    mark: usize,
}

/// The place of the next byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    FieldStart,
    Unquoted,
    Quoted,
    /// After a quote in a quoted field: the field ends, or the next byte is a quote too.
    AfterQuote,
}

impl<R: Read> SkipInitialSpace<R> {
    /// Creates a reader of a whole file. The delimiter must not be a space.
    pub fn new(source: R, delimiter: u8, quote: u8) -> Self {
        Self { source, delimiter, quote, place: Place::FieldStart, mark: 0 }
    }

    /// Returns the place after a byte.
    fn after(&self, byte: u8) -> Place {
        let is_quote = byte == self.quote;
        match self.place {
            Place::FieldStart | Place::AfterQuote if is_quote => Place::Quoted,
            Place::Quoted if is_quote => Place::AfterQuote,
            Place::Quoted => Place::Quoted,
            _ if byte == self.delimiter || is_line_break(byte) => Place::FieldStart,
            _ => Place::Unquoted,
        }
    }

    /// Moves the bytes that are kept to the front. Returns their number.
    fn keep(&mut self, bytes: &mut [u8]) -> usize {
        let mut kept = 0;
        for index in 0..bytes.len() {
            let byte = bytes[index];
            if BYTE_ORDER_MARK.get(self.mark) == Some(&byte) {
                self.mark += 1;
            } else {
                self.mark = BYTE_ORDER_MARK.len();
                if byte == b' ' && self.place == Place::FieldStart {
                    continue;
                }
                self.place = self.after(byte);
            }
            bytes[kept] = byte;
            kept += 1;
        }
        kept
    }
}

impl<R: Read> Read for SkipInitialSpace<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.source.read(buffer)?;
            let kept = self.keep(&mut buffer[..read]);
            // Zero bytes would mean the end of the file.
            if read == 0 || kept > 0 {
                return Ok(kept);
            }
        }
    }
}
