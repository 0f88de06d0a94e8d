//! The audit log is written with the act, shown in pages, and shows every edit from outside
//! (INV-35).

use rusqlite::{Connection, params};
use tuikuan_domain::Command;
use tuikuan_store::{
    Action, AdminChange, Administered, AuditFault, AuditFilter, AuditHead, Change, CommitError,
    Merchants, NewAudit, Options,
};

use crate::world::{World, at, merchant, person, sqlite};

conformance! {
    a_change_and_its_entry_are_written_together_or_not_at_all,
    pages_show_what_fits_the_filter_newest_first,
    the_first_use_of_a_key_on_a_day_is_logged,
}

/// Entries of the log that is edited.
const ENTRIES: i64 = 60;

fn entry(n: i64) -> NewAudit {
    let place = if n % 2 == 0 { "main" } else { "other" };
    let detail = serde_json::json!({ "merchant": place, "n": n, "note": "买家来电" });
    let by = person(u32::try_from(n % 3).unwrap());
    let subject = format!("rf_{:020}", n % 5);
    NewAudit::of(at(n), &by, Action::REFUND_CANCELLED, (&subject, &detail))
}

pub(crate) async fn filled(world: &World) -> AuditHead {
    for n in 1..=ENTRIES {
        let change = AdminChange {
            act: Administered::Noted,
            audit: entry(n),
        };
        world.store.administer(change).await.unwrap();
    }
    verified(world, None).await.unwrap()
}

async fn verified(world: &World, kept: Option<AuditHead>) -> Result<AuditHead, AuditFault> {
    world.store.verify_audit(kept).await.unwrap()
}

async fn a_change_and_its_entry_are_written_together_or_not_at_all(world: World) {
    let id = world.queued(1, at(0)).await;
    let cancel = async |world: &World| Change {
        audit: Some(entry(1)),
        ..world.command(&id, Command::Cancel, at(1)).await
    };
    let (first, second) = (cancel(&world).await, cancel(&world).await);
    world.commit(first).await.unwrap();
    let lost = world.commit(second).await;
    assert!(matches!(lost, Err(CommitError::Conflict)));
    assert_eq!(verified(&world, None).await.unwrap().number, 1);
}

async fn pages_show_what_fits_the_filter_newest_first(world: World) {
    filled(&world).await;
    let mut filter = AuditFilter {
        limit: 7,
        ..AuditFilter::of(Merchants::All)
    };
    let mut seen = Vec::new();
    loop {
        let page = world.store.list_audit(filter.clone()).await.unwrap();
        assert!(page.entries.len() <= 7);
        seen.extend(page.entries.iter().map(|entry| entry.number));
        match page.next {
            Some(next) => filter.before = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, (1..=ENTRIES).rev().collect::<Vec<_>>());
    let of = async |filter: AuditFilter| {
        let page = world.store.list_audit(filter).await.unwrap();
        page.entries
            .into_iter()
            .map(|e| e.number)
            .collect::<Vec<_>>()
    };
    let all = AuditFilter::of(Merchants::All);
    let some = AuditFilter {
        actor: Some(person(1).to_string()),
        subject: Some(format!("rf_{:020}", 1)),
        action: Some("refund.".to_owned()),
        from: Some(at(10)),
        to: Some(at(47)),
        ..all.clone()
    };
    assert_eq!(of(some).await, vec![46, 31, 16]);
    let other = AuditFilter {
        action: Some("key.".to_owned()),
        ..all
    };
    assert_eq!(of(other).await, Vec::<i64>::new());
    let scoped = of(AuditFilter::of(Merchants::Only(vec![merchant("other")]))).await;
    assert!(scoped.len() == 30 && scoped.iter().all(|n| n % 2 == 1));
    assert!(
        of(AuditFilter::of(Merchants::Only(vec![])))
            .await
            .is_empty()
    );
}

/// Numbers from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 33) % u64::try_from(end).unwrap()).unwrap()
    }
}

/// Somebody with a tool, at the file itself.
struct Intruder {
    connection: Connection,
    dice: Dice,
}

impl Intruder {
    fn at(world: &World) -> Self {
        let file = world.url.strip_prefix("sqlite:").unwrap();
        let connection = Connection::open(file).unwrap();
        connection
            .execute_batch(
                "PRAGMA synchronous = OFF; DROP TRIGGER audit_unaltered; DROP TRIGGER audit_kept;
                 CREATE TABLE kept AS
                     SELECT number, at, actor, action, subject, detail, hash FROM audit;",
            )
            .unwrap();
        Self {
            connection,
            dice: Dice(7),
        }
    }

    fn restore(&self) {
        self.connection
            .execute_batch(
                "BEGIN; DELETE FROM audit;
                 INSERT INTO audit (number, at, actor, action, subject, detail, hash)
                     SELECT number, at, actor, action, subject, detail, hash FROM kept;
                 DELETE FROM meta WHERE name IN ('audit', 'audits');
                 INSERT INTO meta (name, number) SELECT 'audit', count(*) FROM kept; COMMIT;",
            )
            .unwrap();
    }

    fn run(&self, sql: &str) {
        self.connection.execute_batch(sql).unwrap();
    }

    /// Flips one bit of one byte of a column.
    fn flip(&mut self, row: i64, column: &str) {
        let read = format!("SELECT CAST({column} AS BLOB) FROM audit WHERE number = ?1");
        let mut bytes: Vec<u8> = self
            .connection
            .query_row(&read, [row], |row| row.get(0))
            .unwrap();
        let place = self.dice.below(i64::try_from(bytes.len()).unwrap());
        let byte = &mut bytes[usize::try_from(place).unwrap()];
        *byte ^= 1 << self.dice.below(8);
        let kind = if column == "hash" { "BLOB" } else { "TEXT" };
        let write = format!("UPDATE audit SET {column} = CAST(?2 AS {kind}) WHERE number = ?1");
        assert_eq!(
            self.connection
                .execute(&write, params![row, bytes])
                .unwrap(),
            1
        );
    }

    /// One edit, and what must be said of it.
    fn edit(&mut self, kind: i64) -> AuditFault {
        let row = 1 + self.dice.below(ENTRIES);
        let inner = 1 + self.dice.below(ENTRIES - 1);
        match kind {
            0..=3 => {
                self.flip(
                    row,
                    ["actor", "action", "subject", "detail"][usize::try_from(kind).unwrap()],
                );
                AuditFault::Altered { number: row }
            }
            4 => {
                self.flip(row, "hash");
                AuditFault::Altered { number: row }
            }
            5 => {
                let bit = 1_i64 << self.dice.below(62);
                self.run(&format!(
                    "UPDATE audit SET at = at + {bit} WHERE number = {row}"
                ));
                AuditFault::Altered { number: row }
            }
            6 => {
                self.run(&format!("DELETE FROM audit WHERE number = {inner}"));
                AuditFault::Gap { expected: inner }
            }
            7 => {
                // The hole is closed, and counted.
                self.run(&format!(
                    "DELETE FROM audit WHERE number = {inner};
                     UPDATE audit SET number = -number WHERE number > {inner};
                     UPDATE audit SET number = -number - 1 WHERE number < 0;
                     UPDATE meta SET number = number - 1 WHERE name = 'audit'"
                ));
                AuditFault::Altered { number: inner }
            }
            _ => self.edit_order(kind, (row, inner)),
        }
    }

    /// Lines in other places, cut off, or once more.
    fn edit_order(&mut self, kind: i64, (row, inner): (i64, i64)) -> AuditFault {
        match kind {
            8 => {
                let (one, other) = (inner.min(row), inner.max(row));
                let (one, other) = if one == other {
                    (one, one + 1)
                } else {
                    (one, other)
                };
                self.run(&format!(
                    "UPDATE audit SET number = -1 WHERE number = {one};
                     UPDATE audit SET number = {one} WHERE number = {other};
                     UPDATE audit SET number = {other} WHERE number = -1"
                ));
                AuditFault::Altered { number: one }
            }
            9 => {
                let last = ENTRIES - inner;
                self.run(&format!("DELETE FROM audit WHERE number > {last}"));
                let recorded = ENTRIES;
                AuditFault::Cut { last, recorded }
            }
            10 => {
                let number = ENTRIES + 1 + self.dice.below(50);
                self.run(&format!(
                    "UPDATE audit SET number = {number} WHERE number = {row}"
                ));
                AuditFault::Gap { expected: row }
            }
            11 => {
                self.run(
                    "INSERT INTO audit (number, at, actor, action, subject, detail, hash)
                    SELECT number + 1, at, actor, action, subject, detail, hash FROM audit
                    ORDER BY number DESC LIMIT 1",
                );
                AuditFault::Altered {
                    number: ENTRIES + 1,
                }
            }
            _ => self.edit_counter(),
        }
    }

    fn edit_counter(&mut self) -> AuditFault {
        let last = ENTRIES;
        let by = 1 + self.dice.below(ENTRIES);
        match self.dice.below(4) {
            0 => {
                self.run(&format!(
                    "UPDATE meta SET number = number - {by} WHERE name = 'audit'"
                ));
                let recorded = Some(ENTRIES - by);
                AuditFault::Counter { last, recorded }
            }
            1 => {
                self.run(&format!(
                    "UPDATE meta SET number = number + {by} WHERE name = 'audit'"
                ));
                let recorded = ENTRIES + by;
                AuditFault::Cut { last, recorded }
            }
            2 => {
                self.run("DELETE FROM meta WHERE name = 'audit'");
                AuditFault::Counter {
                    last,
                    recorded: None,
                }
            }
            _ => {
                self.run("UPDATE meta SET name = 'audits' WHERE name = 'audit'");
                AuditFault::Counter {
                    last,
                    recorded: None,
                }
            }
        }
    }
}

#[tokio::test]
async fn a_thousand_random_edits_of_the_log_are_all_found_with_the_place() {
    let world = sqlite(&Options::inline()).await;
    let head = filled(&world).await;
    let mut intruder = Intruder::at(&world);
    for n in 0..1000 {
        let kind = if n < 13 { n } else { intruder.dice.below(13) };
        let expected = intruder.edit(kind);
        assert_eq!(
            verified(&world, None).await,
            Err(expected),
            "edit {n} of kind {kind}"
        );
        intruder.restore();
        if n % 100 == 0 {
            assert_eq!(verified(&world, Some(head)).await, Ok(head));
        }
    }
}

#[tokio::test]
async fn a_log_written_anew_is_seen_against_a_head_that_was_kept_elsewhere() {
    let world = sqlite(&Options::inline()).await;
    let head = filled(&world).await;
    // Another history of the same length, sound in itself.
    let other = sqlite(&Options::inline()).await;
    for n in 1..=ENTRIES {
        let mut audit = entry(n);
        if n == 9 {
            audit.actor = "usr_0000000000009999".to_owned();
        }
        let act = Administered::Noted;
        other
            .store
            .administer(AdminChange { act, audit })
            .await
            .unwrap();
    }
    let intruder = Intruder::at(&world);
    let from = other.url.strip_prefix("sqlite:").unwrap();
    intruder.run(&format!(
        "ATTACH '{from}' AS other; DELETE FROM audit;
         INSERT INTO audit (number, at, actor, action, subject, detail, hash)
             SELECT number, at, actor, action, subject, detail, hash FROM other.audit;"
    ));
    assert!(
        verified(&world, None).await.is_ok(),
        "the chain alone cannot know"
    );
    let number = head.number;
    assert_eq!(
        verified(&world, Some(head)).await,
        Err(AuditFault::HeadDiffers { number })
    );
    intruder.restore();
    // The tail is cut, and the counter says so too.
    intruder.run(
        "DELETE FROM audit WHERE number > 50;
        UPDATE meta SET number = 50 WHERE name = 'audit'",
    );
    assert!(verified(&world, None).await.is_ok());
    let cut = AuditFault::Cut {
        last: 50,
        recorded: ENTRIES,
    };
    assert_eq!(verified(&world, Some(head)).await, Err(cut));
}

/// The sources of the crates that write entries, without their tests.
fn sources() -> Vec<(String, String)> {
    let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut open: Vec<_> = ["domain", "engine", "store", "server", "tuikuan"]
        .map(|name| crates.join(name).join("src"))
        .to_vec();
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]").next().unwrap_or_default();
                found.push((path.display().to_string(), text.to_owned()));
            }
        }
    }
    found
}

#[test]
fn everything_that_is_logged_stands_in_the_table() {
    let of_what: Vec<&str> = Action::ALL
        .iter()
        .filter_map(|action| action.name.split('.').next())
        .collect();
    for (file, text) in sources() {
        for literal in text.split('"').skip(1).step_by(2) {
            let Some((what, done)) = literal.split_once('.') else {
                continue;
            };
            let word = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            let dotted = !done.is_empty() && word(what) && word(done);
            let file_name = ["csv", "db", "html", "json", "toml"].contains(&done);
            let other = file_name || tuikuan_domain::EventKind::parse(literal).is_some();
            if dotted && !other && of_what.contains(&what) {
                assert!(Action::parse(literal).is_some(), "{literal} of {file}");
            }
        }
    }
}

async fn the_first_use_of_a_key_on_a_day_is_logged(world: World) {
    let key = tuikuan_store::ApiKey {
        id: "key_00000001".parse().unwrap(),
        name: "shop".to_owned(),
        hash: [1; 32],
        owner: None,
        role: tuikuan_domain::Role::Operator,
        scope: tuikuan_store::Scope::All,
        created_at: at(0),
        created_by: None,
        last_used_at: None,
        expires_at: None,
        revoked_at: None,
    };
    let change = AdminChange {
        act: Administered::KeyCreated(key.clone()),
        audit: entry(1),
    };
    world.store.administer(change).await.unwrap();
    // An hour later, and on the next day.
    for seconds in [0, 10, 3600, 86_400] {
        world
            .store
            .touch_key(key.id.clone(), at(seconds))
            .await
            .unwrap();
    }
    let filter = AuditFilter {
        action: Some("key.used".to_owned()),
        ..AuditFilter::of(Merchants::All)
    };
    let log = world.store.list_audit(filter).await.unwrap().entries;
    let days: Vec<_> = log.iter().map(|entry| entry.entry.at).collect();
    assert_eq!(days, [at(86_400), at(0)]);
}
