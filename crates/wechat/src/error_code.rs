//! The catalogue of WeChat's error codes for these interfaces: what each means, what WeChat advises,
//! and whether money may have moved. It never decides; the engine's verdict does, with these facts.
//!
//! A code that is not here has no entry, and what has no entry proves nothing (INV-5).

#[rustfmt::skip]
mod table;

/// The interface an answer belongs to. A code means different things on different interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interface {
    /// Pseudo codes for what the network does.
    Transport,
    /// `/secapi/pay/refund` and `/secapi/pay/refundv2`.
    V2Refund,
    /// `/pay/refundquery` and `/pay/refundqueryv2`.
    V2RefundQuery,
    /// `/pay/orderquery`.
    V2OrderQuery,
    /// `/pay/downloadbill`.
    V2DownloadBill,
    /// `/pay/downloadfundflow`.
    V2DownloadFundFlow,
    /// Codes of every v3 interface.
    V3Common,
    /// `POST /v3/refund/domestic/refunds`.
    V3RefundCreate,
    /// `GET /v3/refund/domestic/refunds/{out_refund_no}`.
    V3RefundQuery,
    /// `POST /v3/refund/domestic/refunds/{refund_id}/apply-abnormal-refund`.
    V3RefundAbnormal,
    /// `GET /v3/pay/transactions/...`.
    V3OrderQuery,
    /// `GET /v3/bill/tradebill`.
    V3BillTrade,
    /// `GET /v3/bill/fundflowbill`.
    V3BillFundFlow,
    /// The download of a bill.
    V3BillDownload,
}

impl Interface {
    /// All interfaces.
    pub const ALL: [Self; 14] = [
        Self::Transport,
        Self::V2Refund,
        Self::V2RefundQuery,
        Self::V2OrderQuery,
        Self::V2DownloadBill,
        Self::V2DownloadFundFlow,
        Self::V3Common,
        Self::V3RefundCreate,
        Self::V3RefundQuery,
        Self::V3RefundAbnormal,
        Self::V3OrderQuery,
        Self::V3BillTrade,
        Self::V3BillFundFlow,
        Self::V3BillDownload,
    ];

    /// The name in `errors.toml`.
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

    /// Whether the codes of [`Interface::V3Common`] also apply.
    #[must_use]
    const fn falls_back_to_common(self) -> bool {
        match self {
            Self::V3RefundCreate
            | Self::V3RefundQuery
            | Self::V3RefundAbnormal
            | Self::V3OrderQuery
            | Self::V3BillTrade
            | Self::V3BillFundFlow
            | Self::V3BillDownload => true,
            Self::Transport
            | Self::V2Refund
            | Self::V2RefundQuery
            | Self::V2OrderQuery
            | Self::V2DownloadBill
            | Self::V2DownloadFundFlow
            | Self::V3Common => false,
        }
    }
}

/// What a worker does about a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Transient, or the outcome is unknown and resending is documented as idempotent.
    RetrySameRequest,
    /// Nothing was accepted; wait.
    RetryLater,
    /// Configuration, permission or account: a person must act.
    NeedsHuman,
    /// This request will never succeed as it stands.
    FinalFailure,
    /// Unknown or contradictory: ask about the same number.
    QueryFirst,
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 5] = [
        Self::RetrySameRequest,
        Self::RetryLater,
        Self::NeedsHuman,
        Self::FinalFailure,
        Self::QueryFirst,
    ];

    /// The name in `errors.toml`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RetrySameRequest => "retry_same_request",
            Self::RetryLater => "retry_later",
            Self::NeedsHuman => "needs_human",
            Self::FinalFailure => "final_failure",
            Self::QueryFirst => "query_first",
        }
    }
}

/// Whether money may have moved when this code comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MoneyMoved {
    /// The documentation says that the application was not accepted.
    No,
    /// It may be moving or have moved.
    Unknown,
}

impl MoneyMoved {
    /// The word in `errors.toml`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// One row of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The interface.
    pub interface: Interface,
    /// The code on the wire.
    pub code: &'static str,
    /// The HTTP status it comes with; 0 when nothing comes or none is published.
    pub http: u16,
    /// What it means.
    pub meaning: &'static str,
    /// What WeChat advises.
    pub official_advice: &'static str,
    /// What a worker does.
    pub class: Class,
    /// Whether money may have moved.
    pub money_may_have_moved: MoneyMoved,
    /// Whether the refund keeps its number.
    pub keep_out_refund_no: bool,
    /// Waits in seconds between tries, in order; the last repeats. Empty: none is advised.
    pub backoff: &'static [u32],
    /// What else is known.
    pub note: &'static str,
    /// Where the row comes from.
    pub source: &'static str,
}

/// The whole catalogue.
#[must_use]
pub fn catalogue() -> &'static [Entry] {
    table::TABLE
}

/// The entry of a code on an interface; v3 interfaces fall back to the common v3 codes. `None` for
/// a code that is not in the catalogue: it proves nothing.
#[must_use]
pub fn lookup(interface: Interface, code: &str) -> Option<&'static Entry> {
    let find = |wanted: Interface| {
        table::TABLE
            .iter()
            .find(|entry| entry.interface == wanted && entry.code == code)
    };
    find(interface).or_else(|| {
        interface
            .falls_back_to_common()
            .then(|| find(Interface::V3Common))
            .flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_code_has_no_entry() {
        assert!(lookup(Interface::V2Refund, "NEVER_HEARD_OF").is_none());
        assert!(lookup(Interface::V2Refund, "").is_none());
        assert!(
            lookup(Interface::V2Refund, "NOT_ENOUGH").is_none(),
            "a v3 code is no v2 code"
        );
    }

    #[test]
    fn v3_interfaces_fall_back_to_the_common_codes() {
        let entry = lookup(Interface::V3BillTrade, "SIGN_ERROR").unwrap();
        assert_eq!(entry.interface.as_str().split('.').next(), Some("v3"));
        assert!(lookup(Interface::V2Refund, "SIGN_ERROR").is_none());
    }
}
