//! Words of the page "Abnormal refund".

use crate::console::language::Language;

/// The words.
pub(crate) struct Words {
    pub(crate) title: &'static str,
    pub(crate) intro: &'static str,
    pub(crate) not_possible: &'static str,
    pub(crate) barred: &'static str,
    pub(crate) to: &'static str,
    pub(crate) to_card: &'static str,
    pub(crate) to_card_hint: &'static str,
    pub(crate) to_merchant: &'static str,
    pub(crate) to_merchant_hint: &'static str,
    pub(crate) to_missing: &'static str,
    pub(crate) bank: &'static str,
    pub(crate) bank_choose: &'static str,
    pub(crate) bank_missing: &'static str,
    pub(crate) account: &'static str,
    pub(crate) account_wrong: &'static str,
    pub(crate) holder: &'static str,
    pub(crate) holder_wrong: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) send: &'static str,
    pub(crate) question: &'static str,
    pub(crate) back: &'static str,
}

const ZH: Words = Words {
    title: "异常退款",
    intro: "退款 {number}，金额 {amount}。银行没有收下这笔钱，请选择改退到哪里。",
    not_possible: "这笔退款现在不是“退款异常”，不能改退。",
    barred: "这笔退款经过审批，改退也须由发起人以外、有审批权限的同事提交。",
    to: "改退到",
    to_card: "买家的另一张银行卡",
    to_card_hint: "须为买家本人的借记卡。",
    to_merchant: "商户结算账户",
    to_merchant_hint: "退回商户后，请线下付给买家，并登记处理结果。",
    to_missing: "请选择改退到哪里。",
    bank: "银行",
    bank_choose: "请选择",
    bank_missing: "请选择银行。",
    account: "银行卡号",
    account_wrong: "银行卡号为 12 到 30 位数字。出于安全，卡号和姓名需要重新填写。",
    holder: "持卡人姓名",
    holder_wrong: "请填写持卡人姓名，不超过 60 个字。出于安全，卡号和姓名需要重新填写。",
    secret: "卡号和姓名用微信的公钥加密后直接发给微信，系统不保存，也不再显示。",
    send: "提交微信",
    question: "确认按以上信息改退吗？",
    back: "返回退款",
};

const EN: Words = Words {
    title: "Abnormal refund",
    intro: "Refund {number} of {amount}. The bank did not take the money: choose where it goes instead.",
    not_possible: "This refund is not abnormal now and cannot be sent elsewhere.",
    barred: "A second person had to agree to this refund: somebody other than the one who asked for it, with the role to approve, must send it elsewhere.",
    to: "Send it to",
    to_card: "Another bank card of the buyer",
    to_card_hint: "A debit card in the buyer's own name.",
    to_merchant: "The merchant's settlement account",
    to_merchant_hint: "Pay the buyer another way then, and note how it was dealt with.",
    to_missing: "Choose where it goes.",
    bank: "Bank",
    bank_choose: "Choose",
    bank_missing: "Choose the bank.",
    account: "Card number",
    account_wrong: "A card number has 12 to 30 digits. Number and name must be typed again, as they are not kept.",
    holder: "Holder's name",
    holder_wrong: "The holder's name has 1 to 60 characters. Number and name must be typed again, as they are not kept.",
    secret: "Number and name go to WeChat, encrypted with its key. They are not kept and never shown again.",
    send: "Send to WeChat",
    question: "Send the money there?",
    back: "Back to the refund",
};

impl Words {
    /// The words of a language.
    pub(crate) const fn of(language: Language) -> &'static Self {
        language.of(&ZH, &EN)
    }
}
