//! Opening a database: settings and their proof, schema, data key. A database that is not durable,
//! or that a newer version wrote, is refused (INV-41).

use std::path::{Path, PathBuf};
use std::time::Duration;

use refinery::{Migration, Runner};
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::error::OpenError;
use crate::seal::{DataKey, Place};

mod embedded {
    refinery::embed_migrations!("src/sqlite/migrations");
}

/// How long a connection waits for another process (`key create` beside a running service).
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Memory for pages of the writing connection, in KiB; used as it is needed. More would cost: after
/// most commits SQLite walks the whole table of cached pages. The system caches the file as well.
const CACHE_KIB: i64 = 16 * 1024;

/// Memory for pages of each reading connection, in KiB.
const READER_CACHE_KIB: i64 = 4 * 1024;

/// Statements kept ready on a connection. More than there are.
const STATEMENTS: usize = 128;

const MEMORY: &str = ":memory:";

const KEY_CHECK: Place<'_> = Place {
    table: "meta",
    id: "key_check",
    field: "data",
};

pub(super) fn in_memory(file: &str) -> bool {
    file == MEMORY
}

/// The writing connection of a database, brought up to date, and the key for its secrets.
pub(super) fn writer(
    file: &str,
    pages_max: Option<u32>,
) -> Result<(Connection, DataKey), OpenError> {
    let mut connection = Connection::open(file)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let memory = in_memory(file);
    if !memory {
        // An answer, not only success: WAL is refused on some file systems.
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    }
    connection.execute_batch(&format!(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -{CACHE_KIB}; PRAGMA recursive_triggers = ON;"
    ))?;
    prove(
        &connection,
        "journal_mode",
        if memory { "memory" } else { "wal" },
    )?;
    prove(&connection, "synchronous", "2")?;
    prove(&connection, "foreign_keys", "1")?;
    migrate(&mut connection)?;
    let key = data_key(&connection, file)?;
    if let Some(pages) = pages_max {
        limit_pages(&connection, pages)?;
    }
    Ok((connection, key))
}

/// The connection that moves the log into the database file.
pub(super) fn mover(file: &str) -> Result<Connection, OpenError> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.execute_batch("PRAGMA synchronous = FULL;")?;
    prove(&connection, "synchronous", "2")?;
    Ok(connection)
}

/// A connection that can only read.
pub(super) fn reader(file: &str) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.execute_batch(&format!(
        "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -{READER_CACHE_KIB};"
    ))?;
    Ok(connection)
}

/// Bounds the database; SQLite never goes below its present size.
pub(super) fn limit_pages(connection: &Connection, pages: u32) -> Result<(), rusqlite::Error> {
    connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
}

/// Reads a setting back: what was not taken is not there.
fn prove(connection: &Connection, setting: &'static str, expected: &str) -> Result<(), OpenError> {
    let found = connection.query_row(&format!("PRAGMA {setting}"), [], |row| {
        row.get::<_, rusqlite::types::Value>(0)
    })?;
    let found = match found {
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        other => format!("{other:?}"),
    };
    if found == expected {
        return Ok(());
    }
    Err(OpenError::NotDurable {
        setting,
        expected: expected.to_owned(),
        found,
    })
}

fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let runner: Runner = embedded::migrations::runner();
    let known = runner
        .get_migrations()
        .iter()
        .map(Migration::version)
        .max()
        .unwrap_or(0);
    let known = i64::from(known);
    let found = schema(connection)?;
    if found > known {
        return Err(OpenError::Newer { found, known });
    }
    runner
        .run(connection)
        .map(|_| ())
        .map_err(|source| OpenError::Migration {
            source: Box::new(source),
        })
}

/// The schema's version, 0 for an empty database.
fn schema(connection: &Connection) -> Result<i64, rusqlite::Error> {
    let known = connection
        .query_row(
            "SELECT 1 FROM sqlite_master WHERE name = 'refinery_schema_history'",
            [],
            |_| Ok(()),
        )
        .optional()?;
    match known {
        None => Ok(0),
        Some(()) => connection.query_row(
            "SELECT coalesce(max(version), 0) FROM refinery_schema_history",
            [],
            |row| row.get(0),
        ),
    }
}

fn key_path(file: &str) -> PathBuf {
    Path::new(&format!("{file}.key")).to_owned()
}

/// The data key, made at the first start. A database that was written with a key never gets another.
fn data_key(connection: &Connection, file: &str) -> Result<DataKey, OpenError> {
    let path = key_path(file);
    let mismatch = || OpenError::KeyMismatch { path: path.clone() };
    if in_memory(file) {
        return DataKey::ephemeral().map_err(|_foreign| mismatch());
    }
    let check: Option<Vec<u8>> = connection
        .query_row(
            "SELECT data FROM meta WHERE name = 'key_check'",
            [],
            |row| row.get(0),
        )
        .optional()?;
    let Some(check) = check else {
        let key = DataKey::create(&path)?;
        let sealed = key
            .seal(KEY_CHECK, b"tuikuan")
            .map_err(|_foreign| mismatch())?;
        connection.execute(
            "INSERT OR IGNORE INTO meta (name, data) VALUES ('key_check', ?1)",
            [sealed],
        )?;
        return Ok(key);
    };
    let key = DataKey::read(&path)?;
    key.open(KEY_CHECK, &check).map_err(|_foreign| mismatch())?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use refinery::Target;

    use super::*;

    /// A refund as version 13 of the schema takes it.
    const REFUND: &str = "
        INSERT INTO refunds (
            id, merchant, mch_id, sub_mch_id, out_refund_no, amount, origin, status,
            refusal_unconfirmed, attempts, waits, created_at, version, history_head, requested_by)
        VALUES (?1, 'main', '1900000109', '', ?1, 1, 'api', ?2, 0, 0, 0, 0, 1, x'00', 'usr_a')";

    #[test]
    fn promises_written_in_other_words_are_the_same_promises() {
        let mut connection = Connection::open_in_memory().unwrap();
        let old = embedded::migrations::runner().set_target(Target::Version(13));
        old.run(&mut connection).unwrap();
        connection.execute(REFUND, ["R1", "queued"]).unwrap();
        migrate(&mut connection).unwrap();
        let sound: String = connection
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(sound, "ok");
        let refused = |sql: &str, values: &[&str]| {
            let wrote = connection.execute(sql, rusqlite::params_from_iter(values));
            wrote.unwrap_err().to_string()
        };
        for (status, constraint) in [("lost", "refund_status"), ("succeeded", "refund_end")] {
            assert!(refused(REFUND, &["R2", status]).contains(constraint));
        }
        let own = "UPDATE refunds SET approved_by = 'usr_a' WHERE id = ?1";
        assert!(refused(own, &["R1"]).contains("refund_second_person"));
        let open = [
            "awaiting_approval",
            "queued",
            "submitting",
            "unknown",
            "processing",
            "abnormal",
        ];
        for status in open {
            connection.execute(REFUND, [status, status]).unwrap();
        }
        let ended = "UPDATE refunds SET ended_at = 1, status = ?2 WHERE id = ?1";
        for status in open {
            assert!(refused(ended, &["R1", status]).contains("refund_end"));
        }
        for status in [
            "closed",
            "rejected",
            "cancelled",
            "settled_offline",
            "succeeded",
        ] {
            connection.execute(ended, ["R1", status]).unwrap();
        }
    }

    #[test]
    fn a_schema_in_unknown_words_keeps_its_promises_and_is_not_migrated() {
        let mut connection = Connection::open_in_memory().unwrap();
        let old = embedded::migrations::runner().set_target(Target::Version(13));
        old.run(&mut connection).unwrap();
        connection
            .execute_batch(
                "PRAGMA writable_schema = ON;
                 UPDATE sqlite_schema SET sql = replace(sql, '''dead''', ' ''dead''')
                     WHERE name = 'deliveries';
                 PRAGMA writable_schema = RESET;",
            )
            .unwrap();
        let error = migrate(&mut connection).unwrap_err();
        let cause = format!("{error:?}");
        assert!(
            cause.contains("schema_is_as_migrations_wrote_it"),
            "{cause}"
        );
        assert_eq!(schema(&connection).unwrap(), 13);
        connection.execute(REFUND, ["R1", "queued"]).unwrap();
        let own = "UPDATE refunds SET approved_by = 'usr_a'";
        let refused = connection.execute(own, []).unwrap_err();
        assert!(refused.to_string().contains("refund_second_person"));
    }
}
