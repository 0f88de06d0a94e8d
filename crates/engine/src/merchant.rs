//! A merchant as the engine knows it.

use tuikuan_domain::MerchantName;
use tuikuan_terms::{MchId, SubMchId};
use tuikuan_wechat::{Account, Api};

/// A merchant of the configuration.
#[derive(Debug, Clone)]
pub struct Merchant {
    /// The short name.
    pub name: MerchantName,
    /// The merchant number; the provider's in provider mode.
    pub mch_id: MchId,
    /// The sub-merchant, in provider mode.
    pub sub_mch_id: Option<SubMchId>,
    /// Numbers, generation and secrets.
    pub account: Account,
    /// Where WeChat reaches us: the public URL without a path, if there is one.
    pub public_url: Option<String>,
}

impl Merchant {
    /// A merchant from its account.
    #[must_use]
    pub fn new(name: MerchantName, account: Account, public_url: Option<String>) -> Self {
        Self {
            name,
            mch_id: account.mch_id.clone(),
            sub_mch_id: account.sub.as_ref().map(|sub| sub.sub_mch_id.clone()),
            account,
            public_url,
        }
    }

    /// Which generation of WeChat's interface it speaks: `v2` or `v3`.
    #[must_use]
    pub const fn generation(&self) -> &'static str {
        match self.account.api {
            Api::V2 => "v2",
            Api::V3 => "v3",
        }
    }

    /// Where the notification of a refund is wanted. It always has the same text for the same
    /// configuration, and no query string (v2 chapter 11).
    pub(crate) fn notify_url(&self) -> Option<String> {
        let base = self.public_url.as_deref()?.trim_end_matches('/');
        let path = match self.account.api {
            Api::V2 => "v2/refund",
            Api::V3 => "v3",
        };
        Some(format!("{base}/notify/{}/{path}", self.name))
    }
}
