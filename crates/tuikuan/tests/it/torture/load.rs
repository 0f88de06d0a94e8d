//! The shop's systems: they ask for refunds of many kinds as fast as they are answered, remember what
//! was acknowledged, and ask again with the same number when nothing was heard.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Dice;
use super::place::{Place, Shop};

/// Systems that ask at the same time.
const CLIENTS: u64 = 6;
/// One system asks for so many orders' refunds in one life of the service, at most.
const ORDERS_MAX: u32 = 25;
/// A store of several nodes answers so soon, whatever happened to one of them.
const PATIENCE: Duration = Duration::from_secs(60);

/// One refund as the shop wants it.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) merchant: &'static str,
    pub(crate) out_trade_no: String,
    pub(crate) out_refund_no: String,
    pub(crate) amount: i64,
}

impl Wish {
    fn body(&self) -> Value {
        json!({ "merchant": self.merchant, "out_trade_no": self.out_trade_no,
            "out_refund_no": self.out_refund_no, "amount": self.amount,
            "reason": "\u{9000}\u{8d27} torture" })
    }
}

/// What a wish came to.
#[derive(Debug)]
pub(crate) enum Heard {
    /// 202 or 200, with the refund's id.
    Acknowledged(Wish, String),
    /// 409 or 422, with what was said: it will not be done.
    Refused(Wish, Value),
    /// Nothing, or 503.
    Nothing(Wish),
}

pub(crate) type Running = JoinSet<Vec<Heard>>;

/// All that the shop knows.
#[derive(Debug)]
pub(crate) struct Load {
    seed: u64,
    orders_max: u32,
    /// By number, with our id.
    pub(crate) acknowledged: BTreeMap<String, (Wish, String)>,
    /// Numbers acknowledged since the last check.
    pub(crate) fresh: Vec<String>,
    /// Numbers that were refused, with what was said.
    pub(crate) refused: BTreeMap<String, Value>,
    unanswered: Vec<Wish>,
    /// How often nothing was heard.
    pub(crate) silences: usize,
    /// The longest time until there was an answer to something that was asked again.
    pub(crate) longest: Duration,
}

impl Load {
    pub(crate) fn new(seed: u64) -> Self {
        Self::of(seed, ORDERS_MAX)
    }

    /// The same, where one system asks for so many orders' refunds in a round, at most.
    pub(crate) fn of(seed: u64, orders_max: u32) -> Self {
        Self {
            seed,
            orders_max,
            acknowledged: BTreeMap::new(),
            fresh: Vec::new(),
            refused: BTreeMap::new(),
            unanswered: Vec::new(),
            silences: 0,
            longest: Duration::ZERO,
        }
    }

    /// Lets all systems ask until the service is gone.
    pub(crate) fn start(&self, place: &Arc<Place>, round: u32) -> Running {
        let mut running = JoinSet::new();
        for client in 0..CLIENTS {
            let place = Arc::clone(place);
            let dice = Dice::new(self.seed ^ (u64::from(round) << 20) ^ (client << 50));
            let (mark, most) = (format!("{round}c{client}"), self.orders_max);
            running.spawn(async move { ask_on(&place, (&mark, most), dice).await });
        }
        running
    }

    /// Waits for the systems and notes what they heard.
    pub(crate) async fn collect(&mut self, mut running: Running) {
        while let Some(heard) = running.join_next().await {
            for heard in heard.unwrap() {
                self.note(heard);
            }
        }
    }

    /// Asks again for everything that nothing was heard of: the same number, the same content.
    pub(crate) async fn ask_again(&mut self, place: &Place) {
        for wish in std::mem::take(&mut self.unanswered) {
            let heard = ask(place, &wish).await;
            assert!(
                !matches!(heard, Heard::Nothing(_)),
                "no answer to {wish:?} from a service that is ready: {}",
                place.log()
            );
            self.note(heard);
        }
    }

    /// The same where some of several nodes may still be at what their fellows left behind: asks on
    /// until there is an answer.
    pub(crate) async fn ask_until_heard(&mut self, place: &Place) {
        for wish in std::mem::take(&mut self.unanswered) {
            let began = Instant::now();
            let mut heard = ask(place, &wish).await;
            while matches!(heard, Heard::Nothing(_)) {
                let waited = began.elapsed();
                assert!(waited < PATIENCE, "no answer to {wish:?}: {}", place.log());
                tokio::time::sleep(Duration::from_millis(100)).await;
                heard = ask(place, &wish).await;
            }
            self.longest = self.longest.max(began.elapsed());
            self.note(heard);
        }
    }

    fn note(&mut self, heard: Heard) {
        match heard {
            Heard::Acknowledged(wish, id) => {
                let number = wish.out_refund_no.clone();
                assert!(
                    !self.refused.contains_key(&number),
                    "{number}: refused, then taken"
                );
                let kept = self
                    .acknowledged
                    .entry(number.clone())
                    .or_insert_with(|| (wish, id.clone()));
                assert_eq!(kept.1, id, "{number}: one number, one refund (INV-15)");
                self.fresh.push(number);
            }
            Heard::Refused(wish, said) => {
                let number = wish.out_refund_no;
                assert!(
                    !self.acknowledged.contains_key(&number),
                    "{number}: acknowledged, then refused (INV-14)"
                );
                self.refused.insert(number, said);
            }
            Heard::Nothing(wish) => {
                self.silences += 1;
                self.unanswered.push(wish);
            }
        }
    }
}

async fn ask_on(place: &Arc<Place>, (mark, most): (&str, u32), mut dice: Dice) -> Vec<Heard> {
    let mut all = Vec::new();
    for order in 0..most {
        let wishes = new_order(place, &format!("t{mark}o{order}"), &mut dice).await;
        let mut asked = JoinSet::new();
        for wish in wishes {
            let place = Arc::clone(place);
            asked.spawn(async move { ask(&place, &wish).await });
        }
        let heard = asked.join_all().await;
        let silence = heard.iter().any(|heard| matches!(heard, Heard::Nothing(_)));
        all.extend(heard);
        if silence {
            break;
        }
    }
    all
}

/// A paid order, and the refunds that somebody wants of it at the same time.
async fn new_order(place: &Place, mark: &str, dice: &mut Dice) -> Vec<Wish> {
    let shop = &place.shops[usize::try_from(dice.below(3)).unwrap()];
    let total = i64::try_from(100 + dice.below(50_000)).unwrap();
    pay(place, shop, mark, total).await;
    let wish = |part: usize, amount: i64| Wish {
        merchant: shop.name,
        out_trade_no: mark.to_owned(),
        out_refund_no: format!("{mark}r{part}"),
        amount,
    };
    match dice.below(100) {
        // The whole order.
        0..40 => vec![wish(1, total)],
        // Two parts.
        40..60 => vec![wish(1, total / 3), wish(2, total - total / 3)],
        // Three parts of which only one fits.
        60..75 => (1..=3).map(|part| wish(part, total * 6 / 10)).collect(),
        // A double click, three times.
        75..90 => vec![wish(1, total); 3],
        // More than was paid.
        _ => vec![wish(1, total + 1)],
    }
}

async fn pay(place: &Place, shop: &Shop, out_trade_no: &str, total: i64) {
    let order = json!({ "mch_id": shop.mch_id, "sub_mch_id": shop.sub_mch_id,
        "out_trade_no": out_trade_no, "total": total });
    place.control(Method::POST, "/orders", Some(order)).await;
}

async fn ask(place: &Place, wish: &Wish) -> Heard {
    let answer = place
        .ask(Method::POST, "/v1/refunds", Some(wish.body()))
        .await;
    match answer {
        Ok((200 | 202, refund)) => {
            let id = refund["id"].as_str().unwrap().to_owned();
            assert_eq!(refund["out_refund_no"], wish.out_refund_no.as_str());
            Heard::Acknowledged(wish.clone(), id)
        }
        Ok((409 | 422, said)) => Heard::Refused(wish.clone(), said),
        Ok((503, _)) | Err(_) => Heard::Nothing(wish.clone()),
        Ok((status, body)) => panic!("{status} for {wish:?}: {body}"),
    }
}
