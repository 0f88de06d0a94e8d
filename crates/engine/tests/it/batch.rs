//! The feeder of a batch dies at each of its await points, once for every one there is. Whoever goes
//! on refunds each line once.

use crate::at_once::at_once;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tuikuan_domain::approval::{DayLimit, Rules};
use tuikuan_domain::batch::{Batch, BatchState, Faulty, Outcome, Steer};
use tuikuan_domain::{BatchId, Status};
use tuikuan_engine::batch::Upload;
use tuikuan_engine::batch::file::{self, Format, Whose};
use tuikuan_engine::{
    By, CallError, Clock, Engine, EngineParts, IdSource, Merchant, Network, PaymentRegistration,
    Sending, Settings, WebhookCall, WebhookError,
};
use tuikuan_store::{BatchFilter, Lane, LineFilter, LinesOf, Merchants, Options, Store};
use tuikuan_terms::Fen;
use tuikuan_wechat::credentials::Credentials;
use tuikuan_wechat::http::{Request, Response};
use tuikuan_wechat::v2::SignType;
use tuikuan_wechat::{Account, Api};
use uuid::Uuid;

const LINES: usize = 5;

/// Time that moves when it is told to.
#[derive(Default)]
pub(crate) struct Moved(AtomicI64);

impl Clock for Moved {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(1_700_000_000_000_000 + self.0.load(Ordering::Relaxed)).unwrap()
    }

    fn until(&self, _due: Timestamp) -> Duration {
        Duration::ZERO
    }
}

impl Moved {
    pub(crate) fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
    }
}

/// 1, 2, 3 ...
#[derive(Default)]
struct Counted(Mutex<u128>);

impl IdSource for Counted {
    fn ordered(&self) -> Uuid {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last += 1;
        Uuid::from_u128(*last)
    }

    fn random(&self) -> Uuid {
        self.ordered()
    }
}

/// Nothing goes to WeChat, and each message of ours is answered with this status.
pub(crate) struct Nowhere(pub(crate) u16);

impl Network for Nowhere {
    fn call<'a>(
        &'a self,
        _merchant: &'a Merchant,
        _request: Request,
    ) -> Sending<'a, Result<Response, CallError>> {
        Box::pin(async {
            let reason = "no network here".to_owned();
            Err(CallError::NotSent { reason })
        })
    }

    fn deliver<'a>(&'a self, _call: WebhookCall) -> Sending<'a, Result<u16, WebhookError>> {
        Box::pin(async { Ok(self.0) })
    }
}

pub(crate) struct Place {
    pub(crate) store: Arc<Store>,
    pub(crate) clock: Arc<Moved>,
    ids: Arc<Counted>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let store = at_once(Store::open("sqlite::memory:", &Options::stepped())).unwrap();
        Self {
            store: Arc::new(store),
            clock: Arc::default(),
            ids: Arc::default(),
        }
    }

    /// A process over what is stored.
    pub(crate) fn process(&self) -> Engine {
        self.process_of("main")
    }

    /// A process that knows one merchant, of this name.
    fn process_of(&self, name: &str) -> Engine {
        self.process_on(name, Arc::new(Nowhere(204)))
    }

    /// The same with somebody at the other end.
    pub(crate) fn process_on(&self, name: &str, network: Arc<dyn Network>) -> Engine {
        let key = SecretString::from("TESTONLYapiv2key0123456789ABCDEF");
        let account = Account {
            mch_id: "1900000109".parse().unwrap(),
            app_id: "wx8888888888888888".parse().unwrap(),
            sub: None,
            api: Api::V2,
            sign_type: SignType::HmacSha256,
            credentials: Credentials::new().with_api_v2_key(key).unwrap(),
        };
        let merchant = Merchant::new(name.parse().unwrap(), account, None);
        at_once(Engine::new(EngineParts {
            store: Arc::clone(&self.store),
            merchants: vec![Arc::new(merchant)],
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            ids: Arc::clone(&self.ids) as Arc<dyn IdSource>,
            network,
            settings: Settings::default(),
        }))
        .unwrap()
    }
}

/// Runs a future to its end, or to its death after so many steps.
fn run<T>(future: impl Future<Output = T>, steps: usize) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..steps {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Some(value);
        }
    }
    None
}

pub(crate) fn all<T>(future: impl Future<Output = T>) -> T {
    run(future, 100_000).unwrap()
}

/// A running batch of [`LINES`] orders.
fn running(engine: &Engine) -> BatchId {
    submitted(engine, &By::cli())
}

fn submitted(engine: &Engine, by: &By) -> BatchId {
    let mut text = String::from("out_trade_no,amount_fen\n");
    for n in 0..LINES {
        let order = format!("ORDER-{n:04}");
        text.push_str(&format!("{order},100\n"));
        let new = PaymentRegistration {
            merchant: "main".parse().unwrap(),
            out_trade_no: order.parse().unwrap(),
            transaction_id: None,
            total: Fen::new(300).unwrap(),
            paid_at: None,
        };
        all(engine.register_payment(new)).unwrap();
    }
    let upload = upload(engine, &text);
    let batch = all(engine.accept_batch(upload, by)).unwrap().batch;
    assert_eq!(batch.summary.new_lines as usize, LINES);
    all(engine.submit_batch(&batch.id, Faulty::Refuse, by))
        .unwrap()
        .id
}

fn upload(engine: &Engine, text: &str) -> Upload {
    let merchant = &engine.merchants()[0];
    let whose = Whose {
        merchant: &merchant.name,
        mch_id: &merchant.mch_id,
        sub_mch_id: None,
    };
    Upload {
        merchant: merchant.name.clone(),
        name: None,
        file: file::read(text.as_bytes(), Format::Csv, whose).unwrap(),
    }
}

/// Lets the feeder work until nothing is left for it.
fn feed_on(place: &Place, engine: &Engine, id: &BatchId) {
    for _ in 0..20 {
        place.clock.pass(60);
        let lane = Lane::Batch(id.clone());
        for work in all(engine.claim(&lane, 1)).unwrap() {
            all(engine.run(work)).unwrap();
        }
    }
}

fn lines(place: &Place, id: &BatchId) -> Vec<tuikuan_store::BatchLine> {
    let wanted = LinesOf {
        batch: id.clone(),
        filter: LineFilter::All,
        after: 0,
        limit: 100,
    };
    all(place.store.batch_lines(wanted)).unwrap()
}

/// The feeder begins and dies after so many steps; `true` when it came to its end before.
fn die_after(place: &Place, id: &BatchId, steps: usize) -> bool {
    let engine = place.process();
    place.clock.pass(1);
    let lane = Lane::Batch(id.clone());
    let work = all(engine.claim(&lane, 1)).unwrap().remove(0);
    run(engine.run(work), steps).is_some()
}

#[test]
fn whoever_goes_on_after_a_dead_feeder_refunds_each_line_once() {
    let mut deaths = 0;
    for steps in 0.. {
        let place = Place::new();
        let id = running(&place.process());
        let ended = die_after(&place, &id, steps);
        let engine = place.process();
        feed_on(&place, &engine, &id);
        let lines = lines(&place, &id);
        let refunds: BTreeSet<_> = lines
            .iter()
            .filter_map(|line| line.refund.clone())
            .collect();
        assert_eq!(refunds.len(), LINES, "dead after {steps} steps");
        for line in &lines {
            assert_eq!(line.outcome, Outcome::Refund(Status::Queued));
        }
        let counts = at_once(place.store.counts()).unwrap();
        let stored: i64 = counts.iter().map(|count| count.refunds).sum();
        assert_eq!(usize::try_from(stored).unwrap(), LINES);
        if ended {
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 2, "it never died: {deaths}");
}

#[test]
fn whoever_goes_on_after_a_dead_withdrawal_leaves_nothing_in_the_queue() {
    for steps in 0.. {
        let place = Place::new();
        let engine = place.process();
        let id = running(&engine);
        feed_on(&place, &engine, &id);
        all(engine.steer_batch(&id, &Steer::Cancel, &By::cli())).unwrap();
        let ended = die_after(&place, &id, steps);
        feed_on(&place, &place.process(), &id);
        for line in lines(&place, &id) {
            assert_eq!(line.outcome, Outcome::Refund(Status::Cancelled));
        }
        if ended {
            break;
        }
    }
}

#[test]
fn an_upload_that_died_is_completed_by_the_same_file() {
    for steps in 0..40 {
        let place = Place::new();
        let engine = place.process();
        let upload = upload(&engine, "out_trade_no,amount_fen\nORDER-1,5\nORDER-2,6\n");
        let died = run(engine.accept_batch(upload.clone(), &By::cli()), steps);
        drop(died);
        let batch = all(place.process().accept_batch(upload, &By::cli()));
        let batch = batch.unwrap().batch;
        assert_eq!(batch.state, BatchState::Checked);
        assert_eq!((batch.summary.lines, batch.summary.new_amount), (2, 11));
        assert_eq!(lines(&place, &batch.id).len(), 2);
    }
}

#[test]
fn the_day_of_the_key_that_submitted_a_batch_counts_its_lines() {
    let place = Place::new();
    let engine = place.process();
    let key_day = DayLimit {
        amount: None,
        count: Some(2),
    };
    let rules = Rules {
        key_day,
        ..Rules::default()
    };
    all(engine.set_rules(&By::cli(), None, (rules, None))).unwrap();
    let key = By::key("key_00000000000000000001".parse().unwrap());
    let id = submitted(&engine, &key);
    // Whoever feeds it after a start knows the key from the store.
    feed_on(&place, &place.process(), &id);
    let lines = lines(&place, &id);
    let ended = |outcome| lines.iter().filter(|line| line.outcome == outcome).count();
    assert_eq!(ended(Outcome::Refund(Status::Queued)), 2);
    assert_eq!(ended(Outcome::Refused), LINES - 2);
    let error = lines[LINES - 1].error.as_ref().unwrap();
    assert_eq!(error.code, "limit_reached");
}

#[test]
fn a_batch_that_nobody_agrees_to_in_time_expires() {
    let place = Place::new();
    let engine = place.process();
    let rules = Rules {
        approval_above: Some(Fen::new(1).unwrap()),
        expires: SignedDuration::from_hours(1),
        ..Rules::default()
    };
    all(engine.set_rules(&By::cli(), None, (rules, None))).unwrap();
    let id = running(&engine);
    let state = || at_once(place.store.batch(&id)).unwrap().unwrap().state;
    // Its job does not come before.
    feed_on(&place, &engine, &id);
    assert_eq!(state(), BatchState::AwaitingApproval);
    place.clock.pass(3600);
    let content = at_once(place.store.batch(&id))
        .unwrap()
        .unwrap()
        .content_text();
    let second = By::person("usr_00000000000000000002".parse().unwrap());
    let refused = all(engine.steer_batch(&id, &Steer::Approve { content }, &second));
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("waited for until"), "{refused}");
    feed_on(&place, &engine, &id);
    assert_eq!(state(), BatchState::Rejected);
    assert_eq!(
        all(engine.claim(&Lane::Batch(id.clone()), 1))
            .unwrap()
            .len(),
        0
    );
}

#[test]
fn a_rule_made_while_a_batch_is_submitted_holds_for_it() {
    let mut met = 0;
    for steps in 0..20 {
        let place = Place::new();
        let (one, other) = (place.process(), place.process());
        let file = upload(&one, "out_trade_no,amount_fen\nORDER-1,5\nORDER-2,6\n");
        let by = By::cli();
        let id = all(one.accept_batch(file, &by)).unwrap().batch.id;
        let state = || at_once(place.store.batch(&id)).unwrap().unwrap().state;
        let mut submitted = std::pin::pin!(one.submit_batch(&id, Faulty::Refuse, &by));
        let mut context = Context::from_waker(Waker::noop());
        let early = (0..steps).find_map(|_| match submitted.as_mut().poll(&mut context) {
            Poll::Ready(batch) => Some(batch),
            Poll::Pending => None,
        });
        let before = state();
        let rules = Rules {
            approval_above: Some(Fen::new(1).unwrap()),
            ..Rules::default()
        };
        all(other.set_rules(&by, None, (rules, None))).unwrap();
        early.unwrap_or_else(|| all(submitted)).unwrap();
        let held = match before {
            BatchState::Checked => BatchState::AwaitingApproval,
            before => before,
        };
        assert_eq!(state(), held, "after {steps} steps");
        met += usize::from(before == BatchState::Checked && steps > 0);
    }
    assert!(met > 0, "they never met");
}

#[test]
fn a_batch_whose_merchant_is_not_configured_any_more_is_paused_once() {
    let place = Place::new();
    let id = running(&place.process());
    let engine = place.process_of("other");
    feed_on(&place, &engine, &id);
    let batch = at_once(place.store.batch(&id)).unwrap().unwrap();
    assert_eq!(batch.state, BatchState::Paused);
    let engine = place.process();
    all(engine.steer_batch(&id, &Steer::Resume, &By::cli())).unwrap();
    feed_on(&place, &engine, &id);
    for line in lines(&place, &id) {
        assert_eq!(line.outcome, Outcome::Refund(Status::Queued));
    }
}

#[test]
fn a_check_begun_anew_is_completed_when_whoever_began_it_goes_away() {
    for steps in 0..40 {
        let place = Place::new();
        let engine = place.process();
        let upload = upload(&engine, "out_trade_no,amount_fen\nORDER-1,5\nORDER-2,6\n");
        let batch = all(engine.accept_batch(upload.clone(), &By::cli()));
        let id = batch.unwrap().batch.id;
        drop(run(engine.accept_batch(upload, &By::cli()), steps));
        feed_on(&place, &engine, &id);
        let batch = at_once(place.store.batch(&id)).unwrap().unwrap();
        assert_eq!(batch.state, BatchState::Checked, "left after {steps} steps");
        assert_eq!((batch.summary.lines, batch.summary.new_amount), (2, 11));
    }
}

#[test]
fn of_two_nodes_that_take_the_same_file_in_one_checks_it() {
    let mut met = 0;
    for steps in 0..60 {
        let place = Place::new();
        let (one, other) = (place.process(), place.process());
        let upload = upload(&one, "out_trade_no,amount_fen\nORDER-1,5\nORDER-2,6\n");
        let by = By::cli();
        let mut first = std::pin::pin!(one.accept_batch(upload.clone(), &by));
        let mut context = Context::from_waker(Waker::noop());
        let early = (0..steps).find_map(|_| match first.as_mut().poll(&mut context) {
            Poll::Ready(accepted) => Some(accepted),
            Poll::Pending => None,
        });
        let second = all(other.accept_batch(upload, &by)).unwrap();
        met += usize::from(early.is_none() && !second.created);
        let late = early.unwrap_or_else(|| all(first));
        let id = second.batch.id;
        // Where the second one has taken the check over, its batch is the answer to the first one too.
        assert_eq!(late.unwrap().batch.id, id, "after {steps} steps");
        let batch = at_once(place.store.batch(&id)).unwrap().unwrap();
        assert_eq!(batch.state, BatchState::Checked);
        assert_eq!((batch.summary.lines, batch.summary.new_amount), (2, 11));
        let counts = at_once(place.store.batch_counts(&id)).unwrap();
        let counted: Vec<_> = counts
            .iter()
            .map(|count| (count.lines, count.amount))
            .collect();
        assert_eq!(counted, [(2, 11)]);
    }
    assert!(met > 0, "they never met");
}

#[test]
fn an_upload_that_was_silent_for_too_long_begins_once_more() {
    let mut taken = 0;
    for steps in 0..60 {
        let place = Place::new();
        let (one, other) = (place.process(), place.process());
        let upload = upload(&one, "out_trade_no,amount_fen\nORDER-1,5\nORDER-2,6\n");
        let by = By::cli();
        let mut first = std::pin::pin!(one.accept_batch(upload, &by));
        let mut context = Context::from_waker(Waker::noop());
        let early = (0..steps).find_map(|_| match first.as_mut().poll(&mut context) {
            Poll::Ready(accepted) => Some(accepted),
            Poll::Pending => None,
        });
        place.clock.pass(60);
        for batch in batches(&place) {
            // A worker drops the job of a draft that nobody has ever checked.
            for work in all(other.claim(&Lane::Batch(batch.id), 1)).unwrap() {
                all(other.run(work)).unwrap();
                taken += 1;
            }
        }
        let batch = early.unwrap_or_else(|| all(first)).unwrap().batch;
        assert_eq!(batch.state, BatchState::Checked, "after {steps} steps");
        assert_eq!((batch.summary.lines, batch.summary.new_amount), (2, 11));
        assert_eq!(batches(&place).len(), 1);
    }
    assert!(taken > 0, "the job was never taken");
}

fn batches(place: &Place) -> Vec<Batch> {
    let filter = BatchFilter {
        allowed: Merchants::All,
        merchant: None,
        state: None,
        after: None,
        limit: 10,
    };
    all(place.store.batches(filter)).unwrap().items
}
