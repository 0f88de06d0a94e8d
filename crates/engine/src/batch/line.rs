//! One line becomes a refund, through the same door as any request.

use tuikuan_domain::approval::UsageClaim;
use tuikuan_domain::batch::{Batch, BatchState, Fault, Line, Mark};
use tuikuan_domain::planted::{self, Bug};
use tuikuan_domain::refund::{Approval, Content, NewRefund, Situation, decide};
use tuikuan_domain::{Command, Payment, Refusal, Source, Status, Transition};
use tuikuan_store::{LineEnd, LineMark, ReadError};

use super::feed::lost;
use super::file::number_of_order;
use crate::by::By;
use crate::clock::refund_id;
use crate::engine::{Engine, Held};
use crate::ledger::{Beside, LedgerError, ROUNDS_MAX};
use crate::merchant::Merchant;

/// What came of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fed {
    /// It is a refund, or refused.
    Ended,
    /// The batch is not running any more.
    Stopped,
}

/// What a line is to become.
enum Becomes {
    Refund(Box<(Transition, Counted)>, LineEnd),
    Existing(LineEnd),
    Refused(LineEnd),
}

/// What a new refund counts, by which version of the rules.
#[derive(Default)]
struct Counted {
    usage: Vec<UsageClaim>,
    rules: Option<i64>,
}

/// Makes a line a refund, or refuses it.
pub(super) async fn feed_line(
    engine: &Engine,
    held: &Held,
    (merchant, batch): (&Merchant, &Batch),
    line: &Line,
) -> Result<Fed, LedgerError> {
    let by = requester(batch)?;
    let mut new = new_refund(engine, merchant, line, &by);
    if planted::is(Bug::LineNumberAnew)
        && let Ok(number) = format!("{}x{}", batch.id, line.number).parse()
    {
        new.out_refund_no = number;
    }
    for _ in 0..ROUNDS_MAX {
        let becomes = becomes(engine, (merchant, batch, &by), line, &new).await?;
        let ((transition, counted), end) = match becomes {
            Becomes::Refund(made, end) => (*made, end),
            Becomes::Existing(end) | Becomes::Refused(end) => {
                ((Transition::unchanged(), Counted::default()), end)
            }
        };
        let beside = Beside {
            guard: Some(held.guard.clone()),
            line: Some(LineMark {
                batch: batch.id.clone(),
                line: line.number,
                end,
            }),
            usage: counted.usage,
            rules: counted.rules,
            ..Beside::default()
        };
        let written = engine.ledger().commit(transition, &new.id, beside).await;
        match written.outcome {
            Ok(_) => return Ok(Fed::Ended),
            Err(error) if lost(&error) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
        let now = engine.store().batch(&batch.id).await?;
        if now.is_none_or(|batch| batch.state != BatchState::Running) {
            return Ok(Fed::Stopped);
        }
    }
    Err(LedgerError::Contended)
}

/// Who asks: whoever submitted the batch, with the key it was submitted with (INV-33).
fn requester(batch: &Batch) -> Result<By, LedgerError> {
    let actor = batch
        .requested
        .as_ref()
        .map_or(&batch.created.by, |m| &m.by);
    let key = batch.requested_key.as_deref().map(str::parse).transpose();
    Ok(By {
        actor: actor.clone(),
        key: key.map_err(|_foreign| ReadError::Corrupt { what: "batch" })?,
        source: Source::Batch,
    })
}

fn new_refund(engine: &Engine, merchant: &Merchant, line: &Line, by: &By) -> NewRefund {
    NewRefund {
        id: refund_id(engine.ids()),
        merchant: merchant.name.clone(),
        mch_id: merchant.mch_id.clone(),
        sub_mch_id: merchant.sub_mch_id.clone(),
        out_refund_no: line.out_refund_no.clone(),
        content: Content {
            order: line.order.clone(),
            amount: line.amount,
            reason: line.reason.clone(),
            funds_account: None,
            goods_detail: None,
            not_before: None,
            expected_refundable: None,
            replaces: None,
            metadata: None,
        },
        requested_by: by.actor.clone(),
    }
}

/// One look at the records, and what the door says.
async fn becomes(
    engine: &Engine,
    (merchant, batch, by): (&Merchant, &Batch, &By),
    line: &Line,
    new: &NewRefund,
) -> Result<Becomes, LedgerError> {
    let order = &new.content.order;
    let sub = new.sub_mch_id.as_ref();
    let found = engine
        .store()
        .situation(&new.mch_id, sub, &new.out_refund_no, order)
        .await?;
    if let Some(refund) = &found.refund
        && refund.status == Status::Cancelled
    {
        return Ok(refused(Fault::Withdrawn));
    }
    if found.refund.is_none()
        && let Some(payment) = &found.payment
        && refunded_before(engine, merchant, line, payment).await?
    {
        return Ok(refused(Fault::RefundedBefore));
    }
    let situation = Situation {
        refund: found.refund.as_ref(),
        payment: found.payment.as_ref(),
        replaced: None,
    };
    let mut context = engine.ledger().context(by);
    let mut counted = Counted::default();
    if found.refund.is_none() {
        let judgment = match engine.judge(new, by, found.payment.as_ref()).await {
            Ok(judgment) => judgment,
            Err(LedgerError::Refused(refusal)) => {
                return Ok(Becomes::Refused(refusal_end(&refusal)));
            }
            Err(error) => return Err(error),
        };
        counted = Counted {
            usage: judgment.judged.claims,
            rules: Some(judgment.version),
        };
        context.approval = match batch.approved.clone() {
            Some(Mark { by, at }) => Approval::Given { by, at },
            None => judgment.judged.approval,
        };
    }
    match decide(situation, Command::Request(Box::new(new.clone())), &context) {
        Ok(transition) => Ok(match found.refund {
            Some(refund) if transition == Transition::unchanged() => {
                Becomes::Existing(LineEnd::Found(refund.id))
            }
            Some(_) | None => {
                let end = LineEnd::Requested(new.id.clone());
                Becomes::Refund(Box::new((transition, counted)), end)
            }
        }),
        Err(refusal) => Ok(Becomes::Refused(refusal_end(&refusal))),
    }
}

fn refusal_end(refusal: &Refusal) -> LineEnd {
    LineEnd::Refused {
        code: refusal.code(),
        message: refusal.to_string(),
    }
}

fn refused(fault: Fault) -> Becomes {
    Becomes::Refused(LineEnd::Refused {
        code: fault.as_str(),
        message: fault.advice().to_owned(),
    })
}

/// Whether a batch has refunded the order under its other order number.
async fn refunded_before(
    engine: &Engine,
    merchant: &Merchant,
    line: &Line,
    payment: &Payment,
) -> Result<bool, LedgerError> {
    if payment.refunds == 0 {
        return Ok(false);
    }
    let other = line.other_order(&payment.out_trade_no, payment.transaction_id.as_ref());
    let Some(order) = other else {
        return Ok(false);
    };
    let number = number_of_order(&merchant.mch_id, merchant.sub_mch_id.as_ref(), &order);
    let refund = engine
        .store()
        .refund_by_number(&merchant.mch_id, &number)
        .await?;
    Ok(refund
        .is_some_and(|refund| refund.status.money() != tuikuan_domain::refund::Money::Released))
}
