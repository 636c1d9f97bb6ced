//! How a family of services names what a support case asks for.

use http::{HeaderName, StatusCode};

/// The words of a service.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// Carries an id of ours, the same in all attempts of a call.
    pub(crate) request_id: HeaderName,
    /// Carries the service's own id of a request.
    pub(crate) request_id_received: HeaderName,
    /// Carries an id of ours, another one in each attempt, and comes back. Not every service has it.
    pub(crate) correlation_id: Option<HeaderName>,
    /// What an operator can do about a refusal of this status and code, where its own words do not say it.
    pub(crate) advice: fn(StatusCode, &str) -> &'static str,
}
