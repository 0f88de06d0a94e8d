//! What the rows of a batch cost at best: one bare transaction on a connection of its own, same
//! schema, same durability. Benches hold the acceptance of a batch against it.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::params;
use tuikuan_domain::batch::Numbering;

use crate::batch::CheckedLine;
use crate::error::OpenError;
use crate::sqlite::batch::LINE_UPSERT;
use crate::sqlite::open;

/// Inserts the lines into a new database and says how long that took, the commit included.
///
/// # Errors
/// [`OpenError`].
pub fn bare_batch_insert(file: &Path, lines: &[CheckedLine]) -> Result<Duration, OpenError> {
    let file = file.to_string_lossy();
    let (connection, _key) = open::writer(&file, None)?;
    let batch = "bt_00000000000000000000000000000001";
    let sql = "INSERT INTO batches (
                   id, merchant, mch_id, content, state, lines, new_lines, new_amount,
                   existing_lines, faulty_lines, faulty_amount, warned_lines, unknown_payments,
                   of_one_order, created_by, created_at, next_line, version)
               VALUES (?1, 'main', '1900000109', x'00', 'draft', 0, 0, 0, 0, 0, 0, 0, 0, 0, 'cli',
                   0, 0, 1)";
    connection.execute(sql, [batch])?;
    let began = Instant::now();
    let transaction = connection.unchecked_transaction()?;
    {
        let mut statement = transaction.prepare_cached(LINE_UPSERT)?;
        for checked in lines {
            let line = &checked.line;
            statement.execute(params![
                batch,
                line.number,
                line.order.out_trade_no.as_ref().map(|no| no.as_str()),
                line.order.transaction_id.as_ref().map(|id| id.as_str()),
                line.amount.get(),
                line.out_refund_no.as_str(),
                line.numbering == Numbering::Given,
                line.reason.as_ref().map(|reason| reason.as_str()),
                checked.verdict.fault.map(|fault| fault.as_str()),
                None::<&str>,
                checked.verdict.detail,
                "pending",
            ])?;
        }
    }
    transaction.commit()?;
    Ok(began.elapsed())
}
