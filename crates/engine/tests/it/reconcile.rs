//! The comparison of a whole bill with a whole day, against the plain rule of the domain: whatever
//! is planted is found, and nothing else (INV-38).

use crate::at_once::at_once;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use tuikuan_domain::reconcile::{Class, Healing, starts_at};
use tuikuan_domain::refund::{
    Approval, Changed, Command, Content, Context, NewRefund, Situation, decide, observe,
};
use tuikuan_domain::retry::Schedule;
use tuikuan_domain::{Actor, Observation, OrderRef, Outcome, Payment, Report, Source, WechatState};
use tuikuan_engine::MachineIds;
use tuikuan_engine::reconcile::{Books, CompareError, compare, compare_with_nothing};
use tuikuan_store::{Change, NewDifference, Options, Store};
use tuikuan_terms::Fen;
use tuikuan_wechat::bill::{
    BillFile, BillKind, BillRefundStatus, BillTradeState, BillWriter, Fee, Layout, RefundRow, Row,
    Style, Trade,
};

use crate::simulation::dice::Dice;

fn day() -> Date {
    "2026-11-20".parse().unwrap()
}

fn fen(amount: i64) -> Fen {
    Fen::new(amount).unwrap()
}

fn second(into: i64) -> Timestamp {
    Timestamp::from_second(starts_at(day()) + into).unwrap()
}

struct Place {
    store: Arc<Store>,
    schedule: Schedule,
}

/// The payment of a refund, large enough for all of it.
fn paid(number: &str, now: Timestamp) -> Payment {
    Payment {
        id: format!("pay_{number:0>20}").parse().unwrap(),
        merchant: "main".parse().unwrap(),
        mch_id: "1900000109".parse().unwrap(),
        sub_mch_id: None,
        out_trade_no: format!("T{number:0>8}").parse().unwrap(),
        transaction_id: None,
        total: fen(1_000_000),
        paid_at: None,
        reserved: Fen::ZERO,
        spent: Fen::ZERO,
        external: Fen::ZERO,
        refunds: 0,
        in_flight: None,
        last_submit: None,
        created_at: now,
        version: 1,
    }
}

impl Place {
    fn new() -> Self {
        Self {
            store: Arc::new(at_once(Store::open("sqlite::memory:", &Options::inline())).unwrap()),
            schedule: Schedule::default(),
        }
    }

    fn books(&self) -> Books {
        Books {
            store: Arc::clone(&self.store),
            merchant: "main".parse().unwrap(),
            mch_id: "1900000109".parse().unwrap(),
            sub_mch_id: None,
            day: day(),
            scratch: std::env::temp_dir(),
            ids: Arc::new(MachineIds),
        }
    }

    fn context(&self, now: Timestamp) -> Context<'_> {
        Context {
            now,
            source: Source::Api,
            actor: &Actor::Cli,
            schedule: &self.schedule,
            total_max: Fen::MAX,
            approval: Approval::NotNeeded,
        }
    }

    /// A refund of ours that WeChat has taken, and where it stands.
    fn sent(&self, number: &str, amount: i64, state: WechatState, now: Timestamp) {
        let payment = paid(number, now);
        let mut change = Change::empty(now);
        change.payment = Some(Changed {
            record: payment.clone(),
            replaces: None,
        });
        at_once(self.store.commit(change)).unwrap();
        let new = NewRefund {
            id: format!("rf_{number:0>20}").parse().unwrap(),
            merchant: payment.merchant.clone(),
            mch_id: payment.mch_id.clone(),
            sub_mch_id: None,
            out_refund_no: number.parse().unwrap(),
            content: Content {
                order: OrderRef {
                    out_trade_no: Some(payment.out_trade_no.clone()),
                    transaction_id: None,
                },
                amount: fen(amount),
                reason: None,
                funds_account: None,
                goods_detail: None,
                not_before: None,
                expected_refundable: None,
                replaces: None,
                metadata: None,
            },
            requested_by: Actor::Cli,
        };
        let id = new.id.clone();
        for command in [Command::Request(Box::new(new)), Command::Submit] {
            let held = at_once(self.store.refund_and_payment(&id)).unwrap();
            let situation = Situation {
                refund: held.refund.as_ref(),
                payment: held.payment.as_ref().or(Some(&payment)),
                replaced: None,
            };
            let transition = decide(situation, command, &self.context(now)).unwrap();
            let change = Change::of(transition, id.clone(), now);
            at_once(self.store.commit(change)).unwrap();
        }
        let held = at_once(self.store.refund_and_payment(&id)).unwrap();
        let refund = held.refund.unwrap();
        let report = Report {
            mch_id: refund.mch_id.clone(),
            sub_mch_id: None,
            out_refund_no: refund.out_refund_no.clone(),
            refund_id: Some(format!("5000{number:0>20}").parse().unwrap()),
            out_trade_no: refund.content.order.out_trade_no.clone(),
            transaction_id: None,
            amount: refund.content.amount,
            total: refund.total,
            state,
            user_received_account: None,
            success_time: None,
        };
        let reply = Observation::Reply {
            attempt: 1,
            outcome: Outcome::Accepted(report),
        };
        let transition = observe(&refund, held.payment.as_ref(), reply, &self.context(now));
        let change = Change::of(transition, id, now);
        at_once(self.store.commit(change)).unwrap();
    }

    async fn found(&self, file: Vec<u8>) -> (BTreeMap<String, NewDifference>, u64) {
        let kind = BillFile::given(BillKind::Refund);
        let bill = kind.open(Cursor::new(file)).unwrap();
        let mut comparison = compare(bill, self.books()).await.unwrap();
        let mut all = BTreeMap::new();
        loop {
            let batch = comparison.next().await.unwrap();
            if batch.is_empty() {
                return (all, comparison.sums().matched);
            }
            for found in batch {
                let key = format!("{}/{}", found.out_refund_no, found.repetition);
                assert!(
                    all.insert(key, found).is_none(),
                    "one number, one difference"
                );
            }
        }
    }
}

/// A line: number, amount, state, seconds into the day.
#[derive(Debug, Clone)]
struct Printed(String, i64, BillRefundStatus<'static>, i64);

fn print(lines: &[Printed], mch_id: &str) -> Vec<u8> {
    let layout = Layout::current(BillKind::Refund);
    let mut writer = BillWriter::new(Vec::new(), &layout, Style::OBSERVED).unwrap();
    for Printed(number, amount, status, into) in lines {
        let at = starts_at(day()) + into;
        let trade = Trade {
            at,
            app_id: "wx8888888888888888",
            mch_id,
            sub_mch_id: None,
            device_info: "",
            transaction_id: "4200000215201811190261405420",
            out_trade_no: "T00000001",
            open_id: "o",
            trade_type: "JSAPI",
            state: BillTradeState::Refund,
            bank: "CMB_CREDIT",
            currency: "CNY",
            settlement: Some(Fen::ZERO),
            coupon: Fen::ZERO,
            refund: fen(*amount),
            coupon_refund: Fen::ZERO,
            goods: "茶",
            attach: "",
            fee: Fee::from_fen(-1).unwrap(),
            rate: "0.60%",
            total: Some(Fen::ZERO),
            requested: Some(fen(*amount)),
            rate_note: "",
        };
        let row = Row::Refund(RefundRow {
            trade,
            requested_at: Some(at),
            succeeded_at: None,
            refund_id: "50000408942018111907145868882",
            out_refund_no: number,
            refund_type: "ORIGINAL",
            status: *status,
        });
        writer.write(&row).unwrap();
    }
    writer.finish().unwrap().0
}

const SUCCESS: BillRefundStatus<'static> = BillRefundStatus::Success;

#[tokio::test]
async fn every_planted_difference_is_found_and_none_is_invented() {
    for seed in 0..6 {
        let mut dice = Dice::new(seed);
        let place = Place::new();
        let (mut lines, mut planted, mut matched) = (Vec::new(), BTreeMap::new(), 0);
        for n in 0..200_u64 {
            let number = format!("R{n}");
            let amount = i64::try_from(n).unwrap() + 1;
            let at = i64::try_from(dice.below(80_000)).unwrap();
            let line = |amount, status| Printed(number.clone(), amount, status, at);
            let ours = |state, at| place.sent(&number, amount, state, second(at));
            let class = match dice.below(10) {
                0 => {
                    ours(WechatState::Success, at);
                    Some(Class::OursOnly)
                }
                1 => {
                    lines.push(line(amount, SUCCESS));
                    Some(Class::WechatOnly)
                }
                2 => {
                    ours(WechatState::Success, at);
                    lines.push(line(amount + 1, SUCCESS));
                    Some(Class::AmountDiffers)
                }
                3 => {
                    ours(WechatState::Processing, at);
                    lines.push(line(amount, SUCCESS));
                    Some(Class::StatusDiffers)
                }
                4 => {
                    ours(WechatState::Success, at - 86_400);
                    lines.push(line(amount, SUCCESS));
                    Some(Class::LateByADay)
                }
                5 => {
                    ours(WechatState::Success, 86_300);
                    Some(Class::LateByADay)
                }
                _ => {
                    ours(WechatState::Success, at);
                    lines.push(line(amount, BillRefundStatus::Processing));
                    matched += 1;
                    None
                }
            };
            if let Some(class) = class {
                planted.insert(format!("{number}/0"), class);
            }
        }
        let (found, agreed) = place.found(print(&lines, "1900000109")).await;
        let classes: BTreeMap<_, _> = found.iter().map(|(k, d)| (k.clone(), d.class)).collect();
        assert_eq!(classes, planted, "seed {seed}");
        assert_eq!(agreed, matched, "seed {seed}");
        // The order of the lines does not matter.
        lines.reverse();
        let (again, _) = place.found(print(&lines, "1900000109")).await;
        let again: BTreeMap<_, _> = again.iter().map(|(k, d)| (k.clone(), d.class)).collect();
        assert_eq!(again, planted, "seed {seed}");
    }
}

#[tokio::test]
async fn a_number_that_stands_twice_is_matched_once() {
    let place = Place::new();
    place.sent("R1", 100, WechatState::Success, second(10));
    let line = Printed("R1".to_owned(), 100, SUCCESS, 10);
    let lines = [line.clone(), line.clone(), line];
    let (found, matched) = place.found(print(&lines, "1900000109")).await;
    assert_eq!(matched, 1);
    let keys: Vec<_> = found.keys().map(String::as_str).collect();
    assert_eq!(keys, ["R1/1", "R1/2"]);
}

#[tokio::test]
async fn what_another_bill_shows_is_settled_at_once() {
    let place = Place::new();
    place.sent("R1", 100, WechatState::Success, second(-1));
    let line = Printed("R1".to_owned(), 100, SUCCESS, 3);
    let (found, _) = place.found(print(&[line], "1900000109")).await;
    assert_eq!(found["R1/0"].healing, Some(Healing::OtherBill));
}

#[tokio::test]
async fn a_number_no_interface_takes_is_shown_as_it_is() {
    let place = Place::new();
    let hostile = "=cmd|' /C calc'!A0 <script>";
    let line = Printed(hostile.to_owned(), 100, SUCCESS, 3);
    let (found, _) = place.found(print(&[line], "1900000109")).await;
    let found = &found[&format!("{hostile}/0")];
    assert_eq!(found.class, Class::WechatOnly);
    assert_eq!(found.facts.refund_id, None);
}

#[tokio::test]
async fn on_an_empty_day_all_of_ours_are_missing() {
    let place = Place::new();
    place.sent("R1", 100, WechatState::Success, second(10));
    place.sent("R2", 100, WechatState::Processing, second(20));
    let mut comparison = compare_with_nothing(place.books()).await.unwrap();
    assert_eq!(comparison.next().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_cut_a_foreign_or_another_days_file_counts_for_nothing() {
    let place = Place::new();
    let line = Printed("R1".to_owned(), 100, SUCCESS, 3);
    let kind = BillFile::given(BillKind::Refund);
    let open = |file: Vec<u8>| kind.open(Cursor::new(file)).unwrap();
    let whole = print(std::slice::from_ref(&line), "1900000109");
    let cut = whole[..whole.len() - 60].to_vec();
    let error = compare(open(cut), place.books()).await.unwrap_err();
    assert!(matches!(error, CompareError::Bill(_)), "{error}");
    let foreign = print(std::slice::from_ref(&line), "1900000110");
    let error = compare(open(foreign), place.books()).await.unwrap_err();
    assert!(
        matches!(error, CompareError::OtherMerchant { .. }),
        "{error}"
    );
    let mut books = place.books();
    books.day = day().tomorrow().unwrap();
    let error = compare(open(whole), books).await.unwrap_err();
    assert!(matches!(error, CompareError::OtherDay { .. }), "{error}");
}

#[tokio::test]
async fn a_large_bill_goes_through_temporary_files_and_loses_nothing() {
    let place = Place::new();
    for n in 0..50_u32 {
        let at = second(SignedDuration::from_secs(i64::from(n)).as_secs());
        place.sent(&format!("R{n}"), 100, WechatState::Success, at);
    }
    let line = |n: u32| Printed(format!("R{n}"), 100, SUCCESS, 60);
    let lines: Vec<Printed> = (0..60_000).map(line).collect();
    let (found, matched) = place.found(print(&lines, "1900000109")).await;
    assert_eq!(matched, 50);
    assert_eq!(found.len(), 59_950);
}
