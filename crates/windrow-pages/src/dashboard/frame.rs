//! The frame of every page: the line at the top, the navigation, and the static files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use maud::{DOCTYPE, Markup, html};

use crate::dashboard::numbers::bytes;
use windrow_config::Pipeline;
use windrow_evaluation::{Origin, WindowDates};
use windrow_record::WindowIndex;
use windrow_record::display::{counted_units, months};
use windrow_registry::Snapshot;
use windrow_registry::monitor::{Monitor, Observed, SealedWindow};
use windrow_windows::batch_file_name;

#[derive(Debug)]
pub(super) struct View {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) observed: Arc<Observed>,
    /// The monitor, for the numbers of the last minutes.
    pub(super) monitor: Arc<Monitor>,
    pub(super) workdir: PathBuf,
    /// The name in the path, as in `/models/cumulative-2`; empty for a path without one.
    pub(super) name: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) has_keys: bool,
}

#[derive(Debug)]
pub(super) struct Page {
    /// False if the requested item does not exist.
    pub(super) is_found: bool,
    pub(super) title: String,
    pub(super) main: Markup,
    pub(super) script: Option<&'static str>,
}

impl Page {
    pub(super) fn new(title: impl Into<String>, main: Markup) -> Self {
        Self { is_found: true, title: title.into(), main, script: None }
    }

    /// A page for a name that does not exist. `sentence` says which names exist.
    pub(super) fn missing(title: String, sentence: &str) -> Self {
        let main = html! { h1 { (title) } p { (sentence) } };
        Self { is_found: false, ..Self::new(title, main) }
    }

    /// Returns the whole document. `entries` are the names and paths of the navigation; `here` is the marked one.
    pub(super) fn framed(
        &self,
        view: &View,
        entries: impl Iterator<Item = (&'static str, &'static str)>,
        here: &str,
    ) -> Markup {
        let (name, question) = view.subject();
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (name) ": " (self.title) }
                    link rel="icon" type="image/svg+xml" href="/favicon.ico";
                    link rel="stylesheet" href="/assets/windrow.css";
                    // Loaded first, so that the choice of light or dark applies before anything is shown.
                    script src="/assets/theme.js" {}
                    script src="/assets/windrow.js" defer {}
                    @if let Some(script) = self.script { script src=(script) defer {} }
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    header {
                        div #line data-live {
                            strong title=(name) { (name) }
                            span.question title=(question) { (question) }
                            span.quiet.span { (view.span()) }
                        }
                        @if view.origin() == Origin::Pipeline { span.state #state { (view.observed.flow.state) } }
                        nav aria-label="Pages" {
                            @for (entry, path) in entries {
                                a href=(path) aria-current=[(entry == here).then_some("page")] { (entry) }
                            }
                        }
                        button #theme type="button" aria-label="Light or dark" title="Light or dark" { "\u{25d0}" }
                    }
                    main #main tabindex="-1" { (self.main) }
                }
            }
        }
    }
}

impl View {
    /// Returns the name and the size of a window's batch file, as in `window-00001.csv, 24.1 MB`.
    pub(super) fn batch_file(&self, sealed: &SealedWindow) -> String {
        let name = batch_file_name(&self.pipeline.batch, sealed.window, &sealed.file.sha256);
        format!("{name}, {}", bytes(sealed.file.bytes))
    }

    /// Returns the dates of the windows: those of the advice or, of windows after it, those of the rows.
    pub(super) fn dates(&self) -> WindowDates {
        let windows = &self.observed.windows;
        let advised = self.snapshot.advice().map(|advice| &advice.subject);
        if let Some(subject) = advised.filter(|subject| subject.windows as usize >= windows.len()) {
            return subject.dates.clone();
        }
        let begins = windows.iter().map(|window| window.times.map(|times| times.first));
        let end = windows.iter().rev().find_map(|window| window.times).map(|times| times.last.saturating_add(1));
        WindowDates::new(begins, end)
    }

    /// Returns a link to the page of a window: its period or date and then its number, which is enough without dates.
    pub(super) fn window_link(&self, dates: &WindowDates, window: WindowIndex) -> Markup {
        let period = self.snapshot.window(window).and_then(|report| report.period.clone());
        let period = period.or_else(|| dates.date(window.get()));
        html! {
            @match period {
                Some(period) => { a href={ "/windows/" (window) } { (period) } },
                None => { a href={ "/windows/" (window) } { "window " (window) } },
            }
        }
    }

    /// Returns the origin of the losses that the advice is based on.
    pub(super) fn origin(&self) -> Origin {
        self.snapshot.advice().map_or(Origin::Pipeline, |advice| advice.subject.origin)
    }

    /// Returns the name and the question of the pipeline, or of the table that was judged.
    fn subject(&self) -> (String, String) {
        match self.snapshot.advice() {
            Some(advice) if advice.subject.origin != Origin::Pipeline => {
                (advice.subject.pipeline.clone(), advice.subject.question.clone())
            }
            _ => (self.pipeline.name.clone(), self.pipeline.target.question()),
        }
    }

    /// Returns the number of windows and their period, as in `79 windows of 14 days, Jan 2018 to Dec 2020`.
    fn span(&self) -> String {
        let windows = &self.observed.windows;
        if let Some(advice) = self.snapshot.advice().filter(|_| self.origin() != Origin::Pipeline) {
            return advice.subject.windows();
        }
        let plural = self.pipeline.window.plural();
        let first = windows.iter().find_map(|window| window.times).map(|times| times.first);
        let last = windows.iter().rev().find_map(|window| window.times).map(|times| times.last);
        let when = first.zip(last).map_or_else(String::new, |(first, last)| format!(", {}", months(first, last)));
        counted_units(windows.len() as u64, &plural) + &when
    }
}
