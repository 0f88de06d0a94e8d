//! The day of a bill: a calendar day at UTC+8, all year. No zone database and no host setting takes
//! part (INV-40).

use jiff::Timestamp;
use jiff::civil::Date;

/// Seconds of a day: there are no others at a fixed offset.
pub const DAY_S: i64 = 86_400;

/// UTC+8 in seconds.
const BEIJING_S: i64 = 28_800;

/// WeChat promises the bill of a day from 10:00 on the next day (limits P29).
const READY_S: i64 = 36_000;

/// The day in Beijing at an instant.
#[must_use]
pub fn day_of(at: Timestamp) -> Date {
    // Only the last hours of representable time have no day: the last one then.
    let days = at.as_second().saturating_add(BEIJING_S).div_euclid(DAY_S);
    let days = i32::try_from(days).unwrap_or(i32::MAX);
    epoch()
        .checked_add(jiff::Span::new().try_days(days).unwrap_or_default())
        .unwrap_or(Date::MAX)
}

/// The midnight in Beijing with which a day begins, unix seconds.
#[must_use]
pub fn starts_at(day: Date) -> i64 {
    let days = day.since(epoch()).map_or(0, |span| span.get_days());
    i64::from(days)
        .saturating_mul(DAY_S)
        .saturating_sub(BEIJING_S)
}

/// From when WeChat promises the bill of a day.
#[must_use]
pub fn ready_at(day: Date) -> Timestamp {
    let at = starts_at(day).saturating_add(DAY_S).saturating_add(READY_S);
    Timestamp::from_second(at).unwrap_or(Timestamp::MAX)
}

const fn epoch() -> Date {
    jiff::civil::date(1970, 1, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_beijing() {
        let day: Date = "2026-03-01".parse().unwrap();
        let begin = Timestamp::from_second(starts_at(day)).unwrap();
        assert_eq!(begin.to_string(), "2026-02-28T16:00:00Z");
        assert_eq!(day_of(begin), day);
        let before = Timestamp::from_microsecond(begin.as_microsecond() - 1).unwrap();
        assert_eq!(day_of(before), day.yesterday().unwrap());
        assert_eq!(ready_at(day).to_string(), "2026-03-02T02:00:00Z");
    }

    #[test]
    fn every_day_of_ten_years_begins_where_the_one_before_ends() {
        let mut day: Date = "2019-12-30".parse().unwrap();
        for _ in 0..3653 {
            let next = day.tomorrow().unwrap();
            assert_eq!(starts_at(next), starts_at(day) + DAY_S);
            assert_eq!(
                day_of(Timestamp::from_second(starts_at(next)).unwrap()),
                next
            );
            day = next;
        }
    }

    #[test]
    fn the_ends_of_time_have_a_day() {
        assert!(day_of(Timestamp::MIN) < day_of(Timestamp::MAX));
    }
}
