//! What people see while it plays: counts by status with bars, the latest news, a progress bar. On
//! anything but a terminal: a plain line every few seconds, without control codes.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::board::{News, STATUSES, View, chinese};
use crate::output::{self, Tone};

/// The screen is drawn anew so often.
pub(crate) const DRAW_EVERY: Duration = Duration::from_millis(100);
/// Plain lines come so often.
pub(crate) const LINE_EVERY: Duration = Duration::from_secs(3);
/// Lines of news.
const NEWS_LINES: usize = 12;
/// Cells of a bar.
const BAR_CELLS: usize = 10;

/// The screen.
pub(crate) enum Screen {
    /// Redrawn in place.
    Live(Box<Live>),
    /// Line by line.
    Plain,
}

/// The parts of a live screen, from top to bottom.
pub(crate) struct Live {
    all: MultiProgress,
    rows: Vec<ProgressBar>,
    news: Vec<ProgressBar>,
    progress: ProgressBar,
    total: usize,
}

impl Screen {
    /// The screen that stdout can show.
    pub(crate) fn new(total: usize) -> Self {
        if !std::io::stdout().is_terminal() {
            return Self::Plain;
        }
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stdout_with_hz(12));
        let line = || {
            let bar = all.add(ProgressBar::new(1));
            if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
                bar.set_style(style);
            }
            bar
        };
        let blank = |bar: &ProgressBar| bar.set_message(" ");
        let rows: Vec<_> = (0..rows().len()).map(|_| line()).collect();
        blank(&line());
        let news: Vec<_> = (0..NEWS_LINES).map(|_| line()).collect();
        blank(&line());
        let length = u64::try_from(total).unwrap_or(u64::MAX);
        let progress = all.add(ProgressBar::new(length));
        let template = "{wide_bar:.green/black} {pos} of {len} ended  {elapsed}";
        let template = if output::shows_colours() {
            template
        } else {
            "{wide_bar} {pos} of {len} ended  {elapsed}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            progress.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
        }
        Self::Live(Box::new(Live {
            all,
            rows,
            news,
            progress,
            total,
        }))
    }

    /// How often it wants to be drawn.
    pub(crate) fn pace(&self) -> Duration {
        match self {
            Self::Live(_) => DRAW_EVERY,
            Self::Plain => LINE_EVERY,
        }
    }

    /// Shows the present.
    pub(crate) fn draw(&self, view: &View, total: usize) -> anyhow::Result<()> {
        match self {
            Self::Live(live) => live.draw(view),
            Self::Plain => output::line(&plain(view, total))?,
        }
        Ok(())
    }

    /// Takes the moving parts away; the table stays.
    pub(crate) fn close(&self) {
        if let Self::Live(live) = self {
            for bar in live.news.iter().chain([&live.progress]) {
                bar.finish_and_clear();
            }
            drop(live.all.clear());
        }
    }
}

/// Statuses side by side: on the way on the left, at the end on the right.
fn rows() -> [(&'static str, &'static str); 5] {
    [
        ("queued", "succeeded"),
        ("submitting", "closed"),
        ("unknown", "settled_offline"),
        ("processing", "rejected"),
        ("abnormal", "cancelled"),
    ]
}

impl Live {
    fn draw(&self, view: &View) {
        let count = |status: &str| view.counts.get(status).copied().unwrap_or(0);
        for (bar, (left, right)) in self.rows.iter().zip(rows()) {
            let left = self.cell(left, count(left));
            let right = self.cell(right, count(right));
            bar.set_message(format!("{left}   {right}"));
        }
        let skip = view.news.len().saturating_sub(NEWS_LINES);
        for (bar, news) in self.news.iter().zip(view.news.iter().skip(skip)) {
            bar.set_message(told(news));
        }
        let finished = u64::try_from(view.finished).unwrap_or(u64::MAX);
        self.progress.set_position(finished);
    }

    fn cell(&self, status: &str, count: usize) -> String {
        let named = format!("{status:<15} {}", padded(chinese(status), 8));
        let bar = output::coloured(tone(status), &bar(count, self.total));
        format!("{named} {bar}{count:>4}")
    }
}

/// A bar for a share of the whole; what is there is never invisible.
fn bar(count: usize, total: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (count * BAR_CELLS * 8)
        .checked_div(total)
        .unwrap_or(0)
        .max(usize::from(count > 0))
        .min(BAR_CELLS * 8);
    let part = EIGHTHS.get(eighths % 8).copied().unwrap_or("");
    let drawn = format!("{}{part}", "█".repeat(eighths / 8));
    padded(&drawn, BAR_CELLS)
}

fn tone(status: &str) -> Tone {
    match status {
        "succeeded" | "settled_offline" => Tone::Good,
        "unknown" | "abnormal" => Tone::Careful,
        "rejected" => Tone::Bad,
        _ => Tone::Faint,
    }
}

/// One piece of news on one line.
fn told(news: &News) -> String {
    let time = output::coloured(Tone::Faint, &news.time);
    let label = padded(&news.label, 25);
    if news.status.is_empty() {
        return format!(
            "{time} {label} {}",
            output::coloured(Tone::Faint, &news.words)
        );
    }
    let status = format!("{} {}", news.status, chinese(&news.status));
    let status = output::coloured(tone(&news.status), &padded(&status, 20));
    format!("{time} {label} {status} {}", news.words)
}

fn plain(view: &View, total: usize) -> String {
    let counts = STATUSES.iter().filter_map(|(status, word)| {
        let count = view.counts.get(*status).copied().filter(|n| *n > 0)?;
        Some(format!("{status} {word} {count}"))
    });
    let counts: Vec<String> = counts.collect();
    format!("{} of {total} ended: {}", view.finished, counts.join(", "))
}

/// A text followed by blanks up to a width on the terminal, where Chinese characters take two cells.
pub(crate) fn padded(text: &str, cells: usize) -> String {
    let missing = cells.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(missing))
}

/// A text in lines that fit on any terminal, broken between words.
pub(crate) fn wrapped(text: &str) -> String {
    const CELLS: usize = 78;
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= CELLS => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

/// How many cells a text takes on the terminal.
pub(crate) fn width(text: &str) -> usize {
    text.chars()
        .map(|c| {
            if matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ff00}'..='\u{ff60}') {
                2
            } else {
                1
            }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_never_invisible() {
        assert_eq!(bar(0, 200), " ".repeat(10));
        assert_eq!(bar(1, 100_000), padded("▏", 10));
        assert_eq!(bar(200, 200), "█".repeat(10));
        assert_eq!(bar(400, 200), "█".repeat(10));
    }

    #[test]
    fn long_sentences_break_between_words() {
        let text = "退款 survived ".repeat(20);
        let lines = wrapped(text.trim());
        assert!(lines.lines().all(|line| width(line) <= 78));
        assert_eq!(lines.replace('\n', " "), text.trim());
    }

    #[test]
    fn chinese_words_take_two_cells() {
        assert_eq!(width("退款成功"), 8);
        assert_eq!(padded("排队", 6), "排队  ");
    }
}
