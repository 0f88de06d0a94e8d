//! The event stream: everything once, in order, resumable.

use axum::body::Body;
use http_body_util::BodyExt;
use std::time::Duration;
use tower::ServiceExt;
use tuikuan_domain::{Actor, Role};
use tuikuan_engine::NewKey;
use tuikuan_server::Settings;
use tuikuan_store::{Scope, User};

use crate::visitor::add_user;
use crate::world::{ALL, OTHER, World, make_key, request};

/// Reads the stream until it has `count` messages: their ids and data.
async fn read(
    world: &World,
    key: &str,
    after: Option<&str>,
    count: usize,
) -> Vec<(String, serde_json::Value)> {
    let mut builder = request("GET", "/v1/stream", key);
    if let Some(after) = after {
        builder = builder.header("last-event-id", after);
    }
    let response = world
        .router
        .clone()
        .oneshot(builder.body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status().as_u16(), 200);
    let (mut body, mut text) = (response.into_body(), String::new());
    loop {
        let messages: Vec<_> = text
            .split("\n\n")
            .filter(|part| part.contains("data:"))
            .collect();
        if messages.len() >= count && text.ends_with("\n\n") {
            return messages.iter().map(|message| parse(message)).collect();
        }
        let frame = body.frame().await.unwrap().unwrap();
        text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
    }
}

fn parse(message: &str) -> (String, serde_json::Value) {
    let line = |name: &str| {
        let found = message.lines().find_map(|line| line.strip_prefix(name));
        found
            .unwrap_or_else(|| panic!("no {name} in {message}"))
            .trim()
            .to_owned()
    };
    let data: serde_json::Value = serde_json::from_str(&line("data:")).unwrap();
    assert_eq!(data["type"].as_str(), Some(line("event:").as_str()));
    (line("id:"), data)
}

#[tokio::test]
async fn events_come_in_order_and_are_resumed_after_the_last_one_seen() {
    let world = World::new().await;
    let first = world.refund("main", "R-1").await;
    world.refund("other", "R-2").await;
    world
        .call("POST", &format!("/v1/refunds/{first}/cancel"), "")
        .await;
    let all = read(&world, ALL, Some("0"), 3).await;
    let kinds: Vec<_> = all
        .iter()
        .map(|(_, data)| data["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["refund.queued", "refund.queued", "refund.cancelled"]
    );
    let resumed = read(&world, ALL, Some(&all[1].0), 1).await;
    assert_eq!(resumed, all[2..]);
    let foreign = read(&world, OTHER, Some("0"), 1).await;
    assert_eq!(foreign, all[1..2], "a key hears of its own merchants only");
}

#[tokio::test]
async fn a_stream_begins_with_what_happens_next() {
    let world = World::new().await;
    world.refund("main", "R-1").await;
    let (heard, second) = tokio::join!(read(&world, ALL, None, 1), world.refund("main", "R-2"));
    assert_eq!(heard[0].1["refund"], second);
}

#[tokio::test]
async fn streams_are_bounded_and_bad_ids_are_named() {
    let world = World::with(Settings {
        streams_max: 1,
        ..Settings::default()
    })
    .await;
    let bad = request("GET", "/v1/stream", ALL).header("last-event-id", "abc");
    let bad = world.send(bad.body(Body::empty()).unwrap()).await;
    assert_eq!(bad.problem(), (422, "invalid_parameters".to_owned()));
    let open = request("GET", "/v1/stream", ALL)
        .body(Body::empty())
        .unwrap();
    let held = world.router.clone().oneshot(open).await.unwrap();
    let refused = world.get("/v1/stream").await;
    assert_eq!(refused.problem(), (503, "too_many_streams".to_owned()));
    drop(held);
    for _ in 0..1000 {
        let open = request("GET", "/v1/stream", ALL)
            .body(Body::empty())
            .unwrap();
        if world
            .router
            .clone()
            .oneshot(open)
            .await
            .unwrap()
            .status()
            .as_u16()
            == 200
        {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the place of a reader that left is not given free");
}

/// How a key comes to hear less than before.
#[derive(Debug, Clone, Copy)]
enum Loss {
    Revoked,
    OwnerDisabled,
    OwnerNarrowed,
}

#[tokio::test]
async fn a_stream_ends_when_its_key_may_not_hear_all_of_it_any_more() {
    const TOKEN: &str = "tk_heard_0123456789abcdef0123456789abcde";
    for loss in [Loss::Revoked, Loss::OwnerDisabled, Loss::OwnerNarrowed] {
        let world = World::with(Settings {
            key_cache: Duration::ZERO,
            ..Settings::default()
        })
        .await;
        let owner = add_user(&world, "li", Role::Operator, Scope::All).await;
        let new = NewKey {
            name: "shop".to_owned(),
            owner: Some(owner.id.clone()),
            role: Role::Operator,
            scope: Scope::All,
            expires_at: None,
        };
        let key = make_key(&world.engine, TOKEN, new).await;
        let open = request("GET", "/v1/stream?after=0", TOKEN);
        let open = open.body(Body::empty()).unwrap();
        let response = world.router.clone().oneshot(open).await.unwrap();
        let mut body = response.into_body();
        world.refund("main", "R-1").await;
        let heard = body.frame().await.unwrap().unwrap();
        let heard = String::from_utf8(heard.into_data().unwrap().to_vec()).unwrap();
        assert!(heard.contains("refund.queued"), "{heard}");
        let people = world.engine.people();
        match loss {
            Loss::Revoked => people.revoke_key(&Actor::Cli, &key.id).await.unwrap(),
            Loss::OwnerDisabled => {
                let disabled_at = Some(world.engine.now());
                let gone = User {
                    disabled_at,
                    ..owner
                };
                let done = people.update_user(&Actor::Cli, gone, "user.disabled");
                done.await.unwrap();
            }
            Loss::OwnerNarrowed => {
                let scope = Scope::Only(vec!["other".parse().unwrap()]);
                let lesser = User { scope, ..owner };
                let done = people.update_user(&Actor::Cli, lesser, "user.role_changed");
                done.await.unwrap();
            }
        }
        world.refund("main", "R-2").await;
        let rest = tokio::time::timeout(Duration::from_secs(10), body.collect());
        let rest = rest.await.expect("the stream goes on").unwrap().to_bytes();
        assert!(rest.is_empty(), "{loss:?}: {rest:?}");
    }
}

#[tokio::test]
async fn one_key_does_not_take_the_streams_of_everybody() {
    let world = World::new().await;
    let mut held = Vec::new();
    for (key, expected) in [(ALL, 200); 8]
        .into_iter()
        .chain([(ALL, 503), (OTHER, 200)])
    {
        let open = request("GET", "/v1/stream", key).body(Body::empty());
        let answer = world.router.clone().oneshot(open.unwrap()).await.unwrap();
        assert_eq!(answer.status().as_u16(), expected, "{}", held.len());
        held.push(answer);
    }
}
