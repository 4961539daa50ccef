//! Files as people export them, and what `windrow init` must make of them. Each has the table of `shapes` in it.

use std::fs;
use std::path::Path;

use crate::init::shapes::{Row, plain, table};
use crate::init::{at, done, fails};
use windrow_testing::text;

/// The first columns of each file.
const HEADER: &str = "at,size,colour,late";

fn cells(row: &Row) -> [String; 4] {
    let late = if row.late { "yes" } else { "no" };
    [format!("{} {}:17", row.day(), row.clock()), row.size.to_string(), row.colour.to_owned(), late.to_owned()]
}

/// A number from 0 to `below` that differs from row to row.
fn noise(row: &Row, below: u32) -> u32 {
    ((u64::from(row.minutes) * 2_654_435_761 % 4_294_967_291) >> 7) as u32 % below
}

/// Writes a file with further columns, and returns the output of `init` in one line, and the pipeline file.
fn init(folder: &Path, more: &str, cell: impl Fn(&Row) -> String, options: &[&str]) -> (String, String) {
    let header = if more.is_empty() { format!("{HEADER}\n") } else { format!("{HEADER},{more}\n") };
    let text = table(&header, |row| {
        let cells = cells(row).join(",");
        if more.is_empty() { cells } else { format!("{cells},{}", cell(row)) }
    });
    of_text(folder, &text, options)
}

fn of_text(folder: &Path, table: &str, options: &[&str]) -> (String, String) {
    fs::write(folder.join("case.csv"), table).expect("a file");
    let output = done(folder, &[&["init", "case.csv", "--target", "late = yes", "--force"][..], options].concat());
    let output = output.split_whitespace().collect::<Vec<_>>().join(" ");
    let pipeline = fs::read_to_string(folder.join("case.toml")).expect("a pipeline file");
    let check = text(&at(folder, &["check", "case.toml"]).stdout);
    assert!(check.contains("no faults") || output.contains("quarantine"), "{check}");
    (output, pipeline)
}

/// The value of a key in a pipeline file.
fn key<'p>(pipeline: &'p str, key: &str) -> &'p str {
    let line = pipeline.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
    line.unwrap_or_else(|| panic!("no {key} in\n{pipeline}"))
}

#[test]
fn words_among_numbers_count_as_missing_and_are_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    for word in ["unknown", "missing", "#N/A", "n.a.", "k.A.", "nil", ".", "abwesend"] {
        let size = |row: &Row| if noise(row, 33) == 0 { word.to_owned() } else { row.size.to_string() };
        let text = table("at,measure,colour,late\n", |row| {
            let [at, _, colour, late] = cells(row);
            format!("{at},{},{colour},{late}", size(row))
        });
        let (output, pipeline) = of_text(folder.path(), &text, &[]);
        assert!(key(&pipeline, "numeric").contains("\"measure\""), "{word}: {pipeline}");
        assert!(key(&pipeline, "null").contains(&format!("\"{word}\"")), "{word}: {pipeline}");
        assert!(output.contains("measure: 97% numbers") || output.contains("measure: 96% numbers"), "{word}: {output}");
        assert!(output.contains("as missing (--categorical measure if not"), "{word}: {output}");
    }
}

#[test]
fn a_word_that_is_a_value_elsewhere_is_missing_in_its_column_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let cell = |row: &Row| {
        let amount = if noise(row, 40) == 0 { "none".to_owned() } else { noise(row, 900).to_string() };
        format!("{amount}.5,{}", ["none", "some", "much"][noise(row, 3) as usize]).replace("none.5", "none")
    };
    let (_, pipeline) = init(folder.path(), "amount,garage", cell, &[]);
    assert_eq!(key(&pipeline, "replace"), "{ amount = { none = \"\" } }");
    assert!(!key(&pipeline, "null").contains("none"), "{pipeline}");
}

#[test]
fn other_cells_among_numbers_are_asked_about_or_reported_with_the_option_that_decides() {
    let folder = tempfile::tempdir().expect("a folder");
    let below = |row: &Row| if noise(row, 33) == 0 { "<0.01".to_owned() } else { format!("{}.25", noise(row, 90)) };
    let (output, pipeline) = init(folder.path(), "dose", below, &[]);
    assert!(key(&pipeline, "numeric").contains("\"dose\""), "{pipeline}");
    assert!(output.contains("`<0.01` (3%) counts as missing"), "{output}");
    assert!(output.contains("--replace 'dose=<0.01=0.01' if it is the number 0.01"), "{output}");
    let (_, pipeline) = init(folder.path(), "dose", below, &["--replace", "dose=<0.01=0.01"]);
    assert_eq!(key(&pipeline, "replace"), "{ dose = { \"<0.01\" = \"0.01\" } }");
    let (output, pipeline) = init(folder.path(), "dose", below, &["--null", "dose=<0.01"]);
    assert!(key(&pipeline, "replace").contains("\"<0.01\" = \"\"") && !output.contains("--replace"), "{pipeline}");
    // A column of codes with letters and digits is not numeric, although most of its cells look like numbers.
    let codes = |row: &Row| match noise(row, 30) {
        0 => format!("V{}", noise(row, 17)),
        _ => format!("{}.{:02}", 200 + noise(row, 40), noise(row, 5)),
    };
    let (_, pipeline) = init(folder.path(), "diagnosis", codes, &[]);
    assert!(!key(&pipeline, "numeric").contains("diagnosis"), "{pipeline}");
    let fault = fails(folder.path(), &["init", "case.csv", "--target", "late", "--replace", "dose=x=y", "--force"], 2);
    assert!(fault.contains("the file has no column `dose`"), "{fault}");
    let fault = fails(folder.path(), &["init", "case.csv", "--target", "late", "--replace", "size=x=y", "--force"], 2);
    assert!(fault.contains("has no number at its end"), "{fault}");
}

#[test]
fn written_numbers_become_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    let cell = |row: &Row| {
        let cents = noise(row, 900_000);
        let (whole, rest) = (cents / 100, cents % 100);
        let grouped = |separator: &str| {
            if whole < 1000 { whole.to_string() } else { format!("{}{separator}{:03}", whole / 1000, whole % 1000) }
        };
        let price = format!("${}.{rest:02}", grouped(","));
        let price = if cents.is_multiple_of(31) { format!("({price})") } else { price };
        let fee = if cents.is_multiple_of(5) { "FREE".to_owned() } else { format!("\u{20ac}{}.{rest:02}", cents % 15) };
        let rate = format!("{}.{}%", 5 + cents % 20, rest / 10);
        let (swiss, french) = (format!("{}.{}", grouped("'"), rest / 10), format!("{}.{}", grouped(" "), rest / 10));
        format!("\"{price}\",{rate},{fee},{swiss},{french},{}.5 kg", cents % 70)
    };
    let (output, pipeline) = init(folder.path(), "price,rate,fee,swiss,french,weight", cell, &[]);
    let numeric = pipeline.split_once("numeric = ").and_then(|(_, rest)| rest.split_once(']')).expect("a list").0;
    for (column, form) in [
        ("price", "$1,234.5"),
        ("rate", "12.5%"),
        ("fee", "\u{20ac}12.5"),
        ("swiss", "1'234.5"),
        ("french", "1 234.5"),
        ("weight", "12.5 kg"),
    ] {
        assert!(numeric.contains(&format!("\"{column}\"")), "{column}: {pipeline}");
        assert_eq!(key(&pipeline, column), format!("\"{form}\""), "{pipeline}");
    }
    assert!(output.contains("--replace 'fee=FREE=0' if it is the number 0"), "{output}");
    let run = ["run", "case.toml", "--once", "--broker", "embedded", "--listen", "127.0.0.1:0"];
    done(folder.path(), &run);
    let batches = folder.path().join(".windrow/case/batches");
    let batch = fs::read_dir(batches).expect("batches").filter_map(Result::ok).map(|entry| entry.path());
    let batch = batch.filter(|path| path.extension().is_some_and(|it| it == "csv")).min().expect("a batch file");
    let text = fs::read_to_string(batch).expect("a batch file");
    assert!(!text.contains(['$', '%', '\'', '\u{20ac}']) && !text.contains("kg"), "batch files hold plain numbers");
}

#[test]
fn a_leak_in_dollars_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let refund =
        |row: &Row| if row.late { format!("${}.50", 3 + noise(row, 90)) } else { format!("$0.{:02}", noise(row, 99)) };
    let (output, _) = init(folder.path(), "refund", refund, &[]);
    assert!(output.contains("refund: it predicts the target too well"), "{output}");
}

#[test]
fn footers_and_repeated_headers_go_to_quarantine() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = table(&format!("{HEADER}\n"), |row| cells(row).join(","));
    let (output, pipeline) = of_text(folder.path(), &format!("{plain}Total,,,\nRows: 2000,,,\n"), &[]);
    assert!(key(&pipeline, "time").contains("column = \"at\", format = \"%Y-%m-%d %H:%M:%S\""), "{pipeline}");
    assert!(output.contains("at: 2 rows, the first is row 2,001") && output.contains("go to quarantine"), "{output}");
    let (head, rest) = plain.split_at(plain.len() / 2);
    let (first, second) = rest.split_once('\n').expect("lines");
    let (output, pipeline) = of_text(folder.path(), &format!("{head}{first}\n{HEADER}\n{second}"), &[]);
    assert!(key(&pipeline, "numeric").contains("\"size\""), "{pipeline}");
    assert!(output.contains("1 row repeats the header line"), "{output}");
}

#[test]
fn what_a_model_cannot_generalise_from_is_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let cell = |row: &Row| {
        let index = row.minutes / 97;
        format!("{},{},lot {},{:03}xx", 2015 + index / 500, index / 200, index / 300, noise(row, 700))
    };
    let (output, pipeline) = init(folder.path(), "season,batch,lot,postcode", cell, &[]);
    for (column, reason) in [
        ("season", "it rises or falls with the rows"),
        ("batch", "it rises or falls with the rows"),
        ("lot", "its values come in blocks of rows and never return"),
        ("postcode", "669 different values with about 3 rows each, too few to learn from"),
    ] {
        assert!(output.contains(&format!("{column}: {reason}")), "{column}: {output}");
    }
    // A check of a file that uses them all the same gives the same reasons.
    let used = pipeline.replace("numeric = [\"size\"]", "numeric = [\"size\", \"season\"]");
    fs::write(folder.path().join("used.toml"), used.replace("[\"colour\"", "[\"lot\", \"colour\"")).expect("a file");
    let check = done(folder.path(), &["check", "used.toml", "--all"]);
    assert!(check.contains("features: season: it rises or falls with the rows"), "{check}");
    assert!(check.contains("features: lot: its values come in blocks"), "{check}");
    let (_, pipeline) =
        init(folder.path(), "season,batch,lot,postcode", cell, &["--numeric", "season", "--categorical", "lot"]);
    assert!(
        key(&pipeline, "numeric").contains("season") && key(&pipeline, "categorical").contains("lot"),
        "{pipeline}"
    );
}

#[test]
fn dates_counts_and_parts_of_the_calendar_are_used_where_they_can_be() {
    let folder = tempfile::tempdir().expect("a folder");
    let cell = |row: &Row| {
        let month = 1 + noise(row, 12);
        format!("{},2020-{month:02}-17", noise(row, 4096).trailing_zeros().min(9))
    };
    let (output, pipeline) = init(folder.path(), "visits,joined", cell, &[]);
    assert_eq!(key(&pipeline, "numeric"), "[\"size\", \"visits\", \"joined\"]");
    assert_eq!(key(&pipeline, "days_since"), "{ joined = \"%Y-%m-%d\" }");
    assert!(output.contains("joined: used as a number, the days from joined to at"), "{output}");
    assert!(key(&pipeline, "calendar").contains("\"hour\", \"weekday\""), "{pipeline}");
    // Dates after the row are known only afterwards.
    let later = |row: &Row| format!("2031-{:02}-17", 1 + noise(row, 12));
    let (output, pipeline) = init(folder.path(), "returned", later, &["--time", "at"]);
    assert!(output.contains("returned: 100% of its dates are after the time of the row"), "{output}");
    assert!(!output.contains("used as a number"), "no note contradicts another: {output}");
    assert!(!key(&pipeline, "numeric").contains("returned"), "{pipeline}");
    for (format, time, calendar) in
        [("%G-W%V", "2021-W", ""), ("%b-%Y", "-2021", ""), ("%Y-%m-%d", "2021-", "calendar = [\"weekday\"]")]
    {
        let text = table(&format!("{HEADER}\n"), |row| {
            let [_, size, colour, late] = cells(row);
            let day = row.minutes / 1440;
            let month = ["Mar", "Apr", "May", "Jun", "Jul"][(day / 30).min(4) as usize];
            let at = match format {
                "%G-W%V" => format!("{time}{:02}", 9 + day / 7),
                "%b-%Y" => format!("{month}{time}"),
                _ => row.day(),
            };
            format!("{at},{size},{colour},{late}")
        });
        let (_, pipeline) = of_text(folder.path(), &text, &[]);
        assert!(key(&pipeline, "time").contains(format), "{format}: {pipeline}");
        assert!(pipeline.contains(calendar) && (!calendar.is_empty() || !pipeline.contains("calendar")), "{pipeline}");
    }
}

#[test]
fn options_win_over_what_is_detected() {
    let folder = tempfile::tempdir().expect("a folder");
    let half = |row: &Row| if noise(row, 5) < 2 { "closed".to_owned() } else { format!("{}.5", noise(row, 80)) };
    for option in [&[][..], &["--numeric", "depth"]] {
        let (output, pipeline) = init(folder.path(), "depth", half, option);
        assert!(key(&pipeline, "numeric").contains("depth") && output.contains("`closed` (4"), "{output}");
    }
    let (output, pipeline) = init(folder.path(), "depth", half, &["--categorical", "depth"]);
    assert!(key(&pipeline, "categorical").contains("depth") && !output.contains("`closed`"), "{output}");
    // A category with few values says more than a number.
    let few = |row: &Row| if noise(row, 2) == 0 { "closed".to_owned() } else { format!("{}.5", noise(row, 8)) };
    let (_, pipeline) = init(folder.path(), "depth", few, &[]);
    assert!(key(&pipeline, "categorical").contains("depth"), "{pipeline}");
    let (_, pipeline) = init(folder.path(), "", |_| String::new(), &["--categorical", "size"]);
    assert!(key(&pipeline, "categorical").contains("size"), "{pipeline}");
    fs::write(folder.path().join("plain.csv"), plain()).expect("a file");
    let fault = fails(folder.path(), &["init", "plain.csv", "--target", "late", "--numeric", "colour"], 2);
    assert!(fault.contains("colour holds text, not numbers"), "{fault}");
}

#[test]
fn words_of_a_number_take_no_label_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let fee = |row: &Row| if noise(row, 40) == 0 { "no".to_owned() } else { format!("{}.5", noise(row, 900)) };
    let (_, pipeline) = init(folder.path(), "fee", fee, &[]);
    assert!(key(&pipeline, "replace").contains("fee = { no = \"\" }"), "{pipeline}");
    assert!(pipeline.contains("% of 2,000 rows"), "every row has a label: {pipeline}");
    // `-` and `none` are values of a target, and not missing.
    for (positive, negative) in [("+", "-"), ("yes", "none")] {
        let text = table("at,size,colour,class\n", |row| {
            let [at, size, colour, _] = cells(row);
            format!("{at},{size},{colour},{}", if row.late { positive } else { negative })
        });
        fs::write(folder.path().join("class.csv"), text).expect("a file");
        done(folder.path(), &["init", "class.csv", "--target", "class", "--force"]);
        let pipeline = fs::read_to_string(folder.path().join("class.toml")).expect("a pipeline file");
        assert!(pipeline.contains("% of 2,000 rows"), "{pipeline}");
    }
}

#[test]
fn dates_may_be_missing_and_replaced_words_stay_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let cell = |row: &Row| {
        let login = if noise(row, 5) < 2 { "NULL".to_owned() } else { format!("2020-{:02}-17", 1 + noise(row, 12)) };
        let balance = if noise(row, 9) == 0 { "-".to_owned() } else { format!("{}.5", noise(row, 700)) };
        let flag = u8::from(noise(row, 1999) == 7);
        format!("{login},{balance},{flag}")
    };
    let (output, pipeline) = init(folder.path(), "login,balance,flag", cell, &["--replace", "balance=-=0"]);
    assert!(!output.contains("quarantine") && key(&pipeline, "null").contains("\"NULL\""), "{output}\n{pipeline}");
    assert!(key(&pipeline, "replace").contains("balance = { - = \"0\" }"), "{pipeline}");
    assert!(key(&pipeline, "categorical").contains("\"flag\""), "a rare value does not rise with the rows: {pipeline}");
}
