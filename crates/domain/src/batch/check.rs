//! The dry run: each line of a file held against what is known, and against the lines before it.
//! Nothing here decides about a refund; the door does, when the line becomes one. What is found here
//! is found before anybody agrees to anything.

use std::collections::HashMap;

use jiff::Timestamp;
use tuikuan_terms::{Fen, OutTradeNo, TransactionId};

use crate::batch::{Fault, Line, Numbering, Summary, Warning};
use crate::ids::RefundId;
use crate::payment::{OrderRef, REFUND_WINDOW, REFUNDS_PER_PAYMENT_MAX};
use crate::refund::Status;

/// What was found about a line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Why it cannot become a refund.
    pub fault: Option<Fault>,
    /// What should be known.
    pub warnings: Vec<Warning>,
    /// The numbers behind it, for people.
    pub detail: Option<String>,
    /// The refund it is already.
    pub refund: Option<RefundId>,
}

/// What is known of a payment, as far as the dry run needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPayment {
    /// The merchant's order number.
    pub out_trade_no: OutTradeNo,
    /// WeChat's order number, when known.
    pub transaction_id: Option<TransactionId>,
    /// What is left of it.
    pub refundable: Fen,
    /// Its refunds so far.
    pub refunds: u32,
    /// When it was paid, when known.
    pub paid_at: Option<Timestamp>,
}

/// What is known of the refund of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRefund {
    /// Our id.
    pub id: RefundId,
    /// Where it stands.
    pub status: Status,
    /// Its amount.
    pub amount: Fen,
    /// Its order.
    pub order: OrderRef,
    /// Its reason.
    pub reason: Option<String>,
}

/// What is known about a line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// The payment of its order.
    pub payment: Option<KnownPayment>,
    /// The refund of its number.
    pub refund: Option<KnownRefund>,
    /// A refund that a batch made of the order under its other order number.
    pub other: Option<RefundId>,
    /// A refund of the same amount of the same order, a short while ago.
    pub same_amount: Option<RefundId>,
}

/// What all lines are held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checking {
    /// The time.
    pub now: Timestamp,
    /// The greatest amount accepted.
    pub amount_max: Fen,
}

/// What the lines so far ask of one order.
struct Tally {
    amount: Fen,
    refunds: u32,
    first: u32,
    numbering: Numbering,
}

/// Checks the lines of one file in their order.
pub struct Checker {
    checking: Checking,
    orders: HashMap<Box<str>, Tally>,
    numbers: HashMap<Box<str>, u32>,
    summary: Summary,
}

impl std::fmt::Debug for Checker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checker")
            .field("summary", &self.summary)
            .finish_non_exhaustive()
    }
}

impl Checker {
    /// A checker that has seen no line.
    #[must_use]
    pub fn new(checking: Checking) -> Self {
        Self {
            checking,
            orders: HashMap::new(),
            numbers: HashMap::new(),
            summary: Summary::default(),
        }
    }

    /// What was found so far.
    #[must_use]
    pub const fn summary(&self) -> Summary {
        self.summary
    }

    /// Checks the next line.
    pub fn check(&mut self, line: &Line, facts: &Facts) -> Verdict {
        let verdict = match self.judge(line, facts) {
            Ok(verdict) => verdict,
            Err((fault, detail)) => Verdict {
                fault: Some(fault),
                detail: Some(detail),
                ..Verdict::default()
            },
        };
        self.count(line, &verdict);
        verdict
    }

    fn judge(&mut self, line: &Line, facts: &Facts) -> Result<Verdict, (Fault, String)> {
        if let Some(first) = self.numbers.get(line.out_refund_no.as_str()) {
            // A computed number comes again only with its order.
            let fault = match line.numbering {
                Numbering::Given => Fault::NumberTwice,
                Numbering::Computed => Fault::OrderTwice,
            };
            return Err((fault, format!("see line {first}")));
        }
        self.numbers
            .insert(line.out_refund_no.as_str().into(), line.number);
        let key = order_key(line, facts.payment.as_ref());
        if let Some(before) = self.orders.get(key) {
            let both = (line.numbering, before.numbering);
            if both != (Numbering::Given, Numbering::Given) {
                return Err((Fault::OrderTwice, format!("see line {}", before.first)));
            }
        }
        if let Some(refund) = &facts.refund {
            return existing(line, refund);
        }
        if line.amount > self.checking.amount_max {
            let most = self.checking.amount_max;
            let detail = format!("{} fen, at most {most}", line.amount);
            return Err((Fault::AmountAboveMaximum, detail));
        }
        if let Some(other) = &facts.other {
            return Err((Fault::RefundedBefore, format!("see refund {other}")));
        }
        let before = self
            .orders
            .get(key)
            .map_or((Fen::ZERO, 0), |tally| (tally.amount, tally.refunds));
        let mut verdict = Verdict::default();
        match &facts.payment {
            Some(payment) => self.fits(line, payment, before)?,
            None => verdict.warnings.push(Warning::PaymentUnknown),
        }
        if let Some(same) = &facts.same_amount {
            verdict.warnings.push(Warning::SameAmountBefore);
            verdict.detail = Some(format!("see refund {same}"));
        }
        if before.1 > 0 {
            verdict.warnings.push(Warning::Spaced);
        }
        self.add(key, line);
        Ok(verdict)
    }

    /// Whether the payment can carry this line and those before it.
    fn fits(
        &self,
        line: &Line,
        payment: &KnownPayment,
        (taken, refunds): (Fen, u32),
    ) -> Result<(), (Fault, String)> {
        let named = &line.order;
        let agrees = named
            .out_trade_no
            .as_ref()
            .is_none_or(|number| *number == payment.out_trade_no)
            && match (&named.transaction_id, &payment.transaction_id) {
                (Some(asked), Some(known)) => asked == known,
                (Some(_) | None, None) | (None, Some(_)) => true,
            };
        if !agrees {
            let detail = format!("the payment is {}", payment.out_trade_no);
            return Err((Fault::OrderNumbersDisagree, detail));
        }
        let closed = |paid: &Timestamp| self.checking.now > crate::after(*paid, REFUND_WINDOW);
        if let Some(paid_at) = payment.paid_at.filter(closed) {
            return Err((Fault::WindowClosed, format!("paid at {paid_at}")));
        }
        let count = payment.refunds.saturating_add(refunds);
        if count >= REFUNDS_PER_PAYMENT_MAX {
            return Err((Fault::TooManyRefunds, format!("{count} refunds so far")));
        }
        let left = payment.refundable.checked_sub(taken).unwrap_or(Fen::ZERO);
        if line.amount > left {
            let detail = format!("{} fen asked, {left} fen left", line.amount);
            return Err((Fault::AmountExceedsRefundable, detail));
        }
        Ok(())
    }

    fn add(&mut self, key: &str, line: &Line) {
        match self.orders.get_mut(key) {
            Some(tally) => {
                tally.amount = tally.amount.checked_add(line.amount).unwrap_or(Fen::MAX);
                tally.refunds = tally.refunds.saturating_add(1);
                self.summary.of_one_order = self.summary.of_one_order.max(tally.refunds);
            }
            None => {
                let tally = Tally {
                    amount: line.amount,
                    refunds: 1,
                    first: line.number,
                    numbering: line.numbering,
                };
                self.orders.insert(key.into(), tally);
                self.summary.of_one_order = self.summary.of_one_order.max(1);
            }
        }
    }

    fn count(&mut self, line: &Line, verdict: &Verdict) {
        let sum = &mut self.summary;
        sum.lines = sum.lines.saturating_add(1);
        if verdict.fault.is_some() {
            sum.faulty_lines = sum.faulty_lines.saturating_add(1);
            sum.faulty_amount = sum.faulty_amount.saturating_add(line.amount.get());
        } else if verdict.refund.is_some() {
            sum.existing_lines = sum.existing_lines.saturating_add(1);
        } else {
            sum.new_lines = sum.new_lines.saturating_add(1);
            sum.new_amount = sum.new_amount.saturating_add(line.amount.get());
        }
        if !verdict.warnings.is_empty() {
            sum.warned_lines = sum.warned_lines.saturating_add(1);
        }
        if verdict.warnings.contains(&Warning::PaymentUnknown) {
            sum.unknown_payments = sum.unknown_payments.saturating_add(1);
        }
    }
}

/// One name for an order, however a line names it.
fn order_key<'a>(line: &'a Line, payment: Option<&'a KnownPayment>) -> &'a str {
    match (
        payment,
        &line.order.out_trade_no,
        &line.order.transaction_id,
    ) {
        (Some(payment), _, _) => payment.out_trade_no.as_str(),
        (None, Some(number), _) => number.as_str(),
        (None, None, Some(id)) => id.as_str(),
        (None, None, None) => "",
    }
}

/// The refund of the line's number exists: the same, or something else.
fn existing(line: &Line, refund: &KnownRefund) -> Result<Verdict, (Fault, String)> {
    let same_order = agree(
        line.order.out_trade_no.as_ref(),
        refund.order.out_trade_no.as_ref(),
    ) && agree(
        line.order.transaction_id.as_ref(),
        refund.order.transaction_id.as_ref(),
    );
    let reason = line.reason.as_ref().map(|reason| reason.as_str());
    let mut differ = Vec::new();
    if !same_order {
        differ.push("order");
    }
    if line.amount != refund.amount {
        differ.push("amount");
    }
    if reason != refund.reason.as_deref() {
        differ.push("reason");
    }
    if !differ.is_empty() {
        let detail = format!("{} of refund {}", differ.join(", "), refund.id);
        return Err((Fault::ContentDiffers, detail));
    }
    if refund.status == Status::Cancelled {
        return Err((Fault::Withdrawn, format!("see refund {}", refund.id)));
    }
    Ok(Verdict {
        fault: None,
        warnings: vec![Warning::AlreadyRequested],
        detail: Some(format!("see refund {}", refund.id)),
        refund: Some(refund.id.clone()),
    })
}

/// A number that was not given agrees with whatever is known.
fn agree<T: PartialEq>(asked: Option<&T>, known: Option<&T>) -> bool {
    asked.is_none() || known.is_none() || asked == known
}
