//! What is kept of batches, and what is written about them. A line is linked to its refund in the
//! transaction that makes the refund: there is no moment at which a line could be refunded again.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use tuikuan_domain::batch::{
    Batch, BatchState, Facts, Fault, KnownPayment, Line, Mark, Outcome, Summary, Verdict, Warning,
};
use tuikuan_domain::{BatchId, MerchantName, OrderRef, RefundId};
use tuikuan_terms::{MchId, OutRefundNo, SubMchId};

use crate::admin::NewAudit;
use crate::job::Guard;
use crate::select::{CursorError, Merchants};
use crate::settings::SettingsSeen;

/// Lines that one read of them gives.
pub(crate) const LINES_READ_MAX: u32 = 2000;

/// Lines that one write takes in: short enough that nobody waits behind it for long.
pub const BATCH_LINES_PER_WRITE: usize = 500;

/// A batch to be.
#[derive(Debug, Clone)]
pub struct NewBatch {
    /// Our id, used when the content is new.
    pub id: BatchId,
    /// The merchant of all its lines.
    pub merchant: MerchantName,
    /// The merchant number.
    pub mch_id: MchId,
    /// What the uploader called it.
    pub name: Option<String>,
    /// The hash of merchant and lines.
    pub content: [u8; 32],
    /// Who uploaded it, and when.
    pub created: Mark,
    /// How long whoever checks it may be silent before its job does that.
    pub lease: SignedDuration,
    /// What the log says of it, when it is new or checked anew.
    pub audit: NewAudit,
}

/// A batch that was made or found.
#[derive(Debug, Clone)]
pub struct Begun {
    /// The batch.
    pub batch: Batch,
    /// The lease of the check of a draft; whoever held it before has lost it. `None`: there is nothing
    /// to check.
    pub check: Option<Guard>,
}

/// The lease under which lines are written. It holds so long again from each write of them on.
#[derive(Debug, Clone)]
pub struct CheckLease {
    /// The lease.
    pub guard: Guard,
    /// The time.
    pub now: Timestamp,
    /// How long it holds.
    pub lease: SignedDuration,
}

/// A line with what the dry run found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedLine {
    /// The line.
    pub line: Line,
    /// What was found.
    pub verdict: Verdict,
}

impl CheckedLine {
    /// The warnings as they are stored.
    pub(crate) fn warnings_text(&self) -> Option<String> {
        let warnings = self.verdict.warnings.iter();
        let names: Vec<&str> = warnings.map(|warning| warning.as_str()).collect();
        (!names.is_empty()).then(|| names.join(","))
    }

    /// How it is stored: what has a fault never becomes a refund.
    pub(crate) const fn state(&self) -> &'static str {
        match self.verdict.fault {
            Some(_) => "refused",
            None => "pending",
        }
    }
}

/// A write about a batch. Each is one transaction.
#[derive(Debug, Clone)]
pub enum BatchWrite {
    /// A batch of this content is wanted: it is made, or found. One that was only checked so far is a
    /// draft again, to be checked anew: by whoever wants it, or else by its job. Only one checks: the
    /// lease of the job is theirs.
    Begin(NewBatch),
    /// Lines of a draft, at most [`BATCH_LINES_PER_WRITE`]; those that are there get a new verdict.
    Lines(CheckLease, Vec<CheckedLine>),
    /// All lines are there, and the job is done.
    Checked(Guard, Summary, Timestamp),
    /// An act of somebody: the batch after it, which replaces the version before. Whatever has to be
    /// done then is a job, due at once. With other rules than it was decided by the answer is
    /// [`CommitError::Outdated`](crate::CommitError::Outdated) (INV-32).
    Steered(Box<Batch>, NewAudit, SettingsSeen),
    /// Lines before this one are not pending any more.
    Fed(Guard, u32),
    /// The job of the batch is done.
    Done(Guard),
}

/// What becomes of a line, written together with the change that makes its refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineMark {
    /// Of which batch.
    pub batch: BatchId,
    /// Which line.
    pub line: u32,
    /// What became of it.
    pub end: LineEnd,
}

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineEnd {
    /// It became this refund.
    Requested(RefundId),
    /// It is this refund, which somebody else asked for.
    Found(RefundId),
    /// The door refused it.
    Refused {
        /// The refusal's code.
        code: &'static str,
        /// In words.
        message: String,
    },
}

/// A line as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchLine {
    /// What the file says.
    pub line: Line,
    /// Why it cannot become a refund.
    pub fault: Option<Fault>,
    /// What should be known.
    pub warnings: Vec<Warning>,
    /// The numbers behind it.
    pub detail: Option<String>,
    /// Where it stands.
    pub outcome: Outcome,
    /// Its refund.
    pub refund: Option<RefundId>,
    /// WeChat's number of it.
    pub wechat_id: Option<String>,
    /// What went wrong: code, message, advice.
    pub error: Option<LineError>,
}

/// What went wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// The code.
    pub code: String,
    /// In words.
    pub message: String,
    /// What to do.
    pub advice: String,
}

/// How many lines of a batch stand where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchCount {
    /// Where.
    pub outcome: Outcome,
    /// How many.
    pub lines: i64,
    /// What they are together, in fen.
    pub amount: i64,
}

/// Which batches a list shows, newest first.
#[derive(Debug, Clone)]
pub struct BatchFilter {
    /// The merchants the caller may see.
    pub allowed: Merchants,
    /// Of this merchant only.
    pub merchant: Option<MerchantName>,
    /// In this state only.
    pub state: Option<BatchState>,
    /// Where the last page ended.
    pub after: Option<BatchCursor>,
    /// At most so many, at most [`crate::LIST_MAX`].
    pub limit: u32,
}

impl BatchFilter {
    /// The merchants whose batches are looked for; `None`: all that have one.
    pub(crate) fn merchants(&self) -> Option<Vec<MerchantName>> {
        match (&self.merchant, &self.allowed) {
            (Some(one), allowed) if allowed.allows(one) => Some(vec![one.clone()]),
            (Some(_), _) => Some(Vec::new()),
            (None, Merchants::Only(names)) => Some(names.clone()),
            (None, Merchants::All) => None,
        }
    }

    /// The place before which the page begins, by time and id.
    pub(crate) fn before(&self) -> (i64, &str) {
        match &self.after {
            Some(cursor) => (cursor.created_at.as_microsecond(), cursor.id.as_str()),
            None => (i64::MAX, ""),
        }
    }
}

/// The last batch of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchCursor {
    /// When it was made.
    pub created_at: Timestamp,
    /// Its id.
    pub id: BatchId,
}

impl fmt::Display for BatchCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.created_at.as_microsecond(), self.id)
    }
}

impl FromStr for BatchCursor {
    type Err = CursorError;
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let read = || {
            let (at, id) = text.split_once('.')?;
            let created_at = Timestamp::from_microsecond(at.parse().ok()?).ok()?;
            let id = id.parse().ok()?;
            Some(Self { created_at, id })
        };
        read().ok_or(CursorError)
    }
}

/// One page of batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchPage {
    /// What is on it.
    pub items: Vec<Batch>,
    /// Where the next begins; `None`: this is the last.
    pub next: Option<BatchCursor>,
}

impl BatchPage {
    /// Of what was found of each merchant when one more was looked for than there may be.
    pub(crate) fn of(mut found: Vec<Batch>, limit: u32) -> Self {
        found.sort_by(|a, b| (b.created.at, &b.id).cmp(&(a.created.at, &a.id)));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|last| BatchCursor {
            created_at: last.created.at,
            id: last.id.clone(),
        });
        Self { items: found, next }
    }
}

/// Which lines of a batch are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineFilter {
    /// All of them.
    #[default]
    All,
    /// Those with a fault, or refused by the door.
    Faults,
    /// Those with a warning.
    Warnings,
}

impl LineFilter {
    /// Reads `all`, `faults` or `warnings`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "all" => Some(Self::All),
            "faults" => Some(Self::Faults),
            "warnings" => Some(Self::Warnings),
            _ => None,
        }
    }

    /// As a condition on the lines `l`, to be put behind others.
    pub(crate) const fn condition(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Faults => " AND (l.fault IS NOT NULL OR l.error_code IS NOT NULL)",
            Self::Warnings => " AND l.warnings IS NOT NULL",
        }
    }

    /// The filter as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Faults => "faults",
            Self::Warnings => "warnings",
        }
    }
}

/// Lines of a batch, from `after` on.
#[derive(Debug, Clone)]
pub struct LinesOf {
    /// Of which batch.
    pub batch: BatchId,
    /// Which of them.
    pub filter: LineFilter,
    /// After this line.
    pub after: u32,
    /// At most so many.
    pub limit: u32,
}

/// The lines whose facts a dry run wants.
#[derive(Debug, Clone)]
pub struct FactsWanted {
    /// The merchant number.
    pub mch_id: MchId,
    /// The sub-merchant, for a service provider.
    pub sub_mch_id: Option<SubMchId>,
    /// The lines.
    pub lines: Vec<Line>,
    /// What is a short while ago.
    pub since: Timestamp,
    /// The number that a batch gives an order, by whichever of its numbers it is named.
    pub number_of: fn(&MchId, Option<&SubMchId>, &OrderRef) -> OutRefundNo,
}

/// A refund that the order of a line has already.
#[derive(Debug, Clone)]
pub(crate) struct PastRefund {
    pub(crate) id: RefundId,
    pub(crate) number: String,
    pub(crate) amount: i64,
    pub(crate) at: Timestamp,
}

impl FactsWanted {
    /// The order has refunds: whether one is this line's under the order's other number, and whether
    /// one is of the same amount and recent.
    pub(crate) fn look_back(&self, line: &Line, facts: &mut Facts, past: &[PastRefund]) {
        let other = self.other_number(line, facts.payment.as_ref());
        for refund in past {
            if other.as_deref() == Some(refund.number.as_str()) {
                facts.other = Some(refund.id.clone());
            }
            if refund.amount == line.amount.get() && refund.at >= self.since {
                facts.same_amount = Some(refund.id.clone());
            }
        }
    }

    fn other_number(&self, line: &Line, payment: Option<&KnownPayment>) -> Option<String> {
        let payment = payment?;
        let order = line.other_order(&payment.out_trade_no, payment.transaction_id.as_ref())?;
        let number = (self.number_of)(&self.mch_id, self.sub_mch_id.as_ref(), &order);
        Some(number.as_str().to_owned())
    }
}
