//! Words of the pages that say what went wrong, and what to do now.

use crate::console::language::Language;

/// One such page.
pub(crate) struct Words {
    pub(crate) title: &'static str,
    pub(crate) detail: &'static str,
    pub(crate) next: &'static str,
}

/// All of them.
pub(crate) struct All {
    pub(crate) forbidden: Words,
    pub(crate) not_found: Words,
    pub(crate) stale: Words,
    pub(crate) signed_out: Words,
    pub(crate) refused: Words,
    pub(crate) too_many: Words,
    pub(crate) too_large: Words,
    pub(crate) not_known: Words,
    pub(crate) unavailable: Words,
    pub(crate) full: Words,
    pub(crate) internal: Words,
    pub(crate) link_dead: Words,
}

const ZH: All = All {
    forbidden: Words {
        title: "没有权限",
        detail: "你的角色不能进行这项操作，没有任何改动。",
        next: "如有需要，请联系管理员。",
    },
    not_found: Words {
        title: "没有找到",
        detail: "这个地址没有内容，或不在你可见的商户范围内。",
        next: "请核对单号，或从列表中打开。",
    },
    stale: Words {
        title: "页面已过期",
        detail: "这个表单不是当前登录的页面发出的，没有任何改动。",
        next: "请返回，刷新页面后再提交。",
    },
    signed_out: Words {
        title: "登录已失效",
        detail: "登录已过期或已被退出，刚才的操作没有执行。",
        next: "请重新登录后再试。",
    },
    refused: Words {
        title: "没有执行",
        detail: "提交的内容不能使用，没有任何改动。",
        next: "请返回修改后再提交。",
    },
    too_many: Words {
        title: "请稍后再试",
        detail: "短时间内尝试次数过多。",
        next: "请等一分钟再试。",
    },
    too_large: Words {
        title: "内容过大",
        detail: "提交的内容超过上限，没有任何改动。",
        next: "请减少内容后再提交。",
    },
    not_known: Words {
        title: "结果尚不确定",
        detail: "操作没有在限定时间内得到答复，可能已经执行。请不要重新提交。",
        next: "请先在列表或详情页查看结果。",
    },
    unavailable: Words {
        title: "暂时无法处理",
        detail: "数据库暂时没有响应。如果是提交操作，结果可能尚不确定。",
        next: "请稍后刷新，先查看结果，再决定是否重试。",
    },
    full: Words {
        title: "磁盘已满",
        detail: "没有写入任何内容。",
        next: "请联系管理员清理磁盘后再试。",
    },
    internal: Words {
        title: "程序出错",
        detail: "这是 Tuikuan 的问题，已记入日志。",
        next: "如果是提交操作，请先查看结果，再决定是否重试。",
    },
    link_dead: Words {
        title: "链接已失效",
        detail: "这个链接已使用过、已过期，或不完整。",
        next: "请管理员重新生成一个链接。",
    },
};

const EN: All = All {
    forbidden: Words {
        title: "Not allowed",
        detail: "Your role does not allow this. Nothing was changed.",
        next: "Ask an administrator if you need it.",
    },
    not_found: Words {
        title: "Nothing here",
        detail: "There is nothing at this address, or it belongs to a merchant you do not see.",
        next: "Check the number, or open it from a list.",
    },
    stale: Words {
        title: "This page is out of date",
        detail: "The form did not come from a page of this session. Nothing was changed.",
        next: "Go back, reload the page, and send it again.",
    },
    signed_out: Words {
        title: "Your session has ended",
        detail: "It has expired or was ended. What you just sent was not carried out.",
        next: "Sign in again, then repeat it.",
    },
    refused: Words {
        title: "Not done",
        detail: "What was sent cannot be used. Nothing was changed.",
        next: "Go back, correct it, and send it again.",
    },
    too_many: Words {
        title: "Try again later",
        detail: "There were too many tries in a short time.",
        next: "Wait a minute.",
    },
    too_large: Words {
        title: "Too large",
        detail: "What was sent is larger than allowed. Nothing was changed.",
        next: "Send less at once.",
    },
    not_known: Words {
        title: "Not known yet",
        detail: "There was no answer in time; it may have been carried out. Do not submit it again.",
        next: "Look at the list or the record first.",
    },
    unavailable: Words {
        title: "Not now",
        detail: "The database does not answer at the moment. If you sent something, its result is not known yet.",
        next: "Reload in a while and look at the result before you repeat anything.",
    },
    full: Words {
        title: "The disk is full",
        detail: "Nothing was written.",
        next: "An administrator must make room first.",
    },
    internal: Words {
        title: "Something went wrong",
        detail: "This is a fault of Tuikuan and is in its log.",
        next: "If you sent something, look at the result before you repeat it.",
    },
    link_dead: Words {
        title: "This link is no longer good",
        detail: "It was used, has expired, or is incomplete.",
        next: "Ask an administrator for a new one.",
    },
};

impl All {
    /// The words of a language.
    pub(crate) const fn of(language: Language) -> &'static Self {
        language.of(&ZH, &EN)
    }
}
