//! What WeChat's answer to a query makes of a difference. The query outranks the bill (INV-16): what
//! it says has been taken into the record before, so here record, query and line are three witnesses.

use tuikuan_terms::Fen;

use crate::outcome::{Finding, Report, WechatState};
use crate::reconcile::{Class, Healing, Repair};
use crate::refund::{Refund, Status};

/// What becomes of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Settled {
    /// It is closed.
    Healed(Healing),
    /// It stays open, with this proposal.
    Open(Repair),
    /// No usable answer: ask again.
    Again,
}

/// Settles a difference by what a query found. `record` is the refund after the answer was taken in,
/// `line` the amount in the bill, where that shows it.
#[must_use]
pub fn settle(
    (class, line): (Class, Option<Fen>),
    record: Option<&Refund>,
    finding: &Finding,
) -> Settled {
    let report = match finding {
        Finding::Found(report) => report,
        Finding::NotFound => return Settled::Open(not_found(class)),
        Finding::Unanswered(_) | Finding::MerchantFault(_) => return Settled::Again,
    };
    let Some(refund) = record else {
        // WeChat knows it and we could not take it in.
        return Settled::Open(Repair::ReviewPayment);
    };
    match class {
        Class::Matched => Settled::Healed(Healing::QueryAgrees),
        // It was taken in as the query says it, and the bill says another amount.
        Class::WechatOnly if line.is_some_and(|line| line != refund.content.amount) => {
            Settled::Open(Repair::AskWechat)
        }
        Class::WechatOnly => Settled::Healed(Healing::Adopted),
        _ if !confirms(refund, report) => Settled::Open(Repair::ReviewRefund),
        Class::StatusDiffers => Settled::Healed(Healing::QueryAgrees),
        // Record and query agree: the bill stands alone.
        Class::AmountDiffers => Settled::Open(Repair::AskWechat),
        Class::OursOnly | Class::LateByADay => Settled::Open(Repair::WaitForNextBill),
    }
}

const fn not_found(class: Class) -> Repair {
    match class {
        // Neither bill nor query know what we hold as accepted.
        Class::OursOnly | Class::LateByADay | Class::Matched => Repair::ReviewRefund,
        Class::WechatOnly | Class::AmountDiffers | Class::StatusDiffers => Repair::AskWechat,
    }
}

/// Whether a report says of a refund what we hold.
fn confirms(refund: &Refund, report: &Report) -> bool {
    let amount: Fen = refund.content.amount;
    amount == report.amount
        && match report.state {
            WechatState::Processing => refund.status == Status::Processing,
            WechatState::Success => refund.status == Status::Succeeded,
            WechatState::Abnormal => {
                matches!(refund.status, Status::Abnormal | Status::SettledOffline)
            }
            WechatState::Closed => refund.status == Status::Closed,
        }
}
