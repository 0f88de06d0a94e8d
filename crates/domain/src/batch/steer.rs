//! What people do to a batch: submit, agree, pause, resume, withdraw. Total and pure; who may do it
//! at all is a matter of roles, decided before.

use jiff::Timestamp;

use crate::batch::{Batch, BatchState, Mark};
use crate::person::Actor;

/// What becomes of lines with a fault when a batch is submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Faulty {
    /// With any such line the batch is refused.
    Refuse,
    /// They are left out.
    LeaveOut,
}

/// Whether a batch needs a second person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It does not.
    NotNeeded,
    /// Somebody else must agree.
    Needed {
        /// Until then; afterwards nobody can.
        until: Timestamp,
    },
}

impl Need {
    const fn until(self) -> Option<Timestamp> {
        match self {
            Self::Needed { until } => Some(until),
            Self::NotNeeded => None,
        }
    }
}

/// What somebody wants of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Steer {
    /// Refund it.
    Submit {
        /// What becomes of faulty lines.
        faulty: Faulty,
        /// Whether somebody else must agree.
        need: Need,
        /// With which API key it was asked for, if with one.
        key: Option<Box<str>>,
    },
    /// A second person agrees to exactly this content (INV-32).
    Approve {
        /// [`Batch::content_text`] of what was looked at.
        content: String,
    },
    /// A second person does not agree.
    Reject,
    /// Nobody agreed in time.
    Expire,
    /// No further line becomes a refund for now.
    Pause,
    /// Go on.
    Resume,
    /// What was not sent is withdrawn.
    Cancel,
}

/// Why an act on a batch was refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SteerRefusal {
    /// It does not fit where the batch stands.
    #[error("a batch that is {} cannot be {wanted}", state.as_str())]
    NotIn {
        /// Where it stands.
        state: BatchState,
        /// What was wanted, as a participle.
        wanted: &'static str,
    },
    /// It has faulty lines, and nobody said that they are to be left out.
    #[error("{lines} lines have faults: mend the file, or submit it without them")]
    Faulty {
        /// How many.
        lines: u32,
    },
    /// No line is left that could become a refund.
    #[error("no line of the batch can be refunded")]
    Nothing,
    /// Who submitted it cannot agree to it (INV-32).
    #[error("who submitted a batch cannot approve it: another person must")]
    SamePerson,
    /// Only a person can agree.
    #[error("a batch is approved by a person: use a key that belongs to one, or the console")]
    NotAPerson,
    /// Nobody agreed in time (INV-32).
    #[error("the approval was waited for until {until}: upload the file again to ask anew")]
    Expired {
        /// Until when.
        until: Timestamp,
    },
    /// It is not what was looked at (INV-32).
    #[error("this is not the content that was looked at: look again, then approve")]
    ContentChanged,
}

impl SteerRefusal {
    /// The stable code of the refusal, as interfaces show it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotIn { .. } => "batch_wrong_state",
            Self::Faulty { .. } => "batch_has_faults",
            Self::Nothing => "batch_empty",
            Self::SamePerson => "same_person",
            Self::NotAPerson => "approval_needs_person",
            Self::Expired { .. } => "approval_expired",
            Self::ContentChanged => "content_changed",
        }
    }
}

/// The batch after an act; the same batch when the act was done before.
///
/// # Errors
/// [`SteerRefusal`].
pub fn steer(
    batch: &Batch,
    act: &Steer,
    by: &Actor,
    now: Timestamp,
) -> Result<Batch, SteerRefusal> {
    let mut next = batch.clone();
    let mark = || {
        Some(Mark {
            by: by.clone(),
            at: now,
        })
    };
    match act {
        Steer::Submit { faulty, need, key } => {
            require(batch, &[BatchState::Checked], "submitted")?;
            submittable(batch, *faulty)?;
            next.requested = mark();
            next.requested_key.clone_from(key);
            next.state = match need {
                Need::Needed { .. } => BatchState::AwaitingApproval,
                Need::NotNeeded => BatchState::Running,
            };
            next.approval_until = need.until();
        }
        Steer::Approve { content } => {
            require(batch, &[BatchState::AwaitingApproval], "approved")?;
            if *content != batch.content_text() {
                return Err(SteerRefusal::ContentChanged);
            }
            second(batch, by)?;
            in_time(batch, now)?;
            next.approved = mark();
            next.state = BatchState::Running;
        }
        Steer::Reject => {
            require(batch, &[BatchState::AwaitingApproval], "rejected")?;
            if !matches!(by, Actor::Person(_)) {
                return Err(SteerRefusal::NotAPerson);
            }
            next.state = BatchState::Rejected;
            next.ended_at = Some(now);
        }
        Steer::Expire => {
            require(batch, &[BatchState::AwaitingApproval], "expired")?;
            if in_time(batch, now).is_ok() {
                let (state, wanted) = (batch.state, "expired before its time");
                return Err(SteerRefusal::NotIn { state, wanted });
            }
            next.state = BatchState::Rejected;
            next.ended_at = Some(now);
        }
        Steer::Pause => {
            require(batch, &[BatchState::Running], "paused")?;
            next.state = BatchState::Paused;
        }
        Steer::Resume => {
            require(batch, &[BatchState::Paused], "resumed")?;
            next.state = BatchState::Running;
        }
        Steer::Cancel => {
            let open = [
                BatchState::Draft,
                BatchState::Checked,
                BatchState::AwaitingApproval,
                BatchState::Running,
                BatchState::Paused,
            ];
            require(batch, &open, "cancelled")?;
            next.state = BatchState::Cancelled;
            next.ended_at = Some(now);
        }
    }
    next.version = batch.version.saturating_add(1);
    Ok(next)
}

fn require(batch: &Batch, states: &[BatchState], wanted: &'static str) -> Result<(), SteerRefusal> {
    if states.contains(&batch.state) {
        return Ok(());
    }
    let state = batch.state;
    Err(SteerRefusal::NotIn { state, wanted })
}

fn submittable(batch: &Batch, faulty: Faulty) -> Result<(), SteerRefusal> {
    let lines = batch.summary.faulty_lines;
    if lines > 0 && faulty == Faulty::Refuse {
        return Err(SteerRefusal::Faulty { lines });
    }
    if batch.summary.refundable_lines() == 0 {
        return Err(SteerRefusal::Nothing);
    }
    Ok(())
}

/// The time to agree is not over.
fn in_time(batch: &Batch, now: Timestamp) -> Result<(), SteerRefusal> {
    match batch.approval_until {
        Some(until) if now >= until => Err(SteerRefusal::Expired { until }),
        Some(_) | None => Ok(()),
    }
}

/// The second person is one, and another one.
fn second(batch: &Batch, by: &Actor) -> Result<(), SteerRefusal> {
    if !matches!(by, Actor::Person(_)) {
        return Err(SteerRefusal::NotAPerson);
    }
    let own = batch.requested.as_ref().is_none_or(|mark| mark.by == *by);
    if own {
        return Err(SteerRefusal::SamePerson);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Summary;

    fn now() -> Timestamp {
        "2026-11-24T08:00:00Z".parse().unwrap()
    }

    fn until() -> Timestamp {
        "2026-11-27T08:00:00Z".parse().unwrap()
    }

    fn person(n: u32) -> Actor {
        format!("usr_{n:016}").parse().unwrap()
    }

    fn batch(state: BatchState) -> Batch {
        let created = Mark {
            by: person(1),
            at: now(),
        };
        Batch {
            id: "bt_0000000000000001".parse().unwrap(),
            merchant: "main".parse().unwrap(),
            mch_id: "1900000109".parse().unwrap(),
            name: None,
            content: [7; 32],
            state,
            summary: Summary {
                lines: 3,
                new_lines: 2,
                faulty_lines: 1,
                ..Summary::default()
            },
            created,
            checked_at: None,
            requested: None,
            requested_key: None,
            approval_until: None,
            approved: None,
            ended_at: None,
            version: 1,
        }
    }

    fn submitted(need: Need) -> Batch {
        let faulty = Faulty::LeaveOut;
        let key = Some("key_0000000000000001".into());
        let act = Steer::Submit { faulty, need, key };
        steer(&batch(BatchState::Checked), &act, &person(1), now()).unwrap()
    }

    #[test]
    fn faulty_lines_are_left_out_only_when_somebody_says_so() {
        let act = Steer::Submit {
            faulty: Faulty::Refuse,
            need: Need::NotNeeded,
            key: None,
        };
        let refused = steer(&batch(BatchState::Checked), &act, &person(1), now());
        assert_eq!(refused, Err(SteerRefusal::Faulty { lines: 1 }));
        assert_eq!(submitted(Need::NotNeeded).state, BatchState::Running);
    }

    #[test]
    fn only_another_person_agrees_and_only_to_what_was_looked_at() {
        let waiting = submitted(Need::Needed { until: until() });
        assert_eq!(waiting.state, BatchState::AwaitingApproval);
        let content = waiting.content_text();
        let approve = |content: &str, by: &Actor| {
            let content = content.to_owned();
            steer(&waiting, &Steer::Approve { content }, by, now())
        };
        assert_eq!(approve(&content, &person(1)), Err(SteerRefusal::SamePerson));
        assert_eq!(
            approve(&content, &Actor::Cli),
            Err(SteerRefusal::NotAPerson)
        );
        assert_eq!(
            approve("other", &person(2)),
            Err(SteerRefusal::ContentChanged)
        );
        let agreed = approve(&content, &person(2)).unwrap();
        assert_eq!(agreed.state, BatchState::Running);
        assert_eq!(agreed.version, 3);
    }

    #[test]
    fn nobody_agrees_to_what_has_expired_and_nothing_expires_before_its_time() {
        let waiting = submitted(Need::Needed { until: until() });
        let content = waiting.content_text();
        let agreed = steer(&waiting, &Steer::Approve { content }, &person(2), until());
        let refused = SteerRefusal::Expired { until: until() };
        assert_eq!(agreed, Err(refused));
        assert!(steer(&waiting, &Steer::Expire, &Actor::Engine, now()).is_err());
        let expired = steer(&waiting, &Steer::Expire, &Actor::Engine, until()).unwrap();
        assert_eq!(expired.state, BatchState::Rejected);
        assert_eq!(expired.ended_at, Some(until()));
    }

    #[test]
    fn what_has_ended_cannot_be_steered_any_more() {
        let acts = [Steer::Reject, Steer::Pause, Steer::Resume, Steer::Cancel];
        for state in [
            BatchState::Cancelled,
            BatchState::Rejected,
            BatchState::Finished,
        ] {
            for act in &acts {
                assert!(steer(&batch(state), act, &person(2), now()).is_err());
            }
        }
    }
}
