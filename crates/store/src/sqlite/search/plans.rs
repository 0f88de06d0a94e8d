//! The plans of every statement of the search: none walks the whole table, and what is read page by
//! page is not sorted either.

use rusqlite::Connection;

use super::candidates::{AMOUNTS, BY_NUMBER};
use super::{end_sql, rows_sql};
use crate::search::stretch::Stretch;
use crate::search::way::Way;
use crate::sqlite::open;
use crate::sqlite::story::STATEMENTS;

fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    for parameter in 1..=statement.parameter_count() {
        statement.raw_bind_parameter(parameter, 1).unwrap();
    }
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get::<_, String>(3).unwrap());
    }
    steps
}

fn scans(steps: &[String]) -> bool {
    let scan = |step: &String| step.starts_with("SCAN") && !step.contains("json_each");
    // A list of ids that is looked up is no walk.
    steps.iter().any(scan)
}

fn sorts(steps: &[String]) -> bool {
    steps
        .iter()
        .any(|step| step.contains("TEMP B-TREE FOR ORDER"))
}

fn stretches() -> [Stretch; 2] {
    [true, false].map(|back| Stretch {
        high: (0, String::new()),
        low: (0, String::new()),
        back,
    })
}

#[test]
fn no_way_walks_the_table_and_none_that_is_wide_sorts() {
    let (connection, _key) = open::writer(":memory:", None).unwrap();
    for way in Way::ALL {
        for stretch in stretches() {
            let narrow = matches!(way, Way::Picked | Way::Amounts);
            let steps = plan(&connection, &rows_sql(way, &stretch));
            assert!(!scans(&steps), "{way:?}: {steps:?}");
            assert!(narrow || !sorts(&steps), "{way:?}: {steps:?}");
            if narrow {
                continue;
            }
            // Both ends of the stretch bound the walk, and the end is found in the index alone.
            assert_eq!(steps.len(), 1, "{way:?}: {steps:?}");
            let (low, high) = ("(created_at,id)>(?,?)", "(created_at,id)<(?,?)");
            assert!(
                steps[0].contains(low) && steps[0].contains(high),
                "{steps:?}"
            );
            let steps = plan(&connection, &end_sql(way, &stretch));
            assert!(!scans(&steps) && !sorts(&steps), "{way:?}: {steps:?}");
            assert!(
                steps[0].contains(low) && steps[0].contains(high),
                "{steps:?}"
            );
        }
    }
}

#[test]
fn every_look_up_is_by_an_index() {
    let (connection, _key) = open::writer(":memory:", None).unwrap();
    for sql in BY_NUMBER.into_iter().chain(STATEMENTS) {
        let steps = plan(&connection, sql);
        assert!(!scans(&steps) && !sorts(&steps), "{sql}: {steps:?}");
    }
    let steps = plan(&connection, AMOUNTS);
    assert!(
        steps.iter().any(|step| step.contains("refunds_amount")),
        "{steps:?}"
    );
}
