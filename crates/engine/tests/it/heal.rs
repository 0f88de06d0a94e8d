//! A refund made in the merchant platform that its payment cannot hold beside a refund of ours: it
//! counts as soon as there is room, and nothing is written for who lost the job.

use crate::at_once::at_once;
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::civil::Date;
use tuikuan_domain::reconcile::{
    BillKind, Class, DayState, DifferenceState, LineState, Repair, day_of,
};
use tuikuan_domain::refund::Command;
use tuikuan_domain::{OrderRef, Payment, RefundId};
use tuikuan_engine::{
    By, CallError, Clock as _, Engine, LedgerError, Merchant, Network, PaymentRegistration,
    RefundRequest, Sending, WebhookCall, WebhookError,
};
use tuikuan_store::{
    Bill, BillAct, BillChange, Claim, Difference, DifferenceFilter, Facts, Guard, Lane, Merchants,
    NewDifference, Store, Sums,
};
use tuikuan_terms::{Fen, MchId};
use tuikuan_wechat::http::{Request, Response};
use tuikuan_wechat::v2::{ApiV2Key, Fields, SignType, sign};

use crate::batch::{Place, all};

const ORDER: &str = "ORDER-1";
const NUMBER: &str = "PORTAL-1";

fn mch_id() -> MchId {
    "1900000109".parse().unwrap()
}

fn lane() -> Lane {
    Lane::Difference(mch_id())
}

/// WeChat as it answers a query about the refund of 50; with a thief, somebody else takes the job
/// while the answer is on its way.
struct Answers {
    thief: Option<(Arc<Store>, Claim)>,
}

impl Network for Answers {
    fn call<'a>(
        &'a self,
        _merchant: &'a Merchant,
        request: Request,
    ) -> Sending<'a, Result<Response, CallError>> {
        assert_eq!(request.path, "/pay/refundquery");
        Box::pin(async {
            if let Some((store, claim)) = &self.thief {
                assert_eq!(store.claim(claim.clone()).await.unwrap().len(), 1);
            }
            Ok(found())
        })
    }

    fn deliver<'a>(&'a self, _call: WebhookCall) -> Sending<'a, Result<u16, WebhookError>> {
        Box::pin(async { Ok(204) })
    }
}

fn found() -> Response {
    let mut fields = Fields::new();
    for (name, value) in [
        ("return_code", "SUCCESS"),
        ("return_msg", "OK"),
        ("result_code", "SUCCESS"),
        ("appid", "wx8888888888888888"),
        ("mch_id", "1900000109"),
        ("nonce_str", "TeqClE3i0mvn3DrK"),
        ("transaction_id", "4200000215201811190261405420"),
        ("out_trade_no", ORDER),
        ("total_fee", "100"),
        ("cash_fee", "100"),
        ("refund_count", "1"),
        ("total_refund_count", "1"),
        ("out_refund_no_0", NUMBER),
        ("refund_id_0", "50000408942018111907145868882"),
        ("refund_channel_0", "ORIGINAL"),
        ("refund_fee_0", "50"),
        ("refund_status_0", "SUCCESS"),
        ("refund_recv_accout_0", "支付用户零钱"),
        ("refund_account_0", "REFUND_SOURCE_UNSETTLED_FUNDS"),
        ("refund_success_time_0", "2018-11-19 16:24:13"),
    ] {
        fields.set(name, value);
    }
    let key = ApiV2Key::from("TESTONLYapiv2key0123456789ABCDEF");
    let signature = sign(&fields, &key, SignType::HmacSha256);
    fields.set("sign", signature);
    Response {
        status: 200,
        headers: Vec::new(),
        body: fields.to_xml().into_bytes(),
    }
}

fn write(place: &Place, guard: Option<&Guard>, act: BillAct) {
    let change = BillChange {
        guard: guard.cloned(),
        act,
        audit: None,
        at: place.clock.now(),
    };
    all(place.store.change_bills(change)).unwrap();
}

fn claim(place: &Place, lane: Lane) -> Claim {
    Claim {
        lane,
        limit: 1,
        now: place.clock.now(),
        lease: SignedDuration::from_mins(5),
    }
}

/// The bill of a day is processed and shows these.
fn bill(place: &Place, day: Date, differences: Vec<NewDifference>) {
    let bill = Bill {
        merchant: "main".parse().unwrap(),
        day,
        kind: BillKind::Refunds,
    };
    let again = BillAct::Again {
        bill: bill.clone(),
        mch_id: mch_id(),
    };
    write(place, None, again);
    let claimed = all(place.store.claim(claim(place, Lane::Bill(mch_id())))).unwrap();
    let guard = Some(&claimed[0].guard);
    let found = BillAct::Found {
        bill: bill.clone(),
        mch_id: mch_id(),
        differences,
    };
    write(place, guard, found);
    let finish = BillAct::Finish {
        bill,
        mch_id: mch_id(),
        state: DayState::Fetched,
        hash: None,
        sums: Sums::default(),
    };
    write(place, guard, finish);
}

fn portal() -> NewDifference {
    NewDifference {
        id: format!("rd_{:020}", 1).parse().unwrap(),
        out_refund_no: NUMBER.to_owned(),
        repetition: 0,
        class: Class::WechatOnly,
        healing: None,
        repair: Class::WechatOnly.first_repair(),
        facts: Facts {
            bill_amount: Some(Fen::new(50).unwrap()),
            bill_state: Some(LineState::Success),
            ..Facts::default()
        },
    }
}

/// Asks about what is due; gives how many questions that were.
fn ask(engine: &Engine) -> usize {
    let works = all(engine.claim(&lane(), 9)).unwrap();
    let count = works.len();
    for work in works {
        all(engine.run(work)).unwrap();
    }
    count
}

fn payment(place: &Place) -> Payment {
    let number = ORDER.parse().unwrap();
    let found = at_once(place.store.payment_by_trade_no(&mch_id(), None, &number));
    found.unwrap().unwrap()
}

fn difference(place: &Place, day: Date) -> Difference {
    let filter = DifferenceFilter::of(Merchants::All, "main".parse().unwrap(), day);
    let page = all(place.store.differences(filter)).unwrap();
    page.items.into_iter().next().unwrap()
}

/// A payment of 100.
fn registered(engine: &Engine) {
    let new = PaymentRegistration {
        merchant: "main".parse().unwrap(),
        out_trade_no: ORDER.parse().unwrap(),
        transaction_id: None,
        total: Fen::new(100).unwrap(),
        paid_at: None,
    };
    all(engine.register_payment(new)).unwrap();
}

/// 60 of ours in the queue.
fn queued(engine: &Engine) -> RefundId {
    let ours = RefundRequest {
        merchant: "main".parse().unwrap(),
        order: OrderRef {
            out_trade_no: Some(ORDER.parse().unwrap()),
            transaction_id: None,
        },
        amount: Fen::new(60).unwrap(),
        out_refund_no: Some("OURS-1".parse().unwrap()),
        idempotency_key: None,
        reason: None,
        funds_account: None,
        goods_detail: None,
        not_before: None,
        expected_refundable: None,
        replaces: None,
        metadata: None,
    };
    all(engine.request(ours, &By::cli())).unwrap().refund.id
}

#[test]
fn what_did_not_fit_counts_with_the_next_bill_after_there_is_room() {
    let place = Place::new();
    let engine = place.process_on("main", Arc::new(Answers { thief: None }));
    registered(&engine);
    let ours = queued(&engine);
    let day = day_of(place.clock.now());
    bill(&place, day, vec![portal()]);
    assert_eq!(ask(&engine), 1);
    assert_eq!(difference(&place, day).repair, Repair::ReviewPayment);
    all(engine.command(&ours, Command::Cancel, &By::cli())).unwrap();
    assert_eq!(payment(&place).refundable(), Fen::new(100).unwrap());
    assert_eq!(ask(&engine), 0);
    bill(&place, day.tomorrow().unwrap(), Vec::new());
    assert_eq!(ask(&engine), 1);
    assert_eq!(difference(&place, day).state, DifferenceState::Healed);
    assert_eq!(payment(&place).refundable(), Fen::new(50).unwrap());
}

#[test]
fn who_lost_the_job_adopts_nothing() {
    let place = Place::new();
    registered(&place.process());
    let day = day_of(place.clock.now());
    bill(&place, day, vec![portal()]);
    let mut later = claim(&place, lane());
    later.now = later
        .now
        .checked_add(SignedDuration::from_hours(1))
        .unwrap();
    let thief = Some((Arc::clone(&place.store), later));
    let engine = place.process_on("main", Arc::new(Answers { thief }));
    let work = all(engine.claim(&lane(), 1)).unwrap().remove(0);
    let error = all(engine.run(work)).unwrap_err();
    assert!(matches!(error, LedgerError::LeaseLost), "{error:?}");
    assert_eq!(payment(&place).refunds, 0);
    assert_eq!(difference(&place, day).state, DifferenceState::Open);
}
