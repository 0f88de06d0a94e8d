//! What batches refuse.

use super::{Code, code};

impl Code {
    /// No such batch, or not covered by the key.
    pub const BATCH_NOT_FOUND: Self = code(
        "batch_not_found",
        404,
        "There is no such batch",
        "Check the id, and that the key covers the batch's merchant.",
    );
    /// The file cannot be used.
    pub const BATCH_FILE_FAULTS: Self = code(
        "batch_file_faults",
        422,
        "The file cannot be used as it stands",
        "Nothing was kept. `faults` lists the first of each kind with line and column, `counts` counts all of them. Mend the file and send it again.",
    );
    /// The same file at the same time.
    pub const BATCH_BUSY: Self = code(
        "batch_busy",
        409,
        "The same file is being taken in already",
        "Wait for the other upload, then send it again: the same file is the same batch.",
    );
    /// Wrong state.
    pub const BATCH_WRONG_STATE: Self = code(
        "batch_wrong_state",
        409,
        "The batch's state does not allow this",
        "Read the batch; `state` says where it stands.",
    );
    /// Faulty lines.
    pub const BATCH_HAS_FAULTS: Self = code(
        "batch_has_faults",
        409,
        "Lines of the batch have faults",
        "Look at its lines with `filter=faults`. Mend the file, or submit with `faulty_lines` set to `leave_out`.",
    );
    /// Nothing to refund.
    pub const BATCH_EMPTY: Self = code(
        "batch_empty",
        409,
        "No line of the batch can be refunded",
        "Every line has a fault; look at its lines.",
    );
    /// The stored lines were altered.
    pub const BATCH_ALTERED: Self = code(
        "batch_altered",
        409,
        "The stored lines are not those that were checked",
        "Nothing is refunded. Somebody changed the database by other means; look into it before anything else.",
    );
}
