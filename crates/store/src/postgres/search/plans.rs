//! The plans of every statement of the search: none walks a whole table, and what is read page by
//! page is not sorted either. Asked of an empty schema without statistics and without values, so that
//! they follow from the statements alone. Where there is no PostgreSQL to ask, the tests say so.

use std::io::Write;

use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::candidates::{AMOUNTS, BY_NUMBER};
use super::{end_sql, rows_sql};
use crate::postgres::open::SESSION;
use crate::postgres::story::{DELIVERIES, NOTIFICATIONS, UNDER};
use crate::search::stretch::Stretch;
use crate::search::way::Way;

const SCHEMA: &str = include_str!("../migrations/V10__base.sql");

/// A connection in a transaction that made the schema and is never committed.
async fn schema() -> Option<Client> {
    let Ok(server) = std::env::var("TUIKUAN_TEST_POSTGRES_URL") else {
        let required =
            std::env::var("TUIKUAN_TEST_POSTGRES").is_ok_and(|value| value == "required");
        assert!(
            !required,
            "no PostgreSQL to test on: run with scripts/postgres"
        );
        writeln!(std::io::stderr(), "skipped: no PostgreSQL").unwrap();
        return None;
    };
    let url = format!("{}/postgres", server.trim_end_matches('/'));
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    drop(tokio::spawn(connection));
    let begin = "BEGIN; CREATE SCHEMA plans; SET LOCAL search_path = plans;
        SET plan_cache_mode = force_generic_plan";
    for sql in [SESSION, begin, SCHEMA] {
        client.batch_execute(sql).await.unwrap();
    }
    Some(client)
}

/// The plan of a statement whose values have these types.
async fn plan(client: &Client, sql: &str, types: &[&str]) -> String {
    let prepare = format!("PREPARE asked ({}) AS {sql}", types.join(", "));
    client.batch_execute(&prepare).await.unwrap();
    let values = vec!["NULL"; types.len()].join(", ");
    let explain = format!("EXPLAIN (COSTS OFF) EXECUTE asked ({values})");
    let lines = client.simple_query(&explain).await.unwrap();
    client.batch_execute("DEALLOCATE asked").await.unwrap();
    let line = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    let lines: Vec<String> = lines.iter().filter_map(line).collect();
    lines.join("\n")
}

fn scans(plan: &str) -> bool {
    plan.contains("Seq Scan") || plan.contains("Bitmap")
}

fn stretches() -> [Stretch; 2] {
    [true, false].map(|back| Stretch {
        high: (0, String::new()),
        low: (0, String::new()),
        back,
    })
}

/// The index of a way.
const fn index(way: Way) -> &'static str {
    match way {
        Way::Picked => "refunds_pkey",
        Way::Amounts | Way::Amount => "refunds_amount",
        Way::Error => "refunds_error",
        Way::Attention => "refunds_attention",
        Way::Origin => "refunds_origin",
        Way::Failed => "refunds_failed",
        Way::Open => "refunds_open",
        Way::Created => "refunds_created",
    }
}

#[tokio::test]
async fn no_way_walks_the_table_and_none_that_is_wide_sorts() {
    let Some(client) = schema().await else {
        return;
    };
    for way in Way::ALL {
        let key = match way {
            Way::Amount => "BIGINT",
            Way::Picked => "TEXT[]",
            _ => "TEXT",
        };
        let walk = ["TEXT[]", "BIGINT", "TEXT", "BIGINT", "TEXT", key];
        let rest = [
            "TEXT", "TEXT", "TEXT", "BIGINT", "BIGINT", "TEXT", "TEXT", "BOOLEAN", "BIGINT",
        ];
        for stretch in stretches() {
            let narrow = matches!(way, Way::Picked | Way::Amounts);
            let types = [&walk[..], &rest].concat();
            let rows = plan(&client, &rows_sql(way, &stretch), &types).await;
            assert!(
                !scans(&rows) && rows.contains(index(way)),
                "{way:?}: {rows}"
            );
            assert!(narrow || !rows.contains("Sort"), "{way:?}: {rows}");
            if narrow {
                continue;
            }
            // Both ends of the stretch bound the walk, and the end is found in the index alone.
            let types = [&walk[..], &["BIGINT"]].concat();
            let end = plan(&client, &end_sql(way, &stretch), &types).await;
            assert!(end.contains("Index Only Scan"), "{way:?}: {end}");
            for plan in [rows, end] {
                let ends = plan.matches("ROW(created_at, id)").count();
                assert!(ends == 2 && !plan.contains("Sort"), "{way:?}: {plan}");
                assert!(plan.contains(index(way)), "{way:?}: {plan}");
            }
        }
    }
}

#[tokio::test]
async fn every_look_up_is_by_an_index() {
    let Some(client) = schema().await else {
        return;
    };
    for (sql, types) in [
        (BY_NUMBER, &["TEXT", "TEXT", "BIGINT"][..]),
        (AMOUNTS, &["TEXT[]", "BIGINT", "BIGINT", "BIGINT"]),
        (DELIVERIES, &["TEXT", "BIGINT"]),
        (NOTIFICATIONS, &["TEXT", "BIGINT"]),
        (UNDER, &["TEXT", "BIGINT"]),
    ] {
        let steps = plan(&client, sql, types).await;
        assert!(!scans(&steps) && !steps.contains("Sort"), "{sql}: {steps}");
        assert!(steps.contains("Index Cond"), "{sql}: {steps}");
    }
}
