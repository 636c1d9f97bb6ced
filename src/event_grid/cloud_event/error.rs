//! Why something is no CloudEvent.

use thiserror::Error;

use crate::excerpt::Excerpt;
use crate::json::DEPTH_LIMIT;

/// Why something is no event of CloudEvents 1.0, or may not be written as one.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum CloudEventError {
    /// An attribute has a value that it cannot have.
    #[error("attribute `{name}` is `{found}` (expected {expected})")]
    Attribute {
        /// The attribute.
        name: Excerpt,
        /// Its value.
        found: Excerpt,
        /// What may be there.
        expected: &'static str,
    },
    /// A member occurs twice.
    #[error("member `{member}` occurs more than once")]
    DuplicateMember {
        /// The member.
        member: Excerpt,
    },
    /// An extension has a name that none may have.
    #[error(
        "`{name}` is no name of an extension (expected lower-case letters and digits, and no name that CloudEvents has given)"
    )]
    ExtensionName {
        /// The name.
        name: Excerpt,
    },
    /// A required attribute is missing or null.
    #[error("attribute `{name}` is missing")]
    Missing {
        /// The attribute.
        name: &'static str,
    },
    /// It is JSON, but neither an object nor, where there may be many events, an array of objects.
    #[error("the event is {found} (expected an object)")]
    NotAnObject {
        /// The JSON type.
        found: &'static str,
    },
    /// It is not JSON.
    #[error("the event is not JSON: {reason}")]
    Syntax {
        /// What the JSON reader or writer says of it.
        reason: Excerpt,
    },
    /// Its data nests more objects and arrays than JSON readers accept in a batch.
    #[error("the data nests too deeply (expected at most {DATA_DEPTH_LIMIT} levels)")]
    TooDeep,
    /// It has data twice.
    #[error("`data` and `data_base64` are both present (expected one of them at most)")]
    TwoData,
}

impl CloudEventError {
    pub(in crate::event_grid) fn syntax(error: &serde_json::Error) -> Self {
        Self::Syntax {
            reason: Excerpt::of(error.to_string()),
        }
    }
}

/// Levels of objects and arrays in data. Event and batch around it are two more, and a reader that refuses one event for its
/// depth refuses all of the batch.
pub(super) const DATA_DEPTH_LIMIT: usize = DEPTH_LIMIT - 2;
