//! The console's pages about batches: a file is brought by a plain form, the dry run is looked at,
//! another person agrees. Whatever stands in the file is data.

use axum::body::Body;
use http::Request;
use tuikuan_domain::Role;
use tuikuan_domain::approval::Rules;
use tuikuan_engine::By;
use tuikuan_server::Settings;
use tuikuan_store::{AuditFilter, Merchants, Scope};
use tuikuan_terms::Fen;

use crate::visitor::Visitor;
use crate::world::{ALL, Answer, World, request};

const BORDER: &str = "----border";

/// Sends a file as a browser does.
async fn bring(visitor: &Visitor<'_>, csrf: &str, file: (&str, &[u8])) -> Answer {
    let mut body = fields(csrf);
    body.extend_from_slice(&part(file));
    body.extend_from_slice(format!("--{BORDER}--\r\n").as_bytes());
    send(visitor, Body::from(body)).await
}

fn fields(csrf: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (field, value) in [("csrf", csrf), ("merchant", "main")] {
        let part = format!(
            "--{BORDER}\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n"
        );
        body.extend_from_slice(part.as_bytes());
    }
    body
}

fn part((name, bytes): (&str, &[u8])) -> Vec<u8> {
    let head = format!(
        "--{BORDER}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: text/csv\r\n\r\n"
    );
    [head.as_bytes(), bytes, b"\r\n"].concat()
}

async fn send(visitor: &Visitor<'_>, body: Body) -> Answer {
    let request = Request::builder()
        .method("POST")
        .uri("/console/batches")
        .header(
            "content-type",
            format!("multipart/form-data; boundary={BORDER}"),
        )
        .header("sec-fetch-site", "same-origin");
    visitor.send(request, body).await
}

/// 商户订单号,金额(元),退款原因 and two lines, in GBK.
const GBK: &[u8] = b"\xc9\xcc\xbb\xa7\xb6\xa9\xb5\xa5\xba\xc5,\xbd\xf0\xb6\xee(\xd4\xaa),\xcd\xcb\xbf\xee\xd4\xad\xd2\xf2\r\nORDER-0001,10.00,\xbb\xee\xb6\xaf\xc8\xa1\xcf\xfb\r\nORDER-0002,7.50,\xbb\xee\xb6\xaf\xc8\xa1\xcf\xfb\r\n";

async fn brought(visitor: &Visitor<'_>) -> String {
    let answer = bring(visitor, &visitor.csrf.clone(), ("event.csv", GBK)).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.header("location").to_owned()
}

#[tokio::test]
async fn a_gbk_file_is_checked_and_shown_and_submitted() {
    let world = World::new().await;
    let visitor = Visitor::of(&world, Role::Operator).await;
    let page = visitor.get("/console/batches").await;
    assert!(page.text.contains("multipart/form-data"));
    let path = brought(&visitor).await;
    let page = visitor.get(&path).await.text;
    for part in ["event.csv", "ORDER-0001", "活动取消", "17.50", "订单未登记"] {
        assert!(page.contains(part), "{part} is missing");
    }
    let english = visitor.get_english(&path).await.text;
    assert!(english.contains("Balance needed"));
    assert_eq!(brought(&visitor).await, path, "the same file again");
    let done = visitor.post(&format!("{path}/submit"), &[]).await;
    assert_eq!(done.status, 303, "{}", done.text);
    let paused = visitor.post(&format!("{path}/pause"), &[]).await;
    assert_eq!(paused.status, 303);
    assert!(visitor.get(&path).await.text.contains("已暂停"));
    let late = visitor.post(&format!("{path}/pause"), &[]).await;
    assert_eq!(late.status, 422);
    let result = visitor.get(&format!("{path}/result")).await;
    assert!(result.header("content-type").starts_with("text/csv"));
    let list = visitor.get("/console/batches").await.text;
    assert!(list.contains("event.csv"));
}

#[tokio::test]
async fn every_fault_of_a_file_is_shown_and_hostile_text_stays_text() {
    let world = World::new().await;
    let visitor = Visitor::of(&world, Role::Operator).await;
    let csrf = visitor.csrf.clone();
    let bad = "out_trade_no,amount_fen\n<script>alert(1)</script>,5\nORDER-1,<b>\n";
    let answer = bring(&visitor, &csrf, ("x.csv", bad.as_bytes())).await;
    assert_eq!(answer.status, 422);
    assert!(!answer.text.contains("<script>alert") && !answer.text.contains("<b>\""));
    let hostile = "out_trade_no,amount_fen,reason\nORDER-1,5,<script>alert(2)</script>\n";
    let name = "<img src=x onerror=alert(3)>.csv";
    let answer = bring(&visitor, &csrf, (name, hostile.as_bytes())).await;
    let page = visitor.get(answer.header("location")).await.text;
    assert!(!page.contains("<script>alert") && !page.contains("<img src=x"));
    assert!(page.contains("alert(2)") && page.contains("alert(3)"));
    let stale = bring(&visitor, "other", ("x.csv", hostile.as_bytes())).await;
    assert_eq!(stale.status, 403);
    let empty = bring(&visitor, &csrf, ("x.csv", b"")).await;
    assert_eq!(empty.status, 422);
}

#[tokio::test]
async fn another_person_agrees_and_who_may_not_is_shown_nothing() {
    let world = World::new().await;
    let rules = Rules {
        approval_above: Some(Fen::new(1000).unwrap()),
        ..Rules::default()
    };
    world
        .engine
        .set_rules(&By::cli(), None, (rules, None))
        .await
        .unwrap();
    let operator = Visitor::of(&world, Role::Operator).await;
    let path = brought(&operator).await;
    let sent = operator.post(&format!("{path}/submit"), &[]).await;
    assert_eq!(sent.status, 303, "{}", sent.text);
    assert!(operator.get(&path).await.text.contains("待审批"));
    let own = operator.post(&format!("{path}/approve"), &[]).await;
    assert_eq!(own.status, 403);
    assert!(operator.get(&path).await.text.contains("审批截止"));
    let viewer = Visitor::of(&world, Role::Viewer).await;
    assert_eq!(viewer.get(&path).await.status, 200);
    assert_eq!(
        viewer.post(&format!("{path}/cancel"), &[]).await.status,
        403
    );
    let other = Scope::Only(vec!["other".parse().unwrap()]);
    let stranger = Visitor::with(&world, Role::Approver, other).await;
    assert_eq!(stranger.get(&path).await.status, 404);
    let tried = stranger.post(&format!("{path}/approve"), &[]).await;
    assert_eq!(tried.status, 404);
    let approver = Visitor::of(&world, Role::Approver).await;
    let wrong = approver
        .post(&format!("{path}/approve"), &[("content", "x")])
        .await;
    assert_eq!(wrong.status, 422);
    let page = approver.get(&path).await.text;
    let content = page.split("name=\"content\" value=\"").nth(1).unwrap();
    let content = &content[..64];
    let done = approver
        .post(&format!("{path}/approve"), &[("content", content)])
        .await;
    assert_eq!(done.status, 303, "{}", done.text);
    assert!(approver.get(&path).await.text.contains("退款中"));
}

#[tokio::test]
async fn a_file_before_the_token_is_not_read() {
    let world = World::new().await;
    let visitor = Visitor::of(&world, Role::Operator).await;
    let mut body = part(("event.csv", GBK));
    body.extend_from_slice(&fields(&visitor.csrf));
    body.extend_from_slice(format!("--{BORDER}--\r\n").as_bytes());
    assert_eq!(send(&visitor, Body::from(body)).await.status, 403);
    // A body that never ends is answered all the same: the file is not waited for.
    let mut begun = fields("other");
    begun.extend_from_slice(&part(("event.csv", GBK)));
    let begun = tokio_stream::once(Ok::<_, std::io::Error>(begun));
    let endless = tokio_stream::StreamExt::chain(begun, tokio_stream::pending());
    assert_eq!(send(&visitor, Body::from_stream(endless)).await.status, 403);
    let twice = [fields(&visitor.csrf), fields(&visitor.csrf)].concat();
    let twice = [twice, format!("--{BORDER}--\r\n").into_bytes()].concat();
    assert_eq!(send(&visitor, Body::from(twice)).await.status, 422);
}

#[tokio::test]
async fn only_so_many_files_are_taken_in_at_once() {
    let none = Settings {
        uploads_max: 0,
        ..Settings::default()
    };
    let world = World::with(none).await;
    let visitor = Visitor::of(&world, Role::Operator).await;
    let answer = bring(&visitor, &visitor.csrf.clone(), ("event.csv", GBK)).await;
    assert_eq!(answer.status, 429);
    let sent = request("POST", "/v1/batches?merchant=main", ALL);
    let sent = sent.header("content-type", "text/csv").body(GBK.into());
    let answer = world.send(sent.unwrap()).await;
    assert_eq!(answer.problem(), (503, "too_many_connections".to_owned()));
    assert!(answer.header("retry-after") == "2" && answer.text.contains("taken in"));
    let world = World::with(Settings {
        uploads_max: 1,
        ..Settings::default()
    })
    .await;
    let visitor = Visitor::of(&world, Role::Operator).await;
    brought(&visitor).await;
    brought(&visitor).await;
}

#[tokio::test]
async fn whoever_takes_a_result_away_is_in_the_log() {
    let world = World::new().await;
    let operator = Visitor::of(&world, Role::Operator).await;
    let path = brought(&operator).await;
    let result = operator.get(&format!("{path}/result")).await;
    assert!(result.text.contains("ORDER-0002"), "{}", result.text);
    let id = path.rsplit('/').next().unwrap();
    let result = world.get(&format!("/v1/batches/{id}/result")).await;
    assert!(result.text.contains("ORDER-0002"), "{}", result.text);
    let filter = AuditFilter {
        action: Some("batch.exported".to_owned()),
        ..AuditFilter::of(Merchants::All)
    };
    let noted = world.engine.store().list_audit(filter).await.unwrap();
    let noted: Vec<_> = noted.entries.iter().map(|found| &found.entry).collect();
    assert_eq!(noted.len(), 2);
    assert!(noted.iter().all(|entry| entry.subject == id));
    assert_ne!(noted[0].actor, noted[1].actor);
}

/// How many things wait on a page, by the way to it beside every page.
fn badge(page: &str, href: &str) -> String {
    let entry = page.split(&format!("href=\"{href}\"")).nth(1).unwrap();
    let entry = entry.split("</a>").next().unwrap();
    entry.chars().filter(char::is_ascii_digit).collect()
}

#[tokio::test]
async fn a_batch_that_waits_is_seen_on_the_page_of_approvals() {
    let world = World::new().await;
    let rules = Rules {
        approval_above: Some(Fen::new(1000).unwrap()),
        ..Rules::default()
    };
    let set = world
        .engine
        .set_rules(&By::cli(), None, (rules, None))
        .await;
    set.unwrap();
    let operator = Visitor::of(&world, Role::Operator).await;
    let path = brought(&operator).await;
    let here = "/console/approvals";
    assert!(operator.get(here).await.text.contains("没有等待审批的退款"));
    operator.post(&format!("{path}/submit"), &[]).await;
    let own = operator.get(here).await.text;
    assert!(own.contains("这是你提交的批次"), "{own}");
    let approver = Visitor::of(&world, Role::Approver).await;
    let page = approver.get_english(here).await.text;
    for part in [
        path.as_str(),
        "event.csv",
        "17.50",
        "2 new refunds",
        "expires",
    ] {
        assert!(page.contains(part), "{part} is missing: {page}");
    }
    assert_eq!(badge(&page, here), "1");
    let attention = approver.get_english("/console/attention").await.text;
    assert!(attention.contains("1 batches wait for approval."));
    let other = Scope::Only(vec!["other".parse().unwrap()]);
    let stranger = Visitor::with(&world, Role::Approver, other).await;
    let page = stranger.get(here).await.text;
    assert!(!page.contains("event.csv"), "{page}");
    assert_eq!(badge(&page, here), "");
    operator.post(&format!("{path}/cancel"), &[]).await;
    assert_eq!(badge(&approver.get(here).await.text, here), "");
}
