//! Words of the page "My account".

use crate::console::language::Language;

/// The words.
pub(crate) struct Words {
    pub(crate) title: &'static str,
    pub(crate) person: &'static str,
    pub(crate) name: &'static str,
    pub(crate) role: &'static str,
    pub(crate) merchants: &'static str,
    pub(crate) all_merchants: &'static str,
    pub(crate) created: &'static str,
    pub(crate) language: &'static str,
    pub(crate) save: &'static str,
    pub(crate) password: &'static str,
    pub(crate) present_password: &'static str,
    pub(crate) present_wrong: &'static str,
    pub(crate) change_password: &'static str,
    pub(crate) second_factor: &'static str,
    pub(crate) factor_on: &'static str,
    pub(crate) factor_off: &'static str,
    pub(crate) factor_set: &'static str,
    pub(crate) factor_replace: &'static str,
    pub(crate) sessions: &'static str,
    pub(crate) begun: &'static str,
    pub(crate) seen: &'static str,
    pub(crate) address: &'static str,
    pub(crate) browser: &'static str,
    pub(crate) this_one: &'static str,
    pub(crate) end: &'static str,
}

const ZH: Words = Words {
    title: "我的账户",
    person: "账户",
    name: "用户名",
    role: "角色",
    merchants: "商户范围",
    all_merchants: "全部商户",
    created: "创建时间",
    language: "界面语言",
    save: "保存",
    password: "修改密码",
    present_password: "当前密码",
    present_wrong: "当前密码不正确。",
    change_password: "修改密码",
    second_factor: "动态验证码",
    factor_on: "已启用。登录时除密码外还需要动态验证码。",
    factor_off: "未启用。",
    factor_set: "启用动态验证码",
    factor_replace: "更换验证器",
    sessions: "登录的设备",
    begun: "登录时间",
    seen: "最近使用",
    address: "地址",
    browser: "浏览器",
    this_one: "当前设备",
    end: "退出",
};

const EN: Words = Words {
    title: "My account",
    person: "Account",
    name: "Name",
    role: "Role",
    merchants: "Merchants",
    all_merchants: "all merchants",
    created: "Created",
    language: "Language",
    save: "Save",
    password: "Change the password",
    present_password: "Present password",
    present_wrong: "The present password is wrong.",
    change_password: "Change the password",
    second_factor: "Second factor",
    factor_on: "Set up. Signing in takes a code besides the password.",
    factor_off: "Not set up.",
    factor_set: "Set up the second factor",
    factor_replace: "Replace the authenticator",
    sessions: "Where you are signed in",
    begun: "Signed in",
    seen: "Last used",
    address: "Address",
    browser: "Browser",
    this_one: "this browser",
    end: "Sign out",
};

impl Words {
    /// The words of a language.
    pub(crate) const fn of(language: Language) -> &'static Self {
        language.of(&ZH, &EN)
    }
}
