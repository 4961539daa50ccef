//! Detects the kind of a file from its first bytes: CSV or JSON Lines, either plain or in gzip, zstd or a zip archive
//! with one member, or Parquet.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};
use flate2::CrcReader;
use flate2::read::DeflateDecoder;

use crate::error::DatasetError;
use windrow_base::files;
use windrow_columnar::{CsvReader, Style};
use windrow_record::BYTE_ORDER_MARK;

/// The number of bytes that are read to detect the kind of a file.
const SNIFF_BYTES: usize = 4096;
/// The maximum number of archive members that an error lists.
const MAX_LISTED_MEMBERS: usize = 3;

/// The uncompressed bytes of a file, from the first.
pub(crate) struct Source {
    pub(crate) reader: Box<dyn Read + Send>,
    /// The encoding of a text in UTF-16, as far as the first bytes show it. `None` for UTF-8, and for other encodings that have one
    /// byte for each ASCII character.
    pub(crate) utf16: Option<&'static Encoding>,
    /// True for JSON Lines, false for CSV.
    pub(crate) is_json: bool,
}

impl Source {
    /// Opens a file and detects its kind.
    ///
    /// # Errors
    /// The file cannot be read, is empty, or is of a kind that is not supported.
    pub(crate) fn open(path: &Path) -> Result<Self, DatasetError> {
        let opened = |source| DatasetError::Open { path: path.to_owned(), source };
        let kind = |reason: String| DatasetError::Kind { path: path.to_owned(), reason };
        let mut file = File::open(path).map_err(opened)?;
        let head = head(&mut file).map_err(opened)?;
        file.rewind().map_err(opened)?;
        let mut reader: Box<dyn Read + Send> = match head[..] {
            [] => return Err(DatasetError::Empty(path.to_owned())),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::Decoder::new(file).map_err(opened)?),
            // A gzip file may consist of several concatenated files, as `cat` makes them.
            [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(BufReader::new(file))),
            [b'P', b'K', 3 | 5, 4 | 6, ..] => member(file).map_err(kind)?,
            [b'P', b'A', b'R', b'1', ..] => {
                let reader = CsvReader::open(file, Style::plain()).map_err(|error| kind(error.to_string()))?;
                return Ok(Self { reader: Box::new(reader), utf16: None, is_json: false });
            }
            [b'P', b'A', b'R', b'E', ..] => {
                return Err(kind("it is encrypted Parquet; write an unencrypted copy".to_owned()));
            }
            _ => Box::new(file),
        };
        // The encoding is detected from the uncompressed bytes.
        let head = match self::head(&mut reader) {
            Ok(head) => head,
            // The reader of the rows then reports this error together with the row.
            Err(error) => {
                return Ok(Self { reader: Box::new(FailedReader(Some(error))), utf16: None, is_json: false });
            }
        };
        let utf16 = match head[..] {
            [0xff, 0xfe, ..] => Some(UTF_16LE),
            [0xfe, 0xff, ..] => Some(UTF_16BE),
            _ if head.contains(&0) => {
                let reason = "it contains NUL bytes (0x00), so it is not a text file; a dataset must be CSV, JSON \
                              Lines or Parquet";
                return Err(kind(reason.to_owned()));
            }
            _ => None,
        };
        let is_json = match Json::detect(&head) {
            Some(Json::Array) => {
                let reason = "it is a JSON array; write one object on each line, as `jq -c '.[]'` does";
                return Err(kind(reason.to_owned()));
            }
            Some(Json::Lines) => true,
            None => false,
        };
        Ok(Self { reader: Box::new(io::Cursor::new(head).chain(reader)), utf16, is_json })
    }
}

/// The two forms in which rows are written as JSON.
enum Json {
    Lines,
    Array,
}

impl Json {
    /// Detects the form from the first bytes of a text. A CSV file can begin with a bracket too, as in
    /// `{3F2504E0-4F89},5` or `[10/Oct/2000:13:55:36]`, so the byte after it decides.
    fn detect(head: &[u8]) -> Option<Self> {
        let text = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head).trim_ascii_start();
        let (first, rest) = text.split_first()?;
        match (first, rest.trim_ascii_start().first()) {
            // The quote `'` is not JSON, but Python prints objects with it.
            (b'{', None | Some(b'"' | b'\'' | b'}')) => Some(Self::Lines),
            (b'[', None | Some(b'{' | b'[' | b'"' | b']')) => Some(Self::Array),
            _ => None,
        }
    }
}

/// Returns the sha256 of the file on the disk, in hexadecimal. It identifies the dataset independently of its path.
///
/// # Errors
/// The file cannot be read.
pub fn digest(dataset: &windrow_config::Dataset) -> Result<String, DatasetError> {
    let digest = File::open(&dataset.path).and_then(files::digest);
    digest.map(|(_, sha256)| sha256).map_err(|source| DatasetError::Open { path: dataset.path.clone(), source })
}

/// Returns bytes as text. If they are not UTF-8, they are taken as Windows-1252, which they most often are.
pub(crate) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let decoded = |_| WINDOWS_1252.decode_without_bom_handling(bytes).0;
    std::str::from_utf8(bytes).map_or_else(decoded, Cow::Borrowed)
}

fn head(source: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(SNIFF_BYTES);
    source.take(SNIFF_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Returns the only member of a zip archive. An error is the reason, as part of a sentence.
fn member(file: File) -> Result<Box<dyn Read + Send>, String> {
    let broken = |error: zip::result::ZipError| format!("it is a broken zip archive: {error}");
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    let is_file = |name: &str| !name.ends_with('/') && !name.starts_with("__MACOSX/") && !name.ends_with(".DS_Store");
    let names: Result<Vec<String>, _> = archive.file_names().map(|name| name.map(Cow::into_owned)).collect();
    let names: Vec<String> = names.map_err(broken)?.into_iter().filter(|name| is_file(name)).collect();
    if names.iter().any(|name| name == "[Content_Types].xml") {
        return Err("it is a workbook or another document; save the table as CSV".to_owned());
    }
    let [name] = &names[..] else {
        let listed =
            names.iter().take(MAX_LISTED_MEMBERS).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let more = if names.len() > MAX_LISTED_MEMBERS { ", ..." } else { "" };
        return Err(format!(
            "it is a zip archive of {} files ({listed}{more}); unpack it and choose one of them",
            names.len()
        ));
    };
    let index = archive.index_for_name(name).ok_or("it is a broken zip archive")?;
    let member = archive.by_index_raw(index).map_err(broken)?;
    if member.encrypted() {
        return Err("it is a zip archive with a password; unpack it".to_owned());
    }
    let (method, length, crc) = (member.compression(), member.compressed_size(), member.crc32());
    let start = member.data_start().ok_or("it is a broken zip archive")?;
    drop(member);
    let mut file = archive.into_inner().into_inner();
    file.seek(SeekFrom::Start(start)).map_err(|error| error.to_string())?;
    let packed = BufReader::new(file.take(length));
    match method {
        zip::CompressionMethod::Stored => Ok(Box::new(ChecksumReader::new(packed, crc))),
        zip::CompressionMethod::DEFLATE => Ok(Box::new(ChecksumReader::new(DeflateDecoder::new(packed), crc))),
        other => Err(format!("it is a zip archive with an unsupported compression method ({other:?}); unpack it")),
    }
}

/// A reader that compares the checksum of all bytes at their end.
struct ChecksumReader<R> {
    source: CrcReader<R>,
    expected: u32,
}

impl<R: Read> ChecksumReader<R> {
    fn new(source: R, expected: u32) -> Self {
        Self { source: CrcReader::new(source), expected }
    }
}

impl<R: Read> Read for ChecksumReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        if read == 0 && !buffer.is_empty() && self.source.crc().sum() != self.expected {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the checksum of the zip archive does not match"));
        }
        Ok(read)
    }
}

/// A reader whose first read returns an error.
struct FailedReader(Option<io::Error>);

impl Read for FailedReader {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}
