//! Files of common shapes, with the same table in them.

use std::io::Write as _;

use windrow_testing::random::below;

const ROWS: u32 = 2000;

/// A row of a table that is sorted by time: day and hour, a number, a colour, and whether it is late, which depends on
/// number and colour.
pub(crate) struct Row {
    pub(crate) minutes: u32,
    pub(crate) size: f64,
    pub(crate) colour: &'static str,
    pub(crate) late: bool,
}

fn rows() -> Vec<Row> {
    let mut next = below(7);
    let row = |row: u32| {
        let size = next(1000) as f64 / 10.0;
        let colour = ["red", "green", "blue"][usize::try_from(next(3)).expect("small")];
        let odds = 15 + if colour == "red" { 20 } else { 0 } + if size > 50.0 { 20 } else { 0 };
        Row { minutes: 97 * row, size, colour, late: next(100) < odds }
    };
    (0..ROWS).map(row).collect()
}

impl Row {
    pub(crate) fn day(&self) -> String {
        // 2,000 rows of 97 minutes are 135 days from 1 March 2021, so not all dates are valid with day and month
        // swapped.
        let day = i64::from(self.minutes / 1440);
        date(day)
    }

    pub(crate) fn clock(&self) -> String {
        format!("{:02}:{:02}", self.minutes / 60 % 24, self.minutes % 60)
    }
}

/// Returns the date that is `day` days after 2021-03-01.
fn date(day: i64) -> String {
    let lengths = [31, 30, 31, 30, 31, 31];
    let (mut day, mut month) = (day, 3);
    for length in lengths {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    format!("2021-{month:02}-{:02}", day + 1)
}

pub(crate) fn table(header: &str, line: impl Fn(&Row) -> String) -> String {
    let lines: Vec<String> = rows().iter().map(line).collect();
    format!("{header}{}\n", lines.join("\n"))
}

pub(crate) fn plain() -> String {
    table("at,size,colour,late\n", |row| {
        format!("{} {},{},{},{}", row.day(), row.clock(), row.size, row.colour, u8::from(row.late))
    })
}

/// Returns the table as JSON Lines. `more` is the text of further members of each object.
pub(crate) fn objects(more: &str) -> String {
    table("", |row| {
        let (at, late) = (format!("{} {}", row.day(), row.clock()), u8::from(row.late));
        format!("{{\"at\": \"{at}\", \"size\": {}, \"colour\": \"{}\", \"late\": {late}{more}}}", row.size, row.colour)
    })
}

pub(crate) fn gzip(text: &str) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(text.as_bytes()).expect("memory");
    out.finish().expect("memory")
}

/// Returns a zip archive with one deflated member, as Python's standard library writes it.
fn zip(text: &str) -> Vec<u8> {
    let name = "inner.csv";
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(text.as_bytes()).expect("memory");
    let packed = packer.finish().expect("memory");
    let mut sum = flate2::Crc::new();
    sum.update(text.as_bytes());
    let number = |length: usize| u32::try_from(length).expect("small").to_le_bytes();
    // The fields: version 2.0, deflated, 1 January 1980.
    let mut facts = vec![20, 0, 0, 0, 8, 0, 0, 0, 33, 0];
    facts.extend([sum.sum().to_le_bytes(), number(packed.len()), number(text.len()), number(name.len())].concat());
    let member = [b"PK\x03\x04", &facts[..], name.as_bytes(), &packed].concat();
    let directory = [b"PK\x01\x02\x14\0", &facts[..], &[0; 14], name.as_bytes()].concat();
    let size_and_offset = [number(directory.len()), number(member.len())].concat();
    [&member[..], &directory, b"PK\x05\x06\0\0\0\0\x01\0\x01\0", &size_and_offset, &[0, 0]].concat()
}

/// Returns files from which everything but the target is known: name, content, further options, and a line that the
/// pipeline file must have.
pub(crate) fn shapes() -> Vec<(&'static str, Vec<u8>, Vec<&'static str>, &'static str)> {
    let plain = plain();
    let of = |text: String| text.into_bytes();
    let zstd = zstd::encode_all(plain.as_bytes(), 1).expect("memory");
    let with = |header: &str, line: &dyn Fn(&Row) -> String| of(table(header, line));
    let late = |row: &Row| u8::from(row.late);
    let time = "time = { column = \"at\", format = \"%Y-%m-%d %H:%M\" }";
    let objects = objects("");
    let columns = "columns = [\"at\", \"size\", \"colour\", \"late\"]";
    vec![
        ("plain.csv", of(plain.clone()), vec![], time),
        ("packed.csv.gz", gzip(&plain), vec![], time),
        ("squeezed.zst", zstd, vec![], time),
        ("archive.zip", zip(&plain), vec![], time),
        ("packed-objects.gz", gzip(&objects), vec![], columns),
        ("objects.jsonl", of(objects), vec![], columns),
        ("no-ending", of(plain.clone()), vec![], "path = \"no-ending\""),
        ("tabs.tsv", of(plain.replace(',', "\t")), vec![], "delimiter = \"\\t\""),
        ("semicolons.txt", of(plain.replace(',', ";")), vec![], "delimiter = \";\""),
        ("bars.csv", of(plain.replace(',', "|")), vec![], "delimiter = \"|\""),
        ("windows.csv", of(format!("\u{feff}{}", plain.replace('\n', "\r\n"))), vec![], time),
        (
            "decimal-commas.csv",
            with("at;size;colour;late\n", &|row| {
                format!("{};{};{};{}", row.day(), format!("{:.1}", row.size).replace('.', ","), row.colour, late(row))
            }),
            vec![],
            "decimal = \",\"",
        ),
        ("report.csv", of(format!("Report of the harbour\nmade by hand\n\n{plain}")), vec![], "skip = 3"),
        (
            "headless.csv",
            of(plain.split_once('\n').expect("a header").1.to_owned()),
            vec!["--target", "column_4"],
            "columns = [",
        ),
        (
            "epoch.csv",
            with("ts,size,colour,late\n", &|row| {
                format!("{},{},{},{}", 1_614_556_800 + u64::from(row.minutes) * 60, row.size, row.colour, late(row))
            }),
            vec![],
            "format = \"seconds\"",
        ),
        (
            "milliseconds.csv",
            with("ts,size,colour,late\n", &|row| {
                format!(
                    "{},{},{},{}",
                    1_614_556_800_000 + u64::from(row.minutes) * 60_000,
                    row.size,
                    row.colour,
                    late(row)
                )
            }),
            vec![],
            "format = \"milliseconds\"",
        ),
        (
            "two-columns.csv",
            with("day,clock,size,colour,late\n", &|row| {
                format!("{},{},{},{},{}", row.day(), row.clock(), row.size, row.colour, late(row))
            }),
            vec![],
            "from = [\"day\", \"clock\"]",
        ),
        (
            "doubled.csv",
            with("at,size,,size,late\n", &|row| {
                format!("{},{},{},{},{}", row.day(), row.size, row.colour, row.size * 2.0, late(row))
            }),
            vec![],
            "columns = [\"at\", \"size\", \"column_3\", \"size_2\", \"late\"]",
        ),
        (
            "american.csv",
            with("at,size,colour,late\n", &|row| {
                let day = row.day();
                format!("{}/{}/2021 {},{},{},{}", &day[5..7], &day[8..], row.clock(), row.size, row.colour, late(row))
            }),
            vec![],
            "format = \"%m/%d/%Y %H:%M\"",
        ),
        (
            "gaps.csv",
            with("at,size,colour,late\n", &|row| {
                let size = match row.minutes % 7 {
                    0 => "NA".to_owned(),
                    1 => "?".to_owned(),
                    2 => "\\N".to_owned(),
                    _ => row.size.to_string(),
                };
                format!("{},{size},{},{}", row.day(), row.colour, late(row))
            }),
            vec![],
            "null = [\"\", \"?\", \"NA\", '\\N']",
        ),
        (
            "quoted.csv",
            with("at,size,colour,late\n", &|row| {
                format!("{},{},\"{}, or \"\"so\"\"\",{}", row.day(), row.size, row.colour, late(row))
            }),
            vec![],
            "time = { column = \"at\", format = \"%Y-%m-%d\" }",
        ),
        (
            "apostrophes.csv",
            with("at,size,colour,late\n", &|row| {
                format!("{},{},'{}, or so',{}", row.day(), row.size, row.colour, late(row))
            }),
            vec![],
            "quote = \"'\"",
        ),
        (
            "spaced.csv",
            with("at, size, colour, late\n", &|row| {
                format!("{}, {}, \"{}, or so\", {}", row.day(), row.size, row.colour, late(row))
            }),
            vec![],
            "skip_initial_space = true",
        ),
        (
            "timeless.csv",
            with("size,colour,late\n", &|row| format!("{},{},{}", row.size, row.colour, late(row))),
            vec![],
            "the order of the rows is used as the time",
        ),
        (
            "words.csv",
            with("at,size,colour,late\n", &|row| {
                format!("{},{},{},{}", row.day(), row.size, row.colour, if row.late { "yes" } else { "no" })
            }),
            vec![],
            "equals = \"yes\"",
        ),
    ]
}
