//! Acts of administration: each in a transaction of its own, one after the other over all nodes. What
//! the hot writes touch too is locked before it is decided upon.

use crate::error::CommitError;
use crate::operation::{Answer, Operation};
use crate::postgres::session::Session;
use crate::postgres::settle::{Token, Tries};
use crate::postgres::work::Work;
use crate::postgres::{Answered, Postgres, Shared};
use crate::signals::Effects;
use crate::trouble::Trouble;

/// Whoever does an act holds this row.
const TURN: &str = "SELECT number FROM meta WHERE name = 'turn' FOR UPDATE";

impl Postgres {
    /// Does an act in its turn. Durable when it is answered.
    pub(super) async fn turn(&self, operation: Operation) -> Answered {
        let shared = &self.0;
        shared.steps.pause().await;
        let answer = shared.turn(&operation).await;
        shared.steps.pause().await;
        answer
    }
}

impl Shared {
    async fn turn(&self, operation: &Operation) -> Answered {
        let mut tries = Tries::new();
        loop {
            if self.signals.fatal.borrow().is_some() {
                return Err(self.signals.stopped());
            }
            match Box::pin(self.turn_once(operation)).await {
                Ok((answer, effects)) => {
                    self.tell(effects);
                    return Ok(answer);
                }
                Err(trouble) => tries.again(trouble, self).await?,
            }
        }
    }

    async fn turn_once(&self, operation: &Operation) -> Result<(Answer, Effects), Trouble> {
        // Whoever waits for his turn keeps no connection from those who read.
        let _place = self.acts.acquire().await;
        let session = Session::begin(&self.pool).await?;
        let mut work = Work::new(session.client(), &self.key, self.forwarded_us);
        work.lease_clock = self.lease_clock;
        if takes_turns(operation) {
            work.execute(TURN, &[]).await?;
        }
        let answer = work.apply(operation).await?;
        work.write_counts().await?;
        let effects = work.tally.effects;
        let token = Token::draw()?;
        token.leave(session.client()).await?;
        session.commit(&self.settler(), &token).await?;
        Ok((answer, effects))
    }
}

/// What only notes when somebody was last seen is no matter of anybody else.
const fn takes_turns(operation: &Operation) -> bool {
    !matches!(
        operation,
        Operation::TouchKey(..) | Operation::SeeSession(..)
    )
}

impl Work<'_> {
    async fn apply(&mut self, operation: &Operation) -> Result<Answer, Trouble> {
        match operation {
            Operation::Prune(before) => return Ok(Answer::Pruned(self.prune(*before).await?)),
            Operation::Batch(write) => return self.write_batch(write).await,
            Operation::ChangeBills(change) => self.change_bills(change).await?,
            Operation::Redeliver(id, now) => self.redeliver(id, *now).await?,
            Operation::Administer(change) => self.administer(change).await?,
            Operation::TouchKey(id, now) => self.touch_key(id, *now).await?,
            Operation::SeeSession(hash, now) => self.see_session(hash, *now).await?,
            Operation::SettleInbox(number, outcome) => self.settle_inbox(*number, outcome).await?,
            Operation::LimitPages(_) => {
                return Err(Trouble::Refused(CommitError::Unavailable {
                    reason: "only SQLite counts pages: PostgreSQL is bounded by its own server",
                }));
            }
            // They come by the queue.
            Operation::Commit(_)
            | Operation::Claim(_)
            | Operation::Release(_)
            | Operation::Forward(..)
            | Operation::FinishDelivery(_)
            | Operation::Try(_) => {
                return Err(Trouble::Refused(CommitError::Unavailable {
                    reason: "not an act of administration",
                }));
            }
        }
        Ok(Answer::Done)
    }
}
