//! CSV records, as bytes and as fields. The format is RFC 4180 with the leniency of the `csv` crate, whose state
//! machine this module uses.
//!
//! Records are split without being changed, so a stored record has the same bytes as in the dataset.

mod initial_space;

use std::io::{self, Read};

use csv_core::{ReadRecordResult, Reader};

pub use self::initial_space::SkipInitialSpace;

const READ_CHUNK: usize = 256 * 1024;
/// The maximum length of a record in bytes. No broker accepts as much by default (1 MiB). A longer record means that a
/// quote is never closed.
const MAX_RECORD_LENGTH: usize = 16 * 1024 * 1024;
/// The initial capacity for fields, enough for most records.
const INITIAL_FIELDS: usize = 64;
/// The maximum length in bytes of a record whose delimiters are searched byte by byte.
const SHORT_RECORD: usize = 1024;
const LINE_END: &[u8] = b"\n";
/// The three bytes that some programs write at the beginning of a UTF-8 text.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// The quote of a reader of lines. A record ends at a line break, so no record contains it.
const NO_QUOTE: u8 = b'\n';

/// The fields of one record, unquoted.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    text: &'a str,
    ends: &'a [usize],
    /// The number of bytes between two fields in `text`: 0, or 1 (the delimiter) if `text` is the record itself.
    gap: usize,
}

impl<'a> Fields<'a> {
    /// Returns the number of fields.
    #[inline]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns true if the record has no fields.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the field at `index`, counted from 0.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&'a str> {
        let end = *self.ends.get(index)?;
        let start = if index == 0 { 0 } else { self.ends[index - 1] + self.gap };
        self.text.get(start..end)
    }

    /// Returns an iterator over all fields, in order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let fields = *self;
        (0..fields.len()).filter_map(move |index| fields.get(index))
    }
}

/// The reason why the bytes of a message are not one record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    /// The bytes are not UTF-8.
    #[error("the record is not UTF-8")]
    NotUtf8,
    /// The record has no bytes, or only line breaks.
    #[error("the record is empty")]
    Empty,
    /// A quoted field has no end, so it would include everything that follows.
    #[error("a quote is never closed")]
    OpenQuote,
    /// A line break outside quotes separates several records.
    #[error("the message holds more than one record")]
    MoreThanOne,
}

/// The reason why no record could be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The source returned an error.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The record that begins on this line, counted from 1, exceeds the maximum length.
    #[error("the record that begins on line {0} is longer than 16 MiB: is a quote never closed?")]
    TooLong(u64),
    /// This line, counted from 1, exceeds the maximum length of a record.
    #[error("line {0} is longer than 16 MiB")]
    LineTooLong(u64),
}

/// A parser that splits a record into fields. It reuses its buffers for each record.
#[derive(Debug)]
pub struct RecordParser {
    delimiter: u8,
    quote: u8,
    reader: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl RecordParser {
    /// Creates a parser for fields that are separated by `delimiter` and quoted with `"`.
    pub fn new(delimiter: u8) -> Self {
        Self::quoted(delimiter, b'"')
    }

    /// Creates a parser for fields that are separated by `delimiter` and quoted with `quote`.
    pub fn quoted(delimiter: u8, quote: u8) -> Self {
        let reader = csv_core::ReaderBuilder::new().delimiter(delimiter).quote(quote).build();
        Self { delimiter, quote, reader, text: vec![0; 1024], ends: vec![0; INITIAL_FIELDS] }
    }

    /// Splits one record, given without its line end, into fields.
    ///
    /// # Errors
    /// Returns an error if the bytes are not UTF-8, or not exactly one record.
    #[inline]
    pub fn parse<'a>(&'a mut self, record: &'a [u8]) -> Result<Fields<'a>, CsvError> {
        // Most records have no quote, so their fields are slices of the record.
        if record.is_empty() || memchr::memchr3(self.quote, b'\r', b'\n', record).is_some() {
            return self.unquote(record);
        }
        let text = std::str::from_utf8(record).map_err(|_| CsvError::NotUtf8)?;
        let fields = if record.len() <= SHORT_RECORD { self.split_short(record) } else { self.split_long(record) };
        Ok(Fields { text, ends: &self.ends[..fields], gap: 1 })
    }

    /// Finds the ends of the fields of a record without quotes. Returns the number of fields.
    ///
    /// A field is a few bytes long, so a search for each delimiter would cost more than this loop without a branch.
    #[inline]
    fn split_short(&mut self, record: &[u8]) -> usize {
        if self.ends.len() <= record.len() {
            self.ends.resize(SHORT_RECORD + 1, 0);
        }
        let (delimiter, ends) = (self.delimiter, &mut self.ends[..]);
        let mut fields = 0;
        for (index, byte) in record.iter().enumerate() {
            // If this is not a delimiter, the next byte overwrites it.
            ends[fields] = index;
            fields += usize::from(*byte == delimiter);
        }
        ends[fields] = record.len();
        fields + 1
    }

    /// Does the same as [`split_short`](Self::split_short), with memory only for the fields.
    fn split_long(&mut self, record: &[u8]) -> usize {
        self.ends.clear();
        self.ends.extend(memchr::memchr_iter(self.delimiter, record));
        self.ends.push(record.len());
        self.ends.len()
    }

    fn unquote(&mut self, record: &[u8]) -> Result<Fields<'_>, CsvError> {
        self.ends.resize(self.ends.capacity().max(INITIAL_FIELDS), 0);
        self.reader.reset();
        if record.iter().all(|byte| is_line_break(*byte)) {
            return Err(CsvError::Empty);
        }
        let (mut read, mut text_len, mut ends_len) = (0, 0, 0);
        loop {
            // A line end follows the record, as in a file. The record must end there.
            let input = if read < record.len() { &record[read..] } else { LINE_END };
            let (result, nin, nout, nend) =
                self.reader.read_record(input, &mut self.text[text_len..], &mut self.ends[ends_len..]);
            let is_over = read >= record.len();
            read += nin;
            text_len += nout;
            ends_len += nend;
            match result {
                ReadRecordResult::InputEmpty if is_over => return Err(CsvError::OpenQuote),
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::End => return Err(CsvError::Empty),
                ReadRecordResult::Record => break,
            }
        }
        if record.get(read..).is_some_and(|rest| rest.iter().any(|byte| !is_line_break(*byte))) {
            return Err(CsvError::MoreThanOne);
        }
        let text = std::str::from_utf8(&self.text[..text_len]).map_err(|_| CsvError::NotUtf8)?;
        Ok(Fields { text, ends: &self.ends[..ends_len], gap: 0 })
    }
}

/// Formats fields as one record without a line end. Fields are quoted if necessary.
pub fn write_record<'a>(fields: impl IntoIterator<Item = &'a str>, delimiter: u8) -> Vec<u8> {
    let mut record = Vec::new();
    append_record(&mut record, fields, delimiter);
    record
}

/// Appends fields to `text` as one record without a line end. The bytes are the same as those of the writer of
/// `csv_core`. That writer is not used because creating one costs as much as writing many records.
pub fn append_record<'a>(text: &mut Vec<u8>, fields: impl IntoIterator<Item = &'a str>, delimiter: u8) {
    let begin = text.len();
    let mut count = 0;
    for field in fields {
        if count > 0 {
            text.push(delimiter);
        }
        count += 1;
        if field.bytes().any(|byte| byte == delimiter || matches!(byte, b'"' | b'\r' | b'\n')) {
            text.push(b'"');
            for (index, part) in field.split('"').enumerate() {
                if index > 0 {
                    text.extend_from_slice(b"\"\"");
                }
                text.extend_from_slice(part.as_bytes());
            }
            text.push(b'"');
        } else {
            text.extend_from_slice(field.as_bytes());
        }
    }
    // An empty line is not a record, so a single empty field is quoted.
    if count == 1 && text.len() == begin {
        text.extend_from_slice(b"\"\"");
    }
}

/// One record, with the bytes that it has in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawRecord<'a> {
    /// The bytes, without the line end.
    pub bytes: &'a [u8],
    /// The line of the file on which the record begins, from 1.
    pub line: u64,
}

/// A reader that splits a stream of bytes into records. It skips empty lines, and a byte order mark at the start.
#[derive(Debug)]
pub struct RecordReader<R> {
    source: R,
    machine: Reader,
    quote: u8,
    buffer: Vec<u8>,
    /// The start of the next record in `buffer`. The data in `buffer` ends at `filled`.
    start: usize,
    filled: usize,
    source_ended: bool,
    at_beginning: bool,
    line: u64,
    // The state machine writes fields, which this reader does not need.
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl<R: Read> RecordReader<R> {
    /// Creates a reader of records from `source`, which need not be buffered. Fields are quoted with `"`.
    pub fn new(source: R, delimiter: u8) -> Self {
        Self::quoted(source, delimiter, b'"')
    }

    /// Creates a reader of records whose fields are quoted with `quote` if they contain a delimiter or a line break.
    pub fn quoted(source: R, delimiter: u8, quote: u8) -> Self {
        Self::of(source, csv_core::ReaderBuilder::new().delimiter(delimiter).quote(quote).build(), quote)
    }

    /// Creates a reader of lines: each line is a record, and quotes have no meaning.
    pub fn lines(source: R) -> Self {
        Self::of(source, csv_core::ReaderBuilder::new().quoting(false).build(), NO_QUOTE)
    }

    fn of(source: R, machine: Reader, quote: u8) -> Self {
        let (buffer, text, ends) = (vec![0; READ_CHUNK], vec![0; READ_CHUNK], vec![0; 4096]);
        let (start, filled, line, source_ended, at_beginning) = (0, 0, 1, false, true);
        Self { source, machine, quote, buffer, start, filled, source_ended, at_beginning, line, text, ends }
    }

    /// Returns the next record, or `None` at the end.
    ///
    /// # Errors
    /// Returns an error if the source fails, or if the record is longer than 16 MiB.
    pub fn next_record(&mut self) -> Result<Option<RawRecord<'_>>, ReadError> {
        if let Some(end) = self.plain_line() {
            let record = RawRecord { bytes: &self.buffer[self.start..end.0], line: self.line };
            (self.start, self.line) = (end.1, self.line + 1);
            return Ok(Some(record));
        }
        self.machine.reset();
        let mut read = self.start;
        loop {
            if read == self.filled && !self.source_ended {
                read -= self.refill()?;
                continue;
            }
            let (result, nin, _, _) =
                self.machine.read_record(&self.buffer[read..self.filled], &mut self.text, &mut self.ends);
            read += nin;
            match result {
                ReadRecordResult::InputEmpty | ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {}
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::Record => break,
            }
        }
        let whole = &self.buffer[self.start..read];
        let leading = whole.iter().take_while(|byte| is_line_break(**byte)).count();
        let line = self.line + count_lines(&whole[..leading]);
        self.line += count_lines(whole);
        let mut bytes = trim_line_breaks(whole);
        self.start = read;
        if std::mem::take(&mut self.at_beginning) {
            bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        }
        Ok(Some(RawRecord { bytes, line }))
    }

    /// Finds the next record if it is a complete line without a quote, as most records are: they do not need the state
    /// machine. Returns the end of the record and the start of the next one.
    fn plain_line(&self) -> Option<(usize, usize)> {
        let rest = &self.buffer[self.start..self.filled];
        if self.at_beginning || rest.first().is_none_or(|first| is_line_break(*first)) {
            return None;
        }
        let length = memchr::memchr3(b'\n', b'\r', self.quote, rest)?;
        match rest[length..] {
            [b'\n', ..] => Some((self.start + length, self.start + length + 1)),
            [b'\r', b'\n', ..] => Some((self.start + length, self.start + length + 2)),
            _ => None,
        }
    }

    /// Moves the unread data to the front of the buffer and reads more after it. Returns the distance of the move in
    /// bytes.
    fn refill(&mut self) -> Result<usize, ReadError> {
        let moved = self.start;
        self.buffer.copy_within(self.start..self.filled, 0);
        self.filled -= moved;
        self.start = 0;
        if self.filled == self.buffer.len() {
            if self.filled >= MAX_RECORD_LENGTH {
                let is_line = self.quote == NO_QUOTE;
                return Err(if is_line { ReadError::LineTooLong(self.line) } else { ReadError::TooLong(self.line) });
            }
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let read = loop {
            match self.source.read(&mut self.buffer[self.filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.filled += read;
        self.source_ended = read == 0;
        Ok(moved)
    }
}

#[inline]
fn is_line_break(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Removes the line breaks before and after a record. Only a file has them, between its records.
#[inline]
pub fn trim_line_breaks(record: &[u8]) -> &[u8] {
    let from = record.iter().position(|byte| !is_line_break(*byte)).unwrap_or(record.len());
    let until = record.iter().rposition(|byte| !is_line_break(*byte)).map_or(from, |last| last + 1);
    &record[from..until]
}

#[inline]
fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests;
