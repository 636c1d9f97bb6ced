//! Errors of actions.

use thiserror::Error;

use crate::chain::CertificatesError;
use crate::excerpt::Excerpt;
use crate::source::PrefixError;
use crate::testing::authority::IssuerError;

/// Why an action failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PartnerCenterError {
    /// The root cannot be an anchor.
    #[error(transparent)]
    Anchors(#[from] CertificatesError),
    /// A certificate or a signature could not be created.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    /// The base URL cannot be a prefix of certificate URLs.
    #[error(transparent)]
    Location(#[from] PrefixError),
    /// No delivery has this number.
    #[error("there is no delivery {number}")]
    NoDelivery {
        /// The number.
        number: usize,
    },
    /// There is no registration.
    #[error("no webhook URL is registered")]
    NoRegistration,
    /// The event is not registered.
    #[error("the event `{name}` is not registered (registered: {})", .registered.join(", "))]
    NotRegistered {
        /// The name of the event.
        name: Excerpt,
        /// The registered names.
        registered: Vec<String>,
    },
    /// The API refuses it.
    #[error("refused with status {status}: {body}")]
    Refused {
        /// The status.
        status: u16,
        /// An excerpt of the response body.
        body: Excerpt,
    },
}
