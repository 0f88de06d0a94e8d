//! Statements that concern all operations of a group at once, sent without waiting for each other's
//! answers: a burst costs one round trip.

use std::borrow::Cow;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::error::CommitError;
use crate::trouble::{Trouble, broken};

/// A column of the rows that a statement is given.
pub(super) type Column<'a> = Box<dyn ToSql + Sync + Send + 'a>;

/// A statement on its way.
pub(super) type Sending<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, Trouble>> + Send + 'a>>;

/// A statement and its rows, column by column.
pub(super) struct Statement<'a> {
    sql: &'static str,
    columns: Vec<Column<'a>>,
    touches: Option<u64>,
    /// What is broken when it touches others; none: somebody was faster.
    promise: Option<&'static str>,
}

impl<'a> Statement<'a> {
    pub(super) fn new(sql: &'static str, columns: Vec<Column<'a>>) -> Self {
        Self {
            sql,
            columns,
            touches: None,
            promise: None,
        }
    }

    /// It must touch so many rows; else somebody was faster.
    pub(super) fn touching(self, rows: usize) -> Self {
        Self {
            touches: u64::try_from(rows).ok(),
            ..self
        }
    }

    /// Our own code has promised that it does.
    pub(super) fn promised(self, constraint: &'static str) -> Self {
        Self {
            promise: Some(constraint),
            ..self
        }
    }

    async fn send(
        &self,
        client: &ClientWrapper,
        prepared: tokio_postgres::Statement,
    ) -> Result<Vec<Row>, Trouble> {
        let values: Vec<&(dyn ToSql + Sync)> = self
            .columns
            .iter()
            .map(|column| column.as_ref() as &(dyn ToSql + Sync))
            .collect();
        match self.touches {
            None => Ok(client.query(&prepared, &values).await?),
            Some(rows) if client.execute(&prepared, &values).await? == rows => Ok(Vec::new()),
            Some(_) => Err(match self.promise {
                Some(constraint) => broken(constraint),
                None => CommitError::Conflict.into(),
            }),
        }
    }

    /// Sends it and waits for it.
    pub(super) async fn run(&self, client: &ClientWrapper) -> Result<Vec<Row>, Trouble> {
        let prepared = client.prepare_cached(self.sql).await?;
        self.send(client, prepared).await
    }
}

/// What of each row a column holds.
pub(super) fn column<'a, R, T>(rows: &'a [R], value: impl Fn(&'a R) -> T) -> Column<'a>
where
    T: 'a + Send + Sync,
    Vec<T>: ToSql,
    T: std::fmt::Debug,
{
    Box::new(rows.iter().map(value).collect::<Vec<T>>())
}

/// A text of somebody else's. PostgreSQL keeps no NUL in a text, and nothing is refused because of one.
pub(super) fn kept(text: &str) -> Cow<'_, str> {
    match text.contains('\0') {
        true => Cow::Owned(text.replace('\0', "\u{fffd}")),
        false => Cow::Borrowed(text),
    }
}

/// The statements, ready to be sent. Only the first time of each on a connection needs round trips.
pub(super) async fn prepared<'a>(
    client: &'a ClientWrapper,
    statements: &'a [Statement<'a>],
) -> Result<Vec<Sending<'a>>, Trouble> {
    let mut sendings: Vec<Sending<'a>> = Vec::with_capacity(statements.len());
    for statement in statements {
        let prepared = client.prepare_cached(statement.sql).await?;
        sendings.push(Box::pin(statement.send(client, prepared)));
    }
    Ok(sendings)
}

/// A command without rows.
pub(super) fn command<'a>(client: &'a ClientWrapper, sql: &'static str) -> Sending<'a> {
    Box::pin(async move {
        client.batch_execute(sql).await?;
        Ok(Vec::new())
    })
}

/// Sends all in their order, then waits for all. The first that fails is the answer: the others fail
/// only because of it.
pub(super) async fn together(mut sendings: Vec<Sending<'_>>) -> Result<Vec<Vec<Row>>, Trouble> {
    let mut answers: Vec<Option<Result<Vec<Row>, Trouble>>> =
        sendings.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (sending, answer) in sendings.iter_mut().zip(&mut answers) {
            match answer {
                Some(Ok(_)) => continue,
                // What was not sent yet is not sent any more, the COMMIT above all.
                Some(Err(_)) => break,
                None => {}
            }
            if let Poll::Ready(said) = sending.as_mut().poll(context) {
                let failed = said.is_err();
                *answer = Some(said);
                if failed {
                    break;
                }
            }
        }
        // The answer to a later one may be here first; that one failed only because of another.
        for answer in &answers {
            match answer {
                None => return Poll::Pending,
                Some(Err(_)) => return Poll::Ready(()),
                Some(Ok(_)) => {}
            }
        }
        Poll::Ready(())
    })
    .await;
    answers.into_iter().flatten().collect()
}
