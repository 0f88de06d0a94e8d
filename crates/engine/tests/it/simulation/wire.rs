//! The simulated way out. A request travels on its own: once it has left, it arrives, whatever
//! becomes of the process that sent it. Every submit is held against the contract as it leaves.

use crate::at_once::at_once;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use tuikuan_engine::{CallError, Merchant, Network, Sending, WebhookCall, WebhookError};
use tuikuan_sim::{Incoming, Outgoing};
use tuikuan_wechat::http::{ClientCertificate, Request, Response};
use tuikuan_wechat::v2::Fields;

use super::stage::{Shared, Stage};
use super::time::SECOND;
use super::trace::hash;

/// The engine's deadline for one call.
pub(crate) const CALL_TIMEOUT: i64 = 10 * SECOND;

/// Something on its way.
#[derive(Debug)]
pub(crate) enum Leg {
    /// To WeChat.
    Request {
        call: u64,
        request: Box<Incoming>,
        submit: Option<Submit>,
    },
    /// Back.
    Reply {
        call: u64,
        result: Result<Response, CallError>,
    },
}

/// Where the answer of a call is put.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    result: Option<Result<Response, CallError>>,
    waker: Option<Waker>,
}

/// A submit as it stands on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Submit {
    pub(crate) mch_id: String,
    pub(crate) number: String,
    pub(crate) order: String,
    /// What must be the same at every attempt.
    content: Vec<u8>,
}

/// What left so far.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// By merchant and number: content and how often it left.
    submits: BTreeMap<(String, String), (Vec<u8>, usize)>,
    /// By merchant and order: number and begin of the last submit.
    orders: BTreeMap<(String, String), (String, i64)>,
    /// Times of the submits of each merchant in the last second.
    recent: BTreeMap<String, Vec<i64>>,
    /// The quota is not looked at before: a pause or a second node blurred it.
    pub(crate) quota_from: i64,
}

/// What the receiver of webhooks got.
#[derive(Debug, Default)]
pub(crate) struct Hooks {
    /// By id: hash of the body, and whether it was taken.
    pub(crate) messages: BTreeMap<String, (u64, bool)>,
    /// Refund and number of the event that were taken.
    pub(crate) taken: BTreeSet<(String, i64)>,
}

/// The engine's network.
pub(crate) struct Wire {
    shared: Shared,
}

impl Wire {
    pub(crate) fn new(shared: Shared) -> Arc<Self> {
        Arc::new(Self { shared })
    }
}

impl Network for Wire {
    fn call<'a>(
        &'a self,
        merchant: &'a Merchant,
        request: Request,
    ) -> Sending<'a, Result<Response, CallError>> {
        Box::pin(async move {
            let call = self.shared.lock().depart(merchant, request)?;
            let deadline = self.shared.lock().clock.now_us() + CALL_TIMEOUT;
            let timer = Box::pin(self.shared.lock().clock.wait(deadline));
            Answer {
                shared: self.shared.clone(),
                call,
                timer: Mutex::new(timer),
            }
            .await
        })
    }

    fn deliver<'a>(&'a self, call: WebhookCall) -> Sending<'a, Result<u16, WebhookError>> {
        Box::pin(async move {
            let wait = {
                let mut stage = self.shared.lock();
                let due = stage.clock.now_us() + stage.dice.between(1000, 2 * SECOND);
                stage.clock.wait(due)
            };
            wait.await;
            self.shared.lock().hooked(&call)
        })
    }
}

struct Answer {
    shared: Shared,
    call: u64,
    timer: Mutex<Pin<Box<super::time::Wait>>>,
}

impl Future for Answer {
    type Output = Result<Response, CallError>;
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = self.shared.lock();
        let slot = stage.slots.entry(self.call).or_default();
        if let Some(result) = slot.result.take() {
            stage.slots.remove(&self.call);
            return Poll::Ready(result);
        }
        slot.waker = Some(context.waker().clone());
        drop(stage);
        let late = self.timer.lock().unwrap().as_mut().poll(context).is_ready();
        if late {
            self.shared.lock().slots.remove(&self.call);
            return Poll::Ready(Err(lost("no answer in time")));
        }
        Poll::Pending
    }
}

fn lost(reason: &str) -> CallError {
    CallError::Lost {
        reason: reason.to_owned(),
    }
}

impl Stage {
    fn depart(&mut self, merchant: &Merchant, request: Request) -> Result<u64, CallError> {
        let submit = submit_of(merchant, &request);
        if let Some(submit) = &submit {
            self.check_departure(submit);
        }
        let not_sent = self.plan.rough && self.dice.chance(self.plan.not_sent);
        let name = format!("{} {:x}", request.path, hash(&request.body));
        self.line(|| format!("call {name} {}", if not_sent { "not sent" } else { "" }));
        if not_sent {
            let reason = "no such host".to_owned();
            return Err(CallError::NotSent { reason });
        }
        if let Some(submit) = &submit {
            self.calls.left(submit);
        }
        let call = self.number();
        let due = self.clock.now_us() + self.latency();
        let mut headers = request.headers;
        headers.push(("User-Agent".to_owned(), "tuikuan-simulation".to_owned()));
        let cert = request.client_certificate == ClientCertificate::Required;
        let request = Incoming {
            method: request.method.as_str().to_owned(),
            path_and_query: request.path,
            headers,
            body: request.body,
            client_cert_mch: cert.then(|| merchant.mch_id.as_str().to_owned()),
        };
        let leg = Leg::Request {
            call,
            request: Box::new(request),
            submit,
        };
        self.legs.insert((due, call), leg);
        self.slots.insert(call, Slot::default());
        Ok(call)
    }

    fn latency(&mut self) -> i64 {
        if self.plan.rough && self.dice.chance(20) {
            return self.dice.between(SECOND, 8 * SECOND);
        }
        self.dice.between(500, 200_000)
    }

    /// Lets what has arrived by now arrive. `true` when something did.
    pub(crate) fn arrive(&mut self) -> bool {
        let now = self.clock.now_us();
        let Some((&key, _)) = self.legs.iter().next().filter(|((due, _), _)| *due <= now) else {
            return false;
        };
        match self.legs.remove(&key) {
            Some(Leg::Request { call, request, .. }) => self.handle(call, &request),
            Some(Leg::Reply { call, result }) => {
                self.line(|| format!("reply {call} {}", shown(&result)));
                if let Some(slot) = self.slots.get_mut(&call) {
                    slot.result = Some(result);
                    if let Some(waker) = slot.waker.take() {
                        waker.wake();
                    }
                }
            }
            None => {}
        }
        true
    }

    fn handle(&mut self, call: u64, request: &Incoming) {
        let now = self.clock.now_us();
        self.world.advance_to(now / 1000);
        let outgoing = self.world.handle(request);
        self.line(|| format!("world {call} {:x}", hash(format!("{outgoing:?}"))));
        let (late, result) = match outgoing {
            Outgoing::Reply(response) => (0, Ok(answer(response))),
            Outgoing::Delay { ms, response } => {
                (i64::try_from(ms).unwrap() * 1000, Ok(answer(response)))
            }
            Outgoing::CutAfter { .. } => (0, Err(lost("the connection broke inside the answer"))),
            Outgoing::Drop => (0, Err(lost("the connection broke"))),
            Outgoing::Hang => return,
        };
        let due = now + late + self.latency();
        self.legs.insert((due, call), Leg::Reply { call, result });
    }

    /// Whether an application with this number is on its way to WeChat.
    pub(crate) fn on_its_way(&self, mch_id: &str, number: &str) -> bool {
        self.legs.values().any(|leg| match leg {
            Leg::Request {
                submit: Some(submit),
                ..
            } => submit.mch_id == mch_id && submit.number == number,
            Leg::Request { .. } | Leg::Reply { .. } => false,
        })
    }

    fn check_departure(&mut self, submit: &Submit) {
        let Submit {
            mch_id,
            number,
            order,
            ..
        } = submit;
        let found = at_once(
            self.store
                .refund_by_number(&mch_id.parse().unwrap(), &number.parse().unwrap()),
        )
        .unwrap();
        let Some(refund) = found else {
            return self.find(format!(
                "INV-2/INV-3: {number} is sent, but no refund has it"
            ));
        };
        let attempts = at_once(self.store.attempts_of(&refund.id)).unwrap();
        let key = (mch_id.clone(), number.clone());
        let before = self.calls.submits.get(&key).cloned();
        let left = before.as_ref().map_or(0, |(_, left)| *left);
        let Some(last) = attempts.last().filter(|_| attempts.len() > left) else {
            return self.find(format!(
                "INV-4: {number} is sent without a committed attempt"
            ));
        };
        if matches!(last.end.as_deref(), Some("lost")) {
            self.find(format!("INV-24: {number} is sent after its lease was lost"));
        }
        if before.is_some_and(|(content, _)| content != submit.content) {
            self.find(format!("INV-9: {number} is sent again with other content"));
        }
        for leg in self.legs.values() {
            if let Leg::Request {
                submit: Some(other),
                ..
            } = leg
                && other.mch_id == *mch_id
                && other.order == *order
            {
                let what = format!(
                    "INV-9: {} and {number} are sent at the same time",
                    other.number
                );
                return self.find(what);
            }
        }
        let begun = last.begun_at.as_microsecond();
        let order = (mch_id.clone(), order.clone());
        let last = self.calls.orders.insert(order, (number.clone(), begun));
        if let Some((other, at)) = last
            && other != *number
            && begun - at < 60 * SECOND
        {
            let gap = (begun - at) / SECOND;
            self.find(format!(
                "INV-9: {number} follows {other} of its order after {gap} s"
            ));
        }
        self.check_quota(mch_id);
    }

    fn check_quota(&mut self, mch_id: &str) {
        let now = self.clock.now_us();
        let limit = self.plan.submits_per_second;
        let from = self.calls.quota_from;
        let recent = self.calls.recent.entry(mch_id.to_owned()).or_default();
        recent.retain(|at| now - at < SECOND && *at >= from);
        recent.push(now);
        let count = recent.len();
        if now >= from && count > limit {
            self.find(format!(
                "INV-26: {count} submits of {mch_id} in a second, {limit} allowed"
            ));
        }
    }

    fn hooked(&mut self, call: &WebhookCall) -> Result<u16, WebhookError> {
        let id = call.headers.iter().find(|(name, _)| *name == "webhook-id");
        let id = id.map(|(_, id)| id.clone()).unwrap();
        let body = hash(&call.body);
        let failing = self.plan.rough && self.dice.chance(self.plan.hook_fails);
        self.line(|| format!("webhook {id} {body:x} {failing}"));
        let message = self
            .hooks
            .messages
            .entry(id.clone())
            .or_insert((body, false));
        let same = message.0 == body;
        message.1 |= !failing;
        if !same {
            self.find(format!(
                "INV-30: the message {id} changed between two tries"
            ));
        }
        if failing {
            return match self.dice.below(3) {
                0 => Ok(500),
                1 => Ok(302),
                _ => Err(WebhookError::Unreachable {
                    reason: "reset".to_owned(),
                }),
            };
        }
        let value: serde_json::Value = serde_json::from_str(&call.body).unwrap();
        let refund = value["data"]["refund"]["id"].as_str().unwrap().to_owned();
        let seq = value["data"]["seq"].as_i64().unwrap();
        self.hooks.taken.insert((refund, seq));
        Ok(204)
    }
}

impl Calls {
    fn left(&mut self, submit: &Submit) {
        let key = (submit.mch_id.clone(), submit.number.clone());
        let entry = self
            .submits
            .entry(key)
            .or_insert((submit.content.clone(), 0));
        entry.1 += 1;
    }
}

fn answer(response: tuikuan_sim::Response) -> Response {
    Response {
        status: response.status,
        headers: response.headers,
        body: response.body,
    }
}

fn shown(result: &Result<Response, CallError>) -> String {
    match result {
        Ok(response) => {
            let text = String::from_utf8_lossy(&response.body).replace(['\n', '\r'], " ");
            let short: String = text.chars().take(400).collect();
            format!("{} {:x} {short}", response.status, hash(&response.body))
        }
        Err(error) => error.to_string(),
    }
}

/// The request as a submit, if it is one.
fn submit_of(merchant: &Merchant, request: &Request) -> Option<Submit> {
    let mch_id = merchant.mch_id.as_str().to_owned();
    if request.path.starts_with("/secapi/pay/refund") {
        let mut fields = Fields::parse(&request.body).unwrap();
        fields.remove("nonce_str");
        fields.remove("sign");
        let order = fields.get("out_trade_no").or(fields.get("transaction_id"));
        return Some(Submit {
            mch_id,
            number: fields.get("out_refund_no").unwrap().to_owned(),
            order: order.unwrap().to_owned(),
            content: fields.to_xml().into_bytes(),
        });
    }
    let refunds = request.path.ends_with("/domestic/refunds");
    (refunds && !request.body.is_empty()).then(|| {
        let value: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        let text = |name: &str| value[name].as_str().map(ToOwned::to_owned);
        Submit {
            mch_id,
            number: text("out_refund_no").unwrap(),
            order: text("out_trade_no").or(text("transaction_id")).unwrap(),
            content: request.body.clone(),
        }
    })
}
