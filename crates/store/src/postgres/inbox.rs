//! The list of notifications: each merchant's newest in an index, merged.

use jiff::Timestamp;

use crate::error::ReadError;
use crate::inbox::{InboxFilter, Settled};
use crate::postgres::Postgres;
use crate::postgres::reads::{texts, whole};
use crate::records::InboxRecord;
use crate::rows::{self, inbox_columns};
use crate::select::LIST_MAX;

const HEAD: &str = concat!(
    "SELECT ",
    inbox_columns!(),
    " FROM unnest($1::TEXT[]) AS m (name) CROSS JOIN LATERAL (SELECT i.* FROM inbox i WHERE "
);
const RANGE: &str = "i.merchant = m.name AND (i.received_at, i.number) < ($2, $3)
    AND i.received_at >= $4 AND ($5 IS NULL OR i.outcome = ANY ($5))";
/// Repeats the condition of a partial index, so that the index is used.
const ODD: &str = " AND i.outcome NOT IN ('applied', 'hint', 'payment')";
const UNSETTLED: &str = " AND NOT EXISTS (SELECT 1 FROM care k
    WHERE k.subject = 'notification:' || i.number AND k.settled_at IS NOT NULL)";
const TAIL: &str = " ORDER BY i.received_at DESC, i.number DESC LIMIT $6) newest";

impl Postgres {
    pub(crate) async fn notifications(
        &self,
        filter: InboxFilter,
    ) -> Result<Vec<InboxRecord>, ReadError> {
        let limit = filter.limit.clamp(1, LIST_MAX);
        let merchants = self
            .merchants_of(filter.merchant.as_ref(), &filter.allowed)
            .await?;
        let names: Vec<&str> = merchants.iter().map(|name| name.as_str()).collect();
        let outcomes = Some(&filter.outcomes).filter(|some| !some.is_empty());
        let (to, number) = filter.upper_end();
        let from = filter.from.map_or(i64::MIN, Timestamp::as_microsecond);
        let rows = i64::from(limit);
        let values = [
            texts(&names),
            whole(&to),
            whole(&number),
            whole(&from),
            texts(&outcomes),
            whole(&rows),
        ];
        let sql = [
            HEAD,
            RANGE,
            if filter.all_odd() { ODD } else { "" },
            match filter.settled {
                Settled::Hidden => UNSETTLED,
                Settled::Shown => "",
            },
            TAIL,
        ];
        let found = self.planned(&sql.concat(), &values, rows::inbox).await?;
        Ok(filter.newest(found))
    }
}
