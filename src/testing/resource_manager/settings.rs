//! The settings of the fake.

use serde_json::Value;

/// The settings of a [`ResourceManager`](super::ResourceManager).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// How many polls an operation is in progress for. Default: 1.
    pub polls: usize,
    /// The error with which the next accepted operation fails: `{"code", "message", …}`. Default: none.
    pub failure: Option<Value>,
    /// Whether deletions name their operation in `Location` only. Default: false, they send `Azure-AsyncOperation` too.
    pub location_only: bool,
    /// Whether writes and deletions do not name their operation. Default: false, they send `Azure-AsyncOperation`.
    pub no_operation: bool,
    /// The `Retry-After` of operations in progress. Default: none, as recorded.
    pub retry_after: Option<String>,
    /// The number of resources on a page without `$top`. Default: 20.
    pub page_size: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            polls: 1,
            failure: None,
            location_only: false,
            no_operation: false,
            retry_after: None,
            page_size: 20,
        }
    }
}
