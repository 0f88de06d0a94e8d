//! The files of the bench: a store with refunds that WeChat has paid, the refund bill of their day,
//! and the same refunds as CSV for those who read no database. Everything follows from the place.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use tuikuan_domain::reconcile::{Class, starts_at};
use tuikuan_domain::refund::{
    Approval, Command, Content, Context, NewRefund, Situation, decide, observe,
};
use tuikuan_domain::retry::Schedule;
use tuikuan_domain::{
    Actor, Observation, OrderRef, Outcome, Payment, Refund, Report, Source, Transition, WechatState,
};
use tuikuan_store::{Change, Options, Store};
use tuikuan_terms::Fen;
use tuikuan_wechat::bill::{
    BillKind, BillRefundStatus, BillTradeState, BillWriter, Fee, Layout, RefundRow, Row, Sha1,
    Style, Trade,
};

use super::super::place::{self, MCH_ID, MERCHANT};
use super::{Plan, planted_at};

/// The day of the bill.
const DAY: &str = "2026-11-20";
/// The refunds of the day are spread over its first so many seconds.
const SPREAD_S: i64 = 80_000;
/// Every payment, in fen.
const TOTAL: i64 = 1_000_000;

/// Where the files are.
pub(super) struct Files {
    pub(super) store: PathBuf,
    pub(super) bill: PathBuf,
    pub(super) hash: PathBuf,
    pub(super) refunds: PathBuf,
}

impl Files {
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self {
            store: folder.join("bench.db"),
            bill: folder.join("bill.csv.gz"),
            hash: folder.join("bill.sha1"),
            refunds: folder.join("refunds.csv"),
        }
    }
}

pub(super) fn day() -> anyhow::Result<Date> {
    Ok(DAY.parse()?)
}

/// The place of a number.
pub(super) fn place_of(number: &str) -> Option<usize> {
    number.get(1..11)?.parse().ok()
}

/// Makes all of them.
pub(super) async fn make(files: &Files, plan: &Plan) -> anyhow::Result<()> {
    bill(files, plan)?;
    let store = Store::open(
        &format!("sqlite:{}", files.store.display()),
        &Options::default(),
    )
    .await?;
    let store = Arc::new(store);
    let bar = crate::output::progress(u64::try_from(plan.rows)?, "filling");
    place::all(plan.rows, |at| {
        let (store, bar) = (Arc::clone(&store), bar.clone());
        let one = One::new(at, plan);
        async move {
            if let Some(one) = one? {
                for change in one.life()? {
                    store.commit(change).await?;
                }
            }
            bar.inc(1);
            Ok(())
        }
    })
    .await?;
    bar.finish_and_clear();
    csv(files, plan)
}

/// What is at a place, the same on both sides but for what is planted.
struct One {
    number: String,
    amount: i64,
    at: Timestamp,
    planted: Option<Class>,
}

impl One {
    /// Our refund at a place, if there is one.
    fn new(place: usize, plan: &Plan) -> anyhow::Result<Option<Self>> {
        let one = Self::of(place, plan)?;
        Ok((one.planted != Some(Class::WechatOnly)).then_some(one))
    }

    fn of(place: usize, plan: &Plan) -> anyhow::Result<Self> {
        let mixed = u64::try_from(place)?.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let into = i64::try_from(place)? * SPREAD_S / i64::try_from(plan.rows)?;
        let planted = planted_at(place, plan);
        let at = Timestamp::from_second(starts_at(day()?) + into)?;
        Ok(Self {
            number: format!("R{place:010}{:08X}", mixed >> 32),
            amount: 1 + i64::try_from(mixed % 100_000)?,
            at: match planted {
                Some(Class::LateByADay) => at.checked_sub(SignedDuration::from_hours(24))?,
                _ => at,
            },
            planted,
        })
    }

    fn order(&self) -> String {
        format!("T{}", self.number)
    }

    fn refund_id(&self) -> String {
        format!("5030000000{}", self.number.get(1..11).unwrap_or_default())
    }

    /// Asked for, sent, paid: three commits.
    fn life(&self) -> anyhow::Result<[Change; 3]> {
        let schedule = Schedule::default();
        let context = Context {
            now: self.at,
            source: Source::Api,
            actor: &Actor::Cli,
            schedule: &schedule,
            total_max: Fen::MAX,
            approval: Approval::NotNeeded,
        };
        let payment = self.payment()?;
        let new = self.new_refund(&payment)?;
        let id = new.id.clone();
        let mut asked = decide(
            Situation {
                refund: None,
                payment: Some(&payment),
                replaced: None,
            },
            Command::Request(Box::new(new)),
            &context,
        )?;
        // The payment is registered in the same commit.
        if let Some(changed) = &mut asked.payment {
            changed.replaces = None;
        }
        let (refund, payment) = records(&asked)?;
        let situation = Situation {
            refund: Some(refund),
            payment: Some(payment),
            replaced: None,
        };
        let sent = decide(situation, Command::Submit, &context)?;
        let (refund, payment) = records(&sent)?;
        let reply = Observation::Reply {
            attempt: 1,
            outcome: Outcome::Accepted(self.report(refund)?),
        };
        let paid = observe(refund, Some(payment), reply, &context);
        let change = |transition| Change::of(transition, id.clone(), self.at);
        Ok([change(asked), change(sent), change(paid)])
    }

    fn payment(&self) -> anyhow::Result<Payment> {
        Ok(Payment {
            id: format!("pay_{:0>24}", self.number).parse()?,
            merchant: MERCHANT.parse()?,
            mch_id: MCH_ID.parse()?,
            sub_mch_id: None,
            out_trade_no: self.order().parse()?,
            transaction_id: None,
            total: Fen::new(TOTAL)?,
            paid_at: None,
            reserved: Fen::ZERO,
            spent: Fen::ZERO,
            external: Fen::ZERO,
            refunds: 0,
            in_flight: None,
            last_submit: None,
            created_at: self.at,
            version: 1,
        })
    }

    fn new_refund(&self, payment: &Payment) -> anyhow::Result<NewRefund> {
        Ok(NewRefund {
            id: format!("rf_{:0>24}", self.number).parse()?,
            merchant: payment.merchant.clone(),
            mch_id: payment.mch_id.clone(),
            sub_mch_id: None,
            out_refund_no: self.number.parse()?,
            content: Content {
                order: OrderRef {
                    out_trade_no: Some(payment.out_trade_no.clone()),
                    transaction_id: None,
                },
                amount: Fen::new(self.amount)?,
                reason: None,
                funds_account: None,
                goods_detail: None,
                not_before: None,
                expected_refundable: None,
                replaces: None,
                metadata: None,
            },
            requested_by: Actor::Cli,
        })
    }

    fn report(&self, refund: &Refund) -> anyhow::Result<Report> {
        Ok(Report {
            mch_id: refund.mch_id.clone(),
            sub_mch_id: None,
            out_refund_no: refund.out_refund_no.clone(),
            refund_id: Some(self.refund_id().parse()?),
            out_trade_no: refund.content.order.out_trade_no.clone(),
            transaction_id: None,
            amount: refund.content.amount,
            total: refund.total,
            state: WechatState::Success,
            user_received_account: None,
            success_time: None,
        })
    }
}

/// Both records after a step that changed the refund; the payment may be as it was.
fn records(transition: &Transition) -> anyhow::Result<(&Refund, &Payment)> {
    let refund = transition.refund.as_ref().map(|changed| &changed.record);
    let payment = transition.payment.as_ref().map(|changed| &changed.record);
    Ok((
        refund.context("the door changed no refund")?,
        payment.context("the door changed no payment")?,
    ))
}

/// The bill, and its hash as v3 would name it.
fn bill(files: &Files, plan: &Plan) -> anyhow::Result<()> {
    let file = BufWriter::new(File::create(&files.bill)?);
    let packer = flate2::write::GzEncoder::new(file, flate2::Compression::default());
    let layout = Layout::current(BillKind::Refund);
    let mut writer = BillWriter::new(packer, &layout, Style::OBSERVED)?;
    for place in 0..plan.rows {
        let one = One::of(place, plan)?;
        if one.planted != Some(Class::OursOnly) {
            row(&mut writer, &one)?;
        }
    }
    writer.finish()?.0.finish()?.flush()?;
    let file = BufReader::new(File::open(&files.bill)?);
    let hash = Sha1::read(flate2::bufread::GzDecoder::new(file))?;
    std::fs::write(&files.hash, hash.to_string())?;
    Ok(())
}

fn row<W: std::io::Write>(writer: &mut BillWriter<W>, one: &One) -> anyhow::Result<()> {
    let amount = match one.planted {
        Some(Class::AmountDiffers) => Fen::new(one.amount + 1)?,
        _ => Fen::new(one.amount)?,
    };
    // A late one was sent by us on the day before, and stands in this bill.
    let at = match one.planted {
        Some(Class::LateByADay) => one.at.as_second() + 86_400,
        _ => one.at.as_second(),
    };
    let (order, refund_id) = (one.order(), one.refund_id());
    let transaction_id = format!("4200002204202611{:0>12}", one.amount);
    let payer = format!("oUpF8uMuAJO_{:0>16}", one.amount);
    let fee = (amount.get() * 60 + 5_000) / 10_000;
    let trade = Trade {
        at,
        app_id: "wx8888888888888888",
        mch_id: MCH_ID,
        sub_mch_id: None,
        device_info: "",
        transaction_id: &transaction_id,
        out_trade_no: &order,
        open_id: &payer,
        trade_type: "JSAPI",
        state: BillTradeState::Refund,
        bank: "OTHERS",
        currency: "CNY",
        settlement: Some(Fen::ZERO),
        coupon: Fen::ZERO,
        refund: amount,
        coupon_refund: Fen::ZERO,
        goods: "测试商品",
        attach: "",
        fee: Fee::from_fen(-fee).context("a fee too large")?,
        rate: "0.60%",
        total: Some(Fen::ZERO),
        requested: Some(amount),
        rate_note: "",
    };
    writer.write(&Row::Refund(RefundRow {
        trade,
        requested_at: Some(at),
        succeeded_at: Some(at + 4),
        refund_id: &refund_id,
        out_refund_no: &one.number,
        refund_type: "ORIGINAL",
        status: match one.planted {
            Some(Class::StatusDiffers) => BillRefundStatus::Fail,
            _ => BillRefundStatus::Success,
        },
    }))?;
    Ok(())
}

/// Our side as CSV.
fn csv(files: &Files, plan: &Plan) -> anyhow::Result<()> {
    let mut out = BufWriter::new(File::create(&files.refunds)?);
    writeln!(out, "out_refund_no,amount,status")?;
    for place in 0..plan.rows {
        if let Some(one) = One::new(place, plan)? {
            writeln!(out, "{},{},succeeded", one.number, one.amount)?;
        }
    }
    out.flush()?;
    Ok(())
}
