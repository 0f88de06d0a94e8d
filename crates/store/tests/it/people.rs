//! People, their sessions, their links.

use secrecy::{ExposeSecret, SecretString};
use tuikuan_domain::Role;
use tuikuan_store::{
    AdminChange, Administered, CommitError, Invitation, NewAudit, PeopleAct, Purpose, SESSIONS_MAX,
    Scope, SecondFactor, Session, User,
};

use crate::world::{World, at, merchant, sqlite};

conformance! {
    a_person_is_found_by_name_in_any_capitals_and_names_are_unique,
    a_change_names_the_version_it_replaces,
    the_last_administrator_stays,
    who_is_disabled_or_gets_another_password_is_signed_out_everywhere,
    a_person_has_a_bounded_number_of_sessions_and_the_oldest_go,
    a_link_is_used_once_in_time_and_by_its_person,
    a_link_does_not_outlive_the_rights_it_was_made_under,
    the_first_link_makes_one_person_only,
}

fn user(n: u32, name: &str, role: Role) -> User {
    User {
        id: format!("usr_{n:016}").parse().unwrap(),
        name: name.to_owned(),
        password: Some(SecretString::from("$argon2id$x")),
        role,
        scope: Scope::All,
        totp: None,
        totp_used: 0,
        language: None,
        created_at: at(0),
        last_login_at: None,
        disabled_at: None,
        version: 1,
    }
}

fn session(n: u8, user: &User, second: i64) -> Session {
    Session {
        hash: [n; 32],
        user: user.id.clone(),
        created_at: at(second),
        seen_at: at(second),
        expires_at: at(second + 1000),
        second_factor: SecondFactor::Passed,
        csrf: "c".to_owned(),
        address: "192.0.2.1".to_owned(),
        agent: "a".to_owned(),
    }
}

async fn act(world: &World, act: PeopleAct, second: i64) -> Result<(), CommitError> {
    let audit = NewAudit {
        at: at(second),
        actor: "cli".to_owned(),
        action: "test".to_owned(),
        subject: "x".to_owned(),
        detail: "{}".to_owned(),
    };
    let act = Administered::People(Box::new(act));
    world.store.administer(AdminChange { act, audit }).await
}

async fn with_user(world: &World, name: &str, role: Role) -> User {
    let user = user(1, name, role);
    act(world, PeopleAct::UserCreated(user.clone()), 0)
        .await
        .unwrap();
    user
}

async fn a_person_is_found_by_name_in_any_capitals_and_names_are_unique(world: World) {
    let made = with_user(&world, "Wang Fang", Role::Viewer).await;
    let found = world
        .store
        .user_by_name(" wang FANG")
        .await
        .unwrap()
        .unwrap();
    assert_eq!((found.id, found.name), (made.id, made.name));
    let twin = PeopleAct::UserCreated(user(2, "WANG FANG", Role::Viewer));
    let refused = act(&world, twin, 0).await.unwrap_err();
    assert!(matches!(refused, CommitError::Conflict), "{refused:?}");
    assert_eq!(
        world
            .store
            .verify_audit(None)
            .await
            .unwrap()
            .map(|head| head.number),
        Ok(1),
        "one act, one entry"
    );
}

async fn a_change_names_the_version_it_replaces(world: World) {
    let stored = with_user(&world, "li", Role::Viewer).await;
    let scope = Scope::Only(vec![merchant("main")]);
    let changed = User {
        role: Role::Operator,
        scope: scope.clone(),
        ..stored.clone()
    };
    act(&world, PeopleAct::UserUpdated(changed), 1)
        .await
        .unwrap();
    let late = act(&world, PeopleAct::UserUpdated(stored.clone()), 2)
        .await
        .unwrap_err();
    assert!(matches!(late, CommitError::Conflict), "{late:?}");
    let now = world.store.user(&stored.id).await.unwrap().unwrap();
    assert_eq!(
        (now.role, now.scope, now.version),
        (Role::Operator, scope, 2)
    );
}

#[tokio::test]
async fn a_second_factor_is_sealed_and_a_code_is_good_once() {
    let world = sqlite(&tuikuan_store::Options::default()).await;
    let stored = with_user(&world, "li", Role::Approver).await;
    let secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    let enrolled = User {
        totp: Some(SecretString::from(secret)),
        totp_used: 50,
        ..stored.clone()
    };
    act(&world, PeopleAct::UserUpdated(enrolled), 1)
        .await
        .unwrap();
    let read = world.store.user(&stored.id).await.unwrap().unwrap();
    assert_eq!(read.totp.as_ref().unwrap().expose_secret(), secret);
    let file = world.url.strip_prefix("sqlite:").unwrap();
    for file in [file.to_owned(), format!("{file}-wal")] {
        let bytes = std::fs::read(file).unwrap();
        let clear = bytes
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!clear, "the secret stands in the file");
    }
    let again = User {
        totp_used: 49,
        ..read
    };
    let refused = act(&world, PeopleAct::UserUpdated(again), 2)
        .await
        .unwrap_err();
    assert!(
        matches!(refused, CommitError::Overdrawn { .. }),
        "{refused:?}"
    );
}

async fn the_last_administrator_stays(world: World) {
    let first = with_user(&world, "li", Role::Admin).await;
    let lowered = User {
        role: Role::Viewer,
        ..first.clone()
    };
    let away = User {
        disabled_at: Some(at(1)),
        ..first.clone()
    };
    let narrow = User {
        scope: Scope::Only(vec![merchant("main")]),
        ..first.clone()
    };
    for changed in [lowered.clone(), away, narrow] {
        let refused = act(&world, PeopleAct::UserUpdated(changed), 1)
            .await
            .unwrap_err();
        let named =
            matches!(&refused, CommitError::Overdrawn { constraint } if constraint == "last_admin");
        assert!(named, "{refused:?}");
    }
    let other = PeopleAct::UserCreated(user(2, "wang", Role::Admin));
    act(&world, other, 2).await.unwrap();
    act(&world, PeopleAct::UserUpdated(lowered), 3)
        .await
        .unwrap();
}

async fn who_is_disabled_or_gets_another_password_is_signed_out_everywhere(world: World) {
    let stored = with_user(&world, "li", Role::Viewer).await;
    let open = PeopleAct::SessionOpened(session(1, &stored, 0));
    act(&world, open, 0).await.unwrap();
    let language = User {
        language: Some("en".to_owned()),
        ..stored.clone()
    };
    act(&world, PeopleAct::UserUpdated(language), 1)
        .await
        .unwrap();
    assert!(world.store.session(&[1; 32]).await.unwrap().is_some());
    let password = User {
        password: Some(SecretString::from("$argon2id$y")),
        version: 2,
        ..stored.clone()
    };
    act(&world, PeopleAct::UserUpdated(password.clone()), 2)
        .await
        .unwrap();
    assert!(world.store.session(&[1; 32]).await.unwrap().is_none());
    let disabled = User {
        disabled_at: Some(at(3)),
        version: 3,
        ..password
    };
    act(&world, PeopleAct::UserUpdated(disabled), 3)
        .await
        .unwrap();
    let open = PeopleAct::SessionOpened(session(2, &stored, 4));
    let refused = act(&world, open, 4).await.unwrap_err();
    assert!(matches!(refused, CommitError::Conflict), "{refused:?}");
}

async fn a_person_has_a_bounded_number_of_sessions_and_the_oldest_go(world: World) {
    let stored = with_user(&world, "li", Role::Viewer).await;
    for n in 0..=u8::try_from(SESSIONS_MAX).unwrap() {
        let open = PeopleAct::SessionOpened(session(n, &stored, i64::from(n)));
        act(&world, open, i64::from(n)).await.unwrap();
    }
    let kept = world.store.sessions_of(&stored.id).await.unwrap();
    assert_eq!(kept.len(), usize::try_from(SESSIONS_MAX).unwrap());
    assert!(
        world.store.session(&[0; 32]).await.unwrap().is_none(),
        "the oldest went"
    );
    world.store.see_session([5; 32], at(500)).await.unwrap();
    let seen = world.store.session(&[5; 32]).await.unwrap().unwrap();
    assert_eq!(seen.seen_at, at(500));
    let last = world
        .store
        .user(&stored.id)
        .await
        .unwrap()
        .unwrap()
        .last_login_at;
    assert_eq!(last, Some(at(i64::from(SESSIONS_MAX))));
}

fn link(n: u8, purpose: Purpose, user: Option<&User>) -> Invitation {
    Invitation {
        hash: [n; 32],
        purpose,
        user: user.map(|user| user.id.clone()),
        created_at: at(0),
        expires_at: at(100),
        used_at: None,
    }
}

async fn a_link_is_used_once_in_time_and_by_its_person(world: World) {
    let stored = with_user(&world, "li", Role::Viewer).await;
    for n in [1, 2] {
        let made = link(n, Purpose::Reset, Some(&stored));
        act(&world, PeopleAct::InvitationMade(made), 0)
            .await
            .unwrap();
    }
    assert!(
        world.store.invitation(&[1; 32]).await.unwrap().is_none(),
        "a newer one came"
    );
    let late = PeopleAct::InvitationAccepted([2; 32], stored.clone());
    assert!(act(&world, late, 100).await.is_err(), "expired");
    let accept = PeopleAct::InvitationAccepted([2; 32], stored.clone());
    act(&world, accept, 99).await.unwrap();
    let again = User {
        version: 2,
        ..stored
    };
    assert!(
        act(&world, PeopleAct::InvitationAccepted([2; 32], again), 99)
            .await
            .is_err()
    );
}

async fn a_link_does_not_outlive_the_rights_it_was_made_under(world: World) {
    let made = with_user(&world, "li", Role::Viewer).await;
    let reset = PeopleAct::InvitationMade(link(1, Purpose::Reset, Some(&made)));
    act(&world, reset, 0).await.unwrap();
    let raised = User {
        role: Role::Admin,
        ..made.clone()
    };
    let raised = PeopleAct::UserUpdated(raised);
    act(&world, raised, 1).await.unwrap();
    assert!(world.store.invitation(&[1; 32]).await.unwrap().is_none());
    let now = world.store.user(&made.id).await.unwrap().unwrap();
    let late = PeopleAct::InvitationAccepted([1; 32], now.clone());
    let refused = act(&world, late, 2).await.unwrap_err();
    assert!(matches!(refused, CommitError::Conflict), "{refused:?}");
    let demo = PeopleAct::InvitationMade(link(2, Purpose::Demo, Some(&made)));
    act(&world, demo, 3).await.unwrap();
    act(&world, PeopleAct::UserUpdated(now), 4).await.unwrap();
    assert!(world.store.invitation(&[2; 32]).await.unwrap().is_some());
}

async fn the_first_link_makes_one_person_only(world: World) {
    let made = link(1, Purpose::SetUp, None);
    act(&world, PeopleAct::InvitationMade(made), 0)
        .await
        .unwrap();
    let first = user(1, "li", Role::Admin);
    act(&world, PeopleAct::SetUpAccepted([1; 32], first), 1)
        .await
        .unwrap();
    let made = link(2, Purpose::SetUp, None);
    act(&world, PeopleAct::InvitationMade(made), 2)
        .await
        .unwrap();
    let second = user(2, "wang", Role::Admin);
    assert!(
        act(&world, PeopleAct::SetUpAccepted([2; 32], second), 3)
            .await
            .is_err()
    );
}
