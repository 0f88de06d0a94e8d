//! The words of reconciliation. The text of each stands here only.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$note:meta])* $variant:ident => $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$note])* $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word, stable.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Reads the word.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
            }
        }
    };
}

words! {
    /// What one refund is on a bill day.
    Class {
        /// Both sides have it and agree.
        Matched => "matched",
        /// WeChat accepted it from us, and its bill does not show it.
        OursOnly => "ours_only",
        /// The bill shows it and we have no record: made in the portal or by another system.
        WechatOnly => "wechat_only",
        /// Both have it, with different amounts.
        AmountDiffers => "amount_differs",
        /// Both have it, and the bill's state cannot stand beside ours.
        StatusDiffers => "status_differs",
        /// It stands in the bill of a neighbouring day, or may.
        LateByADay => "late_by_a_day",
    }
}

words! {
    /// Where a difference stands.
    DifferenceState {
        /// Somebody has to act: the engine, or a person.
        Open => "open",
        /// A query or a later bill has settled it.
        Healed => "healed",
        /// A person has settled it, with a note.
        Resolved => "resolved",
    }
}

words! {
    /// What settled a difference without a person.
    Healing {
        /// The query and our record say the same; the bill was older.
        QueryAgrees => "query_agrees",
        /// The refund was made elsewhere and is now a record of ours.
        Adopted => "adopted",
        /// The bill of a neighbouring day shows it.
        OtherBill => "other_bill",
        /// A later run of the same day did not find it again.
        Gone => "gone",
    }
}

words! {
    /// Which bill of a day.
    BillKind {
        /// Refunds, compared one by one.
        Refunds => "refunds",
        /// Payments and refunds, for the sums of the day.
        Trades => "trades",
    }
}

words! {
    /// Where the bill of a day stands.
    DayState {
        /// It is to be fetched, or tried again.
        Wanted => "wanted",
        /// It was fetched and processed.
        Fetched => "fetched",
        /// WeChat says that there was nothing on that day.
        Empty => "empty",
        /// WeChat has not made it, long after it should have; it is still asked for.
        Missing => "missing",
        /// What came is not the bill, or it could not be asked for: a person should look.
        Failed => "failed",
    }
}

words! {
    /// What is proposed for a difference.
    Repair {
        /// WeChat is being asked; nobody has to do anything yet.
        Query => "query",
        /// It becomes a record of its own as soon as WeChat confirms it.
        Adopt => "adopt",
        /// The next bill decides.
        WaitForNextBill => "wait_for_next_bill",
        /// WeChat contradicts our record: look at the refund's history and decide.
        ReviewRefund => "review_refund",
        /// The payment cannot hold it beside what is reserved: look at the payment.
        ReviewPayment => "review_payment",
        /// Bill and query contradict each other: ask WeChat's support, with both.
        AskWechat => "ask_wechat",
        /// Nothing: it is settled.
        Nothing => "nothing",
    }
}

words! {
    /// The state of a refund in a bill: a set of its own, never brought up to date (v2 chapter 9_6).
    LineState {
        /// `SUCCESS`.
        Success => "SUCCESS",
        /// `PROCESSING`.
        Processing => "PROCESSING",
        /// `CHANGE`: the bank refused it.
        Abnormal => "CHANGE",
        /// `FAIL`.
        Failed => "FAIL",
        /// A word that is not documented.
        Other => "OTHER",
    }
}

impl Class {
    /// The repair that is proposed when a difference of this class is found.
    #[must_use]
    pub const fn first_repair(self) -> Repair {
        match self {
            Self::Matched => Repair::Nothing,
            Self::OursOnly | Self::AmountDiffers | Self::StatusDiffers => Repair::Query,
            Self::WechatOnly => Repair::Adopt,
            Self::LateByADay => Repair::WaitForNextBill,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for class in Class::ALL {
            assert_eq!(Class::parse(class.as_str()), Some(*class));
        }
        for repair in Repair::ALL {
            assert_eq!(Repair::parse(repair.as_str()), Some(*repair));
        }
        for state in DifferenceState::ALL {
            assert_eq!(DifferenceState::parse(state.as_str()), Some(*state));
        }
        assert_eq!(LineState::parse("CHANGE"), Some(LineState::Abnormal));
        assert_eq!(LineState::parse("REFUNDED"), None);
    }
}
