//! A connection in a transaction, and how the transaction ends. When the answer to its COMMIT is lost, the
//! database is asked what became of it (INV-42).

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use deadpool_postgres::{ClientWrapper, Object, Pool};

use crate::postgres::settle::{Settled, Settler, Token};
use crate::postgres::trouble::{UNREACHABLE, uncertain};
use crate::trouble::Trouble;

/// A connection in a transaction. Dropped, it rolls back.
pub(super) struct Session {
    client: Object,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Ended,
}

impl Session {
    /// A connection that is told to begin together with its first statements: see [`Session::start`].
    pub(super) async fn new(pool: &Pool) -> Result<Self, Trouble> {
        let client = pool.get().await?;
        Ok(Self {
            client,
            state: State::Ended,
        })
    }

    /// A connection in a transaction.
    pub(super) async fn begin(pool: &Pool) -> Result<Self, Trouble> {
        let mut session = Self::new(pool).await?;
        session.start().await?;
        Ok(session)
    }

    /// Begins. What is polled after this future's first poll already stands inside.
    pub(super) fn start(&mut self) -> impl Future<Output = Result<(), Trouble>> + Send + use<'_> {
        self.state = State::Open;
        let client = &self.client;
        async move { Ok(client.batch_execute("BEGIN").await?) }
    }

    pub(super) fn client(&self) -> &ClientWrapper {
        &self.client
    }

    /// Makes it durable. The transaction holds `token`. An error says that nothing was written, or
    /// that nobody knows.
    pub(super) async fn commit(
        mut self,
        settler: &Settler<'_>,
        token: &Token,
    ) -> Result<(), Trouble> {
        let answered = self.client.batch_execute("COMMIT").await;
        self.state = State::Ended;
        match answered {
            Ok(()) => Ok(()),
            Err(error) if uncertain(&error) => {
                // Its place in the pool is free for whoever settles.
                drop(self);
                settled(settler.settle(token).await)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Undoes it.
    pub(super) async fn roll_back(mut self) -> Result<(), Trouble> {
        self.state = State::Ended;
        Ok(self.client.batch_execute("ROLLBACK").await?)
    }
}

/// What follows from what the database says about a COMMIT.
pub(super) fn settled(settled: Settled) -> Result<(), Trouble> {
    match settled {
        Settled::Committed => Ok(()),
        Settled::Never => Err(Trouble::All(UNREACHABLE)),
        Settled::Unknown => Err(Trouble::All(crate::error::CommitError::Unsettled)),
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.state == State::Open {
            // The first poll sends it; nobody waits for the answer.
            let rollback = pin!(self.client.batch_execute("ROLLBACK"));
            drop(rollback.poll(&mut Context::from_waker(Waker::noop())));
        }
    }
}
