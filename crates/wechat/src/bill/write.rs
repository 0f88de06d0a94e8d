//! Printing a bill exactly as WeChat does: for the simulator and for tests. What was read prints
//! as the same bytes; the summary is counted, so it always agrees with the rows.

use std::io::{self, Write};

use tuikuan_terms::Fen;

use super::BillKind;
use super::amount::Yuan;
use super::column::Column;
use super::error::BillError;
use super::layout::Layout;
use super::read::{LineEnd, Mark, Style};
use super::row::{BillTradeState, FundFlowRow, RefundRow, Row, Trade};
use super::summary::Summary;
use crate::time::to_beijing;

/// Prints one bill.
#[derive(Debug)]
pub struct BillWriter<W> {
    out: W,
    layout: Layout,
    end: &'static str,
    line: String,
    summary: Summary,
}

impl<W: Write> BillWriter<W> {
    /// Prints the header.
    ///
    /// # Errors
    /// [`BillError::Read`] when the output fails.
    pub fn new(mut out: W, layout: &Layout, style: Style) -> Result<Self, BillError> {
        if style.mark == Mark::Present {
            out.write_all("\u{feff}".as_bytes()).map_err(failed)?;
        }
        let mut writer = Self {
            out,
            layout: layout.clone(),
            end: match style.line_end {
                LineEnd::CrLf => "\r\n",
                LineEnd::Lf => "\n",
            },
            line: String::with_capacity(1024),
            summary: Summary::default(),
        };
        writer.names(layout.columns.iter().map(|(_, name)| *name))?;
        Ok(writer)
    }

    /// Prints a row. In texts a comma becomes `\ ` and a line's end `\n` or `\r` written out, as
    /// WeChat does.
    ///
    /// # Errors
    /// [`BillError::OtherKind`] for a row that this bill cannot hold, [`BillError::Read`] when the
    /// output fails.
    pub fn write(&mut self, row: &Row<'_>) -> Result<(), BillError> {
        let fits = match (self.layout.kind, row) {
            (BillKind::FundFlow, Row::FundFlow(_)) => true,
            (BillKind::FundFlow, _) | (_, Row::FundFlow(_)) => false,
            (BillKind::All, _) => true,
            (BillKind::Success, Row::Payment(payment)) => {
                payment.trade.state != BillTradeState::Refund
            }
            (BillKind::Refund, Row::Refund(refund)) => {
                refund.trade.state != BillTradeState::Success
            }
            _ => false,
        };
        if !fits {
            return Err(BillError::OtherKind);
        }
        self.line.clear();
        for (position, (column, _)) in self.layout.columns.iter().enumerate() {
            self.line.push_str(if position == 0 { "`" } else { ",`" });
            match row {
                Row::FundFlow(flow) => flow_cell(&mut self.line, flow, *column),
                Row::Payment(payment) => trade_cell(&mut self.line, &payment.trade, None, *column),
                Row::Refund(refund) => {
                    trade_cell(&mut self.line, &refund.trade, Some(refund), *column);
                }
            }
        }
        self.line.push_str(self.end);
        self.out.write_all(self.line.as_bytes()).map_err(failed)?;
        self.summary.add(row, 0)
    }

    /// Prints the summary and gives the output back.
    ///
    /// # Errors
    /// [`BillError::Read`] when the output fails.
    pub fn finish(mut self) -> Result<(W, Summary), BillError> {
        let sums = std::mem::take(&mut self.layout.sums);
        self.names(sums.iter().map(|(_, name)| *name))?;
        self.line.clear();
        for (position, (sum, _)) in sums.iter().enumerate() {
            self.line.push_str(if position == 0 { "`" } else { ",`" });
            self.line.push_str(&self.summary.print(*sum));
        }
        self.line.push_str(self.end);
        self.out.write_all(self.line.as_bytes()).map_err(failed)?;
        self.out.flush().map_err(failed)?;
        Ok((self.out, self.summary))
    }

    fn names(&mut self, names: impl Iterator<Item = &'static str>) -> Result<(), BillError> {
        self.line.clear();
        for (position, name) in names.enumerate() {
            if position > 0 {
                self.line.push(',');
            }
            self.line.push_str(name);
        }
        self.line.push_str(self.end);
        self.out.write_all(self.line.as_bytes()).map_err(failed)
    }
}

fn failed(source: io::Error) -> BillError {
    BillError::Read { source }
}

fn put_text(line: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            ',' => line.push_str("\\ "),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            other => line.push(other),
        }
    }
}

fn put_fen(line: &mut String, amount: Option<Fen>) {
    line.push_str(&Yuan(amount.map_or(0, Fen::get)).to_string());
}

fn put_time(line: &mut String, time: Option<i64>) {
    if let Some(time) = time {
        line.push_str(&to_beijing(time));
    }
}

fn trade_cell(
    line: &mut String,
    trade: &Trade<'_>,
    refund: Option<&RefundRow<'_>>,
    column: Column,
) {
    match column {
        Column::TradeTime => put_time(line, Some(trade.at)),
        Column::AppId => put_text(line, trade.app_id),
        Column::MchId => put_text(line, trade.mch_id),
        Column::SubMchId => put_text(line, trade.sub_mch_id.unwrap_or("0")),
        Column::DeviceInfo => put_text(line, trade.device_info),
        Column::TransactionId => put_text(line, trade.transaction_id),
        Column::OutTradeNo => put_text(line, trade.out_trade_no),
        Column::OpenId => put_text(line, trade.open_id),
        Column::TradeType => put_text(line, trade.trade_type),
        Column::TradeState => line.push_str(trade.state.as_str()),
        Column::Bank => put_text(line, trade.bank),
        Column::Currency => put_text(line, trade.currency),
        Column::Settlement => put_fen(line, trade.settlement),
        Column::Coupon => put_fen(line, Some(trade.coupon)),
        Column::Refund => put_fen(line, Some(trade.refund)),
        Column::CouponRefund => put_fen(line, Some(trade.coupon_refund)),
        Column::Goods => put_text(line, trade.goods),
        Column::Attach => put_text(line, trade.attach),
        Column::Fee => line.push_str(&trade.fee.to_string()),
        Column::Rate => put_text(line, trade.rate),
        Column::Total => put_fen(line, trade.total),
        Column::Requested => put_fen(line, trade.requested),
        Column::RateNote => put_text(line, trade.rate_note),
        // A payment's line says 0 where a refund's number stands, and leaves the rest empty.
        Column::RefundId => put_text(line, refund.map_or("0", |refund| refund.refund_id)),
        Column::OutRefundNo => put_text(line, refund.map_or("0", |refund| refund.out_refund_no)),
        Column::RequestedAt => put_time(line, refund.and_then(|refund| refund.requested_at)),
        Column::SucceededAt => put_time(line, refund.and_then(|refund| refund.succeeded_at)),
        Column::RefundType => put_text(line, refund.map_or("", |refund| refund.refund_type)),
        Column::RefundStatus => put_text(line, refund.map_or("", |refund| refund.status.as_str())),
        _ => {}
    }
}

fn flow_cell(line: &mut String, flow: &FundFlowRow<'_>, column: Column) {
    match column {
        Column::BookedAt => put_time(line, Some(flow.at)),
        Column::BusinessNo => put_text(line, flow.business_no),
        Column::FlowNo => put_text(line, flow.flow_no),
        Column::BusinessName => put_text(line, flow.business_name),
        Column::BusinessType => put_text(line, flow.business_type),
        Column::Direction => line.push_str(flow.direction.as_str()),
        Column::Amount => put_fen(line, Some(flow.amount)),
        Column::Balance => line.push_str(&Yuan(flow.balance_fen).to_string()),
        Column::Applicant => put_text(line, flow.applicant),
        Column::Note => put_text(line, flow.note),
        Column::VoucherNo => put_text(line, flow.voucher_no),
        _ => {}
    }
}
