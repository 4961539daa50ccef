//! The report: the same bytes each time, data shown only as text, and one sentence if there is no advice.

use std::fs;

use windrow_testing::{command, fixture, has, run_arguments, sample_with, succeed, text, windrow};

#[test]
fn a_report_has_the_sentences_the_pictures_and_the_numbers_behind_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = sample_with(folder.path(), "rows = 200", "");
    let workdir = folder.path().join("work").display().to_string();
    let run = run_arguments(&file, &workdir);
    let output = succeed(&run);
    let out = folder.path().join("out/answer.md");
    let report = ["report", &file, "--format", "md", "--workdir", &workdir, "--out", &out.display().to_string()]
        .map(str::to_owned);
    let report: Vec<&str> = report.iter().map(String::as_str).collect();
    let listed = succeed(&report);
    assert_eq!(listed.lines().count(), 5, "four pictures and the text: {listed}");
    let page = fs::read_to_string(&out).expect("a report");
    // The first sentence in the terminal is also the first of the report.
    let first = output.lines().nth(3).expect("a sentence").trim().replace('_', "\\_");
    assert!(page.contains(&first), "{first}: {page}");
    for (picture, heading) in [("how-often", "How often"), ("how-much", "How much history"), ("log-loss", "Over time")]
    {
        let title = page.lines().find_map(|line| line.strip_prefix(&format!("### {heading}: "))).expect("a heading");
        assert!(page.contains(&format!("![{title}](answer/{picture}.svg)")), "{page}");
        let svg = fs::read_to_string(folder.path().join(format!("out/answer/{picture}.svg"))).expect("a picture");
        assert!(svg.contains(&format!("<title>{title}</title>")) && svg.ends_with("</svg>\n"), "{svg}");
    }
    assert!(
        page.contains("| history, refit | keeps | 95% interval | more wrong answers per 1,000 rows than ")
            && page.contains("](answer/auc.svg)")
            && page.contains("\n### AUC by window\n")
            && page.contains("sha256 of the advice"),
        "{page}"
    );
    assert!(page.contains("logistic regression") && page.contains("\n## Terms\n\n- **window**: "), "{page}");
    for term in ["verdict", "recalibrate", "alarm"] {
        assert!(page.contains(&format!("\n- **{term}**: ")), "{term}: {page}");
    }
    let digest = page.split_whitespace().last().expect("a digest");
    assert_eq!(digest.len(), 64, "of the dataset: {digest}");
    // A second report in another folder has the same bytes.
    let again = folder.path().join("again/answer.md").display().to_string();
    succeed(&["report", &file, "--format", "md", "--workdir", &workdir, "--out", &again]);
    assert_eq!(fs::read_to_string(again).expect("a report"), page);
    // The same advice as one HTML page without links to other hosts, and as JSON.
    let html = folder.path().join("answer.html").display().to_string();
    succeed(&["report", &file, "--workdir", &workdir, "--out", &html]);
    let html = fs::read_to_string(html).expect("a report");
    let first = output.lines().nth(3).expect("a sentence").trim();
    assert!(html.contains(&format!("<p class=\"answer\">{first}")), "{html}");
    // The last table lists the alarms that rang.
    let tables = if page.contains("\n### Alarms\n") { 6 } else { 5 };
    assert_eq!((html.matches("<svg ").count(), html.matches("<table>").count()), (4, tables));
    assert!(!html.contains("http") && !html.contains("src=") && !html.contains("<script"), "{html}");
    assert!(html.contains("logistic regression") && html.contains("<dt id=\"term-verdict\">"), "{html}");
    for mark in html.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(html.contains(&format!("id=\"{mark}\"")), "{mark} is not explained: {html}");
    }
    // What a reader who was not there needs to know.
    for fact in ["Made", "With", "Models", "Features", "Data", "Judged on", "Labels", "Costs"] {
        assert!(
            html.contains(&format!("<dt>{fact}</dt>")) && page.contains(&format!("\n- **{fact}**: ")),
            "{fact}: {page}"
        );
    }
    assert!(page.contains("\n## How to check it\n\n1. ") && page.contains("numbers: "), "{page}");
    assert!(html.contains("@page{size:A4") && html.contains("<td class=\"n\">"), "numbers are aligned: {html}");
    let machine = folder.path().join("answer.json").display().to_string();
    succeed(&["report", &file, "--format", "json", "--workdir", &workdir, "--out", &machine]);
    let machine: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(machine).expect("a report")).expect("JSON");
    assert!(html.contains(machine["advice_sha256"].as_str().expect("a digest")), "{machine}");
}

#[test]
fn a_summary_has_at_most_fifteen_lines_and_names_its_author() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = sample_with(folder.path(), "rows = 200", "");
    let workdir = folder.path().join("work").display().to_string();
    let run = run_arguments(&file, &workdir);
    let output = succeed(&run);
    let out = folder.path().join("ticket.md").display().to_string();
    let summary = ["report", &file, "--format", "summary", "--author", "R. <b>", "--workdir", &workdir, "--out", &out];
    assert_eq!(succeed(&summary).trim(), out);
    let text = fs::read_to_string(&out).expect("a summary");
    assert!((10..=15).contains(&text.lines().count()), "{text}");
    let answer = output.lines().nth(3).expect("a sentence").trim().replace('_', "\\_");
    assert!(text.contains(&format!("**{answer}")) && text.contains("By: R. &lt;b&gt;."), "{answer}: {text}");
    assert!(text.contains("| history, refit | keeps |") && text.contains("sha256 of the advice"), "{text}");
}

#[test]
fn a_pdf_file_is_printed_if_chromium_is_installed_and_html_is_written_otherwise() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = sample_with(folder.path(), "rows = 200", "");
    let workdir = folder.path().join("work").display().to_string();
    let run = run_arguments(&file, &workdir);
    succeed(&run);
    let out = folder.path().join("answer.pdf");
    let report = ["report", &file, "--format", "pdf", "--workdir", &workdir, "--out", &out.display().to_string()]
        .map(str::to_owned);
    let report: Vec<&str> = report.iter().map(String::as_str).collect();
    // No program is found in an empty folder.
    let nothing = folder.path().join("empty");
    fs::create_dir(&nothing).expect("a folder");
    let output = command(&report).env("PATH", &nothing).output().expect("the program runs");
    assert!(output.status.success() && text(&output.stderr).contains("Chromium is not installed"), "{output:?}");
    let html = out.with_extension("html");
    assert_eq!(text(&output.stdout).trim(), html.display().to_string());
    assert!(fs::read_to_string(html).expect("a report").contains("<p class=\"answer\">") && !out.exists());
    if has("chromium") {
        assert_eq!(succeed(&report).trim(), out.display().to_string());
        assert!(fs::read(&out).expect("a report").starts_with(b"%PDF-"));
        let hidden = fs::read_dir(folder.path()).expect("a folder").flatten();
        let hidden = hidden.filter(|entry| entry.file_name().to_string_lossy().starts_with('.'));
        assert_eq!(hidden.count(), 0, "nothing is left");
    }
}

#[test]
fn data_does_not_become_markup() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = "<script>alert(1)</script>|*x*";
    let mut rows = format!("\"{name}\",size\n");
    for row in 0..3000_u32 {
        rows.push_str(&format!("{},{}\n", u8::from(row * 7919 % 100 < row % 40), row % 40));
    }
    fs::write(folder.path().join("d.csv"), rows).expect("a file");
    let file = folder.path().join("p.toml");
    let pipeline = format!(
        "name = \"p\"\ndataset = {{ path = \"d.csv\" }}\ntarget = {{ column = '{name}', equals = \"1\" }}\n\
         features = {{ numeric = \"size\" }}\nwindow = {{ parts = 30 }}\n"
    );
    fs::write(&file, pipeline).expect("a file");
    let (file, workdir) = (file.display().to_string(), folder.path().join("work").display().to_string());
    succeed(&run_arguments(&file, &workdir));
    let out = folder.path().join("p.md");
    succeed(&["report", &file, "--format", "md", "--workdir", &workdir, "--out", &out.display().to_string()]);
    let html = folder.path().join("p.html").display().to_string();
    succeed(&["report", &file, "--workdir", &workdir, "--out", &html]);
    let html = fs::read_to_string(html).expect("a report");
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;|*x*") && !html.contains("<script"), "{html}");
    let page = fs::read_to_string(out).expect("a report");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;\\|\\*x\\*") && !page.contains("<script"), "{page}");
}

#[test]
fn without_advice_there_is_no_report() {
    let folder = tempfile::tempdir().expect("a folder");
    let (workdir, out) =
        (folder.path().join("work").display().to_string(), folder.path().join("r.md").display().to_string());
    let output = windrow(&[
        "report",
        &fixture("flights-sample.toml").display().to_string(),
        "--workdir",
        &workdir,
        "--out",
        &out,
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("there is no advice in"), "{}", text(&output.stderr));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is written");
}
