//! What became of a COMMIT whose answer was lost (INV-42). Every write leaves a token in its own
//! transaction. Whoever can write the same token once more knows that the first transaction never
//! committed and never will; whoever finds it there knows that it did.

use std::time::Duration;

use aws_lc_rs::rand;
use deadpool_postgres::{ClientWrapper, Pool};
use tokio::time::{Instant, sleep};

use crate::error::CommitError;
use crate::postgres::Shared;
use crate::postgres::trouble::{passing, unreachable};
use crate::trouble::Trouble;

/// How long the database is asked what became of a write.
const SETTLE_MAX: Duration = Duration::from_secs(60);

/// The pause between two questions, doubled each time.
const SETTLE_FIRST: Duration = Duration::from_millis(20);
const SETTLE_LAST: Duration = Duration::from_secs(2);

/// How often a write begins anew that certainly was not written, and the pause before, doubled each time.
const TRIES_MAX: u32 = 6;
const TRY_FIRST: Duration = Duration::from_millis(5);

/// Plain: of two that bring the same token the second one fails.
pub(super) const LEAVE: &str = "
    INSERT INTO writes (token, at)
    VALUES ($1, (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT)";

/// Waits for a first transaction that is still under way; true: that one left it. The token of whoever asks
/// has a negative time: whose answer to this question is lost can ask again. It writes in any case, and so
/// its own COMMIT waits for the standbys that the first one may not have waited for.
const ASK: &str = "
    INSERT INTO writes AS w (token, at)
    VALUES ($1, -(extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT)
    ON CONFLICT (token) DO UPDATE SET at = w.at
    RETURNING at > 0";

/// The mark of a write.
pub(super) struct Token([u8; 16]);

impl Token {
    pub(super) fn draw() -> Result<Self, Trouble> {
        let mut bytes = [0; 16];
        let drawn = rand::fill(&mut bytes);
        drawn.map_err(|_unspecified| {
            Trouble::All(CommitError::Unavailable {
                reason: "no random numbers can be had",
            })
        })?;
        Ok(Self(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Leaves it in the transaction.
    pub(super) async fn leave(&self, client: &ClientWrapper) -> Result<(), Trouble> {
        let statement = client.prepare_cached(LEAVE).await?;
        client.execute(&statement, &[&self.bytes()]).await?;
        Ok(())
    }
}

/// What the database says about a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    Committed,
    /// It was not, and never will be.
    Never,
    /// The database could not be asked.
    Unknown,
}

/// Whoever asks.
pub(super) struct Settler<'p> {
    pub(super) pool: &'p Pool,
}

impl Settler<'_> {
    /// Asks until there is an answer, or for as long as anybody can wait for it.
    pub(super) async fn settle(&self, token: &Token) -> Settled {
        tracing::warn!("the answer to a COMMIT was lost");
        let end = Instant::now() + SETTLE_MAX;
        let mut pause = SETTLE_FIRST;
        loop {
            let asked = tokio::time::timeout_at(end, self.ask(token)).await;
            match asked {
                Ok(Ok(settled)) => return settled,
                Ok(Err(trouble)) => tracing::warn!(?trouble, "a write could not be settled yet"),
                Err(_elapsed) => {}
            }
            if Instant::now() + pause >= end {
                return Settled::Unknown;
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(SETTLE_LAST);
        }
    }

    async fn ask(&self, token: &Token) -> Result<Settled, Trouble> {
        let client = self.pool.get().await?;
        let statement = client.prepare_cached(ASK).await?;
        let row = client.query_one(&statement, &[&token.bytes()]).await?;
        Ok(match row.try_get(0)? {
            true => Settled::Committed,
            false => Settled::Never,
        })
    }
}

/// The tries of a write.
pub(super) struct Tries {
    left: u32,
    pause: Duration,
}

impl Tries {
    pub(super) const fn new() -> Self {
        Self {
            left: TRIES_MAX,
            pause: TRY_FIRST,
        }
    }

    /// Waits for another try if one can help; else the answer.
    pub(super) async fn again(
        &mut self,
        trouble: Trouble,
        shared: &Shared,
    ) -> Result<(), CommitError> {
        let error = match trouble {
            Trouble::Refused(error) => return Err(error),
            Trouble::Fatal(reason) => {
                shared.signals.stop(&reason);
                return Err(CommitError::Stopped { reason });
            }
            Trouble::All(error) => error,
        };
        self.left = self.left.saturating_sub(1);
        if self.left == 0 || !passing(&error) {
            return Err(error);
        }
        if unreachable(&Trouble::All(error)) {
            // What ended one connection ended most likely all of them.
            shared.pool.retain(|_, _| false);
            shared.writers.retain(|_, _| false);
        }
        sleep(self.pause).await;
        self.pause = self.pause.saturating_mul(3);
        Ok(())
    }
}
