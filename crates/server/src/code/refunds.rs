//! What acts on refunds refuse, beyond the first codes.

use super::{Code, code};

impl Code {
    /// One at a time.
    pub const ELSEWHERE_UNDER_WAY: Self = code(
        "elsewhere_under_way",
        409,
        "The refund was sent elsewhere a moment ago",
        "WeChat has not said yet what became of it. Read the refund in a minute.",
    );
}
