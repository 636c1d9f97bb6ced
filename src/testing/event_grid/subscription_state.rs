//! The state of an event subscription, and why a handshake failed.

use std::fmt;

use thiserror::Error;

use crate::excerpt::Excerpt;
use crate::http_client::HttpClientError;

/// The state of an event subscription after its handshake: the `provisioningState` of Azure Resource Manager, which is also
/// the `Display` form.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SubscriptionState {
    /// The endpoint responded 200 without consent. A call to the confirmation URL within ten minutes consents.
    AwaitingManualAction,
    /// The endpoint refused, or the confirmation URL was not called in time.
    Failed(HandshakeFailure),
    /// The endpoint consented.
    Succeeded,
}

impl fmt::Display for SubscriptionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AwaitingManualAction => f.write_str("AwaitingManualAction"),
            Self::Failed(failure) => write!(f, "Failed: {failure}"),
            Self::Succeeded => f.write_str("Succeeded"),
        }
    }
}

/// Why a handshake failed.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum HandshakeFailure {
    /// The response contains another validation code.
    #[error("`validationResponse` is `{found}` (expected the `validationCode` that was sent)")]
    Code {
        /// The code in the response.
        found: Excerpt,
    },
    /// Ten minutes passed without confirmation.
    #[error("the confirmation URL was not called within 10 minutes")]
    Expired,
    /// There was no response in time.
    #[error("the handshake had no response: {0}")]
    NoResponse(#[source] HttpClientError),
    /// The response allows another origin.
    #[error("`WebHook-Allowed-Origin` is `{found}` (expected `{expected}` or `*`)")]
    Origin {
        /// The origin in the response.
        found: Excerpt,
        /// The origin of the request.
        expected: Excerpt,
    },
    /// The request asked for a rate, and the response does not grant one.
    #[error("`WebHook-Allowed-Rate` is `{found}` (expected a number above 0, or `*`)")]
    Rate {
        /// The rate in the response.
        found: Excerpt,
    },
    /// Only 200 is a success.
    #[error("the handshake response has status {found} (expected 200)")]
    Status {
        /// The status.
        found: u16,
    },
}
