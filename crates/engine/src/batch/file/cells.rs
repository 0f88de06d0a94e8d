//! The cells of one line into a line, or into faults. Both formats meet here, so that they mean the
//! same.

use std::fmt::Display;
use std::str::FromStr;

use tuikuan_domain::OrderRef;
use tuikuan_domain::batch::{LINES_MAX, Line, Numbering};
use tuikuan_domain::refund::Reason;
use tuikuan_terms::{Fen, OutRefundNo, TransactionId};

use super::{
    CELL_BYTES_MAX, FileFault, FileFaultKind, FileFaults, Whose, number_of_order, summed, too_many,
};

/// Digits that Excel keeps of a number.
const EXCEL_DIGITS: usize = 15;

/// An amount as it stands in the file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Amount<'a> {
    /// Whole fen, as text.
    Fen(&'a str),
    /// Yuan with at most two decimals, as text.
    Yuan(&'a str),
    /// Whole fen, as a number of JSON.
    Number(i64),
    /// None at all.
    Missing,
}

/// The cells of a line; an empty one is absent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cells<'a> {
    pub(super) merchant: &'a str,
    pub(super) out_trade_no: &'a str,
    pub(super) transaction_id: &'a str,
    pub(super) amount: Amount<'a>,
    pub(super) out_refund_no: &'a str,
    pub(super) reason: &'a str,
}

/// Takes lines in.
pub(super) struct Reader<'a> {
    whose: Whose<'a>,
    lines: Vec<Line>,
    faults: FileFaults,
    seen: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(whose: Whose<'a>) -> Self {
        Self {
            whose,
            lines: Vec::new(),
            faults: FileFaults::default(),
            seen: 0,
        }
    }

    pub(super) fn fault(
        &mut self,
        line: u32,
        column: Option<&'static str>,
        kind: FileFaultKind,
        message: impl Into<String>,
    ) {
        self.faults.add(FileFault {
            line,
            column,
            kind,
            message: message.into(),
        });
    }

    /// Whether another line may be taken in.
    pub(super) fn has_room(&mut self, line: u32) -> bool {
        self.seen = self.seen.saturating_add(1);
        if !too_many(self.seen) {
            return true;
        }
        let message = format!("a file has at most {LINES_MAX} lines: split it");
        self.fault(line, None, FileFaultKind::TooManyLines, message);
        false
    }

    /// Takes a line in.
    pub(super) fn take(&mut self, number: u32, cells: Cells<'_>) {
        let before = self.faults.total;
        self.check_merchant(number, cells.merchant);
        let out_trade_no = self.identifier(number, "out_trade_no", cells.out_trade_no);
        let transaction_id = self.transaction(number, cells.transaction_id);
        if cells.out_trade_no.is_empty() && cells.transaction_id.is_empty() {
            let message = "the order is missing: give out_trade_no or transaction_id";
            self.fault(
                number,
                Some("out_trade_no"),
                FileFaultKind::Missing,
                message,
            );
        }
        let order = OrderRef {
            out_trade_no,
            transaction_id,
        };
        let amount = self.amount(number, cells.amount);
        let given = self.refund_number(number, cells.out_refund_no);
        let reason = self.reason(number, cells.reason);
        let Some(amount) = amount.filter(|_| self.faults.total == before) else {
            return;
        };
        // Nothing is kept of a file that is refused anyway.
        if before > 0 {
            return;
        }
        let (out_refund_no, numbering) = match given {
            Some(number) => (number, Numbering::Given),
            None => {
                let Whose {
                    mch_id, sub_mch_id, ..
                } = self.whose;
                let computed = number_of_order(mch_id, sub_mch_id, &order);
                (computed, Numbering::Computed)
            }
        };
        self.lines.push(Line {
            number,
            order,
            amount,
            out_refund_no,
            numbering,
            reason,
        });
    }

    /// All lines, or all faults.
    pub(super) fn finish(mut self) -> Result<Vec<Line>, FileFaults> {
        if self.faults.total == 0 && self.lines.is_empty() {
            let message = "there is no line with a refund in the file";
            self.fault(1, None, FileFaultKind::Empty, message);
        }
        if self.faults.total == 0 && summed(&self.lines).is_none() {
            let message = format!(
                "the amounts sum up to more than {} yuan: look at their unit",
                Fen::MAX.to_yuan()
            );
            self.fault(1, None, FileFaultKind::Sum, message);
        }
        if self.faults.total > 0 {
            return Err(self.faults);
        }
        Ok(self.lines)
    }

    fn check_merchant(&mut self, line: u32, text: &str) {
        if text.is_empty() || text == self.whose.merchant.as_str() {
            return;
        }
        let message = format!(
            "this file is for the merchant {}: one file for each merchant",
            self.whose.merchant
        );
        self.fault(line, Some("merchant"), FileFaultKind::Merchant, message);
    }

    fn identifier<T>(&mut self, line: u32, column: &'static str, text: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        if text.is_empty() || self.too_long(line, column, text) {
            return None;
        }
        if scientific(text) {
            self.rounded(line, column, text);
            return None;
        }
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let kind = FileFaultKind::OrderNumber;
                self.fault(line, Some(column), kind, T::Err::to_string(&error));
                None
            }
        }
    }

    fn transaction(&mut self, line: u32, text: &str) -> Option<TransactionId> {
        let id: TransactionId = self.identifier(line, "transaction_id", text)?;
        let tail = text.get(EXCEL_DIGITS..).unwrap_or_default();
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        // 28 digits, of which Excel has kept 15.
        if digits && tail.len() >= 8 && tail.bytes().all(|b| b == b'0') {
            self.rounded(line, "transaction_id", text);
            return None;
        }
        Some(id)
    }

    fn refund_number(&mut self, line: u32, text: &str) -> Option<OutRefundNo> {
        let column = "out_refund_no";
        if text.is_empty() || self.too_long(line, column, text) {
            return None;
        }
        if scientific(text) {
            self.rounded(line, column, text);
            return None;
        }
        match text.parse() {
            Ok(number) => Some(number),
            Err(error) => {
                let message = error.to_string();
                self.fault(line, Some(column), FileFaultKind::RefundNumber, message);
                None
            }
        }
    }

    fn reason(&mut self, line: u32, text: &str) -> Option<Reason> {
        let column = "reason";
        if text.is_empty() || self.too_long(line, column, text) {
            return None;
        }
        match text.parse() {
            Ok(reason) => Some(reason),
            Err(error) => {
                let message = error.to_string();
                self.fault(line, Some(column), FileFaultKind::Reason, message);
                None
            }
        }
    }

    fn amount(&mut self, line: u32, amount: Amount<'_>) -> Option<Fen> {
        let kind = FileFaultKind::Amount;
        let (column, read) = match amount {
            Amount::Fen(text) => ("amount_fen", whole_fen(text)),
            Amount::Number(fen) => ("amount_fen", Fen::new(fen).ok()),
            Amount::Yuan(text) => ("amount_yuan", Fen::from_yuan(text).ok()),
            Amount::Missing => ("amount_fen", None),
        };
        match (read, amount) {
            (Some(fen), _) if !fen.is_zero() => return Some(fen),
            (Some(_), _) => {
                let message = "the amount is zero: a refund is at least 1 fen";
                self.fault(line, Some(column), kind, message);
            }
            (None, Amount::Missing | Amount::Fen("") | Amount::Yuan("")) => {
                let message = "the amount is missing";
                self.fault(line, Some(column), FileFaultKind::Missing, message);
            }
            (None, Amount::Yuan(text)) => {
                let message = format!(
                    "{} is not an amount in yuan: write it like 39.60, without sign, separator or currency",
                    quoted(text)
                );
                self.fault(line, Some(column), kind, message);
            }
            (None, Amount::Fen(text)) => {
                let message = format!(
                    "{} is not an amount in fen: write a whole number like 3960, or name the column amount_yuan",
                    quoted(text)
                );
                self.fault(line, Some(column), kind, message);
            }
            (None, Amount::Number(fen)) => {
                let message = format!("{fen} is not an amount in fen");
                self.fault(line, Some(column), kind, message);
            }
        }
        None
    }

    fn too_long(&mut self, line: u32, column: &'static str, text: &str) -> bool {
        let long = text.len() > CELL_BYTES_MAX;
        if long {
            let message = format!("a cell has at most {CELL_BYTES_MAX} bytes");
            self.fault(line, Some(column), FileFaultKind::CellTooLong, message);
        }
        long
    }

    fn rounded(&mut self, line: u32, column: &'static str, text: &str) {
        let message = format!(
            "{} was rounded by Excel and cannot be restored: format the column as text before the numbers are put in, then export again",
            quoted(text)
        );
        self.fault(line, Some(column), FileFaultKind::Rounded, message);
    }
}

/// Whole fen in digits.
fn whole_fen(text: &str) -> Option<Fen> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let fen = text.parse().ok().filter(|_| digits)?;
    Fen::new(fen).ok()
}

/// `1.20E+18`: what Excel makes of a long number. A number without point and sign, such as `12E45`,
/// may be an order's.
fn scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return false;
    };
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let plain = mantissa.split_once('.').map_or_else(
        || digits(mantissa),
        |(whole, part)| digits(whole) && digits(part),
    );
    let signed = exponent.strip_prefix('+');
    let marked = mantissa.contains('.') || signed.is_some();
    plain && marked && digits(signed.unwrap_or(exponent))
}

/// A text from outside within a message: short, on one line.
pub(super) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    let more = if text.chars().nth(40).is_some() {
        "..."
    } else {
        ""
    };
    format!("{:?}{more}", short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_excel_makes_of_numbers_is_recognised_and_order_numbers_are_not() {
        for rounded in ["1.20E+18", "4.2E+27", "1E+18", "1.5e10"] {
            assert!(scientific(rounded), "{rounded}");
        }
        for order in ["12E45", "ORDER-1", "E10", "1E", "20261124E1", "1.2.3E+4"] {
            assert!(!scientific(order), "{order}");
        }
    }
}
