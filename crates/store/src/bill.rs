//! Bills as the store knows them: which are wanted, what came of them, and the differences that they
//! showed. A bill is a day of a merchant; the file itself is not kept.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use tuikuan_domain::reconcile::{
    BillKind, Class, DayState, DifferenceState, Healing, LineState, Repair,
};
use tuikuan_domain::{DifferenceId, MerchantName, RefundId, Status};
use tuikuan_terms::{Fen, MchId};

use crate::admin::NewAudit;
use crate::job::Guard;
use crate::select::{LIST_MAX, Merchants};

mod walk;

#[cfg(test)]
pub(crate) use walk::PROMPT_US;
pub(crate) use walk::{SENT_STEP, Sent, SentPlace, SentWalk, SentWay};

/// Differences that one commit writes.
pub const DIFFERENCES_MAX: usize = 500;

/// One bill.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bill {
    /// Whose.
    pub merchant: MerchantName,
    /// Of which day in Beijing.
    pub day: Date,
    /// Which of the bills of that day.
    pub kind: BillKind,
}

impl fmt::Display for Bill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, day) = (self.kind.as_str(), self.day);
        write!(f, "{kind}:{day}:{}", self.merchant)
    }
}

impl Bill {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        let kind = BillKind::parse(parts.next()?)?;
        let day = parts.next()?.parse().ok()?;
        let merchant = parts.next()?.parse().ok()?;
        Some(Self {
            merchant,
            day,
            kind,
        })
    }
}

/// What the lines of a bill add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// Lines of this merchant.
    pub lines: u64,
    /// Refunds that agree on both sides.
    pub matched: u64,
    /// Payments.
    pub payments: u64,
    /// What was paid, in fen.
    pub payments_fen: i64,
    /// Refunds.
    pub refunds: u64,
    /// What was refunded, in fen.
    pub refunds_fen: i64,
    /// Fees taken, in thousandths of a fen.
    pub fees: i64,
    /// Fees given back, in thousandths of a fen, not negative.
    pub fees_returned: i64,
}

/// A bill that is wanted, or was processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillDay {
    /// Which.
    pub bill: Bill,
    /// Where it stands.
    pub state: DayState,
    /// How often it was asked for in vain since it was last processed.
    pub tries: u32,
    /// Why it is not there.
    pub error: Option<String>,
    /// Since when it is wanted.
    pub wanted_at: Timestamp,
    /// When it was asked for last.
    pub tried_at: Option<Timestamp>,
    /// When it was processed last.
    pub fetched_at: Option<Timestamp>,
    /// SHA-256 of the file as it came, in hex.
    pub hash: Option<String>,
    /// What it adds up to.
    pub sums: Sums,
    /// When it will be asked for, if it will.
    pub due_at: Option<Timestamp>,
}

/// What both sides say of one number, as far as they say something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Our refund.
    pub refund_id: Option<RefundId>,
    /// What we hold.
    pub our_amount: Option<Fen>,
    /// Where it stood with us when it was found.
    pub our_status: Option<Status>,
    /// What the bill says.
    pub bill_amount: Option<Fen>,
    /// The state in the bill.
    pub bill_state: Option<LineState>,
    /// WeChat's number of the refund, as the bill prints it.
    pub wechat_refund_id: Option<String>,
    /// WeChat's number of the order, as the bill prints it.
    pub transaction_id: Option<String>,
    /// The merchant's number of the order, as the bill prints it.
    pub out_trade_no: Option<String>,
    /// When WeChat accepted it, by the bill.
    pub accepted_at: Option<Timestamp>,
}

/// A difference that a run has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDifference {
    /// The id it gets, unless it is known.
    pub id: DifferenceId,
    /// The number, as the bill prints it: not necessarily one that the interfaces take.
    pub out_refund_no: String,
    /// 0, or which repetition of the number in the bill.
    pub repetition: u32,
    /// What it is.
    pub class: Class,
    /// Settled at once, where nothing is left to do.
    pub healing: Option<Healing>,
    /// What is proposed.
    pub repair: Repair,
    /// What both sides say.
    pub facts: Facts,
}

/// A difference between our books and WeChat's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its id.
    pub id: DifferenceId,
    /// Whose.
    pub merchant: MerchantName,
    /// The merchant number.
    pub mch_id: MchId,
    /// In the bill of which day.
    pub day: Date,
    /// The refund's number.
    pub out_refund_no: String,
    /// 0, or which repetition of the number in the bill.
    pub repetition: u32,
    /// What it is.
    pub class: Class,
    /// Where it stands.
    pub state: DifferenceState,
    /// What is proposed.
    pub repair: Repair,
    /// What healed it.
    pub healing: Option<Healing>,
    /// What a person wrote when settling it.
    pub note: Option<String>,
    /// Who settled it.
    pub settled_by: Option<String>,
    /// When it was found first.
    pub found_at: Timestamp,
    /// When it was settled.
    pub settled_at: Option<Timestamp>,
    /// What both sides say.
    pub facts: Facts,
}

/// A write about bills. Applied whole or not at all.
#[derive(Debug, Clone)]
pub struct BillChange {
    /// The lease under which it is written; lost: nothing is written (INV-24).
    pub guard: Option<Guard>,
    /// What is done.
    pub act: BillAct,
    /// The entry in the audit log, for an act of somebody (INV-35).
    pub audit: Option<NewAudit>,
    /// The time of the engine.
    pub at: Timestamp,
}

/// What is done about bills.
#[derive(Debug, Clone)]
pub enum BillAct {
    /// A bill is wanted, unless it is known already.
    Want {
        /// Which.
        bill: Bill,
        /// In whose lane.
        mch_id: MchId,
        /// When to ask for it.
        due: Timestamp,
    },
    /// A bill is wanted again, or for the first time, because a person asked for it.
    Again {
        /// Which.
        bill: Bill,
        /// In whose lane.
        mch_id: MchId,
    },
    /// It was asked for in vain.
    Tried {
        /// Which.
        bill: Bill,
        /// Where it stands now.
        state: DayState,
        /// Why.
        error: String,
        /// When to ask again; `None`: no more.
        due: Option<Timestamp>,
    },
    /// Differences that a run has found, at most [`DIFFERENCES_MAX`]. Known ones stay as they are.
    Found {
        /// In which bill.
        bill: Bill,
        /// The merchant number.
        mch_id: MchId,
        /// The differences.
        differences: Vec<NewDifference>,
    },
    /// A run has come to its end: what it did not find again is gone, and what waited for this bill
    /// has waited long enough.
    Finish {
        /// Which.
        bill: Bill,
        /// The merchant number.
        mch_id: MchId,
        /// `Fetched` or `Empty`.
        state: DayState,
        /// SHA-256 of the file in hex, where there was one.
        hash: Option<String>,
        /// What it adds up to.
        sums: Sums,
    },
    /// An answer of WeChat settles a difference, or changes what is proposed.
    Settle {
        /// Which.
        id: DifferenceId,
        /// What healed it; `None`: it stays open.
        healing: Option<Healing>,
        /// What is proposed now.
        repair: Repair,
        /// The refund it is about, where that is known only now.
        refund_id: Option<RefundId>,
    },
    /// A person settles a difference.
    Resolve {
        /// Which.
        id: DifferenceId,
        /// What was done, for the others.
        note: String,
        /// Who.
        by: String,
    },
}

/// Which differences a list shows, in the order in which they were found.
#[derive(Debug, Clone)]
pub struct DifferenceFilter {
    /// The merchants the caller may see.
    pub allowed: Merchants,
    /// Of this merchant.
    pub merchant: MerchantName,
    /// In the bill of this day.
    pub day: Date,
    /// Of this class only.
    pub class: Option<Class>,
    /// In this state only.
    pub state: Option<DifferenceState>,
    /// Where the last page ended.
    pub after: Option<DifferenceId>,
    /// At most so many, at most [`LIST_MAX`].
    pub limit: u32,
}

impl DifferenceFilter {
    /// All differences of a merchant's day.
    #[must_use]
    pub const fn of(allowed: Merchants, merchant: MerchantName, day: Date) -> Self {
        Self {
            allowed,
            merchant,
            day,
            class: None,
            state: None,
            after: None,
            limit: LIST_MAX,
        }
    }
}

/// A page of differences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DifferencePage {
    /// What is on it.
    pub items: Vec<Difference>,
    /// Where the next begins; `None`: this is the last.
    pub next: Option<DifferenceId>,
}

impl DifferencePage {
    /// Of what was found when one more was looked for than there may be.
    pub(crate) fn of(mut items: Vec<Difference>, limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| last.id.clone());
        Self { items, next }
    }
}

/// How many differences of a day there are of a class in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DifferenceCount {
    /// The day of the bill.
    pub day: Date,
    /// The class.
    pub class: Class,
    /// The state.
    pub state: DifferenceState,
    /// How many.
    pub count: u64,
}

/// A day with open differences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenDay {
    /// Whose.
    pub merchant: MerchantName,
    /// The day of the bill.
    pub day: Date,
    /// How many are open.
    pub count: u64,
    /// When the oldest of them was found.
    pub since: Timestamp,
}

/// A refund of ours, as far as a bill is compared with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentRefund {
    /// Its number.
    pub out_refund_no: String,
    /// The amount, in fen.
    pub amount: Fen,
    /// Where it stands.
    pub status: Status,
    /// The start of the last attempt.
    pub last_attempt_at: Timestamp,
}

/// Where a walk over the refunds of a day has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SentCursor {
    /// Among those that were sent within the hour: after this one.
    Prompt(i64, String),
    /// Among the others: after this one.
    Late(i64, String),
}

impl SentCursor {
    /// The beginning.
    #[must_use]
    pub const fn start() -> Self {
        Self::Prompt(i64::MIN, String::new())
    }
}
