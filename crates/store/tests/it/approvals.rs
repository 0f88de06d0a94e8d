//! A refund that waits for a second person is stored, replayed and withdrawn as the door says
//! (INV-32).

use tuikuan_domain::approval::ApprovalState;
use tuikuan_domain::refund::{Approval, Command};
use tuikuan_domain::{AttentionReason, RefundId, Status, Step};
use tuikuan_store::{CommitError, JobKey};

use crate::world::{World, at, payment, person, refund_id, registered, wanted};

conformance! {
    what_waits_for_a_second_person_is_read_back_and_its_expiry_is_a_job,
    an_approval_is_kept_with_what_it_was_given_to,
    approve_and_cancel_race_to_one_winner,
    the_database_itself_sends_nothing_unapproved_and_lets_nobody_be_their_own_second,
}

async fn awaiting(world: &mut World, n: u32) -> RefundId {
    world.approval = Approval::Needed { until: at(3600) };
    world.commit(registered(payment(n, 100))).await.unwrap();
    let change = world.request(wanted(n, n, 100), at(0)).await;
    world.commit(change).await.unwrap();
    refund_id(n)
}

fn approve(n: u32) -> Command {
    Command::Approve {
        by: person(n),
        comment: Some("seen the ticket".into()),
    }
}

async fn what_waits_for_a_second_person_is_read_back_and_its_expiry_is_a_job(mut world: World) {
    let id = awaiting(&mut world, 1).await;
    let refund = world.store.refund(&id).await.unwrap().unwrap();
    assert_eq!(refund.status, Status::AwaitingApproval);
    assert_eq!(refund.approval, ApprovalState::Required { until: at(3600) });
    assert_eq!(refund.requested_by, Some(person(1)));
    let needed = refund.attention.map(|attention| attention.reason);
    assert_eq!(needed, Some(AttentionReason::Approval));
    let key = JobKey::Refund(id.clone());
    let job = world.store.job(&key).await.unwrap().unwrap();
    assert_eq!(
        (job.step, job.due_at),
        (Some(Step::ExpireApproval), at(3600))
    );
    assert!(world.claim(Step::ExpireApproval, at(3599)).await.is_empty());
    world.lease(Step::ExpireApproval, at(3600)).await;
    let expire = world.command(&id, Command::Expire, at(3600)).await;
    world.commit(expire).await.unwrap();
    let refund = world.store.refund(&id).await.unwrap().unwrap();
    assert_eq!(refund.status, Status::Cancelled);
    assert_eq!(world.store.job(&key).await.unwrap(), None);
    assert_eq!(world.store.verify_history(id).await.unwrap(), Ok(2));
}

async fn an_approval_is_kept_with_what_it_was_given_to(mut world: World) {
    let id = awaiting(&mut world, 1).await;
    let change = world.command(&id, approve(2), at(10)).await;
    world.commit(change).await.unwrap();
    let refund = world.store.refund(&id).await.unwrap().unwrap();
    let content = refund.content_text();
    let given = ApprovalState::Given {
        by: person(2),
        at: at(10),
        content,
    };
    assert_eq!((refund.status, &refund.approval), (Status::Queued, &given));
    world.lease(Step::Submit, at(10)).await;
    let change = world.command(&id, Command::Submit, at(11)).await;
    world.commit(change).await.unwrap();
    assert_eq!(world.store.verify_history(id).await.unwrap(), Ok(3));
}

async fn approve_and_cancel_race_to_one_winner(mut world: World) {
    for (n, approval_first) in [(1, true), (2, false)] {
        let id = awaiting(&mut world, n).await;
        let yes = world.command(&id, approve(2), at(10)).await;
        let no = world.command(&id, Command::Cancel, at(10)).await;
        let (first, second) = if approval_first { (yes, no) } else { (no, yes) };
        world.commit(first).await.unwrap();
        let lost = world.commit(second).await;
        assert!(matches!(lost, Err(CommitError::Conflict)), "{lost:?}");
        let status = world.store.refund(&id).await.unwrap().unwrap().status;
        let won = match approval_first {
            true => Status::Queued,
            false => Status::Cancelled,
        };
        assert_eq!(status, won);
    }
}

async fn the_database_itself_sends_nothing_unapproved_and_lets_nobody_be_their_own_second(
    mut world: World,
) {
    let id = awaiting(&mut world, 1).await;
    let mut unapproved = world.command(&id, approve(2), at(10)).await;
    let changed = unapproved.refund.as_mut().unwrap();
    changed.record.approval = ApprovalState::Required { until: at(3600) };
    changed.record.status = Status::Submitting;
    let refused = world.commit(unapproved).await;
    assert!(
        matches!(&refused, Err(CommitError::Overdrawn { constraint }) if constraint == "refund_approved"),
        "{refused:?}"
    );
    let mut own = world.command(&id, approve(2), at(10)).await;
    let changed = own.refund.as_mut().unwrap();
    let content = changed.record.content_text();
    changed.record.approval = ApprovalState::Given {
        by: person(1),
        at: at(10),
        content,
    };
    let refused = world.commit(own).await;
    assert!(
        matches!(&refused, Err(CommitError::Overdrawn { constraint }) if constraint == "refund_second_person"),
        "{refused:?}"
    );
}
