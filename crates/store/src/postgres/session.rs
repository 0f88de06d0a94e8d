//! A connection in a transaction, and how the transaction ends. When the answer to its COMMIT is lost, the
//! database is asked what became of it (INV-42).

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use deadpool_postgres::{ClientWrapper, Object, Pool};
use tokio_postgres::Row;

use crate::error::CommitError;
use crate::postgres::burst::{Statement, command, prepared, together};
use crate::postgres::settle::{Settled, Settler, Token};
use crate::postgres::trouble::{UNREACHABLE, uncertain, unreachable};
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

    /// Begins, and looks in the same burst. The first answer is that to BEGIN.
    pub(super) async fn look(
        &mut self,
        statements: &[Statement<'_>],
    ) -> Result<Vec<Vec<Row>>, Trouble> {
        let looks = prepared(&self.client, statements).await?;
        self.state = State::Open;
        let mut sendings = vec![command(&self.client, "BEGIN")];
        sendings.extend(looks);
        together(sendings).await
    }

    /// Sends statements in one burst.
    pub(super) async fn send(
        &self,
        statements: &[Statement<'_>],
    ) -> Result<Vec<Vec<Row>>, Trouble> {
        together(prepared(&self.client, statements).await?).await
    }

    /// Sends the last statements and makes all durable, in one burst. The transaction holds `token`.
    /// An error says that nothing was written, or that nobody knows; `None`: it is durable, but the
    /// answers were lost.
    pub(super) async fn finish(
        mut self,
        statements: &[Statement<'_>],
        settler: &Settler<'_>,
        token: &Token,
    ) -> Result<Option<Vec<Vec<Row>>>, Trouble> {
        let mut sendings = prepared(&self.client, statements).await?;
        sendings.push(command(&self.client, "COMMIT"));
        match together(sendings).await {
            Ok(rows) => {
                self.state = State::Ended;
                Ok(Some(rows))
            }
            Err(trouble) if unreachable(&trouble) => {
                // Its place in the pool is free for whoever settles.
                drop(self);
                settled(settler.settle(token).await)?;
                Ok(None)
            }
            Err(trouble) => Err(trouble),
        }
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
        Settled::Unknown => Err(Trouble::All(CommitError::Unsettled)),
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
