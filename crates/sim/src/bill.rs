//! The daily bills, printed from the simulator's own books: payments and refunds of a day in
//! Beijing, the movements of the basic account, and what the control side planted to be found.
//! A bill shows refunds as they stood at nine on the next morning and is never brought up to date.

mod desk;
mod flow;
mod planted;
mod trade;

use std::io::Write as _;

pub(crate) use desk::BillDesk;
pub use desk::{BillDifference, DifferenceKind};
use flow::{flow_lines, print_flow};
use tuikuan_wechat::bill::{BillDay, BillKind, FundAccount, Packing, Sha1};

use crate::books::MerchantKey;
use crate::world::World;

/// Hours after the end of the day at which the bill is made.
const MADE_AFTER_MS: i64 = 9 * 3_600_000;
/// How far back bills go, in days.
const DAYS_MAX: i64 = 92;

/// Which bill a call asks for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) merchant: MerchantKey,
    /// Only this sub-merchant's rows.
    pub(crate) sub_mch_id: Option<String>,
    pub(crate) day: BillDay,
    pub(crate) kind: BillKind,
    /// Of the fund-flow bill.
    pub(crate) account: FundAccount,
}

/// What there is for a day.
#[derive(Debug)]
pub(crate) enum Made {
    /// Today, later, or too long ago.
    OutOfRange,
    /// Not made yet.
    NotReady,
    /// Nothing happened on that day.
    Nothing,
    /// The file.
    File(Printed),
}

/// A bill as it will be sent.
#[derive(Debug)]
pub(crate) struct Printed {
    content: Vec<u8>,
    /// What is named as its SHA-1.
    pub(crate) hash: Sha1,
    cut: bool,
}

impl Printed {
    /// The bytes on the wire.
    pub(crate) fn body(&self, packing: Packing) -> Vec<u8> {
        let mut body = match packing {
            Packing::Plain => self.content.clone(),
            Packing::Gzip => packed(&self.content),
        };
        if self.cut {
            body.truncate(body.len() / 2);
        }
        body
    }
}

/// Makes a bill.
pub(crate) fn make(world: &World, wanted: &Wanted) -> Made {
    let now_s = world.now_ms().div_euclid(1_000);
    let day = wanted.day;
    let oldest = now_s.saturating_sub(DAYS_MAX * 86_400);
    if day >= BillDay::of(now_s) || day < BillDay::of(oldest) {
        return Made::OutOfRange;
    }
    let planted = world.bills.of(world.merchant(wanted.merchant), day);
    let says = |kind: DifferenceKind| planted.iter().any(|difference| difference.kind == kind);
    if now_s < day.ready_at() || says(DifferenceKind::NotReady) {
        return Made::NotReady;
    }
    if says(DifferenceKind::NothingThatDay) {
        return Made::Nothing;
    }
    let printed = match wanted.kind {
        BillKind::FundFlow => {
            let lines = flow_lines(world, wanted);
            (!lines.is_empty()).then(|| print_flow(&lines))
        }
        _ => trade::print(world, wanted),
    };
    let Some(content) = printed else {
        return Made::Nothing;
    };
    let hash = match says(DifferenceKind::NoHashMatch) {
        true => Sha1::of(b"another file"),
        false => Sha1::of(&content),
    };
    let content = match says(DifferenceKind::Altered) {
        true => altered(content),
        false => content,
    };
    let cut = says(DifferenceKind::CutFile);
    Made::File(Printed { content, hash, cut })
}

/// The first amount behind the header says something else.
fn altered(mut content: Vec<u8>) -> Vec<u8> {
    let body = content.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let digit = content
        .iter()
        .skip(body)
        .position(|byte| *byte == b'.')
        .map(|at| body + at + 1);
    if let Some(byte) = digit.and_then(|at| content.get_mut(at)) {
        *byte = if *byte == b'9' { b'8' } else { b'9' };
    }
    content
}

fn packed(content: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    // Writing into memory cannot fail.
    packer
        .write_all(content)
        .and_then(|()| packer.finish())
        .unwrap_or_default()
}
