//! WeChat's times on the wire: Beijing time, a fixed UTC+8 whatever the host's zone (INV-40).

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// One day in milliseconds.
pub(crate) const DAY_MS: i64 = 86_400_000;

fn local(unix_ms: i64, pattern: &str) -> String {
    let zone = TimeZone::fixed(Offset::constant(8));
    Timestamp::from_millisecond(unix_ms)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_zoned(zone)
        .strftime(pattern)
        .to_string()
}

/// `2020-12-01T16:18:12+08:00`, as v3 writes times.
pub(crate) fn rfc3339(unix_ms: i64) -> String {
    local(unix_ms, "%Y-%m-%dT%H:%M:%S+08:00")
}

/// `2018-11-19 16:24:13`, as v2 writes refund times.
pub(crate) fn spaced(unix_ms: i64) -> String {
    local(unix_ms, "%Y-%m-%d %H:%M:%S")
}

/// `20181119162413`, as v2 writes payment times.
pub(crate) fn compact(unix_ms: i64) -> String {
    local(unix_ms, "%Y%m%d%H%M%S")
}

/// `20181119`, the day inside WeChat's numbers.
pub(crate) fn day(unix_ms: i64) -> String {
    local(unix_ms, "%Y%m%d")
}

/// Reads an RFC 3339 time with an offset, for the control side.
pub(crate) fn parse_rfc3339(text: &str) -> Option<i64> {
    text.parse::<Timestamp>()
        .ok()
        .map(Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_beijing_times() {
        let ms = 1_542_615_853_000;
        assert_eq!(spaced(ms), "2018-11-19 16:24:13");
        assert_eq!(compact(ms), "20181119162413");
        assert_eq!(rfc3339(ms), "2018-11-19T16:24:13+08:00");
        assert_eq!(parse_rfc3339("2018-11-19T16:24:13+08:00"), Some(ms));
    }
}
