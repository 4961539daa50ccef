//! Live progress on standard error: bars in a terminal, plain lines in a pipe or a log. `ladder`: the models that
//! only the advice needs. `scores`: the scores of models.

mod ladder;
mod scores;

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use tokio::sync::broadcast::error::RecvError;

use self::ladder::LadderProgress;
use self::scores::ScoreTable;
use windrow_base::telemetry::{Counters, Event, Progress};
use windrow_record::display::{counted, duration, thousands, window_name};

const BAR_TEMPLATE: &str = "{prefix:>7} {bar:20.cyan/blue} {msg} · {rate} · {eta} left";
/// The message of this bar has the time left. A rate would mislead: a window with more windows before it takes longer.
const ADVICE_TEMPLATE: &str = "{prefix:>7} {bar:20.cyan/blue} {msg}";
const SPINNER_TEMPLATE: &str = "{prefix:>9} {spinner} {elapsed}";
const COUNT_TEMPLATE: &str = "{prefix:>9} {human_pos} rows · {rate}";
const COUNT_BAR_TEMPLATE: &str = "{prefix:>9} {bar:20.cyan/blue} {human_pos} of {human_len} rows · {rate} · {eta} left";
const REDRAW_INTERVAL: Duration = Duration::from_millis(100);
/// The number of models that get a line of their own. More would hide what is important.
const MAX_MODEL_LINES: usize = 20;
/// The interval between two lines of counts in a log.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);
/// The shortest interval between two lines in a log if only the models for the advice have moved.
const PLAIN_LADDER_INTERVAL: Duration = Duration::from_secs(10);

/// Standard error, shared by progress, log and errors, so that they do not overwrite each other.
#[derive(Debug, Clone)]
pub(crate) struct Display {
    bars: MultiProgress,
    interactive: bool,
    quiet: bool,
}

impl Display {
    /// Creates a display. A quiet one prints only errors.
    pub(crate) fn new(quiet: bool) -> Self {
        Self { bars: MultiProgress::new(), interactive: io::stderr().is_terminal() && !quiet, quiet }
    }

    /// Returns `true` if a user can answer questions in the terminal.
    pub(crate) fn is_interactive(&self) -> bool {
        self.interactive && io::stdin().is_terminal()
    }

    pub(crate) fn counting(&self, what: &'static str) -> Counting {
        Counting { bar: self.bar(COUNT_TEMPLATE, what) }
    }

    /// Returns a spinner with the elapsed time, for work whose total is unknown.
    pub(crate) fn working(&self, what: &'static str) -> Counting {
        let bar = self.bar(SPINNER_TEMPLATE, what);
        bar.enable_steady_tick(REDRAW_INTERVAL);
        Counting { bar }
    }

    fn bar(&self, template: &str, prefix: &'static str) -> ProgressBar {
        let bar = if self.interactive { self.bars.add(ProgressBar::no_length()) } else { ProgressBar::hidden() };
        bar.with_style(style(template)).with_prefix(prefix)
    }

    /// Writes a line above the bars.
    pub(crate) fn line(&self, text: &str) {
        if !self.quiet {
            self.write(text);
        }
    }

    fn write(&self, text: &str) {
        // If standard error is closed, the work continues without output.
        let _ = self.suspended(|| writeln!(io::stderr(), "{text}"));
    }

    pub(crate) fn error(&self, text: &str) {
        self.write(&format!("error: {text}"));
    }

    /// Runs something that writes to the terminal while the bars are out of the way.
    pub(crate) fn suspended<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bars.suspend(write)
    }

    /// Shows the progress during some work, and removes the bars afterwards.
    pub(crate) fn follow<T>(
        &self,
        progress: &Progress,
        shows: ProgressOptions,
        work: impl Future<Output = T>,
    ) -> impl Future<Output = T> {
        let (display, progress, mut events) = (self.clone(), progress.clone(), progress.listen());
        let (finish, mut finished) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            let mut board = Board::new(&display, shows);
            let mut redraw = tokio::time::interval(if display.interactive { REDRAW_INTERVAL } else { PLAIN_INTERVAL });
            redraw.tick().await;
            loop {
                tokio::select! {
                    biased;
                    event = events.recv() => match event {
                        Ok(event) => board.show(&event),
                        Err(RecvError::Lagged(_)) => {}
                        Err(RecvError::Closed) => break,
                    },
                    _ = &mut finished => break,
                    _ = redraw.tick() => board.redraw(progress.counters()),
                }
            }
            board.finish(progress.counters());
        });
        // The future of a whole command is large, and every caller would contain it.
        let work = Box::pin(work);
        async move {
            let result = work.await;
            // Both fail only if the display has already ended.
            let _ = finish.send(());
            let _ = task.await;
            result
        }
    }
}

/// The bar for one pass over rows.
#[derive(Debug)]
pub(crate) struct Counting {
    bar: ProgressBar,
}

impl Counting {
    pub(crate) fn of(&self, rows: u64) {
        self.bar.set_length(rows);
        self.bar.set_style(style(COUNT_BAR_TEMPLATE));
    }

    pub(crate) fn callback(&self) -> Arc<dyn Fn(u64) + Send + Sync> {
        let bar = self.bar.clone();
        Arc::new(move |rows| bar.set_position(rows))
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The rows whose progress a command shows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ProgressOptions {
    pub(crate) sent: bool,
    pub(crate) stored: bool,
}

struct Board<'a> {
    display: &'a Display,
    shows: ProgressOptions,
    sent: ProgressBar,
    stored: ProgressBar,
    last_counts: String,
    /// The counts of the stream in the last line, and the time of this line.
    last_stream: Option<(String, Instant)>,
    models_told: usize,
    scores: ScoreTable,
    fitted: Option<LadderProgress>,
    advice: Option<ProgressBar>,
}

impl<'a> Board<'a> {
    fn new(display: &'a Display, shows: ProgressOptions) -> Self {
        let bar = |shown, prefix| if shown { display.bar(BAR_TEMPLATE, prefix) } else { ProgressBar::hidden() };
        let (sent, stored) = (bar(shows.sent, "sent"), bar(shows.stored, "stored"));
        let (last_counts, scores) = (String::new(), ScoreTable::default());
        let (fitted, advice, last_stream) = (None, None, None);
        Self { display, shows, sent, stored, last_counts, last_stream, models_told: 0, scores, fitted, advice }
    }

    fn show(&mut self, event: &Event) {
        if let Event::ModelPublished { converged, rejected, .. } = event {
            self.models_told += 1;
            match self.models_told {
                1 => self.display.line("  model                rows  fit"),
                MAX_MODEL_LINES => self.display.line(
                    "  from here on, only failed fits are shown: `windrow models` lists all models with their scores",
                ),
                _ => {}
            }
            if self.models_told >= MAX_MODEL_LINES && *converged && rejected.is_none() {
                return;
            }
        }
        let scores = self.scores.lines(event);
        if self.models_told < MAX_MODEL_LINES {
            scores.iter().for_each(|line| self.display.line(line));
        }
        if let Event::LadderFitted { done, of, left } = event {
            let ends = left.and_then(|left| Instant::now().checked_add(left));
            self.fitted = Some(LadderProgress { done: *done, of: *of, ends });
        }
        if let Some(line) = sentence(event) {
            self.display.line(&line);
        }
    }

    fn redraw(&mut self, counters: &Counters) {
        let counts = self.counts(counters);
        if self.display.interactive {
            let total = counters.dataset.get();
            for (bar, position) in [(&self.sent, counters.sent.get()), (&self.stored, counters.stored.get())] {
                bar.set_length(total.max(position));
                bar.set_position(position);
            }
            self.sent.set_message(format!("{} rows", of(counters.sent.get(), total)));
            let (stored, lag) = (of(counters.stored.get(), total), lag(counters));
            let quarantined = note_count(counters.quarantined.get(), "in quarantine");
            self.stored.set_message(format!("{stored} rows · lag {lag}{quarantined}"));
            if let Some(fitted) = self.fitted {
                let bar = self.advice.get_or_insert_with(|| self.display.bar(ADVICE_TEMPLATE, "advice"));
                bar.set_length(u64::from(fitted.of));
                bar.set_position(u64::from(fitted.done));
                bar.set_message(fitted.text() + &fitted.time_left(" · ", Instant::now()));
            }
        } else if counts != self.last_counts && (has_begun(counters) || self.fitted.is_some()) {
            let (stream, now) = (self.stream_counts(counters).join(", "), Instant::now());
            let is_too_soon = |(last, at): &(String, Instant)| {
                *last == stream && now.saturating_duration_since(*at) < PLAIN_LADDER_INTERVAL
            };
            if self.last_stream.as_ref().is_some_and(is_too_soon) {
                return;
            }
            let left = self.fitted.map_or_else(String::new, |fitted| fitted.time_left(", ", now));
            self.display.line(&format!("{counts}{left}"));
            (self.last_counts, self.last_stream) = (counts, Some((stream, now)));
        }
    }

    fn counts(&self, counters: &Counters) -> String {
        let mut parts = self.stream_counts(counters);
        if let Some(fitted) = self.fitted {
            parts.push(format!("advice: {}", fitted.text()));
        }
        parts.join(", ")
    }

    fn stream_counts(&self, counters: &Counters) -> Vec<String> {
        let mut parts = Vec::new();
        if self.shows.sent {
            parts.push(format!("sent {}", of(counters.sent.get(), counters.dataset.get())));
        }
        if self.shows.stored {
            parts.push(format!("stored {}", thousands(counters.stored.get())));
            parts.push(format!("lag {}", lag(counters)));
            parts.push(format!("quarantined {}", thousands(counters.quarantined.get())));
        }
        parts
    }

    fn finish(&mut self, counters: &Counters) {
        self.sent.finish_and_clear();
        self.stored.finish_and_clear();
        if let Some(bar) = &self.advice {
            bar.finish_and_clear();
        }
        let counts = self.counts(counters);
        if has_moved(counters) && !counts.is_empty() && counts != self.last_counts {
            self.display.line(&counts);
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let rate = |state: &ProgressState, f: &mut dyn std::fmt::Write| {
        // A bar that cannot be drawn is not a reason to fail.
        let _ = write!(f, "{}/s", thousands(state.per_sec() as u64));
    };
    style.progress_chars("━╸─").with_key("rate", rate)
}

/// Returns `true` if the size of the dataset or the lag of the topic is known, or rows have moved.
fn has_begun(counters: &Counters) -> bool {
    has_moved(counters) || counters.dataset.get() > 0 || counters.lag.get().is_some()
}

fn has_moved(counters: &Counters) -> bool {
    [&counters.sent, &counters.stored, &counters.quarantined].iter().any(|counter| counter.get() > 0)
}

fn of(position: u64, total: u64) -> String {
    if total == 0 { thousands(position) } else { format!("{} of {}", thousands(position), thousands(total)) }
}

/// Formats the lag. An unknown lag is not 0.
fn lag(counters: &Counters) -> String {
    counters.lag.get().map_or_else(|| "unknown".to_owned(), thousands)
}

fn note_count(count: u64, what: &str) -> String {
    if count == 0 { String::new() } else { format!(" · {} {what}", thousands(count)) }
}

/// Describes a newer extract of the dataset.
fn grown(known: u64, new: u64, begins: u64, labels: u64, reopened: &[u32]) -> String {
    let mut parts = vec![format!("{} after row {}", counted(new, "new row", "new rows"), thousands(known))];
    if begins > 1 {
        parts.push(format!("the rows before row {} are not in the file any more", thousands(begins)));
    }
    if labels > 0 {
        parts.push(counted(labels, "label of a sealed window has arrived", "labels of sealed windows have arrived"));
    }
    match reopened {
        [] => {}
        [window] => parts.push(format!("window {window} is opened again")),
        [first, .., last] => parts.push(format!("windows {first} to {last} are opened again")),
    }
    format!("the dataset is a newer extract: {}", parts.join("; "))
}

fn sentence(event: &Event) -> Option<String> {
    Some(match event {
        Event::ImagePulling { image, took } if took.as_secs() == 0 => {
            format!("pulling image {image} (a few hundred megabytes, once)")
        }
        Event::ImagePulling { image, took } => format!("pulling image {image}: {} s so far", took.as_secs()),
        Event::BrokerReady { kind, address, reason } => format!("broker: {kind} at {address} ({reason})"),
        Event::ApiReady { url, instead_of } => {
            let taken = instead_of.as_ref().map_or_else(String::new, |taken| format!("{taken} is in use; "));
            format!("API: {url} ({taken}open it in a browser; documentation: {url}/docs)")
        }
        Event::RunResumed { windows, rows, next: Some(next) } => {
            let (rows, next) = (thousands(*rows), thousands(*next));
            format!("continuing after window {windows}: {rows} rows are sealed, next: row {next} (--fresh starts over)")
        }
        Event::RunResumed { windows, rows, next: None } => {
            format!("the stream is complete: {windows} windows with {} rows (--fresh starts over)", thousands(*rows))
        }
        Event::DatasetGrew { known, new, begins, labels, reopened } => grown(*known, *new, *begins, *labels, reopened),
        Event::SettingsChanged { changes } => {
            format!("the settings have changed, and what was made before stays: {}", changes.join("; "))
        }
        Event::ProducerDone { rows: 0, before, .. } if *before > 0 => {
            format!("producer: nothing is left to send: all {} rows were sent earlier", thousands(*before))
        }
        Event::ProducerDone { rows, before, took } => {
            let sent = format!("{} rows sent and confirmed in {:.1} s", thousands(*rows), took.as_secs_f64());
            match before {
                0 => format!("producer: all {sent}"),
                before => format!("producer: {sent}, after {} that were sent earlier", thousands(*before)),
            }
        }
        Event::WindowSealed { window, period, rows, unlabelled, quarantined, reason } => {
            let name = window_name(*window, period.as_deref());
            let quarantined = note_count(*quarantined, "in quarantine");
            let unlabelled = note_count(*unlabelled, "without a target");
            format!("{name}: {} rows{unlabelled}{quarantined}, sealed: {reason}", thousands(*rows))
        }
        Event::StreamEnded { windows } => format!("stream: complete, {windows} windows"),
        Event::ModelPublished { id, rows, converged, passes, rejected, took, .. } => {
            let converged = if *converged { "" } else { "  not converged" };
            let rejected = rejected.as_ref().map_or_else(String::new, |reason| format!("  rejected: {reason}"));
            let passes = if *passes == 0 { String::new() } else { format!(", {}", counted(*passes, "pass", "passes")) };
            let (rows, took) = (thousands(*rows), took.as_secs_f64());
            format!("  {id:<16} {rows:>8}  {took:.2} s{passes}{converged}{rejected}")
        }
        Event::ModelRefused { id, reason } => format!("  {id:<16} no model: {reason}"),
        Event::Advised { window, answer } => format!("  advice after {window}: {answer}"),
        Event::ModelAppeared { id } => format!("model {id} is available"),
        Event::AliasChanged { alias, from: Some(from), to: Some(to), .. } if from == to => {
            format!("alias {alias}: {to} was made again")
        }
        Event::AliasChanged { alias, from, to, by } => {
            let name = |id: &Option<String>| id.clone().unwrap_or_else(|| "none".to_owned());
            format!("alias {alias}: now {}, before {}, changed by {by}", name(to), name(from))
        }
        Event::ModelsRetired { ids } => format!("  retired: {}", ids.join(", ")),
        Event::LearnerStarts { command, workers } => {
            let workers = counted(*workers as u64, "process", "processes");
            format!("learner: starts the command of the pipeline file, in up to {workers}: {command}")
        }
        Event::LearnerVaries { apart } if apart.is_finite() => format!(
            "learner: two fits to the same rows with the same seed differ by up to {apart:.1e} in their probabilities, so \
             a repeated run may give other numbers"
        ),
        Event::LearnerVaries { .. } => {
            "learner: of two fits to the same rows with the same seed, only one gave a model, so a repeated run may give \
             other numbers"
                .to_owned()
        }
        // Fits that take seconds need no estimate.
        Event::LadderBegins { left: Some(left), .. } if left.as_secs() < 10 => return None,
        Event::LadderBegins { fits, left } => {
            let left = left.map_or_else(String::new, |left| format!(", about {}", duration(left)));
            format!("advice: {}{left}", counted(*fits as u64, "fit", "fits"))
        }
        Event::WindowScored { .. } | Event::LadderFitted { .. } | Event::TrainerDone => return None,
    })
}
