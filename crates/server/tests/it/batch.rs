//! Batches over the interface: upload, dry run, steering, result, and who sees what.

use axum::body::Body;
use serde_json::{Value, json};

use crate::world::{ALL, Answer, MAIN, OTHER, World, request};

const CSV: &str =
    "商户订单号,金额(元),退款原因\nORDER-0001,10.00,活动取消\nORDER-0002,10.00,=1+1\n";

async fn upload(world: &World, key: &str, media: &str, body: &[u8]) -> Answer {
    let path = "/v1/batches?merchant=main&name=%E6%B4%BB%E5%8A%A8.csv";
    let request = request("POST", path, key).header("content-type", media);
    world
        .send(request.body(Body::from(body.to_vec())).unwrap())
        .await
}

async fn pay(world: &World, order: &str, total: i64) {
    let path = format!("/v1/payments/main/{order}");
    let body = json!({ "total": total }).to_string();
    let answer = world.call("PUT", &path, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
}

async fn post(world: &World, id: &str, act: &str, body: &str) -> Answer {
    let path = format!("/v1/batches/{id}/{act}");
    world.call("POST", &path, body.to_owned()).await
}

fn id(answer: &Answer) -> String {
    answer.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_same_file_in_another_encoding_is_the_same_batch() {
    let world = World::new().await;
    pay(&world, "ORDER-0001", 1000).await;
    let first = upload(&world, ALL, "text/csv", CSV.as_bytes()).await;
    assert_eq!(first.status, 201, "{}", first.text);
    let body = first.json();
    assert_eq!(body["state"], "checked");
    assert_eq!(body["name"], "活动.csv");
    assert_eq!(body["lines"], 2);
    assert_eq!(body["new_amount"], 2000);
    assert_eq!(body["unknown_payments"], 1);
    assert_eq!(body["counts"]["pending"]["lines"], 2);
    let gbk = b"\xc9\xcc\xbb\xa7\xb6\xa9\xb5\xa5\xba\xc5;\xbd\xf0\xb6\xee(\xd4\xaa);\xcd\xcb\xbf\xee\xd4\xad\xd2\xf2\r\nORDER-0001;10.00;\xbb\xee\xb6\xaf\xc8\xa1\xcf\xfb\r\nORDER-0002;10.00;=1+1\r\n";
    let again = upload(&world, ALL, "text/csv", gbk).await;
    assert_eq!(again.status, 200, "{}", again.text);
    assert_eq!(id(&again), id(&first));
}

#[tokio::test]
async fn every_fault_of_a_file_is_named_and_nothing_is_kept() {
    let world = World::new().await;
    let bad = "out_trade_no,amount_fen\nORDER-1,1.5\n1.20E+18,1\n,1\n";
    let answer = upload(&world, ALL, "text/csv", bad.as_bytes()).await;
    assert_eq!(answer.problem(), (422, "batch_file_faults".to_owned()));
    let body = answer.json();
    assert_eq!(body["total"], 3);
    assert_eq!(body["faults"][0]["line"], 2);
    assert_eq!(body["faults"][1]["kind"], "rounded_by_excel");
    let list = world.get_as(ALL, "/v1/batches").await;
    assert_eq!(list.json()["data"].as_array().unwrap().len(), 0);
    let other = upload(&world, ALL, "application/json", b"{}").await;
    assert_eq!(other.problem(), (415, "unsupported_media_type".to_owned()));
}

#[tokio::test]
async fn faulty_lines_are_left_out_only_when_asked_for_and_the_batch_is_steered() {
    let world = World::new().await;
    pay(&world, "ORDER-0001", 1000).await;
    pay(&world, "ORDER-0002", 999).await;
    let id = id(&upload(&world, MAIN, "text/csv", CSV.as_bytes()).await);
    let refused = post(&world, &id, "submit", "").await;
    assert_eq!(refused.problem(), (409, "batch_has_faults".to_owned()));
    let path = format!("/v1/batches/{id}/lines?filter=faults");
    let lines = world.get_as(ALL, &path).await.json();
    assert_eq!(lines["data"].as_array().unwrap().len(), 1);
    assert_eq!(lines["data"][0]["line"], 3);
    assert_eq!(
        lines["data"][0]["error"]["code"],
        "amount_exceeds_refundable"
    );
    let leave_out = json!({ "faulty_lines": "leave_out" }).to_string();
    let running = post(&world, &id, "submit", &leave_out).await;
    assert_eq!(running.json()["state"], "running", "{}", running.text);
    let paused = post(&world, &id, "pause", "").await;
    assert_eq!(paused.json()["state"], "paused");
    let again = post(&world, &id, "pause", "").await;
    assert_eq!(again.problem(), (409, "batch_wrong_state".to_owned()));
    assert_eq!(
        post(&world, &id, "resume", "").await.json()["state"],
        "running"
    );
    let cancelled = post(&world, &id, "cancel", "").await.json();
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(cancelled["counts"]["withdrawn"]["lines"], 1);
}

#[tokio::test]
async fn the_result_has_a_line_for_each_line_and_no_formula() {
    let world = World::new().await;
    let id = id(&upload(&world, ALL, "text/csv", CSV.as_bytes()).await);
    let path = format!("/v1/batches/{id}/result");
    let file = world.get_as(ALL, &path).await;
    assert!(file.header("content-type").starts_with("text/csv"));
    assert!(file.header("content-disposition").contains(&id));
    let lines: Vec<&str> = file.text.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[2].contains(",'=1+1,pending,"), "{}", lines[2]);
    let path = format!("{path}?format=jsonl");
    let file = world.get_as(ALL, &path).await.text;
    let last: Value = serde_json::from_str(file.lines().last().unwrap()).unwrap();
    assert_eq!(last["reason"], "=1+1");
    assert_eq!(last["status"], "pending");
}

#[tokio::test]
async fn what_a_key_does_not_cover_looks_absent() {
    let world = World::new().await;
    let id = id(&upload(&world, MAIN, "text/csv", CSV.as_bytes()).await);
    let foreign = upload(&world, OTHER, "text/csv", CSV.as_bytes()).await;
    assert_eq!(foreign.problem(), (404, "merchant_not_found".to_owned()));
    for path in ["", "/lines", "/result"] {
        let path = format!("/v1/batches/{id}{path}");
        let answer = world.get_as(OTHER, &path).await;
        assert_eq!(answer.problem(), (404, "batch_not_found".to_owned()));
    }
    for act in ["submit", "pause", "resume", "cancel"] {
        let path = format!("/v1/batches/{id}/{act}");
        let empty = request("POST", &path, OTHER).body(Body::empty());
        let answer = world.send(empty.unwrap()).await;
        assert_eq!(
            answer.problem(),
            (404, "batch_not_found".to_owned()),
            "{act}"
        );
    }
    let list = world.get_as(OTHER, "/v1/batches").await;
    assert_eq!(list.json()["data"].as_array().unwrap().len(), 0);
    let list = world.get_as(MAIN, "/v1/batches").await;
    assert_eq!(list.json()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn json_lines_are_taken_too() {
    let world = World::new().await;
    let body = "{\"out_trade_no\":\"ORDER-1\",\"amount_fen\":5}\n";
    let answer = upload(&world, ALL, "application/jsonl", body.as_bytes()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.json()["new_amount"], 5);
}
