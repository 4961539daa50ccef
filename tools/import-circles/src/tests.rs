//! Tests with small crates as text: the circles that are found in them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::sources::Sources;

/// A source with files in memory.
struct Memory(BTreeMap<PathBuf, String>);

impl Sources for Memory {
    fn read(&self, path: &Path) -> io::Result<Option<String>> {
        Ok(self.0.get(path).cloned())
    }
}

/// Returns a crate named `sample`, with the paths of its files relative to `src`.
fn sample(files: &[(&str, &str)]) -> Memory {
    let manifest = (PathBuf::from("Cargo.toml"), "[package]\nname = \"sample\"".to_owned());
    let files = files.iter().map(|(path, text)| (Path::new("src").join(path), (*text).to_owned()));
    Memory(files.chain([manifest]).collect())
}

/// Returns the circles as they are printed, without the lines that count the files.
fn edges(files: &[(&str, &str)]) -> Vec<String> {
    let (circles, _) = crate::check(&sample(files), Path::new("")).expect("the crate is read");
    let printed: Vec<String> = circles.iter().map(ToString::to_string).collect();
    printed.concat().lines().filter_map(|line| line.strip_prefix("  ")).map(str::to_owned).collect()
}

fn fault(files: &[(&str, &str)]) -> String {
    crate::check(&sample(files), Path::new("")).expect_err("the crate is refused").to_string()
}

#[track_caller]
fn assert_circle(files: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(edges(files), expected);
}

#[track_caller]
fn assert_no_circle(files: &[(&str, &str)]) {
    assert_eq!(edges(files), [""; 0]);
}

#[test]
fn circle_through_braces() {
    assert_circle(
        &[
            ("lib.rs", "mod a;\nmod b;"),
            ("a.rs", "use crate::b::{Other, One};\npub struct A;"),
            ("b.rs", "\nuse crate::{a::A, a};\npub struct One;\npub struct Other;"),
        ],
        &["src/a.rs:1 -> src/b.rs (One, Other)", "src/b.rs:2 -> src/a.rs (A)"],
    );
}

#[test]
fn circle_through_nested_braces_and_itself() {
    assert_circle(
        &[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::{b::{self, inner::{Deep, deeper::{Deepest as D}}}};\npub fn f() { b::g() }"),
            (
                "b.rs",
                "use super::a::f;\npub fn g() {}\npub mod inner { pub struct Deep; pub mod deeper { pub struct Deepest; } }",
            ),
        ],
        &["src/a.rs:1 -> src/b.rs (Deep, Deepest, g)", "src/b.rs:1 -> src/a.rs (f)"],
    );
}

#[test]
fn code_after_a_test_module_is_read() {
    assert_circle(
        &[
            ("lib.rs", "mod a; mod b;"),
            (
                "a.rs",
                "#[cfg(test)]\nmod tests {\n    use super::*;\n}\n#[cfg(test)]\nuse x::Y;\npub fn f() { crate::b::g() }",
            ),
            ("b.rs", "pub fn g() { crate::a::f() }"),
        ],
        &["src/a.rs:7 -> src/b.rs (g)", "src/b.rs:1 -> src/a.rs (f)"],
    );
}

#[test]
fn imports_of_tests_and_fuzzing_do_not_count() {
    for condition in ["#[cfg(test)]", "#[cfg(any(test, fuzzing))]", "#[cfg(all(test, feature = \"f\"))]", "#[test]"] {
        let text = format!("{condition} fn t() {{ crate::b::g(); }}\npub fn f() {{}}");
        assert_no_circle(&[("lib.rs", "mod a; mod b;"), ("a.rs", &text), ("b.rs", "use crate::a::f;\npub fn g() {}")]);
    }
    for condition in ["#[cfg(not(test))]", "#[cfg(any(test, feature = \"f\"))]", "#[cfg(unix)]", "#[inline]"] {
        let text = format!("{condition} fn t() {{ crate::b::g(); }}\npub fn f() {{}}");
        let files = [("lib.rs", "mod a; mod b;"), ("a.rs", text.as_str()), ("b.rs", "use crate::a::f;\npub fn g() {}")];
        assert_eq!(edges(&files).len(), 2, "{condition}");
    }
}

#[test]
fn files_of_test_modules_are_not_read() {
    let (circles, files) = crate::check(
        &sample(&[
            ("lib.rs", "mod a;\n#[cfg(test)] mod tests;"),
            ("a.rs", "pub struct A { #[cfg(test)] t: crate::B }\nimpl A { #[cfg(test)] fn t() { crate::g() } }"),
            ("tests.rs", "this is not Rust"),
        ]),
        Path::new(""),
    )
    .expect("the crate is read");
    assert_eq!((circles.len(), files), (0, 2));
}

#[test]
fn circle_of_parent_and_child() {
    assert_circle(
        &[
            ("lib.rs", "mod log;"),
            ("log.rs", "mod segment;\n\npub struct Options;\npub struct Log(segment::Segment);"),
            ("log/segment.rs", "use super::Options;\npub struct Segment;"),
        ],
        &["src/log/segment.rs:1 -> src/log.rs (Options)", "src/log.rs:4 -> src/log/segment.rs (Segment)"],
    );
}

#[test]
fn parent_that_only_reexports_is_in_no_circle() {
    assert_no_circle(&[
        ("lib.rs", "mod a; pub use a::B; pub(crate) use a::one::*;"),
        ("a.rs", "mod one; mod two; pub use one::A; pub(crate) use self::two::{B as Renamed, B};"),
        ("a/one.rs", "pub struct A;"),
        ("a/two.rs", "use super::A;\nuse crate::a::A as _;\npub struct B(crate::A);"),
    ]);
}

#[test]
fn parent_that_uses_what_it_reexports_imports_it() {
    assert_circle(
        &[
            ("lib.rs", "mod a;"),
            ("a.rs", "mod one;\npub use one::A;\npub struct P;\nfn f(_: A) {}"),
            ("a/one.rs", "use super::P;\npub struct A;"),
        ],
        &["src/a/one.rs:1 -> src/a.rs (P)", "src/a.rs:4 -> src/a/one.rs (A)"],
    );
}

#[test]
fn reexports_are_followed_to_the_definition() {
    assert_circle(
        &[
            ("lib.rs", "mod a; mod b; mod c; pub use b::Renamed as Last;"),
            ("a.rs", "use crate::Last;\npub struct A;"),
            ("b.rs", "pub use crate::c::*; pub use self::First as Renamed;"),
            ("c.rs", "pub struct First;\nfn f() { crate::a::A; }"),
        ],
        &["src/a.rs:1 -> src/c.rs (First)", "src/c.rs:2 -> src/a.rs (A)"],
    );
}

#[test]
fn renamed_import() {
    assert_circle(
        &[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b as other;\npub struct A;\nfn f() { other::g::<A>() }"),
            ("b.rs", "use crate::a::A as First;\npub fn g<T>() {}"),
        ],
        &["src/a.rs:3 -> src/b.rs (g)", "src/b.rs:1 -> src/a.rs (A)"],
    );
}

#[test]
fn sibling_through_super() {
    assert_circle(
        &[
            ("lib.rs", "mod p;"),
            ("p.rs", "mod a; mod b;"),
            ("p/a.rs", "pub fn f() { super::b::g() }"),
            ("p/b.rs", "pub fn g() { self::inner::h() }\nmod inner { pub fn h() { super::super::a::f() } }"),
        ],
        &["src/p/a.rs:1 -> src/p/b.rs (g)", "src/p/b.rs:2 -> src/p/a.rs (f)"],
    );
}

#[test]
fn module_with_the_name_of_another_crate() {
    assert_no_circle(&[
        ("lib.rs", "mod parquet; mod a; mod log;"),
        ("parquet.rs", "use parquet::file::Reader;\nuse crate::a::A;\npub struct Reader2;"),
        ("a.rs", "use parquet::Reader2;\nuse ::parquet::Reader2 as R;\nuse log::log;\npub struct A;"),
        ("log.rs", "use crate::a::A;\npub fn log() {}"),
    ]);
}

#[test]
fn variants_and_associated_items_belong_to_the_type() {
    assert_circle(
        &[
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "pub enum Kind { One, Two }\npub struct A;\nfn f() { crate::b::B::new(); }"),
            ("b.rs", "use crate::a::Kind::*;\npub struct B;\nfn f() { match 1 { One => {} } }"),
            ("c.rs", "impl crate::a::A { fn g() { Self::h() } }"),
        ],
        &["src/a.rs:3 -> src/b.rs (B)", "src/b.rs:1 -> src/a.rs (Kind)"],
    );
}

#[test]
fn glob_import() {
    assert_circle(
        &[
            ("lib.rs", "mod a;"),
            ("a.rs", "mod child;\npub struct P;\nfn f() { child::g() }"),
            ("a/child.rs", "use super::*;\npub fn g() { P; }"),
        ],
        &["src/a/child.rs:1 -> src/a.rs (P, super::*)", "src/a.rs:3 -> src/a/child.rs (g)"],
    );
}

#[test]
fn macros_and_attributes() {
    assert_circle(
        &[
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
            ("a.rs", "pub fn f() { println!(\"{}\", crate::b::g()); }"),
            ("b.rs", "macro_rules! m { ($x:expr) => { $crate::c::h($x) }; }\npub fn g() {}"),
            (
                "c.rs",
                "#[derive(S)]\npub struct C { #[serde(with = \"crate::d\", default = \"crate::d::k\")] x: u8 }\npub fn h() {}",
            ),
            ("d.rs", "pub fn k() { select! { x = super::a::f() => x.crate_name(a::b), } }"),
        ],
        &[
            "src/a.rs:1 -> src/b.rs (g)",
            "src/b.rs:1 -> src/c.rs (h)",
            "src/c.rs:2 -> src/d.rs (k)",
            "src/d.rs:1 -> src/a.rs (f)",
        ],
    );
}

#[test]
fn imports_within_functions() {
    assert_circle(
        &[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "pub fn f() {\n    use crate::b;\n    if true { b::g() }\n}\nfn other() { b::k() }"),
            ("b.rs", "pub fn g() {\n    fn inner() { super::a::f() }\n}\npub fn k() {}"),
        ],
        &["src/a.rs:3 -> src/b.rs (g)", "src/b.rs:2 -> src/a.rs (f)"],
    );
}

#[test]
fn variables_and_type_parameters_are_not_items() {
    assert_no_circle(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "pub use crate::b::{rows, T};\npub fn f<T>(rows: T) -> T { rows }"),
        ("b.rs", "use crate::a::f;\npub fn rows() {}\npub struct T;"),
    ]);
}

#[test]
fn program_beside_its_library() {
    assert_circle(
        &[
            ("lib.rs", "pub mod cli;"),
            ("cli.rs", "pub fn main() {}"),
            ("main.rs", "mod own;\npub struct M;\nfn main() { sample::cli::main(); own::g() }"),
            ("own.rs", "pub fn g() { crate::M; }"),
        ],
        &["src/main.rs:3 -> src/own.rs (g)", "src/own.rs:1 -> src/main.rs (M)"],
    );
}

#[test]
fn path_attribute_is_honoured() {
    assert_circle(
        &[
            ("lib.rs", "#[path = \"other/name.rs\"] mod a; mod b { #[path = \"x.rs\"] pub mod c; }"),
            ("other/name.rs", "pub mod d;\npub fn f() { crate::b::c::g() }"),
            ("other/d.rs", "pub fn h() {}"),
            ("b/x.rs", "pub fn g() { crate::a::d::h(); crate::a::f() }"),
        ],
        &["src/b/x.rs:1 -> src/other/name.rs (f)", "src/other/name.rs:2 -> src/b/x.rs (g)"],
    );
    assert_eq!(
        fault(&[("lib.rs", "\n#[cfg_attr(unix, path = \"unix.rs\")] mod a;")]),
        "src/lib.rs: line 2: mod a: a path that depends on the build is not supported; use #[path = \"...\"]"
    );
}

#[test]
fn faults_name_the_file_and_what_to_do() {
    assert_eq!(
        fault(&[("lib.rs", "mod a;"), ("a.rs", "mod b;")]),
        "src/a.rs: line 1: mod b: src/a/b.rs not found; add the file or remove the declaration"
    );
    assert_eq!(
        fault(&[("lib.rs", "\nfn 1() {}")]),
        "src/lib.rs: line 2: expected identifier; correct the file so that it compiles"
    );
    assert!(fault(&[]).contains("has neither src/lib.rs nor src/main.rs"));
}

#[test]
fn separate_circles_are_reported_in_order() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "pub fn f() { crate::d::f(); crate::c::f() }"),
        ("d.rs", "pub fn f() { crate::a::f() }"),
        ("b.rs", "pub fn f() { crate::c::f() }"),
        ("c.rs", "pub fn f() { crate::b::f() }"),
    ];
    let (circles, _) = crate::check(&sample(&files), Path::new("")).expect("the crate is read");
    let members: Vec<Vec<PathBuf>> = circles.into_iter().map(|circle| circle.files).collect();
    assert_eq!(members, [["src/a.rs", "src/d.rs"], ["src/b.rs", "src/c.rs"]].map(|files| files.map(PathBuf::from)));
}
