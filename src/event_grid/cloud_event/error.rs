//! Why a value is not a valid CloudEvent.

use thiserror::Error;

use crate::json::raw::DEPTH_LIMIT;
use crate::mask::Excerpt;

/// Why a value is not an event of CloudEvents 1.0, or cannot be serialized as one.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum CloudEventError {
    /// The value of an attribute is invalid.
    #[error("attribute `{name}` is `{found}` (expected {expected})")]
    Attribute {
        /// The attribute.
        name: Excerpt,
        /// Its value.
        found: Excerpt,
        /// The valid values.
        expected: &'static str,
    },
    /// A member occurs more than once.
    #[error("member `{member}` occurs more than once")]
    DuplicateMember {
        /// The member.
        member: Excerpt,
    },
    /// The name of an extension is invalid or reserved.
    #[error(
        "`{name}` is not an extension name (expected lower-case letters and digits, and not an attribute of CloudEvents)"
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
    /// The JSON is neither an object nor, for a batch, an array of objects.
    #[error("the event is {found} (expected an object)")]
    NotAnObject {
        /// The JSON type.
        found: &'static str,
    },
    /// The event is not JSON.
    #[error("the event is not JSON: {reason}")]
    Syntax {
        /// The message of the JSON parser or serializer.
        reason: Excerpt,
    },
    /// The data nests deeper than JSON parsers accept in a batch.
    #[error("the data is nested too deeply (expected at most {DATA_DEPTH_LIMIT} levels)")]
    TooDeep,
    /// The event has both `data` and `data_base64`.
    #[error("`data` and `data_base64` are both present (expected at most one)")]
    TwoData,
}

impl CloudEventError {
    pub(in crate::event_grid) fn syntax(error: &serde_json::Error) -> Self {
        Self::Syntax { reason: Excerpt::of(error.to_string()) }
    }
}

/// Maximum levels of objects and arrays in data. The event and the batch add two, and a parser that refuses one event for its
/// depth refuses the whole batch.
pub(super) const DATA_DEPTH_LIMIT: usize = DEPTH_LIMIT - 2;
