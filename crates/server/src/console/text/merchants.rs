//! Words of the page "Merchants".

use crate::console::language::Language;

/// The words.
pub(crate) struct Words {
    pub(crate) title: &'static str,
    pub(crate) intro: &'static str,
    pub(crate) none: &'static str,
    pub(crate) fine: &'static str,
    pub(crate) mch_id: &'static str,
    pub(crate) sub: &'static str,
    pub(crate) keys: &'static str,
    pub(crate) certificate: &'static str,
    pub(crate) skew: &'static str,
    pub(crate) answered: &'static str,
    pub(crate) not_yet: &'static str,
    pub(crate) addresses: &'static str,
    pub(crate) of_refunds: &'static str,
    pub(crate) of_payments: &'static str,
    pub(crate) of_both: &'static str,
    pub(crate) doctor: &'static str,
    pub(crate) certificate_early: &'static str,
    pub(crate) certificate_ended: &'static str,
    pub(crate) certificate_ends: &'static str,
    pub(crate) no_key: &'static str,
    pub(crate) no_url: &'static str,
    pub(crate) clock_off: &'static str,
    pub(crate) held: &'static str,
}

const ZH: Words = Words {
    title: "商户",
    intro: "启动时载入的配置，不含密钥。修改配置文件后需要重启服务。",
    none: "配置中没有你可见的商户。",
    fine: "没有发现问题。",
    mch_id: "商户号",
    sub: "子商户号",
    keys: "验签方式",
    certificate: "商户证书",
    skew: "时钟偏差",
    answered: "微信最近应答",
    not_yet: "启动后尚无",
    addresses: "通知地址",
    of_refunds: "退款结果通知",
    of_payments: "支付结果通知",
    of_both: "支付与退款通知",
    doctor: "检查网络、密钥、文件权限和数据库，请在服务器上运行",
    certificate_early: "商户证书尚未生效：请检查服务器时钟。",
    certificate_ended: "商户证书已过期 {days} 天：请在商户平台申请新证书，替换文件后重启。",
    certificate_ends: "商户证书还有 {days} 天到期：请在商户平台申请新证书，替换文件后重启。",
    no_key: "还没有可用于验签的微信支付公钥或平台证书：应答和通知都无法验证。",
    no_url: "没有配置 public_url：微信的通知无法送达，只能靠查询得知结果。",
    clock_off: "服务器时钟与微信相差超过 30 秒：请校准时钟。偏差达到 5 分钟时微信会拒绝请求。",
    held: "微信拒绝了这个商户的请求，提交已暂停，会自动重试。",
};

const EN: Words = Words {
    title: "Merchants",
    intro: "The configuration as it was loaded at the start, without secrets. A change of the file takes a restart.",
    none: "The configuration has no merchant that you see.",
    fine: "Nothing was found wrong.",
    mch_id: "Merchant number",
    sub: "Sub-merchant",
    keys: "Verified with",
    certificate: "Certificate",
    skew: "Clock skew",
    answered: "WeChat answered",
    not_yet: "not since the start",
    addresses: "Where WeChat sends notifications",
    of_refunds: "of refunds",
    of_payments: "of payments",
    of_both: "of payments and refunds",
    doctor: "Network, keys, permissions of files and the database are checked on the server by",
    certificate_early: "The certificate is not valid yet: check the server's clock.",
    certificate_ended: "The certificate ended {days} days ago: apply for a new one in the merchant platform, replace the files, restart.",
    certificate_ends: "The certificate ends in {days} days: apply for a new one in the merchant platform, replace the files, restart.",
    no_key: "There is no WeChat Pay public key or platform certificate yet: neither answers nor notifications can be verified.",
    no_url: "public_url is not set: notifications cannot come, results are learned by queries only.",
    clock_off: "The server's clock is more than 30 seconds off WeChat's: set it right. At five minutes WeChat refuses requests.",
    held: "WeChat refuses this merchant's requests; submits are held and tried again by themselves.",
};

impl Words {
    /// The words of a language.
    pub(crate) const fn of(language: Language) -> &'static Self {
        language.of(&ZH, &EN)
    }
}
