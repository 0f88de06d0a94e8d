//! What is played: which refund meets which trouble. One seed and one number of refunds give one
//! plan; the plan knows nothing about how the engine deals with it.

use super::trouble::Trouble;

/// A small generator of numbers, so that a plan depends on nothing but its seed.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice for a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`; 0 when there is none.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next().checked_rem(limit).unwrap_or(0)
    }

    /// A number from `low` to `high`.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high.saturating_sub(low)).unwrap_or(0);
        let drawn = i64::try_from(self.below(span.saturating_add(1))).unwrap_or(0);
        low.saturating_add(drawn)
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> Option<T> {
        let limit = u64::try_from(list.len()).unwrap_or(0);
        let at = usize::try_from(self.below(limit)).ok()?;
        list.get(at).copied()
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let bound = u64::try_from(last).unwrap_or(0).saturating_add(1);
            let other = usize::try_from(self.below(bound)).unwrap_or(0);
            list.swap(last, other);
        }
    }
}

/// How the engine learns of the payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Registration {
    /// The caller registers it.
    Put,
    /// WeChat's payment notification registers it.
    Notified,
    /// Nobody does: WeChat is asked at first use.
    Asked,
}

/// One scene: a payment and what happens to it.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    /// Its place in the plan; numbers are made of it.
    pub(crate) number: usize,
    /// Short name of the merchant.
    pub(crate) merchant: &'static str,
    /// What goes wrong.
    pub(crate) trouble: Trouble,
    /// The payment, in fen.
    pub(crate) total: i64,
    /// What is asked back first, in fen.
    pub(crate) amount: i64,
    /// How the payment becomes known.
    pub(crate) registration: Registration,
    /// For troubles that have a size.
    pub(crate) size: u64,
}

/// The merchants of the demo: a name for each interface there is.
const MERCHANTS: [&str; 4] = ["main", "classic", "provider", "agency"];
/// The merchant whose account is empty at first.
pub(crate) const SHORT: &str = "short";

/// Scenes that ask for exactly `refunds` refunds.
pub(crate) fn scenes(seed: u64, refunds: usize) -> Vec<Scene> {
    let mut dice = Dice::new(seed);
    let mut troubles: Vec<Trouble> = Trouble::ALL.to_vec();
    dice.shuffle(&mut troubles);
    let mut chosen: Vec<Trouble> = Vec::new();
    let mut left = refunds;
    while left > 0 {
        let wanted = troubles.pop().unwrap_or_else(|| usual(&mut dice));
        let trouble = if wanted.refunds() > left {
            Trouble::None
        } else {
            wanted
        };
        left = left.saturating_sub(trouble.refunds());
        chosen.push(trouble);
    }
    dice.shuffle(&mut chosen);
    let numbered = chosen.into_iter().enumerate();
    numbered
        .map(|(number, trouble)| scene(number, trouble, &mut dice))
        .collect()
}

/// Two of three refunds are ordinary ones.
fn usual(dice: &mut Dice) -> Trouble {
    match dice.below(9) {
        0..=3 => Trouble::None,
        4 => Trouble::Partial,
        5 => Trouble::LostAfter,
        _ => dice.pick(&Trouble::ALL).unwrap_or(Trouble::None),
    }
}

fn scene(number: usize, trouble: Trouble, dice: &mut Dice) -> Scene {
    let total = dice.between(1_000, 99_900);
    let merchant = match trouble {
        Trouble::NotEnough => SHORT,
        Trouble::Http202 => "main",
        _ => dice.pick(&MERCHANTS).unwrap_or("main"),
    };
    let amount = match trouble {
        Trouble::Partial | Trouble::Splits | Trouble::Coupon => total / 4,
        Trouble::Portal => total * 3 / 4,
        _ if dice.below(3) == 0 => dice.between(1, total),
        _ => total,
    };
    let registration = match trouble {
        Trouble::NoSuchOrder => Registration::Asked,
        Trouble::OverAsk | Trouble::Portal => Registration::Put,
        _ => match dice.below(4) {
            0 | 1 => Registration::Put,
            2 => Registration::Notified,
            _ => Registration::Asked,
        },
    };
    Scene {
        number,
        merchant,
        trouble,
        total,
        amount,
        registration,
        size: dice.below(1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_asks_for_as_many_refunds_as_it_was_told() {
        for refunds in [1, 2, 7, 50, 200, 1_000] {
            let asked: usize = scenes(5, refunds).iter().map(|s| s.trouble.refunds()).sum();
            assert_eq!(asked, refunds);
        }
    }

    #[test]
    fn two_hundred_refunds_meet_every_trouble() {
        for seed in 0..20 {
            let plan = scenes(seed, 200);
            for trouble in Trouble::ALL {
                assert!(plan.iter().any(|s| s.trouble == trouble), "{trouble:?}");
            }
        }
    }

    #[test]
    fn the_seed_decides() {
        let text = |seed| format!("{:?}", scenes(seed, 100));
        assert_eq!(text(3), text(3));
        assert_ne!(text(3), text(4));
    }
}
