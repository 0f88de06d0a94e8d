//! The morning after: the bills of every day of a life are fetched and compared, with refunds of the
//! portal and rows that were planted, over a network that loses answers and under jobs that die. Each
//! line of a bill is then matched or has exactly one difference, and another run changes nothing
//! (INV-16, INV-38, INV-39).

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use jiff::Timestamp;
use jiff::civil::Date;
use tuikuan_domain::reconcile::{Class, DifferenceState, Repair, day_of, ready_at};
use tuikuan_engine::{
    By, CallError, Clock, Engine, EngineParts, Merchant, Network, Sending, Settings, WebhookCall,
    WebhookError,
};
use tuikuan_sim::{BillDifference, DifferenceKind, Incoming, Origin, Outgoing, PortalRefund};
use tuikuan_store::{Bill, Difference, DifferenceFilter, Merchants};
use tuikuan_wechat::bill::{BillFile, BillKind, Row};
use tuikuan_wechat::http::{ClientCertificate, Request, Response};

use crate::at_once::at_once;

use super::act::{name_of, sub_of};
use super::dice::Dice;
use super::keys::kits;
use super::life::Life;
use super::stage::Shared;
use super::time::{HOUR, MINUTE};

/// Lives that are followed into the morning, in a thousand: two runs of bills take a while.
const FOLLOWED: usize = 300;
/// Jobs go on this long into the morning.
const MORNING: i64 = 6 * HOUR;
/// A morning with more jobs has gone round in circles.
const JOBS_MAX: usize = 5_000;

/// A way out without a way: what is asked is answered at once, or lost.
struct Direct {
    shared: Shared,
    /// Calls lost, and processes that die with the answer in hand, in a thousand each.
    lost: usize,
    dies: usize,
    dead: AtomicBool,
}

impl Network for Direct {
    fn call<'a>(
        &'a self,
        merchant: &'a Merchant,
        request: Request,
    ) -> Sending<'a, Result<Response, CallError>> {
        Box::pin(async move {
            let answer = self.answer(merchant, request);
            if self.dead.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            answer
        })
    }

    fn deliver<'a>(&'a self, _call: WebhookCall) -> Sending<'a, Result<u16, WebhookError>> {
        Box::pin(async { Ok(204) })
    }
}

impl Direct {
    fn answer(&self, merchant: &Merchant, request: Request) -> Result<Response, CallError> {
        let mut stage = self.shared.lock();
        let cert = request.client_certificate == ClientCertificate::Required;
        let mut headers = request.headers;
        headers.push(("User-Agent".to_owned(), "tuikuan-simulation".to_owned()));
        let incoming = Incoming {
            method: request.method.as_str().to_owned(),
            path_and_query: request.path,
            headers,
            body: request.body,
            client_cert_mch: cert.then(|| merchant.mch_id.as_str().to_owned()),
        };
        let now_ms = stage.clock.now_us() / 1000;
        stage.world.advance_to(now_ms);
        let outgoing = stage.world.handle(&incoming);
        let dies = stage.dice.chance(self.dies);
        self.dead.fetch_or(dies, Ordering::Relaxed);
        let lost = stage.dice.chance(self.lost);
        stage.line(|| format!("morning {} {lost} {dies}", incoming.path_and_query));
        match outgoing {
            Outgoing::Reply(response) if !lost => Ok(Response {
                status: response.status,
                headers: response.headers,
                body: response.body,
            }),
            _ => Err(CallError::Lost {
                reason: "the connection broke".to_owned(),
            }),
        }
    }
}

/// A process of the morning.
struct Process {
    engine: Engine,
    network: Arc<Direct>,
    shared: Shared,
    runtime: tokio::runtime::Runtime,
}

impl Process {
    /// Drives one future to its end: bills are read on threads of their own, and time moves only for
    /// what waits for it. `None`: the process died.
    fn drive<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let clock = self.shared.lock().clock.clone();
        self.runtime.block_on(async {
            let mut future = pin!(future);
            std::future::poll_fn(|context| {
                loop {
                    if let Poll::Ready(value) = future.as_mut().poll(context) {
                        return Poll::Ready(Some(value));
                    }
                    if self.network.dead.swap(false, Ordering::Relaxed) {
                        return Poll::Ready(None);
                    }
                    match clock.next() {
                        Some(due) => clock.advance(due),
                        None => return Poll::Pending,
                    }
                }
            })
            .await
        })
    }

    /// Runs what is due, until nothing is for the rest of the morning.
    fn run_jobs(&self, until: i64) {
        for _ in 0..JOBS_MAX {
            let now = self.shared.lock().clock.now_us();
            let due = at_once(self.engine.next_due()).unwrap();
            let Some(due) = due
                .map(Timestamp::as_microsecond)
                .filter(|due| *due < until)
            else {
                return;
            };
            self.shared.lock().clock.advance(due.max(now));
            for lane in at_once(self.engine.lanes_due()).unwrap() {
                let claimed = self.drive(self.engine.claim(&lane, 8)).unwrap().unwrap();
                for work in claimed {
                    let key = work.key();
                    match self.drive(self.engine.run(work)) {
                        Some(Ok(()) | Err(tuikuan_engine::LedgerError::LeaseLost)) | None => {}
                        Some(Err(error)) => {
                            let what = format!("a job failed: {key}: {error:?}");
                            self.shared.lock().find(what);
                        }
                    }
                }
            }
        }
        self.shared.lock().find("the morning never ends");
    }
}

/// What is compared between two runs. Not the class: what is only WeChat's in the first run is ours in
/// the second, and may still stand otherwise in the bill.
type Told = Vec<(String, u32, DifferenceState, Repair)>;

impl Life {
    /// Follows some of the lives into the morning.
    pub(crate) fn morning(&mut self) {
        let mut dice = Dice::new(self.plan.seed ^ 0xB111);
        if !dice.chance(FOLLOWED) {
            return;
        }
        let process = self.process(&mut dice);
        let days = self.days();
        self.portal_refunds(&mut dice);
        self.plant(&days, &mut dice);
        // To the time when the last bill is there.
        let last = *days.last().unwrap();
        let ready = ready_at(last).as_microsecond() + HOUR;
        self.pass_to(ready);
        self.run_bills(&process, &days, ready + MORNING);
        let first = self.judge_days(&days);
        let later = self.now_us() + MINUTE;
        self.pass_to(later);
        self.run_bills(&process, &days, later + MORNING);
        let second = self.judge_days(&days);
        if self.shared.lock().found().is_none() && first != second {
            let what = format!("INV-38: a second run changed {first:?} into {second:?}");
            self.shared.lock().find(what);
        }
        self.outcome.count("mornings", 1);
    }

    fn process(&self, dice: &mut Dice) -> Process {
        let network = Arc::new(Direct {
            shared: self.shared.clone(),
            lost: *dice.pick(&[0, 50, 200]),
            dies: *dice.pick(&[0, 20, 100]),
            dead: AtomicBool::new(false),
        });
        let clock = self.shared.lock().clock.clone();
        // Whoever waited for a time is long gone.
        while let Some(due) = clock.next() {
            clock.advance(due);
        }
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let engine = Engine::new(EngineParts {
            store: Arc::clone(&self.store),
            merchants: self.merchants.clone(),
            clock,
            ids: self.ids.clone(),
            network: Arc::clone(&network) as Arc<dyn Network>,
            settings: Settings::default(),
        });
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        Process {
            engine: at_once(engine).unwrap(),
            network,
            shared: self.shared.clone(),
            runtime: runtime.enable_time().build().unwrap(),
        }
    }

    /// The days of this life in Beijing.
    fn days(&self) -> Vec<Date> {
        let begin = Timestamp::from_microsecond(super::time::START_US).unwrap();
        let end = Timestamp::from_microsecond(self.now_us()).unwrap();
        let (mut day, last) = (day_of(begin), day_of(end));
        let mut days = vec![day];
        while day < last {
            day = day.tomorrow().unwrap();
            days.push(day);
        }
        days
    }

    fn pass_to(&mut self, until_us: i64) {
        let mut stage = self.shared.lock();
        stage.clock.advance(until_us);
        stage.world.advance_to(until_us / 1000);
    }

    /// Somebody refunds in the portal, late in the evening; only the bill tells of it.
    fn portal_refunds(&mut self, dice: &mut Dice) {
        let mut made = 0;
        for order in &self.orders {
            if !dice.chance(200) {
                continue;
            }
            let kit = &kits()[order.merchant];
            let refund = PortalRefund {
                mch_id: kit.plan.mch_id.as_str().to_owned(),
                sub_mch_id: sub_of(kit).map(ToOwned::to_owned),
                out_trade_no: order.out_trade_no.clone(),
                amount: dice.between(1, order.total),
                out_refund_no: None,
            };
            made += u64::from(self.shared.lock().world.portal_refund(&refund).is_ok());
        }
        self.outcome.count("evening portal refunds", made);
    }

    /// Bills that do not say what the books say.
    fn plant(&mut self, days: &[Date], dice: &mut Dice) {
        for kit in kits() {
            for day in days {
                for kind in [
                    DifferenceKind::MissingRow,
                    DifferenceKind::Amount,
                    DifferenceKind::Status,
                    DifferenceKind::ExtraRow,
                ] {
                    // A row of nobody is no row of a sub-merchant.
                    let nobodys = kind == DifferenceKind::ExtraRow && sub_of(kit).is_some();
                    if nobodys || !dice.chance(250) {
                        continue;
                    }
                    let difference = BillDifference {
                        mch_id: kit.plan.mch_id.as_str().to_owned(),
                        date: day.to_string(),
                        kind,
                        out_refund_no: None,
                        amount: None,
                    };
                    self.shared
                        .lock()
                        .world
                        .plant_difference(difference)
                        .unwrap();
                    self.outcome.count("planted rows", 1);
                }
            }
        }
    }

    fn run_bills(&mut self, process: &Process, days: &[Date], until: i64) {
        let by = By::cli();
        for at in 0..kits().len() {
            let name = name_of(at).parse().unwrap();
            for day in days {
                let wanted = process.engine.reconcile(&name, *day, &by);
                process.drive(wanted).unwrap().unwrap();
            }
        }
        process.run_jobs(until);
    }

    /// Looks at every day; what differs.
    fn judge_days(&mut self, days: &[Date]) -> Told {
        let mut told = Told::new();
        for at in 0..kits().len() {
            for day in days {
                told.extend(self.judge_day(at, *day));
            }
        }
        told
    }

    fn judge_day(&mut self, at: usize, day: Date) -> Told {
        let lines = self.lines(at, day);
        let differences = self.differences(at, day);
        let mut by_number: BTreeMap<&str, Vec<&Difference>> = BTreeMap::new();
        for difference in &differences {
            let number = difference.out_refund_no.as_str();
            by_number.entry(number).or_default().push(difference);
            self.judge_difference(at, difference);
        }
        let numbers: BTreeSet<&str> = lines.iter().map(|(number, _)| number.as_str()).collect();
        for (number, amount) in &lines {
            let found = by_number.get(number.as_str()).map_or(0, Vec::len);
            self.judge_side((at, day), (number, Some(*amount)), found);
        }
        for number in self.ours(at, day) {
            if !numbers.contains(number.as_str()) {
                let found = by_number.get(number.as_str()).map_or(0, Vec::len);
                self.judge_side((at, day), (&number, None), found);
            }
        }
        let state = self.bill_lines(at, day);
        if state != Some(u64::try_from(lines.len()).unwrap()) {
            let count = lines.len();
            let what = format!("INV-38: the bill of {day} has {count} lines, {state:?} were read");
            self.shared.lock().find(what);
        }
        for difference in &differences {
            let name = format!("difference {}", difference.class.as_str());
            self.outcome.count(&name, 1);
        }
        let mut told: Told = differences
            .into_iter()
            .map(|d| (d.out_refund_no, d.repetition, d.state, d.repair))
            .collect();
        told.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        told
    }

    /// One number on one side: matched, or one difference.
    fn judge_side(
        &self,
        (at, day): (usize, Date),
        (number, amount): (&str, Option<i64>),
        found: usize,
    ) {
        let known = self.known(at, number);
        let matched = amount.is_some_and(|amount| known == Some(amount));
        let wrong = match found {
            0 => !matched,
            1 => false,
            _ => true,
        };
        if wrong {
            let what = format!(
                "INV-38: {number} of {day} is {amount:?} in the bill and {known:?} here, and has {found} differences"
            );
            self.shared.lock().find(what);
        }
    }

    fn judge_difference(&self, at: usize, difference: &Difference) {
        let number = &difference.out_refund_no;
        let known = self.known(at, number);
        let said = difference.facts.bill_amount.map(|amount| amount.get());
        let asking = matches!(difference.repair, Repair::Query | Repair::Adopt);
        let wrong = match (difference.state, difference.class) {
            (DifferenceState::Open, _) if asking => Some("INV-13: nobody asks any more"),
            (DifferenceState::Healed, Class::WechatOnly) if known.is_none() => {
                Some("INV-39: it was never taken in")
            }
            (DifferenceState::Healed, Class::AmountDiffers) if known != said => {
                Some("INV-38: the amounts still differ")
            }
            _ => None,
        };
        if let Some(wrong) = wrong {
            let (class, state) = (difference.class.as_str(), difference.state.as_str());
            let what = format!("{wrong}: {number} is {class}, {state}");
            self.shared.lock().find(what);
        }
    }

    /// The amount of a refund in our store.
    fn known(&self, at: usize, number: &str) -> Option<i64> {
        let mch_id = &kits()[at].plan.mch_id;
        let number = number.parse().ok()?;
        let refund = at_once(self.store.refund_by_number(mch_id, &number));
        refund.unwrap().map(|refund| refund.content.amount.get())
    }

    /// Number and amount of each line of a day's bill.
    fn lines(&self, at: usize, day: Date) -> Vec<(String, i64)> {
        let stage = self.shared.lock();
        let mch_id = kits()[at].plan.mch_id.as_str();
        let bill = stage.world.bill(mch_id, &day.to_string(), BillKind::Refund);
        let Some(bytes) = bill.unwrap() else {
            return Vec::new();
        };
        let mut reader = BillFile::given(BillKind::Refund).open(&bytes[..]).unwrap();
        let mut lines = Vec::new();
        while let Some(row) = reader.next_row().unwrap() {
            if let Row::Refund(row) = row {
                lines.push((row.out_refund_no.to_owned(), row.amount().get()));
            }
        }
        lines
    }

    /// Numbers of the refunds that WeChat took from us on a day, by its own books.
    fn ours(&self, at: usize, day: Date) -> Vec<String> {
        let stage = self.shared.lock();
        let of_day = |ms: i64| day_of(Timestamp::from_millisecond(ms).unwrap()) == day;
        let refunds = stage.world.refunds_of(kits()[at].plan.mch_id.as_str());
        refunds
            .filter(|refund| refund.origin == Origin::Api && of_day(refund.created_at_ms))
            .map(|refund| refund.out_refund_no.clone())
            .collect()
    }

    fn differences(&self, at: usize, day: Date) -> Vec<Difference> {
        let filter = DifferenceFilter::of(Merchants::All, name_of(at).parse().unwrap(), day);
        super::life::now(self.store.differences(filter))
            .unwrap()
            .items
    }

    /// How many lines a day's bill had when it was read; `None`: it was not.
    fn bill_lines(&self, at: usize, day: Date) -> Option<u64> {
        let bill = Bill {
            merchant: name_of(at).parse().unwrap(),
            day,
            kind: tuikuan_domain::reconcile::BillKind::Refunds,
        };
        let found = super::life::now(self.store.bill_day(bill)).unwrap()?;
        found.fetched_at.map(|_| found.sums.lines)
    }
}
