//! The two charts: geometry in whole numbers, colours by the classes of the style sheet, so that one
//! picture serves light and dark. Each has its numbers as a table too.

use jiff::SignedDuration;
use tuikuan_store::{Bucket, Class, Histogram};

use super::sums::Sums;
use crate::console::format;
use crate::console::language::Language;
use crate::console::text::fill;
use crate::console::text::overview::Words;

/// A rectangle of a chart.
pub(crate) struct Bar {
    pub(crate) x: i64,
    pub(crate) y: i64,
    pub(crate) width: i64,
    pub(crate) height: i64,
    pub(crate) class: &'static str,
}

/// A text beside an axis.
pub(crate) struct Label {
    pub(crate) x: i64,
    pub(crate) y: i64,
    pub(crate) text: String,
    /// Left out where there is little room.
    pub(crate) minor: bool,
}

/// Refunds of today, by hour and result.
pub(crate) struct Hours {
    pub(crate) bars: Vec<Bar>,
    /// Lines across, with what they stand for.
    pub(crate) lines: Vec<Label>,
    pub(crate) labels: Vec<Label>,
    pub(crate) summary: String,
    /// One row for each hour with refunds: the hour, then the numbers by class.
    pub(crate) rows: Vec<(String, [String; 4])>,
}

/// Left edge, ground and height of the drawing of hours, and the room of one hour.
const LEFT: i64 = 46;
const GROUND: i64 = 168;
const HEIGHT: i64 = 148;
const HOUR: i64 = 24;
const HOUR_BAR: i64 = 17;

/// From the ground up: what the merchant has back stands lowest, what arrived above it.
const STACK: [(Class, &str); 4] = [
    (Class::Refused, "fill-red"),
    (Class::Other, "fill-amber"),
    (Class::Arrived, "fill-green"),
    (Class::UnderWay, "fill-blue"),
];

impl Hours {
    /// The chart of today.
    pub(crate) fn of(sums: &Sums, words: &'static Words) -> Self {
        let count = |hour: i64, class: Class| {
            let sum = sums.hours.get(&(hour, class)).copied().unwrap_or_default();
            sum.refunds
        };
        let all = |hour| {
            Class::ALL
                .iter()
                .fold(0, |sum: i64, c| sum.saturating_add(count(hour, *c)))
        };
        let top = ceiling((0..24).map(all).max().unwrap_or(0));
        let mut bars = Vec::new();
        for hour in 0..24 {
            let mut stacked = 0_i64;
            for (class, fill) in STACK {
                let from = stacked;
                stacked = stacked.saturating_add(count(hour, class));
                let (low, high) = (scaled(from, top), scaled(stacked, top));
                // The least of something is still to be seen.
                let height = if stacked > from {
                    (high - low).max(1)
                } else {
                    0
                };
                if height > 0 {
                    bars.push(Bar {
                        x: LEFT + 6 + hour * HOUR,
                        y: GROUND - low - height,
                        width: HOUR_BAR,
                        height,
                        class: fill,
                    });
                }
            }
        }
        let lines = [0, 1, 2].map(|half| Label {
            x: LEFT - 8,
            y: GROUND - HEIGHT * half / 2,
            text: format::count(top * half / 2),
            minor: false,
        });
        let labels = (0..24).step_by(3).map(|hour| Label {
            x: LEFT + 6 + hour * HOUR + HOUR_BAR / 2,
            y: GROUND + 10,
            text: format!("{hour:02}:00"),
            minor: hour % 6 != 0,
        });
        let rows = (0..24).filter(|hour| all(*hour) > 0).map(|hour| {
            let numbers = Class::ALL.map(|class| format::count(count(hour, class)));
            (format!("{hour:02}:00"), numbers)
        });
        Self {
            bars,
            lines: lines.into(),
            labels: labels.collect(),
            summary: summary(sums, words),
            rows: rows.collect(),
        }
    }
}

fn summary(sums: &Sums, words: &Words) -> String {
    let of = |class| format::count(sums.today(class).refunds);
    fill(
        words.hourly_summary,
        &[
            ("total", &format::count(sums.all_today().refunds)),
            ("arrived", &of(Class::Arrived)),
            ("way", &of(Class::UnderWay)),
            ("refused", &of(Class::Refused)),
            ("other", &of(Class::Other)),
        ],
    )
}

fn scaled(count: i64, top: i64) -> i64 {
    count.saturating_mul(HEIGHT).checked_div(top).unwrap_or(0)
}

/// The next round even number, at least 4: its half is whole too.
fn ceiling(most: i64) -> i64 {
    let mut step = 1_i64;
    loop {
        for round in [4, 6, 8, 10, 12, 16, 20, 24, 30] {
            let top = step.saturating_mul(round);
            if top >= most {
                return top;
            }
        }
        step = step.saturating_mul(10);
    }
}

/// How long refunds took to arrive.
pub(crate) struct Arrivals {
    pub(crate) bars: Vec<Bar>,
    pub(crate) labels: Vec<Label>,
    pub(crate) summary: String,
    /// Lengths of time, with how many refunds took so long.
    pub(crate) rows: Vec<(String, String)>,
}

/// The first column begins at one second and holds everything shorter; the last one begins at about
/// four days and holds everything longer. A column is half an octave.
const FIRST: u8 = 9;
const LAST: u8 = 83;
const COLUMN: i64 = 24;
const COLUMN_BAR: i64 = 20;
const DEPTH: i64 = 96;
const FLOOR: i64 = 110;

/// Lengths that are written below the columns, in seconds, and whether there is always room.
const MARKS: [(i64, bool); 8] = [
    (1, false),
    (10, true),
    (60, false),
    (600, true),
    (3600, false),
    (6 * 3600, true),
    (86_400, false),
    (3 * 86_400, true),
];

impl Arrivals {
    /// The chart; `None` when nothing has arrived.
    pub(crate) fn of(week: &Histogram, words: &'static Words, language: Language) -> Option<Self> {
        let (median, p95) = (week.percentile(50)?, week.percentile(95)?);
        let columns = columns(week);
        let most = columns.iter().map(|column| column.count).max().unwrap_or(0);
        let mut bars = Vec::new();
        let mut rows = Vec::new();
        for (place, column) in (0_i64..).zip(&columns) {
            let height = column
                .count
                .saturating_mul(DEPTH)
                .checked_div(most)
                .unwrap_or(0);
            bars.push(Bar {
                x: place * COLUMN,
                y: FLOOR - height.max(1),
                width: COLUMN_BAR,
                height: height.max(1),
                class: if column.count > 0 {
                    "fill-blue"
                } else {
                    "fill-grey"
                },
            });
            if column.count > 0 {
                let from = SignedDuration::from_millis(column.from_ms);
                rows.push((
                    format!("≥ {}", format::duration(from, language)),
                    format::count(column.count),
                ));
            }
        }
        let time = |length| format::duration(length, language);
        let summary = fill(
            words.arrivals_summary,
            &[
                ("total", &format::count(week.total())),
                ("median", &time(median)),
                ("p95", &time(p95)),
            ],
        );
        Some(Self {
            bars,
            labels: labels(&columns, language),
            summary,
            rows,
        })
    }
}

struct Column {
    from_ms: i64,
    to_ms: i64,
    count: i64,
}

fn columns(week: &Histogram) -> Vec<Column> {
    let column = |number: u8| {
        let from_ms = Bucket::at(number).lower_ms();
        let to_ms = Bucket::at(number.saturating_add(2)).lower_ms();
        let (least, most) = match number {
            FIRST => (i64::MIN, to_ms),
            LAST => (from_ms, i64::MAX),
            _ => (from_ms, to_ms),
        };
        Column {
            from_ms,
            to_ms,
            count: week.between(least, most),
        }
    };
    (FIRST..=LAST).step_by(2).map(column).collect()
}

/// Each mark stands under the column its length falls into.
fn labels(columns: &[Column], language: Language) -> Vec<Label> {
    let label = |(seconds, minor): (i64, bool)| {
        let inside = |c: &Column| (c.from_ms..c.to_ms).contains(&seconds.saturating_mul(1000));
        let place = i64::try_from(columns.iter().position(inside)?).ok()?;
        Some(Label {
            x: place * COLUMN,
            y: FLOOR + 10,
            text: short(seconds, language),
            minor,
        })
    };
    MARKS.into_iter().filter_map(label).collect()
}

fn short(seconds: i64, language: Language) -> String {
    match seconds {
        ..60 => format!("{seconds} {}", language.of("秒", "s")),
        60..3600 => format!("{} {}", seconds / 60, language.of("分", "min")),
        3600..86_400 => format!("{} {}", seconds / 3600, language.of("小时", "h")),
        _ => format!("{} {}", seconds / 86_400, language.of("天", "d")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_ends_at_a_round_number_with_a_whole_half() {
        for (most, top) in [(0, 4), (4, 4), (5, 6), (31, 40), (104, 120), (1284, 1600)] {
            assert_eq!(ceiling(most), top);
            assert_eq!(top % 2, 0);
        }
    }

    #[test]
    fn every_arrival_stands_in_one_column() {
        let mut week = Histogram::default();
        for ms in [0, 999, 1000, 60_000, 86_400_000, 40 * 86_400_000_i64] {
            week.add(Bucket::of(SignedDuration::from_millis(ms)), 1);
        }
        let columns = columns(&week);
        assert_eq!(columns.iter().map(|column| column.count).sum::<i64>(), 6);
        assert_eq!(columns.first().unwrap().count, 3);
        assert_eq!(labels(&columns, Language::English).len(), MARKS.len());
    }
}
