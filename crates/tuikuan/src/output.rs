//! What commands print: lines, tables, JSON, progress. Colours and progress bars only on a terminal;
//! `NO_COLOR` is honoured. A reader that goes away ends the command quietly.

use std::io::{IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

/// A colour with a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Careful,
    Bad,
    Faint,
}

/// Prints one line to stdout.
pub(crate) fn line(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Prints one line for people to stderr.
pub(crate) fn note(text: &str) -> std::io::Result<()> {
    writeln!(std::io::stderr().lock(), "{text}")
}

/// Prints JSON, indented on a terminal and on one line for programs.
pub(crate) fn json(value: &Value) -> std::io::Result<()> {
    if std::io::stdout().is_terminal() {
        line(&format!("{value:#}"))
    } else {
        line(&value.to_string())
    }
}

/// Colours a text if stdout shows colours.
pub(crate) fn coloured(tone: Tone, text: &str) -> String {
    if !shows_colours() {
        return text.to_owned();
    }
    let code = match tone {
        Tone::Good => 32,
        Tone::Careful => 33,
        Tone::Bad => 31,
        Tone::Faint => 2,
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// Whether stdout shows colours.
pub(crate) fn shows_colours() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stdout().is_terminal() && !refused
}

/// A table with a head; as wide as the terminal, or as its content elsewhere.
pub(crate) fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let arrangement = if std::io::stdout().is_terminal() {
        ContentArrangement::Dynamic
    } else {
        ContentArrangement::Disabled
    };
    table.set_content_arrangement(arrangement);
    table.set_header(head.iter().copied());
    table
}

/// A progress bar; silent when stderr is no terminal.
pub(crate) fn progress(steps: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar
}

/// A value of a JSON object as people read it.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => one_line(text),
        other => other.to_string(),
    }
}

/// Text from outside on one line, without control characters (INV-37).
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Fen with the yuan that people read.
pub(crate) fn money(value: &Value) -> String {
    let fen = value
        .as_i64()
        .and_then(|fen| tuikuan_terms::Fen::new(fen).ok());
    fen.map_or_else(|| shown(value), |fen| format!("¥{}", fen.to_yuan()))
}

/// Whether stderr shows colours.
pub(crate) fn stderr_shows_colours() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stderr().is_terminal() && !refused
}
