//! One quota for many nodes (INV-26), as values. Nodes take grants of permits from one record that
//! all of them share ([`Grants`]; it is a row with a lock); what a node knows of them is its
//! [`Share`].
//!
//! Nobody's wall clock is believed, not even the database's: a jump forward would forget what was
//! sent a moment ago and let it be sent twice, a jump back would keep it for ever. A grant counts
//! until some node says that it is over, and a node says so when it has known of it, by its own
//! monotonic clock, for as long as its permits may be used and a window more. So every use of a
//! later grant lies a whole window after every use of one that no longer counts:
//!
//! - a permit is used at most `valid` after its node asked for it, and a grant exists after it was
//!   asked for; who has seen it for `valid` and a window knows that its last use is a window ago;
//! - those that count never sum up to more than the limit. The last grant with a use inside a window
//!   was given while all others with a use inside it still counted, so the window holds no more.
//!
//! A node that dies leaves grants that count until another has watched them for that long: a second.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::after;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counted {
    /// Submits that WeChat answered with an error.
    Errors,
    /// Queries.
    Queries,
    /// Submits.
    Submits,
}

impl Counted {
    /// As it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Errors => "errors",
            Self::Queries => "queries",
            Self::Submits => "submits",
        }
    }
}

/// Permits that were given to one node at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Which of all grants, from 1; none comes again.
    pub number: i64,
    /// How many permits. Of a grant that is used up: how many were used.
    pub permits: u32,
    /// For how long after they were asked for they may be used. Of a grant that is used up: when
    /// after that the last one was.
    pub valid: SignedDuration,
}

/// What a node says and wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ask {
    /// So many permits, if there are.
    pub wanted: u32,
    /// At most so many count at once.
    pub limit: u32,
    /// How long the new ones may be used.
    pub valid: SignedDuration,
    /// The numbers of grants that are over.
    pub over: Vec<i64>,
    /// What became of the grant before; its other permits are handed back.
    pub spent: Option<Grant>,
}

/// What a node is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The new grant, if there was one to give.
    pub given: Option<Grant>,
    /// Every grant that counts, the new one with them.
    pub counting: Vec<Grant>,
}

/// The record that all nodes share: the grants that count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// The number of the last grant.
    pub last: i64,
    /// Those that count.
    pub counting: Vec<Grant>,
}

impl Grants {
    /// Gives what is free. Askers take turns.
    pub fn answer(&mut self, ask: &Ask) -> Answer {
        self.counting
            .retain(|grant| !ask.over.contains(&grant.number));
        if let Some(spent) = ask.spent {
            let known = self.counting.iter_mut();
            for grant in known.filter(|grant| grant.number == spent.number) {
                grant.permits = grant.permits.min(spent.permits);
                grant.valid = grant.valid.min(spent.valid);
            }
            self.counting.retain(|grant| grant.permits > 0);
        }
        let permits = ask
            .wanted
            .min(ask.limit.saturating_sub(sum(&self.counting)));
        let given = (permits > 0).then(|| Grant {
            number: self.last.saturating_add(1),
            permits,
            valid: ask.valid,
        });
        if let Some(grant) = given {
            self.last = grant.number;
            self.counting.push(grant);
        }
        Answer {
            given,
            counting: self.counting.clone(),
        }
    }
}

fn sum(grants: &[Grant]) -> u32 {
    let permits = grants.iter().map(|grant| grant.permits);
    permits.fold(0, u32::saturating_add)
}

/// A grant as one node knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    grant: Grant,
    /// Since when: for a node's own, since it asked.
    since: Timestamp,
}

/// Permits that this node may still use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    number: i64,
    left: u32,
    used: u32,
    asked: Timestamp,
    last_used: Timestamp,
    until: Timestamp,
}

/// What one node has of a quota, and knows of it. Its times are those of one monotonic clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    limit: u32,
    window: SignedDuration,
    known: BTreeMap<i64, Known>,
    held: Option<Held>,
}

impl Share {
    /// Of a quota of `limit` (at least 1) in every sliding `window`.
    #[must_use]
    pub fn new(limit: u32, window: SignedDuration) -> Self {
        Self {
            limit: limit.max(1),
            window,
            known: BTreeMap::new(),
            held: None,
        }
    }

    /// Uses a permit, if there is one that may still be used.
    pub fn take(&mut self, now: Timestamp) -> bool {
        let Some(held) = self
            .held
            .as_mut()
            .filter(|held| held.left > 0 && now < held.until)
        else {
            return false;
        };
        held.left = held.left.saturating_sub(1);
        held.used = held.used.saturating_add(1);
        held.last_used = held.last_used.max(now);
        true
    }

    /// Hands a permit back that was taken and not used.
    pub fn put_back(&mut self) {
        if let Some(held) = self.held.as_mut().filter(|held| held.used > 0) {
            held.left = held.left.saturating_add(1);
            held.used = held.used.saturating_sub(1);
        }
    }

    /// How many permits count, as far as this node knows.
    #[must_use]
    pub fn counting(&self, now: Timestamp) -> u32 {
        let counting = self
            .known
            .values()
            .filter(|known| self.over_at(known) > now);
        counting.fold(0, |all, known| all.saturating_add(known.grant.permits))
    }

    /// How many may be free, as far as this node knows.
    #[must_use]
    pub fn free(&self, now: Timestamp) -> u32 {
        let held = self.held.filter(|held| now < held.until);
        let held = held.map_or(0, |held| held.left);
        let free = self.limit.saturating_sub(self.counting(now));
        free.saturating_add(held)
    }

    /// When something may be free: `now`, or when the first grant is over.
    #[must_use]
    pub fn free_at(&self, now: Timestamp) -> Timestamp {
        if self.free(now) > 0 {
            return now;
        }
        let over = self.known.values().map(|known| self.over_at(known));
        over.filter(|at| *at > now).min().unwrap_or(now)
    }

    /// What is said at `now`, when so many permits are wanted. The permits that are held are handed
    /// back.
    pub fn ask(&mut self, now: Timestamp, wanted: u32, valid: SignedDuration) -> Ask {
        let spent = self.held.take().map(|held| Grant {
            number: held.number,
            permits: held.used,
            valid: held.last_used.duration_since(held.asked),
        });
        if let Some(spent) = spent
            && let Some(known) = self.known.get_mut(&spent.number)
        {
            known.grant = spent;
        }
        let over = self
            .known
            .values()
            .filter(|known| self.over_at(known) <= now);
        Ask {
            wanted,
            limit: self.limit,
            valid,
            over: over.map(|known| known.grant.number).collect(),
            spent,
        }
    }

    /// Takes the answer to what was said at `asked`, which came at `now`.
    pub fn told(&mut self, asked: Timestamp, answer: &Answer, now: Timestamp) {
        self.noted(asked, answer, now);
        self.held = answer.given.map(|grant| Held {
            number: grant.number,
            left: grant.permits,
            used: 0,
            asked,
            last_used: asked,
            until: after(asked, grant.valid),
        });
    }

    /// The same where what was asked for has happened already: nothing of it is left to use.
    pub fn noted(&mut self, asked: Timestamp, answer: &Answer, now: Timestamp) {
        let given = answer.given.map(|grant| grant.number);
        let known = answer.counting.iter().map(|grant| {
            let since = match self.known.get(&grant.number) {
                Some(known) => known.since,
                None if Some(grant.number) == given => asked,
                None => now,
            };
            let grant = *grant;
            (grant.number, Known { grant, since })
        });
        self.known = known.collect();
    }

    /// From then on its permits are out of every window that has not begun.
    fn over_at(&self, known: &Known) -> Timestamp {
        after(after(known.since, known.grant.valid), self.window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WINDOW: SignedDuration = SignedDuration::from_secs(1);
    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn ms(ms: i64) -> SignedDuration {
        SignedDuration::from_millis(ms)
    }

    /// A node: its share, how far its clock is from the true time, and a question under way.
    struct Node {
        share: Share,
        ahead: SignedDuration,
        asking: Option<(Timestamp, Answer)>,
    }

    /// What may happen next, to which node, after how many milliseconds.
    #[derive(Debug, Clone)]
    enum Happens {
        Asks { wanted: u32, valid: i64 },
        IsTold,
        LosesTheAnswer,
        UsesAll,
        Dies,
    }

    /// When it happens: also at the very moments that matter to the node.
    #[derive(Debug, Clone)]
    enum When {
        After(i64),
        JustInTime,
        AsSoonAsFree,
    }

    fn when() -> impl Strategy<Value = When> {
        prop_oneof![
            6 => (0_i64..3).prop_map(When::After),
            2 => (10_i64..200).prop_map(When::After),
            2 => Just(When::JustInTime),
            3 => Just(When::AsSoonAsFree),
        ]
    }

    fn moment(node: &Node, when: &When, now: Timestamp) -> Timestamp {
        let own = now + node.ahead;
        let due = match (when, node.share.held) {
            (When::After(wait), _) => own + ms(*wait),
            (When::JustInTime, Some(held)) => held.until - SignedDuration::from_micros(1),
            (When::JustInTime, None) => own,
            (When::AsSoonAsFree, _) => node.share.free_at(own),
        };
        now.max(due - node.ahead)
    }

    fn happens() -> impl Strategy<Value = Happens> {
        prop_oneof![
            4 => (1_u32..8, 1_i64..200).prop_map(|(wanted, valid)| Happens::Asks { wanted, valid }),
            4 => Just(Happens::IsTold),
            1 => Just(Happens::LosesTheAnswer),
            6 => Just(Happens::UsesAll),
            1 => Just(Happens::Dies),
        ]
    }

    fn node(limit: u32, ahead: SignedDuration) -> Node {
        Node {
            share: Share::new(limit, WINDOW),
            ahead,
            asking: None,
        }
    }

    /// One thing happens at `now`; how many permits were used.
    fn happen(node: &mut Node, grants: &mut Grants, what: &Happens, now: Timestamp) -> usize {
        // A clock of its own: it may be hours away, and goes on as everybody's does.
        let own = now + node.ahead;
        match *what {
            Happens::Asks { wanted, valid } if node.asking.is_none() => {
                let ask = node.share.ask(own, wanted, ms(valid));
                node.asking = Some((own, grants.answer(&ask)));
            }
            Happens::IsTold => {
                if let Some((asked, answer)) = node.asking.take() {
                    node.share.told(asked, &answer, own);
                }
            }
            Happens::LosesTheAnswer => node.asking = None,
            Happens::UsesAll => {
                return std::iter::from_fn(|| node.share.take(own).then_some(())).count();
            }
            Happens::Dies => *node = self::node(node.share.limit, node.ahead + ms(7)),
            Happens::Asks { .. } => {}
        }
        0
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn no_sliding_second_of_all_nodes_holds_more_than_the_limit(
            limit in 1_u32..6,
            acts in prop::collection::vec((0_usize..3, when(), happens()), 1..200),
        ) {
            let mut grants = Grants::default();
            let mut nodes = [-90_000_000, 0, 5_000].map(|ahead| node(limit, ms(ahead)));
            let (mut now, mut used) = (START + ms(100_000_000), Vec::new());
            for (which, when, what) in acts {
                now = moment(&nodes[which], &when, now);
                let count = happen(&mut nodes[which], &mut grants, &what, now);
                used.extend(std::iter::repeat_n(now, count));
            }
            for (i, first) in used.iter().enumerate() {
                let inside = used[i..].iter().take_while(|at| at.duration_since(*first) < WINDOW);
                prop_assert!(u32::try_from(inside.count()).unwrap() <= limit);
            }
        }

        #[test]
        fn what_is_free_is_given_again_a_window_later(limit in 1_u32..200) {
            let mut grants = Grants::default();
            let (mut dead, mut alive) = (Share::new(limit, WINDOW), Share::new(limit, WINDOW));
            let answer = grants.answer(&dead.ask(START, limit, ms(20)));
            dead.told(START, &answer, START);
            // Another sees the grants of the one that died, and waits for a window from then on.
            let answer = grants.answer(&alive.ask(START + ms(5), 1, ms(20)));
            prop_assert_eq!(answer.given, None);
            alive.told(START + ms(5), &answer, START + ms(6));
            let due = alive.free_at(START + ms(6));
            prop_assert_eq!(due, START + ms(1026));
            let answer = grants.answer(&alive.ask(due, limit, ms(20)));
            prop_assert_eq!(answer.given.map(|grant| grant.permits), Some(limit));
        }
    }

    #[test]
    fn one_node_alone_gets_nearly_all() {
        let (mut grants, mut share) = (Grants::default(), Share::new(150, ms(1005)));
        let (mut now, mut sent) = (START, 0);
        while now < START + SignedDuration::from_secs(20) {
            if share.take(now) {
                sent += 1;
                continue;
            }
            let due = share.free_at(now);
            if due > now {
                now = due;
                continue;
            }
            let ask = share.ask(now, share.free(now).min(10), ms(20));
            let answer = grants.answer(&ask);
            // A millisecond there, one back.
            share.told(now, &answer, now + ms(2));
            now += ms(2);
        }
        let rate = f64::from(sent) / 20.0;
        assert!(rate > 0.97 * 150.0, "{rate}");
    }

    #[test]
    fn unused_permits_go_back() {
        let (mut grants, mut share) = (Grants::default(), Share::new(10, WINDOW));
        let answer = grants.answer(&share.ask(START, 8, ms(20)));
        share.told(START, &answer, START + ms(1));
        assert!(share.take(START + ms(2)));
        assert!(!share.take(START + ms(20)), "too late");
        let answer = grants.answer(&share.ask(START + ms(21), 10, ms(20)));
        assert_eq!(answer.given.map(|grant| grant.permits), Some(9));
        let kept = Grant {
            number: 1,
            permits: 1,
            valid: ms(2),
        };
        assert_eq!(answer.counting[0], kept);
    }
}
