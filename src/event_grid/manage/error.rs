//! Why something is not as it was asked for.

use std::time::Duration;

use thiserror::Error;

use super::kind::LONGEST_MESSAGE;
use crate::api::{ApiError, RefusalDetail};
use crate::excerpt::Excerpt;
use crate::http_client::transience::is_transient_code;

/// Why an operation on a resource failed.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ManagementError {
    /// The service refused, or could not be reached.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// What was to be sent could not be written as JSON.
    #[error("{operation}: it cannot be written as JSON: {reason}")]
    Body {
        /// What was asked for.
        operation: &'static str,
        /// Why.
        reason: Box<str>,
    },
    /// A page of a list comes again.
    #[error("{operation}: the list goes in circles")]
    Circular {
        /// What was asked for.
        operation: &'static str,
    },
    /// The service sent on to another host, which was not asked: the token would have gone along.
    #[error(
        "{operation}: the service sent on to `{found}`, which is not its own host (nothing was sent there)"
    )]
    ForeignUrl {
        /// What was asked for.
        operation: &'static str,
        /// Where to.
        found: Excerpt,
    },
    /// The service accepted the operation, and it failed later.
    #[error("{operation}: {id} {}", .failure)]
    Failed {
        /// What was asked for.
        operation: &'static str,
        /// The resource.
        id: Box<str>,
        /// How, and why.
        failure: Box<OperationFailure>,
    },
    /// It was written, or was to be changed, and is not there.
    #[error("{operation}: {id} does not exist")]
    Missing {
        /// What was asked for.
        operation: &'static str,
        /// The resource.
        id: Box<str>,
    },
    /// The service was still at it when time was up, or wants to be asked again only after that, in which case the rest of
    /// the time is not waited for. It may yet succeed.
    #[error(
        "{operation}: {id} is not finished after {} s of {} s, last it was `{last}`{}",
        waited.as_secs(),
        deadline.as_secs(),
        retry_after.map_or(String::new(), |wait| format!("; try again in {} s", wait.as_secs()))
    )]
    NotFinished {
        /// What was asked for.
        operation: &'static str,
        /// The resource.
        id: Box<str>,
        /// How long was waited.
        waited: Duration,
        /// How long there was to wait.
        deadline: Duration,
        /// When the service wants to be asked again, if it said so.
        retry_after: Option<Duration>,
        /// What the service said last.
        last: Excerpt,
    },
    /// A list does not end.
    #[error("{operation}: the list has more than {limit} pages")]
    TooManyPages {
        /// What was asked for.
        operation: &'static str,
        /// How many were read.
        limit: usize,
    },
    /// It was refused here, for the service would have refused it, or understood it otherwise.
    #[error(transparent)]
    InvalidResource(#[from] InvalidResource),
}

impl ManagementError {
    /// The call that failed, if one did.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }

    /// Whether trying again later may help, without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Api(error) => error.is_transient(),
            Self::Failed { failure, .. } => failure.is_transient(),
            Self::NotFinished { .. } => true,
            _ => false,
        }
    }
}

/// How an operation ended that the service had accepted.
#[derive(Clone, Debug, Error)]
#[error(
    "ended as `{status}`{}{}{}",
    .code.as_ref().map_or(String::new(), |code| format!(" with code {code}")),
    .message.as_ref().map_or(String::new(), |message| format!(": {message}")),
    .details.iter().map(shown).collect::<String>()
)]
#[non_exhaustive]
pub struct OperationFailure {
    /// `Failed` or `Canceled`.
    pub status: Excerpt,
    /// The service's code, such as `URL validation`.
    pub code: Option<Excerpt>,
    /// What it says about it.
    pub message: Option<Excerpt>,
    /// What it says in particular.
    pub details: Vec<RefusalDetail>,
}

impl OperationFailure {
    /// Whether the same operation may succeed later, without anybody changing anything: if all codes that are given name the
    /// service's own trouble, such as `Internal error`.
    pub fn is_transient(&self) -> bool {
        let details = self
            .details
            .iter()
            .filter_map(|detail| detail.code.as_ref());
        let mut codes = self.code.iter().chain(details).peekable();
        codes.peek().is_some() && codes.all(|code| is_transient_code(&code.to_string()))
    }
}

fn shown(detail: &RefusalDetail) -> String {
    let part = |part: &Option<Excerpt>| part.as_ref().map_or(String::new(), Excerpt::to_string);
    format!(" [{} {}]", part(&detail.code), part(&detail.message))
}

/// What is not fit to be written.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum InvalidResource {
    /// The message for activation is too long.
    #[error(
        "the message for activation has {length} characters (expected {} at most)",
        LONGEST_MESSAGE
    )]
    Message {
        /// Its length in characters.
        length: usize,
    },
    /// The routing mode of a namespace is not said. It cannot be changed later, and clients differ in what they take for
    /// granted.
    #[error(
        "`partnerTopicRoutingMode` is not said (expected `ChannelNameHeader` or `SourceEventAttribute`)"
    )]
    RoutingMode,
    /// The URL of a web hook is not an absolute https URL, and Event Grid delivers to no other.
    #[error(
        "the web hook's URL is `{found}` (expected an absolute URL: `https://`, a host, perhaps a port, and no user; plain http \
         on a loopback address only with `danger_plain_http_on_loopback`)"
    )]
    WebHookUrl {
        /// The URL, with its path and the names of its query members, and without their values.
        found: Excerpt,
    },
}
