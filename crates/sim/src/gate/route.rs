//! Paths to interfaces.

use crate::fault::Interface;

/// An interface with the numbers its path carries, percent-decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    V2Refund,
    V2RefundSingle,
    V2RefundQuery,
    V2RefundQuerySingle,
    V2OrderQuery,
    V2UnifiedOrder,
    V2DownloadBill,
    V2DownloadFundFlow,
    V3Refund,
    V3PlatformRefund,
    V3RefundByNumber { out_refund_no: String },
    V3RefundById { refund_id: String },
    V3AbnormalRefund { refund_id: String },
    V3OrderQuery { by: OrderNumber, party: Party },
    V3Prepay { kind: PrepayKind, party: Party },
    V3Certificates,
    V3TradeBill,
    V3FundFlowBill,
    V3BillDownload,
}

/// Whether a merchant acts for itself or a provider for a sub-merchant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Party {
    Direct,
    Partner,
}

/// The number an order is asked for by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OrderNumber {
    Transaction(String),
    OutTrade(String),
}

/// How the payer is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PrepayKind {
    Jsapi,
    Native,
    App,
    H5,
}

impl PrepayKind {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "jsapi" => Self::Jsapi,
            "native" => Self::Native,
            "app" => Self::App,
            "h5" => Self::H5,
            _ => return None,
        })
    }

    /// The trade type of the order.
    pub(crate) fn trade_type(self) -> &'static str {
        match self {
            Self::Jsapi => "JSAPI",
            Self::Native => "NATIVE",
            Self::App => "APP",
            Self::H5 => "MWEB",
        }
    }
}

impl Route {
    pub(crate) fn find(path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        match segments.as_slice() {
            ["v3", rest @ ..] => Self::find_v3(rest),
            ["secapi", "pay", "refund"] => Some(Self::V2Refund),
            ["secapi", "pay", "refundv2"] => Some(Self::V2RefundSingle),
            ["pay", "refundquery"] => Some(Self::V2RefundQuery),
            ["pay", "refundqueryv2"] => Some(Self::V2RefundQuerySingle),
            ["pay", "orderquery"] => Some(Self::V2OrderQuery),
            ["pay", "unifiedorder"] => Some(Self::V2UnifiedOrder),
            ["pay", "downloadbill"] => Some(Self::V2DownloadBill),
            ["pay", "downloadfundflow"] => Some(Self::V2DownloadFundFlow),
            _ => None,
        }
    }

    fn find_v3(segments: &[&str]) -> Option<Self> {
        match segments {
            ["certificates"] => Some(Self::V3Certificates),
            ["bill", "tradebill"] => Some(Self::V3TradeBill),
            ["bill", "fundflowbill"] => Some(Self::V3FundFlowBill),
            ["billdownload", "file"] => Some(Self::V3BillDownload),
            ["refund", "domestic", "refunds"] => Some(Self::V3Refund),
            ["refund", "domestic", "refunds", number]
            | ["ecommerce", "refunds", "out-refund-no", number] => Some(Self::V3RefundByNumber {
                out_refund_no: decode(number)?,
            }),
            ["refund", "domestic", "refunds", id, "apply-abnormal-refund"]
            | ["ecommerce", "refunds", id, "apply-abnormal-refund"] => {
                Some(Self::V3AbnormalRefund {
                    refund_id: decode(id)?,
                })
            }
            ["ecommerce", "refunds", "apply"] => Some(Self::V3PlatformRefund),
            ["ecommerce", "refunds", "id", id] => Some(Self::V3RefundById {
                refund_id: decode(id)?,
            }),
            ["pay", "transactions", rest @ ..] => Self::find_order(rest, Party::Direct),
            ["pay", "partner", "transactions", rest @ ..] => Self::find_order(rest, Party::Partner),
            _ => None,
        }
    }

    fn find_order(segments: &[&str], party: Party) -> Option<Self> {
        match segments {
            ["id", id] => Some(Self::V3OrderQuery {
                by: OrderNumber::Transaction(decode(id)?),
                party,
            }),
            ["out-trade-no", number] => Some(Self::V3OrderQuery {
                by: OrderNumber::OutTrade(decode(number)?),
                party,
            }),
            [kind] => Some(Self::V3Prepay {
                kind: PrepayKind::parse(kind)?,
                party,
            }),
            _ => None,
        }
    }

    pub(crate) fn interface(&self) -> Interface {
        match self {
            Self::V2Refund | Self::V2RefundSingle => Interface::V2Refund,
            Self::V2RefundQuery | Self::V2RefundQuerySingle => Interface::V2RefundQuery,
            Self::V2OrderQuery => Interface::V2OrderQuery,
            Self::V2UnifiedOrder => Interface::V2UnifiedOrder,
            Self::V2DownloadBill => Interface::V2DownloadBill,
            Self::V2DownloadFundFlow => Interface::V2DownloadFundFlow,
            Self::V3Refund | Self::V3PlatformRefund => Interface::V3Refund,
            Self::V3RefundByNumber { .. } | Self::V3RefundById { .. } => Interface::V3RefundQuery,
            Self::V3AbnormalRefund { .. } => Interface::V3AbnormalRefund,
            Self::V3OrderQuery { .. } => Interface::V3OrderQuery,
            Self::V3Prepay { .. } => Interface::V3Prepay,
            Self::V3Certificates => Interface::V3Certificates,
            Self::V3TradeBill => Interface::V3TradeBill,
            Self::V3FundFlowBill => Interface::V3FundFlowBill,
            Self::V3BillDownload => Interface::V3BillDownload,
        }
    }

    /// The only method the interface takes.
    pub(crate) fn method(&self) -> &'static str {
        match self {
            Self::V3RefundByNumber { .. }
            | Self::V3RefundById { .. }
            | Self::V3OrderQuery { .. }
            | Self::V3Certificates
            | Self::V3TradeBill
            | Self::V3FundFlowBill
            | Self::V3BillDownload => "GET",
            _ => "POST",
        }
    }
}

/// Percent-decodes a path segment or a query value; `None` when it is not UTF-8 afterwards.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |b: u8| char::from(b).to_digit(16);
            let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_paths_are_decoded() {
        assert_eq!(
            Route::find("/v3/refund/domestic/refunds/R%7C1%2A%40"),
            Some(Route::V3RefundByNumber {
                out_refund_no: "R|1*@".into()
            })
        );
        assert_eq!(Route::find("/v3/refund/domestic"), None);
        assert_eq!(Route::find("/v3/pay/transactions/x%2"), None);
        assert_eq!(decode("%E9%80%80"), Some("退".into()));
        assert_eq!(decode("%FF"), None);
    }
}
