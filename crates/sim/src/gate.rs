//! The front door of the wire: which interface a request is for, who sends it, which faults meet
//! it. Paths that do not exist answer 404 and wrong methods 405, both empty, as observed.

mod route;

pub(crate) use route::{OrderNumber, Party, PrepayKind, Route, decode};

use crate::answer::{Draft, Kept, Signer, Tampering, after, before, render};
use crate::books::MerchantKey;
use crate::fault::{Chosen, FaultAction, Subject};
use crate::message::{Incoming, Outgoing, Response};
use crate::world::World;
use crate::{v2, v3};

/// A request whose sender is proven.
pub(crate) struct Call<Body> {
    pub(crate) merchant: MerchantKey,
    pub(crate) signer: Signer,
    /// The refund's number, if the request names one.
    pub(crate) out_refund_no: Option<String>,
    /// The order's number, if the request names one.
    pub(crate) out_trade_no: Option<String>,
    pub(crate) body: Body,
}

/// Answers one request.
pub(crate) fn handle(world: &mut World, incoming: &Incoming) -> Outgoing {
    let Some(route) = Route::find(incoming.path()) else {
        return Outgoing::Reply(Response::empty(404));
    };
    if route.interface().is_v2() {
        let call = match v2::open(world, incoming, &route) {
            Ok(call) => call,
            Err(draft) => return refused(world, draft),
        };
        return serve(world, incoming, &route, &call, |world, life| {
            v2::answer(world, &route, &call, life)
        });
    }
    if route.method() != incoming.method {
        return Outgoing::Reply(Response::empty(405));
    }
    let call = match v3::open(world, incoming, &route) {
        Ok(call) => call,
        Err(draft) => return refused(world, draft),
    };
    serve(world, incoming, &route, &call, |world, life| {
        v3::answer(world, &route, &call, life)
    })
}

fn refused(world: &mut World, draft: Draft) -> Outgoing {
    Outgoing::Reply(render(world, draft, Tampering::None))
}

/// Faults around the processing of an authentic call.
fn serve<Body>(
    world: &mut World,
    incoming: &Incoming,
    route: &Route,
    call: &Call<Body>,
    process: impl FnOnce(&mut World, Option<&FaultAction>) -> Draft,
) -> Outgoing {
    let chosen = choose(world, incoming, route, call);
    if let Some(outgoing) = chosen
        .call
        .as_ref()
        .and_then(|action| before(world, &call.signer, action))
    {
        return outgoing;
    }
    let draft = process(world, chosen.life.as_ref());
    let number = call
        .out_refund_no
        .clone()
        .or_else(|| call.out_trade_no.clone())
        .unwrap_or_default();
    let key = (call.signer.merchant(), route.interface());
    let kept = Kept {
        number: number.clone(),
        draft: draft.clone(),
    };
    let other = world
        .last_answers
        .insert(key, kept)
        .filter(|kept| kept.number != number)
        .map(|kept| kept.draft);
    let outgoing = after(world, &call.signer, draft, other, chosen.call.as_ref());
    match (outgoing, chosen.life) {
        (Outgoing::Reply(response), Some(FaultAction::NotificationBeforeReply { ms })) => {
            Outgoing::Delay { ms, response }
        }
        (outgoing, _) => outgoing,
    }
}

fn choose<Body>(
    world: &mut World,
    incoming: &Incoming,
    route: &Route,
    call: &Call<Body>,
) -> Chosen {
    let subject = Subject {
        interface: route.interface(),
        merchant: &world.merchants[call.merchant.0].mch_id,
        out_refund_no: call.out_refund_no.as_deref(),
        out_trade_no: call.out_trade_no.as_deref(),
        path: incoming.path(),
    };
    world.desk.choose(&subject, &mut world.dice)
}
