//! Days of bills and their differences, as JSON and on the console's pages.

use jiff::SignedDuration;
use jiff::civil::Date;
use tuikuan_domain::Role;
use tuikuan_domain::reconcile::{BillKind, Class, DayState, LineState, day_of};
use tuikuan_store::{
    Bill, BillAct, BillChange, Claim, Facts, Guard, Lane, NewDifference, Scope, Sums,
};
use tuikuan_terms::{Fen, MchId};

use crate::visitor::Visitor;
use crate::world::{ALL, MAIN, MCH_ID, OTHER, World, request};

const HOSTILE: &str = "=1+1<script>alert(1)</script>\"'";

fn yesterday(world: &World) -> Date {
    day_of(world.engine.now()).yesterday().unwrap()
}

async fn write(world: &World, guard: Option<&Guard>, act: BillAct) {
    let change = BillChange {
        guard: guard.cloned(),
        act,
        audit: None,
        at: world.engine.now(),
    };
    world.engine.store().change_bills(change).await.unwrap();
}

/// Both bills of yesterday are there, with one open difference under a number with this mark. Gives
/// the day and the difference.
pub(crate) async fn planted(world: &World, mark: &str) -> (String, String) {
    let day = yesterday(world);
    let id = format!("rd_{:0>20}", 1).parse().unwrap();
    let found = NewDifference {
        id,
        out_refund_no: format!("{mark}-PORTAL"),
        repetition: 0,
        class: Class::WechatOnly,
        healing: None,
        repair: Class::WechatOnly.first_repair(),
        facts: Facts {
            bill_amount: Some(Fen::new(1234).unwrap()),
            bill_state: Some(LineState::Success),
            wechat_refund_id: Some("50000408942018111907145868882".to_owned()),
            ..Facts::default()
        },
    };
    for kind in BillKind::ALL {
        let bill = Bill {
            merchant: "main".parse().unwrap(),
            day,
            kind: *kind,
        };
        let mch_id: MchId = MCH_ID.parse().unwrap();
        let again = BillAct::Again {
            bill: bill.clone(),
            mch_id: mch_id.clone(),
        };
        write(world, None, again).await;
        let claim = Claim {
            lane: Lane::Bill(mch_id.clone()),
            limit: 1,
            now: world.engine.now(),
            lease: SignedDuration::from_mins(5),
        };
        let claimed = world.engine.store().claim(claim).await.unwrap();
        let guard = &claimed[0].guard;
        if *kind == BillKind::Refunds {
            let found = BillAct::Found {
                bill: bill.clone(),
                mch_id: mch_id.clone(),
                differences: vec![found.clone()],
            };
            write(world, Some(guard), found).await;
        }
        let finish = BillAct::Finish {
            bill,
            mch_id,
            state: DayState::Fetched,
            hash: Some("ab".repeat(32)),
            sums: Sums {
                lines: 5,
                matched: 3,
                payments: 2,
                payments_fen: 300_000,
                refunds: 4,
                refunds_fen: 100_000,
                fees: 1_800_000,
                fees_returned: 600_000,
            },
        };
        write(world, Some(guard), finish).await;
    }
    (day.to_string(), found.id.to_string())
}

#[tokio::test]
async fn a_day_says_what_agrees_and_what_differs() {
    let world = World::new().await;
    let (day, id) = planted(&world, "R").await;
    let path = format!("/v1/reconciliations/main/{day}");
    let found = world.get(&path).await.json();
    assert_eq!(found["state"], "fetched");
    assert_eq!(found["matched"], 3);
    assert_eq!(found["trades_bill"]["fees_returned"], "6.00000");
    assert_eq!(found["data"][0]["id"], id.as_str());
    assert_eq!(found["data"][0]["repair"], "adopt");
    assert_eq!(found["differences"][1]["class"], "wechat_only");
    assert_eq!(found["differences"][1]["open"], 1);
    let month = &day[..7];
    let path = format!("/v1/reconciliations?merchant=main&month={month}");
    let listed = world.get(&path).await.json();
    assert_eq!(listed["data"][0]["date"], day.as_str());
    let none = world.get("/v1/reconciliations/main/2020-01-01").await;
    assert_eq!(none.problem(), (404, "not_found".to_owned()));
    for bad in ["2026-2-3", "2026-02-30", "yesterday", "20260203"] {
        let answer = world.get(&format!("/v1/reconciliations/main/{bad}")).await;
        assert_eq!(answer.problem().0, 422, "{bad}");
    }
}

#[tokio::test]
async fn a_difference_is_settled_once_and_with_a_note() {
    let world = World::new().await;
    let (_, id) = planted(&world, "R").await;
    let path = format!("/v1/differences/{id}/resolve");
    let note = |note: &str| serde_json::json!({ "note": note });
    let empty = world.post(&path, &note("  ")).await;
    assert_eq!(empty.problem(), (422, "note_unusable".to_owned()));
    let long = world.post(&path, &note(&"长".repeat(501))).await;
    assert_eq!(long.problem(), (422, "note_unusable".to_owned()));
    let nul = world.post(&path, &note("a\0b")).await;
    assert_eq!(nul.json()["errors"][0]["pointer"], "/note");
    let settled = world.post(&path, &note("agreed by telephone")).await.json();
    assert_eq!(settled["state"], "resolved");
    assert_eq!(settled["note"], "agreed by telephone");
    let again = world.post(&path, &note("again")).await;
    assert_eq!(again.problem(), (409, "difference_settled".to_owned()));
    let store = world.engine.store();
    assert!(store.verify_audit(None).await.unwrap().is_ok());
}

#[tokio::test]
async fn what_a_key_does_not_cover_looks_absent() {
    let world = World::new().await;
    let (day, id) = planted(&world, "R").await;
    let day = format!("/v1/reconciliations/main/{day}");
    let resolve = format!("/v1/differences/{id}/resolve");
    assert_eq!(world.get_as(OTHER, &day).await.status, 404);
    let asked = request("POST", &resolve, OTHER)
        .header("content-type", "application/json")
        .body(r#"{"note":"x"}"#.into())
        .unwrap();
    let absent = world.send(asked).await;
    assert_eq!(absent.problem(), (404, "difference_not_found".to_owned()));
    assert_eq!(world.get_as(MAIN, &day).await.status, 200);
    assert_eq!(world.get_as(ALL, &day).await.status, 200);
}

#[tokio::test]
async fn a_day_is_run_again_when_its_bill_can_be_there() {
    let world = World::new().await;
    let day = yesterday(&world);
    let nothing = serde_json::json!({});
    let path = format!("/v1/reconciliations/main/{day}/run");
    assert_eq!(world.post(&path, &nothing).await.status, 202);
    let found = world.get(&format!("/v1/reconciliations/main/{day}")).await;
    assert_eq!(found.json()["refunds_bill"]["state"], "wanted");
    for day in [
        day_of(world.engine.now()).to_string(),
        "2020-01-01".to_owned(),
    ] {
        let path = format!("/v1/reconciliations/main/{day}/run");
        let refused = world.post(&path, &nothing).await;
        assert_eq!(refused.problem(), (422, "bill_not_available".to_owned()));
    }
}

#[tokio::test]
async fn the_calendar_and_the_day_show_what_is_there() {
    let world = World::new().await;
    let (day, id) = planted(&world, HOSTILE).await;
    let visitor = Visitor::of(&world, Role::Operator).await;
    let month = format!("/console/reconciliation?merchant=main&month={}", &day[..7]);
    let calendar = visitor.get_english(&month).await;
    assert_eq!(calendar.status, 200);
    assert!(calendar.text.contains("1 open"), "{}", calendar.text);
    assert!(
        calendar.text.contains("returned: ¥6.00"),
        "{}",
        calendar.text
    );
    assert!(visitor.get(&month).await.text.contains("对账"));
    let here = format!("/console/reconciliation/main/{day}");
    let page = visitor.get_english(&here).await.text;
    assert!(page.contains(&id), "{page}");
    assert!(!page.contains("<script>alert"), "{page}");
    assert!(page.contains("&lt;script&gt;") || page.contains("&#60;script&#62;"));
    assert!(page.contains("only in WeChat&#39;s bill") || page.contains("only in WeChat's bill"));
    let none = format!("{here}?class=ours_only");
    let none = visitor.get_english(&none).await.text;
    assert!(none.contains("No difference fits"), "{none}");
    let report = visitor.get(&format!("{here}/report.csv")).await;
    assert_eq!(report.header("content-type"), "text/csv; charset=utf-8");
    assert!(report.text.contains("\"'=1+1"), "{}", report.text);
    assert!(!report.text.contains(",=1+1"), "{}", report.text);
}

#[tokio::test]
async fn operators_run_and_settle_and_viewers_only_look() {
    let world = World::new().await;
    let (day, id) = planted(&world, "R").await;
    let here = format!("/console/reconciliation/main/{day}");
    let (run, resolve) = (
        format!("{here}/run"),
        format!("/console/differences/{id}/resolve"),
    );
    let viewer = Visitor::of(&world, Role::Viewer).await;
    assert!(!viewer.get(&here).await.text.contains("/resolve"));
    assert_eq!(viewer.post(&run, &[]).await.status, 403);
    assert_eq!(viewer.post(&resolve, &[("note", "x")]).await.status, 403);
    let operator = Visitor::of(&world, Role::Operator).await;
    let without = operator.post(&resolve, &[("note", " ")]).await;
    assert_eq!(
        (without.status.as_u16(), without.header("location")),
        (303, &*here)
    );
    let settled = operator.post(&resolve, &[("note", "已电话确认")]).await;
    assert_eq!(settled.header("location"), here);
    assert!(operator.get(&here).await.text.contains("已电话确认"));
    assert_eq!(operator.post(&run, &[]).await.status, 303);
}

#[tokio::test]
async fn another_merchants_days_look_absent_on_the_console() {
    let world = World::new().await;
    let (day, id) = planted(&world, "SECRET").await;
    let scope = Scope::Only(vec!["other".parse().unwrap()]);
    let visitor = Visitor::with(&world, Role::Admin, scope).await;
    let here = format!("/console/reconciliation/main/{day}");
    for path in [
        here.clone(),
        format!("{here}/report.csv"),
        "/console/reconciliation?merchant=main".to_owned(),
    ] {
        let answer = visitor.get(&path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.text.contains("SECRET"), "{path}");
    }
    let resolve = format!("/console/differences/{id}/resolve");
    assert_eq!(visitor.post(&resolve, &[("note", "x")]).await.status, 404);
    assert_eq!(visitor.post(&format!("{here}/run"), &[]).await.status, 404);
    let own = visitor.get("/console/reconciliation").await;
    assert_eq!(own.status, 200);
}
