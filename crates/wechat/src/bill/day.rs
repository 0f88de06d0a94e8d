//! A bill day: a calendar day in Beijing (UTC+8, all year). The host's zone has no part in it
//! (INV-40).

use std::fmt;
use std::str::FromStr;

use crate::time::{from_beijing, to_beijing};

const DAY_S: i64 = 86_400;

/// A day of bills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BillDay {
    starts_at: i64,
}

/// Why a text is not a bill day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a day written as 2024-08-04")]
pub struct DayError;

impl BillDay {
    /// The day in Beijing at an instant (unix seconds).
    #[must_use]
    pub fn of(unix_seconds: i64) -> Self {
        let beijing = unix_seconds.saturating_add(8 * 3600);
        let starts_at = unix_seconds.saturating_sub(beijing.rem_euclid(DAY_S));
        Self { starts_at }
    }

    /// Midnight in Beijing at which it begins, unix seconds.
    #[must_use]
    pub const fn starts_at(self) -> i64 {
        self.starts_at
    }

    /// The next day.
    #[must_use]
    pub const fn next(self) -> Self {
        Self {
            starts_at: self.starts_at.saturating_add(DAY_S),
        }
    }

    /// The day before.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self {
            starts_at: self.starts_at.saturating_sub(DAY_S),
        }
    }

    /// Whether an instant (unix seconds) lies in it.
    #[must_use]
    pub fn contains(self, unix_seconds: i64) -> bool {
        (self.starts_at..self.next().starts_at).contains(&unix_seconds)
    }

    /// When WeChat promises the bill: 10:00 in Beijing on the next day, unix seconds (limits P29).
    #[must_use]
    pub const fn ready_at(self) -> i64 {
        self.next().starts_at.saturating_add(10 * 3600)
    }

    /// As v2 writes it: `20240804`.
    #[must_use]
    pub fn compact(self) -> String {
        self.to_string().replace('-', "")
    }

    /// Reads what v2 writes.
    #[must_use]
    pub fn parse_compact(text: &str) -> Option<Self> {
        let at = |from: usize, to: usize| text.get(from..to);
        if text.len() != 8 {
            return None;
        }
        format!("{}-{}-{}", at(0, 4)?, at(4, 6)?, at(6, 8)?)
            .parse()
            .ok()
    }
}

impl fmt::Display for BillDay {
    /// As v3 writes it: `2024-08-04`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = to_beijing(self.starts_at);
        f.write_str(text.get(..10).unwrap_or(&text))
    }
}

impl FromStr for BillDay {
    type Err = DayError;
    fn from_str(text: &str) -> Result<Self, DayError> {
        let starts_at = from_beijing(&format!("{text} 00:00:00")).ok_or(DayError)?;
        let day = Self { starts_at };
        // The thirtieth of February reads as the first of March.
        if day.to_string() == text {
            Ok(day)
        } else {
            Err(DayError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_day_is_a_day_in_beijing() {
        let day: BillDay = "2024-08-04".parse().unwrap();
        assert_eq!(day.compact(), "20240804");
        assert_eq!(BillDay::parse_compact("20240804"), Some(day));
        assert_eq!(BillDay::of(day.starts_at()), day);
        assert_eq!(BillDay::of(day.starts_at() - 1), day.previous());
        assert!(day.contains(day.next().starts_at() - 1));
        assert_eq!(to_beijing(day.ready_at()), "2024-08-05 10:00:00");
        for bad in ["2024-02-30", "2024-8-4", "20240804", "", "2024-08-04 "] {
            assert!(bad.parse::<BillDay>().is_err(), "{bad}");
        }
    }
}
