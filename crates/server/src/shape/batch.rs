//! The shapes of a batch and of its lines.

use std::collections::BTreeMap;

use serde::Serialize;
use tuikuan_domain::batch::{Batch, Numbering};
use tuikuan_engine::Engine;
use tuikuan_store::{BatchCount, BatchLine};
use utoipa::ToSchema;

use crate::shape::Time;

/// A batch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Batch)]
pub struct BatchBody<'a> {
    /// Our id.
    #[schema(example = "bt_0194f0a1b2c37d4e8f90a1b2c3d4e5f6")]
    pub id: &'a str,
    /// The merchant of all its lines.
    pub merchant: &'a str,
    /// What the uploader called it.
    #[schema(required = true)]
    pub name: Option<&'a str>,
    /// Where it stands: `draft`, `checked`, `awaiting_approval`, `running`, `paused`, `cancelled`,
    /// `rejected` or `finished`.
    #[schema(example = "running")]
    pub state: &'static str,
    /// SHA-256 over merchant and lines: what an approval is of.
    pub content_hash: String,
    /// Lines of the file.
    pub lines: u32,
    /// Lines that become new refunds.
    pub new_lines: u32,
    /// What those are together, in fen: the balance the merchant needs.
    pub new_amount: i64,
    /// Lines that were refunds already when the file was checked.
    pub existing_lines: u32,
    /// Lines with a fault.
    pub faulty_lines: u32,
    /// What those are together, in fen.
    pub faulty_amount: i64,
    /// Lines with a warning.
    pub warned_lines: u32,
    /// Lines whose payment is not registered here.
    pub unknown_payments: u32,
    /// How long it takes at least, in seconds, by the quota and the minute between refunds of one order.
    pub takes_s: u64,
    /// How many lines stand where: `pending`, `refused`, `withdrawn`, or a refund's status.
    pub counts: BTreeMap<&'static str, BatchCountBody>,
    /// Who uploaded it.
    pub created_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Time,
    /// When the dry run ended.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    pub checked_at: Option<Time>,
    /// Who submitted it.
    #[schema(required = true)]
    pub requested_by: Option<String>,
    /// When.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    pub requested_at: Option<Time>,
    /// Until when somebody else can agree to it, where somebody has to; one that waits longer is
    /// rejected by itself.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    pub approval_until: Option<Time>,
    /// Who agreed.
    #[schema(required = true)]
    pub approved_by: Option<String>,
    /// When.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    pub approved_at: Option<Time>,
    /// When it ended.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Time>,
    /// Grows by one with each act on it.
    pub version: i64,
}

/// Lines that stand somewhere.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = BatchCount)]
pub struct BatchCountBody {
    /// How many.
    pub lines: i64,
    /// What they are together, in fen.
    pub amount: i64,
}

impl<'a> BatchBody<'a> {
    pub(crate) fn of(engine: &Engine, batch: &'a Batch, counts: &[BatchCount]) -> Self {
        let summary = &batch.summary;
        let settings = engine.settings();
        let takes = summary.takes(&settings.limits, &settings.schedule);
        let count = |count: &BatchCount| {
            let body = BatchCountBody {
                lines: count.lines,
                amount: count.amount,
            };
            (count.outcome.as_str(), body)
        };
        let by = |mark: &Option<tuikuan_domain::batch::Mark>| {
            mark.as_ref().map(|mark| mark.by.to_string())
        };
        let at =
            |mark: &Option<tuikuan_domain::batch::Mark>| mark.as_ref().map(|mark| Time(mark.at));
        Self {
            id: batch.id.as_str(),
            merchant: batch.merchant.as_str(),
            name: batch.name.as_deref(),
            state: batch.state.as_str(),
            content_hash: batch.content_text(),
            lines: summary.lines,
            new_lines: summary.new_lines,
            new_amount: summary.new_amount,
            existing_lines: summary.existing_lines,
            faulty_lines: summary.faulty_lines,
            faulty_amount: summary.faulty_amount,
            warned_lines: summary.warned_lines,
            unknown_payments: summary.unknown_payments,
            takes_s: takes.as_secs(),
            counts: counts.iter().map(count).collect(),
            created_by: batch.created.by.to_string(),
            created_at: Time(batch.created.at),
            checked_at: batch.checked_at.map(Time),
            requested_by: by(&batch.requested),
            requested_at: at(&batch.requested),
            approval_until: batch.approval_until.map(Time),
            approved_by: by(&batch.approved),
            approved_at: at(&batch.approved),
            ended_at: batch.ended_at.map(Time),
            version: batch.version,
        }
    }
}

/// A line of a batch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchLine)]
pub struct BatchLineBody<'a> {
    /// Where it stands in the file; the first line is 1.
    pub line: u32,
    /// The merchant's order number.
    #[schema(required = true)]
    pub out_trade_no: Option<&'a str>,
    /// WeChat's order number.
    #[schema(required = true)]
    pub transaction_id: Option<&'a str>,
    /// What to refund, in fen.
    pub amount: i64,
    /// The refund's number.
    pub out_refund_no: &'a str,
    /// Whether that stands in the file; else it was computed from the order.
    pub number_given: bool,
    /// The reason shown to the buyer.
    #[schema(required = true)]
    pub reason: Option<&'a str>,
    /// Where it stands: `pending`, `refused`, `withdrawn`, or its refund's status.
    pub status: &'static str,
    /// Our id of its refund.
    #[schema(required = true)]
    pub refund: Option<&'a str>,
    /// WeChat's number of it.
    #[schema(required = true)]
    pub refund_id: Option<&'a str>,
    /// What the dry run warned of.
    pub warnings: Vec<&'static str>,
    /// The numbers behind fault and warnings.
    #[schema(required = true)]
    pub detail: Option<&'a str>,
    /// What went wrong, and what to do.
    #[schema(required = true)]
    pub error: Option<BatchErrorBody<'a>>,
}

/// What went wrong with a line.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchLineError)]
pub struct BatchErrorBody<'a> {
    /// The code: a fault of the dry run, a refusal, or WeChat's.
    pub code: &'a str,
    /// In words.
    pub message: &'a str,
    /// What to do.
    pub advice: &'a str,
}

impl<'a> BatchLineBody<'a> {
    pub(crate) fn of(stored: &'a BatchLine) -> Self {
        let line = &stored.line;
        let of_fault = stored.fault.map(|fault| BatchErrorBody {
            code: fault.as_str(),
            message: stored.detail.as_deref().unwrap_or_default(),
            advice: fault.advice(),
        });
        let of_line = stored.error.as_ref().map(|error| BatchErrorBody {
            code: &error.code,
            message: &error.message,
            advice: &error.advice,
        });
        Self {
            line: line.number,
            out_trade_no: line.order.out_trade_no.as_ref().map(AsRef::as_ref),
            transaction_id: line.order.transaction_id.as_ref().map(AsRef::as_ref),
            amount: line.amount.get(),
            out_refund_no: line.out_refund_no.as_str(),
            number_given: line.numbering == Numbering::Given,
            reason: line.reason.as_ref().map(|reason| reason.as_str()),
            status: stored.outcome.as_str(),
            refund: stored.refund.as_ref().map(|id| id.as_str()),
            refund_id: stored.wechat_id.as_deref(),
            warnings: stored.warnings.iter().map(|w| w.as_str()).collect(),
            detail: stored.detail.as_deref(),
            error: of_fault.or(of_line),
        }
    }
}
