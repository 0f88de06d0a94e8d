//! Amounts as bills print them: yuan with two decimals, fees with five. Read digit by digit into
//! integers, exactly or not at all; no float exists here (INV-7).

use std::fmt;

use tuikuan_terms::Fen;

/// Thousandths of a fen in a yuan: the fifth decimal.
const PER_YUAN: i64 = 100_000;
const PER_FEN: i64 = 1_000;

/// A service fee, in thousandths of a fen (five decimals of a yuan). Negative: given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fee(i64);

impl Fee {
    /// The fee that is this many fen; `None` beyond what a bill prints.
    #[must_use]
    pub const fn from_fen(fen: i64) -> Option<Self> {
        match fen.checked_mul(PER_FEN) {
            Some(thousandths) => Some(Self(thousandths)),
            None => None,
        }
    }

    /// The fee in thousandths of a fen.
    #[must_use]
    pub const fn from_thousandths(thousandths: i64) -> Self {
        Self(thousandths)
    }

    /// The fee in thousandths of a fen.
    #[must_use]
    pub const fn thousandths(self) -> i64 {
        self.0
    }

    /// The fee in fen, if it is a whole number of them (WeChat rounds it, as observed).
    #[must_use]
    pub const fn fen(self) -> Option<i64> {
        if self.0 % PER_FEN == 0 {
            Some(self.0 / PER_FEN)
        } else {
            None
        }
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        thousandths(text).map(Self)
    }
}

impl fmt::Display for Fee {
    /// Yuan with five decimals, as bills print it: `-1.56000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, size) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let yuan = PER_YUAN.unsigned_abs();
        write!(f, "{sign}{}.{:05}", size / yuan, size % yuan)
    }
}

/// An amount that cannot be negative, in whole fen.
pub(super) fn fen(text: &str) -> Option<Fen> {
    Fen::new(signed_fen(text)?).ok()
}

/// An amount of either sign, in whole fen.
pub(super) fn signed_fen(text: &str) -> Option<i64> {
    let thousandths = thousandths(text)?;
    (thousandths % PER_FEN == 0).then_some(thousandths / PER_FEN)
}

/// Fen of either sign as yuan with two decimals.
pub(super) struct Yuan(pub(super) i64);

impl fmt::Display for Yuan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, size) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        write!(f, "{sign}{}.{:02}", size / 100, size % 100)
    }
}

/// `-?[0-9]{1,13}(\.[0-9]{1,5})?` in thousandths of a fen.
fn thousandths(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        all => (false, all),
    };
    let mut value: i64 = 0;
    let mut whole = 0_u32;
    let mut decimals: Option<u32> = None;
    for byte in digits {
        match (byte, &mut decimals) {
            (b'0'..=b'9', None) if whole < 13 => whole += 1,
            (b'0'..=b'9', Some(count)) if *count < 5 => *count += 1,
            (b'.', None) if whole > 0 => {
                decimals = Some(0);
                continue;
            }
            _ => return None,
        }
        // At most 18 digits: far inside an i64.
        value = value * 10 + i64::from(byte - b'0');
    }
    if whole == 0 || decimals == Some(0) {
        return None;
    }
    let missing = 5 - decimals.unwrap_or(0);
    let value = value.checked_mul(10_i64.pow(missing))?;
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yuan_become_fen_exactly_or_not_at_all() {
        assert_eq!(fen("76.63").map(Fen::get), Some(7663));
        assert_eq!(fen("0.00").map(Fen::get), Some(0));
        assert_eq!(fen("19.80000").map(Fen::get), Some(1980));
        assert_eq!(signed_fen("-12.3"), Some(-1230));
        assert_eq!(Fee::read("-1.56000").and_then(Fee::fen), Some(-156));
        assert_eq!(Fee::read("0.00612").map(Fee::thousandths), Some(612));
        assert_eq!(Fee::read("0.00612").and_then(Fee::fen), None);
        for bad in [
            "",
            "-",
            ".",
            "1.",
            ".5",
            "0.005",
            "-0.01",
            "+1",
            "1e2",
            "1,000",
            " 1",
            "1.000000",
            "１",
            "99999999999999999999",
            "9999999999999",
            "0.-1",
            "1.2.3",
        ] {
            assert_eq!(fen(bad), None, "{bad:?} must be refused");
        }
    }

    #[test]
    fn a_fee_prints_with_five_decimals() {
        assert_eq!(Fee::from_fen(-156).unwrap().to_string(), "-1.56000");
        assert_eq!(Fee::default().to_string(), "0.00000");
        assert_eq!(Fee::from_thousandths(-612).to_string(), "-0.00612");
        assert_eq!(Yuan(-5).to_string(), "-0.05");
    }
}
