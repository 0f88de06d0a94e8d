//! How money, times and durations read in a page. Yuan are written from fen with integers only
//! (INV-7); times are shown in Beijing time, whatever the host's zone is (INV-40).

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use tuikuan_terms::Fen;

use super::language::Language;

/// Beijing time, all year.
const BEIJING: Offset = Offset::constant(8);

/// `1,284.50`.
pub(crate) fn yuan(amount: Fen) -> String {
    let text = amount.to_yuan();
    let (whole, part) = text.split_once('.').unwrap_or((&text, "00"));
    format!("{}.{part}", grouped(whole))
}

/// `¥ 1,284.50`.
pub(crate) fn money(amount: Fen) -> String {
    format!("¥\u{a0}{}", yuan(amount))
}

/// `1,284`.
pub(crate) fn count(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", grouped(&number.unsigned_abs().to_string()))
}

fn grouped(digits: &str) -> String {
    let mut grouped = String::with_capacity(digits.len().saturating_mul(2));
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && digits.len().saturating_sub(place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A time as Beijing's clocks and calendars show it.
pub(crate) fn beijing(time: Timestamp) -> DateTime {
    BEIJING.to_datetime(time)
}

/// `2026-11-23 17:02:11`.
pub(crate) fn date_time(time: Timestamp) -> String {
    beijing(time).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `2026-11-23 17:02`.
pub(crate) fn minute(time: Timestamp) -> String {
    beijing(time).strftime("%Y-%m-%d %H:%M").to_string()
}

/// `2026-11-23`.
pub(crate) fn day(time: Timestamp) -> String {
    beijing(time).strftime("%Y-%m-%d").to_string()
}

/// `17:02:11`.
pub(crate) fn clock(time: Timestamp) -> String {
    beijing(time).strftime("%H:%M:%S").to_string()
}

/// As little as says it: `17:02:11` today, `11-20 09:31` this year, `2025-11-20` before.
pub(crate) fn short(time: Timestamp, now: Timestamp) -> String {
    let (then, today) = (beijing(time), beijing(now));
    let form = if then.date() == today.date() {
        "%H:%M:%S"
    } else if then.year() == today.year() {
        "%m-%d %H:%M"
    } else {
        "%Y-%m-%d"
    };
    then.strftime(form).to_string()
}

/// What `<time datetime=...>` wants.
pub(crate) fn machine(time: Timestamp) -> String {
    beijing(time)
        .strftime("%Y-%m-%dT%H:%M:%S+08:00")
        .to_string()
}

/// A length of time in words, with no more than two units: `1.4 秒`, `18 分钟`, `2 天 3 小时`.
pub(crate) fn duration(length: SignedDuration, language: Language) -> String {
    let millis = length.as_millis().unsigned_abs();
    let seconds = millis / 1000;
    if seconds < 10 {
        let tenths = millis / 100;
        let unit = language.of("秒", "s");
        return format!("{}.{} {unit}", tenths / 10, tenths % 10);
    }
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    let (d, h) = (language.of("天", "d"), language.of("小时", "h"));
    let (m, s) = (language.of("分钟", "min"), language.of("秒", "s"));
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest} {s}"),
        (0, 0, minutes) => format!("{minutes} {m}"),
        (0, hours, 0) => format!("{hours} {h}"),
        (0, hours, minutes) => format!("{hours} {h} {minutes} {m}"),
        (days, 0, _) => format!("{days} {d}"),
        (days, hours, _) => format!("{days} {d} {hours} {h}"),
    }
}

/// How far away a time is: `18 分钟前`, `in 2 h`.
pub(crate) fn relative(time: Timestamp, now: Timestamp, language: Language) -> String {
    let away = time.duration_since(now);
    if away.as_secs().unsigned_abs() < 2 {
        return language.of("刚刚", "just now").to_owned();
    }
    let length = whole_units(away, language);
    match (away.is_negative(), language) {
        (true, Language::Chinese) => format!("{length}前"),
        (true, Language::English) => format!("{length} ago"),
        (false, Language::Chinese) => format!("{length}后"),
        (false, Language::English) => format!("in {length}"),
    }
}

/// A distance needs one unit only.
fn whole_units(length: SignedDuration, language: Language) -> String {
    let seconds = length.as_secs().unsigned_abs();
    match seconds {
        0..60 => format!("{seconds} {}", language.of("秒", "s")),
        60..3600 => format!("{} {}", seconds / 60, language.of("分钟", "min")),
        3600..86_400 => format!("{} {}", seconds / 3600, language.of("小时", "h")),
        _ => format!("{} {}", seconds / 86_400, language.of("天", "d")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn yuan_have_separators_and_two_decimals() {
        for (fen, text) in [
            (0, "0.00"),
            (1, "0.01"),
            (99_999, "999.99"),
            (100_000, "1,000.00"),
            (9_641_250, "96,412.50"),
            (1_000_000_000_000, "10,000,000,000.00"),
        ] {
            assert_eq!(yuan(Fen::new(fen).unwrap()), text);
        }
        assert_eq!(count(-1_284), "-1,284");
        assert_eq!(count(i64::MIN), "-9,223,372,036,854,775,808");
    }

    #[test]
    fn times_are_beijings() {
        let time = at("2026-11-23T16:30:05Z");
        assert_eq!(date_time(time), "2026-11-24 00:30:05");
        assert_eq!(machine(time), "2026-11-24T00:30:05+08:00");
        assert_eq!(short(time, at("2026-11-24T15:59:59Z")), "00:30:05");
        assert_eq!(short(time, at("2026-11-24T16:00:00Z")), "11-24 00:30");
        assert_eq!(short(time, at("2027-02-01T00:00:00Z")), "2026-11-24");
        assert_eq!(
            (day(time), clock(time)),
            ("2026-11-24".to_owned(), "00:30:05".to_owned())
        );
    }

    #[test]
    fn durations_have_at_most_two_units() {
        let zh = |millis| duration(SignedDuration::from_millis(millis), Language::Chinese);
        let en = |secs| duration(SignedDuration::from_secs(secs), Language::English);
        assert_eq!(zh(1_449), "1.4 秒");
        assert_eq!(zh(0), "0.0 秒");
        assert_eq!(zh(18 * 60_000 + 59_000), "18 分钟");
        assert_eq!(zh(2 * 86_400_000 + 3 * 3_600_000), "2 天 3 小时");
        assert_eq!(en(42), "42 s");
        assert_eq!(en(3_600), "1 h");
        assert_eq!(en(3_600 + 120), "1 h 2 min");
    }

    #[test]
    fn distances_look_back_and_forward() {
        let now = at("2026-11-23T00:00:00Z");
        let zh = |text| relative(at(text), now, Language::Chinese);
        let en = |text| relative(at(text), now, Language::English);
        assert_eq!(zh("2026-11-22T23:59:59.5Z"), "刚刚");
        assert_eq!(zh("2026-11-22T23:42:00Z"), "18 分钟前");
        assert_eq!(zh("2026-11-25T01:00:00Z"), "2 天后");
        assert_eq!(en("2026-11-22T21:00:00Z"), "3 h ago");
        assert_eq!(en("2026-11-23T00:00:30Z"), "in 30 s");
    }
}
