//! The report as one self-contained HTML file, which prints on A4.

use crate::cell_number::columns_of_numbers;
use crate::report::content::Report;
use crate::report::facts::{Fact, checks, facts, question};
use crate::terms::{Part, comparison, subject, terms, with_code};
use windrow_evaluation::plot::{AdvicePictures, STYLE, Table, escaped};
use windrow_evaluation::{Advice, Origin};

const PAGE_STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;color:#1b1f24;background:#fff;max-width:1100px;margin:0 auto;padding:24px;overflow-wrap:break-word}\
    h1{font-size:26px;line-height:1.25;margin:0 0 4px}h2{font-size:17px;margin:28px 0 6px}p{margin:2px 0}.quiet{opacity:.75}\
    .answer{font-size:20px;font-weight:600;margin-top:14px}.pictures{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:16px;margin:20px 0;align-items:start}\
    figure{margin:0;min-width:0;break-inside:avoid}svg{width:100%;height:auto;display:block}\
    .broad{grid-column:1/-1}.broad svg{max-width:760px}.narrow svg{max-width:480px}\
    .table{overflow-x:auto}table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}thead{display:table-header-group}tr{break-inside:avoid}\
    td,th{padding:2px 14px 2px 0;text-align:left;vertical-align:top;border-bottom:1px solid #8884}.n{text-align:right}tbody .n,tbody tr>:first-child{white-space:nowrap}thead th{max-width:160px;vertical-align:bottom}\
    .facts{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:2px 16px;margin:14px 0}.facts dd{overflow-wrap:anywhere}\
    dt{font-weight:600}dd{margin:0 0 6px}.facts dd{margin:0}.term{border:1px solid #8888;border-radius:9px;padding:0 5px;margin-left:3px;font-size:12px;color:inherit;text-decoration:none}\
    footer{margin-top:28px;font-size:12px;overflow-wrap:anywhere}\
    @media screen and (max-width:700px){.pictures,.facts{grid-template-columns:minmax(0,1fr)}.broad{overflow-x:auto}.broad svg{width:580px;max-width:none}}\
    @media screen{tbody td:last-child:not(.n){min-width:200px}}\
    @media(prefers-color-scheme:dark){body{color:#e6e9ed;background:#15181c}}\
    @page{size:A4;margin:14mm}\
    @media print{body{padding:0;max-width:none;font-size:10pt;color:#000;background:#fff}h1{font-size:16pt}.answer{font-size:13pt}svg{color:#000;background:#fff}\
    .a{stroke:#333;fill:#333}.b{stroke:#888;fill:#888}.h{fill:none}.f{stroke:none}.term{display:none}.pictures{grid-template-columns:repeat(2,minmax(0,1fr))}\
    .facts{grid-template-columns:max-content minmax(0,1fr)}h2,dt{break-after:avoid}.facts dt{break-after:auto}.broad svg{max-width:500px}.rest{break-before:page}table{font-size:8pt}.table{overflow:visible}td,th{padding-right:8px}}";

pub(super) fn text(report: &Report, foot: &str, answer: Option<&AdvicePictures>, tables: &[Table]) -> String {
    let advice = &*report.advice;
    let origin = advice.subject.origin;
    let title = escaped(&advice.subject.title());
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<style>{STYLE}{PAGE_STYLE}</style>\n<main>\n<h1>{title}</h1>\n<p>{}</p>\n\
         <p class=\"quiet\">{}</p>\n",
        escaped(&question(advice)),
        marked(subject(origin))
    );
    for (number, sentence) in advice.recommendation.sentences.iter().enumerate() {
        let class = if number == 0 { " class=\"answer\"" } else { "" };
        text.push_str(&format!("<p{class}>{}</p>\n", escaped(sentence)));
    }
    text.push_str(&facts_list(&facts(report)));
    if let Some(answer) = answer {
        text.push_str("<div class=\"pictures\">\n");
        for named in answer.pictures() {
            let class = if named.is_broad() { "broad" } else { "narrow" };
            text.push_str(&format!("<figure class=\"{class}\">{}</figure>\n", named.picture.inline()));
        }
        text.push_str("</div>\n");
    }
    text.push_str(&format!("<section class=\"rest\">\n<p>{}</p>\n", marked(comparison(origin))));
    for table in tables {
        text.push_str(&rendered(table));
    }
    text.push_str(&facts_of_table(advice));
    text.push_str("<h2>How to check it</h2>\n<ol>\n");
    for check in checks(advice) {
        text.push_str(&format!("<li>{}</li>\n", with_code(&check)));
    }
    text.push_str("</ol>\n");
    text.push_str(&definitions(origin));
    text.push_str(&format!("</section>\n<footer class=\"quiet\">{}</footer>\n</main>\n", escaped(foot)));
    text
}

fn facts_list(facts: &[Fact]) -> String {
    let facts = facts.iter().map(|fact| format!("<dt>{}</dt><dd>{}</dd>\n", fact.name, escaped(&fact.text)));
    format!("<dl class=\"facts\">\n{}</dl>\n", facts.collect::<String>())
}

/// Returns a sentence with a link to the definition of each term.
fn marked(sentence: &[Part]) -> String {
    let mut text = String::new();
    for (part, term) in sentence {
        text.push_str(&escaped(part));
        if let Some(term) = term {
            let (id, name) = (term.id, term.name);
            text.push_str(&format!("<a class=\"term\" href=\"#{id}\" aria-label=\"Meaning of {name}\">?</a>"));
        }
    }
    text
}

/// Returns the facts on a table of predictions. Empty for a pipeline.
fn facts_of_table(advice: &Advice) -> String {
    if advice.subject.origin == Origin::Pipeline {
        return String::new();
    }
    let facts = advice.subject.facts.iter().map(|sentence| format!("<p>{}</p>\n", escaped(sentence)));
    format!("<h2>The table</h2>\n{}", facts.collect::<String>())
}

fn definitions(origin: Origin) -> String {
    let mut text = "<h2 id=\"terms\">Terms</h2>\n<dl>\n".to_owned();
    for term in terms(origin) {
        let definition = escaped(term.definition(origin));
        text.push_str(&format!("<dt id=\"{}\">{}</dt><dd>{definition}</dd>\n", term.id, term.name));
    }
    text + "</dl>\n"
}

fn rendered(table: &Table) -> String {
    let mut text = format!("<h2>{}</h2>\n", escaped(&table.heading));
    if !table.note.is_empty() {
        text.push_str(&format!("<p>{}</p>\n", escaped(&table.note)));
    }
    let texts = table.rows.iter().map(|row| row.cells.iter().map(String::as_str).collect());
    let numbers = columns_of_numbers(table.header.len(), texts);
    let class = |column: usize| if numbers.get(column) == Some(&true) { " class=\"n\"" } else { "" };
    let cells = |name: &str, cells: &[String]| -> String {
        let cell = |(column, cell): (usize, &String)| format!("<{name}{}>{}</{name}>", class(column), escaped(cell));
        cells.iter().enumerate().map(cell).collect()
    };
    text.push_str("<div class=\"table\"><table>\n");
    text.push_str(&format!("<thead><tr>{}</tr></thead>\n<tbody>\n", cells("th", &table.header)));
    for row in &table.rows {
        text.push_str(&format!("<tr>{}</tr>\n", cells(if row.is_named { "th" } else { "td" }, &row.cells)));
    }
    text + "</tbody></table></div>\n"
}
