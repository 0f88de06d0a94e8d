//! How long a merchant's certificate is still good, in the steps in which people are told. `doctor`
//! and the console say it from here.

const DAY_S: i64 = 86_400;
/// Worth a warning.
const SOON_DAYS: i64 = 60;
/// A new one takes days to get.
const URGENT_DAYS: i64 = 30;
/// Calls will be refused in a moment.
const LAST_DAYS: i64 = 7;

/// How long a certificate is still good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateLife {
    /// It is not valid yet: the clock is wrong, most likely.
    NotYet,
    /// It is good for long.
    Good {
        /// So many whole days.
        days: i64,
    },
    /// At most 60 days.
    Soon {
        /// So many whole days.
        days: i64,
    },
    /// At most 30 days.
    Urgent {
        /// So many whole days.
        days: i64,
    },
    /// At most 7 days.
    Last {
        /// So many whole days.
        days: i64,
    },
    /// It has ended.
    Ended {
        /// So many days ago, begun ones counted.
        days: i64,
    },
}

impl CertificateLife {
    /// Of a certificate that is valid from one second to another, now.
    #[must_use]
    pub const fn of(not_before: i64, not_after: i64, now: i64) -> Self {
        if now < not_before {
            return Self::NotYet;
        }
        let days = not_after.saturating_sub(now).div_euclid(DAY_S);
        if days < 0 {
            let days = days.saturating_neg();
            return Self::Ended { days };
        }
        if days <= LAST_DAYS {
            Self::Last { days }
        } else if days <= URGENT_DAYS {
            Self::Urgent { days }
        } else if days <= SOON_DAYS {
            Self::Soon { days }
        } else {
            Self::Good { days }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_begins_at_its_day() {
        let left = |days: i64| CertificateLife::of(0, 1_000 * DAY_S + days * DAY_S, 1_000 * DAY_S);
        assert_eq!(left(61), CertificateLife::Good { days: 61 });
        assert_eq!(left(60), CertificateLife::Soon { days: 60 });
        assert_eq!(left(30), CertificateLife::Urgent { days: 30 });
        assert_eq!(left(7), CertificateLife::Last { days: 7 });
        assert_eq!(left(0), CertificateLife::Last { days: 0 });
        assert_eq!(left(-1), CertificateLife::Ended { days: 1 });
        assert_eq!(CertificateLife::of(10, 20, 9), CertificateLife::NotYet);
    }
}
