//! What was planted into bills, and the files that wait to be fetched by v3's second call.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use tuikuan_wechat::bill::BillDay;

use crate::books::MerchantKey;
use crate::merchant::Merchant;

/// How long a `download_url` is good, in real milliseconds: callers' clocks are real.
const TICKET_MS: i64 = 300_000;
/// Files that wait at once; the oldest gives way.
const TICKETS_MAX: usize = 64;

/// What differs from the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// A refund's row is not there.
    MissingRow,
    /// A row of a refund that the books do not know.
    ExtraRow,
    /// A refund's row has another amount.
    Amount,
    /// A refund's row has another status.
    Status,
    /// A refund's row stands in the bill of the next day.
    Late,
    /// Half of the file is sent.
    CutFile,
    /// An amount was changed after the hash was made.
    Altered,
    /// v3: the hash that is named is that of another file.
    NoHashMatch,
    /// The bill is not made yet, whatever the time.
    NotReady,
    /// WeChat says that nothing happened on the day.
    NothingThatDay,
}

/// One planted difference, as POST /bills/differences takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BillDifference {
    /// Merchant number.
    pub mch_id: String,
    /// The day of the bill, `2024-08-04`.
    pub date: String,
    /// What differs.
    pub kind: DifferenceKind,
    /// Which refund; the day's first that no other difference has taken when left out. For an
    /// extra row, its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_refund_no: Option<String>,
    /// The amount of an extra row or of a row with another amount, in fen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
}

/// A file that waits.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) merchant: MerchantKey,
    pub(crate) body: Vec<u8>,
    until_wall_ms: i64,
}

/// Differences and waiting files.
#[derive(Debug, Default)]
pub(crate) struct BillDesk {
    differences: Vec<(BillDay, BillDifference)>,
    tickets: VecDeque<(String, Ticket)>,
}

impl BillDesk {
    pub(crate) fn plant(&mut self, day: BillDay, difference: BillDifference) {
        self.differences.push((day, difference));
    }

    pub(crate) fn clear(&mut self) {
        self.differences.clear();
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &BillDifference> {
        self.differences.iter().map(|(_, difference)| difference)
    }

    /// What was planted into one merchant's bills of a day.
    pub(crate) fn of(&self, merchant: &Merchant, day: BillDay) -> Vec<&BillDifference> {
        self.differences
            .iter()
            .filter(|(of, difference)| *of == day && difference.mch_id == merchant.mch_id)
            .map(|(_, difference)| difference)
            .collect()
    }

    pub(crate) fn keep(
        &mut self,
        token: String,
        (merchant, body): (MerchantKey, Vec<u8>),
        wall_ms: i64,
    ) {
        while self.tickets.len() >= TICKETS_MAX {
            self.tickets.pop_front();
        }
        let ticket = Ticket {
            merchant,
            body,
            until_wall_ms: wall_ms.saturating_add(TICKET_MS),
        };
        self.tickets.push_back((token, ticket));
    }

    /// The file of a token that is known and still good.
    pub(crate) fn fetch(&self, token: &str, wall_ms: i64) -> Option<&Ticket> {
        let mut known = self.tickets.iter().filter(|(known, _)| known == token);
        let (_, ticket) = known.next()?;
        (wall_ms <= ticket.until_wall_ms).then_some(ticket)
    }
}
