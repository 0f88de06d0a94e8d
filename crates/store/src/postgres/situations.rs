//! What the doors are held against. Requests that come at once ask in one statement: a question of its
//! own for each would cost the database, the node and the way between them more than the answer does.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinSet, yield_now};
use tokio::time::{Instant, sleep_until};
use tuikuan_domain::OrderRef;
use tuikuan_terms::{MchId, OutRefundNo, SubMchId};

use crate::error::{DatabaseError, ReadError};
use crate::postgres::queue::{BESIDE_AFTER, BESIDE_MIN};
use crate::postgres::trouble::lost;
use crate::postgres::{Params, Postgres, Shared};
use crate::records::Situation;
use crate::rows::{self, Row, payment_columns, refund_columns};

type Read<T> = Result<T, ReadError>;

/// One statement and one instant. Where a refund exists its own payment counts; else the one of the
/// order, by the merchant's number before WeChat's. A row for each question, with its place.
const SITUATIONS: &str = concat!(
    "SELECT ",
    payment_columns!(),
    ", ",
    refund_columns!(),
    ", a.place
      FROM unnest($1::TEXT[], $2::TEXT[], $3::TEXT[], $4::TEXT[], $5::TEXT[]) WITH ORDINALITY
          AS a (number, mch_id, sub_mch_id, trade_no, transaction_id, place)
      LEFT JOIN refunds r ON r.out_refund_no = a.number AND r.mch_id = a.mch_id
      LEFT JOIN payments p ON p.id = CASE
          WHEN r.id IS NOT NULL THEN r.payment_id
          ELSE coalesce(
              (SELECT o.id FROM payments o
               WHERE o.out_trade_no = a.trade_no AND o.mch_id = a.mch_id
                   AND o.sub_mch_id = a.sub_mch_id),
              (SELECT o.id FROM payments o
               WHERE o.transaction_id = a.transaction_id AND o.mch_id = a.mch_id))
      END"
);

/// Where the place stands in a row: behind the situation.
const PLACE: usize = rows::SITUATION_COLUMNS;

/// Questions that may wait; more wait outside.
const WAITING_MAX: usize = 1_024;

/// Questions of one statement.
const TOGETHER_MAX: usize = 256;

/// Statements at once. While one is answered the next one gathers; it sets out beside it as a group of
/// writes does.
const AT_ONCE: usize = 2;

/// What is asked for.
struct Key {
    number: String,
    mch_id: String,
    sub_mch_id: String,
    trade_no: Option<String>,
    transaction_id: Option<String>,
}

/// A question on its way.
pub(super) struct Question {
    key: Key,
    reply: oneshot::Sender<Read<Situation>>,
}

/// Where questions are put.
pub(super) type Questions = mpsc::Sender<Question>;

/// A place for questions, and where they are taken from.
pub(super) fn questions() -> (Questions, mpsc::Receiver<Question>) {
    mpsc::channel(WAITING_MAX)
}

impl Postgres {
    /// The refund under a number, and the payment of the refund or of the order.
    pub(crate) async fn situation(
        &self,
        mch_id: &MchId,
        sub_mch_id: Option<&SubMchId>,
        number: &OutRefundNo,
        order: &OrderRef,
    ) -> Read<Situation> {
        let key = Key {
            number: number.to_string(),
            mch_id: mch_id.to_string(),
            sub_mch_id: sub_mch_id.map(ToString::to_string).unwrap_or_default(),
            trade_no: order.out_trade_no.as_ref().map(ToString::to_string),
            transaction_id: order.transaction_id.as_ref().map(ToString::to_string),
        };
        let (reply, answer) = oneshot::channel();
        let question = Question { key, reply };
        match &self.0.questions {
            None => self.0.answer(vec![question]).await,
            // It is closed only when its task has ended, and then the reply says so.
            Some(questions) => drop(questions.send(question).await),
        }
        answer.await.unwrap_or(Err(ReadError::Cancelled))
    }
}

impl Shared {
    /// Answers all. A fault of the database is everybody's; one of a row, only his who asked for it.
    async fn answer(&self, questions: Vec<Question>) {
        let (keys, replies): (Vec<Key>, Vec<_>) =
            questions.into_iter().map(|q| (q.key, q.reply)).unzip();
        let rows = match self.situations(&keys).await {
            Ok(rows) => rows,
            Err(error) => {
                for reply in replies {
                    drop(reply.send(Err(error.clone())));
                }
                return;
            }
        };
        let mut situations: Vec<_> = keys.iter().map(|_| Err(ReadError::Cancelled)).collect();
        for row in rows.iter().map(Row::Postgres) {
            // Places are counted from 1.
            let place = row
                .get::<i64>(PLACE)
                .ok()
                .map(|place| place.saturating_sub(1));
            let place = place.and_then(|place| usize::try_from(place).ok());
            if let Some(answer) = place.and_then(|place| situations.get_mut(place)) {
                *answer = rows::situation(row);
            }
        }
        for (reply, situation) in replies.into_iter().zip(situations) {
            // Whoever asked may have gone.
            drop(reply.send(situation));
        }
    }

    async fn situations(&self, keys: &[Key]) -> Read<Vec<tokio_postgres::Row>> {
        let numbers: Vec<&str> = keys.iter().map(|key| key.number.as_str()).collect();
        let mch_ids: Vec<&str> = keys.iter().map(|key| key.mch_id.as_str()).collect();
        let sub_mch_ids: Vec<&str> = keys.iter().map(|key| key.sub_mch_id.as_str()).collect();
        let trade_nos: Vec<_> = keys.iter().map(|key| key.trade_no.as_deref()).collect();
        let transactions: Vec<_> = keys
            .iter()
            .map(|key| key.transaction_id.as_deref())
            .collect();
        let values = values![numbers, mch_ids, sub_mch_ids, trade_nos, transactions];
        match self.situations_once(values).await {
            Err(error) if lost(&error) => {
                self.writers.retain(|_, _| false);
                self.situations_once(values).await
            }
            answered => answered,
        }
    }

    /// On a connection of those whose statements are planned once: see `open::WRITING`.
    async fn situations_once(&self, values: Params<'_>) -> Read<Vec<tokio_postgres::Row>> {
        let client = self.writers.get().await.map_err(DatabaseError::from)?;
        let statement = client.prepare_cached(SITUATIONS).await?;
        Ok(client.query(&statement, values).await?)
    }
}

/// Takes what waits and asks, until nobody can ask any more.
pub(super) async fn serve(shared: Arc<Shared>, mut waiting: mpsc::Receiver<Question>) {
    let mut asking = JoinSet::new();
    // Since when each statement under way is, the oldest first.
    let mut under_way: VecDeque<(Id, Instant)> = VecDeque::new();
    let mut together = Vec::new();
    while waiting.recv_many(&mut together, TOGETHER_MAX).await > 0 {
        // Requests come in flocks: their clients were answered together. Whoever is about to ask does
        // so first.
        yield_now().await;
        while let Some(ended) = asking.try_join_next_with_id() {
            forget(&mut under_way, &ended);
        }
        let oldest = under_way.front().map_or_else(Instant::now, |(_, at)| *at);
        let end = oldest + BESIDE_AFTER;
        while !asking.is_empty() && together.len() < BESIDE_MIN {
            let room = TOGETHER_MAX.saturating_sub(together.len());
            tokio::select! {
                ended = asking.join_next_with_id() => {
                    ended.iter().for_each(|ended| forget(&mut under_way, ended));
                }
                more = waiting.recv_many(&mut together, room) => if more == 0 { break },
                () = sleep_until(end) => break,
            }
        }
        while together.len() < TOGETHER_MAX {
            let Ok(question) = waiting.try_recv() else {
                break;
            };
            together.push(question);
        }
        while asking.len() >= AT_ONCE {
            let ended = asking.join_next_with_id().await;
            ended.iter().for_each(|ended| forget(&mut under_way, ended));
        }
        let shared = Arc::clone(&shared);
        let questions = std::mem::take(&mut together);
        let begun = asking.spawn(async move { shared.answer(questions).await });
        under_way.push_back((begun.id(), Instant::now()));
    }
}

fn forget(under_way: &mut VecDeque<(Id, Instant)>, ended: &Result<(Id, ()), JoinError>) {
    let id = match ended {
        Ok((id, ())) => *id,
        Err(error) => error.id(),
    };
    under_way.retain(|(other, _)| *other != id);
}
