//! The quotas that all nodes share (INV-26). The row of a merchant number and kind is locked while its
//! grants are dealt with; the rules are [`tuikuan_domain::quota`]'s. A grant is durable before it is
//! used, so that a restart of the database does not give the same second twice. Of an answer that was
//! lost nobody uses anything: those permits come free like any others.

use deadpool_postgres::Transaction;
use jiff::SignedDuration;
use tokio_postgres::Row;
use tuikuan_domain::quota::{Answer, Ask, Counted, Grant, Grants};
use tuikuan_terms::MchId;

use crate::error::CommitError;
use crate::postgres::Postgres;
use crate::store::Nodes;
use crate::trouble::{Trouble, UNREADABLE};

/// In the order of the kinds, as everybody does: two nodes never wait for each other in a ring.
const LOCK: &str = "SELECT kind, last, numbers, permits, valid FROM quotas
    WHERE mch_id = $1 AND kind = ANY ($2) ORDER BY kind FOR UPDATE";

const MAKE: &str = "INSERT INTO quotas (mch_id, kind) SELECT $1, unnest($2::TEXT[])
    ON CONFLICT (mch_id, kind) DO NOTHING";

const WRITE: &str = "UPDATE quotas SET last = $3, numbers = $4, permits = $5, valid = $6
    WHERE mch_id = $1 AND kind = $2";

impl Postgres {
    /// Any number of processes work on it.
    #[expect(clippy::unused_self, reason = "each engine answers for itself")]
    pub(crate) fn nodes(&self) -> Nodes {
        Nodes::Many
    }

    /// Deals with what a node says about some kinds of a merchant's calls, and answers in its order.
    pub(crate) async fn grant(
        &self,
        mch_id: &MchId,
        asks: Vec<(Counted, Ask)>,
    ) -> Result<Vec<Answer>, CommitError> {
        let dealt = self.deal(mch_id.as_str(), &asks).await;
        dealt.map_err(|trouble| match trouble {
            Trouble::Refused(error) | Trouble::All(error) => error,
            Trouble::Fatal(reason) => CommitError::Stopped { reason },
        })
    }

    async fn deal(&self, mch_id: &str, asks: &[(Counted, Ask)]) -> Result<Vec<Answer>, Trouble> {
        let mut client = self.0.pool.get().await?;
        let transaction = client.transaction().await?;
        let kinds: Vec<&str> = asks.iter().map(|(kind, _)| kind.as_str()).collect();
        let mut rows = locked(&transaction, mch_id, &kinds).await?;
        if rows.len() < kinds.len() {
            let make = transaction.prepare_cached(MAKE).await?;
            transaction.execute(&make, &[&mch_id, &kinds]).await?;
            rows = locked(&transaction, mch_id, &kinds).await?;
        }
        let mut answers = Vec::with_capacity(asks.len());
        let mut changed = false;
        for (kind, ask) in asks {
            let row = rows
                .iter()
                .find(|row| {
                    row.try_get::<_, &str>(0)
                        .is_ok_and(|found| found == kind.as_str())
                })
                .ok_or(UNREADABLE)?;
            let before = grants(row)?;
            let mut after = before.clone();
            answers.push(after.answer(ask));
            if after != before {
                write(&transaction, (mch_id, kind.as_str()), &after).await?;
                changed = true;
            }
        }
        match changed {
            true => transaction.commit().await?,
            false => transaction.rollback().await?,
        }
        Ok(answers)
    }
}

async fn locked(
    transaction: &Transaction<'_>,
    mch_id: &str,
    kinds: &[&str],
) -> Result<Vec<Row>, Trouble> {
    let lock = transaction.prepare_cached(LOCK).await?;
    Ok(transaction.query(&lock, &[&mch_id, &kinds]).await?)
}

async fn write(
    transaction: &Transaction<'_>,
    (mch_id, kind): (&str, &str),
    grants: &Grants,
) -> Result<(), Trouble> {
    let counting = &grants.counting;
    let numbers: Vec<i64> = counting.iter().map(|grant| grant.number).collect();
    let permits: Vec<i64> = counting.iter().map(|grant| grant.permits.into()).collect();
    let valid: Vec<i64> = counting.iter().map(|grant| micros(grant.valid)).collect();
    let write = transaction.prepare_cached(WRITE).await?;
    let values: crate::postgres::Params<'_> =
        &[&mch_id, &kind, &grants.last, &numbers, &permits, &valid];
    match transaction.execute(&write, values).await? {
        1 => Ok(()),
        _ => Err(UNREADABLE.into()),
    }
}

fn grants(row: &Row) -> Result<Grants, Trouble> {
    let numbers: Vec<i64> = row.try_get(2)?;
    let permits: Vec<i64> = row.try_get(3)?;
    let valid: Vec<i64> = row.try_get(4)?;
    let each = numbers.into_iter().zip(permits).zip(valid);
    let counting = each.map(|((number, permits), valid)| {
        let permits = u32::try_from(permits).map_err(|_negative| UNREADABLE)?;
        let valid = SignedDuration::from_micros(valid);
        Ok(Grant {
            number,
            permits,
            valid,
        })
    });
    Ok(Grants {
        last: row.try_get(1)?,
        counting: counting.collect::<Result<_, CommitError>>()?,
    })
}

/// Rounded up: nothing is over before it is.
fn micros(valid: SignedDuration) -> i64 {
    let part = i64::from(valid.subsec_nanos() % 1000 != 0);
    i64::try_from(valid.as_micros()).map_or(i64::MAX, |whole| whole.saturating_add(part))
}
