//! The fund-flow bill: what left the basic account and came back. A refund costs its amount
//! without coupons that were not prepaid, less the fee that is given back.

use tuikuan_terms::Fen;
use tuikuan_wechat::bill::{
    BillError, BillKind, BillWriter, Direction, FundAccount, FundFlowRow, Layout, Row, Style,
};

use super::Wanted;
use crate::books::{Movement, Refund, fee_of};
use crate::world::World;

/// One movement's row.
pub(super) struct FlowLine<'a> {
    movement: &'a Movement,
    refund: &'a Refund,
    applicant: String,
    nth: usize,
}

/// The movements of a day, as the account's bill shows them; only the basic one has any.
pub(super) fn flow_lines<'a>(world: &'a World, wanted: &Wanted) -> Vec<FlowLine<'a>> {
    if wanted.account != FundAccount::Basic {
        return Vec::new();
    }
    let applicant = format!("{}API", world.merchant(wanted.merchant).mch_id);
    let all = world.books.movements().iter().enumerate();
    all.filter(|(_, movement)| movement.merchant == wanted.merchant)
        .filter(|(_, movement)| wanted.day.contains(movement.at_ms.div_euclid(1_000)))
        .map(|(nth, movement)| FlowLine {
            movement,
            refund: &world.books[movement.refund],
            applicant: applicant.clone(),
            nth,
        })
        .collect()
}

pub(super) fn print_flow(lines: &[FlowLine<'_>]) -> Vec<u8> {
    // Writing into memory cannot fail.
    write(lines).unwrap_or_default()
}

fn write(lines: &[FlowLine<'_>]) -> Result<Vec<u8>, BillError> {
    let layout = Layout::current(BillKind::FundFlow);
    let mut writer = BillWriter::new(Vec::new(), &layout, Style::OBSERVED)?;
    for line in lines {
        let refund = line.refund;
        let yuan = |fen: i64| format!("{}.{:02}", fen / 100, fen % 100);
        let settled = refund.settlement();
        let note = format!(
            "退款总金额{}元;含手续费{}元",
            yuan(settled),
            yuan(fee_of(settled))
        );
        let out = line.movement.amount < 0;
        let kind = if out { "退款" } else { "退款关闭" };
        let flow_no = format!("4200009000{:018}", line.nth);
        writer.write(&Row::FundFlow(FundFlowRow {
            at: line.movement.at_ms.div_euclid(1_000),
            business_no: &refund.refund_id,
            flow_no: &flow_no,
            business_name: "退款",
            business_type: kind,
            direction: if out {
                Direction::Expense
            } else {
                Direction::Income
            },
            amount: Fen::new(line.movement.amount.abs()).unwrap_or(Fen::ZERO),
            balance_fen: line.movement.balance,
            applicant: &line.applicant,
            note: &note,
            voucher_no: &refund.out_refund_no,
        }))?;
    }
    Ok(writer.finish()?.0)
}
