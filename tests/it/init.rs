//! The way from an unknown data file to a pipeline that runs: shapes of files, questions, and repairs.

mod cases;
mod dialects;
mod estimate;
mod label_delay;
mod learner;
pub(crate) mod shapes;

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Output;
use std::sync::mpsc::{self, RecvTimeoutError};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use windrow_testing::{STEP_TIMEOUT, command, fixture, program, text};

use crate::init::shapes::{gzip, plain, shapes, table};

/// The Enter key of a terminal.
const ENTER: &str = "\r";
/// The arrow key that moves down in a list.
const DOWN: &str = "\u{1b}[B";

/// Runs a command in a folder.
fn at(folder: &Path, arguments: &[&str]) -> Output {
    command(arguments).current_dir(folder).output().expect("the binary runs")
}

/// Returns the standard output of a command that must succeed.
fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = at(folder, arguments);
    assert!(output.status.success(), "{arguments:?}\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Returns the standard error of a command that must end with this exit code.
fn fails(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = at(folder, arguments);
    let output_text = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{}{output_text}", text(&output.stdout));
    output_text
}

#[test]
fn files_of_every_shape_run_at_the_first_try() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    for (name, bytes, more, line) in shapes() {
        fs::write(here.join(name), bytes).expect("a file");
        let target: &[&str] = if more.contains(&"--target") { &[] } else { &["--target", "late"] };
        let output = done(here, &[&["init", name], target, &more].concat());
        let file = output.split_whitespace().next().expect("a name").to_owned();
        let pipeline = fs::read_to_string(here.join(&file)).expect("a pipeline file");
        assert!(pipeline.contains(line), "{name}: {line} is not in\n{pipeline}");
        assert!(pipeline.contains("positive") || pipeline.contains("% of 2,000 rows"), "{pipeline}");
        let check = done(here, &["check", &file]);
        assert!(check.contains("2,000 rows; 0 have no target") && check.contains("no faults"), "{name}: {check}");
        let run = ["run", &file, "--once", "--broker", "embedded", "--listen", "127.0.0.1:0", "--limit", "700"];
        let run = done(here, &run);
        // Without times, the rows are cut into 16 parts. Their times are those of seven weeks.
        let is_timeless = name == "timeless.csv";
        assert_eq!(run.contains("Too few windows for advice"), !is_timeless, "{name}: {run}");
        assert_eq!(run.contains("the order of the rows counts as their time"), is_timeless, "{run}");
        assert!(done(here, &["audit", &file]).contains("every row is accounted for: 700 read = 700 stored"), "{name}");
        let stored = fs::read_dir(here.join(format!(".windrow/{}/models", file.trim_end_matches(".toml"))));
        assert!(stored.expect("models").count() >= 2, "{name}");
    }
}

#[test]
fn the_fixtures_need_only_their_targets() {
    let folder = tempfile::tempdir().expect("a folder");
    let flights = fixture("flights-sample.csv.zst").display().to_string();
    let target = ["--target", "arr_delay >= 15"];
    let output = fails(folder.path(), &[&["init", &flights][..], &target].concat(), 2);
    assert!(
        output.contains("flight: whole numbers with 2,155 different values") && output.contains("--leave-out flight"),
        "{output}"
    );
    assert!(!folder.path().join("flights-sample.toml").exists(), "nothing is written before all is known");
    let output = done(folder.path(), &[&["init", &flights, "--leave-out", "flight"][..], &target].concat());
    for left_out in ["dep_delay: it predicts the target too well", "air_time: it is missing in the same", "tailnum: "] {
        assert!(output.contains(left_out), "{output}");
    }
    let pipeline = fs::read_to_string(folder.path().join("flights-sample.toml")).expect("a pipeline file");
    for line in [
        "calendar = [\"hour\", \"weekday\"]",
        "categorical = [\"carrier\", \"origin\", \"dest\"",
        "at_least = 15  # 24.",
    ] {
        assert!(pipeline.contains(line), "{line}: {pipeline}");
    }
    // A different file is not overwritten; an identical one is accepted.
    let output = fails(folder.path(), &[&["init", &flights, "--leave-out", "flight"][..], &target].concat(), 2);
    assert!(output.contains("exists already: overwrite it with --force"), "{output}");

    let taxi = fixture("taxi.csv.zst").display().to_string();
    let output = done(folder.path(), &["init", &taxi, "--target", "tip_share >= 0.25"]);
    assert!(
        output.contains("windows: 79 windows of 14 days of about")
            && output.contains("vendor: whole numbers with 3 different values"),
        "{output}"
    );
}

#[test]
fn facts_that_the_file_lacks_are_given_on_the_command_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    fs::write(here.join("plain.csv"), plain()).expect("a file");
    let output = fails(here, &["init", "plain.csv"], 2);
    assert!(output.contains("what should be predicted?"), "{output}");
    assert!(output.contains("windrow init plain.csv --target late") && output.contains("`1` is positive"), "{output}");

    let output = fails(here, &["init", "plain.csv", "--target", "size"], 2);
    let offers: Vec<&str> =
        output.lines().filter(|line| line.contains("windrow init plain.csv --target 'size >= ")).collect();
    assert_eq!(offers.len(), 3, "{output}");
    // Each offered command can be pasted into a shell.
    let pasted = offers[1].trim().replace("windrow ", &format!("{} ", program().display()));
    let shell = std::process::Command::new("sh").args(["-c", &pasted]).current_dir(here).output().expect("a shell");
    assert!(shell.status.success(), "{pasted}: {}", text(&shell.stderr));

    // Dates with only the first twelve days of each month, so that day and month are ambiguous.
    let ambiguous = table("at,size,late\n", |row| {
        let (day, month) = (1 + row.minutes / 1440 % 12, 1 + row.minutes / 1440 / 12);
        format!("{day:02}/{month:02}/2021,{},{}", row.size, u8::from(row.late))
    });
    fs::write(here.join("ambiguous.csv"), ambiguous).expect("a file");
    let output = fails(here, &["init", "ambiguous.csv", "--target", "late"], 2);
    assert!(output.contains("the order of day and month is not clear"), "{output}");
    for choice in [
        "--time 'at=%d/%m/%Y'\n      the day first: all rows in order",
        "--time 'at=%m/%d/%Y'\n      the month first: ",
    ] {
        assert!(output.contains(choice), "{output}");
    }
    done(here, &["init", "ambiguous.csv", "--target", "late", "--time", "at=%d/%m/%Y"]);
    let output = fails(here, &["init", "ambiguous.csv", "--target", "late", "--time", "at=%m/%d/%Y", "--force"], 1);
    assert!(output.contains("out of order") && output.contains("--repaired-copy"), "{output}");

    let cases: [(&[&str], &str); 11] = [
        (&["--target", "lat"], "the file has no column `lat`; did you mean `late`?"),
        (&["--target", "late > x"], "`x` is not a number"),
        (&["--target", "colour > 5"], "colour holds text, not numbers"),
        (&["--target", "colour in red,grean"], "colour is never `grean`; did you mean `green`?"),
        (&["--target", "late about 5"], "`about 5` is not a rule"),
        (&["--target", "size >= 5000"], "no row matches size >= 5000"),
        (&["--target", "size >= -5"], "every row matches size >= -5"),
        (&["--target", "late", "--time", "size"], "the format of size is not known"),
        (&["--target", "late", "--time", "at=%H"], "it does not give the year"),
        (&["--target", "late", "--numeric", "colour"], "colour holds text, not numbers"),
        (&["--target", "late", "--window", "fortnight"], "`fortnight` is not day, week, month, quarter, or a duration"),
    ];
    for (arguments, expected) in cases {
        let output = fails(here, &[&["init", "plain.csv", "--name", "other"], arguments].concat(), 2);
        assert!(output.contains(expected), "{arguments:?}: {output}");
        assert!(!here.join("other.toml").exists(), "{arguments:?}");
    }
}

/// Answers to questions: a part of each question, and the keys to press when it is printed.
type Answers<'a> = &'a [(&'a str, &'a str)];

/// Runs a command in a terminal, and answers its questions in this order.
/// Returns everything that the command prints, and its exit code.
fn in_terminal(folder: &Path, answers: Answers<'_>, colour: &str, arguments: &[&str]) -> (String, Option<i32>) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).and_then(|()| unlockpt(&terminal)).expect("a terminal");
    let path = ptsname(&terminal, Vec::new()).expect("a terminal").into_string().expect("UTF-8");
    let end = || fs::File::options().read(true).write(true).open(&path).expect("a terminal");
    let mut child = {
        let mut command = std::process::Command::new(program());
        command.args(arguments).current_dir(folder).env("NO_COLOR", colour).env("TERM", "xterm");
        command.stdin(end()).stdout(end()).stderr(end()).spawn().expect("the binary runs")
    };
    let mut terminal = fs::File::from(terminal);
    let (sender, printed) = mpsc::channel();
    let mut reader = terminal.try_clone().expect("a terminal");
    std::thread::spawn(move || {
        let mut bytes = [0; 65_536];
        // Fails when the command has ended and all its output has been read.
        while let Ok(read @ 1..) = reader.read(&mut bytes) {
            let _ = sender.send(text(&bytes[..read]));
        }
    });
    let mut output_text = String::new();
    let mut answers = answers.iter().peekable();
    // The length of the output before the last answer. The next question follows after it.
    let mut answered = 0;
    loop {
        match printed.recv_timeout(STEP_TIMEOUT) {
            Ok(more) => output_text.push_str(&more),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let _ = child.kill();
                panic!("it does not end: {output_text}");
            }
        }
        if let Some((_, keys)) = answers.next_if(|(asked, _)| output_text[answered..].contains(asked)) {
            answered = output_text.len();
            terminal.write_all(keys.as_bytes()).expect("it reads");
        }
    }
    (output_text, child.wait().expect("a child to wait for").code())
}

#[test]
fn in_a_terminal_it_asks() {
    let folder = tempfile::tempdir().expect("a folder");
    let flights = fixture("flights-sample.csv.zst").display().to_string();
    let ask = |asked: &str, colour: &str, arguments: &[&str]| {
        in_terminal(folder.path(), &[(asked, ENTER)], colour, arguments)
    };
    let (output, code) =
        ask("or a category?", "1", &["init", &flights, "--target", "arr_delay >= 15", "--label-delay", "0"]);
    assert!(code == Some(0) && output.contains("flights-sample.toml was written"), "{output}");
    assert!(!output.contains("\u{1b}[3"), "no colours if NO_COLOR is set: {output:?}");
    let pipeline = fs::read_to_string(folder.path().join("flights-sample.toml")).expect("a pipeline file");
    assert!(pipeline.contains("#   flight: given in --leave-out"), "{pipeline}");
    fs::write(folder.path().join("plain.csv"), plain()).expect("a file");
    let (output, code) = ask("what should be predicted?", "", &["init", "plain.csv", "--label-delay", "0"]);
    assert!(code == Some(0) && output.contains("plain.toml was written"), "{output}");
    let late = ["init", "plain.csv", "--target", "late", "--force"];
    let (output, code) = ask("when are the labels of the rows known?", "", &late);
    assert!(code == Some(0) && output.contains("plain.toml was written"), "{output}");
    assert!(!output.contains("label delay: 0 is assumed"), "it was asked: {output}");
    let pipeline = fs::read_to_string(folder.path().join("plain.toml")).expect("a pipeline file");
    assert!(!pipeline.contains("label_delay"), "labels are known at once: {pipeline}");
    let (output, code) = ask("never", "", &["init", "plain.csv", "--quiet", "--force"]);
    assert!(code == Some(2) && output.contains("answer them on the command line"), "{output}");
}

#[test]
fn leaking_columns_ids_and_missing_codes_are_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let wide = table("at,size,id,note,refund,status,temp,stars,late\n", |row| {
        let late = u8::from(row.late);
        let refund = if row.late { row.size.to_string() } else { String::new() };
        let status = if row.late { "overdue" } else { "fine" };
        let temp = if row.minutes % 10 == 0 { "-999".to_owned() } else { format!("{:.1}", row.size / 3.0) };
        let (id, note, stars) = (9000 - row.minutes / 97, format!("text {}", row.minutes), row.minutes % 5);
        format!("{},{},{id},{note},{refund},{status},{temp},{stars},{late}", row.day(), row.size)
    });
    fs::write(here.join("wide.csv"), wide).expect("a file");
    let output_text = done(here, &["init", "wide.csv", "--target", "late"]);
    for expected in [
        "id: named like an id",
        "note: an id or a text: 2,000 different values",
        "refund: its missing cells predict the target too well",
        "status: it predicts the target too well without other columns (AUC 1.000)",
        "temp: -999 appears 200 times, far from the range of 0 to 33.3",
        "stars: whole numbers with 5 different values, used as a category",
    ] {
        let unwrapped = output_text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(unwrapped.contains(expected), "{expected}: {output_text}");
    }
    assert!(output_text.lines().all(|line| line.chars().count() <= 80), "{output_text}");
    let kept = done(here, &["init", "wide.csv", "--target", "late", "--keep", "status", "--null=-999", "--force"]);
    assert!(kept.contains("status: kept, although"), "{kept}");
    let pipeline = fs::read_to_string(here.join("wide.toml")).expect("a pipeline file");
    assert!(pipeline.contains("\"-999\"") && pipeline.contains("\"status\""), "{pipeline}");
    // A check of this file reports the column that init would have left out.
    let output = at(here, &["check", "wide.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stdout).contains("features: status: it predicts the target too well"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn invalid_utf8_and_rows_out_of_order_are_reported_and_repaired() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    // A Latin-1 file with two swapped rows, and one row far from its place.
    let mut lines: Vec<String> = plain().lines().map(|line| line.replace("blue", "bl\u{e9}u")).collect();
    lines.swap(1000, 1001);
    let far = lines.remove(200);
    lines.insert(1500, far);
    let latin: Vec<u8> =
        lines.join("\n").chars().map(|letter| u8::try_from(u32::from(letter)).expect("Latin")).collect();
    fs::write(here.join("old.csv"), &latin).expect("a file");
    let init = ["init", "old.csv", "--target", "late"];
    let output_text = fails(here, &init, 1);
    assert!(
        output_text.contains("rows are not UTF-8 (the first is row ")
            && output_text.contains("windrow init old.csv --target late --repaired-copy OUT.csv.zst"),
        "{output_text}"
    );
    assert!(
        output_text.contains("2 rows are out of order (the first is row 1,000), the largest step back"),
        "{output_text}"
    );
    let output = at(here, &[&init[..], &["--repaired-copy", "new.csv.zst"]].concat());
    let output_text = text(&output.stderr);
    assert!(output.status.success(), "{output_text}");
    assert!(
        output_text.contains("new.csv.zst: 2,000 rows, 2 of them moved into the order of their times"),
        "{output_text}"
    );
    assert!(fs::read_to_string(here.join("old.toml")).expect("a file").contains("path = \"new.csv.zst\""));
    let repaired = zstd::decode_all(fs::File::open(here.join("new.csv.zst")).expect("a copy")).expect("zstd");
    let mut sorted: Vec<String> = lines[1..].to_vec();
    sorted.sort_by_key(|line| line[..16].to_owned());
    assert_eq!(text(&repaired), format!("{}\n{}\n", lines[0], sorted.join("\n")));
    assert_eq!(fs::read(here.join("old.csv")).expect("a file"), latin, "the file itself stays");
    // Questions are about the copy, if it has been written.
    let output_text = fails(here, &["init", "old.csv", "--repaired-copy", "asked.csv.zst", "--name", "asked"], 2);
    assert!(output_text.contains("windrow init asked.csv.zst --name asked --target late"), "{output_text}");
    // A copy never replaces the original file, nor another file without `--force`.
    for copy in ["old.csv", "new.csv.zst"] {
        fails(here, &[&init[..], &["--repaired-copy", copy]].concat(), 2);
    }
    // A correct file needs no copy.
    fs::write(here.join("plain.csv"), plain()).expect("a file");
    let output = at(here, &["init", "plain.csv", "--target", "late", "--repaired-copy", "none.csv.zst"]);
    assert!(text(&output.stderr).contains("nothing needs repair") && !here.join("none.csv.zst").exists());
    // UTF-16 with two bytes per letter, as spreadsheets write it.
    let wide: Vec<u8> = format!("\u{feff}{}", plain()).encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(here.join("wide.csv"), wide).expect("a file");
    let output_text = fails(here, &["init", "wide.csv", "--target", "late"], 1);
    assert!(
        output_text.contains("is UTF-16 and not UTF-8") && output_text.contains("--repaired-copy"),
        "{output_text}"
    );
    done(here, &["init", "wide.csv", "--target", "late", "--repaired-copy", "narrow.csv.zst"]);
    let narrow = zstd::decode_all(fs::File::open(here.join("narrow.csv.zst")).expect("a copy")).expect("zstd");
    assert_eq!(text(&narrow), plain());
}

#[test]
fn a_repair_that_needs_an_answer_says_how_to_give_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    // Dates that are valid with the day first and with the month first.
    let ambiguous = table("at,size,colour,late\n", |row| {
        let (day, month) = (1 + row.minutes / 1440 % 12, 1 + row.minutes / 1440 / 12);
        let colour = row.colour.replace("blue", "bl\u{e9}u");
        format!("{day:02}/{month:02}/2021,{},{colour},{}", row.size, u8::from(row.late))
    });
    let latin: Vec<u8> = ambiguous.chars().map(|letter| u8::try_from(u32::from(letter)).expect("Latin")).collect();
    let wide: Vec<u8> = format!("\u{feff}{ambiguous}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (name, bytes) in [("latin.csv", latin), ("wide.csv", wide)] {
        fs::write(here.join(name), bytes).expect("a file");
        let copy = format!("{name}.zst");
        let init = ["init", name, "--target", "late", "--repaired-copy", &copy];
        let output = fails(here, &init, 2);
        let answer = format!("windrow init {name} --target late --repaired-copy {copy} --time 'at=%d/%m/%Y'");
        assert!(output.contains("the order of day and month is not clear") && output.contains(&answer), "{output}");
        assert!(!here.join(&copy).exists(), "{name}: a copy that is not in order does not stay");
        done(here, &[&init[..], &["--time", "at=%d/%m/%Y"]].concat());
        assert!(here.join(&copy).exists(), "{name}");
    }
}

#[test]
fn a_data_file_runs_without_a_pipeline_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    fs::write(here.join("Plain Data.csv"), plain()).expect("a file");
    let run =
        ["run", "Plain Data.csv", "--target", "late", "--once", "--broker", "embedded", "--listen", "127.0.0.1:0"];
    let output = at(here, &run);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("plain-data.toml was written"), "{}", text(&output.stderr));
    // The second time, the file is the same and the run is complete.
    assert!(at(here, &run).status.success());
    fs::write(here.join("plain-data.toml"), "mine").expect("a file");
    let output_text = fails(here, &run, 2);
    assert!(output_text.contains("plain-data.toml exists already, with other content"), "{output_text}");
    // Options that the pipeline file already sets are refused.
    for option in [&["--target", "late"][..], &["--window", "week"], &["--null=NA"], &["--force"]] {
        let output_text = fails(here, &[&["run", "plain-data.toml"], option].concat(), 2);
        assert!(output_text.contains("cannot be combined with a pipeline file"), "{option:?}: {output_text}");
    }
    let output_text = fails(here, &["run", "none.csv", "--target", "late"], 1);
    assert!(output_text.contains("error: the data file none.csv does not exist\n"), "{output_text}");
}

#[test]
fn a_file_that_is_not_a_table_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let cases: [(&str, &[u8], &str); 6] = [
        ("empty.csv", b"", "is empty"),
        ("header.csv", b"a,b\n", "no rows"),
        ("prose.txt", b"Once upon a time\nthere was a file\nwithout columns\n", "is not a table"),
        ("book.xlsx", b"PK\x03\x04", "zip archive"),
        ("data.parquet", b"PAR1....", "its Parquet data is damaged"),
        ("cut.csv.gz", &gzip(&plain())[..4000], "cannot be read"),
    ];
    for (name, bytes, expected) in cases {
        fs::write(here.join(name), bytes).expect("a file");
        let output = at(here, &["init", name, "--target", "a"]);
        let output_text = text(&output.stderr);
        assert!(!output.status.success() && output_text.contains(expected), "{name}: {output_text}");
    }
}

#[test]
fn a_missing_target_is_no_negative_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let gaps = table("at,size,late\n", |row| {
        let late = if row.minutes % 11 == 0 { "NA" } else { ["no", "yes"][usize::from(row.late)] };
        format!("{},{},{late}", row.day(), row.size)
    });
    fs::write(here.join("gaps.csv"), gaps).expect("a file");
    done(here, &["init", "gaps.csv", "--target", "late"]);
    let pipeline = fs::read_to_string(here.join("gaps.toml")).expect("a pipeline file");
    assert!(pipeline.contains("182 have no target") && pipeline.contains("null = [\"\", \"NA\"]"), "{pipeline}");
    // Three thousand columns of long numbers: the memory per column must not include all time formats.
    let names: Vec<String> = (0..3000).map(|column| format!("c{column}")).collect();
    let mut wide = format!("{},late\n", names.join(","));
    for row in 0..120_u32 {
        let cells: Vec<String> =
            (0..3000_u32).map(|column| format!("{}.{:06}", column, (row * 499_979 + column) % 999_983)).collect();
        wide.push_str(&format!("{},{}\n", cells.join(","), u8::from(row % 3 == 0)));
    }
    fs::write(here.join("wide.csv"), &wide).expect("a file");
    let limited = format!("ulimit -v 1500000; exec {} init wide.csv --target late", program().display());
    let output = std::process::Command::new("sh").args(["-c", &limited]).current_dir(here).output().expect("a shell");
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn quirks_of_common_files_are_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    // A sensor that fails completely, a month without a day, a unique name per row, and rows sorted by the target.
    let power = table("day,clock,power,volts,late\n", |row| match row.minutes % 13 {
        0 => format!("{},{},?,?,", row.day(), row.clock()),
        _ => format!("{},{},{},{},{}", row.day(), row.clock(), row.size, row.size * 2.0, u8::from(row.late)),
    });
    let months = table("month,rate,name,late\n", |row| {
        let month = ["Mar", "Apr", "May", "Jun", "Jul"][usize::try_from(row.minutes / 43_200).unwrap_or(4).min(4)];
        format!(
            "{month}-2021,{:.4}%,Row {},{}",
            row.size + f64::from(row.minutes) / 1e5,
            row.minutes,
            u8::from(row.late)
        )
    });
    let mut sorted: Vec<String> = plain().lines().skip(1).map(|line| line[17..].to_owned()).collect();
    sorted.sort_by_key(|line| line.chars().next_back());
    let sorted = format!("size,colour,late\n{}\n", sorted.join("\n"));
    // Two of every 47 rows are wrong: one belongs to another table, and one has no time.
    let foreign = table("at,size,late\n", |row| match row.minutes % 47 {
        0 => "Total,12".to_owned(),
        1 => format!(",{},{}", row.size, u8::from(row.late)),
        _ => format!("{},{},{}", row.day(), row.size, u8::from(row.late)),
    });
    let cases: [(&str, &str, &[&str]); 4] = [
        (
            "foreign.csv",
            &foreign,
            &["number of fields: 43 rows, the first is row 1: it has 2 fields", "they go to quarantine"],
        ),
        ("power.csv", &power, &["2 numbers", "day and clock combined"]),
        ("months.csv", &months, &["month, in the format %b-%Y", "features: 1 number", "name: an id or a text: 2,000"]),
        ("sorted.csv", &sorted, &["15 of 16 windows have rows of only one class: are the rows sorted by the target?"]),
    ];
    for (name, text, expected) in cases {
        fs::write(here.join(name), text).expect("a file");
        let output = done(here, &["init", name, "--target", "late"]);
        let unwrapped = output.split_whitespace().collect::<Vec<_>>().join(" ");
        for expected in expected {
            assert!(unwrapped.contains(expected), "{name}: {expected}: {output}");
        }
        let file = name.replace("csv", "toml");
        done(here, &["run", &file, "--once", "--broker", "embedded", "--listen", "127.0.0.1:0", "--quiet"]);
    }
}
