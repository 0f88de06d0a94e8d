//! Search over refunds as people search: one box for every number, filters that combine freely, pages
//! forward and back. Newest first. How many rows one page may look at is bounded, whatever is asked:
//! a page that reached the bound says how far back it looked, and the next one goes on from there.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use tuikuan_domain::{MerchantName, Refund, Source, Status};
use tuikuan_terms::Fen;

use crate::select::{Attention, Cursor, LIST_MAX, Merchants};

pub(crate) mod plan;
pub(crate) mod stretch;
pub(crate) mod way;

/// The longest number of all: an `out_refund_no`.
const NUMBER_BYTES_MAX: usize = 64;

/// A number as somebody typed it: our id (`rf_...`), a payment's (`pay_...`), `out_refund_no`,
/// `refund_id`, `out_trade_no` or `transaction_id`. The merchant's own two are found by their
/// beginnings too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberText(String);

/// The text can be the beginning of no number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a number has 1 to {NUMBER_BYTES_MAX} letters, digits or _-|*@")]
pub struct NumberTextError;

impl NumberText {
    /// The number as it was typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Every number that begins with it is smaller than this, in byte order.
    pub(crate) fn end(&self) -> String {
        format!("{}{}", self.0, char::MAX)
    }
}

impl FromStr for NumberText {
    type Err = NumberTextError;
    fn from_str(text: &str) -> Result<Self, NumberTextError> {
        let fits = (1..=NUMBER_BYTES_MAX).contains(&text.len());
        let known = |b: u8| b.is_ascii_alphanumeric() || b"_-|*@".contains(&b);
        if fits && text.bytes().all(known) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NumberTextError)
        }
    }
}

impl fmt::Display for NumberText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a page of a search begins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Place {
    /// With the newest refund.
    #[default]
    Newest,
    /// Behind this one, going back in time.
    Older(Cursor),
    /// Before this one, going forward in time.
    Newer(Cursor),
}

/// Which refunds are searched.
#[derive(Debug, Clone)]
pub struct RefundSearch {
    /// The merchants the reader may see (INV-34).
    pub allowed: Merchants,
    /// Of this merchant only.
    pub merchant: Option<MerchantName>,
    /// Under this number only.
    pub number: Option<NumberText>,
    /// In this status only.
    pub status: Option<Status>,
    /// Asked for from here only.
    pub origin: Option<Source>,
    /// Whose last error has this code.
    pub error_code: Option<String>,
    /// Of at least this amount.
    pub amount_from: Option<Fen>,
    /// Of at most this amount.
    pub amount_to: Option<Fen>,
    /// Made at or after.
    pub created_from: Option<Timestamp>,
    /// Made before.
    pub created_to: Option<Timestamp>,
    /// Whether they need a person.
    pub attention: Attention,
    /// Where the page begins.
    pub place: Place,
    /// At most so many, at most [`LIST_MAX`].
    pub limit: u32,
}

impl RefundSearch {
    /// All refunds of these merchants.
    #[must_use]
    pub const fn of(allowed: Merchants) -> Self {
        Self {
            allowed,
            merchant: None,
            number: None,
            status: None,
            origin: None,
            error_code: None,
            amount_from: None,
            amount_to: None,
            created_from: None,
            created_to: None,
            attention: Attention::Any,
            place: Place::Newest,
            limit: LIST_MAX,
        }
    }
}

/// One page of a search, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// What is on it.
    pub items: Vec<Refund>,
    /// For [`Place::Newer`]: there is, or may be, more.
    pub newer: Option<Cursor>,
    /// For [`Place::Older`]: there is, or may be, more.
    pub older: Option<Cursor>,
    /// The page looked at as many rows as one page may, and got this far; more may follow.
    pub reached: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_begin_a_number_is_one() {
        for text in ["rf_01", "R", "a|b*c@d-e", "4200001207202611206046087111"] {
            assert_eq!(text.parse::<NumberText>().unwrap().as_str(), text);
        }
        for text in ["", " ", "a b", "'--", "%", "a\0b", "退款", "=1+1", "a\n"] {
            assert!(text.parse::<NumberText>().is_err(), "{text:?}");
        }
        assert!("x".repeat(65).parse::<NumberText>().is_err());
        let text: NumberText = "R-1".parse().unwrap();
        assert!("R-1@@@@@" < text.end().as_str() && "R-2" > text.end().as_str());
    }
}
