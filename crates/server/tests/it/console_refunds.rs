//! The page "Refunds": search, filter in the address, pages, CSV, and who sees what.

use serde_json::json;
use tuikuan_domain::{Role, WechatState};
use tuikuan_store::Scope;

use crate::reached::{refused, told};
use crate::visitor::Visitor;
use crate::world::World;

fn only(name: &str) -> Scope {
    Scope::Only(vec![name.parse().unwrap()])
}

#[tokio::test]
async fn a_number_in_the_box_finds_its_refund() {
    let world = World::new().await;
    let id = world.refund("main", "R-1").await;
    world.refund("main", "R-2").await;
    let viewer = Visitor::of(&world, Role::Viewer).await;
    for query in ["R-1", "ORDER-R-1", id.as_str()] {
        let page = viewer.get(&format!("/console/refunds?q={query}")).await;
        assert_eq!(page.status.as_u16(), 200);
        assert!(
            page.text.contains(&format!("/console/refunds/{id}")),
            "{query}"
        );
        assert!(!page.text.contains(">R-2<"), "{query}");
    }
    let all = viewer.get("/console/refunds").await;
    assert!(all.text.contains(">R-1<") && all.text.contains(">R-2<"));
    assert!(all.text.contains("共 2 笔"), "{}", all.text);
    // Who only looks asks for nothing.
    assert!(!all.text.contains("/console/refunds/new"));
    let operator = Visitor::of(&world, Role::Operator).await;
    let page = operator.get_english("/console/refunds").await;
    assert!(page.text.contains("/console/refunds/new") && page.text.contains("2 in all"));
}

#[tokio::test]
async fn the_filter_is_the_address() {
    let world = World::new().await;
    told(&world, "main", "R1", WechatState::Success).await;
    told(&world, "other", "R2", WechatState::Abnormal).await;
    refused(&world, "R3", "PARAM_ERROR", "wrong").await;
    let viewer = Visitor::of(&world, Role::Viewer).await;
    for (query, expected) in [
        ("status=succeeded", vec!["R1"]),
        ("status=abnormal&merchant=other", vec!["R2"]),
        ("status=abnormal&merchant=main", vec![]),
        ("error=PARAM_ERROR", vec!["R3"]),
        ("attention=needed", vec!["R2", "R3"]),
        ("amount_from=19.8&amount_to=19.80", vec!["R1", "R2", "R3"]),
        ("amount_from=19.81", vec![]),
        ("origin=api&q=R", vec!["R1", "R2", "R3"]),
        ("origin=console", vec![]),
        ("from=2020-01-01&to=2020-01-02", vec![]),
        ("from=2020-01-01", vec!["R1", "R2", "R3"]),
    ] {
        let page = viewer.get(&format!("/console/refunds?{query}")).await;
        assert_eq!(page.status.as_u16(), 200);
        for number in ["R1", "R2", "R3"] {
            let there = page.text.contains(&format!(">{number}</a>"));
            assert_eq!(there, expected.contains(&number), "{query} {number}");
        }
        if expected.is_empty() {
            assert!(page.text.contains("没有符合条件的退款"), "{query}");
        }
    }
}

#[tokio::test]
async fn pages_lead_on_and_back() {
    let world = World::new().await;
    for n in 0..53 {
        world.refund("main", &format!("R-{n:02}")).await;
    }
    let viewer = Visitor::of(&world, Role::Viewer).await;
    let first = viewer.get("/console/refunds?status=queued").await;
    assert!(first.text.contains(">R-52<") && !first.text.contains(">R-02<"));
    let href = |text: &str, rel: &str| {
        let before = text.split(&format!("\" rel=\"{rel}\"")).next().unwrap();
        let link = before.rsplit("href=\"").next().unwrap().to_owned();
        link.replace("&#38;", "&").replace("&amp;", "&")
    };
    let next = href(&first.text, "next");
    assert!(
        next.starts_with("/console/refunds?status=queued&after="),
        "{next}"
    );
    let second = viewer.get(&next).await;
    assert!(second.text.contains(">R-02<") && !second.text.contains(">R-03<"));
    let back = viewer.get(&href(&second.text, "prev")).await;
    assert!(back.text.contains(">R-52<") && back.text.contains(">R-03<"));
}

#[tokio::test]
async fn what_was_typed_is_shown_as_text_and_finds_nothing() {
    let world = World::new().await;
    world.refund("main", "R-1").await;
    let viewer = Visitor::of(&world, Role::Viewer).await;
    let page = viewer
        .get("/console/refunds?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&amount_from=x&from=%27")
        .await;
    assert_eq!(page.status.as_u16(), 200);
    assert!(!page.text.contains("<script>alert"));
    assert!(
        page.text.contains("script&#62;alert(1)"),
        "typed text is kept"
    );
    assert!(page.text.contains("标红的条件无法识别"));
    assert!(!page.text.contains(">R-1<"));
    let export = viewer.get("/console/refunds/export.csv?q=%27").await;
    assert_eq!(export.status.as_u16(), 422);
}

#[tokio::test]
async fn foreign_merchants_are_not_there() {
    let world = World::new().await;
    world.refund("main", "R-1").await;
    world.refund("other", "R-2").await;
    let viewer = Visitor::with(&world, Role::Viewer, only("other")).await;
    for query in [
        "",
        "?merchant=main",
        "?q=R-1",
        "?q=ORDER-R-1",
        "?merchant=nobody",
    ] {
        let page = viewer.get(&format!("/console/refunds{query}")).await;
        assert!(!page.text.contains(">R-1<"), "{query}");
    }
    let page = viewer.get("/console/refunds").await;
    assert!(page.text.contains(">R-2<") && page.text.contains("共 1 笔"));
    let csv = viewer.get("/console/refunds/export.csv").await;
    assert!(csv.text.contains("R-2") && !csv.text.contains("R-1"));
}

#[tokio::test]
async fn the_csv_is_this_filter_and_nothing_in_it_calculates() {
    let world = World::new().await;
    let ask = json!({"merchant": "main", "transaction_id": "4200001207202611206046087111",
        "amount": 100, "out_refund_no": "-2+3", "reason": "=cmd()"});
    let bad = world.post("/v1/refunds", &ask).await;
    assert_eq!(bad.status.as_u16(), 422, "a number has no plus");
    let ask = json!({"merchant": "main", "transaction_id": "4200001207202611206046087111",
        "amount": 100, "out_refund_no": "-2", "reason": "=cmd(),\"x\""});
    assert_eq!(world.post("/v1/refunds", &ask).await.status.as_u16(), 202);
    refused(&world, "R9", "PARAM_ERROR", "@SUM(A1)\r\n<script>").await;
    let viewer = Visitor::of(&world, Role::Viewer).await;
    let csv = viewer.get("/console/refunds/export.csv").await;
    assert_eq!(csv.status.as_u16(), 200);
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert!(
        csv.header("content-disposition")
            .starts_with("attachment; filename=\"refunds-")
    );
    assert!(csv.text.starts_with('\u{feff}'));
    assert!(csv.text.contains(",'-2,"), "{}", csv.text);
    assert!(csv.text.contains("'4200001207202611206046087111"));
    assert!(csv.text.contains("\"'=cmd(),\"\"x\"\"\""), "{}", csv.text);
    assert!(csv.text.contains("\"'@SUM(A1)"), "{}", csv.text);
    assert!(csv.text.contains(",1.00,"));
    assert_eq!(
        csv.text.lines().count(),
        4,
        "a text with a line break is one cell"
    );
    let one = viewer.get("/console/refunds/export.csv?q=R9").await;
    assert!(one.text.contains("R9") && !one.text.contains("'-2"));
    let entries = world.engine.store().audit_after(0, 100).await.unwrap();
    let last = entries.last().unwrap();
    assert_eq!(last.entry.action, "refunds.exported");
    assert!(last.entry.detail.contains("q=R9"));
}
