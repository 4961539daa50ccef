//! The pages as a client without a browser sees them: the files they may load, unknown addresses, and allowed methods.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use windrow_testing::http::ask;
use windrow_testing::served::server;
use windrow_testing::{Running, large, run_once, sample_with, served};

/// Pages that are not in the navigation.
const OTHER_PAGES: [&str; 4] = ["/windows/1", "/models/advised", "/models/cumulative-1", "/compare"];
const FILES: [&str; 5] =
    ["/assets/windrow.css", "/assets/windrow.js", "/assets/try.js", "/assets/theme.js", "/favicon.ico"];

#[test]
fn a_page_may_load_files_of_its_server_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    let home = ask("GET", &format!("{url}/"), &[], b"").body;
    let navigation = home.split("<nav").nth(1).and_then(|rest| rest.split("</nav>").next()).expect("a navigation");
    let entries = navigation.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let pages: Vec<&str> = entries.filter(|path| *path != "/docs").collect();
    assert!(pages.len() > 4 && pages.contains(&"/evidence"), "{pages:?}");
    for page in pages.into_iter().chain(OTHER_PAGES) {
        let answer = ask("GET", &format!("{url}{page}"), &[], b"");
        assert_eq!((answer.status, answer.header("content-type")), (200, "text/html; charset=utf-8"), "{page}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{page}: {policy}");
        assert!(!policy.contains("unsafe") && answer.header("set-cookie").is_empty(), "{page}");
        assert!(!answer.body.contains(" style=") && !answer.body.contains("http"), "{page} names another host");
        assert_eq!(ask("HEAD", &format!("{url}{page}"), &[], b"").status, 200, "{page}");
        let posted = ask("POST", &format!("{url}{page}"), &[], b"x=1");
        assert_eq!((posted.status, posted.header("allow")), (405, "GET"), "{page}");
    }
    for file in FILES {
        let answer = ask("GET", &format!("{url}{file}"), &[], b"");
        assert_eq!(answer.status, 200, "{file}");
        // The XML namespace of SVG is not an address to load.
        let text = answer.body.replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains("http"), "{file} names another host");
    }
}

#[test]
fn the_terms_of_a_page_are_explained_at_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    for page in ["/", "/evidence"] {
        let body = ask("GET", &format!("{url}{page}"), &[], b"").body;
        assert!(body.contains("logistic regression"), "{page}");
        let marks: Vec<&str> = body.split("href=\"#term-").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(marks.len() >= 3, "{page}: {marks:?}");
        assert!(page == "/" || marks.contains(&"verdict"), "{page}: {marks:?}");
        for mark in marks {
            assert!(body.contains(&format!("id=\"term-{mark}\"")), "{page}: {mark} is not explained");
        }
    }
}

/// A frame of HTTP/2: its type, its flags and its content.
fn frame(stream: &mut TcpStream) -> (u8, u8, Vec<u8>) {
    let mut head = [0; 9];
    stream.read_exact(&mut head).expect("a frame");
    let mut content = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
    stream.read_exact(&mut content).expect("a whole frame");
    (head[3], head[4], content)
}

#[test]
fn an_answer_to_head_has_no_body_over_http_2_either() {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const END_STREAM: u8 = 1;
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    for path in ["/", "/metrics", "/docs", "/openapi.json", "/v1/models", "/v1/models/none"] {
        let address = url.strip_prefix("http://").expect("a plain address");
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit");
        // HPACK: the method as a literal, `http` from the static table, path and authority as literals.
        let literal = |name: u8, value: &str| [&[name, value.len() as u8], value.as_bytes()].concat();
        let head = [literal(0x02, "HEAD"), vec![0x86], literal(0x04, path), literal(0x01, "x")].concat();
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        let headers = [0, 0, head.len() as u8, HEADERS, 0x4 | END_STREAM, 0, 0, 0, 1];
        let request = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &settings, &headers, &head].concat();
        stream.write_all(&request).expect("sent");
        let mut is_over = false;
        while !is_over {
            let (kind, flags, content) = frame(&mut stream);
            assert!(kind != DATA || content.is_empty(), "{path}: {} bytes after HEAD", content.len());
            is_over = [DATA, HEADERS].contains(&kind) && flags & END_STREAM != 0;
        }
    }
}

#[test]
fn a_missing_page_is_reported_on_a_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    for (path, expected) in [
        ("/models/cumulative-99", "There is no model cumulative-99"),
        ("/models/%3Cscript%3E", "There is no model &lt;script&gt;"),
        ("/models/%", "There is no model %"),
        ("/windows/99", "There is no window 99"),
        ("/windows/0", "There is no window 0"),
        ("/windows/-1", "There is no window -1"),
        ("/windows/99999999999999999999", "There is no window 99999999999999999999"),
    ] {
        let answer = ask("GET", &format!("{url}{path}"), &[], b"");
        assert!(answer.status == 404 && answer.body.contains(expected), "{path}: {}", answer.body);
    }
    // An address outside the pages gives a problem response, as in the whole API.
    for path in ["/assets/../Cargo.toml", "/assets/x.js", "/evidence/x", "/models/a/b", "/windows/1/2"] {
        let answer = ask("GET", &format!("{url}{path}"), &[], b"");
        assert_eq!((answer.status, answer.header("content-type")), (404, "application/problem+json"), "{path}");
    }
    // Invalid or unknown query parameters are ignored.
    for path in [
        "/models?scheme=x",
        "/models?scheme=window&listed-sort=99&listed-page=-1",
        "/stream?sealed-sort=x&sealed-order=%00&sealed-filter=%3Cb%3E",
        "/evidence?recipe=%00",
        "/try?model=nobody",
        "/?score=x",
        "/?=&&%",
    ] {
        assert_eq!(ask("GET", &format!("{url}{path}"), &[], b"").status, 200, "{path}");
    }
    let long = format!("{url}/models/{}", "x".repeat(8000));
    assert_eq!(ask("GET", &long, &[], b"").status, 404);
}

#[test]
fn a_server_without_models_creates_nothing_and_reports_what_it_waits_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, workdir) = (served::pipeline(folder.path()), folder.path().join("work"));
    let server =
        Running::start(&["serve", &file, "--workdir", &workdir.display().to_string(), "--listen", "127.0.0.1:0"]);
    let url = server.wait_for("API: http").split_whitespace().nth(1).expect("an address").to_owned();
    for (page, expected) in [
        ("/", "Schedules can be compared after window 2. Advice needs 16 windows."),
        ("/", "waiting for the first row"),
        ("/evidence", "There is no model yet."),
        ("/stream", "No window is sealed yet."),
        ("/models", "There is no model yet: waiting for the first row."),
        ("/try", "There is no model yet: waiting for the first row."),
    ] {
        let answer = ask("GET", &format!("{url}{page}"), &[], b"");
        assert!(answer.status == 200 && answer.body.contains(expected), "{page}: {}", answer.body);
    }
    assert!(!workdir.join("batches").exists(), "looking makes nothing");
}

#[test]
fn a_finished_stream_with_too_few_windows_says_what_gives_an_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = |window: &str| {
        let (file, workdir) = (sample_with(folder.path(), window, ""), folder.path().join("work"));
        run_once(&file, &workdir, &["--fresh"]);
        let (_server, url) = served::serve(&file, &workdir.display().to_string());
        ask("GET", &format!("{url}/"), &[], b"").body
    };
    let quarters = home("event = \"quarter\"");
    assert!(quarters.contains("<code>event = &quot;14d&quot;</code>"), "{quarters}");
    assert!(quarters.contains("<code>windrow run pipeline.toml --fresh</code>"), "{quarters}");
    assert!(quarters.contains("no further ones will come") && !quarters.contains("Advice needs"), "{quarters}");
    let parts = home("parts = 3");
    assert!(parts.contains("<code>parts = 20</code>") && !parts.contains("Advice needs"), "{parts}");
    // Three hundred rows are too few, however they are cut.
    let few = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(few.path());
    let few = ask("GET", &format!("{url}/"), &[], b"").body;
    assert!(few.contains("16 windows of at least 25 labelled rows each, or 400 in all. The stream has 300."), "{few}");
}

#[test]
fn tables_are_sorted_and_filtered_without_a_script() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = large::server(folder.path(), 30);
    let names = |query: &str| -> Vec<String> {
        let body = ask("GET", &format!("{url}/models?scheme=window{query}"), &[], b"").body;
        let cells = body.split("<th scope=\"row\"><a href=\"/models/").skip(1);
        cells.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
    };
    assert_eq!(names("")[..3], ["window-30", "window-29", "window-28"], "the newest first");
    assert_eq!(names("&listed-sort=0")[..3], ["window-1", "window-2", "window-3"]);
    assert_eq!(names("&listed-sort=0&listed-order=down")[0], "window-30");
    assert_eq!(names("&listed-filter=window-7"), ["window-7"]);
    let grouped = ask("GET", &format!("{url}/models"), &[], b"").body;
    assert!(grouped.contains("Models with an alias") && grouped.contains("All 30 models of this scheme"), "{grouped}");
    assert!(grouped.matches("class=\"spark\"").count() >= 7, "{grouped}");
    // The style sheet gives all tables of models the same columns.
    let (_, alike) = grouped.split_once("<div class=\"alike\">").expect("the tables");
    assert_eq!(alike.matches("<table").count(), grouped.matches("<table").count());
}

#[test]
fn two_models_are_shown_side_by_side() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = large::server(folder.path(), 30);
    let body = ask("GET", &format!("{url}/compare?first=window-3&second=window-9"), &[], b"").body;
    assert!(body.contains("href=\"/v1/models/window-3/diff/window-9\""), "{body}");
    // The models of this work directory are copies of one, so nothing differs on the 21 windows after the later one.
    assert!(body.contains("On the same 21 windows, both have the same losses."), "{body}");
    assert!(body.contains("place=place 20"), "{body}");
    let other = ask("GET", &format!("{url}/compare?first=advised"), &[], b"");
    assert!(other.status == 200 && other.body.contains("Two models side by side"), "{}", other.body);
    // Without a choice, a model is not compared with itself.
    let links = other.body.split("<p class=\"pages screen\">").nth(1).and_then(|rest| rest.split("</p>").next());
    let links = links.map(|links| links.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()));
    let links: Vec<&str> = links.into_iter().flatten().collect();
    assert!(links.len() == 3 && links[0] != links[1], "{links:?}");
    for unknown in ["first=nobody", "second=%3Cb%3E", "first=window-3&second=window-31"] {
        let answer = ask("GET", &format!("{url}/compare?{unknown}"), &[], b"");
        assert!(answer.status == 200 && answer.body.contains("There is no fitted model"), "{}", answer.body);
    }
}

#[test]
fn windows_have_dates_first_and_the_documentation_leads_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = server(folder.path());
    let stream = ask("GET", &format!("{url}/stream"), &[], b"").body;
    assert!(stream.contains("<a href=\"/windows/1\">2013-01-01 to 2013-01-05</a>"), "{stream}");
    let window = ask("GET", &format!("{url}/windows/2"), &[], b"").body;
    assert!(window.contains("<h1>2013-01-05 to 2013-01-09 (window 2)</h1>"), "{window}");
    assert!(window.contains(">newest window</a>"), "{window}");
    assert!(window.contains("<a href=\"/windows/1\">2013-01-01 to"), "{window}");
    let model = ask("GET", &format!("{url}/models/cumulative-2"), &[], b"").body;
    assert!(model.contains("2013-01-01 to 2013-01-0") && model.contains("(windows 1 to 2): "), "{model}");
    assert!(model.contains(">2013-01-01</text>"), "the coefficients have dates: {model}");
    let documentation = ask("GET", &format!("{url}/docs"), &[], b"").body;
    assert_eq!(documentation.matches("<a id=\"back\" href=\"/\">").count(), 1);
}

#[test]
fn every_page_is_small_with_500_models_and_500_windows() {
    /// The largest size of a page in bytes.
    const MAX_PAGE_BYTES: usize = 500_000;
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = large::server(folder.path(), 500);
    for page in [
        "/",
        "/evidence",
        "/stream",
        "/stream?sealed-page=3",
        "/windows/500",
        "/models",
        "/models?scheme=window",
        "/models?scheme=window&listed-page=5",
        "/models/window-500",
        "/compare?first=window-3&second=window-4",
        "/try",
        "/nowhere",
    ] {
        let answer = ask("GET", &format!("{url}{page}"), &[], b"");
        assert_eq!(answer.status, if page == "/nowhere" { 404 } else { 200 }, "{page}");
        assert!(answer.body.len() < MAX_PAGE_BYTES, "{page} has {} bytes", answer.body.len());
    }
}
