//! Batches: taken in whole, linked to their refunds in one commit, counted at every instant.

use tuikuan_domain::batch::{
    Batch, BatchState, Checker, Checking, Facts, Faulty, Line, Mark, Need, Numbering, Outcome,
    Steer, steer,
};
use tuikuan_domain::refund::Command;
use tuikuan_domain::{BatchId, OrderRef, Status, Step};
use tuikuan_store::{
    BatchFilter, BatchWrite, Begun, Change, CheckLease, CheckedLine, CommitError, Committed,
    FactsWanted, Guard, JobKey, Lane, LineEnd, LineFilter, LineMark, LinesOf, Merchants, NewAudit,
    NewBatch, SettingsSeen,
};
use tuikuan_terms::{Fen, MchId, OutRefundNo, SubMchId};

use crate::world::{
    LEASE, World, at, fen, mch_id, merchant, number, order, payment, person, refund_id, registered,
    wanted,
};

conformance! {
    the_same_content_is_the_same_batch_until_it_is_withdrawn,
    a_check_is_written_by_whoever_began_it_last,
    a_check_that_goes_on_is_not_taken_over_and_a_silent_one_is,
    a_line_is_linked_once_and_only_while_the_batch_runs,
    who_lost_the_lease_of_the_feeder_makes_no_refund,
    a_batch_steered_by_other_rules_than_those_stored_is_not_written,
    counts_follow_the_refunds_and_the_batch_ends_with_the_last_of_them,
    a_withdrawn_batch_shows_its_lines_as_withdrawn_and_knows_what_was_queued,
    what_a_line_found_is_not_withdrawn_with_its_batch,
    lines_and_a_withdrawal_in_one_commit_do_not_count_a_line_twice,
    the_dry_run_knows_payments_refunds_and_what_was_refunded_a_short_while_ago,
    lists_show_the_merchants_that_may_be_seen_and_lines_stay_as_they_are,
}

pub(crate) fn batch_id(n: u32) -> BatchId {
    format!("bt_{n:020}").parse().unwrap()
}

pub(crate) fn audit(action: &str) -> NewAudit {
    NewAudit {
        at: at(0),
        actor: "cli".to_owned(),
        action: action.to_owned(),
        subject: "batch".to_owned(),
        detail: "{}".to_owned(),
    }
}

fn new(n: u32, content: u8) -> NewBatch {
    NewBatch {
        id: batch_id(n),
        merchant: merchant("main"),
        mch_id: mch_id(),
        name: Some("活动取消.csv".to_owned()),
        content: [content; 32],
        created: Mark {
            by: person(1),
            at: at(0),
        },
        lease: LEASE,
        audit: audit("batch.uploaded"),
    }
}

/// Line `n + 1` refunds order `n` under number `n`.
fn line(n: u32) -> Line {
    Line {
        number: n + 1,
        order: order(n),
        amount: fen(100),
        out_refund_no: number(n),
        numbering: Numbering::Given,
        reason: Some("商品已售完".parse().unwrap()),
    }
}

const KEY: &str = "key_00000000000000000001";

fn submit(need: Need) -> Steer {
    Steer::Submit {
        faulty: Faulty::LeaveOut,
        need,
        key: Some(KEY.into()),
    }
}

fn lines_at(guard: &Guard, lines: Vec<CheckedLine>, second: i64) -> BatchWrite {
    let held = CheckLease {
        guard: guard.clone(),
        now: at(second),
        lease: LEASE,
    };
    BatchWrite::Lines(held, lines)
}

fn numbered(_: &MchId, _: Option<&SubMchId>, _: &OrderRef) -> OutRefundNo {
    number(999)
}

impl World {
    async fn facts(&self, lines: Vec<Line>) -> Vec<(Line, Facts)> {
        let wanted = FactsWanted {
            mch_id: mch_id(),
            sub_mch_id: None,
            lines,
            since: at(-1000),
            number_of: numbered,
        };
        self.store.batch_facts(wanted).await.unwrap()
    }

    /// A batch of the orders 1 to `count`, checked.
    async fn checked_batch(&self, count: u32) -> Batch {
        for n in 1..=count {
            self.commit(registered(payment(n, 100))).await.unwrap();
        }
        let guard = self.begun(1).await.check.unwrap();
        self.check(&guard, count).await.unwrap();
        self.store.batch(&batch_id(1)).await.unwrap().unwrap()
    }

    async fn begun(&self, n: u32) -> Begun {
        self.store.begin_batch(new(n, 1)).await.unwrap()
    }

    /// Checks the orders 1 to `count`.
    async fn check(&self, guard: &Guard, count: u32) -> Result<(), CommitError> {
        let mut checker = Checker::new(Checking {
            now: at(0),
            amount_max: Fen::MAX,
        });
        let known = self.facts((1..=count).map(line).collect()).await;
        let lines = known.into_iter().map(|(line, facts)| CheckedLine {
            verdict: checker.check(&line, &facts),
            line,
        });
        let lines = lines.collect();
        self.store.write_batch(lines_at(guard, lines, 0)).await?;
        let write = BatchWrite::Checked(guard.clone(), checker.summary(), at(1));
        self.store.write_batch(write).await
    }

    async fn steered(&self, act: Steer) -> Batch {
        let batch = self.store.batch(&batch_id(1)).await.unwrap().unwrap();
        let next = steer(&batch, &act, &person(1), at(2)).unwrap();
        let write = BatchWrite::Steered(Box::new(next), audit("batch.steered"), SettingsSeen::NONE);
        self.store.write_batch(write).await.unwrap();
        self.store.batch(&batch_id(1)).await.unwrap().unwrap()
    }

    pub(crate) async fn running_batch(&self, count: u32) -> Guard {
        self.checked_batch(count).await;
        let batch = self.steered(submit(Need::NotNeeded)).await;
        assert_eq!(batch.state, BatchState::Running);
        assert_eq!(batch.requested_key.as_deref(), Some(KEY));
        self.batch_job(3).await.unwrap()
    }

    async fn batch_job(&self, second: i64) -> Option<Guard> {
        let claimed = self.claim_lane(Lane::Batch(batch_id(1)), at(second)).await;
        claimed.into_iter().next().map(|job| job.guard)
    }

    /// The refund of a line, linked to it.
    pub(crate) async fn fed(&self, n: u32, guard: &Guard) -> Change {
        Change {
            guard: Some(guard.clone()),
            line: Some(LineMark {
                batch: batch_id(1),
                line: n + 1,
                end: LineEnd::Requested(refund_id(n)),
            }),
            ..self.request(wanted(n, n, 100), at(3)).await
        }
    }

    async fn count(&self, outcome: Outcome) -> (i64, i64) {
        let counts = self.store.batch_counts(&batch_id(1)).await.unwrap();
        let found = counts.iter().find(|count| count.outcome == outcome);
        found.map_or((0, 0), |count| (count.lines, count.amount))
    }
}

async fn the_same_content_is_the_same_batch_until_it_is_withdrawn(world: World) {
    let batch = world.checked_batch(2).await;
    assert_eq!(batch.state, BatchState::Checked);
    assert_eq!(batch.summary.new_lines, 2);
    let again = world.begun(2).await.batch;
    assert_eq!((&again.id, again.state), (&batch.id, BatchState::Draft));
    assert_eq!(again.version, batch.version + 1);
    let stored = world.store.batch(&batch.id).await.unwrap().unwrap();
    assert_eq!(stored, again);
    // Its job looks after the check; it is known that it was checked before.
    assert_eq!(stored.checked_at, Some(at(1)));
    assert_eq!(world.batch_job(3).await, None);
    world.batch_job(100).await.unwrap();
    world.steered(Steer::Cancel).await;
    let other = world.begun(2).await;
    assert_eq!(other.batch.id, batch_id(2));
}

async fn a_check_is_written_by_whoever_began_it_last(world: World) {
    for n in 1..=2 {
        world.commit(registered(payment(n, 100))).await.unwrap();
    }
    let early = world.begun(1).await.check.unwrap();
    let late = world.begun(2).await;
    assert_eq!(late.batch.id, batch_id(1));
    let late = late.check.unwrap();
    assert!(late.fence > early.fence);
    let lost = world.check(&early, 2).await;
    assert!(matches!(lost, Err(CommitError::LeaseLost)));
    world.check(&late, 2).await.unwrap();
    assert_eq!(world.count(Outcome::Pending).await, (2, 200));
    let lost = world.check(&early, 1).await;
    assert!(matches!(lost, Err(CommitError::LeaseLost)));
    let batch = world.store.batch(&batch_id(1)).await.unwrap().unwrap();
    assert_eq!(batch.state, BatchState::Checked);
    assert_eq!((batch.summary.lines, batch.summary.new_amount), (2, 200));
    // The check was the job.
    assert_eq!(world.batch_job(1000).await, None);
}

async fn a_check_that_goes_on_is_not_taken_over_and_a_silent_one_is(world: World) {
    let guard = world.begun(1).await.check.unwrap();
    let lease = LEASE.as_secs();
    world
        .store
        .write_batch(lines_at(&guard, Vec::new(), lease - 1))
        .await
        .unwrap();
    assert_eq!(world.batch_job(lease + 1).await, None);
    let taken = world.batch_job(2 * lease).await.unwrap();
    assert_eq!(taken.key, guard.key);
    let lost = world
        .store
        .write_batch(lines_at(&guard, Vec::new(), 2 * lease))
        .await;
    assert!(matches!(lost, Err(CommitError::LeaseLost)));
}

async fn a_line_is_linked_once_and_only_while_the_batch_runs(world: World) {
    let guard = world.running_batch(3).await;
    assert_eq!(world.count(Outcome::Pending).await, (3, 300));
    world.commit(world.fed(1, &guard).await).await.unwrap();
    assert_eq!(world.count(Outcome::Pending).await, (2, 200));
    assert_eq!(world.count(Outcome::Refund(Status::Queued)).await, (1, 100));
    // The same line again, as a second feeder would have it.
    let again = Change {
        line: world.fed(1, &guard).await.line,
        ..Change::empty(at(4))
    };
    let refused = world.commit(again).await;
    assert!(matches!(refused, Err(CommitError::Conflict)));
    let second = world.fed(2, &guard).await;
    world.steered(Steer::Pause).await;
    let refused = world.commit(second).await;
    assert!(matches!(refused, Err(CommitError::Conflict)));
    assert_eq!(world.store.refund(&refund_id(2)).await.unwrap(), None);
    assert_eq!(world.count(Outcome::Pending).await, (2, 200));
    assert_eq!(
        world.store.batches_of(&refund_id(1)).await.unwrap(),
        vec![batch_id(1)]
    );
    let pending = world.store.batch_pending(&batch_id(1), 10).await.unwrap();
    assert_eq!(pending, vec![line(2), line(3)]);
}

async fn who_lost_the_lease_of_the_feeder_makes_no_refund(world: World) {
    let old = world.running_batch(1).await;
    let change = world.fed(1, &old).await;
    let claimed = world.claim_lane(Lane::Batch(batch_id(1)), at(100)).await;
    assert!(claimed[0].rescued);
    let refused = world.commit(change).await;
    assert!(matches!(refused, Err(CommitError::LeaseLost)));
    let passed = world.store.write_batch(BatchWrite::Fed(old, 9)).await;
    assert!(matches!(passed, Err(CommitError::LeaseLost)));
    let pending = world.store.batch_pending(&batch_id(1), 10).await.unwrap();
    assert_eq!(pending, vec![line(1)]);
    assert_eq!(world.store.refund(&refund_id(1)).await.unwrap(), None);
    assert_eq!(claimed[0].guard.key, JobKey::Batch(batch_id(1)));
}

async fn a_batch_steered_by_other_rules_than_those_stored_is_not_written(world: World) {
    let checked = world.checked_batch(1).await;
    let seen = world.store.settings_versions().await.unwrap();
    let by_rules = |rules| SettingsSeen {
        rules: Some(rules),
        ..SettingsSeen::NONE
    };
    let next = steer(&checked, &submit(Need::NotNeeded), &person(1), at(2)).unwrap();
    let written = |seen| {
        let write = BatchWrite::Steered(Box::new(next.clone()), audit("batch.submitted"), seen);
        world.store.write_batch(write)
    };
    let outdated = written(by_rules(seen.rules - 1)).await;
    assert!(matches!(outdated, Err(CommitError::Outdated)));
    let batch = world.store.batch(&batch_id(1)).await.unwrap().unwrap();
    assert_eq!(batch, checked);
    assert_eq!(world.batch_job(9).await, None);
    written(by_rules(seen.rules)).await.unwrap();
}

async fn counts_follow_the_refunds_and_the_batch_ends_with_the_last_of_them(world: World) {
    let guard = world.running_batch(2).await;
    world.commit(world.fed(1, &guard).await).await.unwrap();
    let refused = Change {
        guard: Some(guard.clone()),
        line: Some(LineMark {
            batch: batch_id(1),
            line: 3,
            end: LineEnd::Refused {
                code: "amount_exceeds_refundable",
                message: "too much".to_owned(),
            },
        }),
        ..Change::empty(at(4))
    };
    world.commit(refused).await.unwrap();
    let cancel = world.command(&refund_id(1), Command::Cancel, at(9)).await;
    world.commit(cancel).await.unwrap();
    assert_eq!(world.count(Outcome::Refused).await, (1, 100));
    assert_eq!(
        world.count(Outcome::Refund(Status::Cancelled)).await,
        (1, 100)
    );
    assert_eq!(world.count(Outcome::Refund(Status::Queued)).await, (0, 0));
    let batch = world.store.batch(&batch_id(1)).await.unwrap().unwrap();
    assert_eq!(batch.state, BatchState::Finished);
    assert_eq!(batch.ended_at, Some(at(9)));
    let faults = world.lines(LineFilter::Faults).await;
    assert_eq!(faults.len(), 1);
    let error = faults[0].error.as_ref().unwrap();
    assert_eq!(error.code, "amount_exceeds_refundable");
}

impl World {
    async fn lines(&self, filter: LineFilter) -> Vec<tuikuan_store::BatchLine> {
        let wanted = LinesOf {
            batch: batch_id(1),
            filter,
            after: 0,
            limit: 100,
        };
        self.store.batch_lines(wanted).await.unwrap()
    }
}

async fn a_withdrawn_batch_shows_its_lines_as_withdrawn_and_knows_what_was_queued(world: World) {
    let guard = world.running_batch(3).await;
    world.commit(world.fed(1, &guard).await).await.unwrap();
    let queued = world.store.batch_queued(&batch_id(1), 10).await.unwrap();
    assert_eq!(queued, vec![refund_id(1)]);
    world.steered(Steer::Cancel).await;
    assert_eq!(world.count(Outcome::Withdrawn).await, (2, 200));
    assert_eq!(world.count(Outcome::Pending).await, (0, 0));
    let lines = world.lines(LineFilter::All).await;
    let outcomes: Vec<Outcome> = lines.iter().map(|line| line.outcome).collect();
    let queued = Outcome::Refund(Status::Queued);
    assert_eq!(
        outcomes,
        vec![queued, Outcome::Withdrawn, Outcome::Withdrawn]
    );
    assert_eq!(lines[0].refund, Some(refund_id(1)));
    // Its job comes once more, to cancel what is queued.
    world.batch_job(3).await.unwrap();
}

async fn what_a_line_found_is_not_withdrawn_with_its_batch(world: World) {
    let guard = world.running_batch(1).await;
    world
        .commit(world.request(wanted(1, 1, 100), at(3)).await)
        .await
        .unwrap();
    let mark = LineMark {
        batch: batch_id(1),
        line: 2,
        end: LineEnd::Found(refund_id(1)),
    };
    let found = Change {
        guard: Some(guard),
        line: Some(mark),
        ..Change::empty(at(4))
    };
    world.commit(found).await.unwrap();
    assert_eq!(world.count(Outcome::Refund(Status::Queued)).await, (1, 100));
    assert_eq!(
        world.store.batches_of(&refund_id(1)).await.unwrap(),
        vec![batch_id(1)]
    );
    let queued = world.store.batch_queued(&batch_id(1), 10).await.unwrap();
    assert_eq!(queued, vec![]);
}

async fn lines_and_a_withdrawal_in_one_commit_do_not_count_a_line_twice(world: World) {
    let guard = world.running_batch(4).await;
    let batch = world.store.batch(&batch_id(1)).await.unwrap().unwrap();
    let next = steer(&batch, &Steer::Cancel, &person(1), at(4)).unwrap();
    let cancel = BatchWrite::Steered(Box::new(next), audit("batch.cancelled"), SettingsSeen::NONE);
    let early = BatchWrite::Fed(guard.clone(), 2);
    // While the writer is busy with the first, the others come together.
    let (early, one, two, cancelled) = tokio::join!(
        world.store.write_batch(early),
        world.commit(world.fed(1, &guard).await),
        world.commit(world.fed(2, &guard).await),
        world.store.write_batch(cancel),
    );
    cancelled.unwrap();
    // Over many nodes the withdrawal may come first: then the feeder's lease has ended with it.
    assert!(matches!(early, Ok(()) | Err(CommitError::LeaseLost)));
    let made = |fed: Result<Committed, CommitError>| match fed {
        Ok(_) => 1,
        Err(CommitError::LeaseLost | CommitError::Conflict) => 0,
        Err(error) => panic!("{error}"),
    };
    let queued = made(one) + made(two);
    assert!(queued == 2 || world.url.starts_with("postgres"), "{queued}");
    let counted = world.count(Outcome::Refund(Status::Queued)).await;
    assert_eq!(counted, (queued, 100 * queued));
    let counted = world.count(Outcome::Withdrawn).await;
    assert_eq!(counted, (4 - queued, 400 - 100 * queued));
    assert_eq!(world.count(Outcome::Pending).await, (0, 0));
}

async fn the_dry_run_knows_payments_refunds_and_what_was_refunded_a_short_while_ago(world: World) {
    world.queued(1, at(0)).await;
    world.commit(registered(payment(2, 100))).await.unwrap();
    let again = Line {
        out_refund_no: number(7),
        ..line(1)
    };
    let known = world.facts(vec![line(1), again, line(2), line(3)]).await;
    let facts: Vec<&Facts> = known.iter().map(|(_, facts)| facts).collect();
    assert_eq!(facts[0].refund.as_ref().unwrap().id, refund_id(1));
    assert_eq!(facts[1].refund, None);
    assert_eq!(facts[1].same_amount, Some(refund_id(1)));
    assert_eq!(facts[1].payment.as_ref().unwrap().refundable, Fen::ZERO);
    assert_eq!(facts[2].payment.as_ref().unwrap().refundable, fen(100));
    assert_eq!(facts[3], &Facts::default());
}

async fn lists_show_the_merchants_that_may_be_seen_and_lines_stay_as_they_are(world: World) {
    world.checked_batch(1).await;
    let list = |allowed: Merchants| {
        let filter = BatchFilter {
            allowed,
            merchant: None,
            state: None,
            after: None,
            limit: 10,
        };
        world.store.batches(filter)
    };
    assert_eq!(list(Merchants::All).await.unwrap().items.len(), 1);
    let other = Merchants::Only(vec![merchant("other")]);
    assert_eq!(list(other).await.unwrap().items.len(), 0);
    let lane = Lane::of_step(Step::Submit, &mch_id(), tuikuan_domain::Source::Batch);
    assert_eq!(lane, Lane::Bulk(mch_id()));
    assert_eq!(world.store.lane_backlog(&lane, at(9), 5).await.unwrap(), 0);
}
