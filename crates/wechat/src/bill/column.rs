//! The columns of bills by name. WeChat's kinds and generations order them differently, and names
//! have changed over the years, so a column is never found by its position.

macro_rules! columns {
    ($(#[$doc:meta])* $kind:ident { $($(#[$note:meta])* $name:ident => $first:literal $(| $other:literal)*;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $kind {
            $($(#[$note])* #[doc = concat!("`", $first, "`.")] $name,)*
        }

        impl $kind {
            /// Every column.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name WeChat prints today.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $first,)* }
            }

            /// The column of a printed name, with the spelling that was found.
            #[must_use]
            pub fn find(text: &str) -> Option<(Self, &'static str)> {
                match text {
                    $($first => Some((Self::$name, $first)),
                      $($other => Some((Self::$name, $other)),)*)*
                    _ => None,
                }
            }
        }
    };
}

columns! {
    /// A column of the detail lines.
    Column {
        TradeTime => "交易时间";
        AppId => "公众账号ID" | "服务商的APPID" | "服务商APPID";
        MchId => "商户号" | "服务商的商户号" | "服务商商户号";
        SubMchId => "特约商户号" | "子商户号";
        DeviceInfo => "设备号";
        TransactionId => "微信订单号" | "微信支付订单号";
        OutTradeNo => "商户订单号";
        OpenId => "用户标识";
        TradeType => "交易类型";
        TradeState => "交易状态";
        Bank => "付款银行";
        Currency => "货币种类";
        Settlement => "应结订单金额";
        Coupon => "代金券金额" | "企业红包金额" | "代金券或立减优惠金额";
        RequestedAt => "退款申请时间";
        SucceededAt => "退款成功时间";
        RefundId => "微信退款单号" | "微信支付退款单号";
        OutRefundNo => "商户退款单号";
        Refund => "退款金额";
        CouponRefund => "充值券退款金额" | "企业红包退款金额" | "代金券或立减优惠退款金额";
        RefundType => "退款类型";
        RefundStatus => "退款状态";
        Goods => "商品名称";
        Attach => "商户数据包";
        Fee => "手续费";
        Rate => "费率";
        Total => "订单金额" | "总金额";
        Requested => "申请退款金额";
        RateNote => "费率备注";
        BookedAt => "记账时间";
        BusinessNo => "微信支付业务单号";
        FlowNo => "资金流水单号";
        BusinessName => "业务名称";
        BusinessType => "业务类型";
        Direction => "收支类型";
        Amount => "收支金额(元)" | "收支金额（元）" | "收支金额";
        Balance => "账户结余(元)" | "账户结余（元）" | "账户结余";
        Applicant => "资金变更提交申请人";
        Note => "备注";
        VoucherNo => "业务凭证号";
    }
}

columns! {
    /// A column of the summary line.
    Sum {
        Rows => "总交易单数";
        Settlement => "应结订单总金额";
        Refund => "退款总金额" | "总退款金额";
        CouponRefund => "充值券退款总金额" | "总企业红包退款金额" | "总代金券或立减优惠退款金额";
        Fee => "手续费总金额";
        Total => "订单总金额" | "总交易额";
        Requested => "申请退款总金额";
        FlowRows => "资金流水总笔数";
        Incomes => "收入笔数";
        Income => "收入金额" | "收入金额(元)" | "收入金额（元）";
        Expenses => "支出笔数";
        Expense => "支出金额" | "支出金额(元)" | "支出金额（元）";
    }
}

impl Column {
    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_found_by_its_name() {
        for (index, column) in Column::ALL.iter().enumerate() {
            assert_eq!(Column::find(column.name()), Some((*column, column.name())));
            assert_eq!(column.index(), index);
        }
        for sum in Sum::ALL {
            assert_eq!(Sum::find(sum.name()), Some((*sum, sum.name())));
        }
        assert_eq!(Column::find("交易时间 "), None);
        assert_eq!(Column::find("总金额"), Some((Column::Total, "总金额")));
    }
}
