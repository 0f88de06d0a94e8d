//! How reads run: on a connection of the pool, and once more on a new one when the connection turns
//! out to be lost, so that a restart of the database costs a reader one more try and no error.

use std::pin::Pin;

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::IsolationLevel;
use tokio_postgres::types::{ToSql, Type};

use crate::error::{DatabaseError, ReadError};
use crate::postgres::trouble::lost;
use crate::postgres::{Params, Postgres};
use crate::rows::Row;

type Read<T> = Result<T, ReadError>;

/// Rows fetched at a time by a read that goes through a whole table.
const FETCHED_ROWS: i32 = 2_000;

/// A value with the type its statement gives it.
pub(super) type Typed<'a> = (&'a (dyn ToSql + Sync), Type);

/// What is read at one instant.
pub(super) type Reading<'s, T> = Pin<Box<dyn Future<Output = Read<T>> + Send + 's>>;

pub(super) fn text(value: &(dyn ToSql + Sync)) -> Typed<'_> {
    (value, Type::TEXT)
}

pub(super) fn texts(value: &(dyn ToSql + Sync)) -> Typed<'_> {
    (value, Type::TEXT_ARRAY)
}

pub(super) fn whole(value: &(dyn ToSql + Sync)) -> Typed<'_> {
    (value, Type::INT8)
}

pub(super) fn truth(value: &(dyn ToSql + Sync)) -> Typed<'_> {
    (value, Type::BOOL)
}

impl Postgres {
    /// A connection that nobody uses.
    pub(super) async fn connection(&self) -> Result<Object, DatabaseError> {
        Ok(self.0.pool.get().await?)
    }

    /// At most one row, in a statement of its own.
    pub(super) async fn one<T>(
        &self,
        sql: &str,
        params: Params<'_>,
        row: impl FnOnce(Row<'_>) -> Read<T>,
    ) -> Read<Option<T>> {
        let found = self.rows(sql, params).await?;
        found.first().map(Row::Postgres).map(row).transpose()
    }

    /// A list, in a statement of its own.
    pub(super) async fn many<T>(
        &self,
        sql: &str,
        params: Params<'_>,
        row: impl FnMut(Row<'_>) -> Read<T>,
    ) -> Read<Vec<T>> {
        let found = self.rows(sql, params).await?;
        found.iter().map(Row::Postgres).map(row).collect()
    }

    /// A list whose statement is put together for what is asked, or whose best way depends on the
    /// values: it is planned anew with them each time, and no connection keeps it.
    pub(super) async fn planned<T>(
        &self,
        sql: &str,
        values: &[Typed<'_>],
        row: impl FnMut(Row<'_>) -> Read<T>,
    ) -> Read<Vec<T>> {
        let found = match self.planned_once(sql, values).await {
            Err(error) if lost(&error) => {
                self.forget_connections();
                self.planned_once(sql, values).await?
            }
            answered => answered?,
        };
        found.iter().map(Row::Postgres).map(row).collect()
    }

    /// Several reads of one state, which later commits do not change. All are done again when the
    /// connection is lost between them.
    pub(super) async fn at_one_instant<T>(
        &self,
        read: impl for<'s> Fn(&'s Snapshot<'_>) -> Reading<'s, T> + Sync,
    ) -> Read<T> {
        match self.instant(&read).await {
            Err(error) if lost(&error) => {
                self.forget_connections();
                self.instant(&read).await
            }
            seen => seen,
        }
    }

    async fn rows(&self, sql: &str, params: Params<'_>) -> Read<Vec<tokio_postgres::Row>> {
        match self.rows_once(sql, params).await {
            Err(error) if lost(&error) => {
                self.forget_connections();
                self.rows_once(sql, params).await
            }
            answered => answered,
        }
    }

    async fn rows_once(&self, sql: &str, params: Params<'_>) -> Read<Vec<tokio_postgres::Row>> {
        let client = self.connection().await?;
        let statement = client.prepare_cached(sql).await?;
        Ok(client.query(&statement, params).await?)
    }

    async fn planned_once(
        &self,
        sql: &str,
        values: &[Typed<'_>],
    ) -> Read<Vec<tokio_postgres::Row>> {
        let client = self.connection().await?;
        Ok(client.query_typed(sql, values).await?)
    }

    async fn instant<T>(
        &self,
        read: &(impl for<'s> Fn(&'s Snapshot<'_>) -> Reading<'s, T> + Sync),
    ) -> Read<T> {
        let mut client = self.connection().await?;
        let begun = client
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true)
            .start();
        let snapshot = Snapshot(begun.await?);
        let seen = read(&snapshot).await?;
        snapshot.0.commit().await?;
        Ok(seen)
    }

    /// What ended one connection ended most likely all of them: the next is a new one.
    fn forget_connections(&self) {
        self.0.pool.retain(|_, _| false);
    }
}

/// A state of the database, in which one read after the other looks.
pub(super) struct Snapshot<'c>(Transaction<'c>);

impl Snapshot<'_> {
    /// At most one row.
    pub(super) async fn one<T>(
        &self,
        sql: &str,
        params: Params<'_>,
        row: impl FnOnce(Row<'_>) -> Read<T>,
    ) -> Read<Option<T>> {
        let statement = self.0.prepare_cached(sql).await?;
        let found = self.0.query(&statement, params).await?;
        found.first().map(Row::Postgres).map(row).transpose()
    }

    /// A list.
    pub(super) async fn many<T>(
        &self,
        sql: &str,
        params: Params<'_>,
        row: impl FnMut(Row<'_>) -> Read<T>,
    ) -> Read<Vec<T>> {
        let statement = self.0.prepare_cached(sql).await?;
        let found = self.0.query(&statement, params).await?;
        found.iter().map(Row::Postgres).map(row).collect()
    }

    /// From here on statements may go through whole tables as they lie.
    pub(super) async fn through_tables(&self) -> Read<()> {
        Ok(self
            .0
            .batch_execute("SET LOCAL enable_seqscan = on")
            .await?)
    }

    /// Goes through all rows of a statement, some at a time: however many they are, few are held.
    pub(super) async fn each(
        &self,
        sql: &str,
        mut row: impl FnMut(Row<'_>) -> Read<()>,
    ) -> Read<()> {
        let statement = self.0.prepare_cached(sql).await?;
        let portal = self.0.bind(&statement, &[]).await?;
        loop {
            let found = self.0.query_portal(&portal, FETCHED_ROWS).await?;
            if found.is_empty() {
                return Ok(());
            }
            for found in &found {
                row(Row::Postgres(found))?;
            }
        }
    }
}
