//! One process works on a file: its engine counts calls by itself, and nothing is stored of them.

use tuikuan_domain::quota::{Answer, Ask, Counted};
use tuikuan_terms::MchId;

use crate::error::CommitError;
use crate::sqlite::Sqlite;
use crate::store::Nodes;

impl Sqlite {
    /// One process works on it.
    #[expect(clippy::unused_self, reason = "each engine answers for itself")]
    pub(crate) fn nodes(&self) -> Nodes {
        Nodes::One
    }

    /// Nothing is given here: see [`Nodes::One`].
    #[expect(clippy::unused_async, reason = "the same shape as PostgreSQL's")]
    pub(crate) async fn grant(
        &self,
        _mch_id: &MchId,
        asks: Vec<(Counted, Ask)>,
    ) -> Result<Vec<Answer>, CommitError> {
        Ok(asks.iter().map(|_ask| Answer::default()).collect())
    }
}
