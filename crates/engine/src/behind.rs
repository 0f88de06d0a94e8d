//! Who stands behind a key. Whoever makes a key that is nobody's has it in their hands: they could
//! ask with it, and agree as themselves (INV-32).

use tuikuan_domain::refund::{Command, Context, Situation, Transition, decide};
use tuikuan_domain::{Actor, Refund, Refusal};
use tuikuan_store::ReadError;

use crate::by::By;
use crate::engine::Engine;

impl Engine {
    /// The person behind what a key asked for, when it is the one who acts now. Keys that were made
    /// at the machine itself have nobody behind them.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn behind(
        &self,
        asked: Option<&Actor>,
        by: &By,
    ) -> Result<Option<Actor>, ReadError> {
        let (Some(Actor::Key(id)), Actor::Person(_)) = (asked, &by.actor) else {
            return Ok(None);
        };
        let keys = self.store().api_keys().await?;
        let key = keys.into_iter().find(|key| key.id.as_str() == &**id);
        let maker = key.and_then(|key| key.created_by);
        Ok(maker.filter(|maker| *maker == by.actor))
    }
}

/// The domain's decision, which must be no refusal either if the person behind the key had asked.
pub(crate) fn decide_behind(
    behind: Option<&Actor>,
    situation: Situation<'_>,
    command: Command,
    context: &Context<'_>,
) -> Result<Transition, Refusal> {
    if let (Some(person), Some(refund)) = (behind, situation.refund) {
        let own = Refund {
            requested_by: Some(person.clone()),
            ..refund.clone()
        };
        let situation = Situation {
            refund: Some(&own),
            ..situation
        };
        let decided = decide(situation, command.clone(), context);
        if matches!(decided, Err(Refusal::SamePerson)) {
            return Err(Refusal::SamePerson);
        }
    }
    decide(situation, command, context)
}
