//! The catalogue of error codes: what each code of each interface means, what WeChat advises, and
//! what may have happened to the money. Every row names its source. A code that is not listed is
//! `None`: the caller must not take it for a failure (it proves nothing).

mod entries;

/// Which interface answered. One code can mean different things on two interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interface {
    /// `transport`.
    Transport,
    /// `v2.refund`.
    V2Refund,
    /// `v2.refundquery`.
    V2RefundQuery,
    /// `v2.orderquery`.
    V2OrderQuery,
    /// `v2.downloadbill`.
    V2DownloadBill,
    /// `v2.downloadfundflow`.
    V2DownloadFundFlow,
    /// `v3.common`.
    V3Common,
    /// `v3.refund.create`.
    V3RefundCreate,
    /// `v3.refund.query`.
    V3RefundQuery,
    /// `v3.refund.abnormal`.
    V3RefundAbnormal,
    /// `v3.order.query`.
    V3OrderQuery,
    /// `v3.bill.trade`.
    V3BillTrade,
    /// `v3.bill.fundflow`.
    V3BillFundFlow,
    /// `v3.bill.download`.
    V3BillDownload,
}

impl Interface {
    /// The interface as the catalogue names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transport => "transport",
            Self::V2Refund => "v2.refund",
            Self::V2RefundQuery => "v2.refundquery",
            Self::V2OrderQuery => "v2.orderquery",
            Self::V2DownloadBill => "v2.downloadbill",
            Self::V2DownloadFundFlow => "v2.downloadfundflow",
            Self::V3Common => "v3.common",
            Self::V3RefundCreate => "v3.refund.create",
            Self::V3RefundQuery => "v3.refund.query",
            Self::V3RefundAbnormal => "v3.refund.abnormal",
            Self::V3OrderQuery => "v3.order.query",
            Self::V3BillTrade => "v3.bill.trade",
            Self::V3BillFundFlow => "v3.bill.fundflow",
            Self::V3BillDownload => "v3.bill.download",
        }
    }

    const fn is_v3(self) -> bool {
        matches!(
            self,
            Self::V3RefundCreate
                | Self::V3RefundQuery
                | Self::V3RefundAbnormal
                | Self::V3OrderQuery
                | Self::V3BillTrade
                | Self::V3BillFundFlow
                | Self::V3BillDownload
        )
    }
}

/// What a code asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Transient, or unknown but documented as idempotent: the same request again.
    RetrySameRequest,
    /// Unknown or contradictory: query by `out_refund_no`.
    QueryFirst,
    /// Nothing accepted: wait, then the same request.
    RetryLater,
    /// A person must mend something.
    NeedsHuman,
    /// This request will never succeed as it stands.
    FinalFailure,
}

/// Whether money may have moved when the code is answered. No code proves that it moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Money {
    /// The documentation says the application was not accepted.
    Unmoved,
    /// It may be moving or have moved.
    Unknown,
}

/// One row of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The interface.
    pub interface: Interface,
    /// The code.
    pub code: &'static str,
    /// The documented HTTP status; 0 where none is published.
    pub http: u16,
    /// What it asks for.
    pub class: Class,
    /// Whether money may have moved.
    pub money: Money,
    /// What it means.
    pub meaning: &'static str,
    /// What WeChat advises.
    pub advice: &'static str,
    /// Suggested waits, in words.
    pub backoff: &'static str,
    /// What is known beyond the documentation.
    pub note: &'static str,
    /// Where this is known from.
    pub source: &'static str,
}

/// All rows.
#[must_use]
pub const fn all() -> &'static [Entry] {
    entries::ENTRIES
}

/// The row of a code on an interface; v3 interfaces fall back to the codes common to all of v3.
#[must_use]
pub fn lookup(interface: Interface, code: &str) -> Option<&'static Entry> {
    let on = |wanted: Interface| {
        all()
            .iter()
            .find(|e| e.interface == wanted && e.code == code)
    };
    on(interface).or_else(|| interface.is_v3().then(|| on(Interface::V3Common)).flatten())
}
