//! A family of services: its headers, and the causes of its refusals.

use http::{HeaderName, StatusCode};

/// What differs between Microsoft's services: each client has a `static` of this type.
///
/// The rest is the same for all: retries, deadlines, redaction, and how a response is read.
#[derive(Debug)]
pub(crate) struct Service {
    /// Header for our request id, which all attempts of a call share.
    pub(crate) request_id: HeaderName,
    /// Header for the service's request id.
    pub(crate) request_id_received: HeaderName,
    /// Header for our correlation id, which differs for each attempt and is returned. Not every service has it.
    pub(crate) correlation_id: Option<HeaderName>,
    /// Causes that the service names by a code.
    pub(crate) causes: &'static [KnownCause],
    /// Advice for a status without a known cause.
    pub(crate) general_advice: fn(StatusCode) -> &'static str,
    /// Whether a code in JSON comes from the service, rather than from a gateway or front end. Arguments: the code, and
    /// whether it is inside an object `error`.
    pub(crate) is_own_code: fn(&str, bool) -> bool,
    /// Whether 404 with this code means that the resource does not exist.
    pub(crate) is_not_found: fn(&str) -> bool,
    /// Whether 404 without a body means that too, if the response has the service's own ids.
    pub(crate) empty_is_not_found: bool,
}

impl Service {
    /// The advice for a redirect.
    pub(crate) const REDIRECT: &str =
        "redirects are not followed, because the token would be sent along";

    /// The known cause with this code, in any ASCII case.
    ///
    /// Codes come in different cases from front ends of the same service.
    pub(super) fn cause(&self, code: &str) -> Option<&'static KnownCause> {
        let mut causes = self.causes.iter();
        causes.find(|cause| cause.code.eq_ignore_ascii_case(code))
    }
}

/// A cause that a service names by a code.
#[derive(Debug)]
pub(crate) struct KnownCause {
    /// The code in the response.
    pub(crate) code: &'static str,
    /// What an operator can do about it.
    pub(crate) advice: &'static str,
    /// Whether another token from the same credentials may be accepted.
    pub(crate) another_token_helps: bool,
}

impl KnownCause {
    /// A cause that stays with any token of the same credentials.
    pub(crate) const fn new(code: &'static str, advice: &'static str) -> Self {
        Self { code, advice, another_token_helps: false }
    }

    /// A cause that another token removes.
    pub(crate) const fn of_this_token(code: &'static str, advice: &'static str) -> Self {
        Self { code, advice, another_token_helps: true }
    }
}
