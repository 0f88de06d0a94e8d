//! Times on the wire. v2 and bills write Beijing time without a zone; v3 writes RFC 3339. Inside,
//! everything is unix seconds. Civil-date arithmetic after Howard Hinnant's published algorithms.

/// Beijing is eight hours ahead of UTC, all year.
const BEIJING_S: i64 = 8 * 3600;

/// Unix seconds of `yyyy-MM-dd HH:mm:ss` or `yyyyMMddHHmmss`, Beijing time.
#[must_use]
pub fn from_beijing(text: &str) -> Option<i64> {
    match text.len() {
        14 => civil(text)?.checked_sub(BEIJING_S),
        _ => beijing_seconds(text.as_bytes()),
    }
}

/// Unix seconds of `yyyy-MM-dd HH:mm:ss`, Beijing time; bills have millions of them.
#[must_use]
pub(crate) fn beijing_seconds(text: &[u8]) -> Option<i64> {
    let &[
        y1,
        y2,
        y3,
        y4,
        b'-',
        o1,
        o2,
        b'-',
        d1,
        d2,
        b' ',
        h1,
        h2,
        b':',
        m1,
        m2,
        b':',
        s1,
        s2,
    ] = text
    else {
        return None;
    };
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    let pair = |tens, ones| Some(digit(tens)? * 10 + digit(ones)?);
    let date = (
        pair(y1, y2)? * 100 + pair(y3, y4)?,
        pair(o1, o2)?,
        pair(d1, d2)?,
    );
    let clock = (pair(h1, h2)?, pair(m1, m2)?, pair(s1, s2)?);
    seconds(date, clock)?.checked_sub(BEIJING_S)
}

/// `yyyy-MM-dd HH:mm:ss`, Beijing time.
#[must_use]
pub fn to_beijing(unix_seconds: i64) -> String {
    let (y, mo, d, h, mi, s) = parts(unix_seconds.saturating_add(BEIJING_S));
    format!("{y:04}-{mo:02}-{d:02} {h:02}:{mi:02}:{s:02}")
}

/// `yyyyMMddHHmmss`, Beijing time.
#[must_use]
pub fn to_beijing_compact(unix_seconds: i64) -> String {
    to_beijing(unix_seconds)
        .chars()
        .filter(char::is_ascii_digit)
        .collect()
}

/// RFC 3339 with the offset of Beijing.
#[must_use]
pub fn to_rfc3339(unix_seconds: i64) -> String {
    format!("{}+08:00", to_beijing(unix_seconds).replacen(' ', "T", 1))
}

/// Unix seconds of an RFC 3339 time with any offset; fractions are cut.
#[must_use]
pub fn from_rfc3339(text: &str) -> Option<i64> {
    let (date_time, rest) = text.split_at_checked(19)?;
    let bytes = date_time.as_bytes();
    if !matches!(bytes.get(10), Some(b'T' | b't' | b' ')) {
        return None;
    }
    let digits: String = date_time.chars().filter(char::is_ascii_digit).collect();
    let local = civil(&digits)?;
    let zone = rest
        .trim_start_matches('.')
        .trim_start_matches(|c: char| c.is_ascii_digit());
    let offset = match zone {
        "Z" | "z" => 0,
        _ => {
            let (sign, clock) = zone.split_at_checked(1)?;
            let (hours, minutes) = clock.split_once(':')?;
            let seconds = hours.parse::<u8>().ok().map(i64::from)? * 3600
                + minutes.parse::<u8>().ok().map(i64::from)? * 60;
            match sign {
                "+" => seconds,
                "-" => -seconds,
                _ => return None,
            }
        }
    };
    local.checked_sub(offset)
}

fn civil(digits: &str) -> Option<i64> {
    if digits.len() != 14 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<i64>().ok();
    let (y, mo, d) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let clock = (number(8, 10)?, number(10, 12)?, number(12, 14)?);
    seconds((y, mo, d), clock)
}

fn seconds((y, mo, d): (i64, i64, i64), (h, mi, s): (i64, i64, i64)) -> Option<i64> {
    let fits = (1..=12).contains(&mo) && (1..=31).contains(&d) && h < 24 && mi < 60 && s < 61;
    if !fits {
        return None;
    }
    let y = if mo <= 2 { y - 1 } else { y };
    let era = y.div_euclid(400);
    let year_of_era = y - era * 400;
    let day_of_year = (153 * (mo + if mo > 2 { -3 } else { 9 }) + 2) / 5 + d - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some(days * 86_400 + h * 3600 + mi * 60 + s)
}

fn parts(seconds: i64) -> (i64, i64, i64, i64, i64, i64) {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z - era * 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let mp = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day, rest / 3600, rest % 3600 / 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beijing_time_reads_and_writes() {
        // 2018-11-19 16:24:13 in Beijing is 08:24:13 UTC.
        assert_eq!(from_beijing("2018-11-19 16:24:13"), Some(1_542_615_853));
        assert_eq!(from_beijing("20181119162413"), Some(1_542_615_853));
        assert_eq!(to_beijing(1_542_615_853), "2018-11-19 16:24:13");
        assert_eq!(to_rfc3339(1_542_615_853), "2018-11-19T16:24:13+08:00");
        assert_eq!(
            from_rfc3339("2018-11-19T16:24:13+08:00"),
            Some(1_542_615_853)
        );
        assert_eq!(
            from_rfc3339("2018-11-19T08:24:13.123Z"),
            Some(1_542_615_853)
        );
        for bad in [
            "",
            "2018-11-19",
            "2018-13-19 16:24:13",
            "2018-11-19T16:24:13",
            "x".repeat(19).as_str(),
        ] {
            assert_eq!(from_beijing(bad), None, "{bad}");
        }
        assert_eq!(from_rfc3339("2018-11-19T16:24:13"), None);
    }
}
