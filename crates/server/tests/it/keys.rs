//! What a key may do: its role, its owner's, the lesser of both (INV-32, INV-34).

use std::time::Duration;

use axum::body::Body;
use jiff::SignedDuration;
use tuikuan_domain::{Actor, Role};
use tuikuan_engine::NewKey;
use tuikuan_server::Settings;
use tuikuan_store::{Scope, User};

use crate::visitor::add_user;
use crate::world::{ALL, World, make_key, request};

const TOKEN: &str = "tk_owned_0123456789abcdef0123456789abcde";

fn new_key(owner: Option<&User>, role: Role) -> NewKey {
    NewKey {
        name: "shop".to_owned(),
        owner: owner.map(|user| user.id.clone()),
        role,
        scope: Scope::All,
        expires_at: None,
    }
}

async fn status(world: &World, key: &str, method: &str, path: &str) -> u16 {
    let request = request(method, path, key).body(Body::empty()).unwrap();
    world.send(request).await.status.as_u16()
}

/// Nothing is remembered between two requests.
async fn forgetful() -> World {
    World::with(Settings {
        key_cache: Duration::ZERO,
        ..Settings::default()
    })
    .await
}

#[tokio::test]
async fn a_viewers_key_looks_and_changes_nothing() {
    let world = World::new().await;
    make_key(&world.engine, TOKEN, new_key(None, Role::Viewer)).await;
    let id = world.refund("main", "R-1").await;
    assert_eq!(
        status(&world, TOKEN, "GET", &format!("/v1/refunds/{id}")).await,
        200
    );
    let cancel = format!("/v1/refunds/{id}/cancel");
    let answer = world
        .send(request("POST", &cancel, TOKEN).body(Body::empty()).unwrap())
        .await;
    assert_eq!(answer.problem(), (403, "forbidden".to_owned()));
    assert_eq!(
        world.get(&format!("/v1/refunds/{id}")).await.json()["version"],
        1
    );
}

#[tokio::test]
async fn a_key_nobody_stands_behind_never_approves() {
    let world = World::new().await;
    make_key(&world.engine, TOKEN, new_key(None, Role::Admin)).await;
    let id = world.refund("main", "R-1").await;
    let approve = format!("/v1/refunds/{id}/approve");
    assert_eq!(status(&world, TOKEN, "POST", &approve).await, 403);
    assert_eq!(
        status(&world, ALL, "POST", &approve).await,
        403,
        "a key from before"
    );
}

#[tokio::test]
async fn a_key_does_what_its_owner_may_now_and_for_approving_without_delay() {
    let world = World::new().await;
    let owner = add_user(&world, "li", Role::Approver, Scope::All).await;
    make_key(&world.engine, TOKEN, new_key(Some(&owner), Role::Approver)).await;
    let id = world.refund("main", "R-1").await;
    let approve = format!("/v1/refunds/{id}/approve");
    let before = status(&world, TOKEN, "POST", &approve).await;
    assert_eq!(before, 409, "may, but there is nothing to approve");
    let lowered = User {
        role: Role::Viewer,
        ..owner
    };
    let people = world.engine.people();
    people
        .update_user(&Actor::Cli, lowered, "user.role_changed")
        .await
        .unwrap();
    assert_eq!(status(&world, TOKEN, "POST", &approve).await, 403);
}

#[tokio::test]
async fn a_key_that_somebody_else_made_does_everything_but_approve() {
    let world = World::new().await;
    let owner = add_user(&world, "li", Role::Admin, Scope::All).await;
    let maker = add_user(&world, "wang", Role::Admin, Scope::All).await;
    let id = world.refund("main", "R-1").await;
    let approve = format!("/v1/refunds/{id}/approve");
    for (by, token, expected) in [
        (&maker, TOKEN, 403),
        (&owner, "tk_own_0123456789abcdef0123456789abcdef0", 409),
    ] {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
        let hash = hash.as_ref().try_into().unwrap();
        let new = new_key(Some(&owner), Role::Approver);
        let by = Actor::Person(by.id.clone());
        let people = world.engine.people();
        people.create_key(&by, hash, new).await.unwrap();
        assert_eq!(status(&world, token, "GET", "/v1/refunds").await, 200);
        assert_eq!(status(&world, token, "POST", &approve).await, expected);
    }
}

#[tokio::test]
async fn a_key_sees_no_more_than_its_owner() {
    let world = forgetful().await;
    let scope = Scope::Only(vec!["other".parse().unwrap()]);
    let owner = add_user(&world, "li", Role::Operator, scope).await;
    make_key(&world.engine, TOKEN, new_key(Some(&owner), Role::Operator)).await;
    let (main, other) = (
        world.refund("main", "R-1").await,
        world.refund("other", "R-2").await,
    );
    assert_eq!(
        status(&world, TOKEN, "GET", &format!("/v1/refunds/{main}")).await,
        404
    );
    assert_eq!(
        status(&world, TOKEN, "GET", &format!("/v1/refunds/{other}")).await,
        200
    );
    let disabled = User {
        disabled_at: Some(world.engine.now()),
        ..owner
    };
    let people = world.engine.people();
    people
        .update_user(&Actor::Cli, disabled, "user.disabled")
        .await
        .unwrap();
    assert_eq!(status(&world, TOKEN, "GET", "/v1/refunds").await, 401);
}

#[tokio::test]
async fn a_key_ends_at_its_time() {
    let world = forgetful().await;
    let soon = tuikuan_domain::after(world.engine.now(), SignedDuration::from_millis(300));
    let new = NewKey {
        expires_at: Some(soon),
        ..new_key(None, Role::Operator)
    };
    make_key(&world.engine, TOKEN, new).await;
    assert_eq!(status(&world, TOKEN, "GET", "/v1/refunds").await, 200);
    while world.engine.now() < soon {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(status(&world, TOKEN, "GET", "/v1/refunds").await, 401);
}

#[tokio::test]
async fn a_key_has_no_higher_role_than_its_owner_from_the_start() {
    let world = World::new().await;
    let owner = add_user(&world, "li", Role::Operator, Scope::All).await;
    let new = new_key(Some(&owner), Role::Approver);
    let refused = world
        .engine
        .people()
        .create_key(&Actor::Cli, [1; 32], new)
        .await;
    assert!(
        matches!(refused, Err(tuikuan_engine::EngineError::NotAllowed)),
        "{refused:?}"
    );
}
