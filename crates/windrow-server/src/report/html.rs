//! The report as one self-contained HTML file. On paper, the first sheet has the answer and its pictures.

use crate::terms::{Part, comparison, how_to_check, subject, terms};
use windrow_evaluation::plot::{AdvicePictures, STYLE, Table, escaped, tables};
use windrow_evaluation::{Advice, Origin};

const PAGE_STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;color:#1b1f24;background:#fff;max-width:1400px;margin:0 auto;padding:24px}\
    h1{font-size:26px;line-height:1.25;margin:0 0 4px}h2{font-size:17px;margin:28px 0 6px}p{margin:2px 0}.quiet{opacity:.75}\
    .answer{font-size:20px;font-weight:600;margin-top:14px}.pictures{display:flex;flex-wrap:wrap;gap:12px;margin:20px 0}\
    figure{flex:1 1 320px;max-width:460px;margin:0}svg{width:100%;height:auto}table{border-collapse:collapse;font-size:14px}\
    td,th{padding:2px 14px 2px 0;text-align:left;border-bottom:1px solid #8884}td+td,th+th{text-align:right}td:last-child,th:last-child{text-align:left}\
    dt{font-weight:600}dd{margin:0 0 6px}.term{border:1px solid #8888;border-radius:9px;padding:0 5px;margin-left:3px;font-size:12px;color:inherit;text-decoration:none}\
    footer{margin-top:28px;font-size:12px;overflow-wrap:anywhere}\
    @media(prefers-color-scheme:dark){body{color:#e6e9ed;background:#15181c}}\
    @page{size:A4 landscape;margin:12mm}\
    @media print{body{padding:0;font-size:11pt;color:#000;background:#fff}svg{color:#000;background:#fff}.a{stroke:#333;fill:#333}.b{stroke:#888;fill:#888}\
    .h{fill:none}.term{display:none}.pictures{flex-wrap:nowrap}figure{flex-basis:0}h2{break-after:avoid}.rest{break-before:page}table{font-size:9pt}}";

pub(super) fn text(advice: &Advice, foot: &str, answer: Option<&AdvicePictures>, tables: &[Table]) -> String {
    let origin = advice.subject.origin;
    let [title, about] = [advice.subject.title(), advice.subject.windows()].map(|text| escaped(&text));
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<style>{STYLE}{PAGE_STYLE}</style>\n<main>\n<h1>{title}</h1>\n<p class=\"quiet\">{about}</p>\n\
         <p class=\"quiet\">{}</p>\n",
        marked(subject(origin))
    );
    for (number, sentence) in advice.recommendation.sentences.iter().enumerate() {
        let class = if number == 0 { " class=\"answer\"" } else { "" };
        text.push_str(&format!("<p{class}>{}</p>\n", escaped(sentence)));
    }
    if let Some(answer) = answer {
        text.push_str("<div class=\"pictures\">\n");
        for picture in answer.pictures() {
            text.push_str(&format!("<figure>{}</figure>\n", picture.picture.inline()));
        }
        text.push_str("</div>\n");
        // The note says what 0% and 100% mean in the pictures.
        if let Some(policies) = tables::policies(advice) {
            text.push_str(&format!("<p>{}</p>\n", escaped(&policies.note)));
        }
    }
    // The foot is on the first sheet, because it names the data that the answer is based on.
    text.push_str(&format!("<footer class=\"quiet\">{}</footer>\n<section class=\"rest\">\n", escaped(foot)));
    text.push_str(&format!("<p>{}</p>\n", marked(comparison(origin))));
    for table in tables {
        text.push_str(&rendered(table));
    }
    text.push_str(&facts(advice));
    text.push_str(&definitions(origin));
    text.push_str("</section>\n</main>\n");
    text
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

/// Returns the facts on a table, and how its figures can be checked. Empty for a pipeline.
fn facts(advice: &Advice) -> String {
    if advice.subject.origin == Origin::Pipeline {
        return String::new();
    }
    let mut text = "<h2>The table</h2>\n".to_owned();
    for sentence in &advice.subject.facts {
        text.push_str(&format!("<p>{}</p>\n", escaped(sentence)));
    }
    text + &format!("<h2>How to check it</h2>\n<p>{}</p>\n", escaped(how_to_check(advice.subject.origin)))
}

fn definitions(origin: Origin) -> String {
    let mut text = "<h2 id=\"terms\">Terms</h2>\n<dl>\n".to_owned();
    for term in terms(origin) {
        let definition = escaped(term.definition);
        text.push_str(&format!("<dt id=\"{}\">{}</dt><dd>{definition}</dd>\n", term.id, term.name));
    }
    text + "</dl>\n"
}

fn rendered(table: &Table) -> String {
    let mut text = format!("<h2>{}</h2>\n", escaped(&table.heading));
    if !table.note.is_empty() {
        text.push_str(&format!("<p>{}</p>\n", escaped(&table.note)));
    }
    let cells = |name: &str, cells: &[String]| -> String {
        cells.iter().map(|cell| format!("<{name}>{}</{name}>", escaped(cell))).collect()
    };
    text.push_str(&format!("<table>\n<tr>{}</tr>\n", cells("th", &table.header)));
    for row in &table.rows {
        text.push_str(&format!("<tr>{}</tr>\n", cells(if row.is_named { "th" } else { "td" }, &row.cells)));
    }
    text + "</table>\n"
}
