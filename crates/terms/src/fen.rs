//! Money inside Tuikuan: integer fen (1/100 yuan), checked arithmetic only (INV-7). Yuan exist as
//! text at the edges; they convert exactly or are refused.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount of money in fen, `0 ..= Fen::MAX`. There is no `Add`: the interesting case is overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Fen(i64);

/// Why a number or a text is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FenError {
    /// Below zero.
    #[error("amount {found} is negative")]
    Negative {
        /// The number found.
        found: i64,
    },
    /// Above [`Fen::MAX`].
    #[error("amount {found} is above {}", Fen::MAX.0)]
    TooLarge {
        /// The number found.
        found: i64,
    },
    /// Not a plain decimal number of yuan with at most two decimals.
    #[error("not an amount in yuan with at most two decimals")]
    NotYuan,
}

impl Fen {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// The greatest amount handled: 10 billion yuan, far above any order.
    pub const MAX: Self = Self(1_000_000_000_000);

    /// An amount in fen.
    ///
    /// # Errors
    /// [`FenError::Negative`] below zero, [`FenError::TooLarge`] above [`Fen::MAX`].
    pub const fn new(fen: i64) -> Result<Self, FenError> {
        if fen < 0 {
            return Err(FenError::Negative { found: fen });
        }
        if fen > Self::MAX.0 {
            return Err(FenError::TooLarge { found: fen });
        }
        Ok(Self(fen))
    }

    /// The amount as an integer number of fen.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Whether there is no money.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, or `None` above [`Fen::MAX`].
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0
            .checked_add(other.0)
            .and_then(|sum| Self::new(sum).ok())
    }

    /// The difference, or `None` below zero.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0
            .checked_sub(other.0)
            .and_then(|rest| Self::new(rest).ok())
    }

    /// Reads yuan text such as `12`, `12.3` or `12.34`, exactly.
    ///
    /// # Errors
    /// [`FenError::NotYuan`] for anything else, signs and spaces included.
    pub fn from_yuan(text: &str) -> Result<Self, FenError> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > 2 {
            return Err(FenError::NotYuan);
        }
        if text.contains('.') && part.is_empty() {
            return Err(FenError::NotYuan);
        }
        let whole: i64 = whole.parse().ok().ok_or(FenError::NotYuan)?;
        let part: i64 = format!("{part:0<2}")
            .parse()
            .ok()
            .ok_or(FenError::NotYuan)?;
        let fen = whole.checked_mul(100).and_then(|f| f.checked_add(part));
        Self::new(fen.ok_or(FenError::NotYuan)?)
    }

    /// The amount as yuan text with two decimals, for people: `39.60`.
    #[must_use]
    pub fn to_yuan(self) -> String {
        format!("{}.{:02}", self.0.div_euclid(100), self.0.rem_euclid(100))
    }
}

impl TryFrom<i64> for Fen {
    type Error = FenError;
    fn try_from(fen: i64) -> Result<Self, FenError> {
        Self::new(fen)
    }
}

impl From<Fen> for i64 {
    fn from(fen: Fen) -> Self {
        fen.0
    }
}

impl fmt::Display for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yuan_convert_exactly_or_not_at_all() {
        assert_eq!(Fen::from_yuan("39.6"), Fen::new(3960));
        assert_eq!(Fen::from_yuan("76.63"), Fen::new(7663));
        assert_eq!(Fen::from_yuan("0.01"), Fen::new(1));
        for bad in [
            "",
            ".",
            "1.",
            ".5",
            "1.234",
            "-1",
            "+1",
            "1e2",
            "1,000",
            " 1",
            "１",
            "99999999999999999999",
        ] {
            assert!(Fen::from_yuan(bad).is_err(), "{bad:?} must be refused");
        }
        assert_eq!(Fen::MAX.to_yuan(), "10000000000.00");
    }

    #[test]
    fn arithmetic_never_leaves_the_range() {
        assert_eq!(Fen::MAX.checked_add(Fen(1)), None);
        assert_eq!(Fen::ZERO.checked_sub(Fen(1)), None);
        assert_eq!(Fen::new(-1), Err(FenError::Negative { found: -1 }));
    }
}
