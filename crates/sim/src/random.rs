//! The simulator's own dice: one seed, one sequence (INV-44). Never used for secrets that protect
//! anything; the simulator's keys are worthless by design.

/// SplitMix64: small, fast, and the same on every machine.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; 0 when the bound is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// True in `per_million` of a million draws.
    pub(crate) fn chance(&mut self, per_million: u32) -> bool {
        self.below(1_000_000) < u64::from(per_million)
    }

    /// A number in `low..=high`; `low` when the range is empty.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high.saturating_sub(low))
            .unwrap_or(0)
            .saturating_add(1);
        low.saturating_add(i64::try_from(self.below(span)).unwrap_or(0))
    }

    /// Letters and digits, as WeChat's `nonce_str`.
    pub(crate) fn text(&mut self, length: usize) -> String {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        (0..length)
            .map(|_| {
                let at = usize::try_from(self.next() >> 59).unwrap_or(0);
                char::from(ALPHABET.get(at).copied().unwrap_or(b'A'))
            })
            .collect()
    }

    /// Bytes as upper-case hex text of `length` characters.
    pub(crate) fn hex(&mut self, length: usize) -> String {
        let mut text = String::with_capacity(length + 16);
        while text.len() < length {
            text.push_str(&format!("{:016X}", self.next()));
        }
        text.truncate(length);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence() {
        let mut a = Random::new(7);
        let mut b = Random::new(7);
        assert_eq!(a.text(32), b.text(32));
        assert_eq!(a.hex(40).len(), 40);
        assert_ne!(a.next(), Random::new(8).next());
    }

    #[test]
    fn chances_are_about_right() {
        let mut dice = Random::new(1);
        let hits = (0..100_000).filter(|_| dice.chance(250_000)).count();
        assert!((24_000..26_000).contains(&hits), "{hits}");
        assert!(!dice.chance(0));
        assert!(dice.chance(1_000_000));
        assert!((0..1000).all(|_| (3..=5).contains(&dice.between(3, 5))));
    }
}
