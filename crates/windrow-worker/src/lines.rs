//! Lines of bounded length.

use std::io::{self, BufRead, ErrorKind};

/// A part of a stream of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// A whole line, or the rest of the stream without the end of a line.
    Line,
    /// The beginning of a line that is longer than the limit. Its rest was not read.
    Cut,
    /// The end of the stream.
    End,
}

/// Reads a line, without its end, into `line`, which is cleared first. Keeps and reads at most `limit` bytes of it.
pub(crate) fn read_line(stream: &mut impl BufRead, line: &mut Vec<u8>, limit: usize) -> io::Result<Part> {
    line.clear();
    loop {
        let bytes = match stream.fill_buf() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if bytes.is_empty() {
            return Ok(if line.is_empty() { Part::End } else { Part::Line });
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let length = end.unwrap_or(bytes.len());
        let room = limit - line.len();
        if length > room {
            line.extend_from_slice(&bytes[..room]);
            stream.consume(room);
            return Ok(Part::Cut);
        }
        line.extend_from_slice(&bytes[..length]);
        stream.consume(end.map_or(length, |end| end + 1));
        if end.is_some() {
            return Ok(Part::Line);
        }
    }
}

/// Reads a line up to its end, and keeps nothing. Returns at the end of the stream, too.
pub(crate) fn skip_line(stream: &mut impl BufRead) -> io::Result<()> {
    loop {
        let (length, is_end) = match stream.fill_buf() {
            Ok([]) => return Ok(()),
            Ok(bytes) => match bytes.iter().position(|byte| *byte == b'\n') {
                Some(end) => (end + 1, true),
                None => (bytes.len(), false),
            },
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        stream.consume(length);
        if is_end {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// Returns the parts of a text, read through a buffer of three bytes. Long lines are skipped.
    fn parts(text: &str, limit: usize) -> Vec<(Part, String)> {
        let mut stream = BufReader::with_capacity(3, text.as_bytes());
        let (mut line, mut found) = (Vec::new(), Vec::new());
        loop {
            let part = read_line(&mut stream, &mut line, limit).expect("a text");
            if part == Part::End {
                return found;
            }
            if part == Part::Cut {
                skip_line(&mut stream).expect("a text");
            }
            found.push((part, String::from_utf8(line.clone()).expect("ASCII")));
        }
    }

    #[test]
    fn lines_are_read_up_to_a_limit() {
        let line = |text: &str| (Part::Line, text.to_owned());
        let cut = |text: &str| (Part::Cut, text.to_owned());
        assert!(parts("", 5).is_empty());
        assert_eq!(parts("one\n\ntwo", 5), [line("one"), line(""), line("two")]);
        assert_eq!(parts("12345\n123456\nnext\n", 5), [line("12345"), cut("12345"), line("next")]);
        assert_eq!(parts("1234567890", 5), [cut("12345")], "a line without an end");
    }
}
