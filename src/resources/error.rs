//! Why a resource could not be read.

use thiserror::Error;

use crate::Excerpt;
use crate::api::ApiError;

/// Why a resource could not be read.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ResourceError {
    /// The service refused, or could not be reached.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The event has no `AuditUri`.
    #[error("the event names no audit record")]
    NoAuditRecord,
    /// The event has no `ResourceUri`.
    #[error("the event names no resource (its audit record may tell more)")]
    NoResource,
    /// The resource is on a host that wants another token, for which no provider was given.
    #[error("the resource is read from {host}, for which there is no token provider")]
    NoTokenProvider {
        /// Whose host it is.
        host: &'static str,
    },
    /// Transfer events name the customer, and the transfer at best in their audit id.
    #[error(
        "the event is about a transfer and does not say which (neither its resource nor its audit record has an id)"
    )]
    NoTransferId,
    /// The URI is not one that a token may be sent to.
    #[error(
        "`{uri}` is not called (expected a documented path on the host of the cloud's API, and no user, fragment or \
         percent-encoding)"
    )]
    NotAllowed {
        /// The URI in the event.
        uri: Excerpt,
    },
}
