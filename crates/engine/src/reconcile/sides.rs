//! Reading the two sides of a comparison: WeChat's bill, line by line, and our refunds, in the order
//! in which they were made.

use std::hash::{DefaultHasher, Hasher as _};
use std::io::BufRead;

use tuikuan_domain::Source;
use tuikuan_domain::Status;
use tuikuan_domain::reconcile::{DAY_S, LineState, Numbered, Place, Taken, starts_at};
use tuikuan_store::{SentCursor, SentRefund, Sums};
use tuikuan_terms::Fen;
use tuikuan_wechat::bill::{BillReader, BillRefundStatus, RefundRow, Row, Trade};

use super::spill::Spill;
use super::{Books, CompareError};

/// A line of the bill, as far as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TheirLine {
    pub(super) number: String,
    pub(super) amount: Fen,
    pub(super) state: LineState,
    pub(super) refund_id: String,
    pub(super) transaction_id: String,
    pub(super) out_trade_no: String,
    /// Unix seconds.
    pub(super) accepted_at: i64,
}

/// 128 bits of a number under a key that nobody outside knows: numbers are chosen by others.
pub(super) fn fingerprint(key: [u64; 2], number: &str) -> u128 {
    let [high, low] = key.map(|half| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(half);
        hasher.write(number.as_bytes());
        u128::from(hasher.finish())
    });
    high << 64 | low
}

/// Reads the refunds that WeChat has accepted from us on the day.
pub(super) async fn read_ours(books: &Books, key: [u64; 2]) -> Result<Spill, CompareError> {
    let mut spill = Spill::new(books.scratch.clone());
    let mut cursor = Some(SentCursor::start());
    while let Some(after) = cursor {
        let (sent, next) = books
            .store
            .refunds_sent(books.merchant.clone(), books.day, after)
            .await?;
        for refund in &sent {
            let code = our_code(books, refund);
            let fingerprint = fingerprint(key, &refund.out_refund_no);
            let details = refund.out_refund_no.as_bytes();
            spill.put((fingerprint, code), refund.amount.get(), details)?;
        }
        cursor = next;
    }
    Ok(spill)
}

/// Status and place in one byte.
fn our_code(books: &Books, refund: &SentRefund) -> u8 {
    let taken = Taken {
        origin: Source::Api,
        numbered: Numbered::Yes,
        last_attempt_at: Some(refund.last_attempt_at),
    };
    let late = match taken.place(books.day) {
        Place::HereOrNext => LATE,
        Place::Here | Place::Elsewhere | Place::Anywhere | Place::Nowhere => 0,
    };
    let position = Status::ALL.iter().position(|s| *s == refund.status);
    late | u8::try_from(position.unwrap_or(0)).unwrap_or(0)
}

const LATE: u8 = 0x80;

/// Reads what [`our_code`] wrote.
pub(super) fn read_our_code(code: u8) -> Option<(Status, Place)> {
    let place = if code & LATE == 0 {
        Place::Here
    } else {
        Place::HereOrNext
    };
    let status = Status::ALL.get(usize::from(code & !LATE))?;
    Some((*status, place))
}

/// Reads a bill to its end; only a whole bill has sums.
pub(super) fn read_bill<R: BufRead>(
    mut bill: BillReader<R>,
    books: &Books,
    key: [u64; 2],
) -> Result<(Spill, Sums), CompareError> {
    let mut spill = Spill::new(books.scratch.clone());
    let mut sums = Sums::default();
    let mut days = Days::default();
    let mut details = Vec::with_capacity(256);
    loop {
        let line = bill.line().saturating_add(1);
        let Some(row) = bill.next_row()? else { break };
        let Some(refund) = add(&mut sums, books, &row, line)? else {
            continue;
        };
        days.see(books, refund, line)?;
        let state = state_of(refund.status);
        let fingerprint = fingerprint(key, refund.out_refund_no);
        pack(&mut details, refund);
        spill.put(
            (fingerprint, code_of(state)),
            refund.amount().get(),
            &details,
        )?;
    }
    days.end(books)?;
    Ok((spill, sums))
}

/// Reads a bill to its end for its sums only.
pub(super) fn sum_up<R: BufRead>(
    mut bill: BillReader<R>,
    books: &Books,
) -> Result<Sums, CompareError> {
    let mut sums = Sums::default();
    loop {
        let line = bill.line().saturating_add(1);
        let Some(row) = bill.next_row()? else { break };
        add(&mut sums, books, &row, line)?;
    }
    Ok(sums)
}

/// Counts a row of this merchant, and says whether it is a refund.
fn add<'a>(
    sums: &mut Sums,
    books: &Books,
    row: &'a Row<'a>,
    line: u64,
) -> Result<Option<&'a RefundRow<'a>>, CompareError> {
    let trade: &Trade<'_> = match row {
        Row::Payment(payment) => &payment.trade,
        Row::Refund(refund) => &refund.trade,
        Row::FundFlow(_) => return Ok(None),
    };
    if trade.mch_id != books.mch_id.as_str() {
        return Err(CompareError::OtherMerchant {
            line,
            found: trade.mch_id.to_owned(),
            expected: books.mch_id.clone(),
        });
    }
    if trade.sub_mch_id != books.sub_mch_id.as_ref().map(AsRef::as_ref) {
        return Ok(None);
    }
    sums.lines = sums.lines.saturating_add(1);
    let fee = trade.fee.thousandths();
    if fee < 0 {
        sums.fees_returned = sums.fees_returned.saturating_sub(fee);
    } else {
        sums.fees = sums.fees.saturating_add(fee);
    }
    if let Row::Refund(refund) = row {
        sums.refunds = sums.refunds.saturating_add(1);
        sums.refunds_fen = sums.refunds_fen.saturating_add(refund.amount().get());
        return Ok(Some(refund));
    }
    let total = trade.total.or(trade.settlement).unwrap_or(Fen::ZERO);
    sums.payments = sums.payments.saturating_add(1);
    sums.payments_fen = sums.payments_fen.saturating_add(total.get());
    Ok(None)
}

/// Whether the lines lie on the day: a file of another day must not pass for a day of differences.
#[derive(Default)]
struct Days {
    inside: u64,
    outside: u64,
    last: u64,
}

impl Days {
    fn see(&mut self, books: &Books, row: &RefundRow<'_>, line: u64) -> Result<(), CompareError> {
        // Old layouts print the time of the payment instead; only this column is sure.
        let Some(at) = row.requested_at else {
            return Ok(());
        };
        let into = at.saturating_sub(starts_at(books.day));
        self.last = line;
        if (0..DAY_S).contains(&into) {
            self.inside = self.inside.saturating_add(1);
        } else if (-DAY_S..DAY_S.saturating_mul(2)).contains(&into) {
            self.outside = self.outside.saturating_add(1);
        } else {
            return Err(self.other(books));
        }
        Ok(())
    }

    fn end(&self, books: &Books) -> Result<(), CompareError> {
        if self.inside == 0 && self.outside > 0 {
            return Err(self.other(books));
        }
        Ok(())
    }

    fn other(&self, books: &Books) -> CompareError {
        CompareError::OtherDay {
            line: self.last,
            day: books.day,
        }
    }
}

fn state_of(status: BillRefundStatus<'_>) -> LineState {
    match status {
        BillRefundStatus::Success => LineState::Success,
        BillRefundStatus::Processing => LineState::Processing,
        BillRefundStatus::Change => LineState::Abnormal,
        BillRefundStatus::Fail => LineState::Failed,
        BillRefundStatus::Other(_) => LineState::Other,
    }
}

fn code_of(state: LineState) -> u8 {
    let position = LineState::ALL.iter().position(|s| *s == state);
    u8::try_from(position.unwrap_or(0)).unwrap_or(0)
}

/// Reads what [`code_of`] wrote.
pub(super) fn read_their_code(code: u8) -> Option<LineState> {
    LineState::ALL.get(usize::from(code)).copied()
}

/// Writes down what a difference will have to say of a line.
fn pack(details: &mut Vec<u8>, row: &RefundRow<'_>) {
    details.clear();
    details.extend_from_slice(&row.accepted_at().to_le_bytes());
    let texts = [
        row.out_refund_no,
        row.refund_id,
        row.trade.transaction_id,
        row.trade.out_trade_no,
    ];
    for text in texts {
        // The reader bounds every value far below this.
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        details.extend_from_slice(&length.to_le_bytes());
        details.extend(text.bytes().take(usize::from(length)));
    }
}

/// Reads what [`pack`] wrote.
pub(super) fn unpack(details: &[u8], amount: i64, state: LineState) -> Option<TheirLine> {
    let (accepted_at, mut rest) = details.split_first_chunk::<8>()?;
    let mut text = || {
        let (length, more) = rest.split_first_chunk::<2>()?;
        let (text, more) = more.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        rest = more;
        Some(String::from_utf8_lossy(text).into_owned())
    };
    Some(TheirLine {
        number: text()?,
        refund_id: text()?,
        transaction_id: text()?,
        out_trade_no: text()?,
        amount: Fen::new(amount).ok()?,
        state,
        accepted_at: i64::from_le_bytes(*accepted_at),
    })
}
