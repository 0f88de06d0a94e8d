//! From which day to which day a list is wanted: days of Beijing, both included, as the date fields
//! of a form send them.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

/// Beijing time, all year.
const BEIJING: Offset = Offset::constant(8);

/// The beginning of a day of Beijing; `None` when the text is no date.
pub(crate) fn day_begins(text: &str) -> Option<Timestamp> {
    let day: Date = text.parse().ok()?;
    BEIJING.to_timestamp(day.at(0, 0, 0, 0)).ok()
}

/// The end of a day of Beijing; `None` when the text is no date.
pub(crate) fn day_ends(text: &str) -> Option<Timestamp> {
    let day: Date = text.parse().ok()?;
    BEIJING
        .to_timestamp(day.tomorrow().ok()?.at(0, 0, 0, 0))
        .ok()
}

/// Nine in the morning, Beijing, so many days after a time.
pub(crate) fn morning_after(time: Timestamp, days: i8) -> Option<Timestamp> {
    let mut day = BEIJING.to_datetime(time).date();
    for _ in 0..days {
        day = day.tomorrow().ok()?;
    }
    BEIJING.to_timestamp(day.at(9, 0, 0, 0)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_beijings_and_both_ends_are_included() {
        let begins = day_begins("2026-11-23").unwrap();
        assert_eq!(begins.to_string(), "2026-11-22T16:00:00Z");
        let ends = day_ends("2026-11-23").unwrap();
        assert_eq!(ends.to_string(), "2026-11-23T16:00:00Z");
        for text in [
            "",
            "2026-13-01",
            "yesterday",
            "2026-11-23T00:00:00Z<script>",
        ] {
            assert_eq!(day_begins(text), None, "{text}");
        }
    }

    #[test]
    fn tomorrow_morning_is_nine_in_beijing() {
        let late: Timestamp = "2026-11-23T17:00:00Z".parse().unwrap();
        let next = morning_after(late, 1).unwrap();
        assert_eq!(next.to_string(), "2026-11-25T01:00:00Z");
    }
}
