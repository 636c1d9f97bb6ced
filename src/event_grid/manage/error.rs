//! Errors of management operations.

use std::time::Duration;

use thiserror::Error;

use crate::api::{ApiError, RefusalDetail};
use crate::http_client::transience::is_transient_code;
use crate::mask::Excerpt;

/// Why an operation on a resource failed.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ManagementError {
    /// The service refused the call, or could not be reached.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The request body cannot be written as JSON.
    #[error("{operation}: the request body cannot be written as JSON: {reason}")]
    Body {
        /// The operation.
        operation: &'static str,
        /// The error of the JSON writer.
        reason: Box<str>,
    },
    /// A list links back to a page that was already read.
    #[error("{operation}: the list links back to a page that was already read")]
    Circular {
        /// The operation.
        operation: &'static str,
    },
    /// The service returned a URL on another host. It was not called, because the token would have been sent to it.
    #[error(
        "{operation}: the service returned the URL `{found}`, which is on another host (nothing was sent there)"
    )]
    ForeignUrl {
        /// The operation.
        operation: &'static str,
        /// The URL.
        found: Excerpt,
    },
    /// The service accepted the operation, and it failed later.
    #[error("{operation}: {id} {}", failure.text())]
    Failed {
        /// The operation.
        operation: &'static str,
        /// The resource.
        id: Box<str>,
        /// The status and the error of the operation.
        failure: Box<OperationFailure>,
    },
    /// The resource was not sent, because the service would refuse or misread it.
    #[error(transparent)]
    InvalidResource(#[from] InvalidResource),
    /// The resource does not exist: it was to be modified, or it was written and cannot be read.
    #[error("{operation}: {id} does not exist")]
    Missing {
        /// The operation.
        operation: &'static str,
        /// The resource.
        id: Box<str>,
    },
    /// The operation was still running at the deadline, or the service asked for a wait beyond it. It may still succeed.
    #[error(
        "{operation}: {id} was still `{last}` after {} s (deadline: {} s){}",
        waited.as_secs(),
        deadline.as_secs(),
        retry_after.map_or(String::new(), |wait| format!("; try again in {} s", wait.as_secs()))
    )]
    NotFinished {
        /// The operation.
        operation: &'static str,
        /// The resource.
        id: Box<str>,
        /// How long the client waited.
        waited: Duration,
        /// How long it would have waited at most.
        deadline: Duration,
        /// The wait that the service asked for, if any.
        retry_after: Option<Duration>,
        /// The last state that the service reported.
        last: Excerpt,
    },
    /// A list has too many pages.
    #[error("{operation}: the list has more than {limit} pages")]
    TooManyPages {
        /// The operation.
        operation: &'static str,
        /// How many pages were read.
        limit: usize,
    },
}

impl ManagementError {
    /// The call that failed, if one did.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }

    /// Whether a retry may succeed without any change.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Api(error) => error.is_transient(),
            Self::Failed { failure, .. } => failure.is_transient(),
            Self::NotFinished { .. } => true,
            _ => false,
        }
    }
}

/// The failure of an operation that the service had accepted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OperationFailure {
    /// `Failed` or `Canceled`.
    pub status: Excerpt,
    /// The service's code, such as `URL validation`.
    pub code: Option<Excerpt>,
    /// The service's message.
    pub message: Option<Excerpt>,
    /// The service's details.
    pub details: Vec<RefusalDetail>,
}

impl OperationFailure {
    /// Whether the same operation may succeed later: if there are codes, and all of them report an internal error of the
    /// service, such as `Internal error`.
    pub fn is_transient(&self) -> bool {
        let details = self.details.iter().filter_map(|detail| detail.code.as_ref());
        let mut codes = self.code.iter().chain(details).peekable();
        codes.peek().is_some() && codes.all(|code| is_transient_code(&code.to_string()))
    }

    /// The end of a sentence about the resource.
    fn text(&self) -> String {
        let show = |label: &str, part: &Option<Excerpt>| {
            part.as_ref().map_or(String::new(), |part| format!("{label}{part}"))
        };
        let detail =
            |it: &RefusalDetail| format!(" [{} {}]", show("", &it.code), show("", &it.message));
        let details: String = self.details.iter().map(detail).collect();
        let (code, message) = (show(", code ", &self.code), show(": ", &self.message));
        format!("ended with status `{}`{code}{message}{details}", self.status)
    }
}

/// Why a resource, or a part of its id, is invalid. Found before anything is sent.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum InvalidResource {
    /// The text is not an id of this resource type.
    #[error(
        "`{found}` is not the id of a {resource_type} (expected one that ends in `{expected}`)"
    )]
    Id {
        /// The resource type.
        resource_type: &'static str,
        /// The expected end.
        expected: Box<str>,
        /// The text.
        found: Excerpt,
    },
    /// The activation message of a channel is too long.
    #[error(
        "the activation message has {length} characters (expected at most {})",
        MAX_ACTIVATION_MESSAGE
    )]
    Message {
        /// Its length in characters.
        length: usize,
    },
    /// The text is not a valid name for this resource type.
    #[error(
        "`{found}` cannot name a {resource_type} (expected {shortest} to {longest} {characters})"
    )]
    Name {
        /// The resource type.
        resource_type: &'static str,
        /// The minimum length in characters.
        shortest: usize,
        /// The maximum length in characters.
        longest: usize,
        /// The valid characters.
        characters: &'static str,
        /// The text.
        found: Excerpt,
    },
    /// A namespace has no routing mode. It cannot be changed later, and Azure's own clients have different defaults.
    #[error(
        "`partnerTopicRoutingMode` is not set (expected `ChannelNameHeader` or `SourceEventAttribute`)"
    )]
    RoutingMode,
    /// The text is not a scope.
    #[error(
        "`{found}` is not a scope (expected an id that begins with a slash, without empty segments, dot segments or \
         characters that are special in a URL)"
    )]
    Scope {
        /// The text.
        found: Excerpt,
    },
    /// The text is not the id of an Azure subscription.
    #[error("`{found}` is not an Azure subscription id (expected a UUID)")]
    SubscriptionId {
        /// The text.
        found: Excerpt,
    },
    /// A webhook URL is not an absolute https URL. Event Grid delivers to no other.
    #[error(
        "the webhook URL is `{found}` (expected an absolute https URL with a host, an optional port and no user; plain \
         http only on a loopback address with `danger_plain_http_on_loopback`)"
    )]
    WebhookUrl {
        /// The URL without its secrets, see [`Excerpt::of_url`].
        found: Excerpt,
    },
}

/// In characters. Source: the service, which refuses longer ones with 400 and the code `InvalidRequest`.
pub(super) const MAX_ACTIVATION_MESSAGE: usize = 256;
