//! Lengths of time in buckets whose bounds grow by a quarter of an octave: short ones and long ones
//! are told apart equally well, and a percentile is exact to about a tenth.

use std::collections::BTreeMap;

use jiff::SignedDuration;

/// The last bucket; it holds everything longer than about 40 days.
const BUCKET_LAST: u8 = 96;
/// The first bound, in milliseconds; what is shorter is in bucket 0.
const FIRST_MS: i64 = 250;
/// The four steps of an octave, in ten-thousandths.
const STEPS: [i64; 4] = [10_000, 11_892, 14_142, 16_818];

/// The bucket of a length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(u8);

impl Bucket {
    /// Where a length of time falls.
    #[must_use]
    pub fn of(length: SignedDuration) -> Self {
        let ms = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        let fits = (1..=BUCKET_LAST).rev().find(|n| Self(*n).lower_ms() <= ms);
        Self(fits.unwrap_or(0))
    }

    /// The bucket of a number, counted from the shortest; the last one for numbers beyond.
    #[must_use]
    pub fn at(number: u8) -> Self {
        Self(number.min(BUCKET_LAST))
    }

    /// The shortest length in it, in milliseconds.
    #[must_use]
    pub fn lower_ms(self) -> i64 {
        let Some(step) = self.0.checked_sub(1) else {
            return 0;
        };
        let fraction = STEPS.get(usize::from(step % 4)).copied().unwrap_or(10_000);
        (FIRST_MS << (step / 4)).saturating_mul(fraction) / 10_000
    }

    /// Where the next one begins, in milliseconds.
    #[must_use]
    pub fn upper_ms(self) -> i64 {
        Self(self.0.saturating_add(1)).lower_ms()
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|n| *n <= BUCKET_LAST).map(Self)
    }
}

impl std::fmt::Display for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

/// Lengths of time, counted in buckets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Histogram {
    /// Buckets that hold something, in order, with how many.
    buckets: BTreeMap<Bucket, i64>,
}

impl Histogram {
    /// Adds so many to a bucket.
    pub fn add(&mut self, bucket: Bucket, count: i64) {
        let held = self.buckets.entry(bucket).or_default();
        *held = held.saturating_add(count);
    }

    /// Adds everything another one holds.
    pub fn join(&mut self, other: &Self) {
        for (bucket, count) in &other.buckets {
            self.add(*bucket, *count);
        }
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.buckets
            .values()
            .fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// How many are at least so long and shorter than that, in milliseconds, by whole buckets.
    #[must_use]
    pub fn between(&self, from_ms: i64, to_ms: i64) -> i64 {
        let inside = |bucket: &Bucket| (from_ms..to_ms).contains(&bucket.lower_ms());
        let held = self.buckets.iter().filter(|(bucket, _)| inside(bucket));
        held.fold(0, |sum, (_, n)| sum.saturating_add(*n))
    }

    /// The length that so many of a hundred do not exceed, to about a tenth; `None` when empty.
    #[must_use]
    pub fn percentile(&self, percent: i64) -> Option<SignedDuration> {
        let wanted = self.total().saturating_mul(percent);
        let mut seen = 0_i64;
        for (bucket, count) in self.buckets.iter().filter(|(_, count)| **count > 0) {
            let before = seen.saturating_mul(100);
            seen = seen.saturating_add(*count);
            if seen.saturating_mul(100) >= wanted {
                // As if the lengths in one bucket lay at equal distances.
                let width = bucket.upper_ms().saturating_sub(bucket.lower_ms());
                let share =
                    wanted.saturating_sub(before).saturating_mul(width) / count.saturating_mul(100);
                return Some(SignedDuration::from_millis(
                    bucket.lower_ms().saturating_add(share),
                ));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_lies_between_the_bounds_of_its_bucket() {
        for ms in [
            0,
            1,
            249,
            250,
            251,
            999,
            1000,
            59_999,
            3_600_000,
            86_400_000,
            3_000_000_000,
        ] {
            let bucket = Bucket::of(SignedDuration::from_millis(ms));
            assert!(
                bucket.lower_ms() <= ms && ms < bucket.upper_ms(),
                "{ms} in {bucket:?}"
            );
        }
        assert_eq!(Bucket::of(SignedDuration::from_millis(-5)), Bucket(0));
        assert_eq!(Bucket::of(SignedDuration::MAX), Bucket(BUCKET_LAST));
        for text in ["00", "07", "96"] {
            assert_eq!(Bucket::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Bucket::parse("97"), None);
    }

    #[test]
    fn percentiles_are_exact_to_a_fifth_of_the_length() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(50), None);
        for ms in 1..=1000 {
            histogram.add(Bucket::of(SignedDuration::from_millis(ms * 10)), 1);
        }
        for (percent, ms) in [(50, 5000), (95, 9500), (99, 9900)] {
            let found = histogram.percentile(percent).unwrap().as_millis();
            assert!((found - ms).abs() * 5 <= ms, "{percent}: {found}");
        }
        assert_eq!(histogram.total(), 1000);
        assert_eq!(histogram.between(0, i64::MAX), 1000);
    }
}
